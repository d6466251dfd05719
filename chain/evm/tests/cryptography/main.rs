//! The node computes in C, the guest in pure Rust: they must agree on every input, valid or not. What they say of an invalid input
//! may differ, for the EVM tells no refusal from another.

mod bls12_381;
mod hash;
mod kzg;
mod secp256k1;

use alloy_primitives::U256;
use revm::precompile::{Crypto, PrecompileHalt};
use tandem_evm::cryptography::{Native, Portable};

/// What both implementations say of an input; panics if they differ.
fn agree<T: PartialEq + std::fmt::Debug>(compute: impl Fn(&dyn Crypto) -> Result<T, PrecompileHalt>) -> Option<T> {
    let native = compute(&Native).ok();
    assert_eq!(native, compute(&Portable).ok(), "native and portable differ");
    native
}

fn join(r: U256, s: U256) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&r.to_be_bytes::<32>());
    signature[32..].copy_from_slice(&s.to_be_bytes::<32>());
    signature
}
