//! The trees of commitments: DISP-TREE-1.
//!
//! Twin: `contracts/src/dispute/Tree.sol`.

use std::sync::Arc;

use alloy_primitives::{B256, keccak256};

use crate::DisputeError;

/// Height of a commitment's tree.
pub const HEIGHT: u8 = 20;

/// The node above two.
pub fn node(left: B256, right: B256) -> B256 {
    let mut both = [0; 64];
    both[..32].copy_from_slice(left.as_slice());
    both[32..].copy_from_slice(right.as_slice());
    keccak256(both)
}

/// The two nodes below a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Children {
    /// The node on the left.
    pub left: B256,
    /// The node on the right.
    pub right: B256,
}

impl Children {
    /// The node above these two.
    pub fn node(&self) -> B256 {
        node(self.left, self.right)
    }
}

/// The node of height `height` above the leaf `index`, by the siblings from the leaf upwards.
pub fn ancestor(leaf: B256, index: u64, siblings: &[B256], height: u8) -> Result<B256, DisputeError> {
    if siblings.len() != usize::from(height) {
        return Err(DisputeError::PathLength { actual: siblings.len(), expected: height.into() });
    }
    Ok(siblings.iter().enumerate().fold(leaf, |hash, (below, sibling)| {
        if index >> below & 1 == 0 { node(hash, *sibling) } else { node(*sibling, hash) }
    }))
}

/// A commitment that can be played: every node of its tree is at hand. Places outside the tree are the caller's mistake.
pub trait Tree {
    /// The node at a height, leaves being at 0, and an index below 2^(20 - height).
    fn node(&self, height: u8, index: u64) -> B256;

    /// The root, which is the commitment.
    fn root(&self) -> B256 {
        self.node(HEIGHT, 0)
    }

    /// The children of a node above the leaves.
    fn children(&self, height: u8, index: u64) -> Children {
        Children { left: self.node(height - 1, 2 * index), right: self.node(height - 1, 2 * index + 1) }
    }

    /// The siblings of a leaf and of what is above it, as many as `height`.
    fn path(&self, index: u64, height: u8) -> Vec<B256> {
        (0..height).map(|below| self.node(below, index >> below ^ 1)).collect()
    }

    /// What joining shows of the last leaf: its siblings below the root's right child.
    fn last_path(&self) -> Vec<B256> {
        self.path((1 << HEIGHT) - 1, HEIGHT - 1)
    }
}

impl<T: Tree> Tree for &T {
    fn node(&self, height: u8, index: u64) -> B256 {
        (**self).node(height, index)
    }
}

impl<T: Tree> Tree for Arc<T> {
    fn node(&self, height: u8, index: u64) -> B256 {
        (**self).node(height, index)
    }
}

/// What the machine commits to: leaves up to the end of its run, and one value from there on.
impl Tree for tandem_vm::Commitment {
    fn node(&self, height: u8, index: u64) -> B256 {
        self.node(height.into(), index)
    }
}

const _: () = assert!(tandem_vm::commit::HEIGHT == HEIGHT as usize, "both call the same trees commitments");
