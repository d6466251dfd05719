//! Why the proposer did not get on.

use tandem_chain::derive::Policy;
use tandem_l1::{RpcFailure, SubmitError};

/// The replica's database failed.
#[derive(Debug, thiserror::Error)]
#[error("derived outputs: {0}")]
pub struct OutputUnavailable(#[source] pub Box<dyn core::error::Error + Send + Sync>);

/// Why a look at L1 did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ProposerError {
    /// The endpoint did not answer.
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    /// A transaction was not brought to an end.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The replica's database failed.
    #[error(transparent)]
    Outputs(#[from] OutputUnavailable),
}

impl ProposerError {
    /// How a service should react.
    pub fn policy(&self) -> Policy {
        match self {
            Self::Rpc(_) => Policy::Retry,
            Self::Submit(error) => error.policy(),
            Self::Outputs(_) => Policy::Fatal,
        }
    }
}
