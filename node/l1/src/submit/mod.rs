//! The transaction manager: sends calls from one key, one at a time, until L1 has them or refuses them.
//!
//! The owner decides what is next from what L1 holds; [`Submitter::submit`] gives it the next nonce that L1 has, whatever that nonce was used
//! for before. So nothing is replayed: after a reorganisation the nonces that became free go to whatever is right then, and after a kill or
//! a wait that was too long the owner decides anew as well. What was broadcast before stands in the [`journal`], by nonce, until it is
//! final, so that the same call is the same transaction again and another call outbids it.
//!
//! Every attempt is journaled before it is broadcast and re-signed identically afterwards (RFC 6979), so that a process that dies at any
//! instruction finds out on restart what became of it. All attempts with a nonce exclude each other. Adversarial: the endpoint's
//! fee suggestions, bounded by the configuration; reorganisations of any depth.

mod drive;
mod fees;
mod journal;
mod key_use;
mod send_error;
mod submitter;
mod wire;

use crate::{client::RpcFailure, defaults};
use alloy::{
    primitives::{Address, B256, Bytes, TxHash, TxKind, U256, keccak256},
    rpc::types::TransactionReceipt,
};
pub(crate) use fees::suggest as suggest_fees;
pub use fees::{FeeLimits, Fees};
pub use journal::{Attempt, FileJournal, Journal, JournalError, MemoryJournal, Sent};
use std::time::Duration;
pub use submitter::Submitter;
pub(crate) use submitter::block_of;
use tandem_chain::derive::Policy;
use tandem_service::Readiness;

/// A call to make on L1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct L1Call {
    /// What it is for, in logs.
    pub purpose: String,
    /// Callee, or a creation.
    pub to: TxKind,
    /// The call's input.
    pub input: Bytes,
    /// The ether sent along, in wei.
    pub value: U256,
    /// Blobs to carry; none makes an EIP-1559 transaction, some an EIP-4844 one.
    pub blobs: Vec<Bytes>,
    /// Gas limit; estimated with a margin if absent.
    pub gas_limit: Option<u64>,
}

impl L1Call {
    /// A call of a contract, without ether.
    pub fn new(purpose: impl Into<String>, to: Address, input: impl Into<Bytes>) -> Self {
        Self { purpose: purpose.into(), to: to.into(), input: input.into(), ..Self::default() }
    }

    /// Tells calls that do different things apart: a hash of all but purpose and gas limit.
    pub fn id(&self) -> B256 {
        let (kind, to) = match self.to {
            TxKind::Create => (0, Address::ZERO),
            TxKind::Call(to) => (1, to),
        };
        let mut all = vec![kind];
        all.extend(to);
        all.extend(self.value.to_be_bytes::<32>());
        for bytes in [&self.input].into_iter().chain(&self.blobs) {
            all.extend(keccak256(bytes));
        }
        keccak256(all)
    }
}

/// How transactions are sent, and until when they are waited for.
#[derive(Clone, Debug)]
pub struct SubmitterConfig {
    /// Blocks that must lie above the one that includes a call before it is done; 0: inclusion suffices.
    pub confirmations: u64,
    /// Time between looks at L1.
    pub poll_interval: Duration,
    /// An attempt that is not included after so long is replaced by a dearer one.
    pub bump_after: Duration,
    /// [`SubmitError::Late`] after so long: the owner decides anew. What waits longer is said in the log and by `readiness`.
    pub patience: Duration,
    /// Most that may be bid.
    pub fee_limits: FeeLimits,
    /// Where it is said that nothing goes to L1.
    pub readiness: Readiness,
}

impl Default for SubmitterConfig {
    fn default() -> Self {
        Self {
            confirmations: 0,
            poll_interval: Duration::from_millis(250),
            bump_after: Duration::from_secs(defaults::BUMP_AFTER_S),
            patience: Duration::from_secs(defaults::PATIENCE_S),
            fee_limits: FeeLimits::default(),
            readiness: Readiness::default(),
        }
    }
}

/// The kinds that an endpoint's pool keeps apart: all transactions of an account carry blobs, or none does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PooledKind {
    /// A transaction without blobs.
    Plain,
    /// A transaction that carries blobs (EIP-4844).
    Blobs,
}

/// What became of a call.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The transaction was included and succeeded.
    Included(Box<TransactionReceipt>),
    /// The transaction was included and reverted.
    Reverted {
        /// The receipt of the transaction.
        receipt: Box<TransactionReceipt>,
        /// Why, as far as repeating it tells; may be empty.
        data: Bytes,
    },
    /// Another transaction of the same key took the nonce: the key is used elsewhere.
    Displaced {
        /// The nonce that was taken.
        nonce: u64,
    },
    /// An earlier transaction of this journal took the nonce, and the call was not made: decide anew.
    Superseded {
        /// The nonce that was taken.
        nonce: u64,
        /// What took it was for.
        purpose: String,
    },
}

/// Why a call was not brought to an end.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The endpoint did not answer.
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    /// L1 would revert the call; nothing was sent.
    #[error("L1 refuses the call with {data}")]
    Refused {
        /// What the call reverts with; may be empty.
        data: Bytes,
    },
    /// L1 went back: an earlier nonce is the next one now, and what takes it is to be decided.
    #[error("L1 went back from nonce {nonce} to {next}")]
    NonceFreed {
        /// Nonce of the call.
        nonce: u64,
        /// The nonce that L1 expects next.
        next: u64,
    },
    /// Not included in time.
    #[error("not included within {waited:?} (nonce {nonce}, last attempt {last_attempt})")]
    Late {
        /// Nonce of the transaction.
        nonce: u64,
        /// Hash of the newest attempt with that nonce.
        last_attempt: TxHash,
        /// How long it was tried this time.
        waited: Duration,
    },
    /// The account cannot pay.
    #[error("account {account} cannot pay for its transaction: fund it")]
    Underfunded {
        /// The account that cannot pay.
        account: Address,
    },
    /// What L1 asks exceeds what may be bid.
    #[error("L1 asks {needed:?}, more than may be bid: it goes on when L1 is cheaper")]
    FeesTooHigh {
        /// What it would take.
        needed: Fees,
    },
    /// The transaction journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The call cannot be made a transaction.
    #[error("cannot sign: {0}")]
    Sign(#[from] alloy::signers::Error),
    /// A blob is none, or there are too many.
    #[error("bad blobs")]
    BadBlobs,
    /// The worker that computes proofs ended.
    #[error("proving blobs was cancelled")]
    Cancelled,
}

impl SubmitError {
    /// How the caller should react. `Reset`: look at L1 again, the call is no longer right.
    pub fn policy(&self) -> Policy {
        match self {
            Self::Rpc(_) | Self::Late { .. } | Self::FeesTooHigh { .. } | Self::Cancelled => Policy::Retry,
            // An account can be funded while the process runs.
            Self::Underfunded { .. } => Policy::Retry,
            Self::Refused { .. } | Self::NonceFreed { .. } => Policy::Reset,
            Self::Journal(_) | Self::Sign(_) | Self::BadBlobs => Policy::Fatal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_do_different_things_have_different_ids() {
        let call = L1Call { input: vec![1].into(), blobs: vec![vec![2].into()], ..L1Call::default() };
        let same = L1Call { purpose: "named".into(), gas_limit: Some(1), ..call.clone() };
        assert_eq!(call.id(), same.id());
        let others = [
            L1Call { to: Address::ZERO.into(), ..call.clone() },
            L1Call { value: U256::ONE, ..call.clone() },
            L1Call { input: Bytes::new(), ..call.clone() },
            L1Call { blobs: Vec::new(), ..call.clone() },
            L1Call { blobs: vec![vec![2].into(), vec![2].into()], ..call.clone() },
            L1Call { input: vec![2].into(), blobs: vec![vec![1].into()], ..call.clone() },
        ];
        for other in &others {
            assert_ne!(call.id(), other.id(), "{other:?}");
        }
    }
}
