//! Why L1 could not be read.

use alloy::primitives::B256;
use tandem_chain::derive::Policy;

use super::bad_event::BadEvent;
use crate::client::RpcFailure;

/// Why reading failed; see [`ReaderError::policy`].
#[derive(Debug, thiserror::Error)]
pub enum ReaderError {
    /// The endpoint did not answer.
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    /// The endpoint named an event that is none.
    #[error("bad event in block {block} ({transaction}): {reason}")]
    BadEvent {
        /// Number of the L1 block.
        block: u64,
        /// Hash of the L1 transaction.
        transaction: B256,
        /// What is wrong with it.
        reason: Box<BadEvent>,
    },
    /// The chain moved while a range was read.
    #[error("block {number} changed while it was read")]
    Moved {
        /// A block of the range.
        number: u64,
    },
    /// L1 is shorter than the first block to read.
    #[error("L1 has no block {start_block} yet")]
    NotStarted {
        /// The first block to read, as configured.
        start_block: u64,
    },
}

impl ReaderError {
    /// What to do: the reader itself never needs more than another try.
    pub fn policy(&self) -> Policy {
        Policy::Retry
    }
}
