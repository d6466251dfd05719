//! The hostile operator with all that it has: it censors, floods L1 with batches and epochs, and changes rules and Bridge under the claims. Every
//! user gets every wei out.

use alloy::{
    primitives::{Address, Bytes, U256},
    sol_types::SolCall,
};
use anyhow::{Context, ensure};
use tandem_chain::{ChainConfig, work::BUCKET_WORK_GAS};
use tandem_cli::wallet::{Call, Wallet, WalletError};
use tandem_devnet::Service;
use tandem_l1::bindings::{Inbox, Rules, Schedule, UpgradeGate};
use tandem_tests::{
    World, WorldOptions, adversary,
    world::{DEADLINE, milliether, wait_until},
};

use crate::forced::prover_of;

const CAROL: usize = 2;
const DAVE: usize = 3;
/// Who gets what Carol and Dave have; on L1, without a history.
const SAFES: [(usize, Address); 2] = [(CAROL, Address::repeat_byte(0xa7)), (DAVE, Address::repeat_byte(0xa8))];
/// Pays for the prover.
const ERIN: usize = 4;
/// Appends in a row, each an epoch on a devnet.
const FLOOD: usize = 40;

/// Appends of the sequencer's key: one fills the bucket (L1-WORK-3), the next with as much work is refused, and those without are not.
async fn flood(world: &World) -> anyhow::Result<()> {
    let greedy = vec![(Bytes::new(), BUCKET_WORK_GAS)];
    adversary::append_all(world, greedy.clone()).await.context("the whole bucket")?;
    let refused = adversary::append_all(world, greedy).await;
    let reason = format!("{:#}", refused.err().context("L2 is driven faster than L1's bucket drains")?);
    ensure!(reason.contains("WorkMeter_WorkGasFull"), "refused with {reason}");
    let garbage = vec![(Bytes::from_static(b"no payload"), 0); FLOOD];
    adversary::append_all(world, garbage).await.context("flood")
}

/// Other rules and another Bridge, each announced as early as it can be.
async fn change_everything(world: &World) -> anyhow::Result<()> {
    let deployment = &world.devnet.deployment;
    let owner = Wallet::connect(world.devnet.l1.clone(), world.devnet.owner_key(), DEADLINE).await?;
    let schedule = Schedule::new(deployment.schedule, world.devnet.l1.provider());
    let rules: Rules = schedule.activeEntry().call().await?.rules;
    let config = ChainConfig { max_timestamp_drift: 1, ..deployment.chain.clone() };
    // A claim that nobody has time to rival, and nobody who would decide.
    let hostile = Rules { claimWindowSeconds: 1, dispute: Address::ZERO, ..rules };
    let call = Schedule::scheduleCall { config: (&config).into(), rules: hostile };
    owner.send(Call::new(deployment.schedule, call.abi_encode())).await.context("other rules")?;
    // Whatever the implementation is: it would own what the Bridge holds.
    let call = UpgradeGate::proposeCall { implementation: deployment.schedule, data: Bytes::new() };
    owner.send(Call::new(deployment.gate, call.abi_encode())).await.context("another Bridge")?;
    let mark = owner.send(Call::new(deployment.gate, UpgradeGate::markCall {}.abi_encode())).await;
    ensure!(matches!(mark, Err(WalletError::Refused(_))), "the upgrade is marked without notice: {mark:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_gets_everything_out_of_a_hostile_operators_chain() -> anyhow::Result<()> {
    let mut world = World::start(WorldOptions { forced_window_s: 45, ..WorldOptions::default() }).await?;
    for (user, _) in SAFES {
        world.tandem(user, &["bridge", "deposit", "7.5"]).await?;
    }
    world.wait_until_posted().await?;
    let inbox = Inbox::new(world.devnet.deployment.chain.inbox, world.devnet.l1.provider());
    let balances =
        [world.l2_balance(world.user(CAROL).address()).await?, world.l2_balance(world.user(DAVE).address()).await?];
    world.devnet.services.kill(Service::Sequencer).await?;
    world.devnet.services.kill(Service::Prover).await?;

    // Both begin to leave; nobody includes them.
    let (world, queued) = (&world, inbox.queueLength().call().await?);
    let leave = |user: usize, to: Address| async move {
        let to = to.to_string();
        world.tandem(user, &["bridge", "force-withdraw", "--to", &to]).await
    };
    let attack = async {
        let all = || async { Ok((inbox.queueLength().call().await? == queued + 2).then_some(())) };
        wait_until("both withdrawals are queued", all).await?;
        let before = inbox.epochCount().call().await?;
        flood(world).await?;
        change_everything(world).await?;
        ensure!(inbox.epochCount().call().await? >= before + FLOOD as u64, "on a devnet every batch is an epoch");
        Ok(())
    };
    let (carol, dave, attacked) = tokio::join!(leave(CAROL, SAFES[0].1), leave(DAVE, SAFES[1].1), attack);
    attacked?;
    let _prover = prover_of(world, ERIN)?;
    for ((sent, (user, safe)), balance) in [carol?, dave?].into_iter().zip(SAFES).zip(balances) {
        let wei: U256 = sent["wei"].as_str().context("no amount is told")?.parse()?;
        ensure!(wei == balance && wei > milliether(7_500), "{wei} of {balance} come out");
        world.tandem(user, &["bridge", "claim", &sent["message"].to_string()]).await.context("claim")?;
        let out = world.l1_balance(safe).await?;
        ensure!(out == wei, "{out} wei came out of {wei}");
    }
    Ok(())
}
