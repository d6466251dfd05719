//! What JSON-RPC callers are told when something is wrong. Codes: EIP-1474, and 3 for reverts as nodes use it.

use alloy::primitives::{B256, Bytes, U256};
use serde_json::{Value, json};
use tandem_chain::TransitionError;
use tandem_store::{MissingPreimage, StoreError};

use super::{flag, hosts::HOSTS_FLAG, reverts::reason};
use crate::{commands::NoAnswer, engine::AskError};

/// Characters of an unknown method's name that are repeated to whoever asked for it.
const METHOD_CHARACTERS_SHOWN: usize = 100;

/// Why a request is answered with an error.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// The body is not JSON.
    #[error("request is not valid JSON")]
    Parse,
    /// The body is no request.
    #[error("not a JSON-RPC 2.0 request")]
    InvalidRequest,
    /// A batch of requests that is too long.
    #[error("{length} requests in one batch, at most {limit} are taken (--{})", flag::BATCH)]
    BatchTooLong {
        /// How many requests were in the batch.
        length: usize,
        /// Most requests that one batch may hold.
        limit: usize,
    },
    /// The method does not exist.
    #[error("the method {} does not exist/is not available", beginning(method))]
    UnknownMethod {
        /// The method's name as it was asked for.
        method: String,
    },
    /// The parameters are not an array.
    #[error("non-array args")]
    NonArrayParams,
    /// More parameters than the method takes.
    #[error("too many arguments, want at most {limit}")]
    TooManyParams {
        /// Most parameters of the method.
        limit: usize,
    },
    /// A parameter is missing.
    #[error("missing value for required argument {index}: expected {expected}")]
    MissingParam {
        /// Position of the parameter, from 0.
        index: usize,
        /// What belongs there, in words for people.
        expected: &'static str,
    },
    /// A parameter is malformed.
    #[error("invalid argument {index}: expected {expected}")]
    InvalidParam {
        /// Position of the parameter, from 0.
        index: usize,
        /// What belongs there, in words for people.
        expected: &'static str,
    },
    /// A field of a parameter is malformed.
    #[error("invalid argument {index}: {field}: expected {expected}")]
    InvalidField {
        /// Position of the parameter, from 0.
        index: usize,
        /// Name of the field.
        field: &'static str,
        /// What belongs there, in words for people.
        expected: &'static str,
    },
    /// The block does not exist.
    #[error("header not found")]
    UnknownBlock,
    /// No block holds a transaction with this hash.
    #[error("transaction not found")]
    UnknownTransaction,
    /// A transaction that is acknowledged and in no block within the time that its sender wanted to wait (EIP-7966).
    #[error("the transaction was added to the mempool but was not included within {wait_ms} ms")]
    NotIncludedYet {
        /// Hash of the transaction.
        hash: B256,
        /// How long was waited.
        wait_ms: u128,
    },
    /// Nothing was executed in block 0.
    #[error("genesis is not traceable")]
    GenesisNotTraceable,
    /// A message from L1 that ran no code.
    #[error("not executed: a message of a kind or from a sender that runs no code")]
    NotExecuted,
    /// A tracer in JavaScript.
    #[error(
        "tracers in JavaScript are not taken: use callTracer, prestateTracer, flatCallTracer, 4byteTracer, muxTracer, noopTracer or none"
    )]
    JavaScriptTracer,
    /// A tracer, or a configuration of one, that there is not.
    #[error("{0}")]
    BadTracer(String),
    /// An override that cannot be made.
    #[error("cannot override {what}")]
    BadOverride {
        /// What was to be otherwise.
        what: &'static str,
    },
    /// A call with two different inputs.
    #[error(r#"both "data" and "input" are set and not equal. Please use "input" to pass transaction call data"#)]
    TwoInputs,
    /// A call with prices of both kinds.
    #[error("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified")]
    TwoPrices,
    /// A simulation that cannot go on.
    #[error("{what}")]
    Simulation {
        /// The code that the execution API has for it.
        code: i64,
        /// Why it cannot go on, in words.
        what: String,
    },
    /// A range that ends before it begins.
    #[error("invalid block range params")]
    ReversedRange,
    /// A range that reaches beyond the newest block.
    #[error("block range extends beyond current head block")]
    RangeBeyondHead,
    /// L1 has the effects of a batch, and this node never saw its transactions.
    #[error(
        "the transactions of block {number} are not known to this node: L1 tells what they did, not what they were"
    )]
    TransactionsUnknown {
        /// The block that holds them.
        number: u64,
    },
    /// No filter has this id, or it was not asked for too long.
    #[error("filter not found")]
    UnknownFilter,
    /// There is nothing of this name to subscribe to.
    #[error("no {name:?} subscription in eth namespace")]
    UnknownSubscription {
        /// The name that was asked for.
        name: String,
    },
    /// This connection has no subscription with this id.
    #[error("subscription not found")]
    UnknownSubscriptionId,
    /// Subscriptions need a connection that stays open: a WebSocket.
    #[error("notifications not supported")]
    NoNotifications,
    /// Too much was asked for.
    #[error("{what}: at most {limit} (--{flag})")]
    LimitExceeded {
        /// What there is too much of, in words for people.
        what: &'static str,
        /// How much of it may be asked for.
        limit: u64,
        /// The operator's flag that raises it.
        flag: &'static str,
    },
    /// A call that needs more gas than calls get here.
    #[error("out of gas: gas required exceeds allowance ({limit}; --{})", flag::CALL_GAS)]
    CallGas {
        /// The gas that a call gets here.
        limit: u64,
    },
    /// A request that worked for too long.
    #[error("execution aborted (timeout = {limit_s}s; --{})", flag::EXECUTION_TIME)]
    TakesTooLong {
        /// What it may take.
        limit_s: u64,
    },
    /// A request that came in the name of a host that this one is not.
    #[error("invalid host specified (--{})", HOSTS_FLAG)]
    InvalidHost,
    /// L1 does not do what its clock was asked to do.
    #[error("L1 does not move its clock: {0}")]
    L1Clock(String),
    /// A request that took too long to arrive or to answer.
    #[error("request took longer than {limit_s} seconds (--{})", flag::REQUEST_TIME)]
    TooSlow {
        /// What it may take.
        limit_s: u64,
    },
    /// The transaction is not one.
    #[error("transaction cannot be decoded: {0}")]
    BadTransaction(String),
    /// The transaction is for another chain, or too large, or has a bad signature.
    #[error("{0}")]
    RefusedTransaction(&'static str),
    /// What a chain kind refuses, in its own words.
    #[error("{reason}")]
    Refused {
        /// The error's code.
        code: i64,
        /// What is refused, and why.
        reason: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Not accepted by the mempool.
    #[error(transparent)]
    Submit(#[from] AskError),
    /// The call reverted with this data.
    #[error("execution reverted{}", reason(.0))]
    Reverted(Bytes),
    /// The sender of a call cannot pay.
    #[error("insufficient funds for gas * price + value: balance {balance}, cost {value}")]
    InsufficientFunds {
        /// What the sender has, in wei.
        balance: U256,
        /// What the call would take, in wei.
        value: U256,
    },
    /// The call could not be executed.
    #[error("{0}")]
    Execution(String),
    /// Too many requests at once.
    #[error("node is overloaded, try again (--{})", flag::WAITING)]
    Overloaded,
    /// The node's own fault.
    #[error("internal error: {0}")]
    Internal(String),
}

impl RpcError {
    fn code(&self) -> i64 {
        match self {
            Self::Parse => -32700,
            Self::InvalidRequest | Self::BatchTooLong { .. } => -32600,
            Self::UnknownMethod { .. } | Self::UnknownSubscription { .. } | Self::NoNotifications => -32601,
            Self::InvalidParam { .. }
            | Self::InvalidField { .. }
            | Self::MissingParam { .. }
            | Self::NonArrayParams
            | Self::TooManyParams { .. }
            | Self::BadTracer(_)
            | Self::JavaScriptTracer
            | Self::BadOverride { .. }
            | Self::ReversedRange
            | Self::RangeBeyondHead => -32602,
            Self::LimitExceeded { .. }
            | Self::TooSlow { .. }
            | Self::Overloaded
            | Self::Submit(AskError::NoAnswer(NoAnswer::Overloaded)) => -32005,
            Self::UnknownBlock
            | Self::UnknownTransaction
            | Self::TransactionsUnknown { .. }
            | Self::GenesisNotTraceable
            | Self::NotExecuted
            | Self::TakesTooLong { .. }
            | Self::InvalidHost
            | Self::L1Clock(_)
            | Self::BadTransaction(_)
            | Self::TwoInputs
            | Self::TwoPrices
            | Self::UnknownFilter
            | Self::UnknownSubscriptionId
            | Self::RefusedTransaction(_)
            | Self::Submit(_) => -32000,
            Self::Reverted(_) => 3,
            Self::Simulation { code, .. } | Self::Refused { code, .. } => *code,
            Self::NotIncludedYet { .. } => 4,
            Self::Execution(_) | Self::CallGas { .. } | Self::InsufficientFunds { .. } => -32000,
            Self::Internal(_) => -32603,
        }
    }

    /// The `error` member of the answer.
    pub fn to_json(&self) -> Value {
        let mut error = json!({ "code": self.code(), "message": self.to_string() });
        match self {
            Self::Reverted(data) => error["data"] = json!(data),
            Self::NotIncludedYet { hash, .. } => error["data"] = json!(hash),
            _ => {}
        }
        error
    }

    /// A hash that the caller gave as text, for messages.
    pub fn internal(what: &str, hash: B256) -> Self {
        Self::Internal(format!("{what} {hash}"))
    }
}

/// As much of a name as an error repeats: nobody gets a megabyte back.
fn beginning(name: &str) -> &str {
    let end = name.char_indices().nth(METHOD_CHARACTERS_SHOWN).map_or(name.len(), |(end, _)| end);
    name.get(..end).unwrap_or(name)
}

impl From<StoreError> for RpcError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the database failed while a request was answered: look after the disk");
        Self::Internal("database".into())
    }
}

impl From<TransitionError<MissingPreimage>> for RpcError {
    fn from(error: TransitionError<MissingPreimage>) -> Self {
        tracing::error!(%error, "state cannot be read: if that lasts, delete the data directory and derive again from L1");
        Self::Internal("state is not available".into())
    }
}

#[cfg(test)]
mod tests {
    use alloy::sol_types::{Revert, SolError};

    use super::*;

    #[test]
    fn a_revert_is_told_with_its_reason_and_its_data() {
        let data = Bytes::from(Revert::from("too little").abi_encode());
        let error = RpcError::Reverted(data.clone()).to_json();
        assert_eq!(error, json!({ "code": 3, "message": "execution reverted: too little", "data": data }));
        let error = RpcError::Reverted(Bytes::new()).to_json();
        assert_eq!(error, json!({ "code": 3, "message": "execution reverted", "data": "0x" }));
    }
}
