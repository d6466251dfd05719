//! The engine against an L1 that is a test: what it promises, and what L1 overrules.

mod common;

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, mpsc},
    task::{Context, Poll, Wake, Waker},
};

use alloy::{
    primitives::{Address, B256},
    sol,
};
use common::{DEADLINE, ETHER, Rig, call, config, deposit, transfer, user};
use tandem_chain::{DataKind, L1Batch, L1Data};
use tandem_evm::predeploys::ADDRESS_TABLE;
use tandem_sequencer::{
    engine::{AskError, EngineHandle},
    mempool::{Dropped, Fate, Refused},
    settled::{self, Settled},
};
use tandem_store::Store;

sol! {
    function register(address account) external returns (uint64 index);
}

#[tokio::test]
async fn a_deposit_funds_and_a_transfer_moves() {
    let directory = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(directory.path(), config(3_600_000)).await;
    let (alice, bob) = (user(1), Address::repeat_byte(0xb0));
    assert!(matches!(
        rig.engine.submit(transfer(&alice, 0, bob, 1)).await,
        Err(AskError::Refused(Refused::InsufficientFunds { .. }))
    ));
    rig.deposit(alice.address(), ETHER).await;
    let hash = rig.engine.submit(transfer(&alice, 1, bob, 5)).await.unwrap();
    rig.wait_included(hash).await;
    assert!(rig.store.journal().unwrap().is_empty());
    assert!(matches!(
        rig.engine.submit(transfer(&alice, 1, bob, 5)).await,
        Err(AskError::Refused(Refused::NonceTooLow { next: 2, nonce: 1 }))
    ));
    rig.stop();
}

#[tokio::test]
async fn what_was_acknowledged_survives_the_end_of_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let (alice, bob) = (user(1), Address::repeat_byte(0xb0));
    let mut rig = Rig::start(directory.path(), config(3_600_000)).await;
    rig.deposit(alice.address(), ETHER).await;
    // Behind a nonce gap, so that it cannot be executed before the end.
    let waiting = rig.engine.submit(transfer(&alice, 2, bob, 5)).await.unwrap();
    let head = rig.store.head().unwrap();
    rig.stop();

    let rig = Rig::start(directory.path(), config(3_600_000)).await;
    assert!(rig.store.head().unwrap().number >= head.number);
    assert_eq!(rig.store.block_hash(head.number).unwrap(), Some(head.hash), "no block is forgotten or replaced");
    assert!(rig.engine.pool().get(&waiting).is_some());
    let filler = rig.engine.submit(transfer(&alice, 1, bob, 5)).await.unwrap();
    rig.wait_included(filler).await;
    rig.wait_included(waiting).await;
    rig.stop();
}

#[tokio::test]
async fn a_closed_batch_survives_and_lands_once() {
    let directory = tempfile::tempdir().unwrap();
    let alice = user(1);
    let mut rig = Rig::start(directory.path(), config(0)).await;
    rig.deposit(alice.address(), ETHER).await;
    rig.wait("batch closed", |store| !store.jobs().unwrap().is_empty()).await;
    let job = rig.store.jobs().unwrap().remove(0);
    rig.stop();

    let mut rig = Rig::start(directory.path(), config(0)).await;
    assert_eq!(rig.store.jobs().unwrap().first(), Some(&job));
    let header = rig.land().await;
    let record = rig.store.last_batch().unwrap().unwrap();
    assert_eq!((record.header, record.first_block, record.last_block), (header, job.first_block, job.last_block));
    assert_eq!(record.output.queue_index, 1);
    assert_eq!(record.output.batch_hash, header.hash());
    rig.stop();
}

#[tokio::test]
async fn a_forced_batch_displaces_and_what_it_displaced_is_sequenced_again() {
    let directory = tempfile::tempdir().unwrap();
    let (alice, bob) = (user(1), Address::repeat_byte(0xb0));
    let mut rig = Rig::start(directory.path(), config(3_600_000)).await;
    rig.deposit(alice.address(), ETHER).await;
    let hash = rig.engine.submit(transfer(&alice, 1, bob, 5)).await.unwrap();
    rig.wait_included(hash).await;
    let before = rig.store.transaction_place(hash).unwrap().unwrap();
    let displaced = rig.store.block_hash(before.block_number).unwrap().unwrap();

    let checkpoint = rig.store.checkpoint_at_or_before(u64::MAX).unwrap().unwrap();
    let header = rig.header(1, DataKind::None, B256::ZERO, checkpoint);
    let forced = L1Batch { header, checkpoint, data: L1Data::None };
    rig.engine.foreign(forced, rig.messages.clone(), rig.place()).await.unwrap();

    let record = rig.store.last_batch().unwrap().unwrap();
    assert_eq!(record.header, header);
    assert_eq!((record.first_block, record.last_block), (1, 1), "one block, from the queue alone");
    // The next batch may not name an older checkpoint than the forced one did, and a newer one must first be deep enough.
    rig.l1_block(vec![]).await;
    rig.l1_block(vec![]).await;
    rig.wait_included(hash).await;
    assert!(rig.store.transaction_place(hash).unwrap().unwrap().block_number > 1);
    assert_eq!(rig.store.block_number(displaced).unwrap(), None, "the displaced block is gone");
    rig.stop();
}

#[tokio::test]
async fn a_reorganised_batch_is_posted_again_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let alice = user(1);
    let mut rig = Rig::start(directory.path(), config(0)).await;
    rig.deposit(alice.address(), ETHER).await;
    rig.land().await;
    let landed = rig.store.last_batch().unwrap().unwrap();
    let hash = rig.store.block_hash(landed.last_block).unwrap();

    rig.engine.l1_reorg(landed.l1_number - 1).await.unwrap();
    rig.l1_number = landed.l1_number - 1;
    assert_eq!(rig.store.last_batch().unwrap(), None);
    let job = rig.store.jobs().unwrap().remove(0);
    assert_eq!((job.first_block, job.last_block), (landed.first_block, landed.last_block));
    assert_eq!(rig.store.block_hash(landed.last_block).unwrap(), hash, "the same blocks");
    rig.land().await;
    assert_eq!(rig.store.last_batch().unwrap().unwrap().output.last_block_hash, landed.output.last_block_hash);
    rig.stop();
}

#[tokio::test]
async fn a_message_that_l1_replaced_is_executed_as_l1_has_it() {
    let directory = tempfile::tempdir().unwrap();
    let (alice, mallory) = (user(1), user(2));
    let mut rig = Rig::start(directory.path(), config(3_600_000)).await;
    let fork = rig.l1_number;
    rig.deposit(mallory.address(), ETHER).await;
    rig.engine.l1_reorg(fork).await.unwrap();
    rig.l1_number = fork;
    rig.messages.clear();
    rig.l1_block(vec![deposit(alice.address(), ETHER)]).await;
    rig.l1_block(vec![]).await;
    let expected = tandem_evm::DepositTransaction::from_message(0, &deposit(alice.address(), ETHER));
    let expected = tandem_evm::Transaction::Deposit(expected).hash();
    rig.wait_included(expected).await;
    assert!(matches!(
        rig.engine.submit(transfer(&mallory, 1, alice.address(), 1)).await,
        Err(AskError::Refused(Refused::InsufficientFunds { .. }))
    ));
    rig.stop();
}

#[tokio::test]
async fn blocks_outlive_their_messages_only_while_these_may_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let (alice, bob) = (user(1), Address::repeat_byte(0xb0));
    let mut rig = Rig::start(directory.path(), config(3_600_000)).await;
    // The open batch names a checkpoint that L1 keeps.
    rig.deposit(bob, ETHER).await;
    let (fork, kept) = (rig.l1_number, rig.messages.len());
    rig.deposit(alice.address(), ETHER).await;
    let hash = rig.engine.submit(transfer(&alice, 1, bob, 5)).await.unwrap();
    rig.wait_included(hash).await;
    let promised = rig.store.head().unwrap();

    rig.engine.l1_reorg(fork).await.unwrap();
    let old_l1_head = std::mem::replace(&mut rig.l1_number, fork);
    rig.messages.truncate(kept);
    while rig.l1_number < old_l1_head + 15 {
        rig.l1_block(vec![]).await;
    }
    assert_eq!(rig.store.block_hash(promised.number).unwrap(), Some(promised.hash), "still promised");
    rig.l1_block(vec![]).await;
    assert_eq!(rig.store.transaction_place(hash).unwrap(), None, "taken back");
    assert!(rig.engine.pool().get(&hash).is_some(), "and waits for money again");
    rig.deposit(alice.address(), ETHER).await;
    rig.wait_included(hash).await;
    rig.stop();
}

#[tokio::test]
async fn a_registered_address_is_posted_by_its_index() {
    let directory = tempfile::tempdir().unwrap();
    let (alice, bob, carol) = (user(1), Address::repeat_byte(0xb0), Address::repeat_byte(0xca));
    let mut rig = Rig::start(directory.path(), config(0)).await;
    rig.deposit(alice.address(), ETHER).await;
    rig.land().await;
    let posts = |store: &Store, address: Address| {
        store.jobs().unwrap().last().unwrap().payload.windows(20).any(|bytes| bytes == address.as_slice())
    };
    for (nonce, transaction, posts_bob) in [
        (1, call(&alice, 1, ADDRESS_TABLE, &registerCall { account: bob }), true),
        (2, transfer(&alice, 2, bob, 5), false),
        (3, transfer(&alice, 3, carol, 5), false),
    ] {
        let hash = rig.engine.submit(transaction).await.unwrap();
        rig.wait_included(hash).await;
        let block = rig.store.transaction_place(hash).unwrap().unwrap().block_number;
        rig.wait("batch closed", |store| store.jobs().unwrap().last().is_some_and(|job| job.last_block >= block)).await;
        assert_eq!((posts(&rig.store, bob), posts(&rig.store, carol)), (posts_bob, nonce == 3), "{nonce}");
        rig.land().await;
    }
    rig.stop();
}

#[tokio::test]
async fn what_is_acknowledged_beside_a_reorganisation_is_not_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let (alice, bob) = (user(1), Address::repeat_byte(0xb0));
    let mut rig = Rig::start(directory.path(), config(3_600_000)).await;
    rig.deposit(alice.address(), ETHER).await;
    let mut hashes = Vec::new();
    for nonce in 0..50 {
        let funded = |store: &Store| store.queue_index_after(store.head().unwrap().number).unwrap() == Some(1);
        rig.wait("deposit executed", funded).await;
        let (submitted, resequenced) =
            tokio::join!(rig.engine.submit(transfer(&alice, 1 + nonce, bob, 5)), rig.engine.resequence());
        resequenced.unwrap();
        hashes.extend(submitted.ok());
    }
    assert_eq!(hashes.len(), 50);
    for hash in hashes {
        assert!(rig.engine.pool().get(&hash).is_some() || rig.store.transaction_place(hash).unwrap().is_some());
    }
    rig.stop();
}

#[tokio::test]
async fn what_is_displaced_is_sequenced_again_however_much_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let (alice, bob) = (user(1), Address::repeat_byte(0xb0));
    let mut rig = Rig::start(directory.path(), config(3_600_000)).await;
    rig.deposit(alice.address(), ETHER).await;
    let mut last = B256::ZERO;
    // More than one sender may have in the mempool at a time.
    for nonce in 1..=300 {
        last = rig.engine.submit(transfer(&alice, nonce, bob, 5)).await.unwrap();
        if nonce % 100 == 0 {
            rig.wait_included(last).await;
        }
    }
    rig.engine.resequence().await.unwrap();
    rig.wait_included(last).await;
    assert!(rig.store.journal().unwrap().is_empty());
    rig.stop();
}

#[tokio::test]
async fn blocks_do_not_outlive_the_checkpoint_that_they_name() {
    let directory = tempfile::tempdir().unwrap();
    let (alice, bob) = (user(1), Address::repeat_byte(0xb0));
    let mut rig = Rig::start(directory.path(), config(3_600_000)).await;
    rig.deposit(alice.address(), ETHER).await;
    let hash = rig.engine.submit(transfer(&alice, 1, bob, 5)).await.unwrap();
    rig.wait_included(hash).await;
    let promised = rig.store.head().unwrap();

    // L1 has the same messages again, but the checkpoints are of other blocks.
    rig.engine.l1_reorg(0).await.unwrap();
    let messages = std::mem::take(&mut rig.messages);
    rig.l1_number = 0;
    rig.l1_base_fee += 1;
    rig.l1_block(vec![]).await;
    rig.l1_block(messages).await;
    rig.l1_block(vec![]).await;
    rig.wait_included(hash).await;
    assert_ne!(rig.store.block_hash(promised.number).unwrap(), Some(promised.hash));
    rig.stop();
}

#[tokio::test]
async fn what_l1_made_final_is_settled() {
    let directory = tempfile::tempdir().unwrap();
    let alice = user(1);
    let mut rig = Rig::start(directory.path(), config(0)).await;
    rig.deposit(alice.address(), ETHER).await;
    rig.land().await;
    rig.deposit(alice.address(), ETHER).await;
    rig.land().await;
    let output = |index| rig.store.batch(index).unwrap().unwrap().output.hash();
    let genesis = tandem_evm::genesis(&common::chain()).unwrap().output.hash();
    let find = |output| settled::find(&rig.store, genesis, 20, output).unwrap();
    assert_eq!(find(genesis), Settled::Genesis, "what L1 makes final when the contracts are deployed");
    assert_eq!(find(B256::repeat_byte(1)), Settled::Unknown);
    assert_eq!((find(output(1)), find(output(2))), (Settled::Batch(1), Settled::Batch(2)));
    rig.store.finish_l1_block(21, &[2]).unwrap();
    assert_eq!(find(output(2)), Settled::Batch(2), "twice is once");
    assert_eq!(rig.store.last_settled().unwrap().unwrap().header.index, 2);
    rig.stop();
}

/// Calls a function on the thread that wakes, at that moment.
struct OnWake<F>(F);

impl<F: Fn() + Send + Sync> Wake for OnWake<F> {
    fn wake(self: Arc<Self>) {
        (self.0)()
    }
}

/// A moment, and whether the store and the pool's view had the transaction then.
type Seen = (&'static str, bool, bool);

/// What was seen at the moments when the engine told something.
#[derive(Clone)]
struct Witness {
    store: Store,
    engine: EngineHandle,
    hash: B256,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Witness {
    /// Whether the store has the transaction, and whether the pool shows it.
    fn look(&self, moment: &'static str) {
        let in_store = self.store.transaction_place(self.hash).unwrap().is_some();
        let in_pool = self.engine.pool().get(&self.hash).is_some();
        self.seen.lock().unwrap().push((moment, in_store, in_pool));
    }

    /// Waits for a future, and looks whenever the engine wakes it. `begin` runs when it waits.
    fn watch<T>(&self, moment: &'static str, future: impl Future<Output = T>, begin: impl FnOnce()) -> T {
        let (sender, woken) = mpsc::channel();
        let witness = self.clone();
        let waker = Waker::from(Arc::new(OnWake(move || {
            witness.look(moment);
            let _ = sender.send(());
        })));
        let (mut context, mut future) = (Context::from_waker(&waker), pin!(future));
        let mut begin = Some(begin);
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return value;
            }
            if let Some(begin) = begin.take() {
                begin();
            }
            woken.recv_timeout(DEADLINE).expect(moment);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_moment_that_the_engine_tells_of_a_transaction_can_be_found() {
    let directory = tempfile::tempdir().unwrap();
    let (alice, bob) = (user(1), Address::repeat_byte(0xb0));
    let mut rig = Rig::start(directory.path(), config(3_600_000)).await;
    rig.deposit(alice.address(), ETHER).await;
    let transaction = transfer(&alice, 2, bob, 5);
    let hash = *transaction.transaction().hash();
    let witness = Witness { store: rig.store.clone(), engine: rig.engine.clone(), hash, seen: Arc::default() };

    // Behind a gap, so that no block takes it yet.
    witness.watch("answer", rig.engine.submit(transaction), || {}).unwrap();
    witness.look("answered");
    let mut head = rig.engine.head();
    head.borrow_and_update();
    let engine = rig.engine.clone();
    let fill = || drop(tokio::spawn(async move { engine.submit(transfer(&alice, 1, bob, 5)).await }));
    witness.watch("inclusion", head.changed(), fill).unwrap();
    rig.wait("the pool is brought up to the block", |_| rig.engine.pool().get(&hash).is_none()).await;
    head.borrow_and_update();
    let engine = rig.engine.clone();
    let take_back = || drop(tokio::spawn(async move { engine.resequence().await }));
    witness.watch("taking back", head.changed(), take_back).unwrap();

    let seen = witness.seen.lock().unwrap().clone();
    let at = |moment: &'static str| {
        seen.iter().filter(move |(at, ..)| *at == moment).map(|(_, store, pool)| (*store, *pool))
    };
    assert!(at("answer").all(|(_, in_pool)| in_pool), "in the view before the answer: {seen:?}");
    assert!(at("answered").all(|seen| seen == (false, true)), "{seen:?}");
    assert!(at("inclusion").all(|seen| seen == (true, true)), "readable when told, and still in the view: {seen:?}");
    assert!(at("taking back").all(|(_, in_pool)| in_pool), "in the view before it is out of the store: {seen:?}");
    assert!(at("inclusion").count() > 0 && at("taking back").count() > 0, "{seen:?}");
    rig.wait_included(hash).await;
    rig.stop();
}

#[tokio::test]
async fn what_is_dropped_is_told_with_its_reason() {
    let directory = tempfile::tempdir().unwrap();
    let (alice, bob, carol) = (user(1), user(2), Address::repeat_byte(0xca));
    let mut small = config(3_600_000);
    small.mempool.transactions_max = 2;
    let mut rig = Rig::start(directory.path(), small).await;
    let fork = rig.l1_number;
    rig.deposit(alice.address(), ETHER).await;
    rig.deposit(bob.address(), ETHER).await;
    let reason = |rig: &Rig, hash: B256| match rig.engine.pool().fate(&hash) {
        Some(Fate::Dropped(reason)) => Some(reason),
        Some(Fate::Waiting { .. }) | None => None,
    };
    // Behind gaps: the one with a lower nonce makes room for one that can be executed.
    let behind = rig.engine.submit(transfer(&alice, 3, carol, 5)).await.unwrap();
    let further = rig.engine.submit(transfer(&alice, 4, carol, 5)).await.unwrap();
    let by = rig.engine.submit(transfer(&bob, 1, carol, 5)).await.unwrap();
    assert_eq!(reason(&rig, further), Some(Dropped::Displaced { by }));
    rig.wait_included(by).await;
    // L1 makes alice send what takes the nonce.
    rig.l1_block(vec![deposit(alice.address(), 1); 3]).await;
    rig.l1_block(vec![]).await;
    rig.wait("the nonce is used", |_| reason(&rig, behind) == Some(Dropped::NonceUsed { next: 4 })).await;
    let again = rig.engine.submit(transfer(&alice, 4, carol, 5)).await.unwrap();
    assert_eq!(again, further, "what was displaced may come again");
    rig.wait_included(further).await;
    assert_eq!(reason(&rig, further), None);
    assert!(rig.store.journal().unwrap().is_empty());

    // L1 loses alice's money, and what she promised waits for it. What comes instead is not enough.
    rig.engine.l1_reorg(fork).await.unwrap();
    rig.l1_number = fork;
    rig.messages.clear();
    rig.l1_block(vec![deposit(alice.address(), 1); 4]).await;
    rig.l1_block(vec![]).await;
    let is_poor = |reason: Option<Dropped>| matches!(reason, Some(Dropped::Refused(Refused::InsufficientFunds { .. })));
    rig.wait("alice cannot pay", |_| is_poor(reason(&rig, further))).await;
    assert!(rig.engine.pool().get(&further).is_none());
    assert!(rig.store.journal().unwrap().iter().all(|waiting| *waiting.transaction().hash() != further));
    rig.stop();
}
