//! Following the chain's head through the store: every block once, and what was taken back before what replaced it.

use std::collections::VecDeque;

use alloy::primitives::B256;
use tandem_evm::EvmBlock;
use tandem_store::{Store, StoreError};

/// Blocks that a follower may have to take back; no reorganisation of unposted blocks is longer.
const REMEMBERED_MAX: usize = 8_192;

/// A chain that can be followed: one for each kind.
pub trait Chain {
    /// Its blocks, cheap to hand on.
    type Block;

    /// The hash of the block with a number.
    fn hash(&self, number: u64) -> Result<Option<B256>, StoreError>;

    /// The block with a number.
    fn block(&self, number: u64) -> Result<Option<Followed<Self::Block>>, StoreError>;
}

/// A block in its place.
#[derive(Debug)]
pub struct Followed<B> {
    /// The block's hash.
    pub hash: B256,
    /// The hash of the one before.
    pub parent_hash: B256,
    /// The block itself.
    pub block: B,
}

impl Chain for Store {
    type Block = Box<EvmBlock>;

    fn hash(&self, number: u64) -> Result<Option<B256>, StoreError> {
        self.block_hash(number)
    }

    fn block(&self, number: u64) -> Result<Option<Followed<Self::Block>>, StoreError> {
        let block = Store::block(self, number)?;
        Ok(block.map(|block| Followed {
            hash: block.hash,
            parent_hash: block.header.parent_hash,
            block: Box::new(block),
        }))
    }
}

/// What a follower comes to next.
#[derive(Debug)]
pub enum Step<B> {
    /// A block on top of those before.
    Block(B),
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
    pub fn step<C: Chain>(&mut self, chain: &C) -> Result<Option<Step<C::Block>>, StoreError> {
        if let Some((number, hash)) = self.told.back().copied()
            && chain.hash(number)? != Some(hash)
        {
            self.told.pop_back();
            self.next = number;
            return Ok(Some(Step::TakenBack { hash }));
        }
        let Some(Followed { hash, parent_hash, block }) = chain.block(self.next)? else { return Ok(None) };
        // A reorganisation came between the two reads: whoever follows is woken when it is complete.
        if self.told.back().is_some_and(|(_, last)| *last != parent_hash) {
            return Ok(None);
        }
        if self.told.len() == REMEMBERED_MAX {
            self.told.pop_front();
        }
        self.told.push_back((self.next, hash));
        self.next = self.next.saturating_add(1);
        Ok(Some(Step::Block(block)))
    }
}
