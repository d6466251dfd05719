//! More waits than a batch holds: full means closed, the next one opens at once, and nothing waits for the closing.

mod common;

use std::time::Duration;

use alloy::{
    consensus::TxEip1559,
    primitives::{Address, B256, TxKind, keccak256},
    signers::local::PrivateKeySigner,
};
use common::{chain, config, data, plain, sign, steps::Steps, transfer, user, zeros};
use tandem_chain::{ChainConfig, batch::CALLDATA_BYTES_MAX, work::payload_work_gas};
use tandem_evm::{Recovered, Transaction};
use tandem_sequencer::{
    batch::BatchPolicy,
    clock::ManualClock,
    data::{BLOB_PAYLOAD_BYTES_MAX, DataMode},
    engine::EngineConfig,
};
use tandem_service::Readiness;
use tandem_store::{BatchJob, Store};

/// Most payload bytes of batches that are small here.
const SMALL_BYTES: usize = 40_000;

fn config_of(data: DataMode, payload_bytes_max: usize) -> EngineConfig {
    let config = config(3_600_000);
    EngineConfig { batch: BatchPolicy { data, payload_bytes_max, ..config.batch }, ..config }
}

fn users(count: u8) -> Vec<PrivateKeySigner> {
    (1..=count).map(user).collect()
}

fn addresses(users: &[PrivateKeySigner]) -> Vec<Address> {
    users.iter().map(PrivateKeySigner::address).collect()
}

/// So many transfers of each user, all to accounts of their own.
fn transfers(users: &[PrivateKeySigner], each: u64) -> Vec<Recovered> {
    let to = |user: &PrivateKeySigner, nonce: u64| {
        Address::from_word(keccak256([user.address().as_slice(), &nonce.to_be_bytes()].concat()))
    };
    // A deposit took the first nonce.
    (1..=each).flat_map(|nonce| users.iter().map(move |user| transfer(user, nonce, to(user, nonce), 1))).collect()
}

async fn submit_all(steps: &mut Steps, transactions: &[Recovered]) -> Vec<B256> {
    let mut hashes = Vec::new();
    for transaction in transactions {
        hashes.push(steps.submit(transaction.clone()).await.unwrap());
    }
    hashes
}

/// Signed transactions in a block.
fn signed_count(steps: &Steps, number: u64) -> usize {
    steps.block(number).transactions.iter().filter(|tx| matches!(tx, Transaction::Signed(_))).count()
}

/// Batches follow each other from the first block on.
fn assert_contiguous(jobs: &[BatchJob]) {
    assert_eq!(jobs[0].first_block, 1);
    assert!(jobs.windows(2).all(|pair| pair[0].last_block + 1 == pair[1].first_block), "{jobs:?}");
}

fn all_included(store: &Store, hashes: &[B256]) -> bool {
    hashes.iter().all(|hash| store.transaction_place(*hash).unwrap().is_some())
}

#[tokio::test]
async fn a_full_batch_closes_and_the_next_begins_in_the_same_block_time() {
    let directory = tempfile::tempdir().unwrap();
    let users = users(4);
    let mut steps =
        Steps::funded(directory.path(), config_of(DataMode::Calldata, SMALL_BYTES), &addresses(&users)).await;
    let before = steps.head();
    let hashes = submit_all(&mut steps, &transfers(&users, 250)).await;
    // All of them fit one block by gas.
    assert_eq!(steps.tick(), 2, "the rest of one batch, and the beginning of the next");
    let (first, second) = (signed_count(&steps, before + 1), signed_count(&steps, before + 2));
    assert!(first > 300 && second > 300, "{first}, {second}: as many as batches hold, not slivers");
    assert_eq!(steps.block(before + 1).header.timestamp, steps.block(before + 2).header.timestamp);
    assert!(steps.store.jobs().unwrap().is_empty(), "no block waited for the closing");
    assert_eq!(steps.tick(), 1);
    assert!(all_included(&steps.store, &hashes));
    assert_eq!(steps.tick(), 0, "nothing is left");

    let jobs = steps.closed(2).await;
    assert_contiguous(&jobs);
    assert_eq!((jobs[0].last_block, jobs[1].last_block), (before + 1, before + 2));
    for job in jobs {
        let bytes = job.payload.len();
        assert!((SMALL_BYTES * 85 / 100..=SMALL_BYTES).contains(&bytes), "{bytes}");
    }
}

/// The largest batch in call data. Its closing takes longest there, and every block meanwhile comes in its time.
#[tokio::test]
async fn no_block_waits_while_120_kilobytes_are_closed() {
    let directory = tempfile::tempdir().unwrap();
    let users = users(4);
    let config = config_of(DataMode::Calldata, CALLDATA_BYTES_MAX);
    let mut steps = Steps::funded(directory.path(), config, &addresses(&users)).await;
    let (writer, senders) = users.split_first().unwrap();
    for nonce in 1..=3 {
        steps.submit(data(writer, nonce, 30_000)).await.unwrap();
    }
    submit_all(&mut steps, &transfers(senders, 200)).await;
    assert_eq!(steps.tick(), 2, "the rest of one batch, and the beginning of the next");
    assert!(steps.store.jobs().unwrap().is_empty(), "no block waited for the closing");
    steps.submit(transfer(writer, 4, Address::ZERO, 1)).await.unwrap();
    assert_eq!(steps.tick(), 1);
    let bytes = steps.closed(1).await[0].payload.len();
    assert!((CALLDATA_BYTES_MAX * 85 / 100..=CALLDATA_BYTES_MAX).contains(&bytes), "{bytes}");
}

#[tokio::test]
async fn what_goes_as_blobs_fills_six_of_them() {
    let directory = tempfile::tempdir().unwrap();
    let users = users(45);
    let mut steps =
        Steps::funded(directory.path(), config_of(DataMode::Auto, BLOB_PAYLOAD_BYTES_MAX), &addresses(&users)).await;
    let hashes = submit_all(&mut steps, &transfers(&users, 200)).await;
    while !all_included(&steps.store, &hashes) {
        assert!(steps.tick() > 0, "blocks go on");
    }
    let bytes = steps.closed(1).await[0].payload.len();
    assert!((BLOB_PAYLOAD_BYTES_MAX * 90 / 100..=BLOB_PAYLOAD_BYTES_MAX).contains(&bytes), "{bytes}");
}

#[tokio::test]
async fn while_blobs_are_dear_a_batch_fits_calldata() {
    for (l1_base_fee, l1_blob_base_fee, is_small) in [(1, 1_000_000_000, true), (1_000_000_000, 1, false)] {
        let directory = tempfile::tempdir().unwrap();
        let alice = user(1);
        let config = config_of(DataMode::Auto, BLOB_PAYLOAD_BYTES_MAX);
        let mut steps = Steps::funded(directory.path(), config, &[alice.address()]).await;
        (steps.l1_base_fee, steps.l1_blob_base_fee) = (l1_base_fee, l1_blob_base_fee);
        steps.l1_block(vec![]).await;
        for nonce in 1..=6 {
            steps.submit(data(&alice, nonce, 30_000)).await.unwrap();
        }
        assert_eq!(steps.tick(), if is_small { 2 } else { 1 }, "base fee {l1_base_fee}");
        if is_small {
            let bytes = steps.closed(1).await[0].payload.len();
            assert!((80_000..=CALLDATA_BYTES_MAX).contains(&bytes), "{bytes}");
        }
    }
}

/// The largest transaction that nodes of Ethereum pass on.
const TRANSACTION_BYTES_MAX: usize = 131_072;

#[tokio::test]
async fn the_largest_transaction_goes_with_others_whatever_carries_the_batch() {
    for data in [DataMode::Calldata, DataMode::Auto, DataMode::Blobs] {
        let directory = tempfile::tempdir().unwrap();
        let users = users(3);
        let config = config_of(data, BLOB_PAYLOAD_BYTES_MAX);
        let mut steps = Steps::funded(directory.path(), config, &addresses(&users)).await;
        // Blobs are dear, so that nobody chooses them.
        (steps.l1_base_fee, steps.l1_blob_base_fee) = (1, 1_000_000_000);
        steps.l1_block(vec![]).await;
        let envelope =
            zeros(&users[0], 1, TRANSACTION_BYTES_MAX).transaction().encode_2718().len() - TRANSACTION_BYTES_MAX;
        let largest = zeros(&users[0], 1, TRANSACTION_BYTES_MAX - envelope);
        assert_eq!(largest.transaction().encode_2718().len(), TRANSACTION_BYTES_MAX);
        let larger = zeros(&users[1], 1, TRANSACTION_BYTES_MAX - envelope + 1);
        let refused = steps.submit(larger).await.unwrap_err().to_string();
        assert!(refused.contains("oversized data") && refused.contains("--mempool-transaction-bytes-max"), "{refused}");
        let small = [transfer(&users[1], 1, Address::ZERO, 1), transfer(&users[2], 1, Address::ZERO, 1)];
        let mut hashes = submit_all(&mut steps, &small).await;
        hashes.push(steps.submit(largest).await.unwrap());
        assert_eq!(steps.tick(), 1, "{data:?}: one block, in one batch");
        assert!(all_included(&steps.store, &hashes), "{data:?}");
        hashes.extend(submit_all(&mut steps, &[transfer(&users[1], 2, Address::ZERO, 1)]).await);
        assert!(steps.tick() > 0);
        assert!(all_included(&steps.store, &hashes), "{data:?}");
        steps.tick_after(Duration::from_secs(3_600));
        let jobs = steps.closed(1).await;
        assert!(jobs[0].payload.len() < 10_000, "{data:?}: zeros compress: {}", jobs[0].payload.len());
    }
}

#[tokio::test]
async fn what_does_not_fit_is_first_in_the_next_batch() {
    let directory = tempfile::tempdir().unwrap();
    let users = users(2);
    let mut steps =
        Steps::funded(directory.path(), config_of(DataMode::Calldata, SMALL_BYTES), &addresses(&users)).await;
    let before = steps.head();
    for nonce in 1..=2 {
        steps.submit(data(&users[0], nonce, 25_000)).await.unwrap();
    }
    let small = steps.submit(transfer(&users[1], 1, Address::ZERO, 1)).await.unwrap();
    assert_eq!(steps.tick(), 2);
    assert_eq!((signed_count(&steps, before + 1), signed_count(&steps, before + 2)), (2, 1));
    let place = steps.store.transaction_place(small).unwrap().unwrap();
    assert_eq!(place.block_number, before + 1, "room that is left is used");
}

#[tokio::test]
async fn a_batch_holds_as_many_transactions_and_as_much_work_as_the_chain_allows() {
    // A transfer takes 21,000 of the work, and the decoder charges 128 bytes for it; what is left is less.
    let transactions = ChainConfig { max_transactions_per_batch: 300, ..chain() };
    let work = ChainConfig { max_work_gas_per_batch: 300 * (21_000 + 7 * 128) + 15_000, ..chain() };
    for chain in [transactions, work] {
        let directory = tempfile::tempdir().unwrap();
        let users = users(2);
        let config = config_of(DataMode::Auto, BLOB_PAYLOAD_BYTES_MAX);
        let mut steps = Steps::funded_on(directory.path(), chain, config, &addresses(&users)).await;
        let before = steps.head();
        submit_all(&mut steps, &transfers(&users, 200)).await;
        assert_eq!(steps.tick(), 2);
        assert_eq!((signed_count(&steps, before + 1), signed_count(&steps, before + 2)), (300, 100));
        steps.closed(1).await;
    }
}

/// What is used matters less than what must be left when a transaction begins (EVM-WORK-1). That it suffices the engine checks by itself: it derives
/// every batch as it is declared.
#[tokio::test]
async fn a_batch_declares_what_its_transactions_ask_for() {
    const ASKED: u64 = 5_000_000;
    let directory = tempfile::tempdir().unwrap();
    let users = users(2);
    let mut steps = Steps::funded(directory.path(), config(1_000), &addresses(&users)).await;
    let generous = TxEip1559 { nonce: 1, gas_limit: ASKED, to: TxKind::Call(Address::ZERO), ..plain() };
    steps.submit(transfer(&users[1], 1, Address::ZERO, 1)).await.unwrap();
    steps.submit(sign(&users[0], generous)).await.unwrap();
    assert_eq!(steps.tick(), 1);
    steps.clock.advance(Duration::from_secs(2));
    let job = steps.closed(1).await.remove(0);
    let begin = payload_work_gas(job.last_block, 4_096);
    assert!((ASKED..=ASKED + 21_000 + begin).contains(&job.work_gas), "{}", job.work_gas);
}

/// Batches that L1 does not take yet: a young one more would not come earlier.
#[tokio::test]
async fn while_l1_is_behind_a_batch_stays_open_until_it_is_full() {
    let directory = tempfile::tempdir().unwrap();
    let users = users(1);
    let mut steps = Steps::funded(directory.path(), config(1_000), &addresses(&users)).await;
    let mut nonce = 0;
    for closed in 1..=10 {
        nonce += 1;
        steps.submit(transfer(&users[0], nonce, Address::ZERO, 1)).await.unwrap();
        assert_eq!(steps.tick(), 1);
        steps.clock.advance(Duration::from_secs(2));
        steps.tick();
        assert_eq!(steps.closed(closed.min(8)).await.len(), closed.min(8));
    }
}

/// L1 takes nothing for long, and some batches in the end.
#[tokio::test]
async fn blocks_wait_while_too_many_batches_wait_for_l1() {
    const UNPOSTED_MAX: usize = 64;
    let directory = tempfile::tempdir().unwrap();
    let users = users(1);
    // Room for one transaction, and not for a second one.
    let mut steps = Steps::funded(directory.path(), config_of(DataMode::Calldata, 6_000), &addresses(&users)).await;
    let readiness = Readiness::default();
    steps.engine = steps.engine.with_readiness(&readiness);
    // What is being closed when so many wait comes on top of them: four at most.
    for nonce in 1..=UNPOSTED_MAX as u64 + 8 {
        steps.submit(data(&users[0], nonce, 3_000)).await.unwrap();
    }
    steps.closed(UNPOSTED_MAX).await;
    while steps.tick() > 0 {}
    let head = steps.head();
    assert!(readiness.reasons().is_empty(), "that passes");
    assert_eq!(steps.tick_after(Duration::from_secs(11)), 0);
    let reasons = readiness.reasons();
    assert!(reasons.len() == 1 && reasons[0].starts_with("batches: blocks wait: "), "{reasons:?}");
    while steps.tick() == 0 {
        assert_eq!(steps.head(), head);
        steps.land().await;
    }
    assert_eq!((signed_count(&steps, head + 1), readiness.reasons()), (1, vec![]));
}

#[tokio::test]
async fn what_was_accepted_under_a_larger_limit_stops_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (alice, bob) = (user(1), user(2));
    let funded = [alice.address(), bob.address()];
    let mut steps = Steps::funded(directory.path(), config_of(DataMode::Calldata, CALLDATA_BYTES_MAX), &funded).await;
    steps.submit(data(&alice, 1, 60_000)).await.unwrap();
    drop(steps);

    let config = config_of(DataMode::Calldata, SMALL_BYTES);
    let mut steps = Steps::start(directory.path(), config, ManualClock::at(common::START_S)).await;
    let after = steps.submit(transfer(&bob, 1, Address::ZERO, 1)).await.unwrap();
    assert_eq!(steps.tick(), 1);
    assert!(all_included(&steps.store, &[after]));
    assert!(steps.store.journal().unwrap().is_empty());
    assert_eq!(steps.tick(), 0);
}

#[tokio::test]
async fn a_batch_that_was_closing_when_the_process_was_killed_is_closed_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let users = users(4);
    let config = config_of(DataMode::Calldata, SMALL_BYTES);
    let mut steps = Steps::funded(directory.path(), config, &addresses(&users)).await;
    let hashes = submit_all(&mut steps, &transfers(&users, 250)).await;
    let before = steps.head();
    assert_eq!(steps.tick(), 2);
    let promised: Vec<_> = (before + 1..=before + 2).map(|number| steps.block(number).hash).collect();
    assert!(steps.store.jobs().unwrap().is_empty());
    // Two batches are closing, and nothing of what was done for them is on record.
    drop(steps);

    let mut steps = Steps::start(directory.path(), config, ManualClock::at(common::START_S)).await;
    assert!((before + 1..).zip(&promised).all(|(number, hash)| steps.block(number).hash == *hash));
    let jobs = steps.closed(2).await;
    assert_contiguous(&jobs);
    assert_eq!((jobs[0].last_block, jobs[1].last_block), (before + 1, before + 2));
    assert!(all_included(&steps.store, &hashes), "what waited is in the next batch");
    let head = steps.head();
    drop(steps);

    // And what was recorded is not closed twice.
    let mut steps = Steps::start(directory.path(), config, ManualClock::at(common::START_S)).await;
    assert_eq!(steps.closed(2).await, jobs);
    assert_eq!(steps.head(), head);
}

#[tokio::test]
async fn a_batch_that_is_taken_back_while_it_closes_becomes_no_job() {
    let directory = tempfile::tempdir().unwrap();
    let users = users(4);
    let config = config_of(DataMode::Calldata, SMALL_BYTES);
    let mut steps = Steps::funded(directory.path(), config, &addresses(&users)).await;
    let hashes = submit_all(&mut steps, &transfers(&users, 250)).await;
    assert_eq!(steps.tick(), 2);
    // Other blocks take the place of those that are closing.
    steps.l1_base_fee += 1;
    steps.l1_block(vec![]).await;
    steps.l1_block(vec![]).await;
    let handle = steps.handle.clone();
    steps.ask(handle.resequence()).await.unwrap();
    assert_eq!(steps.head(), 0);
    while !all_included(&steps.store, &hashes) {
        assert!(steps.tick() > 0, "blocks go on");
    }
    let jobs = steps.closed(2).await;
    assert_contiguous(&jobs);
    for job in jobs {
        let header = steps.store.header(job.last_block).unwrap().unwrap();
        assert_eq!(header.parent_beacon_block_root, Some(job.checkpoint.hash()), "of the blocks that stand");
        assert!(job.checkpoint.number > 1);
    }
}
