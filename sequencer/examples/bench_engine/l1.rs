//! A running engine over an L1 that the benchmark writes.

use std::{path::Path, sync::Arc, thread::JoinHandle};

use alloy::primitives::{B256, U256};
use tandem_chain::{ChainConfig, Checkpoint, Message};
use tandem_sequencer::{
    clock::ManualClock,
    engine::{Engine, EngineConfig, EngineHandle, L1Tip},
};
use tandem_store::{L1BlockRecord, Options, Store};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Gas of a block, as chains have it by default.
pub const BLOCK_GAS_LIMIT: u64 = 30_000_000;
/// The date, which stands still unless the benchmark moves it.
const DATE_S: u64 = 1_800_000_000;

/// The tests' configuration, as of the date.
pub fn chain_config() -> ChainConfig {
    ChainConfig {
        l2_chain_id: 2,
        genesis_timestamp: DATE_S - 1_000,
        block_gas_limit: BLOCK_GAS_LIMIT,
        ..tandem_support::config()
    }
}

/// The node's defaults, but for what would interfere.
pub fn config() -> EngineConfig {
    EngineConfig { l1_depth: 1, confirmation_blocks: 0, ..EngineConfig::default() }
}

pub struct Chain {
    pub store: Store,
    pub engine: EngineHandle,
    pub clock: ManualClock,
    l1_number: u64,
    message_count: u64,
    pub cancel: CancellationToken,
    thread: JoinHandle<Result<(), tandem_sequencer::engine::EngineError>>,
}

impl Chain {
    /// Starts the engine; it sequences at once, or when it is told that L1 is read.
    pub async fn start(directory: &Path, sequences: bool) -> anyhow::Result<Self> {
        let store = Store::open(directory, &chain_config(), Options { sync: false })?;
        let clock = ManualClock::at(DATE_S);
        let (engine, handle) =
            Engine::new(chain_config(), config(), store.clone(), clock.clock(), Arc::new(Notify::new()))?;
        let cancel = CancellationToken::new();
        let token = cancel.clone();
        let thread = std::thread::spawn(move || engine.run(&token));
        let l1_number = store.l1_head()?.map_or(0, |head| head.number);
        let message_count = store.message_count()?;
        let mut chain = Self { store, engine: handle, clock, l1_number, message_count, cancel, thread };
        if l1_number == 0 {
            chain.l1_block(Vec::new()).await?;
        }
        if sequences {
            chain.engine.synced().await?;
        }
        Ok(chain)
    }

    /// One more L1 block with these messages and a checkpoint.
    pub async fn l1_block(&mut self, messages: Vec<Message>) -> anyhow::Result<()> {
        self.l1_number += 1;
        let indexed: Vec<(u64, Message)> = (self.message_count..).zip(messages).collect();
        self.message_count += indexed.len() as u64;
        let (number, timestamp, base_fee) = (self.l1_number, self.clock.unix_s(), U256::from(1_000_000_000));
        let hash = |number: u64| B256::from(U256::from(number));
        self.store.put_l1_block(&L1BlockRecord {
            number,
            hash: hash(number),
            parent_hash: hash(number - 1),
            timestamp,
            messages: indexed.clone(),
            checkpoints: vec![Checkpoint { number, timestamp, base_fee, blob_base_fee: U256::ONE }],
        })?;
        Ok(self.engine.l1_block(indexed, L1Tip { timestamp, base_fee }).await?)
    }

    pub fn stop(self) -> anyhow::Result<()> {
        self.cancel.cancel();
        match self.thread.join() {
            Ok(ended) => Ok(ended?),
            Err(_) => anyhow::bail!("the engine panicked"),
        }
    }
}
