//! A payments chain as L1 alone tells it: the queue, the batches, the state after the last of them that was applied, and how to take them back. Rules: PAY-STORE.
//!
//! ```text
//! poll:  rows of queue and batches that are gone or new, undone leaves and nodes, the L1 block               one write
//! apply: changed leaves and nodes, what they were (undo), the owner's note, the tip; undo rows that go       one write per batch
//! ```
//! Invariants: leaves and nodes are the state after batch `tip`; every batch from `undo_first` to `tip` has an undo row, no other has, and they are [`UNDO_MAX`] at most; queue
//! and batches are without gaps; notes are those of the batches up to `tip`. Nothing here is needed to have the chain: whatever is lost is read from L1 again.
//!
//! Adversarial inputs: none; what L1 told was checked before. Rows that do not decode are errors, and so are rows that are not there when the
//! ledger is restored: neither is taken for an empty ledger. While it runs, a reorganisation that needs an undo row which is not there makes the state anew, from genesis.

pub(crate) mod rows;

use std::{collections::BTreeSet, path::Path};

use alloy_primitives::{B256, keccak256};
use serde::{Serialize, de::DeserializeOwned};
use tandem_chain::{ChainConfig, ChainKind, message::queue_hash_after};
use tandem_payments::{
    field::integer,
    state::State,
    tree::{Place, Tree},
};

use self::rows::{
    LedgerBatches, LedgerLeaves, LedgerNodes, LedgerNotes, LedgerQueue, LedgerReads, LedgerUndo, ProvenRow, QueueRow,
    UndoRow,
};
use crate::{
    Codec, Json, Marker, Options, RowKey, Store, StoreError,
    changes::Changes,
    schema::{Chain, Markers, Table},
    store::Memory,
};

/// Batches that can be undone at most.
pub const UNDO_MAX: u64 = 1_024;

/// A payments chain's ledger on disk. Clones share one database; one task writes.
#[derive(Debug, Clone)]
pub struct LedgerStore(Store);

/// Everything that a ledger has.
#[derive(Debug)]
pub struct LedgerRows {
    /// Index of the last batch that was applied; 0 for genesis.
    pub tip: u64,
    /// The state after it.
    pub state: State,
    /// Messages of the queue, by index.
    pub messages: Vec<QueueRow>,
    /// Batches that L1 has, by index, genesis first; those above the tip are not applied yet.
    pub batches: Vec<ProvenRow>,
    /// Number and hash of the L1 blocks up to which L1 was read, the newest last.
    pub reads: Vec<(u64, B256)>,
    /// Number of the newest L1 block that was told to be final; 0 if none was.
    pub finalized: u64,
}

/// What a look at L1 changes.
#[derive(Debug, Clone, Copy)]
pub struct LedgerPoll<'a> {
    /// How many messages stand.
    pub messages_kept: u64,
    /// The messages behind them.
    pub messages: &'a [QueueRow],
    /// How many batches stand, genesis included.
    pub batches_kept: u64,
    /// The batches behind them.
    pub batches: &'a [ProvenRow],
    /// Numbers of the L1 blocks up to which was read before, and which are gone or forgotten.
    pub reads_gone: &'a [u64],
    /// Number and hash of the L1 block up to which was read; none if it is known already.
    pub read: Option<(u64, B256)>,
    /// Number of the newest L1 block that is told to be final; one below what was told before changes nothing.
    pub finalized: u64,
}

/// What a look at L1 did to the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwound {
    /// Every batch that was applied stands.
    Stands,
    /// The batches above this one are undone.
    To {
        /// Index of the batch after which the state is now; 0 for genesis.
        index: u64,
    },
    /// More batches are gone than can be undone: the state is genesis, and all that stand are to be applied again.
    Anew,
}

/// A batch that was applied to the state.
#[derive(Debug)]
pub struct AppliedBatch<'a, N> {
    /// Its index: one more than the tip's.
    pub index: u64,
    /// The state before it.
    pub before: &'a State,
    /// The state after it.
    pub after: &'a State,
    /// Every leaf that it changed or made, by index.
    pub changed: &'a BTreeSet<u32>,
    /// What the owner of the ledger wants to know of it later.
    pub note: &'a N,
    /// Index of the first batch that a reorganisation may take back: how to undo those before is forgotten, and not kept of this one if it is before. Batches that
    /// were forgotten stay so, and there are never more than [`UNDO_MAX`].
    pub undo_first: u64,
}

impl LedgerStore {
    /// Opens the ledger of a payments chain, or makes a new one at genesis. A directory that belongs to another chain, schema version or program is refused.
    pub fn open(path: impl AsRef<Path>, config: &ChainConfig, options: Options) -> Result<Self, StoreError> {
        if config.kind != ChainKind::Payments {
            return Err(StoreError::NotAPaymentsChain);
        }
        let tables: Vec<&str> = [Chain::NAME, Markers::NAME].into_iter().chain(rows::TABLES.iter().copied()).collect();
        let store = Store::open_tables(path.as_ref(), options, &tables, Memory::SMALL)?;
        if let Some(identity) = store.new_identity(config)? {
            let mut changes = store.first_changes(&identity)?;
            put_genesis(&mut changes)?;
            changes.commit()?;
        }
        Ok(Self(store))
    }

    /// Reads everything, and compares it with itself: messages with the queue's hashes, batches with their outputs, the state's root with that of its batch. Linear in what
    /// there is; no node of the tree is hashed.
    ///
    /// # Errors
    /// If a row is missing or does not decode, or if the rows together are no ledger.
    pub fn restore(&self) -> Result<LedgerRows, StoreError> {
        let tip = self.tip()?;
        let (messages, batches) = (self.in_order::<LedgerQueue>()?, self.in_order::<LedgerBatches>()?);
        let reads = self.0.all::<LedgerReads>()?.collect::<Result<Vec<_>, _>>()?;
        let state = self.state()?;
        check_queue(&messages)?;
        check_outputs(&batches)?;
        let applied = usize::try_from(tip).ok().and_then(|place| batches.get(place));
        let consumed = applied.map_or(0, |batch| batch.fields.queue_index);
        if consumed > messages.len() as u64 {
            return Err(StoreError::MissingRow { table: LedgerQueue::NAME, number: messages.len() as u64 });
        }
        self.check_rows::<LedgerNotes>(1, tip)?;
        self.check_rows::<LedgerUndo>(self.marker(Marker::LedgerUndoFirst)?, tip)?;
        Ok(LedgerRows { tip, state, messages, batches, reads, finalized: self.finalized()? })
    }

    /// The state after the last batch that was applied, with its root compared with the one that the batch has: linear in the leaves, and nothing is hashed.
    ///
    /// # Errors
    /// If a row is missing or does not decode, or if the rows together are not that state.
    pub fn state(&self) -> Result<State, StoreError> {
        let (tip, state) = (self.tip()?, self.rows_as_state()?);
        let expected = match tip {
            0 => B256::from(integer(State::default().root())),
            index => {
                let missing = StoreError::MissingRow { table: LedgerBatches::NAME, number: index };
                self.0.get::<LedgerBatches>(&index)?.ok_or(missing)?.fields.state_root
            }
        };
        let found = B256::from(integer(state.root()));
        if found != expected {
            return Err(StoreError::OtherRoot { index: tip, expected, found });
        }
        Ok(state)
    }

    /// What the owner noted of a batch; none if the batch is not applied.
    pub fn note<N: Serialize + DeserializeOwned>(&self, index: u64) -> Result<Option<N>, StoreError> {
        let Some(bytes) = self.0.get::<LedgerNotes>(&index)? else { return Ok(None) };
        let note = Json::decode(&bytes);
        let key = RowKey::encode(&index).into();
        note.map(Some).map_err(|reason| StoreError::Corrupt { table: LedgerNotes::NAME, key, reason })
    }

    /// What the owner noted of a batch that is applied.
    ///
    /// # Errors
    /// Also if there is none.
    pub fn applied_note<N: Serialize + DeserializeOwned>(&self, index: u64) -> Result<N, StoreError> {
        self.note(index)?.ok_or(StoreError::MissingRow { table: LedgerNotes::NAME, number: index })
    }

    /// Keeps what a look at L1 found, and takes back what is gone, the state included: one atomic write.
    pub fn poll(&self, poll: &LedgerPoll<'_>) -> Result<Unwound, StoreError> {
        let mut changes = self.0.changes();
        self.delete_from::<LedgerQueue>(&mut changes, poll.messages_kept)?;
        self.delete_from::<LedgerBatches>(&mut changes, poll.batches_kept)?;
        // By key: the rows that were deleted before stand in the way of whoever looks for the first one.
        poll.reads_gone.iter().try_for_each(|number| changes.delete::<LedgerReads>(number))?;
        for (row, index) in poll.messages.iter().zip(poll.messages_kept..) {
            changes.put::<LedgerQueue>(&index, row)?;
        }
        for (row, index) in poll.batches.iter().zip(poll.batches_kept..) {
            changes.put::<LedgerBatches>(&index, row)?;
        }
        if let Some((number, hash)) = poll.read {
            changes.put::<LedgerReads>(&number, &hash)?;
        }
        if poll.finalized > self.finalized()? {
            changes.put::<Markers>(&Marker::LedgerFinal, &poll.finalized)?;
        }
        let unwound = self.unwind(&mut changes, poll.batches_kept.saturating_sub(1))?;
        changes.commit()?;
        Ok(unwound)
    }

    /// Keeps the state after the next batch, and how to take it back, and forgets how to take back those before `undo_first`: one atomic write.
    pub fn apply<N: Serialize + DeserializeOwned>(&self, applied: &AppliedBatch<'_, N>) -> Result<(), StoreError> {
        let &AppliedBatch { index, before, after, changed, note, undo_first } = applied;
        let tip = self.tip()?;
        if tip.checked_add(1) != Some(index) {
            return Err(StoreError::NotNextBlock { head: tip, number: index });
        }
        let places: BTreeSet<Place> = changed.iter().copied().flat_map(Tree::branch).collect();
        let leaf = |state: &State, index: u32| state.leaf(index).copied();
        let rows_of = |state: &State| UndoRow {
            leaves: changed.iter().map(|&index| (index, leaf(state, index))).collect(),
            nodes: places.iter().map(|&place| (place, state.tree().node(place))).collect(),
        };
        let mut changes = self.0.changes();
        put_rows(&mut changes, &rows_of(after))?;
        let (known, next) = (self.marker(Marker::LedgerUndoFirst)?, index.saturating_add(1));
        let first = known.max(undo_first).max(next.saturating_sub(UNDO_MAX)).min(next);
        // As many as there are: never more than UNDO_MAX.
        for gone in known..first.min(index) {
            changes.delete::<LedgerUndo>(&gone)?;
        }
        if first <= index {
            changes.put::<LedgerUndo>(&index, &rows_of(before))?;
        }
        changes.put::<Markers>(&Marker::LedgerUndoFirst, &first)?;
        changes.put::<LedgerNotes>(&index, &Json::encode(note).into())?;
        changes.put::<Markers>(&Marker::LedgerTip, &index)?;
        changes.commit()
    }

    fn tip(&self) -> Result<u64, StoreError> {
        self.marker(Marker::LedgerTip)
    }

    fn finalized(&self) -> Result<u64, StoreError> {
        Ok(self.0.get::<Markers>(&Marker::LedgerFinal)?.unwrap_or(0))
    }

    fn marker(&self, marker: Marker) -> Result<u64, StoreError> {
        let missing = StoreError::MissingRow { table: Markers::NAME, number: marker as u64 };
        self.0.get::<Markers>(&marker)?.ok_or(missing)
    }

    /// The rows of a table whose keys count from 0.
    fn in_order<T: Table<Key = u64>>(&self) -> Result<Vec<T::Value>, StoreError> {
        let mut values = Vec::new();
        for (number, row) in (0..).zip(self.0.all::<T>()?) {
            let (key, value) = row?;
            if key != number {
                return Err(StoreError::MissingRow { table: T::NAME, number });
            }
            values.push(value);
        }
        Ok(values)
    }

    /// The state that leaves and nodes are.
    fn rows_as_state(&self) -> Result<State, StoreError> {
        let (mut bad_leaf, mut bad_node) = (None, None);
        let leaves = self.0.all::<LedgerLeaves>()?.map_while(|row| row.map_err(|error| bad_leaf = Some(error)).ok());
        let nodes = self.0.all::<LedgerNodes>()?.map_while(|row| row.map_err(|error| bad_node = Some(error)).ok());
        let state = State::restore(leaves, nodes);
        // What does not decode ends the rows early, and is the reason why the rest is no state.
        match bad_leaf.or(bad_node) {
            Some(error) => Err(error),
            None => Ok(state?),
        }
    }

    /// Makes the state that after batch `target`, if it is a later one.
    fn unwind(&self, changes: &mut Changes, target: u64) -> Result<Unwound, StoreError> {
        let tip = self.tip()?;
        if target >= tip {
            return Ok(Unwound::Stands);
        }
        if !self.undo(changes, target, tip)? {
            // This comes after what was undone so far, and covers it.
            changes.clear::<LedgerLeaves>()?;
            changes.clear::<LedgerNodes>()?;
            changes.clear::<LedgerUndo>()?;
            changes.clear::<LedgerNotes>()?;
            put_genesis(changes)?;
            return Ok(Unwound::Anew);
        }
        changes.put::<Markers>(&Marker::LedgerTip, &target)?;
        Ok(Unwound::To { index: target })
    }

    /// Takes back the batches above `target`; false if how to do so is not known of all of them. Then some of it is among the changes.
    fn undo(&self, changes: &mut Changes, target: u64, tip: u64) -> Result<bool, StoreError> {
        let next = target.saturating_add(1);
        if next < self.marker(Marker::LedgerUndoFirst)? {
            return Ok(false);
        }
        // The oldest last: of what several batches changed, the value before the first of them stays.
        for index in (next..=tip).rev() {
            let Some(row) = self.0.get::<LedgerUndo>(&index)? else { return Ok(false) };
            put_rows(changes, &row)?;
            changes.delete::<LedgerUndo>(&index)?;
            changes.delete::<LedgerNotes>(&index)?;
        }
        Ok(true)
    }

    /// Every number from `first` to `last` has a row.
    fn check_rows<T: Table<Key = u64>>(&self, first: u64, last: u64) -> Result<(), StoreError> {
        let mut keys = self.0.keys_from::<T>(&first)?;
        for number in first..=last {
            if keys.next().transpose()? != Some(number) {
                return Err(StoreError::MissingRow { table: T::NAME, number });
            }
        }
        Ok(())
    }

    /// Removes the rows of a table from a key on.
    fn delete_from<T: Table<Key = u64>>(&self, changes: &mut Changes, first: u64) -> Result<(), StoreError> {
        for key in self.0.keys_from::<T>(&first)? {
            changes.delete::<T>(&key?)?;
        }
        Ok(())
    }
}

/// Every message leads to the queue's hash that is kept with it (L1-MSG-2).
fn check_queue(messages: &[QueueRow]) -> Result<(), StoreError> {
    let mut queue_hash = B256::ZERO;
    for (index, row) in (0..).zip(messages) {
        queue_hash = queue_hash_after(queue_hash, keccak256(&row.record));
        if queue_hash != row.queue_hash {
            return Err(StoreError::OtherMessage { index });
        }
    }
    Ok(())
}

/// Every batch hashes to its output (PAY-OUTPUT); genesis is known without.
fn check_outputs(batches: &[ProvenRow]) -> Result<(), StoreError> {
    let other = (0..).zip(batches).skip(1).find(|(_, batch)| batch.fields.hash() != batch.output);
    other.map_or(Ok(()), |(index, _)| Err(StoreError::OtherOutput { index }))
}

/// The state before the first batch, of which nothing can be taken back.
fn put_genesis(changes: &mut Changes) -> Result<(), StoreError> {
    let state = State::default();
    let leaves = vec![(0, state.leaf(0).copied())];
    let nodes = Tree::branch(0).map(|place| (place, state.tree().node(place))).collect();
    put_rows(changes, &UndoRow { leaves, nodes })?;
    changes.put::<Markers>(&Marker::LedgerTip, &0)?;
    changes.put::<Markers>(&Marker::LedgerUndoFirst, &1)
}

/// Makes leaves and nodes what these rows say.
fn put_rows(changes: &mut Changes, UndoRow { leaves, nodes }: &UndoRow) -> Result<(), StoreError> {
    for (index, leaf) in leaves {
        match leaf {
            Some(leaf) => changes.put::<LedgerLeaves>(index, leaf)?,
            None => changes.delete::<LedgerLeaves>(index)?,
        }
    }
    for (place, node) in nodes {
        match node {
            Some(node) => changes.put::<LedgerNodes>(place, node)?,
            None => changes.delete::<LedgerNodes>(place)?,
        }
    }
    Ok(())
}
