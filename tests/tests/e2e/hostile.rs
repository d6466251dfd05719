//! The hostile operator with all that it has: it censors, floods L1 with batches and epochs, and changes rules and Bridge under the claims. Every
//! user gets every wei out.

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol_types::SolCall,
};
use anyhow::{Context, ensure};
use tandem_chain::{ChainConfig, work::BUCKET_WORK_GAS};
use tandem_cli::{
    bridge::proof::Proof,
    wallet::{Call, Wallet, WalletError},
};
use tandem_devnet::Service;
use tandem_l1::bindings::{
    Bridge::BridgeErrors,
    FraudSettlement::{self, ClaimPosted, ClaimStatus, FraudSettlementErrors},
    Inbox, Rules, Schedule,
    UpgradeGate::{self, UpgradeGateErrors},
};
use tandem_tests::{
    World, WorldOptions,
    adversary::{self, refused},
    world::{DEADLINE, milliether, wait_until},
};

use crate::forced::prover_of;

const CAROL: usize = 2;
const DAVE: usize = 3;
/// Who gets what Carol and Dave have; on L1, without a history.
const SAFES: [(usize, Address); 2] = [(CAROL, Address::repeat_byte(0xa7)), (DAVE, Address::repeat_byte(0xa8))];
/// Pays for the prover.
const ERIN: usize = 4;
/// Claims for the operator.
const MALLORY: usize = 5;
const THIEF: Address = Address::repeat_byte(0x66);
/// Appends in a row, each an epoch on a devnet.
const FLOOD: usize = 40;

/// The chain's windows, in seconds by L1's clock, which leaps over them: claims are still pending when the rules change.
const FORCED_WINDOW_S: u64 = 300;
const DELAY_S: u64 = 1_200;
const GRACE_S: u64 = 900;
const CLAIM_WINDOW_S: u32 = 3_600;

/// Appends of the sequencer's key: one fills the bucket (L1-WORK-3), the next with as much work is refused, and those without are not.
async fn flood(world: &World) -> anyhow::Result<()> {
    let inbox = Inbox::new(world.devnet.deployment.chain.inbox, world.devnet.l1.provider());
    let before = inbox.epochCount().call().await?;
    let greedy = vec![(Bytes::new(), BUCKET_WORK_GAS)];
    adversary::append_all(world, greedy.clone()).await.context("the whole bucket")?;
    let refused = adversary::append_all(world, greedy).await;
    let reason = format!("{:#}", refused.err().context("L2 is driven faster than L1's bucket drains")?);
    ensure!(reason.contains("WorkMeter_WorkGasFull"), "refused with {reason}");
    let garbage = vec![(Bytes::from_static(b"no payload"), 0); FLOOD];
    adversary::append_all(world, garbage).await.context("flood")?;
    ensure!(inbox.epochCount().call().await? >= before + FLOOD as u64, "on a devnet every batch is an epoch");
    Ok(())
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

/// The right claim of the last epoch that is closed, once it is made.
async fn last_claim(world: &World) -> anyhow::Result<ClaimPosted> {
    let inbox = Inbox::new(world.devnet.deployment.chain.inbox, world.devnet.l1.provider());
    let claimed = || async {
        let epoch = inbox.epochCount().call().await?;
        Ok(world.claims().await?.into_iter().find(|claim| claim.epoch == epoch))
    };
    wait_until("every epoch is claimed", claimed).await
}

/// The notice is over: the last batch of the old Bridge is marked, a batch brings the new rules into force, and an invented claim under them
/// stands on the right one, which is pending. Its id and what it would pay out.
async fn strike(world: &World, right: &ClaimPosted) -> anyhow::Result<(B256, Proof)> {
    let deployment = &world.devnet.deployment;
    let mallory = world.l1_wallet(MALLORY).await?;
    world.pass(DELAY_S).await?;
    mallory.send(Call::new(deployment.gate, UpgradeGate::markCall {}.abi_encode())).await.context("mark")?;
    adversary::append_bytes(world, Bytes::from_static(b"no payload"))
        .await
        .context("the batch that changes the rules")?;
    let schedule = Schedule::new(deployment.schedule, world.devnet.l1.provider());
    ensure!(schedule.activeId().call().await? == 1, "the new rules are not in force");
    let (invented, theft) = adversary::claim_everything(world, MALLORY, right, THIEF).await?;
    // Its window is a second long; that of the claims before it is not over.
    world.pass(1).await?;
    let finalize = FraudSettlement::finalizeCall { claimId: invented };
    let reason: FraudSettlementErrors = refused(&mallory, deployment.chain.settlement, finalize).await?;
    ensure!(matches!(reason, FraudSettlementErrors::FraudSettlement_NotFinal(_)), "refused with {reason:?}");
    Ok((invented, theft))
}

/// While the grace runs nothing that the operator has prepared can be done.
async fn nothing_is_stolen(world: &World, right: B256, invented: B256, theft: &Proof) -> anyhow::Result<()> {
    let deployment = &world.devnet.deployment;
    let mallory = world.l1_wallet(MALLORY).await?;
    let finalize = FraudSettlement::finalizeCall { claimId: invented };
    let reason: FraudSettlementErrors = refused(&mallory, deployment.chain.settlement, finalize).await?;
    ensure!(matches!(reason, FraudSettlementErrors::FraudSettlement_GraceRuns(_)), "refused with {reason:?}");
    let execute = UpgradeGate::executeCall { claimId: right };
    let reason: UpgradeGateErrors = refused(&mallory, deployment.gate, execute).await?;
    ensure!(matches!(reason, UpgradeGateErrors::UpgradeGate_GraceRuns(_)), "refused with {reason:?}");
    let reason = adversary::refused_claim(world, MALLORY, theft).await?;
    ensure!(matches!(reason, BridgeErrors::Bridge_NotProven(_)), "refused with {reason:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_gets_everything_out_of_a_hostile_operators_chain() -> anyhow::Result<()> {
    let options = WorldOptions {
        forced_window_s: FORCED_WINDOW_S,
        claim_window_s: CLAIM_WINDOW_S,
        delay_s: Some(DELAY_S),
        grace_s: Some(GRACE_S),
        ..WorldOptions::default()
    };
    let mut world = World::start(options).await?;
    for (user, _) in SAFES {
        world.tandem(user, &["bridge", "deposit", "7.5"]).await?;
    }
    world.wait_until_posted().await?;
    let balances =
        [world.l2_balance(world.user(CAROL).address()).await?, world.l2_balance(world.user(DAVE).address()).await?];
    world.devnet.services.kill(Service::Sequencer).await?;
    world.devnet.services.kill(Service::Prover).await?;
    let world = &world;
    let settlement = FraudSettlement::new(world.devnet.deployment.chain.settlement, world.devnet.l1.provider());
    flood(world).await?;
    change_everything(world).await?;

    // Within the notice both begin to leave. Nobody includes them, and nobody keeps them from it.
    let leave = |user: usize, to: Address| async move {
        let to = to.to_string();
        world.tandem(user, &["bridge", "force-withdraw", "--to", &to]).await
    };
    let inbox = Inbox::new(world.devnet.deployment.chain.inbox, world.devnet.l1.provider());
    let queued = inbox.queueLength().call().await?;
    let overdue = async {
        let all = || async { Ok((inbox.queueLength().call().await? == queued + 2).then_some(())) };
        wait_until("both withdrawals are queued", all).await?;
        world.pass(FORCED_WINDOW_S).await
    };
    let (carol, dave, overdue) = tokio::join!(leave(CAROL, SAFES[0].1), leave(DAVE, SAFES[1].1), overdue);
    overdue?;
    let sent = [carol.context("Carol")?, dave.context("Dave")?];
    let mut prover = prover_of(world, ERIN)?;
    let right = last_claim(world).await?;

    // The operator strikes while whoever claims rightly is away.
    prover.kill().await?;
    let (invented, theft) = strike(world, &right).await?;

    // A prover that comes back to rules which it was never given still answers for what came before.
    let _prover = prover_of(world, ERIN)?;
    world.pass(CLAIM_WINDOW_S.into()).await?;
    let is_final =
        || async { Ok((settlement.claimOf(right.claimId).call().await?.status == ClaimStatus::Final).then_some(())) };
    wait_until("everything under the old rules is final", is_final).await?;
    nothing_is_stolen(world, right.claimId, invented, &theft).await?;
    for ((sent, (user, safe)), balance) in sent.into_iter().zip(SAFES).zip(balances) {
        let wei: U256 = sent["wei"].as_str().context("no amount is told")?.parse()?;
        ensure!(wei == balance && wei > milliether(7_500), "{wei} of {balance} come out");
        world.tandem(user, &["bridge", "claim", &sent["message"].to_string()]).await.context("claim")?;
        let out = world.l1_balance(safe).await?;
        ensure!(out == wei, "{out} wei came out of {wei}");
    }
    nothing_is_stolen(world, right.claimId, invented, &theft).await?;

    // The grace was all that stood before the operator: whoever stays accepts its rules.
    world.pass(GRACE_S).await?;
    let mallory = world.l1_wallet(MALLORY).await?;
    let deployment = &world.devnet.deployment;
    let finalize = FraudSettlement::finalizeCall { claimId: invented };
    mallory.send(Call::new(deployment.chain.settlement, finalize.abi_encode())).await.context("after the grace")?;
    ensure!(settlement.isFinal(theft.output).call().await?, "the invented claim is not final after the grace");
    let execute = UpgradeGate::executeCall { claimId: right.claimId };
    mallory.send(Call::new(deployment.gate, execute.abi_encode())).await.context("the upgrade after the grace")?;
    Ok(())
}
