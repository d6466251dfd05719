//! What keeps blocks from being executed. Nothing that a user or L1 says can cause it.

use tandem_chain::TransitionError;
use tandem_evm::{StateError, payload::EncodeError};
use tandem_store::{MissingPreimage, StoreError};

/// Why a block or batch cannot be made, read or derived.
#[derive(Debug, thiserror::Error)]
pub enum ExecutionError {
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] StateError<MissingPreimage>),
    /// A derived block cannot be computed.
    #[error(transparent)]
    Transition(#[from] TransitionError<MissingPreimage>),
    /// A block that must exist does not.
    #[error("block {number} is missing from the database")]
    BlockMissing {
        /// Number of the block that is missing.
        number: u64,
    },
    /// The batch cannot be encoded.
    #[error("batch cannot be encoded: {0}")]
    Encode(#[from] EncodeError),
}
