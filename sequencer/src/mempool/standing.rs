//! How waiting transactions stand: of one sender, and of all together. The pool reckons it, its view publishes it.

/// Counts, as `txpool_status` shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Executable in nonce order.
    pub pending: usize,
    /// Transactions that wait behind a gap in their sender's nonces.
    pub queued: usize,
}

/// How one sender's waiting transactions stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The nonce that a further transaction should have.
    pub pending_nonce: u64,
    /// Those without a gap before them.
    pub executable: usize,
    /// How many transactions of the sender wait, with a gap or without.
    pub waiting: usize,
}
