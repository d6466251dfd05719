//! L1 to L2: sends the deposit and waits until L2 has executed its message.

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
    rpc::types::TransactionReceipt,
    sol_types::{SolCall, SolEvent},
};
use anyhow::Context;
use serde_json::{Value, json};
use tandem_evm::predeploys;
use tandem_l1::bindings::{Bridge, Erc20, Inbox};
use tandem_service::Report;

use super::{
    amount::{decimals, units},
    recipient::check_recipient,
};
use crate::{
    chain::{Chain, RollupStatus},
    contracts::L2Bridge,
    wallet::{Call, Wallet},
};

/// Deposits ether, and waits until it is on L2.
pub async fn ether(chain: &Chain, amount: &str, to: Option<Address>, report: Report) -> anyhow::Result<Value> {
    let wei = units(amount, 18)?;
    let wallet = chain.l1_wallet().await?;
    let to = to.unwrap_or(wallet.address());
    check_recipient(&chain.deployment, to)?;
    report.progress(format_args!("depositing {wei} wei for {to}; waiting for an L1 block"));
    let call = Bridge::depositETHCall { to, refund: wallet.address() };
    let receipt = wallet.send(Call::new(chain.deployment.chain.bridge, call.abi_encode()).value(wei)).await?;
    let index = wait_for_l2(chain, &receipt, report).await?;
    let balance = chain.l2.request(chain.l2.provider().get_balance(to)).await?;
    Ok(json!({
        "l1Transaction": receipt.transaction_hash,
        "message": index,
        "to": to,
        "wei": wei.to_string(),
        "l2BalanceWei": balance.to_string(),
    }))
}

/// Tokens; approves them first if need be.
pub async fn tokens(
    chain: &Chain,
    token: Address,
    amount: &str,
    to: Option<Address>,
    report: Report,
) -> anyhow::Result<Value> {
    let units = units(amount, decimals(&chain.l1, token).await?)?;
    let wallet = chain.l1_wallet().await?;
    let (to, bridge) = (to.unwrap_or(wallet.address()), chain.deployment.chain.bridge);
    approve(&wallet, token, bridge, units, report).await?;
    report.progress(format_args!("depositing {units} units of {token} for {to}; waiting for an L1 block"));
    let call = Bridge::depositERC20Call { token, to, amount: units };
    let receipt = wallet.send(Call::new(bridge, call.abi_encode())).await?;
    let index = wait_for_l2(chain, &receipt, report).await?;
    let l2_bridge = L2Bridge::new(predeploys::L2_BRIDGE, chain.l2.provider());
    let l2_token = l2_bridge.bridgedToken(token).call().await?;
    let balance: U256 = Erc20::new(l2_token, chain.l2.provider()).balanceOf(to).call().await?;
    Ok(json!({
        "l1Transaction": receipt.transaction_hash,
        "message": index,
        "to": to,
        "units": units.to_string(),
        "l2Token": l2_token,
        "l2BalanceUnits": balance.to_string(),
    }))
}

/// Lets the Bridge take so many units of a token, if it may not already. Some tokens let nobody change what is left of an approval but to nothing, and
/// some refuse that.
pub(crate) async fn approve(
    wallet: &Wallet,
    token: Address,
    bridge: Address,
    units: U256,
    report: Report,
) -> anyhow::Result<()> {
    let left = Erc20::new(token, wallet.client().provider()).allowance(wallet.address(), bridge).call().await?;
    if left >= units {
        return Ok(());
    }
    report.progress("approving the Bridge; waiting for an L1 block");
    let approve = |value| Call::new(token, Erc20::approveCall { spender: bridge, value }.abi_encode());
    if !left.is_zero()
        && let Err(error) = wallet.send(approve(U256::ZERO)).await
        && !error.is_of_the_call()
    {
        return Err(error.into());
    }
    wallet.send(approve(units)).await?;
    Ok(())
}

/// Waits until L2 has executed the message that a transaction enqueued; its index.
async fn wait_for_l2(chain: &Chain, receipt: &TransactionReceipt, report: Report) -> anyhow::Result<u64> {
    let inbox = chain.deployment.chain.inbox;
    let mut events = receipt.logs().iter().filter(|log| log.address() == inbox);
    let event = events.find_map(|log| Inbox::MessageEnqueued::decode_log(&log.inner).ok());
    let index = event.context("the transaction enqueued no message")?.index;
    report.progress(format_args!(
        "L1 has it as message {index}; waiting until L2 executes it (a few L1 blocks; at most {} s)",
        chain.patience.as_secs()
    ));
    let executed = || async {
        let status: RollupStatus = chain.ask("rollup_status", json!([])).await?;
        Ok((status.queue_index > index).then_some(()))
    };
    chain.wait("L2 has executed the message", executed).await?;
    Ok(index)
}
