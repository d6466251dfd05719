//! Commitments of a dispute: a tree over state hashes, one leaf per stride of steps, the agreed start not among them
//! (`docs/design/dispute.md`). Both levels have 2^20 leaves: strides of 2^20 steps, and of one.
//!
//! After the machine has halted its state repeats, so a tree keeps only the leaves up to there and one hash per height for all
//! the rest.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a tree of fixed height: levels and indices are asserted where they come in"
)]

use alloc::{vec, vec::Vec};

use alloy_primitives::B256;
use thiserror::Error;

use crate::{
    fast::{Machine, Stop},
    key::OracleKey,
    oracle::Oracle,
    tree::node,
};

/// Height of a commitment.
pub const HEIGHT: usize = 20;
/// Leaves of a commitment.
pub const LEAVES: u64 = 1 << HEIGHT;
/// Steps between the leaves of a commitment of level 0.
pub const COARSE_STRIDE: u64 = 1 << 20;

/// A run that cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RunError {
    /// The oracle does not have what the guest asks for.
    #[error("no pre-image for {:?} at step {step}", key.0)]
    MissingPreimage {
        /// The key asked for.
        key: OracleKey,
        /// Steps done before the read that failed.
        step: u64,
    },
}

/// The Merkle tree over a run's state hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitment {
    /// By height: nodes that differ from the rest of their level, from the left.
    levels: Vec<Vec<B256>>,
    /// By height: all nodes to the right of those.
    rest: Vec<B256>,
}

impl Commitment {
    /// The tree with these leaves, of which the last repeats until the tree is full.
    ///
    /// There must be at least one, and no more than [`LEAVES`].
    pub fn new(leaves: Vec<B256>) -> Self {
        assert!((1..=LEAVES).contains(&(leaves.len() as u64)), "a commitment has 1 to 2^20 leaves");
        let mut rest = vec![leaves.last().copied().unwrap_or_default()];
        let mut levels = vec![leaves];
        for height in 0..HEIGHT {
            let (below, padding) = (&levels[height], rest[height]);
            let parents = below.chunks(2).map(|pair| node(&pair[0], pair.get(1).unwrap_or(&padding))).collect();
            levels.push(parents);
            rest.push(node(&padding, &padding));
        }
        Self { levels, rest }
    }

    /// Runs a machine for [`LEAVES`] strides or until it halts.
    ///
    /// At least one stride is done, so that a halted machine commits to its state.
    pub fn run(machine: &mut Machine, stride: u64, oracle: &mut impl Oracle) -> Result<Self, RunError> {
        let mut leaves = Vec::new();
        while (leaves.len() as u64) < LEAVES {
            leaves.push(next_leaf(machine, stride, oracle)?);
            if machine.exited() {
                break;
            }
        }
        Ok(Self::new(leaves))
    }

    /// The root: the commitment.
    pub fn root(&self) -> B256 {
        self.node(HEIGHT, 0)
    }

    /// The node at a height, leaves being at 0, and an index below 2^(20-height).
    pub fn node(&self, height: usize, index: u64) -> B256 {
        assert!(height <= HEIGHT && index < LEAVES >> height, "no such node");
        usize::try_from(index)
            .ok()
            .and_then(|index| self.levels[height].get(index))
            .copied()
            .unwrap_or(self.rest[height])
    }

    /// The children of a node above the leaves.
    pub fn children(&self, height: usize, index: u64) -> (B256, B256) {
        (self.node(height - 1, 2 * index), self.node(height - 1, 2 * index + 1))
    }

    /// A leaf: the state hash `index + 1` strides after the start.
    pub fn leaf(&self, index: u64) -> B256 {
        self.node(0, index)
    }

    /// The siblings of a leaf and its ancestors, from the bottom up.
    pub fn proof(&self, index: u64) -> [B256; HEIGHT] {
        core::array::from_fn(|height| self.node(height, index >> height ^ 1))
    }
}

/// Runs one stride and hashes: what [`Commitment::run`] repeats, for callers that save leaves and snapshots between.
pub fn next_leaf(machine: &mut Machine, stride: u64, oracle: &mut impl Oracle) -> Result<B256, RunError> {
    match machine.run(stride, oracle) {
        Stop::MissingPreimage(key) => Err(RunError::MissingPreimage { key, step: machine.steps() }),
        Stop::Budget | Stop::Exited => Ok(machine.hash()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The root computed without sparseness.
    fn dense_root(leaves: &[B256]) -> B256 {
        let last = *leaves.last().unwrap();
        let mut level: Vec<B256> = (0..LEAVES as usize).map(|index| *leaves.get(index).unwrap_or(&last)).collect();
        while level.len() > 1 {
            level = level.chunks(2).map(|pair| node(&pair[0], &pair[1])).collect();
        }
        level[0]
    }

    fn root_from(leaf: B256, index: u64, proof: &[B256]) -> B256 {
        proof.iter().enumerate().fold(leaf, |hash, (height, sibling)| {
            if index >> height & 1 == 0 { node(&hash, sibling) } else { node(sibling, &hash) }
        })
    }

    #[test]
    fn sparse_trees_equal_dense_ones() {
        let leaves: Vec<B256> = (1..=5).map(B256::repeat_byte).collect();
        let tree = Commitment::new(leaves.clone());
        assert_eq!(tree.root(), dense_root(&leaves));
        for index in [0, 3, 4, 5, 6, 1000, LEAVES - 1] {
            assert_eq!(tree.leaf(index), leaves[(index as usize).min(4)]);
            assert_eq!(root_from(tree.leaf(index), index, &tree.proof(index)), tree.root());
            assert_ne!(root_from(B256::ZERO, index, &tree.proof(index)), tree.root());
        }
        let (left, right) = tree.children(HEIGHT, 0);
        assert_eq!(node(&left, &right), tree.root());
        assert_eq!(Commitment::new(vec![leaves[0]]).root(), dense_root(&leaves[..1]));
    }
}
