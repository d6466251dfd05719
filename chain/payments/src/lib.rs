#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing
    )
)]
//! The payments chain: ledger, state tree, operations, transition, and the cryptography they stand on.

extern crate alloc;

pub mod batch;
pub mod content;
pub mod data;
pub mod digest;
pub mod eddsa;
pub mod escape;
pub mod ethereum;
pub mod field;
pub mod kind;
pub mod leaf;
pub mod ledger;
pub mod operation;
pub mod poseidon;
pub mod replay;
pub mod slot;
pub mod state;
pub mod tags;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;
pub mod tree;
pub mod withdrawals;

pub use ark_bn254::Fr;
