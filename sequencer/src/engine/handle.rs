//! How the rest of the node talks to the engine.

use std::sync::{Arc, mpsc::Receiver};

use alloy::primitives::{B256, U256};
use tandem_chain::{BatchHeader, Checkpoint, Message, derive::L1Batch};
use tandem_evm::Recovered;
use tokio::sync::{oneshot, watch};

use super::AskError;
use crate::{commands::Commands, mempool::PoolView, sync_state::SyncState};

/// Commands that may wait at least, whatever the limit of submissions: L1 has some to give too.
const COMMANDS_MIN: usize = 16;

/// The accepted transaction's hash, or why it was refused.
pub(super) type SubmitAnswer = Result<B256, AskError>;

/// What others ask of the engine.
pub(super) enum Command {
    Submit { transaction: Recovered, reply: oneshot::Sender<SubmitAnswer> },
    Landed { landed: Landed, reply: oneshot::Sender<Landing> },
    Foreign { batch: Box<L1Batch>, messages: Vec<Message>, place: L1Place, reply: oneshot::Sender<Adoption> },
    L1Messages { messages: Vec<(u64, Message)>, tip: L1Tip, reply: oneshot::Sender<()> },
    L1Reorg { to: u64, reply: oneshot::Sender<()> },
    Resequence { reply: oneshot::Sender<()> },
    Synced { reply: oneshot::Sender<()> },
    WantBlock,
}

/// The newest block, as everybody may watch it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeadInfo {
    /// Number of the newest block.
    pub number: u64,
    /// Hash of the newest block.
    pub hash: B256,
}

/// Where on L1 a batch was appended.
#[derive(Clone, Copy, Debug)]
pub struct L1Place {
    /// Number of the L1 block.
    pub number: u64,
    /// Hash of the L1 block.
    pub hash: B256,
    /// Hash of the L1 transaction that appended the batch.
    pub transaction: B256,
}

/// A batch of ours that L1 holds.
#[derive(Clone, Copy, Debug)]
pub struct Landed {
    /// As L1 ordered it.
    pub header: BatchHeader,
    /// The checkpoint that the batch names.
    pub checkpoint: Checkpoint,
    /// First block of the job.
    pub first_block: u64,
    /// Last block of the job.
    pub last_block: u64,
    /// Where on L1 the batch was appended.
    pub place: L1Place,
}

/// What a batch of ours that L1 holds is to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landing {
    /// Its blocks are those that were promised.
    Recorded,
    /// L1 dates it so that it derives to other blocks: it counts as another author's.
    DatedOtherwise,
}

/// What became of a batch that is not the next of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adoption {
    /// Its blocks replaced ours, and what they displaced waits again.
    Adopted,
    /// Something that L1 has before it is not known: L1 must be read again.
    DoesNotFit,
}

/// What the newest block of L1 says.
#[derive(Clone, Copy, Debug)]
pub struct L1Tip {
    /// Its time in seconds.
    pub timestamp: u64,
    /// Its base fee in wei.
    pub base_fee: U256,
}

/// How the rest of the node talks to the engine.
#[derive(Clone)]
pub struct EngineHandle {
    commands: Commands<Command>,
    head: watch::Receiver<HeadInfo>,
    sync: watch::Receiver<SyncState>,
    pool: Arc<PoolView>,
}

impl EngineHandle {
    /// For an engine that takes commands from what is returned beside it.
    pub(super) fn new(
        submissions_max: usize,
        head: watch::Receiver<HeadInfo>,
        sync: watch::Receiver<SyncState>,
        pool: Arc<PoolView>,
    ) -> (Self, Receiver<Command>) {
        let (commands, received) = Commands::new(submissions_max.max(COMMANDS_MIN));
        (Self { commands, head, sync, pool }, received)
    }

    /// Offers a transaction. When it is accepted, it is in the journal and survives kill -9.
    pub async fn submit(&self, transaction: Recovered) -> Result<B256, AskError> {
        self.commands.ask(|reply| Command::Submit { transaction, reply }).await?
    }

    /// What waits and what was dropped. Asks nothing of the engine.
    pub fn pool(&self) -> &PoolView {
        &self.pool
    }

    /// A view of the newest block that is told of changes.
    pub fn head(&self) -> watch::Receiver<HeadInfo> {
        self.head.clone()
    }

    /// Whether L1 was read to its end, so that blocks are built.
    pub fn watch_sync(&self) -> watch::Receiver<SyncState> {
        self.sync.clone()
    }

    /// A batch of ours is on L1.
    pub async fn landed(&self, landed: Landed) -> Result<Landing, AskError> {
        Ok(self.commands.tell(|reply| Command::Landed { landed, reply }).await?)
    }

    /// A batch that is not the next of ours is on L1.
    pub async fn foreign(&self, batch: L1Batch, messages: Vec<Message>, place: L1Place) -> Result<Adoption, AskError> {
        let batch = Box::new(batch);
        let command = |reply| Command::Foreign { batch: batch.clone(), messages: messages.clone(), place, reply };
        Ok(self.commands.tell(command).await?)
    }

    /// L1 has one more block with these messages, which are in the store. `tip` is its newest block, which may be a later one.
    pub async fn l1_block(&self, messages: Vec<(u64, Message)>, tip: L1Tip) -> Result<(), AskError> {
        Ok(self.commands.tell(|reply| Command::L1Messages { messages: messages.clone(), tip, reply }).await?)
    }

    /// The Inbox will never take the closed batches: sequences everything after the last batch on L1 again.
    pub async fn resequence(&self) -> Result<(), AskError> {
        Ok(self.commands.tell(|reply| Command::Resequence { reply }).await?)
    }

    /// L1 was read to its end.
    pub async fn synced(&self) -> Result<(), AskError> {
        Ok(self.commands.tell(|reply| Command::Synced { reply }).await?)
    }

    /// The next block shall not wait until something is to be put in. Forgotten while the engine has too much to do: then it builds blocks.
    pub fn want_block(&self) {
        self.commands.hint(Command::WantBlock);
    }

    /// Everything on L1 above `to` is void.
    pub async fn l1_reorg(&self, to: u64) -> Result<(), AskError> {
        Ok(self.commands.tell(|reply| Command::L1Reorg { to, reply }).await?)
    }
}
