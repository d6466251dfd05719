//! What the flags of every process that talks to L1 have by default.

/// L1 blocks that must lie above what is acted on, so that an ordinary reorganisation does not undo it.
pub const DEPTH: u64 = 4;
/// Time between looks at L1, in milliseconds.
pub const POLL_MS: u64 = 2_000;
/// Time limit of a request, in milliseconds.
pub const TIMEOUT_MS: u64 = 20_000;
/// Time after which a transaction that is not included bids more, in seconds: three blocks.
pub const BUMP_AFTER_S: u64 = 36;
/// Time without progress after which a transaction is reported as stuck, in seconds.
pub const PATIENCE_S: u64 = 600;
