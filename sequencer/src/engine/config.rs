//! How the engine works.

use crate::{batch::BatchPolicy, mempool::MempoolLimits};

/// How the engine works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineConfig {
    /// Time between blocks, in milliseconds.
    pub block_time_ms: u64,
    /// An empty block is built when the head is this old, in milliseconds.
    pub heartbeat_ms: u64,
    /// Empty blocks that follow a block with transactions or messages, for tools that count confirmations.
    pub confirmation_blocks: u64,
    /// Time between those, in milliseconds.
    pub confirmation_time_ms: u64,
    /// L1 blocks that must lie on a message before it is executed, and on a checkpoint before it is named.
    pub l1_depth: u64,
    /// A batch names no checkpoint older than this, in seconds.
    pub checkpoint_age_max_s: u64,
    /// A batch without transactions and messages stays open this long, in milliseconds.
    pub idle_age_max_ms: u64,
    /// When batches close, and how large they become.
    pub batch: BatchPolicy,
    /// What the mempool holds.
    pub mempool: MempoolLimits,
}

impl EngineConfig {
    /// What the flags have by default.
    pub const DEFAULT: Self = Self {
        block_time_ms: 250,
        heartbeat_ms: 12_000,
        confirmation_blocks: 12,
        confirmation_time_ms: 1_000,
        l1_depth: tandem_l1::defaults::DEPTH,
        // Below what the Inbox takes by default, six hours, by as long as a closed batch may have to wait for L1.
        checkpoint_age_max_s: 14_400,
        idle_age_max_ms: 3_600_000,
        batch: BatchPolicy::DEFAULT,
        mempool: MempoolLimits::DEFAULT,
    };
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}
