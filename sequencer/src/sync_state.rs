//! Whether a node has read L1, as its parts tell each other.

/// How far a node is with L1 since it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncState {
    /// It reads: what it built or answered now could contradict what L1 holds.
    Reading,
    /// It has read L1 to its end once, and follows it.
    Synced,
}
