//! kill -9 at every stage: what was promised is there again, once.

use tandem_sequencer::payments::{
    engine::Taken,
    view::{Moment, Place},
};

use super::rig::{ETHER, L1, Rig, config, id, user};

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
