//! Sparse paged memory with incremental Merkleisation (VM-2).
//!
//! Each page keeps the nodes above its own leaves, and which leaves changed since the last root; the nodes above pages lie in a
//! map. A root costs the hashes above changed leaves only. Addresses below 2^32 and alignment are the caller's business.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "addresses are below 2^32, which the caller checks, so that every page, word and node number is within its array"
)]

use alloc::{boxed::Box, collections::BTreeMap, vec, vec::Vec};

use alloy_primitives::B256;

use crate::tree::{DEPTH, Leaf, Siblings, node, zero_nodes};

/// Bytes of a page.
pub(super) const PAGE_BYTES: usize = 1 << PAGE_BITS;
const PAGE_BITS: u32 = 12;
const PAGES: usize = 1 << (32 - PAGE_BITS);
/// Leaves of a page, and height of its subtree.
const PAGE_LEAVES: usize = PAGE_BYTES / 32;
const PAGE_HEIGHT: usize = 7;

/// The slot of pages that were never written.
const ZERO_SLOT: u32 = 0;

#[derive(Clone)]
struct Page {
    words: [u64; PAGE_BYTES / 8],
    /// One bit per leaf changed since the last root.
    changed: [u64; 2],
    flags: u8,
}

/// The page is in the list of changed ones.
const LISTED: u8 = 1;
/// Instructions of the page are in a decoded cache.
const HAS_CODE: u8 = 2;

/// The nodes of a page's subtree: root at 1, children of `i` at `2i` and `2i+1`, without the leaves.
#[derive(Clone)]
struct PageTree {
    number: u32,
    nodes: Box<[B256; PAGE_LEAVES]>,
}

#[derive(Clone)]
pub(super) struct Memory {
    /// Page number to slot.
    table: Box<[u32; PAGES]>,
    pages: Vec<Page>,
    trees: Vec<PageTree>,
    changed_slots: Vec<u32>,
    /// Nodes above pages: the tree's root at 1, page number `n` at `PAGES + n`. Absent ones are zero memory's.
    upper: BTreeMap<u32, B256>,
    zero: [B256; DEPTH + 1],
}

impl Memory {
    pub(super) fn new() -> Self {
        let zero = zero_nodes();
        let table = vec![ZERO_SLOT; PAGES].into_boxed_slice().try_into().expect("its length");
        let mut memory = Self {
            table,
            pages: Vec::new(),
            trees: Vec::new(),
            changed_slots: Vec::new(),
            upper: BTreeMap::new(),
            zero,
        };
        memory.push_page(0);
        memory
    }

    fn push_page(&mut self, number: u32) -> u32 {
        let slot = self.pages.len() as u32;
        let nodes = core::array::from_fn(|index| {
            let depth = index.checked_ilog2().unwrap_or(0) as usize;
            self.zero[PAGE_HEIGHT - depth]
        });
        self.pages.push(Page { words: [0; PAGE_BYTES / 8], changed: [0; 2], flags: 0 });
        self.trees.push(PageTree { number, nodes: Box::new(nodes) });
        slot
    }

    /// The aligned eight bytes around an address.
    #[inline(always)]
    pub(super) fn word(&self, address: u64) -> u64 {
        let slot = self.table[(address >> PAGE_BITS) as usize & (PAGES - 1)];
        self.pages[slot as usize].words[(address >> 3) as usize & (PAGE_BYTES / 8 - 1)]
    }

    /// Changes the bits of `mask` in the aligned eight bytes around an address. True when decoded code changed.
    #[inline(always)]
    #[must_use]
    pub(super) fn set_word(&mut self, address: u64, mask: u64, value: u64) -> bool {
        let number = (address >> PAGE_BITS) as usize & (PAGES - 1);
        let mut slot = self.table[number];
        if slot == ZERO_SLOT {
            slot = self.map(number as u32);
        }
        let page = &mut self.pages[slot as usize];
        let word = &mut page.words[(address >> 3) as usize & (PAGE_BYTES / 8 - 1)];
        *word = *word & !mask | value & mask;
        page.changed[(address >> 11) as usize & 1] |= 1 << (address >> 5 & 63);
        if page.flags == LISTED {
            return false;
        }
        if page.flags & LISTED == 0 {
            page.flags |= LISTED;
            self.changed_slots.push(slot);
        }
        page.flags & HAS_CODE != 0
    }

    #[cold]
    fn map(&mut self, number: u32) -> u32 {
        let slot = self.push_page(number);
        self.table[number as usize] = slot;
        slot
    }

    /// Says that instructions of this page are cached, so that writes to it are reported.
    pub(super) fn mark_code(&mut self, address: u64) {
        let number = (address >> PAGE_BITS) as usize & (PAGES - 1);
        if self.table[number] == ZERO_SLOT {
            self.map(number as u32);
        }
        self.pages[self.table[number] as usize].flags |= HAS_CODE;
    }

    /// Writes bytes, which must end within memory.
    pub(super) fn write(&mut self, address: u64, bytes: &[u8]) {
        for (address, byte) in (address..).zip(bytes) {
            let shift = 8 * (address & 7);
            let _ = self.set_word(address, 0xff << shift, u64::from(*byte) << shift);
        }
    }

    /// The leaf with this index, as it is now.
    pub(super) fn leaf(&self, index: u32) -> Leaf {
        let mut leaf = [0; 32];
        for (address, chunk) in (u64::from(index) * 32..).step_by(8).zip(leaf.chunks_exact_mut(8)) {
            chunk.copy_from_slice(&self.word(address).to_le_bytes());
        }
        leaf
    }

    /// Pages in use, not counting the zero page.
    pub(super) const fn page_count(&self) -> usize {
        self.pages.len() - 1
    }

    /// Pages in use: their address and bytes.
    pub(super) fn pages(&self) -> impl Iterator<Item = (u64, Vec<u8>)> {
        let pages = self.trees.iter().zip(&self.pages).skip(1);
        pages.map(|(tree, page)| {
            (u64::from(tree.number) << PAGE_BITS, page.words.iter().flat_map(|word| word.to_le_bytes()).collect())
        })
    }

    /// Leaves that may differ from zero, by index.
    pub(super) fn used_leaves(&self) -> impl Iterator<Item = (u32, Leaf)> {
        let numbers = self.trees.iter().skip(1).map(|tree| tree.number);
        numbers
            .flat_map(|number| (0..PAGE_LEAVES as u32).map(move |leaf| number * PAGE_LEAVES as u32 + leaf))
            .map(|index| (index, self.leaf(index)))
            .filter(|(_, leaf)| *leaf != [0; 32])
    }

    /// Hashes what changed; gives the root.
    pub(super) fn root(&mut self) -> B256 {
        let mut slots = core::mem::take(&mut self.changed_slots);
        slots.sort_unstable_by_key(|slot| self.trees[*slot as usize].number);
        let mut level: Vec<u32> = Vec::with_capacity(slots.len());
        for slot in slots {
            let hash = self.hash_page(slot as usize);
            let at = PAGES as u32 + self.trees[slot as usize].number;
            self.upper.insert(at, hash);
            level.push(at);
        }
        while level.first().is_some_and(|at| *at > 1) {
            level.iter_mut().for_each(|at| *at >>= 1);
            level.dedup();
            for at in &level {
                let hash = node(&self.upper_node(2 * at), &self.upper_node(2 * at + 1));
                self.upper.insert(*at, hash);
            }
        }
        self.upper_node(1)
    }

    /// What proves a leaf. The root must be up to date.
    pub(super) fn siblings(&self, index: u32) -> Siblings {
        assert!(self.changed_slots.is_empty(), "the root is up to date");
        let number = index >> PAGE_HEIGHT;
        let slot = self.table[number as usize];
        let in_page = PAGE_LEAVES as u32 | index & (PAGE_LEAVES as u32 - 1);
        core::array::from_fn(|height| match height {
            0 => self.leaf(index ^ 1).into(),
            _ if height >= PAGE_HEIGHT => self.upper_node((PAGES as u32 + number) >> (height - PAGE_HEIGHT) ^ 1),
            _ if slot == ZERO_SLOT => self.zero[height],
            _ => self.trees[slot as usize].nodes[(in_page >> height ^ 1) as usize],
        })
    }

    fn upper_node(&self, at: u32) -> B256 {
        let height = DEPTH - at.ilog2() as usize;
        self.upper.get(&at).copied().unwrap_or(self.zero[height])
    }

    fn hash_page(&mut self, slot: usize) -> B256 {
        let page = &mut self.pages[slot];
        let nodes = &mut self.trees[slot].nodes;
        page.flags &= !LISTED;
        let [low, high] = core::mem::take(&mut page.changed);
        let mut changed = u128::from(high) << 64 | u128::from(low);
        changed = halve(changed);
        for index in ones(changed) {
            let mut bytes = [0; 64];
            let words = &page.words[8 * index..8 * index + 8];
            for (chunk, word) in bytes.chunks_exact_mut(8).zip(words) {
                chunk.copy_from_slice(&word.to_le_bytes());
            }
            nodes[PAGE_LEAVES / 2 + index] = alloy_primitives::keccak256(bytes);
        }
        for height in 2..=PAGE_HEIGHT {
            changed = halve(changed);
            let first = PAGE_LEAVES >> height;
            for index in ones(changed) {
                let at = first + index;
                nodes[at] = node(&nodes[2 * at], &nodes[2 * at + 1]);
            }
        }
        nodes[1]
    }
}

/// The set of parents of a set of nodes.
fn halve(set: u128) -> u128 {
    ones(set).fold(0, |parents, index| parents | 1 << (index / 2))
}

/// The members of a set, ascending.
fn ones(mut set: u128) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let index = (set != 0).then(|| set.trailing_zeros() as usize);
        set &= set.wrapping_sub(1);
        index
    })
}
