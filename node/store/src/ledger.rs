//! A payments chain as L1 alone tells it: the queue, the batches, the state after the last of them that was applied, and how to take them back. Rules: PAY-STORE.
//!
//! ```text
//! poll:  rows of queue and batches that are gone or new, undone leaves and nodes, the L1 block   one write
//! apply: changed leaves and nodes, what they were (undo), the owner's note, the tip              one write per batch
//! prune: undo rows that no reorganisation can ask for                                            one write
//! ```
//! Invariants: leaves and nodes are the state after batch `tip`; every batch from `undo_first` to `tip` has an undo row; queue and batches are without gaps; notes are those
//! of the batches up to `tip`. Nothing here is needed to have the chain: whatever is lost is read from L1 again.
//!
//! Adversarial inputs: none; what L1 told was checked before. Rows that do not decode, or are not there, are errors and never an empty ledger.

pub(crate) mod rows;

use std::{collections::BTreeSet, path::Path};

use alloy_primitives::B256;
use serde::{Serialize, de::DeserializeOwned};
use tandem_chain::{ChainConfig, ChainKind};
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
    Codec, Json, Marker, Options, Order, RowKey, Store, StoreError,
    changes::Changes,
    schema::{Chain, Markers, Table},
};

/// Batches that can be undone at most; of L1's finalised blocks none needs to be.
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
}

/// What a look at L1 changes.
#[derive(Debug, Clone, Copy)]
pub struct LedgerPoll<'a> {
    /// The L1 block up to which everything stands that was read before; none if nothing does.
    pub stands: Option<u64>,
    /// How many messages stand.
    pub messages_kept: u64,
    /// The messages behind them.
    pub messages: &'a [QueueRow],
    /// How many batches stand, genesis included.
    pub batches_kept: u64,
    /// The batches behind them.
    pub batches: &'a [ProvenRow],
    /// Number and hash of the L1 block up to which was read; none if it is known already.
    pub read: Option<(u64, B256)>,
    /// Reads of L1 blocks below this one are forgotten.
    pub reads_first: u64,
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
}

impl LedgerStore {
    /// Opens the ledger of a payments chain, or makes a new one at genesis. A directory that belongs to another chain, schema version or program is refused.
    pub fn open(path: impl AsRef<Path>, config: &ChainConfig, options: Options) -> Result<Self, StoreError> {
        if config.kind != ChainKind::Payments {
            return Err(StoreError::NotAPaymentsChain);
        }
        let tables: Vec<&str> = [Chain::NAME, Markers::NAME].into_iter().chain(rows::TABLES.iter().copied()).collect();
        let store = Store::open_tables(path.as_ref(), options, &tables)?;
        if let Some(identity) = store.new_identity(config)? {
            let mut changes = store.first_changes(&identity)?;
            put_genesis(&mut changes)?;
            changes.commit()?;
        }
        Ok(Self(store))
    }

    /// Reads everything, and compares the state's root with the one that its batch has: linear in what there is, and nothing is hashed.
    ///
    /// # Errors
    /// If a row is missing or does not decode, or if the rows together are not that state.
    pub fn restore(&self) -> Result<LedgerRows, StoreError> {
        let tip = self.tip()?;
        let (messages, batches) = (self.in_order::<LedgerQueue>()?, self.in_order::<LedgerBatches>()?);
        let reads = self.0.all::<LedgerReads>()?.collect::<Result<Vec<_>, _>>()?;
        let state = self.state()?;
        let expected = match tip {
            0 => B256::from(integer(State::default().root())),
            index => {
                let batch = usize::try_from(index).ok().and_then(|place| batches.get(place));
                batch.ok_or(StoreError::MissingRow { table: LedgerBatches::NAME, number: index })?.fields.state_root
            }
        };
        let found = B256::from(integer(state.root()));
        if found != expected {
            return Err(StoreError::OtherRoot { index: tip, expected, found });
        }
        Ok(LedgerRows { tip, state, messages, batches, reads })
    }

    /// What the owner noted of a batch; none if the batch is not applied.
    pub fn note<N: Serialize + DeserializeOwned>(&self, index: u64) -> Result<Option<N>, StoreError> {
        let Some(bytes) = self.0.get::<LedgerNotes>(&index)? else { return Ok(None) };
        let note = Json::decode(&bytes);
        let key = RowKey::encode(&index).into();
        note.map(Some).map_err(|reason| StoreError::Corrupt { table: LedgerNotes::NAME, key, reason })
    }

    /// Keeps what a look at L1 found, and takes back what is gone, the state included: one atomic write.
    pub fn poll(&self, poll: &LedgerPoll<'_>) -> Result<Unwound, StoreError> {
        let mut changes = self.0.changes();
        self.delete_from::<LedgerQueue>(&mut changes, poll.messages_kept)?;
        self.delete_from::<LedgerBatches>(&mut changes, poll.batches_kept)?;
        self.delete_from::<LedgerReads>(&mut changes, poll.stands.map_or(0, |number| number.saturating_add(1)))?;
        for row in self.0.all::<LedgerReads>()? {
            let (number, _) = row?;
            if number >= poll.reads_first {
                break;
            }
            changes.delete::<LedgerReads>(&number)?;
        }
        for (row, index) in poll.messages.iter().zip(poll.messages_kept..) {
            changes.put::<LedgerQueue>(&index, row)?;
        }
        for (row, index) in poll.batches.iter().zip(poll.batches_kept..) {
            changes.put::<LedgerBatches>(&index, row)?;
        }
        if let Some((number, hash)) = poll.read {
            changes.put::<LedgerReads>(&number, &hash)?;
        }
        let unwound = self.unwind(&mut changes, poll.batches_kept.saturating_sub(1))?;
        changes.commit()?;
        Ok(unwound)
    }

    /// Keeps the state after the next batch, and how to take it back: one atomic write.
    pub fn apply<N: Serialize + DeserializeOwned>(&self, applied: &AppliedBatch<'_, N>) -> Result<(), StoreError> {
        let &AppliedBatch { index, before, after, changed, note } = applied;
        let tip = self.tip()?;
        if tip.checked_add(1) != Some(index) {
            return Err(StoreError::NotNextBlock { head: tip, number: index });
        }
        let places: BTreeSet<Place> = changed.iter().copied().flat_map(Tree::branch).collect();
        let leaf = |state: &State, index: u32| state.leaf(index).copied();
        let undo = UndoRow {
            leaves: changed.iter().map(|&index| (index, leaf(before, index))).collect(),
            nodes: places.iter().map(|&place| (place, before.tree().node(place))).collect(),
        };
        let rows = UndoRow {
            leaves: changed.iter().map(|&index| (index, leaf(after, index))).collect(),
            nodes: places.iter().map(|&place| (place, after.tree().node(place))).collect(),
        };
        let mut changes = self.0.changes();
        put_rows(&mut changes, &rows)?;
        changes.put::<LedgerUndo>(&index, &undo)?;
        changes.put::<LedgerNotes>(&index, &Json::encode(note).into())?;
        changes.put::<Markers>(&Marker::LedgerTip, &index)?;
        changes.commit()
    }

    /// Forgets how to take back what no reorganisation takes back: batches in L1 blocks up to `finalized`, and all but the last [`UNDO_MAX`].
    pub fn prune(&self, finalized: u64) -> Result<(), StoreError> {
        let (tip, start) = (self.tip()?, self.marker(Marker::LedgerUndoFirst)?);
        let (mut changes, mut first) = (self.0.changes(), start);
        while first <= tip {
            let missing = StoreError::MissingRow { table: LedgerBatches::NAME, number: first };
            let batch = self.0.get::<LedgerBatches>(&first)?.ok_or(missing)?;
            if batch.block > finalized && tip.saturating_sub(first) < UNDO_MAX {
                break;
            }
            changes.delete::<LedgerUndo>(&first)?;
            first = first.saturating_add(1);
        }
        if first == start {
            return Ok(());
        }
        changes.put::<Markers>(&Marker::LedgerUndoFirst, &first)?;
        changes.commit()
    }

    fn tip(&self) -> Result<u64, StoreError> {
        self.marker(Marker::LedgerTip)
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
    fn state(&self) -> Result<State, StoreError> {
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
        let next = target.saturating_add(1);
        if next < self.marker(Marker::LedgerUndoFirst)? {
            changes.clear::<LedgerLeaves>()?;
            changes.clear::<LedgerNodes>()?;
            changes.clear::<LedgerUndo>()?;
            changes.clear::<LedgerNotes>()?;
            put_genesis(changes)?;
            return Ok(Unwound::Anew);
        }
        // The oldest last: of what several batches changed, the value before the first of them stays.
        for index in (next..=tip).rev() {
            let missing = StoreError::MissingRow { table: LedgerUndo::NAME, number: index };
            put_rows(changes, &self.0.get::<LedgerUndo>(&index)?.ok_or(missing)?)?;
            changes.delete::<LedgerUndo>(&index)?;
            changes.delete::<LedgerNotes>(&index)?;
        }
        changes.put::<Markers>(&Marker::LedgerTip, &target)?;
        Ok(Unwound::To { index: target })
    }

    /// Removes the rows of a table from a key on.
    fn delete_from<T: Table<Key = u64>>(&self, changes: &mut Changes, first: u64) -> Result<(), StoreError> {
        for row in self.0.scan::<T>(&first, Order::Ascending)? {
            let (key, _) = row?;
            changes.delete::<T>(&key)?;
        }
        Ok(())
    }
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
