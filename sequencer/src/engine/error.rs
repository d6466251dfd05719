//! What ends the engine, and what a caller of it is told.

use alloy::primitives::B256;
use tandem_store::StoreError;

use crate::{commands::NoAnswer, evm::ExecutionError, mempool::Refused};

/// What ends the engine: nothing a user or L1 says can cause it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The database cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A block cannot be built, read or derived.
    #[error(transparent)]
    Execution(#[from] ExecutionError),
    /// A block that must exist does not.
    #[error("block {number} is missing from the database")]
    BlockMissing {
        /// Number of the block that is missing.
        number: u64,
    },
    /// The batch that was built derives to other blocks: posting it would break promises, so the node stops.
    #[error("blocks {first_block} to {last_block} derive to {derived}, sequenced was {sequenced}")]
    DerivationDiffers {
        /// First block of the batch.
        first_block: u64,
        /// Last block of the batch.
        last_block: u64,
        /// Hash of the last block as derived.
        derived: B256,
        /// Hash of the last block as sequenced.
        sequenced: B256,
    },
    /// The thread that closes batches is gone.
    #[error("the thread that closes batches panicked: restart the node, and report what the log says of it")]
    CloserGone,
}

/// Why the engine did not take what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AskError {
    /// The mempool refuses the transaction.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The engine does not answer.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
}
