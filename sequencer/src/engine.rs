//! The engine: the one owner of the chain's head, the mempool and the batch under construction.
//!
//! It runs on a thread of its own, takes commands from a bounded channel, and builds a block whenever one is due. Everything it promises is in
//! the store before it answers; after kill -9 it continues from there. L1's word (batches landed, foreign batches, reorgs) overrules its own.

mod admission;
mod assemble;
mod close;
mod l1;
mod open;
mod time;

pub use l1::{L1Tip, Landed, Place};

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    time::{Duration, Instant},
};

use alloy::{
    consensus::Header,
    primitives::{B256, U256},
};
use tandem_chain::{ChainConfig, Message, TransitionError, derive::L1Batch};
use tandem_evm::{Recovered, StateError, WorldState};
use tandem_store::{MissingPreimage, Store, StoreError};
use tokio::sync::{Notify, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::info;

use self::{
    close::{Closer, Closing},
    time::ChainTime,
};
use crate::{
    batch::{BatchPolicy, OpenBatch, PriceAverage},
    clock::{Clock, Moment, Reminder},
    mempool::{Mempool, MempoolLimits, PoolView, Refused, flag},
};
use admission::Submissions;

/// Commands that may wait at least, whatever the limit of submissions: L1 has some to give too.
const COMMANDS_MIN: usize = 16;
/// Submissions that share one journal write.
const GROUP_MAX: usize = 512;

/// How the engine works.
#[derive(Clone, Copy, Debug, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineConfig {
    /// Time between blocks, in milliseconds.
    pub block_time_ms: u64,
    /// An empty block is built when the head is this old, in milliseconds.
    pub heartbeat_ms: u64,
    /// Empty blocks that follow a block with transactions or messages, for tools that count confirmations.
    pub confirmation_blocks: u64,
    /// Time between those, in milliseconds.
    pub confirmation_time_ms: u64,
    /// L1 blocks that must lie on a message before it is executed, and on a checkpoint before it is named.
    pub l1_depth: u64,
    /// A batch names no checkpoint older than this, in seconds.
    pub checkpoint_age_max_s: u64,
    /// A batch without transactions and messages stays open this long, in milliseconds.
    pub idle_age_max_ms: u64,
    /// When batches close.
    pub batch: BatchPolicy,
    /// What the mempool holds.
    pub mempool: MempoolLimits,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            block_time_ms: 250,
            heartbeat_ms: 12_000,
            confirmation_blocks: 12,
            confirmation_time_ms: 1_000,
            l1_depth: 4,
            checkpoint_age_max_s: 3_600,
            idle_age_max_ms: 3_600_000,
            batch: BatchPolicy::default(),
            mempool: MempoolLimits::default(),
        }
    }
}

/// What ends the engine: nothing a user or L1 says can cause it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] StateError<MissingPreimage>),
    /// A derived block cannot be computed.
    #[error(transparent)]
    Transition(#[from] TransitionError<MissingPreimage>),
    /// A block that must exist does not.
    #[error("block {number} is missing from the database")]
    BlockMissing {
        /// Its number.
        number: u64,
    },
    /// A record of the engine's own is unreadable.
    #[error("database entry `{key}` is unreadable: delete the data directory and derive again from L1")]
    MetaUnreadable {
        /// Its key.
        key: &'static str,
    },
    /// The batch that was built derives to other blocks: posting it would break promises, so the node stops.
    #[error("blocks {first_block} to {last_block} derive to {derived}, sequenced was {sequenced}")]
    DerivationDiffers {
        /// First block of the batch.
        first_block: u64,
        /// Last block of the batch.
        last_block: u64,
        /// Hash of the last block as derived.
        derived: B256,
        /// Hash of the last block as sequenced.
        sequenced: B256,
    },
    /// The thread that closes batches is gone.
    #[error("the thread that closes batches panicked: restart the node, and report what the log says of it")]
    CloserGone,
    /// The batch cannot be encoded.
    #[error("batch cannot be encoded: {0}")]
    Encode(#[from] tandem_evm::payload::EncodeError),
}

/// Why a submission was not accepted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SubmitError {
    /// By the mempool.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The engine has more to do than it can: try again.
    #[error("node is overloaded, try again (--{})", flag::SUBMISSIONS)]
    Overloaded,
    /// The engine is stopping.
    #[error("node is shutting down")]
    Stopped,
}

/// The accepted transaction's hash, or why it was refused.
type SubmitAnswer = Result<B256, SubmitError>;

/// What others ask of the engine.
pub(crate) enum Command {
    Submit { transaction: Recovered, reply: oneshot::Sender<SubmitAnswer> },
    Landed { landed: Landed, reply: oneshot::Sender<bool> },
    Foreign { batch: Box<L1Batch>, messages: Vec<Message>, place: Place, reply: oneshot::Sender<bool> },
    L1Messages { messages: Vec<(u64, Message)>, tip: L1Tip, reply: oneshot::Sender<()> },
    L1Reorg { to: u64, reply: oneshot::Sender<()> },
    Resequence { reply: oneshot::Sender<()> },
    Synced { reply: oneshot::Sender<()> },
}

/// The newest block, as everybody may watch it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeadInfo {
    /// Number.
    pub number: u64,
    /// Hash.
    pub hash: B256,
}

/// How the rest of the node talks to the engine.
#[derive(Clone)]
pub struct EngineHandle {
    commands: SyncSender<Command>,
    head: watch::Receiver<HeadInfo>,
    pool: Arc<PoolView>,
}

impl EngineHandle {
    /// Offers a transaction. When it is accepted, it is in the journal and survives kill -9.
    pub async fn submit(&self, transaction: Recovered) -> Result<B256, SubmitError> {
        self.ask(|reply| Command::Submit { transaction, reply }).await?
    }

    /// What waits and what was dropped. Asks nothing of the engine.
    pub fn pool(&self) -> &PoolView {
        &self.pool
    }

    /// A view of the newest block that is told of changes.
    pub fn head(&self) -> watch::Receiver<HeadInfo> {
        self.head.clone()
    }

    /// One question, one answer. Never waits for room in the channel.
    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, SubmitError> {
        let (reply, answer) = oneshot::channel();
        self.commands.try_send(command(reply)).map_err(|error| match error {
            TrySendError::Full(_) => SubmitError::Overloaded,
            TrySendError::Disconnected(_) => SubmitError::Stopped,
        })?;
        answer.await.map_err(|_| SubmitError::Stopped)
    }

    /// As [`EngineHandle::ask`], but what L1 says is never dropped: waits until the engine has room.
    async fn tell<T>(&self, mut command: impl FnMut(oneshot::Sender<T>) -> Command) -> Result<T, SubmitError> {
        loop {
            match self.ask(&mut command).await {
                Err(SubmitError::Overloaded) => tokio::time::sleep(Duration::from_millis(20)).await,
                answer => return answer,
            }
        }
    }
}

/// See the module.
pub struct Engine {
    chain: ChainConfig,
    config: EngineConfig,
    store: Store,
    state: WorldState<Store>,
    head: Header,
    head_hash: B256,
    /// When the head became the head.
    head_since: Moment,
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
    told_of_full_batch: Reminder,
    price: PriceAverage,
    l1_base_fee: U256,
    /// Told whenever a batch was closed.
    closed: Arc<Notify>,
    /// L1 block up to which a message that blocks consumed and a reorganisation removed may come back.
    reorg_deadline: Option<u64>,
    /// Whether L1 was read to its end once; before, blocks of our own could contradict batches that L1 already holds.
    synced: bool,
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
        let (sender, commands) = sync_channel(config.mempool.submissions_max.max(COMMANDS_MIN));
        let (head_sender, head_receiver) = watch::channel(HeadInfo::default());
        let mut time = ChainTime::new(clock, chain.max_timestamp_drift);
        if let Some(l1_head) = store.l1_head()? {
            time.hear(l1_head.timestamp);
        }
        let mut engine = Self {
            state: WorldState::open(B256::ZERO, store.clone()),
            mempool: Mempool::new(config.mempool),
            pool: Arc::new(PoolView::new(config.mempool.dropped_max)),
            head: Header::default(),
            head_hash: B256::ZERO,
            head_since: time.clock.moment(),
            confirmations_owed: 0,
            time,
            queue_index: 0,
            open: None,
            closing: VecDeque::new(),
            told_of_full_batch: Reminder::default(),
            price: PriceAverage::default(),
            l1_base_fee: U256::ZERO,
            closer: Closer::start(chain.clone(), store.clone()),
            chain,
            config,
            store,
            closed,
            reorg_deadline: None,
            synced: false,
            head_sender,
            commands,
        };
        engine.load_head()?;
        engine.check_continuity()?;
        engine.reload_mempool()?;
        info!(head = engine.head.number, waiting = engine.mempool.len(), "engine ready");
        let handle = EngineHandle { commands: sender, head: head_receiver, pool: engine.pool.clone() };
        Ok((engine, handle))
    }

    /// Works until `cancel`, or until the store fails.
    pub fn run(mut self, cancel: &CancellationToken) -> Result<(), EngineError> {
        let block_time = Duration::from_millis(self.config.block_time_ms);
        let mut next_block = Instant::now() + block_time;
        while !cancel.is_cancelled() {
            match self.commands.recv_timeout(next_block.saturating_duration_since(Instant::now())) {
                Ok(command) => self.handle_group(command)?,
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
            Ok(command) => self.handle_group(command),
            Err(_) => Ok(()),
        }
    }

    /// Handles a command and those that wait behind it; submissions in a row share one write to the journal, and are answered after it.
    fn handle_group(&mut self, first: Command) -> Result<(), EngineError> {
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
            if group.len() < GROUP_MAX {
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
            Command::Synced { reply } => {
                if !self.synced {
                    info!(head = self.head.number, "L1 is read to its end: sequencing");
                }
                self.synced = true;
                let _ = reply.send(());
            }
        }
        Ok(())
    }

    /// Reads head and state from the store.
    fn load_head(&mut self) -> Result<(), EngineError> {
        let head = self.store.head()?;
        self.head = self.store.header(head.number)?.ok_or(EngineError::BlockMissing { number: head.number })?;
        self.head_hash = head.hash;
        self.queue_index =
            self.store.queue_index_after(head.number)?.ok_or(EngineError::BlockMissing { number: head.number })?;
        self.state = WorldState::open(self.head.state_root, self.store.clone());
        self.head_since = self.time.moment_of(self.head.timestamp, Duration::from_millis(self.config.heartbeat_ms));
        self.confirmations_owed = self.count_confirmations_owed()?;
        self.head_sender.send_replace(HeadInfo { number: head.number, hash: head.hash });
        Ok(())
    }
}
