//! The state tree (PAY-NODE, PAY-TREE): sixteen levels of arity four over Poseidon, sparse and incremental.
//!
//! Twin: `prover/circuits/src/apply/tree.rs`. Nodes are kept by (level, position) in a map whose copies share what they have in common, so that a tree is copied at no
//! cost, and only what a batch changes is there twice.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a tree of fixed height and arity: levels come from its own loops, positions are below 4^16"
)]

use crate::{poseidon, tags};
use alloc::sync::Arc;
use alloc::vec::Vec;
use ark_bn254::Fr;
use ark_ff::Zero;
use rpds::RedBlackTreeMapSync;

/// Children of a node.
pub const ARITY: usize = 4;
/// Levels of nodes above the leaves.
pub const LEVELS: usize = 16;
/// How many leaves the tree can hold.
pub const CAPACITY: u64 = 1 << (2 * LEVELS);
/// The topmost levels, which a chunk holds in full (the cap).
pub const CAP_LEVELS: usize = 2;
/// Nodes in the cap.
pub const CAP_NODES: usize = 16;
/// Levels between leaf and cap.
pub const PATH_LEVELS: usize = LEVELS - CAP_LEVELS;

/// The children met on the way from a leaf to the cap, the leaf's own branch included, lowest first.
pub type Path = [[Fr; ARITY]; PATH_LEVELS];
/// The nodes of the cap, left to right.
pub type Cap = [Fr; CAP_NODES];

/// The hash of a node: the permutation of width four in compression mode (PAY-NODE).
pub fn node(children: &[Fr; ARITY]) -> Fr {
    let mut state = *children;
    state[0] += tags::NODE.to_fr();
    poseidon::permute(poseidon::parameters::<ARITY>(), &mut state);
    state[0] + children[0]
}

/// The root above a cap.
pub fn cap_root(cap: &Cap) -> Fr {
    node(&core::array::from_fn(|i| node(&core::array::from_fn(|j| cap[ARITY * i + j]))))
}

/// Where a node stands: its level, 0 for leaves' hashes and [`LEVELS`] for the root, and its position there, from the left.
pub type Place = (u8, u32);

/// The tree as a map of its nodes that are not empty.
#[derive(Clone, Debug)]
pub struct Tree {
    nodes: RedBlackTreeMapSync<Place, Fr>,
    empty: Arc<[Fr]>,
}

impl Default for Tree {
    fn default() -> Self {
        let mut empty = Vec::with_capacity(LEVELS + 1);
        let mut hash = Fr::zero();
        for _ in 0..=LEVELS {
            empty.push(hash);
            hash = node(&[hash; ARITY]);
        }
        Self { nodes: RedBlackTreeMapSync::new_sync(), empty: empty.into() }
    }
}

impl Tree {
    /// The root over all leaves.
    pub fn root(&self) -> Fr {
        self.get(LEVELS, 0)
    }

    /// Puts a leaf hash in place and recomputes its branch.
    pub fn set(&mut self, index: u32, leaf: Fr) {
        self.nodes.insert_mut((0, index), leaf);
        let mut position = u64::from(index);
        for level in 1..=LEVELS {
            position /= ARITY as u64;
            let hash = node(&self.children(level, position as u32));
            self.nodes.insert_mut((level as u8, position as u32), hash);
        }
    }

    /// A tree of these nodes, as [`node`](Self::node) told them: nothing is hashed.
    pub fn restore(nodes: impl IntoIterator<Item = (Place, Fr)>) -> Self {
        let mut tree = Self::default();
        for (place, hash) in nodes {
            tree.nodes.insert_mut(place, hash);
        }
        tree
    }

    /// The node at a place; none if no leaf was ever put below it.
    pub fn node(&self, place: Place) -> Option<Fr> {
        self.nodes.get(&place).copied()
    }

    /// The places that a leaf's hash and the nodes above it have, from the leaf to the root: what changes when the leaf does.
    pub fn branch(index: u32) -> impl Iterator<Item = Place> {
        (0..=LEVELS).map(move |level| (level as u8, (u64::from(index) >> (2 * level)) as u32))
    }

    /// The path of a leaf as it stands.
    pub fn path(&self, index: u32) -> Path {
        core::array::from_fn(|i| self.children(i + 1, (u64::from(index) >> (2 * (i + 1))) as u32))
    }

    /// The cap as it stands.
    pub fn cap(&self) -> Cap {
        core::array::from_fn(|i| self.get(PATH_LEVELS, i as u32))
    }

    /// All sixteen levels of children above a leaf, root's last: what an escape on L1 proves with.
    pub fn full_path(&self, index: u32) -> [[Fr; ARITY]; LEVELS] {
        core::array::from_fn(|i| self.children(i + 1, (u64::from(index) >> (2 * (i + 1))) as u32))
    }

    fn children(&self, level: usize, position: u32) -> [Fr; ARITY] {
        core::array::from_fn(|i| self.get(level - 1, position * ARITY as u32 + i as u32))
    }

    fn get(&self, level: usize, position: u32) -> Fr {
        self.nodes.get(&(level as u8, position)).copied().unwrap_or(self.empty[level])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn climb(path: &[[Fr; ARITY]], index: u32, leaf: Fr) -> Option<Fr> {
        path.iter().enumerate().try_fold(leaf, |hash, (level, children)| {
            let digit = (u64::from(index) >> (2 * level)) as usize % ARITY;
            (children[digit] == hash).then(|| node(children))
        })
    }

    /// Tests PAY-TREE.
    #[test]
    fn every_leaf_climbs_to_the_root() {
        let mut tree = Tree::default();
        let indices = [0, 1, 3, 4, 17, 1 << 28, u32::MAX];
        for (i, &index) in indices.iter().enumerate() {
            tree.set(index, Fr::from(i as u64 + 1));
        }
        for (i, &index) in indices.iter().enumerate() {
            let leaf = Fr::from(i as u64 + 1);
            assert_eq!(climb(&tree.full_path(index), index, leaf), Some(tree.root()));
            assert_eq!(climb(&tree.path(index), index, leaf), Some(tree.cap()[(index >> 28) as usize]));
        }
        assert_eq!(cap_root(&tree.cap()), tree.root());
    }

    /// Tests PAY-TREE.
    #[test]
    fn copies_are_apart_and_a_branch_is_what_differs() {
        let mut tree = Tree::default();
        tree.set(5, Fr::from(1u64));
        let before = tree.clone();
        tree.set(1 << 20, Fr::from(2u64));
        assert_ne!(tree.root(), before.root());
        let changed: Vec<_> = Tree::branch(1 << 20).filter(|&place| tree.node(place) != before.node(place)).collect();
        assert_eq!(changed.len(), LEVELS + 1);
        let others: Vec<_> = Tree::branch(5).filter(|place| !changed.contains(place)).collect();
        assert!(!others.is_empty());
        assert!(others.into_iter().all(|place| tree.node(place) == before.node(place)));
        let nodes = Tree::branch(5).chain(Tree::branch(1 << 20));
        let again = Tree::restore(nodes.map(|place| (place, tree.node(place).unwrap())));
        assert_eq!((again.root(), again.full_path(5)), (tree.root(), tree.full_path(5)));
    }

    #[test]
    fn clearing_a_leaf_restores_the_root() {
        let mut tree = Tree::default();
        let before = tree.root();
        tree.set(7, Fr::from(1u64));
        assert_ne!(tree.root(), before);
        tree.set(7, Fr::zero());
        assert_eq!(tree.root(), before);
    }

    #[test]
    fn a_node_is_no_hash_of_three() {
        let [a, b, c] = [1u64, 2, 3].map(Fr::from);
        assert_ne!(node(&[Fr::zero(), a, b, c]), poseidon::hash(&[a, b, c]));
    }

    #[test]
    fn a_node_depends_on_every_child_and_its_place() {
        let children = [1u64, 2, 3, 4].map(Fr::from);
        for i in 0..ARITY {
            let mut changed = children;
            changed[i] += Fr::from(1u64);
            assert_ne!(node(&changed), node(&children));
            changed = children;
            changed.swap(i, (i + 1) % ARITY);
            assert_ne!(node(&changed), node(&children));
        }
    }
}
