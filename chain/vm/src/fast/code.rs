//! Decoded instructions by page, kept equal to memory.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "numbers are masked to the length of their array; the table holds places of pages that were pushed"
)]

use alloc::{boxed::Box, vec, vec::Vec};

use super::{
    decode::{Op, decode},
    memory::{Memory, PAGE_BYTES},
};

/// Instructions of a page.
pub(super) const PAGE_OPS: usize = PAGE_BYTES / 4;
const PAGES: usize = 1 << 20;

#[derive(Clone)]
pub(super) struct CodeCache {
    /// Page number to one more than the index in `pages`.
    table: Box<[u32; PAGES]>,
    pages: Vec<[Op; PAGE_OPS]>,
}

impl CodeCache {
    pub(super) fn new() -> Self {
        let table = vec![0; PAGES].into_boxed_slice().try_into().expect("its length");
        Self { table, pages: Vec::new() }
    }

    /// Index of the page with an address below 2^32, decoded now if it was not.
    #[inline(always)]
    pub(super) fn index(&mut self, pc: u64, memory: &mut Memory) -> usize {
        match self.table[(pc >> 12) as usize & (PAGES - 1)] {
            0 => self.decode_page(pc, memory),
            known => known as usize - 1,
        }
    }

    /// A page by its index.
    #[inline(always)]
    pub(super) fn page(&self, index: usize) -> &[Op; PAGE_OPS] {
        &self.pages[index]
    }

    #[cold]
    fn decode_page(&mut self, pc: u64, memory: &mut Memory) -> usize {
        memory.mark_code(pc);
        let base = pc & !(PAGE_BYTES as u64 - 1);
        self.pages.push(core::array::from_fn(|index| decode(instruction(memory, base + 4 * index as u64))));
        self.table[(pc >> 12) as usize & (PAGES - 1)] = self.pages.len() as u32;
        self.pages.len() - 1
    }

    /// Decodes the aligned eight bytes around an address again.
    #[cold]
    pub(super) fn refresh(&mut self, address: u64, memory: &Memory) {
        let Some(index) = self.table[(address >> 12) as usize & (PAGES - 1)].checked_sub(1) else { return };
        let base = address & !7;
        for address in [base, base + 4] {
            self.pages[index as usize][(address >> 2) as usize & (PAGE_OPS - 1)] = decode(instruction(memory, address));
        }
    }
}

fn instruction(memory: &Memory, address: u64) -> u32 {
    (memory.word(address) >> (8 * (address & 4))) as u32
}
