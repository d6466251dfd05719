//! What L1 overrules.

use alloy::primitives::{B256, Bytes};
use tandem_payments::data::Message;
use tandem_sequencer::payments::{
    engine::{EngineConfig, Taken},
    view::{Moment, Place},
};
use tandem_store::ProvenCall;

use super::rig::{ETHER, L1, Rig, config, id, user};

/// User 1 has an ether and a key, in batch 1 on L1.
async fn rig(config: EngineConfig) -> (Rig, L1, tempfile::TempDir) {
    let (mut l1, directory) = (L1::new(), tempfile::tempdir().unwrap());
    l1.fund(1, ETHER);
    let rig = Rig::start(directory.path(), config, &l1).await;
    rig.settle_next(&mut l1).await;
    (rig, l1, directory)
}

/// A forced batch takes the place of closed ones, proven or not; what they held waits again and is in the next, unless its nonce was used.
#[tokio::test(flavor = "multi_thread")]
async fn another_authors_batch_displaces_closed_ones() {
    let (rig, mut l1, directory) = rig(config()).await;
    let first = rig.transfer(1, 0, 2, 7).await;
    let closed = rig.next().await.unwrap();
    let sealed = l1.derive(&closed);
    rig.bring_back(&closed, &sealed).await;
    let second = rig.transfer(1, 1, 2, 1).await;
    let open = rig.next().await.unwrap();
    assert_eq!((closed.number, open.number), (2, 3));

    l1.queue(Message::Deposit { key: tandem_payments::leaf::Key::eth(user(9)), amount: 3 });
    let forced = l1.force();
    rig.tell(&l1).await;
    assert_eq!((rig.records.heads().settled, rig.records.heads().latest), (2, 2));
    assert_eq!(rig.records.hash(2).unwrap(), Some(forced.block.hash));
    let block = rig.records.block(2).unwrap().unwrap();
    assert_eq!(block.transactions.as_ref().unwrap().len(), 1, "what is in a forced batch, L1 tells");
    assert_eq!(rig.balance(9, Moment::Settled), 3);
    // Both wait for the next batch, in their order.
    assert!(rig.engine.next_to_post().await.unwrap().is_none());
    assert!(!rig.store.proven_hashes().unwrap().contains(&closed.hash), "and its proof is of no use");
    assert_eq!(rig.bring_back(&closed, &sealed).await, Taken::Unwanted);
    for hash in [first, second] {
        assert!(matches!(rig.records.transaction(hash).unwrap(), Some(Place::Pending(..))));
    }
    // Also for a process that begins now.
    rig.stop();
    let rig = Rig::start(directory.path(), config(), &l1).await;
    let again = rig.settle_next(&mut l1).await;
    assert_eq!((again.number, again.transactions.as_ref().unwrap().len()), (3, 2));
    assert_eq!(rig.balance(2, Moment::Settled), 8);
}

/// L1 takes back proven batches: those that still follow are posted again as they were.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_l1_took_back_is_posted_again_as_it_was() {
    let (rig, mut l1, directory) = rig(config()).await;
    let before = l1.clone();
    rig.transfer(1, 0, 2, 7).await;
    let first = rig.settle_next(&mut l1).await;
    rig.transfer(1, 1, 2, 1).await;
    let second = rig.settle_next(&mut l1).await;
    let landed = l1.clone();

    let mut l1 = L1 { number: landed.number, branch: 1, ..before };
    rig.tell(&l1).await;
    assert_eq!((rig.records.heads().settled, rig.records.heads().latest), (1, 3));
    assert_eq!(rig.balance(2, Moment::Latest), 8, "the sequencer stands by its word");
    assert!(rig.next().await.is_none(), "nobody proves anything again");
    // Also after a restart.
    rig.stop();
    let rig = Rig::start(directory.path(), config(), &l1).await;
    for expected in [&first, &second] {
        let next = rig.engine.next_to_post().await.unwrap().expect("it is posted again");
        assert_eq!(id(&next.block), id(expected));
        l1.land(&l1.derive(expected));
        rig.tell(&l1).await;
    }
    assert_eq!((rig.records.heads().settled, rig.balance(2, Moment::Settled)), (3, 8));

    // What L1 has finalised nobody asks for again.
    l1.finalized = l1.number;
    l1.number += 1;
    rig.tell(&l1).await;
    assert!(rig.store.proven_hashes().unwrap().is_empty());
    assert_eq!(rig.records.heads().finalized, 3);
    // Nor does a process that begins keep what is left of batches that are none any more.
    let left = ProvenCall { verifier: l1.next.entry.verifier(), arguments: Bytes::from_static(b"left") };
    rig.store.put_proven(B256::repeat_byte(7), &left).unwrap();
    rig.stop();
    let rig = Rig::start(directory.path(), config(), &l1).await;
    assert_eq!((rig.store.proven_hashes().unwrap(), rig.records.heads().finalized), (Vec::new(), 3));
}

/// A reorganisation changes a message that batches consumed: they are taken back, and what else was in them waits again.
#[tokio::test(flavor = "multi_thread")]
async fn batches_whose_messages_are_others_now_are_closed_anew() {
    let (rig, mut l1, _directory) = rig(config()).await;
    let before = l1.clone();
    let hash = rig.transfer(1, 0, 2, 7).await;
    l1.queue(Message::Deposit { key: tandem_payments::leaf::Key::eth(user(9)), amount: 3 });
    rig.tell(&l1).await;
    let closed = rig.next().await.unwrap();
    assert_eq!(closed.transactions.as_ref().unwrap().len(), 2);
    l1.queue(Message::Forced { key: tandem_payments::leaf::Key::eth(user(8)) });
    rig.tell(&l1).await;

    let mut l1 = L1 { branch: 1, ..before };
    l1.queue(Message::Deposit { key: tandem_payments::leaf::Key::eth(user(9)), amount: 4 });
    l1.number += 5;
    rig.tell(&l1).await;
    assert_eq!(rig.records.heads().latest, 1);
    assert!(matches!(rig.records.transaction(hash).unwrap(), Some(Place::Pending(..))));
    let again = rig.settle_next(&mut l1).await;
    assert_eq!(again.number, 2);
    assert_eq!((rig.balance(9, Moment::Settled), rig.balance(2, Moment::Settled)), (4, 7));
}

/// Messages that L1 lacks for a moment, because an endpoint lags or blocks are replaced, undo nothing; those that do not come back do.
#[tokio::test(flavor = "multi_thread")]
async fn messages_may_be_missing_for_a_while() {
    let (rig, mut l1, _directory) = rig(config()).await;
    let lagging = l1.clone();
    l1.queue(Message::Deposit { key: tandem_payments::leaf::Key::eth(user(9)), amount: 3 });
    rig.tell(&l1).await;
    let hash = rig.transfer(1, 0, 2, 7).await;
    let closed = rig.next().await.unwrap();
    for number in [lagging.number, l1.number + 15] {
        rig.tell(&L1 { number, ..lagging.clone() }).await;
        assert_eq!(rig.next().await.unwrap(), closed, "they may come again");
    }
    rig.tell(&l1).await;
    assert_eq!(rig.next().await.unwrap(), closed, "they did");

    let mut l1 = L1 { number: l1.number + 16, branch: 1, ..lagging };
    rig.tell(&l1).await;
    assert_eq!(rig.records.heads().latest, 1);
    assert!(matches!(rig.records.transaction(hash).unwrap(), Some(Place::Pending(..))));
    rig.settle_next(&mut l1).await;
    assert_eq!((rig.balance(9, Moment::Settled), rig.balance(2, Moment::Settled)), (0, 7));
}

/// Messages wait until L1 is deep enough above them.
#[tokio::test(flavor = "multi_thread")]
async fn messages_are_taken_at_their_depth() {
    let (mut l1, directory) = (L1::new(), tempfile::tempdir().unwrap());
    l1.fund(1, ETHER);
    let rig = Rig::start(directory.path(), EngineConfig { l1_depth: 2, ..config() }, &l1).await;
    assert!(rig.next().await.is_none());
    l1.number += 1;
    rig.tell(&l1).await;
    let taken = || rig.records.pending().map_or(0, |pending| pending.transactions.len());
    assert_eq!(taken(), 1, "the deposit, and not yet the key");
    l1.number += 1;
    rig.tell(&l1).await;
    assert_eq!(taken(), 2);
}

/// A fresh directory beside a chain that has gone on: L1 tells what there is.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_has_lost_everything_goes_on_from_l1() {
    let (rig, mut l1, _directory) = rig(config()).await;
    let hash = rig.transfer(1, 0, 2, 7).await;
    let block = rig.settle_next(&mut l1).await;
    rig.stop();
    let directory = tempfile::tempdir().unwrap();
    let rig = Rig::start(directory.path(), config(), &l1).await;
    assert_eq!(rig.records.hash(2).unwrap(), Some(block.hash));
    assert_eq!(rig.records.block(2).unwrap().unwrap().transactions, None, "who signed what, L1 does not tell");
    assert!(rig.records.transaction(hash).unwrap().is_none());
    assert_eq!((rig.balance(2, Moment::Settled), rig.records.nonce(user(1), Moment::Pending)), (7, 1));
    rig.transfer(1, 1, 2, 1).await;
    rig.settle_next(&mut l1).await;
    assert_eq!(rig.balance(2, Moment::Settled), 8);
}
