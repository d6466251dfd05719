//! `tandem escape`: ends a payments chain whose messages stay unproven, and gets everybody's money out of it, with L1 alone. Rules: PAY-FREEZE, PAY-ESCAPE.
//!
//! Whoever runs it pays the gas; the money goes to its owners, or where an owner's own key says. What is out already is told and left alone, so that every command can be repeated.
//! Adversarial: owners and tokens. Whoever does not let himself be paid stands in nobody's way.

use alloy::{primitives::Address, sol_types::SolCall};
use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tandem_l1::{
    bindings::{Inbox, PaymentsBridge, ValiditySettlement, payments::Leaf},
    payments::rebuild,
};
use tandem_payments::{data::Message, field::integer, leaf::Leaf as StateLeaf};
use tandem_service::Report;

use super::{LOG_BLOCKS_MAX, check_payments, history, token_name};
use crate::{
    bridge::{outcomes::PAYOUT_GAS_MAX, recipient::check_payee},
    chain::{ChainFlags, Ground},
    wallet::{Call, Wallet},
};

/// Calls that are sent before any of them is waited for.
const CALLS_AT_ONCE: usize = 16;
/// Gas above which a leaf is not paid out: what its Merkle path takes, and what the payment may.
const EXIT_GAS_MAX: u64 = 700_000 + PAYOUT_GAS_MAX;
/// The same of a deposit.
const REFUND_GAS_MAX: u64 = 150_000 + PAYOUT_GAS_MAX;

/// Ways out of a payments chain.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum EscapeCommand {
    /// Ends the chain for good, once messages have been overdue for the whole escape delay; says when that is, if it is not yet
    Freeze,
    /// Pays out what accounts held in the last proven state of a frozen chain
    Exit(Whose),
    /// Gives back deposits that no batch of a frozen chain has taken
    Refund(Whose),
}

/// The flags that say whose money leaves.
#[derive(Clone, Debug, clap::Args)]
pub struct Whose {
    /// The account; the key's own if absent
    #[arg(long, conflicts_with = "all")]
    pub account: Option<Address>,
    /// Everybody's, each to its owner
    #[arg(long)]
    pub all: bool,
    /// Who is paid instead of the account, which must be the key's own
    #[arg(long, conflicts_with = "all")]
    pub to: Option<Address>,
}

/// Runs a `tandem escape` command.
pub async fn run(command: EscapeCommand, flags: &ChainFlags, report: Report) -> anyhow::Result<()> {
    let ground = Ground::open(flags).await?;
    check_payments(&ground, "tandem escape")?;
    let result = match command {
        EscapeCommand::Freeze => freeze(&ground, report).await?,
        EscapeCommand::Exit(whose) => exit(&ground, &whose, report).await?,
        EscapeCommand::Refund(whose) => refund(&ground, &whose, report).await?,
    };
    report.result(&result);
    Ok(())
}

/// Ends the chain, if it is time.
pub async fn freeze(ground: &Ground, report: Report) -> anyhow::Result<Value> {
    let settlement = ValiditySettlement::new(ground.deployment.chain.settlement, ground.l1.provider());
    if settlement.isFrozen().call().await? {
        report.progress("the chain is frozen already");
        return Ok(json!({ "frozenAt": settlement.frozenAt().call().await?, "alreadyFrozen": true }));
    }
    check_time(ground).await?;
    let wallet = ground.l1_wallet().await?;
    report.progress("freezing the chain; waiting for an L1 block");
    let call = ValiditySettlement::freezeCall {}.abi_encode();
    let receipt = wallet.send(Call::new(ground.deployment.chain.settlement, call)).await?;
    report.progress("now `tandem escape exit` and `tandem escape refund` pay out, and `tandem bridge claim` as ever");
    Ok(json!({
        "frozenAt": settlement.frozenAt().call().await?,
        "alreadyFrozen": false,
        "l1Transaction": receipt.transaction_hash,
    }))
}

/// Refuses before it is time, and says when that is.
async fn check_time(ground: &Ground) -> anyhow::Result<()> {
    let (chain, provider) = (&ground.deployment.chain, ground.l1.provider());
    let settlement = ValiditySettlement::new(chain.settlement, provider);
    let inbox = Inbox::new(chain.inbox, provider);
    let after = u64::try_from(settlement.freezableAt().call().await?)?;
    let window_s = inbox.forcedInclusionWindowSeconds().call().await?;
    let delay_s = settlement.escapeDelaySeconds().call().await?;
    ensure!(
        after != 0,
        "no message waits to be proven: queue one (`tandem bridge force-withdraw`); if it is not proven within {} s, the chain can be frozen",
        window_s.saturating_add(delay_s)
    );
    let now = ground.l1.latest().await?.timestamp;
    let left_s = after.saturating_add(1).saturating_sub(now);
    ensure!(
        now > after,
        "message {} has not been unproven for long enough: the chain can be frozen in {left_s} s, after {after} (seconds since 1970), unless a batch takes it before",
        inbox.queueConsumed().call().await?
    );
    Ok(())
}

/// Pays out leaves of the last state.
pub async fn exit(ground: &Ground, whose: &Whose, report: Report) -> anyhow::Result<Value> {
    let wallet = ground.l1_wallet().await?;
    let selection = whose.select(ground, &wallet).await?;
    report.progress("rebuilding the last state from L1");
    let chain = &ground.deployment.chain;
    let rebuilt = rebuild(&ground.l1, chain, ground.deployment.start_block, LOG_BLOCKS_MAX).await?;
    let ledger = &rebuilt.ledger;
    report.progress(format_args!("{} accounts' leaves after batch {}", ledger.leaves().count(), ledger.index()));
    let bridge = PaymentsBridge::new(chain.bridge, ground.l1.provider());
    let (mut exits, mut out_already) = (Vec::new(), 0u64);
    for (index, leaf) in ledger.leaves().filter(|(_, leaf)| leaf.balance != 0) {
        let account = leaf.key.address;
        if !selection.has(account) {
            continue;
        }
        if bridge.isEscaped(index).call().await? {
            out_already = out_already.saturating_add(1);
            continue;
        }
        let to = selection.payee(account);
        let call = PaymentsBridge::escapeCall { index, leaf: sol_leaf(leaf), siblings: ledger.siblings(index), to };
        exits.push(Payment {
            what: json!({
                "leaf": index,
                "account": account,
                "token": token_name(leaf.key.token),
                "amount": leaf.balance.to_string(),
                "to": to,
            }),
            input: call.abi_encode(),
        });
    }
    pay(ground, &wallet, exits, EXIT_GAS_MAX, out_already, report).await
}

/// Gives back deposits that no batch has taken.
pub async fn refund(ground: &Ground, whose: &Whose, report: Report) -> anyhow::Result<Value> {
    let wallet = ground.l1_wallet().await?;
    let selection = whose.select(ground, &wallet).await?;
    report.progress("reading the queue from L1");
    let history = history(ground).await?;
    let consumed = history.batches.last().map_or(0, |batch| batch.fields.queue_index);
    let bridge = PaymentsBridge::new(ground.deployment.chain.bridge, ground.l1.provider());
    let (mut refunds, mut out_already) = (Vec::new(), 0u64);
    for queued in history.messages.iter().filter(|queued| queued.index >= consumed) {
        let Message::Deposit { key, amount } = queued.message else { continue };
        let (index, account, token) = (queued.index, key.address, key.token);
        if !selection.has(account) {
            continue;
        }
        if bridge.isRefunded(index).call().await? {
            out_already = out_already.saturating_add(1);
            continue;
        }
        let to = selection.payee(account);
        refunds.push(Payment {
            what: json!({
                "message": index,
                "account": account,
                "token": token_name(token),
                "amount": amount.to_string(),
                "to": to,
            }),
            input: PaymentsBridge::refundDepositCall { index, account, token, amount, to }.abi_encode(),
        });
    }
    pay(ground, &wallet, refunds, REFUND_GAS_MAX, out_already, report).await
}

/// The accounts that are paid, and whom.
struct Selection {
    account: Option<Address>,
    to: Option<Address>,
}

impl Whose {
    /// Refuses what L1 would refuse for every payment: a chain that has not ended, another's money to somebody else.
    async fn select(&self, ground: &Ground, wallet: &Wallet) -> anyhow::Result<Selection> {
        let settlement = ValiditySettlement::new(ground.deployment.chain.settlement, ground.l1.provider());
        if !settlement.isFrozen().call().await? {
            check_time(ground).await?;
            bail!("the chain is not frozen: run `tandem escape freeze` first, it is time");
        }
        let account = if self.all { None } else { Some(self.account.unwrap_or(wallet.address())) };
        if let Some(to) = self.to {
            check_payee(&ground.deployment, to)?;
            ensure!(
                account == Some(wallet.address()),
                "an account alone can have its money paid to somebody else: leave --to out, or use its key"
            );
        }
        Ok(Selection { account, to: self.to })
    }
}

impl Selection {
    fn has(&self, account: Address) -> bool {
        self.account.is_none_or(|selected| selected == account)
    }

    fn payee(&self, account: Address) -> Address {
        self.to.unwrap_or(account)
    }
}

/// A payment to make, and what is told of it.
struct Payment {
    what: Value,
    input: Vec<u8>,
}

/// Makes all payments that L1 takes and that take no more gas than `gas_max`; an error at the end that names the others, which stand in nobody's way.
async fn pay(
    ground: &Ground,
    wallet: &Wallet,
    payments: Vec<Payment>,
    gas_max: u64,
    out_already: u64,
    report: Report,
) -> anyhow::Result<Value> {
    let bridge = ground.deployment.chain.bridge;
    let (mut paid, mut refused) = (Vec::new(), Vec::new());
    let all = payments.len();
    for some in payments.chunks(CALLS_AT_ONCE) {
        let calls = some.iter().map(|payment| Call::new(bridge, payment.input.clone())).collect();
        let outcomes = wallet.send_each(calls, gas_max).await;
        let outcomes = outcomes.with_context(|| format!("{} of {all} payments were made before", paid.len()))?;
        for (Payment { what, .. }, outcome) in some.iter().zip(outcomes) {
            match outcome {
                Ok(_) => paid.push(what.clone()),
                Err(error) => refused.push(format!("{what}: {error}")),
            }
        }
        report.progress(format_args!("{} of {all} paid", paid.len()));
    }
    ensure!(
        refused.is_empty(),
        "{} payments made, {} out before, {} not made (an owner whom L1 cannot pay can name another payee with --to): {}",
        paid.len(),
        out_already,
        refused.len(),
        refused.join("; ")
    );
    Ok(json!({ "paid": paid, "outAlready": out_already }))
}

/// A leaf as the Bridge takes it.
fn sol_leaf(leaf: &StateLeaf) -> Leaf {
    Leaf {
        account: leaf.key.address,
        token: leaf.key.token,
        nextAccount: leaf.next.address,
        nextToken: leaf.next.token,
        nonce: leaf.nonce,
        balance: leaf.balance,
        keyHash: integer(leaf.key_hash),
        sessionHash: integer(leaf.session_hash),
    }
}
