//! Why a payments chain gives no answer, or not the one that was asked for.

use alloy::primitives::Address;
use tandem_payments::ethereum::NotAnOperation;

use crate::{
    commands::NoAnswer,
    payments::{engine::NotAdmitted, signed::NotSigned},
    rpc::RpcError,
};

/// Too much is asked for at once.
const LIMIT: i64 = -32005;
/// The method does not exist.
const METHOD: i64 = -32601;
/// Everything else that the question's form is not to blame for.
const SERVER: i64 = -32000;

/// A refusal that no other kind of chain has.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The bytes are no transaction of this chain.
    #[error(
        "{0}; taken are transactions of type 0x73, signed by a session key: PAY-SESSION-TX in docs/spec/session-keys.md"
    )]
    NotSigned(#[from] NotSigned),
    /// The rules refuse the operation as things stand.
    #[error(transparent)]
    NotAdmitted(#[from] NotAdmitted),
    /// The engine does not answer.
    #[error(transparent)]
    Ask(#[from] NoAnswer),
    /// A call that is no operation and no read that is answered here.
    #[error("this chain runs no contracts, it has transfers, tokens and the bridge: {0}")]
    NoContracts(#[from] NotAnOperation),
    /// A method that asks about contracts.
    #[error("the method {method} does not exist/is not available: this chain runs no contracts")]
    NoMethod {
        /// The method's name, one of those that an EVM chain has.
        method: String,
    },
    /// A call with what only contracts have a use for.
    #[error("this chain runs no contracts: {what} mean nothing here")]
    NoUse {
        /// What the call carries, in the plural.
        what: &'static str,
    },
    /// Session keys are set by Ethereum signatures, for which there is no circuit.
    #[error("no circuit verifies Ethereum signatures yet: set the session key on L1 (setSessionKey of the bridge)")]
    SessionKeyHere,
    /// The state after this block is not kept.
    #[error(
        "the state after block {number} is not kept: there are those at \"pending\", at \"latest\" (block {latest}) and at \"safe\" (block {settled})"
    )]
    StateNotKept {
        /// The block that was asked for.
        number: u64,
        /// The last closed one.
        latest: u64,
        /// The last one on L1.
        settled: u64,
    },
    /// What only L1 knows of a token, where no L1 is asked.
    #[error("{token} is a token of L1, which this node does not ask for names and decimals: ask L1")]
    NoL1 {
        /// The token on L1.
        token: Address,
    },
    /// L1 has no token at the address, or one that does not say.
    #[error("L1 has no such answer of a token at {token}")]
    NoToken {
        /// The address that was called.
        token: Address,
    },
    /// L1 does not answer.
    #[error("L1 does not answer what {token} is: try again")]
    L1Silent {
        /// The token on L1.
        token: Address,
    },
    /// L1 is asked by as many as may ask it at a time, or was asked as much as it may be lately.
    #[error("L1 is asked for many tokens at a time: try again")]
    L1Busy,
    /// Logs of more blocks than are read for one request, whatever the operator's flag says.
    #[error("blocks in one query: at most {limit} on this chain; ask for the range in parts")]
    LogRange {
        /// How many blocks may be asked for.
        limit: u64,
    },
}

impl Refusal {
    fn code(&self) -> i64 {
        match self {
            Self::Ask(NoAnswer::Overloaded) | Self::L1Busy | Self::LogRange { .. } => LIMIT,
            Self::NoMethod { .. } => METHOD,
            _ => SERVER,
        }
    }
}

impl From<Refusal> for RpcError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { code: refusal.code(), reason: refusal.into() }
    }
}
