//! Queue, batches and state, followed from poll to poll and kept on disk. Rules: PAY-STORE, PAY-OUTPUT, L1-MSG-2, L1-MSG-8.
//!
//! ```text
//!            +-- what stands, what is new (one write, undoing what is gone) --+
//! L1 events -+                                                                +--> caller
//!            +-- segments -> Ledger -> state (one write for each batch) ------+
//! ```
//! What the caller is told is on disk before. A process that ends at any point, or is killed, goes on from the last write when it begins anew: nothing below the last block
//! that was read is asked for again, but for whether it is still there. How far a reorganisation reaches is found by the blocks up to which was read and by those that have
//! batches: what is above the newest of them that stands is taken back, the state by its undo rows. What is decided of all this is in `standing.rs`.
//!
//! Adversarial: the endpoint. Events that do not fit together are an error and not kept; batches that do not give what their events say are read again from the last one that
//! did. What was kept is not believed either: if the events behind it do not go with it, more and more of it is read again and compared. A block that is missing is waited for,
//! and counts as taken back only after some time.

use std::collections::VecDeque;

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::B256,
};
use serde::{Serialize, de::DeserializeOwned};
use tandem_chain::ChainConfig;
use tandem_payments::state::State;
use tandem_store::{AppliedBatch, LedgerPoll, LedgerRows, LedgerStore, ProvenRow, QueueRow, StoreError, Unwound};
use tokio::task::spawn_blocking;

use super::{
    BatchEvent, FollowError, Ledger, Messages, Posted, PostedError, QueuedRecord,
    history::Events,
    posted,
    standing::{self, Found, Gallop, Look, Patience, RECENT_MAX, Reads},
};
use crate::client::{BlockRef, L1Client, L1Header, RpcFailure};

/// L1 blocks remembered for finding out how deep a reorganisation is, beside those that have batches.
const READ_BLOCKS_MAX: usize = 1_024;

/// What [`Follower::advance`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advanced {
    /// Batches, genesis included, that stand as they were told of last, or, the first time, as they were when the ledger was opened. Those behind them are new.
    pub batches_kept: usize,
    /// A reorganisation was deeper than what can be undone: the state was rebuilt from genesis. It can only be so after a reorganisation behind L1's finalised block or of
    /// very many batches, or if the ledger lost rows.
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
    /// Blocks up to which was read, the newest last; none only before the first.
    reads: VecDeque<BlockRef>,
    /// Number of the newest block that L1 told to be final, 0 if it told of none.
    finalized: u64,
    /// With blocks that were there and are missing.
    patience: Patience,
    /// Looks in a row whose events did not go with what is known: each reads again twice as much of it.
    mismatches: u32,
    ledger: Ledger,
    /// The ledgers before, without gaps, the newest last: a reorganisation of so few batches reads no state from disk.
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
    /// Goes on from what a store has. `start_block` is that of the deployment; `blocks_max` bounds the blocks of one `eth_getLogs`. Reads the whole ledger, on a thread of its
    /// own, and asks L1 nothing.
    ///
    /// # Errors
    /// If the ledger is damaged.
    pub async fn open(
        client: L1Client,
        chain: ChainConfig,
        start_block: u64,
        blocks_max: u64,
        store: LedgerStore,
    ) -> Result<Self, FollowError> {
        let reader = store.clone();
        let Restored { tip, state, messages, batches, reads, finalized } =
            spawn_blocking(move || Restored::read(&reader)).await??;
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
            reads,
            finalized,
            patience: Patience::default(),
            mismatches: 0,
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

    /// Reads and applies up to L1's newest block; none if the caller was told of it already. A call that is dropped before it ends leaves a follower that is of no use: then open
    /// it again.
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
        if is_read {
            self.patience = Patience::default();
        }
        if is_read && self.is_told {
            return Ok(None);
        }
        self.is_told = false;
        if !is_read {
            self.read_to(head).await?;
        }
        self.head = head;
        while let Some(event) = at(&self.batches, self.ledger.index().saturating_add(1)).cloned() {
            let posted = posted(&self.client, self.chain.settlement, &event).await;
            self.is_suspect |= posted.as_ref().is_err_and(|error| !matches!(error, PostedError::Rpc(_)));
            let index = event.index;
            let posted = posted.map_err(|source| FollowError::Posted { index, source })?;
            self.apply(&event, &posted, &mut note)?;
        }
        let advanced = Advanced { batches_kept: self.kept, rebuilt: self.is_rebuilt };
        (self.kept, self.is_rebuilt, self.is_told) = (self.batches.len(), false, true);
        Ok(Some(advanced))
    }

    /// Reads the events up to a block, and takes back what is not there any more.
    async fn read_to(&mut self, head: L1Header) -> Result<(), FollowError> {
        let stands = self.stands(head.id).await?;
        let from = self.read_from(stands);
        let is_read_again = |block: u64| from.is_none_or(|from| block > from);
        let again = self.messages.iter().rev().take_while(|queued| is_read_again(queued.block)).count();
        let messages_before = self.messages.len().saturating_sub(again);
        let batches_before = self.batches.partition_point(|event| !is_read_again(event.block));
        let last_message = messages_before.checked_sub(1).and_then(|last| self.messages.get(last));
        let last_batch = batches_before.checked_sub(1).and_then(|last| self.batches.get(last));
        let mut events = Events::after((messages_before, last_message), (batches_before, last_batch));
        let first = from.map_or(self.start_block, |number| number.saturating_add(1));
        if let Err(error) = events.read(&self.client, &self.chain, first, head, self.blocks_max).await {
            if error.is_mismatch() {
                // Once everything was read again, what is known is not the reason: another round begins with little.
                self.mismatches = from.map_or(0, |_| self.mismatches.saturating_add(1));
            }
            return Err(error.into());
        }
        // An endpoint that does not say what is final costs disk alone.
        let told = self.client.tagged(BlockNumberOrTag::Finalized).await.ok().flatten();
        let finalized = standing::newest_final(self.finalized, told, head.id.number);

        // What was read again as it was known stays, and what depends on it.
        let known = (messages_before..).map_while(|place| self.messages.get(place));
        let messages_kept = messages_before.saturating_add(standing::common(known, &events.messages));
        let batches_kept = standing::batches_kept(&self.batches, batches_before, &events.batches, messages_kept as u64);
        let new_messages = events.messages.split_off(messages_kept.saturating_sub(messages_before));
        let new_batches = events.batches.split_off(batches_kept.saturating_sub(batches_before));
        let reads = Reads::after(&self.reads, stands, head.id, READ_BLOCKS_MAX);
        let unwound = self.store.poll(&LedgerPoll {
            messages_kept: messages_kept as u64,
            messages: &new_messages.iter().map(QueueRow::from).collect::<Vec<_>>(),
            batches_kept: batches_kept as u64,
            batches: &new_batches.iter().map(ProvenRow::from).collect::<Vec<_>>(),
            reads_gone: &reads.gone,
            read: reads.new.map(|read| (read.number, read.hash)),
            finalized,
        })?;
        while self.messages.len() > messages_kept {
            self.messages.drop_last_mut();
        }
        self.messages.extend(new_messages);
        self.batches.truncate(batches_kept);
        self.batches.extend(new_batches);
        (self.reads, self.finalized) = (reads.known, finalized);
        self.kept = self.kept.min(batches_kept);
        (self.is_suspect, self.mismatches, self.patience) = (false, 0, Patience::default());
        self.take_back(unwound).await
    }

    /// The block behind which is read; none for everything. It is the one that stands, unless something that is known is in doubt.
    fn read_from(&self, stands: Option<u64>) -> Option<u64> {
        let mut from = stands;
        if self.is_suspect {
            let last = standing::before_suspect(&self.batches, self.ledger.index());
            from = from.zip(last).map(|(from, last)| from.min(last));
        }
        if self.mismatches > 0 {
            let places = 1_usize.checked_shl(self.mismatches).unwrap_or(usize::MAX);
            from = from.and_then(|from| standing::lower(&self.reads, &self.batches, from, places));
        }
        from
    }

    /// The number of the newest block known here that L1 still has, not above its head; none if it has none of them.
    async fn stands(&mut self, head: BlockRef) -> Result<Option<u64>, FollowError> {
        if let Some(last) = self.reads.back().copied() {
            let found = if last == head { Found::Same } else { self.found(last).await? };
            match self.patience.look(head.number, self.finalized, last.number, found) {
                Look::Stands => return Ok(Some(last.number)),
                Look::Behind if head.number < self.finalized => {
                    return Err(FollowError::BelowFinal { head: head.number, finalized: self.finalized });
                }
                Look::Behind => return Err(FollowError::Behind { head: head.number, known: last.number }),
                Look::Search => {}
            }
        }
        self.search(head.number).await
    }

    /// The same, found by what has a number up to that of L1's head: first among the blocks up to which was read, then among those of batches between two of these.
    async fn search(&mut self, head: u64) -> Result<Option<u64>, FollowError> {
        let mut reads = Gallop::over(self.reads.partition_point(|read| read.number <= head));
        while let Some(block) = reads.place().and_then(|place| self.reads.get(place)).copied() {
            reads.tell(self.is_there(block, head).await?);
        }
        let lower = reads.standing().checked_sub(1).and_then(|last| self.reads.get(last)).map(|read| read.number);
        let gone = self.reads.get(reads.standing()).map_or(u64::MAX, |read| read.number);
        let between = standing::between(&self.batches, lower, gone.min(head.saturating_add(1)));
        let (first, mut batches) = (between.start, Gallop::over(between.len()));
        let batch = |batches: &[BatchEvent], place: usize| {
            let event = batches.get(first.saturating_add(place))?;
            Some(BlockRef { number: event.block, hash: event.block_hash })
        };
        while let Some(block) = batches.place().and_then(|place| batch(&self.batches, place)) {
            batches.tell(self.is_there(block, head).await?);
        }
        let newest = batches.standing().checked_sub(1).and_then(|last| batch(&self.batches, last));
        Ok(newest.map(|block| block.number).or(lower))
    }

    async fn is_there(&mut self, block: BlockRef, head: u64) -> Result<bool, FollowError> {
        let found = self.found(block).await?;
        self.patience.is_there(found).ok_or(FollowError::Behind { head, known: block.number })
    }

    async fn found(&self, block: BlockRef) -> Result<Found, RpcFailure> {
        Ok(Found::of(block, self.client.header(BlockId::number(block.number)).await?))
    }

    /// The state becomes the one that the store has.
    async fn take_back(&mut self, unwound: Unwound) -> Result<(), FollowError> {
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
                        let store = self.store.clone();
                        let state = spawn_blocking(move || store.state()).await??;
                        Ledger::kept(&self.chain, state, at(&self.batches, index))
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
        let note_before = match before.index() {
            0 => None,
            index => Some(self.store.applied_note(index)?),
        };
        let note = note(Applied { event, posted, before: &before, messages: &self.messages, note_before });
        self.store.apply(&AppliedBatch {
            index: event.index,
            before: before.state(),
            after: after.state(),
            changed: &changed,
            note: &note,
            undo_first: standing::undo_first(&self.batches, self.finalized),
        })?;
        tracing::debug!(batch = event.index, leaves = event.leaf_count, "applied");
        self.ledger = after;
        self.recent.push_back(before);
        if self.recent.len() > RECENT_MAX {
            self.recent.pop_front();
        }
        Ok(())
    }
}

/// What was on disk.
struct Restored {
    tip: u64,
    state: State,
    messages: Messages,
    batches: Vec<BatchEvent>,
    reads: VecDeque<BlockRef>,
    finalized: u64,
}

impl Restored {
    fn read(store: &LedgerStore) -> Result<Self, FollowError> {
        let LedgerRows { tip, state, messages, batches, reads, finalized } = store.restore()?;
        let message = |(index, row)| {
            QueuedRecord::kept(index, row).map_err(|source| FollowError::Stored { index, source: source.into() })
        };
        Ok(Self {
            tip,
            state,
            messages: (0..).zip(messages).map(message).collect::<Result<_, _>>()?,
            batches: (0..).zip(batches).map(|(index, row)| BatchEvent::kept(index, row)).collect(),
            reads: reads.into_iter().map(|(number, hash)| BlockRef { number, hash }).collect(),
            finalized,
        })
    }
}

/// A batch by its index.
fn at(batches: &[BatchEvent], index: u64) -> Option<&BatchEvent> {
    batches.get(usize::try_from(index).ok()?)
}
