//! An engine that does nothing but what a test tells it to, beside clocks that the test moves.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::primitives::{Address, B256, U256};
use tandem_chain::{ChainConfig, Checkpoint, Message};
use tandem_evm::{EvmBlock, Recovered};
use tandem_sequencer::{
    clock::ManualClock,
    engine::{AskError, Engine, EngineConfig, EngineHandle, L1Tip},
};
use tandem_store::{BatchJob, L1BlockRecord, Options, Store};
use tokio::sync::Notify;

use super::{DEADLINE, ETHER, START_S, chain, deposit, landed};

pub struct Steps {
    pub store: Store,
    pub engine: Engine,
    pub handle: EngineHandle,
    pub clock: ManualClock,
    /// In wei per gas, of L1 blocks to come.
    pub l1_base_fee: u64,
    /// In wei per blob gas, of L1 blocks to come.
    pub l1_blob_base_fee: u64,
    l1_number: u64,
    message_count: u64,
}

impl Steps {
    /// Opens the directory as a process that was killed before would.
    pub async fn start(directory: &Path, config: EngineConfig, clock: ManualClock) -> Self {
        Self::start_on(directory, chain(), config, clock).await
    }

    /// Likewise, of a chain with limits of its own.
    async fn start_on(directory: &Path, chain: ChainConfig, config: EngineConfig, clock: ManualClock) -> Self {
        let store = Store::open(directory, &chain, Options { sync: false }).unwrap();
        let (engine, handle) =
            Engine::new(chain, config, store.clone(), clock.clock(), Arc::new(Notify::new())).unwrap();
        let l1_number = store.l1_head().unwrap().map_or(0, |head| head.number);
        let message_count = store.message_count().unwrap();
        let (l1_base_fee, l1_blob_base_fee) = (1_000_000_000, 1);
        let mut steps = Self { store, engine, handle, clock, l1_base_fee, l1_blob_base_fee, l1_number, message_count };
        if l1_number == 0 {
            steps.l1_block(vec![]).await;
        }
        let handle = steps.handle.clone();
        steps.ask(handle.synced()).await.unwrap();
        steps
    }

    /// A new chain on which these have an ether each.
    pub async fn funded(directory: &Path, config: EngineConfig, users: &[Address]) -> Self {
        Self::funded_on(directory, chain(), config, users).await
    }

    /// Likewise, a chain with limits of its own.
    pub async fn funded_on(directory: &Path, chain: ChainConfig, config: EngineConfig, users: &[Address]) -> Self {
        let mut steps = Self::start_on(directory, chain, config, ManualClock::at(START_S)).await;
        for users in users.chunks(32) {
            steps.l1_block(users.iter().map(|user| deposit(*user, ETHER)).collect()).await;
        }
        steps.l1_block(vec![]).await;
        while steps.store.queue_index_after(steps.head()).unwrap() != Some(users.len() as u64) {
            assert!(steps.tick() > 0, "deposits are executed");
        }
        steps
    }

    /// Lets time stand still until so many batches are closed, and returns all of them.
    pub async fn closed(&mut self, count: usize) -> Vec<BatchJob> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            self.tick();
            let jobs = self.store.jobs().unwrap();
            if jobs.len() >= count {
                return jobs;
            }
            assert!(Instant::now() < deadline, "{} instead of {count} batches closed within {DEADLINE:?}", jobs.len());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Asks, lets the engine answer, and returns the answer.
    pub async fn ask<T>(&mut self, question: impl Future<Output = T>) -> T {
        let Self { engine, .. } = self;
        tokio::join!(question, async { engine.serve().unwrap() }).0
    }

    pub async fn submit(&mut self, transaction: Recovered) -> Result<B256, AskError> {
        let handle = self.handle.clone();
        self.ask(handle.submit(transaction)).await
    }

    /// What a block time brings: how many blocks.
    pub fn tick(&mut self) -> u64 {
        let before = self.head();
        self.engine.tick().unwrap();
        self.head() - before
    }

    /// Likewise, so much later.
    pub fn tick_after(&mut self, duration: Duration) -> u64 {
        self.clock.advance(duration);
        self.tick()
    }

    pub fn head(&self) -> u64 {
        self.store.head().unwrap().number
    }

    pub fn block(&self, number: u64) -> EvmBlock {
        self.store.block(number).unwrap().unwrap()
    }

    /// L1 takes the oldest closed batch that it does not have.
    pub async fn land(&mut self) {
        let safe = self.store.last_batch().unwrap().map_or(0, |batch| batch.last_block);
        let job = self.store.job_from(safe + 1).unwrap().unwrap();
        self.l1_block(vec![]).await;
        let landed = landed(&self.store, &job, self.l1_number, self.clock.unix_s());
        let handle = self.handle.clone();
        self.ask(handle.landed(landed)).await.unwrap();
    }

    /// One more L1 block with these messages and a checkpoint.
    pub async fn l1_block(&mut self, messages: Vec<Message>) {
        self.l1_number += 1;
        let indexed: Vec<(u64, Message)> = (self.message_count..).zip(messages).collect();
        self.message_count += indexed.len() as u64;
        let (number, timestamp, base_fee) = (self.l1_number, self.clock.unix_s(), U256::from(self.l1_base_fee));
        let blob_base_fee = U256::from(self.l1_blob_base_fee);
        let checkpoint = Checkpoint { number, timestamp: timestamp - 1, base_fee, blob_base_fee };
        let hash = |number: u64| B256::from(U256::from(number));
        self.store
            .put_l1_block(&L1BlockRecord {
                number,
                hash: hash(number),
                parent_hash: hash(number - 1),
                timestamp,
                messages: indexed.clone(),
                checkpoints: vec![checkpoint],
            })
            .unwrap();
        let handle = self.handle.clone();
        self.ask(handle.l1_block(indexed, L1Tip { timestamp, base_fee })).await.unwrap();
    }
}
