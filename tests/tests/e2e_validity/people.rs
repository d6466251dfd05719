//! What people do and see on a payments chain, and the sums that must come out.

use alloy::primitives::{Address, U256};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tandem_l1::{
    bindings::{Erc20, PaymentsBridge},
    payments::rebuild,
};
use tandem_tests::{World, wait::wait_until};

/// What L1 pays of a withdrawal.
pub fn claimed(answer: &Value) -> anyhow::Result<u128> {
    let paid = answer["claimed"].as_array().context("a list of payments")?;
    let amounts = paid.iter().map(|payment| payment["amount"].as_str().unwrap_or_default().parse::<u128>());
    Ok(amounts.sum::<Result<_, _>>()?)
}

/// Units of a token that an account holds on L2.
pub async fn tokens(world: &World, account: Address) -> anyhow::Result<U256> {
    let mut data = vec![0x70, 0xa0, 0x82, 0x31];
    data.extend(account.into_word());
    let call = json!([{ "to": world.devnet.info.token, "data": alloy::hex::encode_prefixed(data) }, "latest"]);
    world.ask("eth_call", call).await
}

/// Waits until L1 has everything that the node has closed, and nothing of the queue waits.
pub async fn wait_until_proven(world: &World) -> anyhow::Result<()> {
    let proven = || async {
        let status: Value = world.ask("rollup_status", json!([])).await?;
        Ok((status["settled"] == status["latest"]["number"]).then_some(()))
    };
    wait_until("L1 has every closed batch", proven).await
}

/// The escrow equation, from L1 alone: what the Bridge holds is what leaves hold, and what waits in the queue or to be claimed.
pub async fn check_escrow(
    world: &World,
    unclaimed: &[(Address, u128)],
    queued: &[(Address, u128)],
) -> anyhow::Result<()> {
    let (devnet, token) = (&world.devnet, world.devnet.info.token);
    let chain = &devnet.deployment.chain;
    let rebuilt = rebuild(&devnet.l1, chain, devnet.deployment.start_block, 1_000).await?;
    let bridge = PaymentsBridge::new(chain.bridge, devnet.l1.provider());
    for asset in [Address::ZERO, token] {
        let leaves = rebuilt.ledger.leaves().filter(|(_, leaf)| leaf.key.token == asset);
        let held: u128 = leaves.map(|(_, leaf)| leaf.balance).sum();
        let outside: u128 = unclaimed.iter().chain(queued).filter(|(of, _)| *of == asset).map(|(_, sum)| sum).sum();
        let escrow = bridge.escrowOf(asset).call().await?;
        ensure!(escrow == U256::from(held + outside), "{asset}: escrow {escrow}, leaves {held}, outside {outside}");
    }
    let at_bridge = world.l1_balance(chain.bridge).await?;
    let escrow = bridge.escrowOf(Address::ZERO).call().await?;
    ensure!(at_bridge == escrow, "the Bridge has {at_bridge} wei, its escrow is {escrow}");
    Ok(())
}

/// Units of the devnet's token that an account holds on L1.
pub async fn tokens_on_l1(world: &World, account: Address) -> anyhow::Result<U256> {
    Ok(Erc20::new(world.devnet.info.token, world.devnet.l1.provider()).balanceOf(account).call().await?)
}
