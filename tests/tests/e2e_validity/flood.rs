//! More transfers than are proven in the time: refused beyond a bound, in the documented words; and what was acknowledged is proven in the end, once, whoever dies.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tandem_devnet::{Service, SettlementKind};
use tandem_tests::{
    World, WorldOptions,
    flood::{BEHIND, Backlog, Flood, Refusal, watch_backlog},
    wait::wait_until,
};
use tokio_util::sync::CancellationToken;

use crate::people::{balances, check_balances, check_escrow, once_each, payers, wait_until_proven, wait_until_settled};

/// Transfers of each of the devnet's ten accounts.
const TRANSFERS_EACH: usize = 40;
/// Closed batches that may wait for proofs.
const WAITING_BATCHES_MAX: u64 = 2;
/// Slots of a batch of one large chunk, more than it has transfers.
const BATCH_SLOTS: u64 = 27;
/// For all of it: some sixteen batches, and two starts.
const PATIENCE: Duration = Duration::from_secs(1_200);
const RPC_MD: &str = include_str!("../../../docs/rpc.md");

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes of proving: make e2e-validity"]
async fn a_flood_is_bounded_and_everything_acknowledged_is_proven() -> anyhow::Result<()> {
    let _alone = crate::ALONE.lock().await;
    let mut world =
        World::start(WorldOptions { settlement: SettlementKind::Validity, ..WorldOptions::default() }).await?;
    bound_the_backlog(&mut world).await.context("a tight bound")?;
    wait_until_proven(&world).await?;

    let (l2, chain) = (world.devnet.l2.clone(), world.devnet.deployment.chain.clone());
    let (payers, sinks) = payers(&world).await?;
    let before = balances(&world, &sinks).await?;
    let ended = CancellationToken::new();
    let watching = tokio::spawn(watch_backlog(l2.clone(), ended.clone()));
    let mut flood = Flood::start(&l2, &chain, payers, TRANSFERS_EACH);
    let told = flood.until("a transfer is refused", PATIENCE, |progress| progress.refusal.is_some()).await?;
    check_refusal(&told.refusal.context("it was waited for")?)?;
    kill_both_in_turn(&mut world).await.context("kills")?;
    let paid = flood.finish(PATIENCE).await?;
    ensure!(paid.len() == TRANSFERS_EACH * sinks.len(), "{} transfers were acknowledged", paid.len());
    wait_until_settled(&world).await?;
    ended.cancel();
    check_backlog(&watching.await?, sinks.len())?;

    once_each(&world, &paid).await?;
    check_balances(&world, &before, &sinks, &paid).await?;
    check_escrow(&world, &[], &[]).await?;
    world.stop().await;
    Ok(())
}

/// The sequencer as an operator starts it who wants no more waiting than seconds of proving.
async fn bound_the_backlog(world: &mut World) -> anyhow::Result<()> {
    let bounds = [("TANDEM_WAITING_BATCHES_MAX", WAITING_BATCHES_MAX), ("TANDEM_BATCH_PROOFS_MAX", 1)];
    let bounds = bounds.map(|(name, value)| (name.to_owned(), value.to_string()));
    let services = &mut world.devnet.services;
    services.set_environment(Service::Sequencer, bounds.into());
    services.kill(Service::Sequencer).await?;
    services.restart(Service::Sequencer)?;
    is_back(world).await
}

/// It has read L1, too.
async fn is_back(world: &World) -> anyhow::Result<()> {
    let genesis = || world.ask::<Option<Value>>("eth_getBlockByNumber", json!(["0x0", false]));
    wait_until("the node is back", || async { Ok(genesis().await.unwrap_or_default()) }).await?;
    Ok(())
}

/// The words that docs/rpc.md has, and the flag that they name.
fn check_refusal(refusal: &Refusal) -> anyhow::Result<()> {
    ensure!(RPC_MD.contains(&format!("`{BEHIND}`")), "docs/rpc.md says nothing of it");
    let (code, flag) = (refusal.code == -32_000, refusal.message.ends_with(" (--waiting-batches-max)"));
    ensure!(code && flag && refusal.message.starts_with(BEHIND), "{refusal:?}");
    Ok(())
}

/// kill -9 of the prover while it is behind, and of the sequencer once L1 has another batch.
async fn kill_both_in_turn(world: &mut World) -> anyhow::Result<()> {
    world.devnet.services.kill(Service::Prover).await?;
    world.devnet.services.restart(Service::Prover)?;
    let settled = |status: &Value| status["settled"].as_u64().context("what is settled");
    let status = || world.ask::<Value>("rollup_status", json!([]));
    let last = settled(&status().await?)?;
    let goes_on = || async { Ok((settled(&status().await?)? > last).then_some(())) };
    wait_until("the next batch is proven", goes_on).await?;
    world.devnet.services.kill(Service::Sequencer).await?;
    world.devnet.services.restart(Service::Sequencer)?;
    is_back(world).await
}

/// It was full, and never fuller; what waits for a place is what was in flight when there was none any more, one transfer of each payer.
fn check_backlog(found: &Backlog, payers: usize) -> anyhow::Result<()> {
    ensure!(found.closed_batches_max == WAITING_BATCHES_MAX, "{found:?}");
    ensure!(found.open_transactions_max <= BATCH_SLOTS + payers as u64, "{found:?}");
    Ok(())
}
