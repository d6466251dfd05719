//! How a round of the poster ends.

use std::time::Duration;

use tandem_chain::derive::Policy;
use tandem_l1::{append::AppendError, bindings::Inbox::InboxErrors, submit::SubmitError};
use tandem_store::StoreError;

/// What ends the poster, or delays it.
#[derive(Debug, thiserror::Error)]
pub enum PosterError {
    /// The database cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine is gone.
    #[error("engine: {0}")]
    Engine(#[from] crate::engine::AskError),
    /// A batch was not brought to L1.
    #[error("cannot post to L1: {0}")]
    Append(#[from] AppendError),
}

impl PosterError {
    /// Whether it may pass.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Append(error) => error.policy() != Policy::Fatal,
            Self::Store(_) | Self::Engine(_) => false,
        }
    }

    pub(super) fn is_underfunded(&self) -> bool {
        matches!(self, Self::Append(AppendError::Submit(SubmitError::Underfunded { .. })))
    }
}

/// How a round ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Round {
    /// Nothing is left to do.
    Idle,
    /// Something was done: there may be more.
    Moved,
    /// L1 does not take the next batch, for now.
    Refused {
        /// Index of the batch.
        index: u64,
        /// Why, if the Inbox said so.
        reason: Option<InboxErrors>,
    },
    /// L1 takes the next batch when its bucket has drained for so long.
    Full {
        /// Index of the batch.
        index: u64,
        /// How long that takes, by L1's clock.
        wait: Duration,
    },
}
