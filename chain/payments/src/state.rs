//! The state: leaves by index and by key, and the tree over their hashes (PAY-TREE, PAY-UNIQUE).
//!
//! Invariants: leaf 0 is the sentinel; keys are unique; following `next` from the sentinel visits all keys in
//! order. Only the methods here write.

use crate::leaf::{Key, Leaf};
use crate::tree::{CAPACITY, Cap, Path, Tree};
use alloc::collections::BTreeMap;
use ark_bn254::Fr;

/// A leaf as it is opened in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The leaf's place in the tree.
    pub index: u32,
    /// What it is. Of a leaf about to be created: what it becomes.
    pub leaf: Leaf,
    /// The children on its path at that moment.
    pub path: Path,
}

/// The state of the ledger: all leaves, their tree, and their order by key.
#[derive(Clone, Debug)]
pub struct State {
    tree: Tree,
    leaves: BTreeMap<u32, Leaf>,
    by_key: BTreeMap<Key, u32>,
    leaf_count: u64,
}

impl Default for State {
    fn default() -> Self {
        let mut state = Self { tree: Tree::default(), leaves: BTreeMap::new(), by_key: BTreeMap::new(), leaf_count: 1 };
        state.by_key.insert(Key::ZERO, 0);
        state.write(0, Leaf::default());
        state
    }
}

impl State {
    /// The root of the tree.
    pub fn root(&self) -> Fr {
        self.tree.root()
    }

    /// The cap of the tree.
    pub fn cap(&self) -> Cap {
        self.tree.cap()
    }

    /// The tree, for proofs.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Leaves there are, the sentinel included; the next index to be taken.
    pub fn leaf_count(&self) -> u64 {
        self.leaf_count
    }

    /// Whether no leaf can be created any more.
    pub fn is_full(&self) -> bool {
        self.leaf_count >= CAPACITY
    }

    /// The index of a key's leaf.
    pub fn find(&self, key: Key) -> Option<u32> {
        self.by_key.get(&key).copied()
    }

    /// A leaf by index.
    pub fn leaf(&self, index: u32) -> Option<&Leaf> {
        self.leaves.get(&index)
    }

    /// A leaf by key.
    pub fn get(&self, key: Key) -> Option<&Leaf> {
        self.leaf(self.find(key)?)
    }

    /// Opens a leaf with its path.
    pub fn open(&self, index: u32) -> Option<Opening> {
        let leaf = *self.leaf(index)?;
        Some(Opening { index, leaf, path: self.tree.path(index) })
    }

    /// The index of the leaf that spans a missing key; of the key itself if it is there.
    pub fn low(&self, key: Key) -> u32 {
        self.by_key.range(..=key).next_back().map_or(0, |(_, &index)| index)
    }

    /// Replaces a leaf by one of the same key.
    pub(crate) fn write(&mut self, index: u32, leaf: Leaf) {
        debug_assert!(self.leaves.get(&index).is_none_or(|old| old.key == leaf.key));
        self.tree.set(index, leaf.hash());
        self.leaves.insert(index, leaf);
    }

    /// Opens the place where the next leaf goes, still empty, with the leaf that it will hold.
    pub(crate) fn open_empty(&self, leaf: Leaf) -> Option<Opening> {
        let index = u32::try_from(self.leaf_count).ok()?;
        Some(Opening { index, leaf, path: self.tree.path(index) })
    }

    /// Appends a new leaf at the place that `open_empty` opened.
    pub(crate) fn append(&mut self, opening: &Opening) {
        self.write(opening.index, opening.leaf);
        self.by_key.insert(opening.leaf.key, opening.index);
        self.leaf_count = self.leaf_count.saturating_add(1);
    }

    /// A state that says how many leaves it has whatever it holds: to reach a full tree in tests.
    #[cfg(any(test, feature = "test-util"))]
    pub fn with_leaf_count(mut self, leaf_count: u64) -> Self {
        self.leaf_count = leaf_count;
        self
    }

    /// A state in which one leaf is other than any history makes it; its key stays.
    #[cfg(any(test, feature = "test-util"))]
    pub fn with_leaf(mut self, index: u32, change: impl FnOnce(&mut Leaf)) -> Self {
        if let Some(mut leaf) = self.leaf(index).copied() {
            change(&mut leaf);
            self.write(index, leaf);
        }
        self
    }
}
