//! kill -9 at every stage: what was promised is there again, once.

use std::time::Duration;

use tandem_sequencer::payments::{
    engine::{Hopeless, Taken},
    view::{Moment, Place},
};

use super::rig::{ETHER, L1, Rig, config, id, operation, signed, small, transfer, user};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_whenever_the_process_ends() {
    let (mut l1, directory) = (L1::new(), tempfile::tempdir().unwrap());
    l1.fund(1, ETHER);
    let start = async |l1: &L1| Rig::start(directory.path(), config(), l1).await;

    // Messages in an open batch: they are on L1.
    start(&l1).await.stop();
    let rig = start(&l1).await;
    assert_eq!(rig.balance(1, Moment::Pending), ETHER);
    rig.settle_next(&mut l1).await;

    // Acknowledged, and in an open batch.
    let hash = rig.transfer(1, 0, 2, 7).await;
    rig.stop();
    let rig = start(&l1).await;
    assert!(matches!(rig.records.transaction(hash).unwrap(), Some(Place::Pending(..))));
    assert_eq!(rig.records.nonce(user(1), Moment::Pending), 1);

    // Closed, and with a prover.
    let closed = rig.next().await.unwrap();
    rig.stop();
    let rig = start(&l1).await;
    assert_eq!(rig.next().await.unwrap(), closed, "the same batch");
    assert!(rig.store.journal().unwrap().is_empty());

    // Proven, and not on L1.
    let sealed = l1.derive(&closed);
    assert_eq!(rig.bring_back(&closed, &sealed).await, Taken::Kept);
    rig.stop();
    let rig = start(&l1).await;
    assert_eq!(rig.bring_back(&closed, &sealed).await, Taken::Known);
    let next = rig.engine.next_to_post().await.unwrap().expect("it is next");
    assert_eq!(id(&next.block), id(&closed));

    // On L1, which the process did not see.
    rig.stop();
    l1.land(&sealed);
    let rig = start(&l1).await;
    assert!(rig.engine.next_to_post().await.unwrap().is_none() && rig.next().await.is_none());
    assert_eq!(rig.bring_back(&closed, &sealed).await, Taken::Known);
    assert_eq!((rig.balance(2, Moment::Settled), rig.records.heads().settled), (7, 2));
    assert!(matches!(rig.records.transaction(hash).unwrap(), Some(Place::Block(block, 0)) if block.number == 2));

    // The chain goes on.
    rig.transfer(1, 1, 2, 1).await;
    rig.settle_next(&mut l1).await;
    assert_eq!(rig.balance(2, Moment::Settled), 8);
}

/// Money that goes from hand to hand: what spends it is applied after what pays it, whenever that is done again.
#[tokio::test(flavor = "multi_thread")]
async fn operations_are_applied_again_in_the_order_in_which_they_came() {
    let (mut l1, directory) = (L1::new(), tempfile::tempdir().unwrap());
    l1.fund(1, ETHER);
    l1.fund(2, ETHER);
    let rig = Rig::start(directory.path(), config(), &l1).await;
    rig.settle_next(&mut l1).await;
    let tenth = ETHER / 10;
    let hashes = [
        rig.transfer(1, 0, 2, 9 * tenth).await,
        rig.transfer(2, 0, 1, 15 * tenth).await,
        rig.transfer(1, 1, 3, 12 * tenth).await,
    ];
    let check = |rig: &Rig| {
        for (expected, hash) in hashes.iter().enumerate() {
            let place = rig.records.transaction(*hash).unwrap();
            assert!(matches!(&place, Some(Place::Pending(_, index)) if *index == expected), "{expected}: {place:?}");
        }
    };
    check(&rig);
    rig.stop();
    let rig = Rig::start(directory.path(), config(), &l1).await;
    check(&rig);
    // Also those of a batch that is taken back.
    let closed = rig.next().await.unwrap();
    rig.engine.give_up(id(&closed), Hopeless::Batch).await.unwrap();
    check(&rig);
    rig.settle_next(&mut l1).await;
    assert_eq!(rig.balance(3, Moment::Settled), 12 * tenth);
}

/// An operation that came before a message which would forbid it, and after those that allow it, is applied there again.
#[tokio::test(flavor = "multi_thread")]
async fn operations_stay_between_the_messages_between_which_they_came() {
    let (mut l1, directory) = (L1::new(), tempfile::tempdir().unwrap());
    l1.fund(1, ETHER);
    let rig = Rig::start(directory.path(), config(), &l1).await;
    let before = rig.transfer(1, 0, 2, 7).await;
    l1.set_key(1, 9);
    rig.tell(&l1).await;
    let after = rig.send(&signed(9, operation(1, 1, transfer(2, 1)))).await.unwrap();
    rig.stop();
    let rig = Rig::start(directory.path(), config(), &l1).await;
    assert!(matches!(rig.records.transaction(before).unwrap(), Some(Place::Pending(_, 2))));
    assert!(matches!(rig.records.transaction(after).unwrap(), Some(Place::Pending(_, 4))));
    // Also in a batch that is closed anew because no prover brought it back in time.
    let old = rig.next().await.unwrap();
    l1.timestamp += 1_801;
    l1.number += 1;
    rig.tell(&l1).await;
    rig.clock.advance(Duration::from_secs(1_200));
    let fresh = rig.next().await.unwrap();
    assert_eq!((fresh.number, fresh.timestamp), (old.number, l1.timestamp));
    for (hash, expected) in [(before, 2), (after, 4)] {
        let place = rig.records.transaction(hash).unwrap();
        assert!(
            matches!(&place, Some(Place::Block(block, index)) if block.hash == fresh.hash && *index == expected),
            "{place:?}"
        );
    }
}

/// A directory of another chain is refused, and so is an EVM's.
#[test]
fn a_store_belongs_to_one_chain() {
    use tandem_store::{Options, SequencedStore, Store, StoreError};

    let directory = tempfile::tempdir().unwrap();
    let mut other = super::rig::chain();
    drop(SequencedStore::open(directory.path(), &other, Options::default()).unwrap());
    other.l2_chain_id += 1;
    let refused = SequencedStore::open(directory.path(), &other, Options::default()).unwrap_err();
    assert!(matches!(refused, StoreError::OtherChain { .. }), "{refused}");
    let evm = tandem_support::config();
    let refused = SequencedStore::open(directory.path(), &evm, Options::default()).unwrap_err();
    assert_eq!(refused, StoreError::NotAPaymentsChain);
    let refused = Store::open(directory.path(), &evm, Options::default()).unwrap_err();
    assert!(matches!(refused, StoreError::NotAStore { .. }), "{refused}");
}

/// Tests PAY-LIMITS: an operator who has batches bounded more tightly than before (`--batch-proofs-max`) takes back none that is closed.
#[tokio::test(flavor = "multi_thread")]
async fn a_tighter_bound_takes_no_closed_batch_back() {
    let (mut l1, directory) = (L1::small(), tempfile::tempdir().unwrap());
    l1.fund(1, ETHER);
    let rig = Rig::start(directory.path(), config(), &l1).await;
    rig.settle_next(&mut l1).await;
    for nonce in 0..10 {
        rig.transfer(1, nonce, 2, 7).await;
    }
    let closed = rig.next().await.unwrap();
    assert_eq!(closed.transactions.as_ref().map(Vec::len), Some(10), "more than one chunk holds");
    rig.stop();
    let rig = Rig::start(directory.path(), small(), &l1).await;
    assert_eq!(rig.next().await.unwrap(), closed, "the same batch");
}
