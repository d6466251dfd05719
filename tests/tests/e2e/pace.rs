//! Settlement under as many batches as L1 has blocks.

use std::time::Instant;

use alloy::primitives::Bytes;
use anyhow::ensure;
use serde_json::json;
use tandem_cli::status::settled_batch;
use tandem_devnet::Service;
use tandem_l1::bindings::Inbox;
use tandem_tests::{World, WorldOptions, adversary, world::wait_until};

/// One a second for a minute, each an epoch of its own.
const BATCHES: usize = 60;
/// Batches that may wait to be final after it. The claim window alone is six of them, and a prover that makes one claim a transaction is behind by
/// fifty.
const BACKLOG_MAX: u64 = 30;

/// Prints how far settlement is behind.
#[tokio::test(flavor = "multi_thread")]
async fn settlement_keeps_pace_with_a_batch_a_second() -> anyhow::Result<()> {
    let mut world = World::start(WorldOptions::default()).await?;
    world.wait_until_posted().await?;
    world.devnet.services.kill(Service::Sequencer).await?;
    let (l1, deployment) = (&world.devnet.l1, &world.devnet.deployment);
    let inbox = Inbox::new(deployment.chain.inbox, l1.provider());

    let first = l1.latest().await?.timestamp;
    adversary::append_each_block(&world, vec![(Bytes::from_static(b"no payload"), 0); BATCHES]).await?;
    let (appended, appended_s) = (Instant::now(), l1.latest().await?.timestamp - first);
    let batches = inbox.batchCount().call().await?;
    let unsettled = batches - settled_batch(l1, deployment).await?;
    let claimed = world.claims().await?.last().map_or(0, |claim| claim.epoch);
    let unclaimed = inbox.epochCount().call().await? - claimed;
    let settled = || async { Ok((settled_batch(l1, deployment).await? >= batches).then_some(())) };
    wait_until("every batch is settled", settled).await?;
    for (name, value, unit) in [
        ("appended_in", appended_s, "s"),
        ("epochs_not_claimed", unclaimed, "epochs"),
        ("batches_not_final", unsettled, "batches"),
        ("all_final_after", appended.elapsed().as_secs(), "s"),
    ] {
        println!("{}", json!({ "name": format!("pace.{name}"), "value": value, "unit": unit }));
    }
    ensure!(unsettled <= BACKLOG_MAX, "settlement is {unsettled} batches behind");
    world.stop().await;
    Ok(())
}
