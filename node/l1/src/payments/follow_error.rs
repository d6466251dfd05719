//! Why a payments chain cannot be followed on L1, and whether it is of any use to try again.

use tandem_store::StoreError;

use super::{HistoryError, LedgerError, PostedError, history::BadRecord};
use crate::client::RpcFailure;

/// Why L1 cannot be followed. Unless it [is fatal](Self::is_fatal) ask again: what was kept is not read again.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The endpoint did not answer.
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    /// The endpoint does not have a block that was there before, and has no other in its place. Nothing is taken back for that, until it has been so for some time.
    #[error(
        "the L1 endpoint has block {head} as its newest, and does not have block {known}, which was read before: it lags, or L1 was put back"
    )]
    Behind {
        /// Number of the endpoint's newest block.
        head: u64,
        /// Number of the block that it lacks.
        known: u64,
    },
    /// The endpoint is behind what it, or another one before it, said is final. Nothing is taken back for that, however long it is so.
    #[error(
        "the L1 endpoint has block {head} as its newest, and block {finalized} was told to be final before: it lags; or if it is right, delete the ledger's directory, L1 has everything"
    )]
    BelowFinal {
        /// Number of the endpoint's newest block.
        head: u64,
        /// Number of the newest block that was told to be final.
        finalized: u64,
    },
    /// The events cannot be had, or do not fit together.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The segments of a batch cannot be had.
    #[error("batch {index}: {source}")]
    Posted {
        /// Index of the batch.
        index: u64,
        /// What is wrong.
        source: PostedError,
    },
    /// A batch does not give what the settlement says.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The ledger on disk cannot be read or written.
    #[error("ledger: {0}")]
    Store(#[from] StoreError),
    /// A message on disk is none.
    #[error("ledger: message {index} is damaged: {source}; delete the ledger's directory, L1 has everything")]
    Stored {
        /// Its position in the queue.
        index: u64,
        /// What is wrong with it.
        source: Box<BadRecord>,
    },
    /// The thread that read the ledger ended before it had.
    #[error("reading the ledger: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

impl FollowError {
    /// Whether the follower is of no use any more: its ledger must be looked after, and opened again.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Store(_) | Self::Stored { .. } | Self::Thread(_) => true,
            Self::Rpc(_)
            | Self::Behind { .. }
            | Self::BelowFinal { .. }
            | Self::History(_)
            | Self::Posted { .. }
            | Self::Ledger(_) => false,
        }
    }

    /// Whether the endpoint lacks blocks that were there: it is asked again as it was.
    pub fn is_behind(&self) -> bool {
        matches!(self, Self::Behind { .. } | Self::BelowFinal { .. })
    }
}
