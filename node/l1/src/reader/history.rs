//! The blocks given out lately, for finding where a reorg began. Invariant: ascending numbers, above an anchor that stays.

use crate::BlockRef;
use std::collections::VecDeque;

#[derive(Debug)]
pub(super) struct History {
    anchor: BlockRef,
    blocks: VecDeque<BlockRef>,
    blocks_max: usize,
}

impl History {
    pub fn new(anchor: BlockRef, known: impl IntoIterator<Item = BlockRef>, blocks_max: usize) -> Self {
        let mut history = Self { anchor, blocks: VecDeque::new(), blocks_max: blocks_max.max(1) };
        for block in known {
            history.push(block);
        }
        history
    }

    /// The newest block that was read.
    pub fn tip(&self) -> BlockRef {
        self.blocks.back().copied().unwrap_or(self.anchor)
    }

    /// All others, newest first, the anchor last.
    pub fn below_tip(&self) -> impl Iterator<Item = &BlockRef> {
        self.blocks.iter().rev().skip(1).chain((!self.blocks.is_empty()).then_some(&self.anchor))
    }

    /// Appends; what does not ascend is ignored.
    pub fn push(&mut self, block: BlockRef) {
        if block.number <= self.tip().number {
            return;
        }
        self.blocks.push_back(block);
        if self.blocks.len() > self.blocks_max {
            self.blocks.pop_front();
        }
    }

    /// Forgets everything above `number`.
    pub fn unwind(&mut self, number: u64) {
        while self.blocks.back().is_some_and(|block| block.number > number) {
            self.blocks.pop_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::B256;

    fn block(number: u64) -> BlockRef {
        BlockRef { number, hash: B256::with_last_byte(number as u8) }
    }

    #[test]
    fn the_anchor_stays_when_blocks_are_forgotten() {
        let mut history = History::new(block(4), [5, 6, 7, 9].map(block), 3);
        assert_eq!(history.tip(), block(9));
        assert_eq!(history.below_tip().copied().collect::<Vec<_>>(), [7, 6, 4].map(block));
        history.unwind(6);
        assert_eq!(history.tip(), block(6));
        history.unwind(0);
        assert_eq!(history.tip(), block(4));
        assert_eq!(history.below_tip().count(), 0);
    }

    #[test]
    fn only_ascending_blocks_are_taken() {
        let mut history = History::new(block(4), [], 10);
        history.push(block(4));
        history.push(block(6));
        history.push(block(5));
        assert_eq!(history.tip(), block(6));
    }
}
