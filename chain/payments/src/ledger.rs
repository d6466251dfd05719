//! The ledger: applies operations to the state one by one, in order, and records a slot of each.
//!
//! `user.rs` has what signatures authorise, `queue.rs` what L1 orders, `operator.rs` leaf creation and fees, `order.rs` the
//! order of keys. Twin: `prover/circuits/src/apply`. Operations come from outside: one that the rules refuse gets a
//! [`Refused`] and changes nothing.

mod operator;
mod order;
#[cfg(test)]
mod properties;
mod queue;
#[cfg(test)]
mod tests;
mod user;

pub use order::{KeyOrder, key_order};
pub use user::{Spend, Spending};

use crate::batch::Bound;
use crate::kind::Variant;
use crate::leaf::Key;
use crate::operation::SignatureKind;
use crate::slot::{ITEMS, Lanes, Slot};
use crate::state::{Opening, State};
use alloy_primitives::Address;
use ark_bn254::Fr;
use thiserror::Error;

/// Why an operation cannot be applied now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// There is no leaf for the key.
    #[error("no leaf for {key:?}")]
    Missing {
        /// The key without a leaf.
        key: Key,
    },
    /// There is no leaf at the index, or it is not of the kind that the operation needs.
    #[error("leaf {index} cannot take this part")]
    WrongLeaf {
        /// The index that the operation names.
        index: u32,
    },
    /// The nonce is not the leaf's.
    #[error("nonce {signed}, the account is at {expected}")]
    Nonce {
        /// The nonce that the leaf is at.
        expected: u64,
        /// The nonce that was signed.
        signed: u64,
    },
    /// The account has used its last nonce.
    #[error("nonces of the account are used up")]
    NonceExhausted,
    /// The account has no key of this kind, or not, at this moment, the one that signed.
    #[error("the account does not hold the {kind:?} key that signed")]
    Key {
        /// The kind of signature.
        kind: SignatureKind,
    },
    /// Signatures of this kind do not authorise such operations.
    #[error("a signature of kind {kind:?} does not authorise this")]
    NotAuthorised {
        /// The kind of signature.
        kind: SignatureKind,
    },
    /// The price is above the signed one, or above the widest.
    #[error("price {price} wei per gas, at most {price_max}")]
    Price {
        /// The price asked for, in wei per gas.
        price: u64,
        /// The most it may be.
        price_max: u64,
    },
    /// The gas limit is below the gas, or 2^32 or more above it.
    #[error("gas limit {gas_limit}, the operation takes {gas}")]
    GasLimit {
        /// The gas that the operation takes (PAY-GAS).
        gas: u64,
        /// The gas limit that was signed.
        gas_limit: u64,
    },
    /// The operation has expired.
    #[error("expired at {expiry}, it is {timestamp}")]
    Expired {
        /// The last second at which the operation is valid, as signed.
        expiry: u64,
        /// The batch's timestamp, in seconds.
        timestamp: u64,
    },
    /// The balance does not cover amount and fee.
    #[error("balance {balance} does not cover {needed}")]
    Balance {
        /// The balance there is, in the token's unit.
        balance: u128,
        /// What is needed, saturated.
        needed: u128,
    },
    /// The credited balance would reach 2^128.
    #[error("the recipient's balance would overflow")]
    Overflow,
    /// The zero address holds no ETH, and a token is not the zero address.
    #[error("the zero key can be neither credited nor debited")]
    ZeroKey,
    /// A leaf would have to be created and the tree is full.
    #[error("the tree is full")]
    Full,
    /// There is a fee, and the operator has no leaf that it could be credited to, and none could be created.
    #[error("the operator has no leaf for the fee, and none can be created")]
    NoOperatorLeaf,
    /// No circuit verifies signatures of this kind (PAY-CIRCUIT).
    #[error("no circuit verifies signatures of kind {kind:?}")]
    NoCircuit {
        /// The kind of signature.
        kind: SignatureKind,
    },
    /// The batch has no room for it (PAY-LIMITS); the next one has.
    #[error("the batch is full: {bound:?}")]
    BatchFull {
        /// The limit that would be exceeded.
        bound: Bound,
    },
    /// A step that must follow another directly does not.
    #[error("steps out of order")]
    OutOfOrder,
}

/// What every slot of a batch shares (PAY-PUBLIC, env).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Env {
    /// Who is credited the fees.
    pub operator: Address,
    /// In seconds; operations that expired before it are refused.
    pub timestamp: u64,
}

/// What the next slot has to be (PAY-GROUP).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Pending {
    #[default]
    Nothing,
    /// The operation that credits the leaf just created.
    Created(Key),
    /// The credit of a token transfer.
    Credit(Key, u128),
}

/// The ledger within a batch.
#[derive(Clone, Debug)]
pub struct Ledger {
    state: State,
    env: Env,
    dom: Fr,
    fee: u128,
    pending: Pending,
}

impl Ledger {
    /// Opens a batch on a state. `dom` is the signing domain.
    pub fn new(state: State, env: Env, dom: Fr) -> Self {
        Self { state, env, dom, fee: 0, pending: Pending::Nothing }
    }

    /// The state as it stands.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The state at the end.
    pub fn into_state(self) -> State {
        self.state
    }

    /// What every slot shares.
    pub fn env(&self) -> Env {
        self.env
    }

    /// The signing domain `dom` (PAY-OPHASH).
    pub fn dom(&self) -> Fr {
        self.dom
    }

    /// Fees collected and not yet credited.
    pub fn fee(&self) -> u128 {
        self.fee
    }

    /// Whether a group is unfinished.
    pub fn is_pending(&self) -> bool {
        self.pending != Pending::Nothing
    }

    /// A slot that does nothing (PAY-PAD).
    pub fn padding(&self) -> Slot {
        self.idle(Variant::Padding)
    }

    /// A slot with both leaves idle: the sentinel, opened as it is.
    fn idle(&self, variant: Variant) -> Slot {
        let idle = self.opening(0);
        Slot {
            variant,
            a: idle.clone(),
            b: idle,
            lanes: Lanes::default(),
            ethereum: false,
            end: false,
            items: [None; ITEMS],
            authority: None,
        }
    }

    /// Opens a leaf that `find` or `low` has named.
    #[allow(clippy::expect_used, reason = "the state was asked for the index")]
    fn opening(&self, index: u32) -> Opening {
        self.state.open(index).expect("indices come from the state itself")
    }
}
