//! Queue, batches and state, followed from poll to poll and kept on disk. Rules: PAY-STORE, PAY-OUTPUT, L1-MSG-2, L1-MSG-8.
//!
//! ```text
//!            +-- what stands, what is new (one write, undoing what is gone) --+
//! L1 events -+                                                                +--> caller
//!            +-- segments -> Ledger -> state (one write for each batch) ------+
//! ```
//! What the caller is told is on disk before. A process that ends at any point, or is killed, goes on from the last write when it begins anew: nothing below the last block
//! that was read is asked for again, but for whether it is still there. How far a reorganisation reaches is found by the blocks up to which was read and by those that have
//! batches: what is above the newest of them that stands is taken back, the state by its undo rows.
//!
//! Adversarial: the endpoint. Events that do not fit together are an error and not kept; batches that do not give what their events say are read again from the last one that
//! did.

use std::collections::{BTreeMap, VecDeque};

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::B256,
};
use serde::{Serialize, de::DeserializeOwned};
use tandem_chain::ChainConfig;
use tandem_store::{AppliedBatch, LedgerPoll, LedgerRows, LedgerStore, ProvenRow, QueueRow, StoreError, Unwound};

use super::{
    BatchEvent, HistoryError, Ledger, LedgerError, Messages, Posted, PostedError, QueuedRecord,
    history::{BadRecord, Events},
    posted,
};
use crate::client::{BlockRef, L1Client, L1Header, RpcFailure};

/// L1 blocks remembered for finding out how deep a reorganisation is, beside those that have batches.
const READ_BLOCKS_MAX: usize = 1_024;
/// States before the last batches that are kept in memory: a reorganisation of so few reads no state from disk. They share all but what the batches changed.
const RECENT_MAX: usize = 64;

/// Why L1 cannot be followed. Unless it [is fatal](Self::is_fatal) ask again: what was kept is not read again.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The endpoint did not answer.
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    /// The events cannot be had, or do not fit together.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The segments of a batch cannot be had.
    #[error("batch {index}: {source}")]
    Posted {
        /// Index of the batch.
        index: u64,
        /// What is wrong.
        source: PostedError,
    },
    /// A batch does not give what the settlement says.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The ledger on disk cannot be read or written.
    #[error("ledger: {0}")]
    Store(#[from] StoreError),
    /// A message on disk is none.
    #[error("ledger: message {index} is damaged: {source}; delete the ledger's directory, L1 has everything")]
    Stored {
        /// Its position in the queue.
        index: u64,
        /// What is wrong with it.
        source: BadRecord,
    },
}

impl FollowError {
    /// Whether the follower is of no use any more: its ledger must be looked after, and opened again.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Stored { .. })
    }
}

/// What [`Follower::advance`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advanced {
    /// Batches, genesis included, that stand as they were told of last, or, the first time, as they were when the ledger was opened. Those behind them are new.
    pub batches_kept: usize,
    /// A reorganisation was deeper than what can be undone: the state was rebuilt from genesis.
    pub rebuilt: bool,
}

/// A batch that was applied, for whoever keeps a note of it.
#[derive(Debug)]
pub struct Applied<'a, N> {
    /// What the settlement says of it.
    pub event: &'a BatchEvent,
    /// What its transaction carries.
    pub posted: &'a Posted,
    /// The state before it, with that state's output.
    pub before: &'a Ledger,
    /// The queue, as far as it is known.
    pub messages: &'a Messages,
    /// The note of the batch before; none if that is genesis.
    pub note_before: Option<N>,
}

/// Follows a payments chain on L1. Owned by one task.
#[derive(Debug)]
pub struct Follower {
    client: L1Client,
    chain: ChainConfig,
    start_block: u64,
    blocks_max: u64,
    store: LedgerStore,
    /// The last block that was read.
    head: L1Header,
    messages: Messages,
    /// Those that L1 has, applied or not.
    batches: Vec<BatchEvent>,
    /// Blocks up to which was read, the newest last.
    reads: VecDeque<BlockRef>,
    ledger: Ledger,
    /// The ledgers before, without gaps, the newest last.
    recent: VecDeque<Ledger>,
    /// Of the batches that the caller was told of, those that stand as they did.
    kept: usize,
    /// The state was rebuilt since the caller was told last.
    is_rebuilt: bool,
    /// The caller knows everything that is here.
    is_told: bool,
    /// A batch that is not applied is not what its event says: what is behind the last one that was is read again.
    is_suspect: bool,
}

impl Follower {
    /// Goes on from what a store has. `start_block` is that of the deployment; `blocks_max` bounds the blocks of one `eth_getLogs`. Reads the whole ledger, and asks L1 nothing.
    ///
    /// # Errors
    /// If the ledger is damaged.
    pub fn open(
        client: L1Client,
        chain: ChainConfig,
        start_block: u64,
        blocks_max: u64,
        store: LedgerStore,
    ) -> Result<Self, FollowError> {
        let LedgerRows { tip, state, messages, batches, reads } = store.restore()?;
        let batches: Vec<BatchEvent> = (0..).zip(batches).map(|(index, row)| BatchEvent::kept(index, row)).collect();
        let message =
            |(index, row)| QueuedRecord::kept(index, row).map_err(|source| FollowError::Stored { index, source });
        let messages = (0..).zip(messages).map(message).collect::<Result<Messages, _>>()?;
        let ledger = Ledger::kept(&chain, state, at(&batches, tip));
        let known = usize::try_from(tip).unwrap_or(usize::MAX).saturating_add(1);
        Ok(Self {
            client,
            start_block,
            blocks_max,
            store,
            head: L1Header { id: BlockRef::default(), parent_hash: B256::ZERO, timestamp: 0, base_fee: 0 },
            kept: known.min(batches.len()),
            messages,
            batches,
            reads: reads.into_iter().map(|(number, hash)| BlockRef { number, hash }).collect(),
            ledger,
            recent: VecDeque::new(),
            is_rebuilt: false,
            is_told: false,
            is_suspect: false,
            chain,
        })
    }

    /// The last block that was read; meaningless before the first [`advance`](Self::advance).
    pub fn head(&self) -> L1Header {
        self.head
    }

    /// Every message, by index.
    pub fn messages(&self) -> &Messages {
        &self.messages
    }

    /// Every batch that L1 has, by index, genesis first.
    pub fn batches(&self) -> &[BatchEvent] {
        &self.batches
    }

    /// The state after the last of them.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What was noted of a batch when it was applied; none of genesis.
    ///
    /// # Errors
    /// If the store cannot be read, or holds a note of another kind.
    pub fn note<N: Serialize + DeserializeOwned>(&self, index: u64) -> Result<Option<N>, StoreError> {
        self.store.note(index)
    }

    /// Reads and applies up to L1's newest block; none if the caller was told of it already.
    ///
    /// # Errors
    /// See [`FollowError`]. What was kept before it is told of by the next call that succeeds.
    pub async fn advance(&mut self) -> Result<Option<Advanced>, FollowError> {
        self.advance_noting(|_: Applied<'_, ()>| ()).await
    }

    /// The same, and keeps a note of every batch that is applied, in the same write.
    ///
    /// # Errors
    /// Those of [`advance`](Self::advance).
    pub async fn advance_noting<N: Serialize + DeserializeOwned>(
        &mut self,
        mut note: impl FnMut(Applied<'_, N>) -> N,
    ) -> Result<Option<Advanced>, FollowError> {
        let head = self.client.latest().await?;
        let is_read = self.reads.back() == Some(&head.id) && !self.is_suspect;
        if is_read && self.is_told {
            return Ok(None);
        }
        self.is_told = false;
        if !is_read {
            self.read_to(head).await?;
        }
        self.head = head;
        let before = self.ledger.index();
        while let Some(event) = at(&self.batches, self.ledger.index().saturating_add(1)).cloned() {
            let posted = posted(&self.client, self.chain.settlement, &event).await;
            self.is_suspect |= posted.as_ref().is_err_and(|error| !matches!(error, PostedError::Rpc(_)));
            let index = event.index;
            let posted = posted.map_err(|source| FollowError::Posted { index, source })?;
            self.apply(&event, &posted, &mut note)?;
        }
        if before != self.ledger.index() {
            self.prune().await?;
        }
        let advanced = Advanced { batches_kept: self.kept, rebuilt: self.is_rebuilt };
        (self.kept, self.is_rebuilt, self.is_told) = (self.batches.len(), false, true);
        Ok(Some(advanced))
    }

    /// Reads the events up to a block, and takes back what is not there any more.
    async fn read_to(&mut self, head: L1Header) -> Result<(), FollowError> {
        let mut stands = self.stands().await?;
        if self.is_suspect {
            let proven = at(&self.batches, self.ledger.index()).filter(|event| event.index > 0);
            stands = stands.zip(proven).map(|(stands, event)| stands.min(event.block));
        }
        let is_kept = |block: u64| stands.is_some_and(|stands| block <= stands);
        let gone = self.messages.iter().rev().take_while(|queued| !is_kept(queued.block)).count();
        let messages_kept = self.messages.len().saturating_sub(gone);
        let batches_kept = self.batches.partition_point(|event| is_kept(event.block));
        let last_message = messages_kept.checked_sub(1).and_then(|last| self.messages.get(last));
        let last_batch = batches_kept.checked_sub(1).and_then(|last| self.batches.get(last));
        let mut events = Events::after((messages_kept, last_message), (batches_kept, last_batch));
        let first = stands.map_or(self.start_block, |number| number.saturating_add(1));
        events.read(&self.client, &self.chain, first, head, self.blocks_max).await?;

        let mut reads = self.reads.clone();
        reads.retain(|read| is_kept(read.number));
        let is_further = stands.is_none_or(|number| number < head.id.number);
        reads.extend(is_further.then_some(head.id));
        while reads.len() > READ_BLOCKS_MAX {
            reads.pop_front();
        }
        let messages: Vec<QueueRow> = events.messages.iter().map(QueueRow::from).collect();
        let batches: Vec<ProvenRow> = events.batches.iter().map(ProvenRow::from).collect();
        let unwound = self.store.poll(&LedgerPoll {
            stands,
            messages_kept: messages_kept as u64,
            messages: &messages,
            batches_kept: batches_kept as u64,
            batches: &batches,
            read: is_further.then_some((head.id.number, head.id.hash)),
            reads_first: reads.front().map_or(0, |read| read.number),
        })?;
        for _ in 0..gone {
            self.messages.drop_last_mut();
        }
        self.messages.extend(events.messages);
        self.batches.truncate(batches_kept);
        self.batches.extend(events.batches);
        self.reads = reads;
        self.kept = self.kept.min(batches_kept);
        self.is_suspect = false;
        self.take_back(unwound)
    }

    /// The number of the newest block known here that L1 still has; none if it has none of them.
    async fn stands(&self) -> Result<Option<u64>, RpcFailure> {
        let Some(last) = self.reads.back() else { return Ok(None) };
        if self.is_there(*last).await? {
            return Ok(Some(last.number));
        }
        let of_batches = self.batches.iter().map(|event| (event.block, event.block_hash));
        let known: BTreeMap<u64, B256> =
            of_batches.chain(self.reads.iter().map(|read| (read.number, read.hash))).collect();
        let known: Vec<BlockRef> = known.into_iter().map(|(number, hash)| BlockRef { number, hash }).collect();
        // Where one stands, all before it do.
        let (mut standing, mut end) = (0, known.len());
        while standing < end {
            let middle = standing.midpoint(end);
            let Some(block) = known.get(middle) else { break };
            if self.is_there(*block).await? {
                standing = middle.saturating_add(1);
            } else {
                end = middle;
            }
        }
        Ok(standing.checked_sub(1).and_then(|last| known.get(last)).map(|block| block.number))
    }

    async fn is_there(&self, block: BlockRef) -> Result<bool, RpcFailure> {
        let found = self.client.header(BlockId::number(block.number)).await?;
        Ok(found.is_some_and(|header| header.id == block))
    }

    /// The state becomes the one that the store has.
    fn take_back(&mut self, unwound: Unwound) -> Result<(), FollowError> {
        match unwound {
            Unwound::Stands => {}
            Unwound::To { index } => {
                while self.recent.back().is_some_and(|ledger| ledger.index() > index) {
                    self.recent.pop_back();
                }
                self.ledger = match self.recent.pop_back().filter(|ledger| ledger.index() == index) {
                    Some(ledger) => ledger,
                    None => {
                        self.recent.clear();
                        Ledger::kept(&self.chain, self.store.restore()?.state, at(&self.batches, index))
                    }
                };
            }
            Unwound::Anew => {
                self.recent.clear();
                self.ledger = Ledger::genesis(&self.chain);
                self.is_rebuilt = true;
            }
        }
        Ok(())
    }

    /// Applies the next batch, and keeps the state after it.
    fn apply<N: Serialize + DeserializeOwned>(
        &mut self,
        event: &BatchEvent,
        posted: &Posted,
        note: &mut impl FnMut(Applied<'_, N>) -> N,
    ) -> Result<(), FollowError> {
        let before = self.ledger.clone();
        let applied = before.clone().apply_changing(event, posted, &self.messages);
        self.is_suspect |= applied.is_err();
        let (after, changed) = applied?;
        let note_before = self.store.note(before.index())?;
        let note = note(Applied { event, posted, before: &before, messages: &self.messages, note_before });
        self.store.apply(&AppliedBatch {
            index: event.index,
            before: before.state(),
            after: after.state(),
            changed: &changed,
            note: &note,
        })?;
        tracing::debug!(batch = event.index, leaves = event.leaf_count, "applied");
        self.ledger = after;
        self.recent.push_back(before);
        if self.recent.len() > RECENT_MAX {
            self.recent.pop_front();
        }
        Ok(())
    }

    /// Forgets how to take back what L1 has finalised. An endpoint that does not say what that is costs disk alone.
    async fn prune(&self) -> Result<(), FollowError> {
        let finalized = self.client.tagged(BlockNumberOrTag::Finalized).await.ok().flatten();
        Ok(self.store.prune(finalized.map_or(0, |block| block.number))?)
    }
}

/// A batch by its index.
fn at(batches: &[BatchEvent], index: u64) -> Option<&BatchEvent> {
    batches.get(usize::try_from(index).ok()?)
}
