//! How far a replica is, beside L1.

use crate::{BlockRef, reader::L1Heads};

/// How far a replica is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplicaHead {
    /// Index of the last batch derived.
    pub batch_index: u64,
    /// L1 block read last.
    pub l1_block: BlockRef,
    /// How far L1 is.
    pub l1_heads: L1Heads,
    /// The first batch under a configuration that the replica was not given, if L1 holds one: it derives none from there on.
    pub ends_before: Option<u64>,
}

impl ReplicaHead {
    /// By how many blocks it is behind L1's newest.
    pub fn lag_blocks(&self) -> u64 {
        self.l1_heads.latest.number.saturating_sub(self.l1_block.number)
    }
}
