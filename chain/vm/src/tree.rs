//! The memory tree's shape (VM-2): depth, zero subtrees, and roots from proofs. Twin: `contracts/src/vm/MemoryTree.sol`.

use alloy_primitives::{B256, keccak256};

/// Bytes of a leaf.
pub const LEAF_BYTES: u64 = 32;
/// Levels between the leaves and the root.
pub const DEPTH: usize = 27;
/// How many bytes of memory the machine has.
pub const MEMORY_BYTES: u64 = 1 << 32;

/// The 32 bytes of memory that a leaf holds.
pub type Leaf = [u8; 32];
/// The siblings of a leaf and of its ancestors, from the bottom up.
pub type Siblings = [B256; DEPTH];

/// The hash of an inner node.
pub fn node(left: &B256, right: &B256) -> B256 {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(left.as_slice());
    bytes[32..].copy_from_slice(right.as_slice());
    keccak256(bytes)
}

/// The index of the leaf with an address below [`MEMORY_BYTES`].
pub const fn leaf_index(address: u64) -> u32 {
    (address / LEAF_BYTES) as u32
}

/// The nodes of all-zero memory by height: a leaf first, the root last.
pub fn zero_nodes() -> [B256; DEPTH + 1] {
    let mut next = B256::ZERO;
    core::array::from_fn(|_| {
        let now = next;
        next = node(&now, &now);
        now
    })
}

/// The root of the tree that has this leaf at this index beside these siblings.
pub fn root_of(index: u32, leaf: Leaf, siblings: &Siblings) -> B256 {
    siblings.iter().enumerate().fold(B256::from(leaf), |hash, (height, sibling)| {
        if index.wrapping_shr(height as u32) & 1 == 0 { node(&hash, sibling) } else { node(sibling, &hash) }
    })
}
