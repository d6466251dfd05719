//! What an account does on L2 through L1 alone: for who is censored, and for whom there is no sequencer any more. Rules: L1-MSG-4, L1-MSG-7,
//! L1-BATCH-7.
//!
//! The message goes into the queue; batches must take it within the forced-inclusion window, and once it is overdue this command appends the
//! batch that takes it, as anyone may. What became of it is asked of the sequencer, or derived from L1 where that does not answer.

mod include;

use std::time::Duration;

use alloy::{
    primitives::{Address, B256, Bytes, U256, utils::format_ether},
    rpc::types::Filter,
    sol_types::{SolCall, SolEvent},
};
use anyhow::{Context, ensure};
pub use include::append_forced;
use serde_json::{Value, json};
use tandem_chain::{Message, message::VALUE_ALL};
use tandem_evm::{DepositTransaction, Transaction, predeploys};
use tandem_l1::bindings::{Bridge, Inbox};
use tandem_service::Report;

use super::{
    amount::units,
    recipient::{check_payee, check_recipient},
    source::{Executed, Source},
};
use crate::{chain::Ground, contracts::L2Bridge, wallet::Call};

/// L2 gas of a withdrawal of ether: more than twice what the bridge predeploy takes for the dearest message.
const WITHDRAW_GAS: u64 = 400_000;
/// How long the sequencer may take to tell what it must have executed, before L1 is asked.
const SEQUENCER_PATIENCE: Duration = Duration::from_secs(20);

/// How a message is followed.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct ForceFlags {
    /// Go on with a message that was sent already, by its index in the queue, instead of sending another
    #[arg(long)]
    pub message: Option<u64>,
    /// Derive what became of it from L1 instead of asking the sequencer
    #[arg(long)]
    pub from_l1: bool,
}

/// A call to force, as a person writes it.
#[derive(Clone, Debug)]
pub struct ForcedCall {
    /// Address that is called on L2
    pub to: Address,
    /// Input of the call, in hex
    pub data: Bytes,
    /// Ether passed on: an amount or `all`.
    pub value: Option<String>,
    /// Ether that is brought along from L1
    pub mint: Option<String>,
    /// Who gets that if the call fails.
    pub refund: Option<Address>,
    /// L2 gas that the call may use
    pub gas_limit: u64,
}

/// A message in the queue.
#[derive(Clone, Debug)]
struct Queued {
    index: u64,
    message: Message,
}

/// Withdraws ether from L2 to L1.
pub async fn withdraw(
    ground: &Ground,
    amount: Option<&str>,
    to: Option<Address>,
    flags: ForceFlags,
    report: Report,
) -> anyhow::Result<Value> {
    let account = ground.l1_wallet().await?.address();
    let to = to.unwrap_or(account);
    check_payee(&ground.deployment, to)?;
    let value = amount.map_or(Ok(VALUE_ALL), |amount| units(amount, 18))?;
    let call = Bridge::sendMessageCall {
        to: predeploys::L2_BRIDGE,
        value,
        gasLimit: WITHDRAW_GAS,
        refund: account,
        data: L2Bridge::withdrawETHCall { to }.abi_encode().into(),
    };
    let (queued, executed) = run(ground, call, U256::ZERO, flags, report).await?;
    let Queued { index, message } = queued;
    let reason = match message.value {
        VALUE_ALL => "the account has nothing on L2".into(),
        value => {
            format!("the account has less than {} ether on L2; without an amount everything goes", format_ether(value))
        }
    };
    ensure!(executed.succeeded, "message {index} is executed and withdrew nothing: {reason}");
    let sent = executed.sent.first().context("the message withdrew nothing")?;
    report.progress(format_args!(
        "{} ether are on their way as message {n}: `tandem bridge claim {n}` pays them out once the output is final (`--from-l1` without a sequencer; \
         where nobody claims outputs any more, run `tandem-prover` with a key of your own)",
        format_ether(sent.value),
        n = sent.index
    ));
    Ok(json!({
        "queueIndex": index,
        "message": sent.index,
        "to": sent.target,
        "wei": sent.value.to_string(),
    }))
}

/// Calls a contract on L2.
pub async fn call(ground: &Ground, call: ForcedCall, flags: ForceFlags, report: Report) -> anyhow::Result<Value> {
    let account = ground.l1_wallet().await?.address();
    let wei = |amount: Option<&str>| amount.map_or(Ok(U256::ZERO), |amount| units(amount, 18));
    let value = if call.value.as_deref() == Some("all") { VALUE_ALL } else { wei(call.value.as_deref())? };
    let mint = wei(call.mint.as_deref())?;
    let refund = call.refund.unwrap_or(account);
    check_recipient(&ground.deployment, refund)?;
    let message = Bridge::sendMessageCall { to: call.to, value, gasLimit: call.gas_limit, refund, data: call.data };
    let (Queued { index, .. }, executed) = run(ground, message, mint, flags, report).await?;
    ensure!(
        executed.succeeded,
        "message {index} is executed and its call failed: {refund} has what was brought along, and the account what it had"
    );
    let sent: Vec<u64> = executed.sent.iter().map(|message| message.index).collect();
    report.progress(format_args!("message {index} is executed"));
    Ok(json!({ "queueIndex": index, "messages": sent }))
}

/// Sends the message, or finds the one to go on with, and follows it to its end.
async fn run(
    ground: &Ground,
    call: Bridge::sendMessageCall,
    mint: U256,
    flags: ForceFlags,
    report: Report,
) -> anyhow::Result<(Queued, Executed)> {
    let wallet = ground.l1_wallet().await?;
    let index = match flags.message {
        Some(index) => index,
        None => {
            let bridge = ground.deployment.chain.bridge;
            let receipt = wallet.send(Call::new(bridge, call.abi_encode()).value(mint)).await?;
            let logs = receipt.logs().iter().filter(|log| log.address() == ground.deployment.chain.inbox);
            let mut events = logs.filter_map(|log| Inbox::MessageEnqueued::decode_log(&log.inner).ok());
            events.next().context("the transaction enqueued no message")?.index
        }
    };
    let queued = Queued { index, message: find(ground, index).await? };
    let inbox = Inbox::new(ground.deployment.chain.inbox, ground.l1.provider());
    let window_s = inbox.forcedInclusionWindowSeconds().call().await?;
    report.progress(format_args!(
        "message {index} is in the queue; a batch must take it within {window_s} s, or this command appends one (goes on later with --message {index})"
    ));
    include::until_consumed(ground, &wallet, index, report).await?;
    let executed = outcome(ground, &queued, flags.from_l1, report).await?;
    Ok((queued, executed))
}

/// A message of the queue, as L1 has it.
async fn find(ground: &Ground, index: u64) -> anyhow::Result<Message> {
    let filter = Filter::new()
        .address(ground.deployment.chain.inbox)
        .event_signature(Inbox::MessageEnqueued::SIGNATURE_HASH)
        .topic1(B256::from(U256::from(index)))
        .from_block(ground.deployment.start_block);
    let logs = ground.l1.logs(&filter).await?;
    let event = logs.first().with_context(|| format!("there is no message {index} in the queue"))?;
    Ok(Message::decode(&Inbox::MessageEnqueued::decode_log(&event.inner)?.message)?)
}

/// What became of a message that a batch has consumed.
async fn outcome(ground: &Ground, queued: &Queued, from_l1: bool, report: Report) -> anyhow::Result<Executed> {
    let transaction = Transaction::Deposit(DepositTransaction::from_message(queued.index, &queued.message)).hash();
    let source = Source::open(ground, from_l1, report).await?;
    if let Source::Sequencer(_) = &source {
        let told = || async { source.executed(ground, transaction).await };
        match ground.wait_for(SEQUENCER_PATIENCE, "the sequencer tells what became of the message", told).await {
            Ok(executed) => return Ok(executed),
            Err(error) => report.progress(format_args!("{error:#}: deriving the chain from L1")),
        }
    }
    let source = match source {
        Source::Sequencer(_) => Source::open(ground, true, report).await?,
        derived => derived,
    };
    let derived = source.executed(ground, transaction).await?;
    derived.with_context(|| format!("no block has message {}, although a batch consumed it", queued.index))
}
