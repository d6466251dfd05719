//! L2 to L1: burns on L2 and names the message that `claim` takes to L1.

use alloy::{
    primitives::Address,
    rpc::types::TransactionReceipt,
    sol_types::{SolCall, SolEvent},
};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tandem_evm::predeploys;
use tandem_l1::bindings::Schedule;
use tandem_service::Report;

use super::{
    amount::{decimals, units},
    recipient::check_payee,
};
use crate::{
    chain::Chain,
    contracts::{L2Bridge, MessagePasser},
    wallet::Call,
};

/// Withdraws ether, and says by which message.
pub async fn ether(chain: &Chain, amount: &str, to: Option<Address>, report: Report) -> anyhow::Result<Value> {
    let wei = units(amount, 18)?;
    let wallet = chain.l2_wallet().await?;
    let to = to.unwrap_or(wallet.address());
    check_payee(&chain.deployment, to)?;
    report.progress(format_args!("withdrawing {wei} wei to {to}; waiting for an L2 block"));
    let call = L2Bridge::withdrawETHCall { to };
    let receipt = wallet.send(Call::new(predeploys::L2_BRIDGE, call.abi_encode()).value(wei)).await?;
    let mut result = sent(chain, &receipt, report).await?;
    result["wei"] = wei.to_string().into();
    Ok(result)
}

/// Tokens, named by their address on either chain.
pub async fn tokens(
    chain: &Chain,
    token: Address,
    amount: &str,
    to: Option<Address>,
    report: Report,
) -> anyhow::Result<Value> {
    let bridge = L2Bridge::new(predeploys::L2_BRIDGE, chain.l2.provider());
    let l2_token = match bridge.l1TokenOf(token).call().await?.is_zero() {
        true => bridge.bridgedToken(token).call().await?,
        false => token,
    };
    ensure!(!bridge.l1TokenOf(l2_token).call().await?.is_zero(), "{token} was never deposited: L2 has no such token");
    let units = units(amount, decimals(&chain.l2, l2_token).await?)?;
    let wallet = chain.l2_wallet().await?;
    let to = to.unwrap_or(wallet.address());
    check_payee(&chain.deployment, to)?;
    report.progress(format_args!("withdrawing {units} units of {l2_token} to {to}; waiting for an L2 block"));
    let call = L2Bridge::withdrawCall { l2Token: l2_token, to, amount: units };
    let receipt = wallet.send(Call::new(predeploys::L2_BRIDGE, call.abi_encode())).await?;
    let mut result = sent(chain, &receipt, report).await?;
    result["units"] = units.to_string().into();
    Ok(result)
}

async fn sent(chain: &Chain, receipt: &TransactionReceipt, report: Report) -> anyhow::Result<Value> {
    let mut events = receipt.logs().iter().filter(|log| log.address() == predeploys::MESSAGE_PASSER);
    let event = events.find_map(|log| MessagePasser::MessageSent::decode_log(&log.inner).ok());
    let index = event.context("the transaction sent no message")?.index;
    let schedule = Schedule::new(chain.deployment.schedule, chain.l1.provider());
    let window_s = schedule.activeEntry().call().await?.rules.claimWindowSeconds;
    report.progress(format_args!(
        "sent as message {index}; `tandem bridge claim {index}` takes it to L1 once its batch is posted, claimed, and {window_s} s have passed"
    ));
    Ok(json!({ "message": index, "l2Transaction": receipt.transaction_hash, "block": receipt.block_number }))
}
