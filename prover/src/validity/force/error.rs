//! Why a batch is not forced.

use alloy::primitives::{Address, B256, U256};
use tandem_circuits::groth16::{BatchProveError, ProveError};
use tandem_l1::{
    DeploymentError, RpcFailure, SubmitError,
    payments::{BadArguments, HistoryError, LedgerError, PostedError, Refusal},
};
use tandem_payments::ledger::Refused as BatchRefused;

use super::fit::Moved;
use crate::validity::{coordinator::NoJob, file::BatchFileError, keys::KeysError, pool::ProvingError};

/// Why there is no forced batch.
#[derive(Debug, thiserror::Error)]
pub enum ForceError {
    /// The deployment file cannot be read.
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
    /// The deployment's chain has no proofs.
    #[error(
        "`tandem-prover force` is for payments chains, and the deployment names an EVM chain: `tandem bridge force-withdraw` appends its batches without a proof"
    )]
    WrongKind,
    /// The endpoint is another L1's.
    #[error("--l1-rpc is of chain {found}, the deployment's L1 is chain {expected}")]
    OtherL1 {
        /// The deployment's chain id.
        expected: u64,
        /// The chain id that the endpoint tells.
        found: u64,
    },
    /// The endpoint did not answer.
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    /// The chain's events cannot be read.
    #[error(transparent)]
    History(Box<HistoryError>),
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
    /// There is nothing in the queue.
    #[error(
        "no message waits, so that there is nothing to force: `tandem bridge force-withdraw` queues one, and after {window_s} s it can be forced"
    )]
    NothingWaits {
        /// Time after which a message is overdue, in seconds.
        window_s: u64,
    },
    /// L1 takes batches from plain accounts alone.
    #[error(
        "account {account} has code on L1 (it was delegated, EIP-7702), and L1 takes batches from plain accounts alone: use another key, with the same --data-dir if it holds proofs"
    )]
    NotPlain {
        /// The account that would send.
        account: Address,
    },
    /// It is not time yet.
    #[error(
        "message {index}, the first of {waiting} that wait, is not overdue: a batch can be forced in {left_s} s, after {after} (seconds since 1970), unless one takes it before"
    )]
    NotOverdue {
        /// Index of the message in the queue.
        index: u64,
        /// How many messages wait.
        waiting: u64,
        /// After which time it is overdue, in seconds.
        after: u64,
        /// How long that takes by L1's newest block, in seconds.
        left_s: u64,
    },
    /// Nothing is appended to a chain that has ended.
    #[error(
        "the chain was frozen at {at} (seconds since 1970), and takes no batch any more: `tandem escape` pays everybody out"
    )]
    Frozen {
        /// When, in seconds.
        at: u64,
    },
    /// L1 is not any more what was proven for.
    #[error("{0}; no batch was appended, run it again")]
    Moved(#[source] Moved),
    /// Keys cannot be had.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A message does not fit, which the rules of the schedule should exclude.
    #[error("messages {start} to {end} must be taken together and do not fit a transaction: {source}")]
    TooMuch {
        /// The first message.
        start: u64,
        /// The first that may be left.
        end: u64,
        /// Which limit they exceed.
        source: BatchRefused,
    },
    /// The batch cannot be cut into chunks.
    #[error(transparent)]
    Prepare(#[from] BatchProveError),
    /// There is no job for one of its chunks.
    #[error(transparent)]
    NoJob(#[from] NoJob),
    /// The prover cannot be started.
    #[error("prover: {0}")]
    Prover(#[from] ProveError),
    /// It is not proven.
    #[error(transparent)]
    Proving(#[from] ProvingError),
    /// The batch cannot be kept on disk.
    #[error(transparent)]
    File(#[from] BatchFileError),
    /// What was proven makes no call.
    #[error(transparent)]
    BadArguments(#[from] BadArguments),
    /// The account cannot pay.
    #[error(
        "account {account} has {balance} wei; sending the batch takes up to {needed}: fund it and run this again, proofs are kept"
    )]
    Underfunded {
        /// The account that would pay.
        account: Address,
        /// What it has, in wei.
        balance: U256,
        /// What it takes at most at L1's present price, in wei.
        needed: U256,
    },
    /// The account cannot pay any more.
    #[error("account {0} cannot pay for the batch: fund it and run this again, the proofs are kept")]
    CannotPay(Address),
    /// The transaction was not brought to an end.
    #[error("{0}; the proofs are kept, run it again")]
    Submit(#[from] SubmitError),
    /// L1 refuses the batch although it fits.
    #[error("L1 refuses the batch: {0}; the proofs are kept")]
    Refused(Box<Refusal>),
    /// L1 included the call and emitted no batch.
    #[error("transaction {0} was included without its event: use another --l1-rpc")]
    NoEvent(B256),
    /// L1 changes faster than a batch can be sent.
    #[error("the batch was not included after {0} attempts; the proofs are kept, run it again")]
    NotIncluded(u32),
    /// One of the command's tasks panicked.
    #[error(transparent)]
    Task(#[from] tokio::task::JoinError),
    /// The end was asked for.
    #[error("ended before the batch was on L1; what was proven is kept")]
    Cancelled,
}

impl From<HistoryError> for ForceError {
    fn from(error: HistoryError) -> Self {
        Self::History(Box::new(error))
    }
}

impl From<Moved> for ForceError {
    fn from(moved: Moved) -> Self {
        match moved {
            Moved::Frozen { at } => Self::Frozen { at },
            moved => Self::Moved(moved),
        }
    }
}
