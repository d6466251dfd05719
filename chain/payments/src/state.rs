//! The state: leaves by index and by key, and the tree over their hashes (PAY-TREE, PAY-UNIQUE).
//!
//! Invariants: leaf 0 is the sentinel; keys are unique; following `next` from the sentinel visits all keys in
//! order. Only the methods here write. A copy costs nothing: copies share what they have in common.

use crate::leaf::{Key, Leaf};
use crate::tree::{CAPACITY, Cap, Path, Place, Tree};
use ark_bn254::Fr;
use rpds::RedBlackTreeMapSync;
use thiserror::Error;

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
    leaves: RedBlackTreeMapSync<u32, Leaf>,
    by_key: RedBlackTreeMapSync<Key, u32>,
    leaf_count: u64,
}

/// Why rows are no state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoState {
    /// A leaf is missing below the last.
    #[error("leaf {index} is missing")]
    Missing {
        /// The index without a leaf.
        index: u32,
    },
    /// There are more leaves than a tree holds.
    #[error("more leaves than a tree holds")]
    TooMany,
    /// The leaves are not in one chain by key, from the sentinel to the last.
    #[error("leaf {index} does not name the next key in order")]
    Order {
        /// The index of the leaf whose `next` is another.
        index: u32,
    },
    /// A leaf's hash is not among the nodes, or a hash is there without its leaf.
    #[error("{leaves} leaves and {hashes} hashes of leaves")]
    Nodes {
        /// How many leaves there are.
        leaves: u64,
        /// How many of the tree's places for leaves are taken.
        hashes: u64,
    },
}

impl Default for State {
    fn default() -> Self {
        let (leaves, by_key) = (RedBlackTreeMapSync::new_sync(), RedBlackTreeMapSync::new_sync());
        let mut state = Self { tree: Tree::default(), leaves, by_key, leaf_count: 1 };
        state.by_key.insert_mut(Key::ZERO, 0);
        state.write(0, Leaf::default());
        state
    }
}

impl State {
    /// A state as it was kept: its leaves by index, and its tree's nodes. Nothing is hashed, so that whoever kept them answers for the nodes: the root is what to
    /// compare.
    ///
    /// # Errors
    /// If the leaves are not all there, or not in one chain by key, or not those of the nodes.
    pub fn restore(
        leaves: impl IntoIterator<Item = (u32, Leaf)>,
        nodes: impl IntoIterator<Item = (Place, Fr)>,
    ) -> Result<Self, NoState> {
        let (mut by_index, mut by_key) = (RedBlackTreeMapSync::new_sync(), RedBlackTreeMapSync::new_sync());
        for (index, leaf) in leaves {
            by_index.insert_mut(index, leaf);
            by_key.insert_mut(leaf.key, index);
        }
        let mut hashes: u64 = 0;
        let nodes = nodes.into_iter().inspect(|((level, _), _)| hashes = hashes.saturating_add(u64::from(*level == 0)));
        let tree = Tree::restore(nodes);
        let leaf_count = by_index.size() as u64;
        if leaf_count > CAPACITY {
            return Err(NoState::TooMany);
        }
        let expected = (0..=u32::MAX).zip(by_index.keys()).find(|(index, found)| index != *found);
        let missing = expected.map(|(index, _)| index).or(by_index.is_empty().then_some(0));
        if let Some(index) = missing {
            return Err(NoState::Missing { index });
        }
        if hashes != leaf_count || by_index.keys().any(|&index| tree.node((0, index)).is_none()) {
            return Err(NoState::Nodes { leaves: leaf_count, hashes });
        }
        let state = Self { tree, leaves: by_index, by_key, leaf_count };
        state.check_order()?;
        Ok(state)
    }

    /// Every leaf names the next key in order, the last one zero, and the sentinel is the first.
    fn check_order(&self) -> Result<(), NoState> {
        let followers = self.by_key.keys().skip(1).copied().chain([Key::ZERO]);
        for ((key, &index), next) in self.by_key.iter().zip(followers) {
            let is_sentinel = index == 0;
            if is_sentinel != (*key == Key::ZERO) || self.leaf(index).is_none_or(|leaf| leaf.next != next) {
                return Err(NoState::Order { index });
            }
        }
        // Two leaves of one key would be one entry here.
        let known = self.by_key.size() as u64;
        if known == self.leaf_count { Ok(()) } else { Err(NoState::Order { index: 0 }) }
    }

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
        self.leaves.insert_mut(index, leaf);
    }

    /// Opens the place where the next leaf goes, still empty, with the leaf that it will hold.
    pub(crate) fn open_empty(&self, leaf: Leaf) -> Option<Opening> {
        let index = u32::try_from(self.leaf_count).ok()?;
        Some(Opening { index, leaf, path: self.tree.path(index) })
    }

    /// Appends a new leaf at the place that `open_empty` opened.
    pub(crate) fn append(&mut self, opening: &Opening) {
        self.write(opening.index, opening.leaf);
        self.by_key.insert_mut(opening.leaf.key, opening.index);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Message;
    use crate::ledger::{Env, Ledger};
    use alloc::vec::Vec;
    use alloy_primitives::Address;

    fn state(accounts: u8) -> State {
        let env = Env { operator: Address::ZERO, timestamp: 1 };
        let mut ledger = Ledger::new(State::default(), env, Fr::from(1u64));
        for account in (1..=accounts).rev() {
            let key = Key::eth(Address::repeat_byte(account));
            ledger.message(&Message::Deposit { key, amount: 1 }).unwrap();
        }
        ledger.into_state()
    }

    type Rows = (Vec<(u32, Leaf)>, Vec<(Place, Fr)>);

    fn rows(state: &State) -> Rows {
        let indices = 0..u32::try_from(state.leaf_count()).unwrap();
        let places: alloc::collections::BTreeSet<Place> = indices.clone().flat_map(Tree::branch).collect();
        let leaves = indices.map(|index| (index, *state.leaf(index).unwrap())).collect();
        (leaves, places.into_iter().map(|place| (place, state.tree().node(place).unwrap())).collect())
    }

    /// Tests PAY-TREE.
    #[test]
    fn a_state_comes_back_from_its_rows() {
        for accounts in [0, 1, 9] {
            let state = state(accounts);
            let (leaves, nodes) = rows(&state);
            let again = State::restore(leaves, nodes).unwrap();
            assert_eq!((again.root(), again.leaf_count()), (state.root(), state.leaf_count()));
            let key = Key::eth(Address::repeat_byte(5));
            assert_eq!((again.find(key), again.low(key)), (state.find(key), state.low(key)));
        }
    }

    /// Tests PAY-UNIQUE.
    #[test]
    fn other_rows_are_refused() {
        let (leaves, nodes) = rows(&state(4));
        let without =
            |index: usize| leaves.iter().copied().enumerate().filter(move |(at, _)| *at != index).map(|(_, row)| row);
        let refused = |leaves: Vec<(u32, Leaf)>| State::restore(leaves, nodes.clone()).unwrap_err();
        assert_eq!(refused(Vec::new()), NoState::Missing { index: 0 });
        assert_eq!(refused(without(2).collect()), NoState::Missing { index: 2 });
        assert_eq!(refused(without(4).collect()), NoState::Nodes { leaves: 4, hashes: 5 });
        let mut unlinked = leaves.clone();
        unlinked[3].1.next = Key::eth(Address::repeat_byte(9));
        assert_eq!(refused(unlinked), NoState::Order { index: 3 });
        let mut twice = leaves.clone();
        twice[3].1 = twice[2].1;
        assert!(matches!(refused(twice), NoState::Order { .. }));
        assert_eq!(State::restore(leaves, nodes[1..].to_vec()).unwrap_err(), NoState::Nodes { leaves: 5, hashes: 4 });
    }

    #[test]
    fn copies_are_apart() {
        let before = state(3);
        let mut ledger = Ledger::new(before.clone(), Env { operator: Address::ZERO, timestamp: 1 }, Fr::from(1u64));
        let key = Key::eth(Address::repeat_byte(7));
        ledger.message(&Message::Deposit { key, amount: 5 }).unwrap();
        assert_eq!((before.leaf_count(), before.get(key)), (4, None));
        assert_eq!(before.root(), state(3).root());
        assert_eq!(ledger.state().get(key).unwrap().balance, 5);
    }
}
