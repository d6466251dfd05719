//! The hostile operator with all that it has: it censors, floods L1 with batches and epochs, and changes rules and Bridge under the claims. Every
//! user gets every wei out, and every token.

use alloy::{
    primitives::{Address, B256, Bytes, U256, hex},
    sol_types::SolCall,
};
use anyhow::{Context, ensure};
use futures::future::try_join_all;
use tandem_chain::{ChainConfig, message::VALUE_ALL, work::BUCKET_WORK_GAS};
use tandem_cli::{
    bridge::proof::Proof,
    contracts::L2Bridge,
    wallet::{Call, Wallet, WalletError},
};
use tandem_devnet::{Service, USERS};
use tandem_evm::predeploys;
use tandem_l1::bindings::{
    Bridge::{self, BridgeErrors},
    Erc20,
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

/// Brings everybody's messages back to L1.
const CAROL: usize = 2;
/// Leave by the tool, and follow their messages.
const FOLLOWERS: [usize; 2] = [CAROL, 3];
/// Leaves with tokens, and then pays for the prover, which goes on with the nonces of her key.
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

/// Who leaves with ether.
fn leavers() -> impl Iterator<Item = usize> {
    (0..USERS).filter(|user| *user != ERIN)
}

/// Where a user's money goes; on L1, without a history.
fn safe(user: usize) -> Address {
    Address::left_padding_from(&[0xa5, u8::try_from(user).expect("users are few")])
}

/// Erin has tokens on L2. The call that takes them out, and how many.
async fn deposit_tokens(world: &World) -> anyhow::Result<(String, U256)> {
    world.tandem(ERIN, &["bridge", "deposit-erc20", &world.devnet.info.token.to_string(), "250.5"]).await?;
    let bridge = L2Bridge::new(predeploys::L2_BRIDGE, world.devnet.l2.provider());
    let l2_token = bridge.bridgedToken(world.devnet.info.token).call().await?;
    let account = world.user(ERIN).address();
    let amount = Erc20::new(l2_token, world.devnet.l2.provider()).balanceOf(account).call().await?;
    ensure!(amount == milliether(250_500), "L2 mints {amount}");
    let call = L2Bridge::withdrawCall { l2Token: l2_token, to: safe(ERIN), amount };
    Ok((hex::encode_prefixed(call.abi_encode()), amount))
}

/// Everybody's messages, forced at the same time: who leaves by the tool is told an amount. The others send what it sends, and leave the rest to
/// those who follow: each that follows derives the whole chain.
async fn everybody_leaves(world: &World, take_tokens: &str) -> anyhow::Result<Vec<(usize, U256)>> {
    let deployment = &world.devnet.deployment;
    let inbox = Inbox::new(deployment.chain.inbox, world.devnet.l1.provider());
    let queued = inbox.queueLength().call().await? + USERS as u64;
    let told = FOLLOWERS.map(|user| async move {
        let to = safe(user).to_string();
        let sent = world.tandem(user, &["bridge", "force-withdraw", "--to", &to]).await?;
        anyhow::Ok((user, sent["wei"].as_str().context("no amount is told")?.parse::<U256>()?))
    });
    let untold = leavers().filter(|user| !FOLLOWERS.contains(user)).map(|user| async move {
        let wallet = world.l1_wallet(user).await?;
        let message = Bridge::sendMessageCall {
            to: predeploys::L2_BRIDGE,
            value: VALUE_ALL,
            gasLimit: 400_000,
            refund: wallet.address(),
            data: L2Bridge::withdrawETHCall { to: safe(user) }.abi_encode().into(),
        };
        wallet.send(Call::new(deployment.chain.bridge, message.abi_encode())).await.context("a message")
    });
    let bridge = predeploys::L2_BRIDGE.to_string();
    let call = ["bridge", "force-call", &bridge, "--data", take_tokens];
    let tokens = async { world.tandem(ERIN, &call).await.context("tokens") };
    let overdue = async {
        let all = || async { Ok((inbox.queueLength().call().await? == queued).then_some(())) };
        wait_until("every withdrawal is queued", all).await?;
        world.pass(FORCED_WINDOW_S).await
    };
    let (told, _, _, ()) = tokio::try_join!(try_join_all(told), try_join_all(untold), tokens, overdue)?;
    Ok(told)
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
    let (take_tokens, tokens) = deposit_tokens(&world).await.context("tokens")?;
    world.wait_until_posted().await?;
    let balances = try_join_all(leavers().map(|user| world.l2_balance(world.user(user).address()))).await?;
    world.devnet.services.kill(Service::Sequencer).await?;
    world.devnet.services.kill(Service::Prover).await?;
    let world = &world;
    let settlement = FraudSettlement::new(world.devnet.deployment.chain.settlement, world.devnet.l1.provider());
    flood(world).await?;
    change_everything(world).await?;

    // Within the notice all begin to leave. Nobody includes them, and nobody keeps them from it.
    let told = everybody_leaves(world, &take_tokens).await.context("everybody leaves")?;
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
    let claimed = world.tandem(CAROL, &["bridge", "claim"]).await.context("claim")?;
    ensure!(claimed["claimed"].as_array().is_some_and(|all| all.len() == USERS), "claimed {claimed}");
    for (user, balance) in leavers().zip(balances) {
        let out = world.l1_balance(safe(user)).await?;
        ensure!(out == balance && out >= milliether(100_000), "{out} wei came out of user {user}'s {balance}");
        let is_told = |(follower, wei): &(usize, U256)| *follower != user || *wei == out;
        ensure!(told.iter().all(is_told), "{out} wei came out for user {user}, and {told:?} were told");
    }
    let out = Erc20::new(world.devnet.info.token, world.devnet.l1.provider()).balanceOf(safe(ERIN)).call().await?;
    ensure!(out == tokens, "{out} tokens came out of {tokens}");
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
