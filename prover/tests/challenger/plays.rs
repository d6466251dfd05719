use std::time::{Duration, Instant};

use alloy::primitives::U256;
use tandem_chain::output::slot_id;
use tandem_l1::bindings::{
    Dispute,
    FraudSettlement::{self, ClaimStatus, SlotStatus},
    Schedule,
};
use tandem_prover::ProverNode;
use tandem_support::l1::{DEADLINE, Harness, wait_until};

use super::{CHALLENGER, LIAR, TERMS, balance, claim, deploy, guest_hash, liar::Liar, pass, post, start, wrong_output};

/// What all of a dispute may take on a loaded machine.
const DISPUTE: Duration = Duration::from_secs(600);

/// Plays until there is a verdict; moves L1's clock where only that is left to wait for.
async fn play(harness: &Harness, liar: &mut Liar, slot: alloy::primitives::B256) {
    let dispute = Dispute::new(harness.deployment.dispute, harness.client.provider());
    let (deadline, mut quiet_since) = (Instant::now() + DISPUTE, Instant::now());
    let mut last = None;
    while dispute.verdictOf(slot).call().await.unwrap().verdict == Dispute::Verdict::None {
        assert!(Instant::now() < deadline, "no verdict in time");
        let standing = liar.turn(harness).await;
        let position = standing.as_ref().map(|standing| standing.tournaments.clone());
        if position != last {
            (quiet_since, last) = (Instant::now(), position);
        }
        // Nobody's turn is left but the clock's: everything that was to be joined is, or the liar is out of time.
        let Some(standing) = standing else { continue };
        let has_honest = standing.tournaments.get(&standing.round).is_some_and(|round| round.commitments.len() == 2);
        let inner = standing.tournaments.iter().find(|(id, _)| **id != standing.round);
        let is_joined = inner.is_none_or(|(_, inner)| inner.commitments.len() == 2 || liar.is_silent);
        if has_honest && is_joined && quiet_since.elapsed() > Duration::from_secs(3) {
            pass(harness, u64::from(TERMS.turn_seconds)).await;
            quiet_since = Instant::now();
        } else {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// What a dispute ends in: the right output final, all of the honest party's back but gas, the liar's gone.
async fn check_end(harness: &Harness, node: &ProverNode, slot: alloy::primitives::B256, before: [U256; 2]) {
    let settlement = FraudSettlement::new(harness.deployment.chain.settlement, harness.client.provider());
    let right = node.replica().output(1).unwrap().unwrap().hash();
    wait_until("the right output is final", || async { settlement.isFinal(right).call().await.unwrap() }).await;
    assert_eq!(settlement.slotOf(slot).call().await.unwrap().status, SlotStatus::Decided);
    let dispute = Dispute::new(harness.deployment.dispute, harness.client.provider());
    let challenger = harness.anvil.keys()[CHALLENGER].address();
    let ether = U256::from(1_000_000_000_000_000_000_u64);
    wait_until("the bonds are back", || async {
        let credit = dispute.creditOf(challenger).call().await.unwrap();
        let has_joined = balance(harness, CHALLENGER).await + ether / U256::from(20) > before[0] - stake(harness).await;
        credit.is_zero() && has_joined
    })
    .await;
    // Of the liar's own nothing is left to take: the stake, and the bond.
    let lost = before[1] - balance(harness, LIAR).await;
    assert!(lost >= U256::from(TERMS.claim_bond_min() + TERMS.bond(0)), "{lost}");
    assert!(dispute.creditOf(harness.anvil.keys()[LIAR].address()).call().await.unwrap() < ether / U256::from(10));
}

async fn stake(harness: &Harness) -> U256 {
    let settlement = FraudSettlement::new(harness.deployment.chain.settlement, harness.client.provider());
    let stake = settlement.stakeOf(harness.anvil.keys()[CHALLENGER].address()).call().await.unwrap();
    U256::from(stake.amount)
}

async fn slot_of(harness: &Harness) -> alloy::primitives::B256 {
    let settlement = FraudSettlement::new(harness.deployment.chain.settlement, harness.client.provider());
    let schedule = Schedule::new(harness.deployment.schedule, harness.client.provider());
    let inbox = tandem_l1::bindings::Inbox::new(harness.deployment.chain.inbox, harness.client.provider());
    let entry = schedule.entryOf(1).call().await.unwrap().entryHash;
    let parent = settlement.genesisClaim().call().await.unwrap();
    slot_id(parent, entry, inbox.batchHashOf(1).call().await.unwrap())
}

/// From the wrong claim to the one-step proof, over an end of the process in the middle: rivalled, joined, played, proven, paid.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_claim_loses_to_a_process_of_its_own_that_restarts_in_mid_dispute() {
    let harness = deploy(guest_hash()).await;
    let before = [balance(&harness, CHALLENGER).await, balance(&harness, LIAR).await];
    let directory = tempfile::tempdir().unwrap();
    post(&harness).await;
    let node = start(&harness, directory.path(), 0).await;
    node.replica().wait_until(1, DEADLINE).await.unwrap();

    let wrong = wrong_output(&harness, 0x66).await;
    let wrong_claim = claim(&harness, LIAR, wrong).await;
    let slot = slot_of(&harness).await;
    let mut disputes = node.disputes();
    let joined = disputes.wait_for(|status| status.locked_gwei > 0);
    tokio::time::timeout(DISPUTE, joined).await.expect("joined in time").unwrap();
    let told = node.disputes().borrow().disputes.clone();
    assert_eq!((told.len(), told[0].epoch, told[0].abstains.as_deref()), (1, 1, None));
    node.stop();
    node.wait().await.unwrap();

    let mut liar = Liar::new(&harness, LIAR, slot, wrong.hash()).await;
    liar.turn(&harness).await.unwrap();
    let node = start(&harness, directory.path(), 0).await;
    play(&harness, &mut liar, slot).await;
    check_end(&harness, &node, slot, before).await;
    let settlement = FraudSettlement::new(harness.deployment.chain.settlement, harness.client.provider());
    wait_until("the wrong claim is out", || async {
        settlement.claimOf(wrong_claim).call().await.unwrap().status == ClaimStatus::Defeated
    })
    .await;
    node.stop();
    node.wait().await.unwrap();
}

/// Whoever joins and then says nothing loses by the clock.
#[tokio::test(flavor = "multi_thread")]
async fn silence_loses_by_the_clock() {
    let harness = deploy(guest_hash()).await;
    let before = [balance(&harness, CHALLENGER).await, balance(&harness, LIAR).await];
    let directory = tempfile::tempdir().unwrap();
    post(&harness).await;
    let wrong = wrong_output(&harness, 0x67).await;
    claim(&harness, LIAR, wrong).await;
    let node = start(&harness, directory.path(), 0).await;
    let slot = slot_of(&harness).await;
    let mut liar = Liar::new(&harness, LIAR, slot, wrong.hash()).await;
    liar.is_silent = true;
    play(&harness, &mut liar, slot).await;
    check_end(&harness, &node, slot, before).await;
    node.stop();
    node.wait().await.unwrap();
}
