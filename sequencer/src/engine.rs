//! The engine: the one owner of the chain's head, the mempool and the batch under construction.
//!
//! It runs on a thread of its own, takes commands from a bounded channel, and builds a block whenever one is due. Everything it promises is in
//! the store before it answers; after kill -9 it continues from there. L1's word (batches landed, foreign batches, reorgs) overrules its own.

mod admission;
mod blocks;
mod close;
mod closer;
mod config;
mod error;
mod handle;
mod l1;
mod open;
mod submissions;
mod time;
mod troubles;

pub use config::EngineConfig;
pub use error::{AskError, EngineError};
pub use handle::{Adoption, EngineHandle, HeadInfo, L1Place, L1Tip, Landed, Landing};

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use alloy::primitives::U256;
use tandem_chain::ChainConfig;
use tandem_service::Readiness;
use tandem_store::Store;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::info;

use self::{
    closer::{Closer, Closing},
    handle::Command,
    submissions::Submissions,
    time::ChainTime,
    troubles::Troubles,
};
use crate::{
    batch::PriceAverage,
    clock::{Clock, Moment},
    evm::{Execution, OpenBatch},
    mempool::{Mempool, PoolView},
    sync_state::SyncState,
};

/// Submissions that share one journal write.
const GROUP_MAX: usize = 512;
/// A group of commands may keep the next block waiting for this part of the block time, so that whoever never stops asking delays no block.
const GROUP_TIME_SHARE: u32 = 10;

/// The engine with all that it owns; the module says what that is.
pub struct Engine {
    chain: ChainConfig,
    config: EngineConfig,
    store: Store,
    /// The head, and the state after it.
    execution: Execution,
    /// When the head became the head.
    head_since: Moment,
    /// Whether somebody asked for a block, whatever is in it.
    is_block_wanted: bool,
    /// When the mempool was looked through last for what waits in vain.
    pool_looked_through: Moment,
    /// Empty blocks that still have to follow the last one that was not.
    confirmations_owed: u64,
    time: ChainTime,
    /// L1 messages consumed up to the head.
    queue_index: u64,
    mempool: Mempool,
    /// The mempool as everybody reads it.
    pool: Arc<PoolView>,
    open: Option<OpenBatch>,
    /// Batches that take no further block and are no jobs yet, the oldest first.
    closing: VecDeque<Closing>,
    troubles: Troubles,
    price: PriceAverage,
    l1_base_fee: U256,
    /// Told whenever a batch was closed.
    closed: Arc<Notify>,
    /// L1 block up to which a message that blocks consumed and a reorganisation removed may come back.
    reorg_deadline: Option<u64>,
    /// Before L1 was read to its end, blocks of our own could contradict batches that it already holds.
    sync: watch::Sender<SyncState>,
    head_sender: watch::Sender<HeadInfo>,
    commands: Receiver<Command>,
    /// The last field: it ends with what it works on, which nothing waits for any more by then.
    closer: Closer,
}

impl Engine {
    /// Continues where the store ends. `closed` is notified for every closed batch.
    pub fn new(
        chain: ChainConfig,
        config: EngineConfig,
        store: Store,
        clock: Clock,
        closed: Arc<Notify>,
    ) -> Result<(Self, EngineHandle), EngineError> {
        let (head_sender, head) = watch::channel(HeadInfo::default());
        let pool = Arc::new(PoolView::new(config.mempool.dropped_max));
        let sync = watch::Sender::new(SyncState::Reading);
        let (handle, commands) =
            EngineHandle::new(config.mempool.submissions_max, head, sync.subscribe(), pool.clone());
        let mut time = ChainTime::new(clock, chain.max_timestamp_drift);
        if let Some(l1_head) = store.l1_head()? {
            time.hear(l1_head.timestamp);
        }
        let mut engine = Self {
            execution: Execution::new(chain.clone(), store.clone()),
            mempool: Mempool::new(config.mempool),
            pool,
            head_since: time.clock.moment(),
            is_block_wanted: false,
            pool_looked_through: time.clock.moment(),
            confirmations_owed: 0,
            time,
            queue_index: 0,
            open: None,
            closing: VecDeque::new(),
            troubles: Troubles::new(&Readiness::default()),
            price: PriceAverage::default(),
            l1_base_fee: U256::ZERO,
            closer: Closer::start(chain.clone(), store.clone()),
            chain,
            config,
            store,
            closed,
            reorg_deadline: None,
            sync,
            head_sender,
            commands,
        };
        engine.load_head()?;
        engine.check_continuity()?;
        engine.reload_mempool()?;
        info!(head = engine.execution.number(), waiting = engine.mempool.len(), "engine ready");
        Ok((engine, handle))
    }

    /// With the place where it is said what keeps the node from its work.
    pub fn with_readiness(self, readiness: &Readiness) -> Self {
        Self { troubles: Troubles::new(readiness), ..self }
    }

    /// Works until `cancel`, or until the store fails.
    pub fn run(mut self, cancel: &CancellationToken) -> Result<(), EngineError> {
        let block_time = Duration::from_millis(self.config.block_time_ms);
        let mut next_block = Instant::now() + block_time;
        while !cancel.is_cancelled() {
            match self.commands.recv_timeout(next_block.saturating_duration_since(Instant::now())) {
                Ok(command) => {
                    let deadline = next_block.max(Instant::now() + block_time / GROUP_TIME_SHARE);
                    self.handle_group(command, Some(deadline))?;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if Instant::now() >= next_block {
                self.tick()?;
                next_block = Instant::now().max(next_block + block_time);
            }
        }
        Ok(())
    }

    /// Handles the commands that wait: [`Engine::run`] without waiting for more.
    pub fn serve(&mut self) -> Result<(), EngineError> {
        match self.commands.try_recv() {
            Ok(command) => self.handle_group(command, None),
            Err(_) => Ok(()),
        }
    }

    /// Handles a command and those that wait behind it until the deadline; submissions in a row share one write to the journal, and are answered
    /// after it.
    fn handle_group(&mut self, first: Command, deadline: Option<Instant>) -> Result<(), EngineError> {
        let mut group = Submissions::default();
        let mut next = Some(first);
        while let Some(command) = next.take() {
            match command {
                Command::Submit { transaction, reply } => self.admit(transaction, reply, &mut group)?,
                other => {
                    // What it does to the mempool may go through the journal, which must be complete by then.
                    self.acknowledge(&mut group)?;
                    self.handle(other)?;
                }
            }
            let is_over = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if !is_over && group.len() < GROUP_MAX {
                next = self.commands.try_recv().ok();
            }
        }
        self.acknowledge(&mut group)
    }

    fn handle(&mut self, command: Command) -> Result<(), EngineError> {
        match command {
            Command::Submit { .. } => unreachable!("submissions are handled in groups"),
            Command::Landed { landed, reply } => {
                let _ = reply.send(self.batch_landed(&landed)?);
            }
            Command::Foreign { batch, messages, place, reply } => {
                let _ = reply.send(self.foreign_batch(*batch, messages, place)?);
            }
            Command::L1Messages { messages, tip, reply } => {
                self.time.hear(tip.timestamp);
                self.l1_base_fee = tip.base_fee;
                self.price.observe(tip.base_fee);
                self.check_messages(&messages)?;
                self.check_missing_messages()?;
                self.check_checkpoints()?;
                let _ = reply.send(());
            }
            Command::L1Reorg { to, reply } => {
                self.l1_reorg(to)?;
                let _ = reply.send(());
            }
            Command::Resequence { reply } => {
                self.resequence()?;
                let _ = reply.send(());
            }
            Command::WantBlock => self.is_block_wanted = true,
            Command::Synced { reply } => {
                if self.sync.send_replace(SyncState::Synced) == SyncState::Reading {
                    info!(head = self.execution.number(), "L1 is read to its end: sequencing");
                }
                let _ = reply.send(());
            }
        }
        Ok(())
    }

    /// Reads head and state from the store.
    fn load_head(&mut self) -> Result<(), EngineError> {
        self.execution.load()?;
        let number = self.execution.number();
        let missing = EngineError::BlockMissing { number };
        self.queue_index = self.store.queue_index_after(number)?.ok_or(missing)?;
        let heartbeat = Duration::from_millis(self.config.heartbeat_ms);
        self.head_since = self.time.moment_of(self.execution.timestamp(), heartbeat);
        self.confirmations_owed = self.count_confirmations_owed()?;
        self.head_sender.send_replace(HeadInfo { number, hash: self.execution.hash() });
        Ok(())
    }
}
