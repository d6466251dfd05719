//! What a reader follows, and how often it asks.

use std::time::Duration;

use alloy::primitives::Address;
use tandem_service::Readiness;

/// What to follow, and how.
#[derive(Clone, Debug)]
pub struct ReaderConfig {
    /// Address of the Inbox.
    pub inbox: Address,
    /// Settlement; its claims come out beside the Inbox's events.
    pub settlement: Address,
    /// Dispute contracts to follow as well; usually none, or all that the schedule ever named.
    pub disputes: Vec<Address>,
    /// First block to read: that of the deployment, or a later one before which nothing matters to the caller.
    pub start_block: u64,
    /// Blocks that must lie above one before it comes out; 0 follows the tip.
    pub confirmations: u64,
    /// Time between questions once the tip is reached.
    pub poll_interval: Duration,
    /// Most blocks of one `eth_getLogs`.
    pub backfill_blocks_max: u64,
    /// Most blocks remembered for finding out how deep a reorg is; a deeper one goes back to before `start_block`.
    pub history_blocks_max: usize,
    /// Where it is said that the endpoint is silent.
    pub readiness: Readiness,
}

impl ReaderConfig {
    /// The defaults: tip, twice a second, 2,000 blocks a range.
    pub fn new(inbox: Address, settlement: Address, start_block: u64) -> Self {
        Self {
            inbox,
            settlement,
            disputes: Vec::new(),
            start_block,
            confirmations: 0,
            poll_interval: Duration::from_millis(500),
            backfill_blocks_max: 2_000,
            history_blocks_max: 8_192,
            readiness: Readiness::default(),
        }
    }
}
