//! What L1 asks of the next batch: another entry of the schedule, with other circuits or limits, and the chain's end.

use alloy::primitives::B256;
use tandem_payments::{data::Message, leaf::Key};
use tandem_sequencer::payments::{
    engine::{EngineConfig, Hopeless, NotAdmitted, NotProven, ProvenBatch, Taken},
    view::{Moment, Place},
};

use super::rig::{ETHER, L1, Rig, SMALL, config, id, operation, proven, signed, small, transfer, user};

/// User 1 has an ether and a key, in batch 1 on L1.
async fn rig(config: EngineConfig) -> (Rig, L1, tempfile::TempDir) {
    let (mut l1, directory) = (L1::new(), tempfile::tempdir().unwrap());
    l1.fund(1, ETHER);
    let rig = Rig::start(directory.path(), config, &l1).await;
    rig.settle_next(&mut l1).await;
    (rig, l1, directory)
}

/// Another entry has matured: it begins with the next batch.
async fn mature(rig: &Rig, l1: &mut L1) {
    l1.mine();
    l1.next.entry.config_hash = B256::repeat_byte(0xc2);
    l1.next.entry.keys_hash = B256::repeat_byte(0x62);
    rig.tell(l1).await;
}

/// Tests L1-SCHED-3, PAY-CUT: batches that are closed stay what they are, and are cut for the circuits that L1 has keys of by then; what was proven for the others is worth nothing.
#[tokio::test(flavor = "multi_thread")]
async fn closed_batches_are_cut_anew_for_an_entry_that_has_matured() {
    let (rig, mut l1, directory) = rig(config()).await;
    for nonce in 0..9 {
        rig.transfer(1, nonce, 2, 7).await;
    }
    let first = rig.next().await.unwrap();
    let before = l1.derive(&first);
    assert_eq!(rig.bring_back(&first, &before).await, Taken::Kept);
    let open = rig.transfer(1, 9, 2, 7).await;
    let second = rig.next().await.unwrap();
    assert_eq!((first.number, second.number), (2, 3));
    let last = rig.transfer(1, 10, 2, 7).await;

    l1.next.circuits = SMALL;
    mature(&rig, &mut l1).await;
    assert!(rig.engine.next_to_post().await.unwrap().is_none(), "L1 would not take its proofs");
    assert_eq!(rig.next().await.unwrap(), first, "it is handed out as it was");
    assert_eq!(rig.records.heads().latest, 3);
    assert!(
        matches!(rig.records.transaction(open).unwrap(), Some(Place::Block(block, 0)) if block.hash == second.hash)
    );
    assert!(matches!(rig.records.transaction(last).unwrap(), Some(Place::Pending(..))));
    let after = l1.derive(&first);
    assert_ne!(before.circuits, after.circuits);
    // A prover that has not looked at L1 meanwhile, and one that has and cuts as before.
    let late = proven(&first, &before);
    assert_eq!(rig.engine.proven(late.clone()).await.unwrap(), Ok(Taken::Unwanted));
    let refused = rig.engine.proven(ProvenBatch { verifier: l1.next.entry.verifier(), ..late }).await.unwrap();
    assert!(matches!(refused, Err(NotProven::OtherCut { .. })), "{refused:?}");
    for batch in [&first, &second] {
        let settled = rig.settle_next(&mut l1).await;
        assert_eq!(id(&settled), id(batch));
    }
    // Also for a process that begins under it.
    rig.stop();
    let rig = Rig::start(directory.path(), config(), &l1).await;
    rig.settle_next(&mut l1).await;
    assert_eq!((rig.balance(2, Moment::Settled), rig.records.heads().settled), (77, 4));
    assert_eq!(rig.records.next_rules().unwrap(), l1.next);
}

/// Tests L1-SCHED-3: proofs that are kept are for one entry, whoever the process is that finds them: nobody posts what L1 refuses, and nobody proves again what it takes.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_begins_under_another_entry_posts_no_proofs_of_the_one_before() {
    let (rig, mut l1, directory) = rig(config()).await;
    rig.transfer(1, 0, 2, 7).await;
    let closed = rig.next().await.unwrap();
    rig.bring_back(&closed, &l1.derive(&closed)).await;
    rig.stop();

    let before = l1.clone();
    l1.mine();
    l1.next.entry.keys_hash = B256::repeat_byte(0x62);
    let rig = Rig::start(directory.path(), config(), &l1).await;
    assert!(rig.engine.next_to_post().await.unwrap().is_none(), "L1 would not take its proofs");
    assert_eq!(rig.next().await.unwrap(), closed, "it is handed out as it was");
    rig.stop();

    // L1 went back before the block at which the entry matured.
    let l1 = L1 { number: l1.number, branch: 1, ..before };
    let rig = Rig::start(directory.path(), config(), &l1).await;
    let next = rig.engine.next_to_post().await.unwrap().expect("it has its proofs");
    assert_eq!(id(&next.block), id(&closed));
}

/// Tests L1-SCHED-3: a batch that landed, and that L1 takes back to a block from which another entry counts, is proven anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_l1_takes_back_across_a_maturity_is_proven_for_the_new_entry() {
    let (rig, mut l1, _directory) = rig(config()).await;
    let before = l1.clone();
    rig.transfer(1, 0, 2, 7).await;
    let landed = rig.settle_next(&mut l1).await;

    let mut l1 = L1 { number: l1.number, branch: 1, ..before };
    mature(&rig, &mut l1).await;
    assert!(rig.engine.next_to_post().await.unwrap().is_none(), "L1 would not take its proofs");
    let again = rig.settle_next(&mut l1).await;
    assert_eq!((id(&again), rig.balance(2, Moment::Settled)), (id(&landed), 7));
}

/// Tests L1-SCHED-3: what takes more messages than a batch may by then is taken back, and what was in it goes into others.
#[tokio::test(flavor = "multi_thread")]
async fn batches_with_more_messages_than_the_next_may_take_are_closed_anew() {
    let (rig, mut l1, _directory) = rig(config()).await;
    for account in [7, 8, 9] {
        l1.queue(Message::Deposit { key: Key::eth(user(account)), amount: 3 });
    }
    rig.tell(&l1).await;
    let hash = rig.transfer(1, 0, 2, 7).await;
    let closed = rig.next().await.unwrap();
    assert_eq!((closed.number, closed.queue_end - closed.queue_start), (2, 3));

    l1.next.entry.messages_max = 2;
    mature(&rig, &mut l1).await;
    let fresh = rig.settle_next(&mut l1).await;
    assert_eq!((fresh.number, fresh.queue_end - fresh.queue_start), (2, 2));
    let rest = rig.settle_next(&mut l1).await;
    assert_eq!((rest.number, rest.queue_end - rest.queue_start), (3, 1));
    for account in [7, 8, 9] {
        assert_eq!(rig.balance(account, Moment::Settled), 3);
    }
    assert!(matches!(rig.records.transaction(hash).unwrap(), Some(Place::Block(..))));

    // One that allows more is followed as well, gas and all.
    l1.next.entry.messages_max = 64;
    l1.next.entry.message_gas_max = 400_000;
    mature(&rig, &mut l1).await;
    for account in [3, 4, 5] {
        l1.queue(Message::Deposit { key: Key::eth(user(account)), amount: 3 });
    }
    rig.tell(&l1).await;
    let two = rig.settle_next(&mut l1).await;
    assert_eq!(two.queue_end - two.queue_start, 2, "200,000 each (PAY-MESSAGE-GAS)");
}

/// Tests L1-BATCH-6, PAY-LIMITS: L1 asks for all messages that are overdue in one batch, however few chunks the operator has in one. They come before what waits again.
#[tokio::test(flavor = "multi_thread")]
async fn overdue_messages_are_taken_together_whatever_the_bound_of_proofs() {
    let (mut l1, directory) = (L1::small(), tempfile::tempdir().unwrap());
    l1.fund(1, ETHER);
    let rig = Rig::start(directory.path(), small(), &l1).await;
    rig.settle_next(&mut l1).await;
    let hash = rig.transfer(1, 0, 2, 7).await;
    let closed = rig.next().await.unwrap();
    rig.bring_back(&closed, &l1.derive(&closed)).await;
    let waiting = rig.transfer(1, 1, 2, 1).await;
    for account in 10..30 {
        l1.queue(Message::Deposit { key: Key::eth(user(account)), amount: 3 });
    }
    rig.tell(&l1).await;

    rig.engine.give_up(id(&closed), Hopeless::Overdue).await.unwrap();
    let fresh = rig.settle_next(&mut l1).await;
    assert_eq!((fresh.number, fresh.queue_end - fresh.queue_start), (2, 20), "two slots each, of six in a chunk");
    for operation in [hash, waiting] {
        assert!(
            !matches!(rig.records.transaction(operation).unwrap(), Some(Place::Block(block, _)) if block.number == 2)
        );
    }
    rig.settle_next(&mut l1).await;
    assert_eq!((rig.balance(29, Moment::Settled), rig.balance(2, Moment::Settled)), (3, 8));
}

/// An entry with another age alone voids no proof.
#[tokio::test(flavor = "multi_thread")]
async fn proofs_hold_under_an_entry_that_changes_nothing_of_theirs() {
    let (rig, mut l1, _directory) = rig(config()).await;
    rig.transfer(1, 0, 2, 7).await;
    let closed = rig.next().await.unwrap();
    rig.bring_back(&closed, &l1.derive(&closed)).await;
    l1.mine();
    l1.next.entry.age_max_s = 7_200;
    rig.tell(&l1).await;
    let next = rig.engine.next_to_post().await.unwrap().expect("it is posted as it is");
    assert_eq!((id(&next.block), next.age_max_s), (id(&closed), 7_200));
}

/// Tests PAY-FREEZE: a chain that has ended takes nothing, closes nothing and promises nothing beyond what L1 has; nothing is forgotten, should L1 take that back.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_chain_takes_and_promises_nothing() {
    let (rig, mut l1, directory) = rig(config()).await;
    let first = rig.transfer(1, 0, 2, 7).await;
    let closed = rig.next().await.unwrap();
    rig.bring_back(&closed, &l1.derive(&closed)).await;
    let second = rig.transfer(1, 1, 2, 1).await;
    let before = l1.clone();

    l1.mine();
    l1.frozen_at = Some(l1.timestamp);
    rig.tell(&l1).await;
    let refused = rig.send(&signed(1, operation(1, 2, transfer(2, 1)))).await.unwrap_err();
    assert_eq!(refused, NotAdmitted::Frozen { at: l1.timestamp });
    assert_eq!(refused.to_string(), format!("the chain ended at L1 time {}: leave with tandem escape", l1.timestamp));
    assert_eq!((rig.records.frozen_at(), rig.records.heads().latest), (l1.frozen_at, 1));
    assert!(rig.next().await.is_none() && rig.engine.next_to_post().await.unwrap().is_none());
    assert_eq!((rig.balance(2, Moment::Latest), rig.balance(2, Moment::Pending)), (0, 0), "what L1 has, and pays");
    for hash in [first, second] {
        assert!(matches!(rig.records.transaction(hash).unwrap(), Some(Place::Waiting(_))));
    }
    // Also for a process that begins on it.
    rig.stop();
    let rig = Rig::start(directory.path(), config(), &l1).await;
    assert!(rig.next().await.is_none() && rig.records.pending().is_none());
    assert_eq!(rig.store.journal().unwrap().len(), 2);

    let mut l1 = L1 { number: l1.number, branch: 1, ..before };
    rig.tell(&l1).await;
    assert_eq!(rig.records.frozen_at(), None);
    rig.settle_next(&mut l1).await;
    assert_eq!(rig.balance(2, Moment::Settled), 8);
}
