//! Memory as its hash tree, every node of it up to date (VM-2). Simple and slow; [`crate::fast`] has the other one.

use alloc::{collections::BTreeMap, vec::Vec};

use alloy_primitives::B256;

use crate::tree::{DEPTH, LEAF_BYTES, Leaf, MEMORY_BYTES, Siblings, leaf_index, node, zero_nodes};

/// A memory that always knows its root.
#[derive(Clone, Debug)]
pub struct TreeMemory {
    /// By height and index; absent nodes are those of zero memory.
    nodes: BTreeMap<(usize, u32), B256>,
    zero: [B256; DEPTH + 1],
}

impl Default for TreeMemory {
    fn default() -> Self {
        Self { nodes: BTreeMap::new(), zero: zero_nodes() }
    }
}

impl TreeMemory {
    /// A memory with these leaves and zeros, every node hashed once.
    pub fn from_leaves(leaves: impl IntoIterator<Item = (u32, Leaf)>) -> Self {
        let mut memory = Self::default();
        let mut level: Vec<u32> = Vec::new();
        for (index, leaf) in leaves {
            memory.nodes.insert((0, index), leaf.into());
            level.push(index);
        }
        level.sort_unstable();
        for height in 1..=DEPTH {
            level.iter_mut().for_each(|index| *index >>= 1);
            level.dedup();
            for parent in &level {
                memory.hash_node(height, *parent);
            }
        }
        memory
    }

    /// The root of the memory tree (VM-2).
    pub fn root(&self) -> B256 {
        self.node(DEPTH, 0)
    }

    /// The leaf with this index: the 32 bytes at `32 * index`.
    pub fn leaf(&self, index: u32) -> Leaf {
        self.node(0, index).0
    }

    /// What proves a leaf.
    pub fn siblings(&self, index: u32) -> Siblings {
        core::array::from_fn(|height| self.node(height, index.wrapping_shr(height as u32) ^ 1))
    }

    /// Replaces a leaf, and the nodes above it.
    pub fn set_leaf(&mut self, index: u32, leaf: Leaf) {
        self.nodes.insert((0, index), leaf.into());
        for height in 1..=DEPTH {
            self.hash_node(height, index.wrapping_shr(height as u32));
        }
    }

    fn hash_node(&mut self, height: usize, index: u32) {
        let (below, left) = (height.saturating_sub(1), index.wrapping_shl(1));
        let hash = node(&self.node(below, left), &self.node(below, left | 1));
        self.nodes.insert((height, index), hash);
    }

    /// Writes bytes, which must end within memory.
    pub fn write(&mut self, address: u64, bytes: &[u8]) {
        assert!(address.checked_add(bytes.len() as u64).is_some_and(|end| end <= MEMORY_BYTES), "write past memory");
        let mut address = address;
        let mut rest = bytes;
        while !rest.is_empty() {
            let at = (address % LEAF_BYTES) as usize;
            let (now, later) = rest.split_at(rest.len().min((LEAF_BYTES as usize).saturating_sub(at)));
            let mut leaf = self.leaf(leaf_index(address));
            leaf.iter_mut().skip(at).zip(now).for_each(|(place, byte)| *place = *byte);
            self.set_leaf(leaf_index(address), leaf);
            address = address.saturating_add(now.len() as u64);
            rest = later;
        }
    }

    fn node(&self, height: usize, index: u32) -> B256 {
        self.nodes.get(&(height, index)).copied().or(self.zero.get(height).copied()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::root_of;

    /// Tests VM-2.
    #[test]
    fn proofs_lead_to_the_root() {
        let mut memory = TreeMemory::default();
        assert_eq!(memory.root(), zero_nodes()[DEPTH]);
        memory.write(0x1_0000 - 3, &[7; 70]);
        memory.write(MEMORY_BYTES - 1, &[9]);
        for index in [0, 0x7ff, 0x800, 0x801, 0x802, (1 << DEPTH) - 1] {
            assert_eq!(root_of(index, memory.leaf(index), &memory.siblings(index)), memory.root());
            assert_ne!(root_of(index ^ 1, [1; 32], &memory.siblings(index)), memory.root());
        }
        assert_eq!(memory.leaf(0x7ff)[28..], [0, 7, 7, 7]);
        assert_eq!(memory.leaf(0x802)[..4], [7, 7, 7, 0]);
        assert_eq!(memory.leaf((1 << DEPTH) - 1)[31], 9);
    }

    #[test]
    fn leaves_at_once_are_leaves_one_by_one() {
        let leaves = [(0, [1; 32]), (9, [2; 32]), (8, [3; 32]), ((1 << DEPTH) - 1, [4; 32])];
        let mut one_by_one = TreeMemory::default();
        leaves.iter().for_each(|(index, leaf)| one_by_one.set_leaf(*index, *leaf));
        assert_eq!(TreeMemory::from_leaves(leaves).nodes, one_by_one.nodes);
    }

    #[test]
    fn memory_written_and_erased_has_the_empty_root() {
        let mut memory = TreeMemory::default();
        memory.write(100, &[1; 100]);
        memory.write(100, &[0; 100]);
        assert_eq!(memory.root(), TreeMemory::default().root());
    }
}
