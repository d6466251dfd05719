//! Whether a transaction may wait: what the rules would refuse is refused here, by the same function (EVM-TX-1; `tandem_evm::validity`).
//!
//! Adversarial: every transaction.

use alloy::primitives::U256;
use revm::context::result::InvalidTransaction;
use tandem_evm::{Recovered, Rejected, StateError, payload::bytes_max, validity};
use tandem_store::MissingPreimage;

use super::{Execution, ExecutionError};
use crate::mempool::{Dropped, Refused};

/// Why a transaction is not admitted, or not even judged.
pub(crate) enum NotAdmitted {
    /// For a reason that its sender is told.
    Refused(Refused),
    /// Nothing is said against it: it could not be judged.
    Failed(ExecutionError),
}

impl From<Refused> for NotAdmitted {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<ExecutionError> for NotAdmitted {
    fn from(error: ExecutionError) -> Self {
        Self::Failed(error)
    }
}

impl From<Rejected<MissingPreimage>> for NotAdmitted {
    fn from(rejected: Rejected<MissingPreimage>) -> Self {
        match Refused::try_from(rejected) {
            Ok(refused) => Self::Refused(refused),
            Err(error) => Self::Failed(error.into()),
        }
    }
}

impl Execution {
    /// Refuses what no block would execute, whatever its turn, the base fee and its sender's funds will be.
    pub fn validate(&mut self, transaction: &Recovered) -> Result<(), NotAdmitted> {
        Ok(validity::validate_waiting(&self.chain, &mut self.state, transaction)?)
    }
}

/// The most that a transaction takes from its sender, in wei.
pub(crate) fn cost_max(transaction: &Recovered) -> U256 {
    validity::cost_max(transaction)
}

/// Bytes that a transaction takes of a batch at most.
pub(crate) fn posted_bytes_max(transaction: &Recovered) -> usize {
    bytes_max(transaction.transaction())
}

impl TryFrom<Rejected<MissingPreimage>> for Refused {
    type Error = StateError<MissingPreimage>;

    /// What the rules say against a transaction; an error if they could not be asked.
    fn try_from(rejected: Rejected<MissingPreimage>) -> Result<Self, Self::Error> {
        let queued = U256::ZERO;
        Ok(match rejected {
            Rejected::BlockFull { gas_limit, gas_left } | Rejected::BatchFull { gas_limit, gas_left } => {
                Self::GasLimit { gas_limit, limit: gas_left }
            }
            Rejected::Invalid(InvalidTransaction::LackOfFundForMaxFee { fee, balance }) => {
                Self::InsufficientFunds { balance: *balance, cost: *fee, queued }
            }
            Rejected::Invalid(InvalidTransaction::NonceTooLow { tx, state }) => {
                Self::NonceTooLow { next: state, nonce: tx }
            }
            Rejected::Invalid(InvalidTransaction::NonceTooHigh { tx, state }) => {
                Self::NonceTooHigh { next: state, nonce: tx }
            }
            Rejected::Invalid(invalid) => Self::Invalid(invalid.into()),
            Rejected::State(error) => return Err(error),
        })
    }
}

/// What the builder's refusal means for a transaction that waited; an error if the state could not be read, which says nothing of it.
pub(super) fn dropped(rejected: Rejected<MissingPreimage>) -> Result<Dropped, ExecutionError> {
    Ok(match Refused::try_from(rejected)? {
        Refused::NonceTooLow { next, .. } => Dropped::NonceUsed { next },
        refused => Dropped::Refused(refused),
    })
}
