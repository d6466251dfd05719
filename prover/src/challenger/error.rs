//! Why the challenger did not get on.

use tandem_chain::derive::Policy;
use tandem_l1::{ReaderError, RpcFailure, SubmitError};

use crate::proposer::OutputUnavailable;

/// Why a look at claims does not end well.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The endpoint did not answer.
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    /// The replica's database failed.
    #[error(transparent)]
    Outputs(#[from] OutputUnavailable),
}

/// Why a look at L1 did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ChallengerError {
    /// The endpoint did not answer.
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    /// L1 cannot be read.
    #[error(transparent)]
    Reader(#[from] ReaderError),
    /// A look at claims failed.
    #[error(transparent)]
    Look(#[from] LookError),
    /// A transaction was not brought to an end.
    #[error(transparent)]
    Submit(#[from] SubmitError),
}

impl ChallengerError {
    /// How a service should react.
    pub fn policy(&self) -> Policy {
        match self {
            Self::Rpc(_) | Self::Look(LookError::Rpc(_)) => Policy::Retry,
            Self::Reader(error) => error.policy(),
            Self::Submit(error) => error.policy(),
            Self::Look(LookError::Outputs(_)) => Policy::Fatal,
        }
    }
}
