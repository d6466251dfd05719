//! A wrong claim always loses, and anyone can make it lose: real contracts, the real machine, the real challenger. `make e2e-fraud` plays all of it.

use std::sync::Arc;

use alloy::{
    primitives::{B256, U256, keccak256, utils::format_ether},
    sol_types::SolCall,
};
use anyhow::{Context, ensure};
use tandem_chain::output::claim_id;
use tandem_cli::wallet::{Call, WalletError};
use tandem_devnet::Service;
use tandem_l1::bindings::{
    Dispute,
    FraudSettlement::{self, ClaimStatus},
};
use tandem_tests::{
    World, WorldOptions,
    fraud::{
        behaviour::{Behaviour, Meanwhile},
        board::Board,
        case::{Case, Cast, PATIENCE, wrong_output},
        epoch::Epoch,
        lie::{Divergence, LyingTrace},
        player::{Habits, Player},
    },
};
use tandem_trace::Trace;
use tandem_vm::{
    Commitment, State, StepWitness,
    commit::{COARSE_STRIDE, HEIGHT},
    key::KeyKind,
    kzg::Kzg,
    state::PACKED_SIZE,
    verify,
};
use tokio_util::sync::CancellationToken;

async fn play(world: &mut World, behaviour: Behaviour, meanwhile: Meanwhile) -> anyhow::Result<()> {
    let outcome = Case::new(world, Cast::default(), behaviour, meanwhile).play().await?;
    println!(
        "{behaviour:?}, {meanwhile:?}: the right claim is final {} s after the wrong one; {} ether are lost",
        outcome.seconds,
        format_ether(outcome.lost)
    );
    Ok(())
}

/// The first leaf in which two commitments differ.
fn first_difference(one: &Commitment, two: &Commitment) -> Option<u64> {
    let mut index = 0;
    if one.root() == two.root() {
        return None;
    }
    for height in (1..=HEIGHT).rev() {
        let goes_right = one.node(height - 1, 2 * index) == two.node(height - 1, 2 * index);
        index = 2 * index + u64::from(goes_right);
    }
    Some(index)
}

/// Each lie begins where its name says, and ends in the output that the liar wants.
#[tokio::test(flavor = "multi_thread")]
async fn lies_begin_where_they_are_said_to() -> anyhow::Result<()> {
    let mut world = World::start(WorldOptions::disputed()).await?;
    let mut case = Case::new(&mut world, Cast::default(), Behaviour::ByHand, Meanwhile::Nothing);
    let epoch = case.close_epoch().await?;
    let (program, honest) = (epoch.program.clone(), epoch.honest.clone());
    let began = std::time::Instant::now();
    let wrong = wrong_output(epoch.output, 0).hash();
    let check = move || -> anyhow::Result<()> {
        let (right, steps) = (honest.coarse()?, State::unpack(&honest.last_state()?)?.step);
        println!("{steps} steps, committed to in {:?}", began.elapsed());
        for divergence in Divergence::WRONG {
            let from = divergence.step(&program, honest.as_ref())?.context("it is not wrong")?;
            let lie = LyingTrace::new(honest.clone(), Some(from), wrong, 0)?;
            let (stride, step) = (from / COARSE_STRIDE, from % COARSE_STRIDE);
            ensure!(first_difference(&right, lie.coarse()?.as_ref()) == Some(stride), "{divergence:?}: another stride");
            let (fine, wrong_fine) = (honest.fine(stride)?, lie.fine(stride)?);
            ensure!(first_difference(&fine, &wrong_fine) == Some(step), "{divergence:?}: another step");
            ensure!(
                wrong_fine.leaf((1 << HEIGHT) - 1) == lie.coarse()?.leaf(stride),
                "{divergence:?}: it ends elsewhere"
            );
            let last = lie.last_state()?;
            ensure!(keccak256(last) == lie.coarse()?.leaf((1 << HEIGHT) - 1), "{divergence:?}: another last state");
            let last = State::unpack(&last)?;
            ensure!(last.exited && last.exit_code == 0 && last.output == wrong, "{divergence:?}: ends with {last:?}");

            let (mut machine, mut oracle) = (program.machine(), program.clone());
            machine.run(from, &mut oracle);
            let (witness, successor) = honest.step(stride, step)?;
            let before = machine.hash();
            ensure!(
                verify(before, &witness.0, &Kzg)?.hash() == successor,
                "{divergence:?}: L1 computes something else"
            );
            ensure!(successor == fine.leaf(step), "{divergence:?}: the right step is another");
            let key = machine.oracle().0.kind();
            machine.run(1, &mut oracle);
            match divergence {
                Divergence::KeccakRead => ensure!(key == Some(KeyKind::Keccak) && reads(&witness), "no keccak read"),
                Divergence::BlobRead => ensure!(key == Some(KeyKind::Blob) && reads(&witness), "no blob read"),
                Divergence::LastStep => ensure!(machine.exited() && machine.steps() == steps, "not the last step"),
                Divergence::Padding | Divergence::OutputAlone => ensure!(from >= steps, "the machine still runs"),
                Divergence::FirstStep => ensure!(from == 0, "not the first step"),
                _ => ensure!(!machine.exited() && from > steps / 4, "not in the middle"),
            }
        }
        Ok(())
    };
    tokio::task::spawn_blocking(check).await??;
    world.stop().await;
    Ok(())
}

/// Beside the state and the instruction's leaf it shows a pre-image.
fn reads(witness: &StepWitness) -> bool {
    witness.0.len() > PACKED_SIZE + 32 * (1 + 27)
}

/// No program of ours: somebody plays for the right run by hand, and L1 executes the contested step for him.
#[tokio::test(flavor = "multi_thread")]
async fn anyone_can_make_a_wrong_claim_lose() -> anyhow::Result<()> {
    let mut world = World::start(WorldOptions::disputed()).await?;
    let cast = Cast::default();
    let mut case = Case::new(&mut world, cast, Behaviour::Lies(Divergence::KeccakRead), Meanwhile::Nothing);
    let (epoch, slot, wrong) = case.begin().await?;
    world.devnet.services.kill(Service::Prover).await?;
    let stop = CancellationToken::new();
    let (program, honest, output) = (epoch.program.clone(), epoch.honest.clone(), wrong_output(epoch.output, 0).hash());
    let lie = tokio::task::spawn_blocking(move || -> anyhow::Result<_> {
        let from = Divergence::KeccakRead.step(&program, honest.as_ref())?;
        Ok(LyingTrace::new(honest, from, output, 0)?)
    });
    let lie: Arc<dyn Trace> = Arc::new(lie.await??);
    let mut players = tokio::task::JoinSet::new();
    for (user, run) in [(cast.liars[0], lie), (cast.helper, epoch.honest.clone() as Arc<dyn Trace>)] {
        let wallet = world.l1_wallet(user).await?;
        let player = Player::new(wallet, &world.devnet.deployment, slot, vec![run], Habits::default());
        players.spawn(player.play(stop.clone()));
    }
    referee(&world, cast.user, slot, &epoch).await?;
    stop.cancel();
    while let Some(ended) = players.join_next().await {
        ended??;
    }
    let settlement = FraudSettlement::new(world.devnet.deployment.chain.settlement, world.devnet.l1.provider());
    let right = claim_id(slot, epoch.output.hash());
    ensure!(settlement.slotOf(slot).call().await?.winner == right, "another claim won");
    let wallet = world.l1_wallet(cast.user).await?;
    let pending = pending_path(&world, right).await?.into_iter();
    let mut calls: Vec<_> =
        pending.map(|claim| FraudSettlement::finalizeCall { claimId: claim }.abi_encode()).collect();
    calls.push(FraudSettlement::discardCall { claimId: wrong }.abi_encode());
    for call in calls {
        wallet.send(Call::new(*settlement.address(), call)).await?;
    }
    ensure!(settlement.isFinal(epoch.output.hash()).call().await?, "the right output is not final");
    ensure!(settlement.claimOf(wrong).call().await?.status == ClaimStatus::Defeated, "the wrong claim stands");
    // The prover may have joined before it was killed; then the bond and the share are its, and the moves were not.
    let mut shares = U256::ZERO;
    for account in [world.user(cast.helper).address(), world.devnet.proposer_key().address()] {
        shares += settlement.creditOf(account).call().await?;
    }
    ensure!(!shares.is_zero(), "the champion got nothing");
    world.stop().await;
    Ok(())
}

/// A claim and what it builds on that is not final yet, which nobody has made final without a prover: the oldest first.
async fn pending_path(world: &World, claim: B256) -> anyhow::Result<Vec<B256>> {
    let settlement = FraudSettlement::new(world.devnet.deployment.chain.settlement, world.devnet.l1.provider());
    let (mut path, mut next) = (Vec::new(), claim);
    loop {
        let found = settlement.claimOf(next).call().await?;
        if found.status != ClaimStatus::Pending {
            path.reverse();
            return Ok(path);
        }
        path.push(next);
        next = settlement.slotOf(found.slot).call().await?.parent;
    }
}

/// Ends what can be ended, for nobody in particular: steps, matches, the dispute. Until the settlement has decided.
async fn referee(world: &World, user: usize, slot: B256, epoch: &Epoch) -> anyhow::Result<()> {
    let deployment = &world.devnet.deployment;
    let (mut board, wallet) = (Board::new(world.devnet.l1.clone(), deployment), world.l1_wallet(user).await?);
    let started = std::time::Instant::now();
    while !board.decided.contains_key(&slot) {
        ensure!(started.elapsed() < PATIENCE, "the dispute did not end");
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        board.refresh().await?;
        let mut calls = Vec::new();
        for (id, found) in board.tournaments_of(slot) {
            for (name, of) in &found.matches {
                let of = || of.clone();
                match (found.level, found.sealed.get(name)) {
                    (_, None) => calls.push(Dispute::timeoutCall { r#ref: of() }.abi_encode()),
                    (0, Some(_)) => calls.push(Dispute::propagateCall { r#ref: of() }.abi_encode()),
                    (_, Some(step)) => {
                        let stride = board.contest_of(id).context("no contest around the match")?.index;
                        let (honest, step) = (epoch.honest.clone(), step.index);
                        let proven = tokio::task::spawn_blocking(move || honest.step(stride, step)).await??;
                        calls.push(Dispute::stepCall { r#ref: of(), witness: proven.0.0.into() }.abi_encode());
                    }
                }
            }
        }
        calls.push(Dispute::decideCall { slotId: slot }.abi_encode());
        let mut calls: Vec<Call> = calls.into_iter().map(|call| Call::new(deployment.dispute, call)).collect();
        if board.judged.contains_key(&slot) {
            let call = FraudSettlement::decideCall { slotId: slot }.abi_encode();
            calls = vec![Call::new(deployment.chain.settlement, call)];
        }
        for call in calls {
            // Most of it is too early most of the time, and refused.
            match wallet.send(call).await {
                Ok(_) | Err(WalletError::Refused(_) | WalletError::Reverted(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

/// What CI plays of it: a run that is wrong in the middle, while the challenger is killed.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_claim_loses() -> anyhow::Result<()> {
    let mut world = World::start(WorldOptions::disputed()).await?;
    play(&mut world, Behaviour::Lies(Divergence::Middle), Meanwhile::Kill).await?;
    world.stop().await;
    Ok(())
}

/// All of it, one after the other on one chain: an hour.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "make e2e-fraud"]
async fn all_frauds() -> anyhow::Result<()> {
    let only = std::env::var("TANDEM_FRAUD").unwrap_or_default();
    let mut world = World::start(WorldOptions::disputed()).await?;
    let mut played = 0;
    for (behaviour, meanwhile) in Behaviour::all() {
        let name = format!("{behaviour:?} {meanwhile:?}");
        if name.contains(&only) {
            play(&mut world, behaviour, meanwhile).await.map_err(|error| error.context(name))?;
            played += 1;
        }
    }
    world.stop().await;
    anyhow::ensure!(played > 0, "nothing is called {only}");
    Ok(())
}
