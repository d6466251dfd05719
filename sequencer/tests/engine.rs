//! The engine against an L1 that is a test: what it promises, and what L1 overrules.

use std::{path::Path, sync::Arc, time::{Duration, Instant, SystemTime, UNIX_EPOCH}};

use alloy::{
    consensus::{SignableTransaction, TxEip1559},
    primitives::{Address, B256, Bytes, TxKind, U256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use tandem_chain::{
    BatchHeader, ChainConfig, ChainKind, Checkpoint, DataKind, L1Batch, L1Data, Message, batch::calldata_hash, message::queue_hash_after,
};
use tandem_evm::{Recovered, payload::SignedTransaction};
use tandem_sequencer::{
    batch::BatchPolicy,
    engine::{Engine, EngineConfig, EngineHandle, Landed, Place, SubmitError},
    mempool::Refused,
};
use tandem_store::{L1BlockRecord, Options, Store};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

const ETHER: u64 = 1_000_000_000_000_000_000;
const DEADLINE: Duration = Duration::from_secs(60);

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn chain() -> ChainConfig {
    ChainConfig {
        version: 1,
        kind: ChainKind::Evm,
        l1_chain_id: 31337,
        l2_chain_id: 4242,
        inbox: Address::repeat_byte(0xa1),
        settlement: Address::repeat_byte(0xa2),
        bridge: Address::repeat_byte(0xa3),
        l1_fee_recipient: Address::repeat_byte(0xa4),
        genesis_timestamp: 1_000,
        fork: 1,
        block_gas_limit: 30_000_000,
        max_blocks_per_batch: 4_096,
        max_transactions_per_batch: 20_000,
        max_payload_bytes: 4_000_000,
        max_messages_per_batch: 64,
        max_message_gas_per_batch: 64_000_000,
        max_work_gas_per_batch: 300_000_000,
        min_base_fee: 10_000_000,
        max_timestamp_drift: 600,
    }
}

fn config(batch_age_ms: u64) -> EngineConfig {
    EngineConfig {
        block_time_ms: 20,
        heartbeat_ms: 3_600_000,
        l1_depth: 1,
        batch: BatchPolicy { age_min_ms: batch_age_ms, age_max_ms: batch_age_ms, ..Default::default() },
        ..Default::default()
    }
}

/// A running engine, and an L1 that the test writes.
struct Rig {
    store: Store,
    engine: EngineHandle,
    cancel: CancellationToken,
    thread: Option<std::thread::JoinHandle<()>>,
    l1_number: u64,
    messages: Vec<Message>,
}

impl Rig {
    /// Opens the directory as a restarted process would.
    async fn start(directory: &Path, config: EngineConfig) -> Self {
        let store = Store::open(directory, &chain(), Options { sync: false }).unwrap();
        let (engine, handle) = Engine::new(chain(), config, store.clone(), Arc::new(Notify::new())).unwrap();
        let cancel = CancellationToken::new();
        let token = cancel.clone();
        let thread = std::thread::spawn(move || engine.run(&token).unwrap());
        let l1_number = store.l1_head().unwrap().map_or(0, |head| head.number);
        let messages = (0..store.message_count().unwrap()).map(|index| store.message(index).unwrap().unwrap().0).collect();
        let mut rig = Self { store, engine: handle, cancel, thread: Some(thread), l1_number, messages };
        if l1_number == 0 {
            rig.l1_block(vec![]).await;
        }
        rig.engine.synced().await.unwrap();
        rig
    }

    /// Ends the process without any farewell that a kill would not allow: nothing is flushed or closed on purpose.
    fn stop(mut self) {
        self.cancel.cancel();
        self.thread.take().unwrap().join().unwrap();
    }

    /// One more L1 block with these messages and a checkpoint.
    async fn l1_block(&mut self, messages: Vec<Message>) {
        self.l1_number += 1;
        let hash = |number: u64| B256::from(U256::from(number + 1_000_000 * messages.len() as u64));
        let first = self.messages.len() as u64;
        self.messages.extend(messages.clone());
        let indexed: Vec<(u64, Message)> = (first..).zip(messages.clone()).collect();
        let checkpoint = Checkpoint {
            number: self.l1_number,
            timestamp: now_s() - 1,
            base_fee: U256::from(1_000_000_000),
            blob_base_fee: U256::from(1),
        };
        self.store
            .put_l1_block(&L1BlockRecord {
                number: self.l1_number,
                hash: hash(self.l1_number),
                parent_hash: hash(self.l1_number - 1),
                timestamp: now_s(),
                messages: indexed.clone(),
                checkpoints: vec![checkpoint],
            })
            .unwrap();
        self.engine.l1_block(indexed, U256::from(1_000_000_000)).await.unwrap();
    }

    /// Deposits, and lets the L1 depth pass.
    async fn deposit(&mut self, to: Address, value: u64) {
        self.l1_block(vec![deposit(to, value)]).await;
        self.l1_block(vec![]).await;
        let end = self.messages.len() as u64;
        self.wait("deposit executed", |store| store.queue_index_after(store.head().unwrap().number).unwrap() == Some(end)).await;
    }

    async fn wait(&self, what: &str, condition: impl Fn(&Store) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !condition(&self.store) {
            assert!(Instant::now() < deadline, "{what} did not happen within {DEADLINE:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn wait_included(&self, hash: B256) {
        self.wait("inclusion", |store| store.transaction_place(hash).unwrap().is_some()).await;
    }

    fn queue_hash(&self, end: u64) -> B256 {
        self.messages[..end as usize].iter().fold(B256::ZERO, |hash, message| queue_hash_after(hash, message.hash()))
    }

    /// Lets the oldest closed batch that no batch on L1 covers be appended.
    async fn land(&mut self) -> BatchHeader {
        let safe = self.store.last_batch().unwrap().map_or(0, |batch| batch.last_block);
        self.wait("batch closed", |store| store.jobs().unwrap().iter().any(|job| job.first_block == safe + 1)).await;
        let job = self.store.jobs().unwrap().into_iter().find(|job| job.first_block == safe + 1).unwrap();
        self.l1_block(vec![]).await;
        let header = self.header(job.queue_end, DataKind::Calldata, calldata_hash(&job.payload), job.checkpoint);
        assert_eq!(job.queue_hash, header.queue_hash);
        let landed = Landed { header, checkpoint: job.checkpoint, first_block: job.first_block, last_block: job.last_block, place: self.place() };
        self.engine.landed(landed).await.unwrap();
        header
    }

    fn header(&self, queue_end: u64, data_kind: DataKind, data_hash: B256, checkpoint: Checkpoint) -> BatchHeader {
        let last = self.store.last_batch().unwrap();
        BatchHeader {
            index: last.as_ref().map_or(1, |last| last.header.index + 1),
            parent_hash: last.map_or(B256::ZERO, |last| last.header.hash()),
            data_kind,
            data_hash,
            queue_end,
            queue_hash: self.queue_hash(queue_end),
            checkpoint_hash: checkpoint.hash(),
            config_hash: chain().hash(),
            posted_at: now_s(),
        }
    }

    fn place(&self) -> Place {
        Place { number: self.l1_number, hash: B256::from(U256::from(self.l1_number)), transaction: B256::repeat_byte(7) }
    }
}

fn deposit(to: Address, value: u64) -> Message {
    Message { kind: 0, sender: to, to, value: U256::from(value), gas_limit: 100_000, refund: to, data: Bytes::new() }
}

fn user(seed: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(seed)).unwrap()
}

fn transfer(signer: &PrivateKeySigner, nonce: u64, to: Address, value: u64) -> Recovered {
    let transaction = TxEip1559 {
        chain_id: chain().l2_chain_id,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 1_000_000_000,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(to),
        value: U256::from(value),
        ..Default::default()
    };
    let signature = signer.sign_hash_sync(&transaction.signature_hash()).unwrap();
    Recovered::new(SignedTransaction::Eip1559(transaction.into_signed(signature))).unwrap()
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
