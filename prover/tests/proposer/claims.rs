use alloy::{
    primitives::{B256, U256},
    providers::{Provider, ext::AnvilApi},
    rpc::types::Filter,
    signers::local::PrivateKeySigner,
    sol_types::{SolCall, SolEvent},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tandem_chain::{OutputFields, derive::genesis_output};
use tandem_l1::{
    AppendData, AppendOutcome, L1Call, MemoryJournal, Outcome, Submitter,
    bindings::FraudSettlement::{self, ClaimStatus},
};
use tandem_prover::{Alarm, DerivedOutputs, Proposer, ProposerConfig, ProposerStatus, proposer::OutputUnavailable};
use tandem_service::Readiness;
use tandem_support::l1::{DEADLINE, Harness, bytes, submitter_config, wait_until};
use tokio::sync::watch;

/// What a replica would have derived, by batch.
#[derive(Clone, Default)]
struct Derived(Arc<Mutex<BTreeMap<u64, OutputFields>>>);

impl DerivedOutputs for Derived {
    fn output(&self, batch_index: u64) -> Result<Option<OutputFields>, OutputUnavailable> {
        Ok(self.0.lock().unwrap().get(&batch_index).copied())
    }
}

type TestProposer = Proposer<Derived, MemoryJournal>;

/// The bond of `tandem_support::l1::spec`.
const BOND: u64 = 1_000_000_000;

async fn proposer(harness: &Harness, derived: &Derived) -> (TestProposer, watch::Receiver<ProposerStatus>) {
    proposer_that(harness, derived, false).await
}

async fn proposer_that(
    harness: &Harness,
    derived: &Derived,
    retire: bool,
) -> (TestProposer, watch::Receiver<ProposerStatus>) {
    let chain = &harness.deployment.chain;
    let config = ProposerConfig {
        inbox: chain.inbox,
        settlement: chain.settlement,
        start_block: harness.deployment.start_block,
        poll_interval: Duration::from_millis(20),
        audit_interval: Duration::ZERO,
        retire,
        payout: Some(B256::repeat_byte(0xbb).0[..20].try_into().map(<[u8; 20]>::into).unwrap()),
        payout_min_wei: U256::from(1),
        rivals: None,
        readiness: Readiness::default(),
    };
    let signer = harness.anvil.keys()[3].clone();
    let submitter =
        Submitter::new(harness.client.clone(), signer, MemoryJournal::default(), submitter_config()).await.unwrap();
    Proposer::new(harness.client.clone(), submitter, derived.clone(), config)
}

/// A chain whose state does not change; genesis as the harness deploys it.
fn genesis(harness: &Harness) -> OutputFields {
    genesis_output(&harness.deployment.chain, B256::repeat_byte(1), B256::repeat_byte(2))
}

async fn start() -> (Harness, Derived) {
    let harness = Harness::start().await;
    let derived = Derived::default();
    derived.0.lock().unwrap().insert(0, genesis(&harness));
    (harness, derived)
}

async fn post(harness: &Harness, derived: &Derived, seed: u8) -> OutputFields {
    let append = harness.next_append(AppendData::Calldata(bytes(10, seed))).await;
    let outcome = harness.appender().await.append(&append).await.unwrap();
    let AppendOutcome::Posted { batch, .. } = outcome else { panic!("not posted: {outcome:?}") };
    let output = OutputFields { batch_hash: batch.header.hash(), queue_index: append.queue_end, ..genesis(harness) };
    derived.0.lock().unwrap().insert(append.index, output);
    output
}

async fn is_final(harness: &Harness, output: &OutputFields) -> bool {
    let settlement = FraudSettlement::new(harness.deployment.chain.settlement, harness.client.provider());
    settlement.isFinal(output.hash()).call().await.unwrap()
}

async fn pass_window(harness: &Harness) {
    harness.client.provider().anvil_increase_time(3_601).await.unwrap();
    harness.client.provider().anvil_mine(Some(1), None).await.unwrap();
}

/// Somebody else's claim on top of genesis.
async fn claim_as_stranger(harness: &Harness, output: OutputFields) -> B256 {
    let settlement = FraudSettlement::new(harness.deployment.chain.settlement, harness.client.provider());
    let genesis = settlement.genesisClaim().call().await.unwrap();
    claim_as(harness, harness.user(), genesis, output).await
}

async fn claim_as(harness: &Harness, key: PrivateKeySigner, parent: B256, output: OutputFields) -> B256 {
    let call = FraudSettlement::claimCall { parent, fields: output.into(), path: Vec::new() };
    let call = L1Call {
        to: harness.deployment.chain.settlement.into(),
        input: call.abi_encode().into(),
        value: U256::from(BOND),
        ..L1Call::default()
    };
    let Outcome::Included(receipt) = harness.submitter(key).await.submit(call).await.unwrap() else {
        panic!("refused")
    };
    receipt.logs()[0].topics()[1]
}

#[tokio::test(flavor = "multi_thread")]
async fn epochs_are_claimed_finalized_and_their_bonds_returned() {
    let (harness, derived) = start().await;
    let (mut proposer, status) = proposer(&harness, &derived).await;
    proposer.round().await.unwrap();
    assert_eq!(*status.borrow(), ProposerStatus::default());

    let outputs = [post(&harness, &derived, 1).await, post(&harness, &derived, 2).await];
    proposer.round().await.unwrap();
    assert_eq!((status.borrow().claimed_epoch, status.borrow().final_epoch), (2, 0));
    let held = harness.client.provider().get_balance(harness.deployment.chain.settlement).await.unwrap();
    assert_eq!(held, U256::from(BOND), "one stake carries both");

    proposer.round().await.unwrap();
    assert!(!is_final(&harness, &outputs[0]).await);
    pass_window(&harness).await;
    proposer.round().await.unwrap();
    assert!(is_final(&harness, &outputs[0]).await && is_final(&harness, &outputs[1]).await);
    assert_eq!((status.borrow().final_epoch, status.borrow().final_batch, status.borrow().alarm), (2, 2, None));
    drop(proposer);
    let (mut proposer, _) = proposer_that(&harness, &derived, true).await;
    proposer.round().await.unwrap();
    let paid = harness.client.provider().get_balance([0xbb; 20].into()).await.unwrap();
    assert_eq!(paid, U256::from(BOND));
}

/// More epochs than a transaction holds, some of them claimed by others in between: one stake, and a few transactions.
#[tokio::test(flavor = "multi_thread")]
async fn many_epochs_are_claimed_and_finalized_together() {
    const EPOCHS: u64 = 40;
    let (harness, derived) = start().await;
    let (mut proposer, status) = proposer(&harness, &derived).await;
    for seed in 0..3 {
        post(&harness, &derived, seed).await;
    }
    proposer.round().await.unwrap();
    // Two epochs that others claim between ours, under another key each.
    let settlement = FraudSettlement::new(harness.deployment.chain.settlement, harness.client.provider());
    let account = harness.anvil.keys()[3].address();
    let mut parent = settlement.stakeOf(account).call().await.unwrap().tip;
    for key in [4, 5] {
        let output = post(&harness, &derived, key).await;
        parent = claim_as(&harness, harness.anvil.keys()[usize::from(key)].clone(), parent, output).await;
    }
    let mut last = None;
    for seed in 5..EPOCHS as u8 {
        last = Some(post(&harness, &derived, seed).await);
    }
    let nonce = || async { harness.client.nonce(account).await.unwrap() };
    let before = nonce().await;
    proposer.round().await.unwrap();
    assert_eq!((status.borrow().claimed_epoch, status.borrow().alarm), (EPOCHS, None));
    assert_eq!(nonce().await - before, 3, "35 claims");
    assert_eq!(settlement.stakeOf(account).call().await.unwrap().amount, u128::from(BOND));

    pass_window(&harness).await;
    let before = nonce().await;
    proposer.round().await.unwrap();
    assert_eq!(status.borrow().final_epoch, EPOCHS);
    assert_eq!(nonce().await - before, 2, "40 finalizations");
    assert!(is_final(&harness, &last.unwrap()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_derived_is_not_claimed() {
    let (harness, derived) = start().await;
    let (mut proposer, status) = proposer(&harness, &derived).await;
    post(&harness, &derived, 1).await;
    let output = derived.0.lock().unwrap().remove(&1).unwrap();
    proposer.round().await.unwrap();
    assert_eq!(status.borrow().claimed_epoch, 0);

    // Derived from a batch that L1 does not hold.
    let stale = OutputFields { batch_hash: B256::repeat_byte(9), ..output };
    derived.0.lock().unwrap().insert(1, stale);
    proposer.round().await.unwrap();
    assert_eq!(status.borrow().claimed_epoch, 0);

    derived.0.lock().unwrap().insert(1, output);
    proposer.round().await.unwrap();
    assert_eq!(status.borrow().claimed_epoch, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_proposer_and_others_with_the_same_claim_add_nothing() {
    let (harness, derived) = start().await;
    let output = post(&harness, &derived, 1).await;
    claim_as_stranger(&harness, output).await;
    for _ in 0..2 {
        let (mut proposer, status) = proposer(&harness, &derived).await;
        proposer.round().await.unwrap();
        assert_eq!((status.borrow().claimed_epoch, status.borrow().alarm), (1, None));
    }
    let held = harness.client.provider().get_balance(harness.deployment.chain.settlement).await.unwrap();
    assert_eq!(held, U256::from(BOND));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_claim_is_rivalled_and_never_final() {
    let (harness, derived) = start().await;
    let right = post(&harness, &derived, 1).await;
    let wrong = OutputFields { state_root: B256::repeat_byte(0xbd), ..right };
    let wrong_claim = claim_as_stranger(&harness, wrong).await;

    let (mut proposer, status) = proposer(&harness, &derived).await;
    proposer.round().await.unwrap();
    let alarm = status.borrow().alarm;
    assert!(
        matches!(alarm, Some(Alarm::RivalClaim { epoch: 1, claim_id, .. }) if claim_id == wrong_claim),
        "{alarm:?}"
    );
    assert_eq!(status.borrow().claimed_epoch, 1);
    let settlement = FraudSettlement::new(harness.deployment.chain.settlement, harness.client.provider());
    assert_eq!(settlement.claimOf(wrong_claim).call().await.unwrap().status, ClaimStatus::Pending);

    // Later epochs build on the right claim, and nothing becomes final.
    let next = post(&harness, &derived, 2).await;
    proposer.round().await.unwrap();
    assert_eq!(status.borrow().claimed_epoch, 2);
    pass_window(&harness).await;
    proposer.round().await.unwrap();
    assert!(status.borrow().alarm.is_some());
    for output in [right, wrong, next] {
        assert!(!is_final(&harness, &output).await);
    }
}

/// Two wrong claims keep out neither the right one nor the epochs after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_slot_contested_by_wrong_claims_alone_gets_the_right_one() {
    let (harness, derived) = start().await;
    let right = post(&harness, &derived, 1).await;
    let next = post(&harness, &derived, 2).await;
    let settlement = FraudSettlement::new(harness.deployment.chain.settlement, harness.client.provider());
    let genesis = settlement.genesisClaim().call().await.unwrap();
    for (byte, key) in [(0xbd, 4), (0xbe, 5)] {
        let wrong = OutputFields { state_root: B256::repeat_byte(byte), ..right };
        claim_as(&harness, harness.anvil.keys()[key].clone(), genesis, wrong).await;
    }
    let (mut proposer, status) = proposer(&harness, &derived).await;
    proposer.round().await.unwrap();
    proposer.round().await.unwrap();
    assert!(matches!(status.borrow().alarm, Some(Alarm::RivalClaim { epoch: 1, .. })));
    assert_eq!(status.borrow().claimed_epoch, 2);
    pass_window(&harness).await;
    proposer.round().await.unwrap();
    for output in [right, next] {
        assert!(!is_final(&harness, &output).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_claim_that_became_final_stops_everything() {
    let (harness, derived) = start().await;
    let right = post(&harness, &derived, 1).await;
    let wrong = OutputFields { state_root: B256::repeat_byte(0xbd), ..right };
    let wrong_claim = claim_as_stranger(&harness, wrong).await;
    post(&harness, &derived, 2).await;
    pass_window(&harness).await;

    // Too late to rival it.
    let (mut proposer, status) = proposer(&harness, &derived).await;
    proposer.round().await.unwrap();
    assert!(matches!(status.borrow().alarm, Some(Alarm::RivalClaim { .. })));
    assert_eq!(status.borrow().claimed_epoch, 0);

    let input = FraudSettlement::finalizeCall { claimId: wrong_claim }.abi_encode().into();
    let call = L1Call { to: harness.deployment.chain.settlement.into(), input, ..L1Call::default() };
    harness.submitter(harness.user()).await.submit(call).await.unwrap();
    proposer.round().await.unwrap();
    assert_eq!(status.borrow().alarm, Some(Alarm::WrongFinalOutput { epoch: 1, output: wrong.hash() }));
    assert_eq!(status.borrow().claimed_epoch, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_a_reorg_drops_is_posted_again() {
    let (harness, derived) = start().await;
    post(&harness, &derived, 1).await;
    let (mut proposer, _) = proposer(&harness, &derived).await;
    proposer.round().await.unwrap();
    let balance =
        || async { harness.client.provider().get_balance(harness.deployment.chain.settlement).await.unwrap() };
    assert_eq!(balance().await, U256::from(BOND));
    harness.reorg(1).await;
    wait_until("the claim is gone", || async { balance().await == U256::ZERO }).await;
    proposer.round().await.unwrap();
    assert_eq!(balance().await, U256::from(BOND));
}

/// One claim is done and the next waits in the pool when L1 drops both, and whatever else the last blocks held.
#[tokio::test(flavor = "multi_thread")]
async fn claiming_goes_on_after_reorganisations_of_any_depth() {
    let (harness, derived) = start().await;
    let account = harness.anvil.keys()[3].address();
    let claims = async || {
        let filter = Filter::new()
            .address(harness.deployment.chain.settlement)
            .event_signature(FraudSettlement::ClaimPosted::SIGNATURE_HASH)
            .from_block(harness.deployment.start_block);
        harness.client.logs(&filter).await.unwrap().len() as u64
    };
    let (mut proposer, status) = proposer(&harness, &derived).await;
    let (before, mut epochs) = (claims().await, 0);
    for depth in 1..=10 {
        harness.auto_mine(true).await;
        post(&harness, &derived, depth as u8).await;
        post(&harness, &derived, depth as u8).await;
        let second = derived.0.lock().unwrap().remove(&(epochs + 2)).unwrap();
        harness.mine(10).await;
        proposer.round().await.unwrap();
        assert_eq!(claims().await, before + epochs + 1);
        harness.mine(depth - 1).await;

        harness.auto_mine(false).await;
        derived.0.lock().unwrap().insert(epochs + 2, second);
        let mined = harness.client.nonce(account).await.unwrap();
        let disturbing = async {
            let pending = || harness.client.provider().get_transaction_count(account).pending();
            wait_until("a claim waits", || async { pending().await.unwrap() > mined }).await;
            harness.reorg(depth).await;
            assert_eq!(claims().await, before + epochs, "the claim is gone");
            if depth % 2 == 0 {
                harness.client.provider().anvil_drop_all_transactions().await.unwrap();
            }
            harness.auto_mine(true).await;
        };
        let _ = tokio::join!(proposer.round(), disturbing);
        epochs += 2;
        let claiming = async {
            while claims().await != before + epochs {
                let _ = proposer.round().await;
            }
        };
        tokio::time::timeout(DEADLINE, claiming).await.expect("both are claimed again");
        assert_eq!(status.borrow().alarm, None);
    }
}
