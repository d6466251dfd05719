//! Why a signed transaction is in no block (EVM-TX-1).

use revm::context::result::{EVMError, InvalidTransaction};

use crate::state::StateError;

/// Why a signed transaction is not part of a block. Nothing of it remains.
#[derive(Debug, thiserror::Error)]
pub enum Rejected<E: core::error::Error + Send + Sync + 'static> {
    /// Wants more gas than the block has left.
    #[error("transaction wants {gas_limit} gas, the block has {gas_left} left")]
    BlockFull {
        /// Gas limit of the transaction.
        gas_limit: u64,
        /// What the block has left, in gas.
        gas_left: u64,
    },
    /// Wants more gas than the batch's work budget has left.
    #[error("transaction wants {gas_limit} gas, the batch has {gas_left} left")]
    BatchFull {
        /// Gas limit of the transaction.
        gas_limit: u64,
        /// What the block has left, in gas.
        gas_left: u64,
    },
    /// Invalid by Ethereum's rules.
    #[error(transparent)]
    Invalid(InvalidTransaction),
    /// The state could not be read: says nothing about the transaction.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

impl<E: core::error::Error + Send + Sync + 'static> From<EVMError<StateError<E>>> for Rejected<E> {
    fn from(error: EVMError<StateError<E>>) -> Self {
        match error {
            EVMError::Transaction(invalid) => Self::Invalid(invalid),
            EVMError::Database(error) => Self::State(error),
            // A header of ours always has what Osaka asks for, and no precompile of ours fails; were it otherwise, skipping is the rule.
            EVMError::Header(_) | EVMError::Custom(_) | EVMError::CustomAny(_) => {
                Self::Invalid(InvalidTransaction::Str("not executable".into()))
            }
        }
    }
}
