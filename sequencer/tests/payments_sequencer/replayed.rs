//! What was acknowledged on the strength of a message is not given up while that message may still come.

use alloy::primitives::B256;
use tandem_payments::{data::Message, leaf::Key};
use tandem_sequencer::payments::{
    engine::EngineConfig,
    view::{Moment, Place},
};

use super::rig::{ETHER, L1, Rig, config, user};

/// User 1 has an ether and a key, which the open batch took.
async fn funded() -> (Rig, L1, tempfile::TempDir) {
    let (mut l1, directory) = (L1::new(), tempfile::tempdir().unwrap());
    l1.fund(1, ETHER);
    let rig = Rig::start(directory.path(), config(), &l1).await;
    (rig, l1, directory)
}

/// L1 as high as this one, with nothing of what happened there.
fn without(l1: &L1) -> L1 {
    L1 { number: l1.number, branch: 1, ..L1::new() }
}

/// User 1's ether and key come again: the operations that stand on them are applied, and settled.
async fn funded_again(rig: &Rig, l1: &mut L1, hashes: [B256; 2]) {
    assert!(hashes.iter().all(|hash| waits(rig, *hash)));
    l1.fund(1, ETHER);
    rig.tell(l1).await;
    assert!(hashes.iter().all(|hash| is_applied(rig, *hash)));
    rig.settle_next(l1).await;
    assert_eq!(rig.balance(2, Moment::Settled), 8);
}

fn waits(rig: &Rig, hash: B256) -> bool {
    matches!(rig.records.transaction(hash).unwrap(), Some(Place::Waiting(_)))
}

fn is_applied(rig: &Rig, hash: B256) -> bool {
    matches!(rig.records.transaction(hash).unwrap(), Some(Place::Pending(..)))
}

fn is_dropped(rig: &Rig, hash: B256) -> bool {
    matches!(rig.records.transaction(hash).unwrap(), Some(Place::Dropped(_)))
}

/// An operator who restarts with a larger `--l1-depth` has messages again that are not deep enough.
#[tokio::test(flavor = "multi_thread")]
async fn operations_wait_for_messages_that_are_not_deep_enough_any_more() {
    let (rig, mut l1, directory) = funded().await;
    let hash = rig.transfer(1, 0, 2, 7).await;
    assert!(is_applied(&rig, hash));
    rig.stop();

    let deeper = EngineConfig { l1_depth: 64, ..config() };
    let rig = Rig::start(directory.path(), deeper, &l1).await;
    assert!(waits(&rig, hash) && !rig.store.journal().unwrap().is_empty());
    l1.number += 63;
    rig.tell(&l1).await;
    assert!(waits(&rig, hash), "the deposit is deep enough, and the key is not");
    l1.number += 1;
    rig.tell(&l1).await;
    assert!(is_applied(&rig, hash));
    rig.settle_next(&mut l1).await;
    assert_eq!(rig.balance(2, Moment::Settled), 7);
}

/// L1 loses messages while the process is away, and has them again a block later: neither what was closed nor what was open is lost.
#[tokio::test(flavor = "multi_thread")]
async fn operations_wait_for_messages_that_l1_lost_while_the_process_was_away() {
    let (rig, l1, directory) = funded().await;
    let closed = rig.transfer(1, 0, 2, 7).await;
    rig.next().await.unwrap();
    let open = rig.transfer(1, 1, 2, 1).await;
    rig.stop();

    let mut other = without(&l1);
    let rig = Rig::start(directory.path(), config(), &other).await;
    funded_again(&rig, &mut other, [closed, open]).await;
}

/// L1 has the messages in another order, and none of them is deep enough yet.
#[tokio::test(flavor = "multi_thread")]
async fn operations_wait_for_messages_that_come_in_another_order() {
    let (mut l1, directory) = (L1::new(), tempfile::tempdir().unwrap());
    l1.fund(1, ETHER);
    l1.fund(2, ETHER);
    l1.number += 2;
    let deep = EngineConfig { l1_depth: 2, ..config() };
    let rig = Rig::start(directory.path(), deep, &l1).await;
    let hashes = [rig.transfer(1, 0, 3, 7).await, rig.transfer(2, 0, 3, 1).await];
    rig.next().await.unwrap();

    let mut other = without(&l1);
    other.fund(2, ETHER);
    other.fund(1, ETHER);
    rig.tell(&other).await;
    // The last two are not deep yet.
    assert!(waits(&rig, hashes[0]) && is_applied(&rig, hashes[1]));
    // New ones are taken meanwhile.
    let fresh = rig.transfer(2, 1, 3, 1).await;
    assert!(is_applied(&rig, fresh));
    other.number += 2;
    rig.tell(&other).await;
    assert!(is_applied(&rig, hashes[0]));
    rig.settle_next(&mut other).await;
    assert_eq!(rig.balance(3, Moment::Settled), 9);
}

/// Messages that do not come back are not waited for without end, and nothing else waits for them.
#[tokio::test(flavor = "multi_thread")]
async fn what_stands_on_messages_that_stay_away_is_given_up() {
    let (rig, l1, directory) = funded().await;
    let hash = rig.transfer(1, 0, 2, 7).await;
    rig.stop();

    let mut other = without(&l1);
    let rig = Rig::start(directory.path(), config(), &other).await;
    other.fund(5, ETHER);
    rig.tell(&other).await;
    let fresh = rig.transfer(5, 0, 2, 1).await;
    assert!(is_applied(&rig, fresh));
    other.number = l1.number + 15;
    rig.tell(&other).await;
    assert!(waits(&rig, hash));
    other.number += 1;
    rig.tell(&other).await;
    assert!(is_dropped(&rig, hash) && !rig.store.journal().unwrap().iter().any(|admitted| admitted.hash == hash));
}

/// L1 has as many messages as were taken, and they are others; those that were taken come behind them.
#[tokio::test(flavor = "multi_thread")]
async fn operations_wait_for_messages_that_come_behind_others() {
    let (rig, l1, _directory) = funded().await;
    let closed = rig.transfer(1, 0, 2, 7).await;
    rig.next().await.unwrap();
    let open = rig.transfer(1, 1, 2, 1).await;

    let mut other = without(&l1);
    other.fund(5, ETHER);
    rig.tell(&other).await;
    funded_again(&rig, &mut other, [closed, open]).await;
}

/// Where all messages are there that batches took, what does not follow from them is given up at once.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_message_can_help_does_not_wait() {
    let (rig, mut l1, _directory) = funded().await;
    rig.settle_next(&mut l1).await;
    let before = l1.clone();
    let hash = rig.transfer(1, 0, 2, 7).await;
    rig.next().await.unwrap();
    let mut l1 = L1 { branch: 1, ..before };
    l1.queue(Message::Forced { key: Key::eth(user(1)) });
    l1.force();
    rig.tell(&l1).await;
    assert!(is_dropped(&rig, hash), "the account is empty");
}

/// L1 takes back a batch and the message that it took: that is told at once, and when the message is back the batch goes to L1 again as it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_l1_took_back_with_its_message_is_not_called_settled() {
    let (rig, mut l1, _directory) = funded().await;
    rig.settle_next(&mut l1).await;
    let before = l1.clone();
    l1.queue(Message::Deposit { key: Key::eth(user(9)), amount: 3 });
    rig.tell(&l1).await;
    let with_message = l1.clone();
    rig.transfer(1, 0, 2, 7).await;
    let landed = rig.settle_next(&mut l1).await;
    assert_eq!((rig.records.heads().settled, rig.balance(9, Moment::Settled)), (2, 3));

    rig.tell(&L1 { branch: 1, ..before.clone() }).await;
    let heads = rig.records.heads();
    assert_eq!((heads.settled, heads.latest, rig.balance(9, Moment::Settled)), (1, 2, 0));
    let next = rig.engine.next_to_post().await.unwrap().expect("it is posted again");
    assert_eq!(next.block.hash, landed.hash);

    // The batch may be on L1 again before an endpoint that lags has the message.
    let again = L1 { number: l1.number, branch: 1, ..with_message };
    let mut landed_again = again.clone();
    landed_again.land(&landed_again.derive(&landed));
    let mut lagging = landed_again.clone();
    lagging.messages.pop();
    rig.tell(&lagging).await;
    assert_eq!((rig.records.heads().settled, rig.balance(9, Moment::Settled)), (2, 3));
    rig.tell(&L1 { branch: 2, ..before }).await;
    assert_eq!(rig.records.heads().settled, 1);

    let mut l1 = again;
    rig.tell(&l1).await;
    let next = rig.engine.next_to_post().await.unwrap().expect("it still is");
    assert_eq!(next.block.hash, landed.hash);
    l1.land(&l1.derive(&landed));
    rig.tell(&l1).await;
    assert_eq!((rig.records.heads().settled, rig.balance(9, Moment::Settled)), (2, 3));
}
