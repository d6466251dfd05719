#![cfg_attr(not(feature = "std"), no_std)]
//! The payments chain: ledger, state tree, operations, transition, and the cryptography they stand on.

extern crate alloc;

pub mod poseidon;

pub use ark_bn254::Fr;
