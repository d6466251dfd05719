//! L1 reorganises and returns nothing to its pool: batches are posted and epochs claimed as before, without help.

use alloy::{
    primitives::{Address, U256},
    providers::{Provider, ext::AnvilApi},
    rpc::types::anvil::{ReorgOptions, TransactionData},
};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tandem_cli::wallet::Call;
use tandem_devnet::Service;
use tandem_tests::{World, WorldOptions, derivation, world::wait_until};

const CAROL: usize = 2;
const DEPTH_MAX: u64 = 10;
/// Seconds between the devnet's L1 blocks.
const L1_BLOCK_TIME_S: u64 = 1;

#[tokio::test(flavor = "multi_thread")]
async fn posting_and_claiming_go_on_after_reorganisations() -> anyhow::Result<()> {
    let mut world = World::start(WorldOptions::default()).await?;
    // Deposits that a reorganisation drops do not come back by themselves: the users' stay.
    let start = world.devnet.l1.latest().await?.id.number;
    let deep = || async { Ok((world.devnet.l1.latest().await?.id.number > start + DEPTH_MAX).then_some(())) };
    wait_until("the first deposits are deep", deep).await?;
    for (depth, kill) in [(6, false), (1, false), (3, true), (DEPTH_MAX, true)] {
        survive(&mut world, depth, kill).await.with_context(|| format!("depth {depth}, killed: {kill}"))?;
    }
    derivation::check(world.chain()).await?;
    world.stop().await;
    Ok(())
}

async fn survive(world: &mut World, depth: u64, kill: bool) -> anyhow::Result<()> {
    let sequencer = world.devnet.sequencer_key().address();
    let l1 = world.devnet.l1.clone();
    spend(world).await?;
    world.wait_until_posted().await?;
    // The next batch waits in the pool while L1 makes no blocks.
    l1.provider().anvil_set_interval_mining(0).await?;
    spend(world).await?;
    let waits = || async {
        let pending = l1.provider().get_transaction_count(sequencer).pending().await?;
        Ok((pending > l1.nonce(sequencer).await?).then_some(()))
    };
    wait_until("a batch waits in L1's pool", waits).await?;
    if kill {
        world.devnet.services.kill(Service::Sequencer).await?;
        world.devnet.services.kill(Service::Prover).await?;
    }
    let before = l1.nonce(sequencer).await?;
    let tx_block_pairs: Vec<(TransactionData, u64)> = Vec::new();
    l1.provider().anvil_reorg(ReorgOptions { depth, tx_block_pairs }).await?;
    ensure!(depth < 6 || l1.nonce(sequencer).await? < before, "nothing of the sequencer's was dropped");
    l1.provider().anvil_set_interval_mining(L1_BLOCK_TIME_S).await?;
    if kill {
        world.devnet.services.restart(Service::Sequencer)?;
        world.devnet.services.restart(Service::Prover)?;
        wait_until("the sequencer is back", || async { world.status().await.map(Some) }).await?;
    }
    spend(world).await?;
    world.wait_until_posted().await.context("posting")?;
    let posted = world.status().await?.safe;
    let settled = || async {
        let status: Value = world.ask("rollup_status", json!([])).await?;
        Ok(status["settled"].as_u64().filter(|settled| *settled >= posted))
    };
    wait_until(&format!("block {posted} is settled"), settled).await.context("claiming")?;
    Ok(())
}

/// A transaction on L2.
async fn spend(world: &World) -> anyhow::Result<()> {
    world.l2_wallet(CAROL).await?.send(Call::new(Address::repeat_byte(0xcc), Vec::new()).value(U256::from(3))).await?;
    Ok(())
}
