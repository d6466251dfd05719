//! A running engine over an L1 that the test writes.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod node;
pub mod steps;
pub mod wire;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::{
    consensus::{SignableTransaction, TxEip1559},
    primitives::{Address, B256, Bytes, TxKind, U256, keccak256},
    signers::{SignerSync, local::PrivateKeySigner},
    sol_types::SolCall,
};
use tandem_chain::{BatchHeader, Checkpoint, DataKind, Message, batch::calldata_hash, message::queue_hash_after};
use tandem_evm::{Recovered, payload::SignedTransaction};
use tandem_sequencer::{
    batch::BatchPolicy,
    clock::Clock,
    engine::{Engine, EngineConfig, EngineHandle, L1Place, L1Tip, Landed},
};
use tandem_store::{BatchJob, L1BlockRecord, Options, Store};
pub use tandem_support::config as chain;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub const ETHER: u64 = 1_000_000_000_000_000_000;
pub const DEADLINE: Duration = Duration::from_secs(180);

/// The date at which clocks start that tests move.
pub const START_S: u64 = 1_800_000_000;

pub fn config(batch_age_ms: u64) -> EngineConfig {
    EngineConfig {
        block_time_ms: 20,
        heartbeat_ms: 3_600_000,
        confirmation_blocks: 0,
        l1_depth: 1,
        batch: BatchPolicy { age_min_ms: batch_age_ms, age_max_ms: batch_age_ms, ..Default::default() },
        ..Default::default()
    }
}

/// A running engine, and an L1 that the test writes.
pub struct Rig {
    pub store: Store,
    pub engine: EngineHandle,
    pub cancel: CancellationToken,
    thread: Option<std::thread::JoinHandle<()>>,
    pub l1_number: u64,
    pub l1_base_fee: u64,
    pub l1_blob_base_fee: u64,
    pub messages: Vec<Message>,
    /// What L1 is dated by: L1's clock, which need not be the machine's.
    pub l1_clock: Clock,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.cancel.cancel();
        // A process must not end while a database is closed in it.
        if let Some(thread) = self.thread.take() {
            assert!(thread.join().is_ok() || std::thread::panicking(), "the engine failed");
        }
    }
}

impl Rig {
    /// Opens the directory as a restarted process would, by the machine's clocks.
    pub async fn start(directory: &Path, config: EngineConfig) -> Self {
        Self::start_at(directory, config, Clock::system(), Clock::system()).await
    }

    /// Likewise, on a machine and beside an L1 with clocks of their own.
    pub async fn start_at(directory: &Path, config: EngineConfig, machine: Clock, l1_clock: Clock) -> Self {
        Self::begin(directory, config, [machine, l1_clock], [1_000_000_000, 1]).await
    }

    /// By the machine's clocks, over an L1 with this base fee and this blob base fee.
    pub async fn start_priced(directory: &Path, config: EngineConfig, l1_prices: [u64; 2]) -> Self {
        Self::begin(directory, config, [Clock::system(), Clock::system()], l1_prices).await
    }

    async fn begin(directory: &Path, config: EngineConfig, clocks: [Clock; 2], l1_prices: [u64; 2]) -> Self {
        let [machine, l1_clock] = clocks;
        let store = Store::open(directory, &chain(), Options { sync: false }).unwrap();
        let (engine, handle) = Engine::new(chain(), config, store.clone(), machine, Arc::new(Notify::new())).unwrap();
        let cancel = CancellationToken::new();
        let token = cancel.clone();
        let thread = std::thread::spawn(move || engine.run(&token).unwrap());
        let l1_number = store.l1_head().unwrap().map_or(0, |head| head.number);
        let messages =
            (0..store.message_count().unwrap()).map(|index| store.message(index).unwrap().unwrap().0).collect();
        let mut rig = Self {
            store,
            engine: handle,
            cancel,
            thread: Some(thread),
            l1_number,
            l1_base_fee: l1_prices[0],
            l1_blob_base_fee: l1_prices[1],
            messages,
            l1_clock,
        };
        if l1_number == 0 {
            rig.l1_block(vec![]).await;
        }
        rig.engine.synced().await.unwrap();
        rig
    }

    /// Ends the process without any farewell that a kill would not allow: nothing is flushed or closed on purpose.
    pub fn stop(self) {
        drop(self);
    }

    /// One more L1 block with these messages and a checkpoint.
    pub async fn l1_block(&mut self, messages: Vec<Message>) {
        self.l1_number += 1;
        let hash = |number: u64| B256::from(U256::from(number + 1_000_000 * messages.len() as u64));
        let first = self.messages.len() as u64;
        self.messages.extend(messages.clone());
        let indexed: Vec<(u64, Message)> = (first..).zip(messages.clone()).collect();
        let checkpoint = Checkpoint {
            number: self.l1_number,
            timestamp: self.l1_clock.unix_s() - 1,
            base_fee: U256::from(self.l1_base_fee),
            blob_base_fee: U256::from(self.l1_blob_base_fee),
        };
        self.store
            .put_l1_block(&L1BlockRecord {
                number: self.l1_number,
                hash: hash(self.l1_number),
                parent_hash: hash(self.l1_number - 1),
                timestamp: self.l1_clock.unix_s(),
                messages: indexed.clone(),
                checkpoints: vec![checkpoint],
            })
            .unwrap();
        let tip = L1Tip { timestamp: self.l1_clock.unix_s(), base_fee: U256::from(self.l1_base_fee) };
        self.engine.l1_block(indexed, tip).await.unwrap();
    }

    /// Deposits, and lets the L1 depth pass.
    pub async fn deposit(&mut self, to: Address, value: u64) {
        self.l1_block(vec![deposit(to, value)]).await;
        self.l1_block(vec![]).await;
        let end = self.messages.len() as u64;
        self.wait("deposit executed", |store| {
            store.queue_index_after(store.head().unwrap().number).unwrap() == Some(end)
        })
        .await;
    }

    /// L1 block `fork` and those after it are replaced by others; in place of the messages from `index` on there is one deposit.
    pub async fn replace_deposit(&mut self, fork: u64, index: usize, to: Address, value: u64) {
        self.engine.l1_reorg(fork).await.unwrap();
        self.l1_number = fork;
        self.messages.truncate(index);
        self.deposit(to, value).await;
    }

    pub async fn wait(&self, what: &str, condition: impl Fn(&Store) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !condition(&self.store) {
            assert!(Instant::now() < deadline, "{what} did not happen within {DEADLINE:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn wait_included(&self, hash: B256) {
        self.wait("inclusion", |store| store.transaction_place(hash).unwrap().is_some()).await;
    }

    pub fn queue_hash(&self, end: u64) -> B256 {
        self.messages[..end as usize].iter().fold(B256::ZERO, |hash, message| queue_hash_after(hash, message.hash()))
    }

    /// Lets the oldest closed batch that no batch on L1 covers be appended.
    pub async fn land(&mut self) -> BatchHeader {
        let safe = self.store.last_batch().unwrap().map_or(0, |batch| batch.last_block);
        self.wait("batch closed", |store| store.jobs().unwrap().iter().any(|job| job.first_block == safe + 1)).await;
        let job = self.store.jobs().unwrap().into_iter().find(|job| job.first_block == safe + 1).unwrap();
        self.l1_block(vec![]).await;
        assert_eq!(job.queue_hash, self.queue_hash(job.queue_end));
        let landed = landed(&self.store, &job, self.l1_number, self.l1_clock.unix_s());
        self.engine.landed(landed).await.unwrap();
        landed.header
    }

    pub fn header(&self, queue_end: u64, data_kind: DataKind, data_hash: B256, checkpoint: Checkpoint) -> BatchHeader {
        let header = BatchHeader {
            data_kind,
            data_hash,
            queue_end,
            queue_hash: self.queue_hash(queue_end),
            checkpoint_hash: checkpoint.hash(),
            work_gas: if data_kind == DataKind::None { 0 } else { chain().max_work_gas_per_batch },
            ..next_header(&self.store)
        };
        BatchHeader { posted_at: self.l1_clock.unix_s(), ..header }
    }

    pub fn place(&self) -> L1Place {
        place(self.l1_number)
    }
}

/// What the batch after the last one on L1 has in common with every other that could follow it.
fn next_header(store: &Store) -> BatchHeader {
    let last = store.last_batch().unwrap();
    BatchHeader {
        index: last.as_ref().map_or(1, |last| last.header.index + 1),
        parent_hash: last.as_ref().map_or(B256::ZERO, |last| last.header.hash()),
        parent_content_hash: last.map_or(B256::ZERO, |last| last.header.content_hash()),
        data_kind: DataKind::Calldata,
        data_hash: B256::ZERO,
        queue_end: 0,
        queue_hash: B256::ZERO,
        checkpoint_hash: B256::ZERO,
        config_hash: chain().hash(),
        work_gas: 0,
        posted_at: 0,
    }
}

fn place(number: u64) -> L1Place {
    L1Place { number, hash: B256::from(U256::from(number)), transaction: B256::repeat_byte(7) }
}

/// A closed batch as L1 has it when it appends it next, in block `l1_number`.
pub fn landed(store: &Store, job: &BatchJob, l1_number: u64, posted_at: u64) -> Landed {
    let header = BatchHeader {
        data_hash: calldata_hash(&job.payload),
        queue_end: job.queue_end,
        queue_hash: job.queue_hash,
        checkpoint_hash: job.checkpoint.hash(),
        work_gas: job.work_gas,
        posted_at,
        ..next_header(store)
    };
    let BatchJob { checkpoint, first_block, last_block, .. } = *job;
    Landed { header, checkpoint, first_block, last_block, place: place(l1_number) }
}

pub fn deposit(to: Address, value: u64) -> Message {
    let value = U256::from(value);
    Message { kind: 0, sender: to, to, mint: value, value, gas_limit: 100_000, refund: to, data: Bytes::new() }
}

pub fn user(seed: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(seed)).unwrap()
}

pub fn transfer(signer: &PrivateKeySigner, nonce: u64, to: Address, value: u64) -> Recovered {
    sign(signer, TxEip1559 { nonce, gas_limit: 21_000, to: TxKind::Call(to), value: U256::from(value), ..plain() })
}

/// A call, or the creation of a contract, with this input and gas for some code.
pub fn execute(signer: &PrivateKeySigner, nonce: u64, to: TxKind, input: &[u8]) -> Recovered {
    let input = Bytes::copy_from_slice(input);
    sign(signer, TxEip1559 { nonce, gas_limit: 300_000, to, input, ..plain() })
}

/// Sends so many bytes of calldata, all zero.
pub fn zeros(signer: &PrivateKeySigner, nonce: u64, bytes: usize) -> Recovered {
    let gas_limit = 21_000 + 10 * bytes as u64;
    sign(
        signer,
        TxEip1559 {
            nonce,
            gas_limit,
            to: TxKind::Call(Address::repeat_byte(0xb0)),
            input: vec![0; bytes].into(),
            ..plain()
        },
    )
}

/// Sends so many bytes of calldata that do not compress.
pub fn data(signer: &PrivateKeySigner, nonce: u64, bytes: usize) -> Recovered {
    let words = (0u64..).flat_map(|word| keccak256([nonce.to_be_bytes(), word.to_be_bytes()].concat()).0);
    let input = words.take(bytes).collect::<Vec<_>>().into();
    // What bytes take that do not compress (EVM-FEE-4).
    let gas_limit = 21_000 + 200 * bytes as u64;
    sign(signer, TxEip1559 { nonce, gas_limit, to: TxKind::Call(Address::repeat_byte(0xb0)), input, ..plain() })
}

pub fn call(signer: &PrivateKeySigner, nonce: u64, to: Address, call: &impl SolCall) -> Recovered {
    let input = call.abi_encode().into();
    sign(signer, TxEip1559 { nonce, gas_limit: 200_000, to: TxKind::Call(to), input, ..plain() })
}

pub fn plain() -> TxEip1559 {
    TxEip1559 {
        chain_id: chain().l2_chain_id,
        max_fee_per_gas: 1_000_000_000,
        max_priority_fee_per_gas: 1,
        ..Default::default()
    }
}

pub fn sign(signer: &PrivateKeySigner, transaction: TxEip1559) -> Recovered {
    let signature = signer.sign_hash_sync(&transaction.signature_hash()).unwrap();
    Recovered::new(SignedTransaction::Eip1559(transaction.into_signed(signature))).unwrap()
}
