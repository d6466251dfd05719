//! The engine against an L1 that is a test: what it promises, and what L1 overrules.

mod common;

use alloy::{
    primitives::{Address, B256},
    sol,
};
use common::{ETHER, Rig, call, config, deposit, transfer, user};
use tandem_chain::{DataKind, L1Batch, L1Data};
use tandem_evm::predeploys::ADDRESS_TABLE;
use tandem_sequencer::{
    engine::SubmitError,
    mempool::Refused,
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
        Err(SubmitError::Refused(Refused::InsufficientFunds { .. }))
    ));
    rig.deposit(alice.address(), ETHER).await;
    let hash = rig.engine.submit(transfer(&alice, 1, bob, 5)).await.unwrap();
    rig.wait_included(hash).await;
    assert!(rig.store.journal().unwrap().is_empty());
    assert!(matches!(
        rig.engine.submit(transfer(&alice, 1, bob, 5)).await,
        Err(SubmitError::Refused(Refused::NonceTooLow { next: 2, nonce: 1 }))
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
    assert!(rig.engine.waiting(waiting).await.unwrap().is_some());
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
        Err(SubmitError::Refused(Refused::InsufficientFunds { .. }))
    ));
    rig.stop();
}

#[tokio::test]
async fn blocks_outlive_their_messages_only_while_these_may_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let (alice, bob) = (user(1), Address::repeat_byte(0xb0));
    let mut rig = Rig::start(directory.path(), config(3_600_000)).await;
    let fork = rig.l1_number;
    rig.deposit(alice.address(), ETHER).await;
    let hash = rig.engine.submit(transfer(&alice, 1, bob, 5)).await.unwrap();
    rig.wait_included(hash).await;
    let promised = rig.store.head().unwrap();

    rig.engine.l1_reorg(fork).await.unwrap();
    let old_l1_head = std::mem::replace(&mut rig.l1_number, fork);
    rig.messages.clear();
    while rig.l1_number < old_l1_head + 15 {
        rig.l1_block(vec![]).await;
    }
    assert_eq!(rig.store.block_hash(promised.number).unwrap(), Some(promised.hash), "still promised");
    rig.l1_block(vec![]).await;
    assert_eq!(rig.store.transaction_place(hash).unwrap(), None, "taken back");
    assert!(rig.engine.waiting(hash).await.unwrap().is_some(), "and waits for money again");
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
        assert!(
            rig.engine.waiting(hash).await.unwrap().is_some() || rig.store.transaction_place(hash).unwrap().is_some()
        );
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
async fn what_l1_made_final_is_settled_until_l1_takes_it_back() {
    let directory = tempfile::tempdir().unwrap();
    let alice = user(1);
    let mut rig = Rig::start(directory.path(), config(0)).await;
    rig.deposit(alice.address(), ETHER).await;
    rig.land().await;
    rig.deposit(alice.address(), ETHER).await;
    rig.land().await;
    let output = |index| rig.store.batch(index).unwrap().unwrap().output.hash();
    let settled = || settled::last(&rig.store).unwrap().map(|batch| batch.header.index);
    let genesis = tandem_evm::genesis(&common::chain()).unwrap().output.hash();
    let record = |l1_number, output| settled::record(&rig.store, genesis, l1_number, output).unwrap();
    assert_eq!(record(1, genesis), Settled::Genesis, "what L1 makes final when the contracts are deployed");
    assert_eq!(record(20, B256::repeat_byte(1)), Settled::Unknown);
    assert_eq!(settled(), None, "neither is an output after a batch");
    for _ in 0..2 {
        assert_eq!(record(20, output(1)), Settled::Batch(1));
        assert_eq!(settled(), Some(1), "twice is once");
    }
    record(21, output(2));
    assert_eq!(settled(), Some(2));
    settled::unwind(&rig.store, 20).unwrap();
    assert_eq!(settled(), Some(1));
    settled::unwind(&rig.store, 19).unwrap();
    assert_eq!(settled(), None);
    rig.stop();
}
