//! Messages from L2 to L1 and the cumulative tree that holds them. Rules L1-WD-1 to L1-WD-3; twins: `MessagePasser.sol`
//! (appends), `FraudSettlement.sol` (verifies).

use crate::abi::Words;
use alloc::vec::Vec;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};

/// Height of the tree: at most 2^32 - 1 messages.
pub const TREE_DEPTH: usize = 32;

/// A message from L2 to L1, a leaf of the message tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "camelCase"))]
pub struct L2Message {
    /// Global position, from 0.
    pub index: u64,
    /// Who sent it on L2.
    pub sender: Address,
    /// Whom the Bridge calls on L1.
    pub target: Address,
    /// Wei that the call passes along.
    pub value: U256,
    /// L1 gas for the call.
    pub gas_limit: u64,
    /// What the callee is called with.
    pub data: Bytes,
}

impl L2Message {
    /// The message's hash `messageHash` (L1-WD-1), the leaf.
    pub fn hash(&self) -> B256 {
        Words::default()
            .uint(self.index)
            .address(self.sender)
            .address(self.target)
            .uint(self.value)
            .uint(self.gas_limit)
            .uint(6 * 32u64)
            .bytes_tail(&self.data)
            .hash()
    }
}

fn node(left: B256, right: B256) -> B256 {
    keccak256([left, right].concat())
}

/// The tree over all leaves, for proofs (L1-WD-2). O(leaves) to build; a node keeps leaves, not trees.
#[derive(Clone, Debug, Default)]
pub struct MessageTree {
    leaves: Vec<B256>,
}

impl MessageTree {
    /// The tree over these leaves, in order.
    pub fn new(leaves: Vec<B256>) -> Self {
        Self { leaves }
    }

    /// The root `messageRoot` (L1-WD-2) over all messages so far.
    pub fn root(&self) -> B256 {
        self.climb(0, |_, _| {})
    }

    /// Siblings of leaf `index` from the leaf upwards, or `None` beyond the last leaf.
    pub fn prove(&self, index: u64) -> Option<Vec<B256>> {
        let index = usize::try_from(index).ok().filter(|index| *index < self.leaves.len())?;
        let mut siblings = Vec::with_capacity(TREE_DEPTH);
        self.climb(index, |_, sibling| siblings.push(sibling));
        Some(siblings)
    }

    /// Folds the tree level by level, showing the sibling on the path of leaf `index`; returns the root.
    fn climb(&self, index: usize, mut show: impl FnMut(usize, B256)) -> B256 {
        let mut level = self.leaves.clone();
        let mut empty = B256::ZERO;
        for height in 0..TREE_DEPTH {
            show(height, level.get((index >> height) ^ 1).copied().unwrap_or(empty));
            level = {
                let at = |pair: &[B256], place: usize| pair.get(place).copied().unwrap_or(empty);
                level.chunks(2).map(|pair| node(at(pair, 0), at(pair, 1))).collect()
            };
            empty = node(empty, empty);
        }
        level.first().copied().unwrap_or(empty)
    }
}

/// The root that `siblings` (from the leaf upwards) give for `leaf` at `index` (L1-WD-3).
pub fn root_from_proof(leaf: B256, index: u64, siblings: &[B256; TREE_DEPTH]) -> B256 {
    siblings.iter().enumerate().fold(leaf, |hash, (height, sibling)| {
        if index >> height & 1 == 0 { node(hash, *sibling) } else { node(*sibling, hash) }
    })
}

/// Roots of empty subtrees, from the leaf upwards, the root included.
pub fn empty_roots() -> Vec<B256> {
    core::iter::successors(Some(B256::ZERO), |root| Some(node(*root, *root))).take(TREE_DEPTH + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leaf_is_proven_and_nothing_else() {
        for count in [1u64, 2, 3, 5, 8] {
            let leaves: Vec<B256> = (1..=count).map(|leaf| B256::repeat_byte(leaf as u8)).collect();
            let tree = MessageTree::new(leaves.clone());
            for (index, leaf) in leaves.iter().enumerate() {
                let siblings: [B256; TREE_DEPTH] = tree.prove(index as u64).unwrap().try_into().unwrap();
                assert_eq!(root_from_proof(*leaf, index as u64, &siblings), tree.root());
                assert_ne!(root_from_proof(*leaf, index as u64 ^ 1, &siblings), tree.root());
                assert_ne!(root_from_proof(B256::repeat_byte(0xee), index as u64, &siblings), tree.root());
            }
            assert_eq!(tree.prove(count), None);
        }
    }

    #[test]
    fn the_empty_tree_has_the_empty_root() {
        assert_eq!(MessageTree::default().root(), *empty_roots().last().unwrap());

        assert_eq!(empty_roots()[1], keccak256([0; 64]));
    }
}
