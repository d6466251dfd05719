//! Why a transaction is not taken, in the words that tools look for.

use std::fmt;

use alloy::primitives::U256;
use revm::context::result::InvalidTransaction;

use super::limits::flag;
use crate::batch::BATCH_BYTES_FLAG;

/// Why a transaction is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Known by its hash.
    #[error("already known")]
    AlreadyKnown,
    /// The account is past it.
    #[error("nonce too low: next nonce {next}, tx nonce {nonce}")]
    NonceTooLow {
        /// The account's next nonce.
        next: u64,
        /// The transaction's nonce.
        nonce: u64,
    },
    /// More bytes than this node takes in one transaction.
    #[error("oversized data: transaction of {bytes} bytes, at most {limit} are taken (--{})", flag::TRANSACTION_BYTES)]
    TooLarge {
        /// Bytes of the transaction.
        bytes: usize,
        /// Most bytes that one transaction may have.
        limit: usize,
    },
    /// May take more bytes than a batch holds.
    #[error(
        "oversized data: transaction may take {bytes} bytes of a batch, which holds {limit} (--{})",
        BATCH_BYTES_FLAG
    )]
    LargerThanBatch {
        /// Most bytes of a batch that the transaction may take.
        bytes: usize,
        /// Bytes that an empty batch holds.
        limit: usize,
    },
    /// The nonce is further ahead of the account's than the flag allows.
    #[error("nonce too high: next nonce {next}, tx nonce {nonce} (--{})", flag::NONCE_GAP)]
    NonceTooHigh {
        /// The account's next nonce.
        next: u64,
        /// The transaction's nonce.
        nonce: u64,
    },
    /// The one with the same nonce pays as much.
    #[error("replacement transaction underpriced: both fees must be higher by a share (--{})", flag::REPLACEMENT)]
    Underpriced,
    /// Cannot pay for gas and value.
    #[error("insufficient funds for gas * price + value: balance {balance}, cost {cost}{}", queued_words(.queued))]
    InsufficientFunds {
        /// What the sender has, in wei.
        balance: U256,
        /// Most that the transaction may cost, in wei.
        cost: U256,
        /// Most that the sender's waiting transactions may cost, in wei.
        queued: U256,
    },
    /// Sender holds its share of the pool.
    #[error("{limit} transactions of this sender wait already (--{})", flag::SENDER)]
    SenderFull {
        /// Most transactions of one sender that may wait.
        limit: usize,
    },
    /// The pool is full of transactions that can be executed and pay as much.
    #[error(
        "transaction pool is full: a higher fee, or a nonce without a gap before it, makes room (--{}, --{})",
        flag::TRANSACTIONS,
        flag::BYTES
    )]
    PoolFull,
    /// Wants more gas than a block, or a batch, may use.
    #[error("exceeds block gas limit: gas limit {gas_limit}, a block or batch of this chain has at most {limit}")]
    GasLimit {
        /// The transaction's gas limit.
        gas_limit: u64,
        /// The gas that a block or batch has.
        limit: u64,
    },
    /// The rules would never execute it (EVM-TX-1).
    #[error("{}", words(.0))]
    Invalid(Box<InvalidTransaction>),
}

fn queued_words(queued: &U256) -> impl fmt::Display {
    if queued.is_zero() { String::new() } else { format!(", and {queued} for the sender's waiting transactions") }
}

/// What the rules have against a transaction, in the words of other nodes.
pub fn words(invalid: &InvalidTransaction) -> String {
    use InvalidTransaction as I;
    match invalid {
        I::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
            format!("intrinsic gas too low: gas {gas_limit}, minimum needed {initial_gas}")
        }
        I::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => {
            format!(
                "intrinsic gas too low for the calldata floor (EIP-7623): gas {gas_limit}, minimum needed {gas_floor}"
            )
        }
        I::TxGasLimitGreaterThanCap { gas_limit, cap } => {
            format!("transaction gas limit too high (EIP-7825): gas {gas_limit}, at most {cap}")
        }
        I::GasPriceLessThanBasefee => {
            "transaction underpriced: max fee per gas is below the chain's least base fee".into()
        }
        I::PriorityFeeGreaterThanMaxFee => "max priority fee per gas higher than max fee per gas".into(),
        I::CreateInitCodeSizeLimit => "max initcode size exceeded: at most 49152 bytes (EIP-3860)".into(),
        I::EmptyAuthorizationList => "EIP-7702 transaction with empty authorization list".into(),
        I::RejectCallerWithCode => "sender not an EOA: its address has code (EIP-3607)".into(),
        I::NonceOverflowInTransaction => "nonce has max value (EIP-2681)".into(),
        I::InvalidChainId => "invalid chain id: transaction is signed for another chain id".into(),
        I::OverflowPaymentInTransaction => "insufficient funds for gas * price + value: the sum overflows".into(),
        _ => invalid.to_string(),
    }
}
