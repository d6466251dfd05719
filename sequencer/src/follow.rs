//! Following the chain's head through the store: every block once, and what was taken back before what replaced it.

use std::collections::VecDeque;

use alloy::primitives::B256;
use tandem_evm::EvmBlock;
use tandem_store::{Store, StoreError};

/// Blocks that a follower may have to take back; no reorganisation of unposted blocks is longer.
const REMEMBERED_MAX: usize = 8_192;

/// What a follower comes to next.
#[derive(Debug)]
pub enum Step {
    /// A block on top of those before.
    Block(Box<EvmBlock>),
    /// The block that was told of last is not the chain's any more.
    TakenBack {
        /// Hash of that block.
        hash: B256,
    },
}

/// One follower's place in the chain.
#[derive(Debug)]
pub struct Follower {
    next: u64,
    /// Number and hash of the blocks told of last, oldest first: what must still stand for the next to follow.
    told: VecDeque<(u64, B256)>,
}

impl Follower {
    /// Begins with block `number`.
    pub fn from_number(number: u64) -> Self {
        Self { next: number, told: VecDeque::new() }
    }

    /// Begins after the block with this number and hash, which it would take back.
    pub fn after(number: u64, hash: B256) -> Self {
        Self { next: number.saturating_add(1), told: VecDeque::from([(number, hash)]) }
    }

    /// The next step; none at the head.
    pub fn step(&mut self, store: &Store) -> Result<Option<Step>, StoreError> {
        if let Some((number, hash)) = self.told.back().copied()
            && store.block_hash(number)? != Some(hash)
        {
            self.told.pop_back();
            self.next = number;
            return Ok(Some(Step::TakenBack { hash }));
        }
        let Some(block) = store.block(self.next)? else { return Ok(None) };
        // A reorganisation came between the two reads: whoever follows is woken when it is complete.
        if self.told.back().is_some_and(|(_, hash)| *hash != block.header.parent_hash) {
            return Ok(None);
        }
        if self.told.len() == REMEMBERED_MAX {
            self.told.pop_front();
        }
        self.told.push_back((self.next, block.hash));
        self.next = self.next.saturating_add(1);
        Ok(Some(Step::Block(Box::new(block))))
    }
}
