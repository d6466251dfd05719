#![no_std]
#![no_main]
//! The program that fraud proofs of the EVM chain settle: one epoch's output from its inputs (`tandem_chain::epoch`).
//!
//! Its output word is the output of the last batch. Exit code 2: the inputs are not an epoch's, which L1 never starts; 3: the previous
//! output is invented, so that what it names is no state.

use core::convert::Infallible;

use alloy_primitives::{B256, Bytes, keccak256};
use tandem_chain::{
    PreimageSource,
    epoch::{self, EpochInputs, EpochSource},
};
use tandem_evm::{
    Evm,
    cryptography::{self, Portable},
};
use tandem_guest::{exit, initial_preimage, preimage, set_output};

const NO_INPUTS: u64 = 2;
const NO_STATE: u64 = 3;

#[unsafe(no_mangle)]
fn main() {
    let inputs = initial_preimage();
    let key = keccak256(&inputs);
    foldhash::set_key([0, 8].map(|at| u64::from_le_bytes(core::array::from_fn(|byte| key[at + byte]))));
    cryptography::install(Portable);
    let Some(inputs) = EpochInputs::decode(&inputs) else { exit(NO_INPUTS) };
    let Ok(output) = epoch::run(&Evm, &inputs, &Machine) else { exit(NO_STATE) };
    set_output(output.hash().0);
    exit(0);
}

/// The machine's oracle (VM-6, VM-7).
struct Machine;

impl PreimageSource for Machine {
    type Error = Infallible;

    fn preimage(&self, hash: B256) -> Result<Bytes, Infallible> {
        Ok(preimage(with_kind(1, hash)).into())
    }
}

impl EpochSource for Machine {
    fn blob_element(&self, versioned_hash: B256, index: u64) -> Result<B256, Infallible> {
        let mut name = [0; 40];
        name[..32].copy_from_slice(versioned_hash.as_slice());
        name[32..].copy_from_slice(&index.to_be_bytes());
        Ok(B256::from_slice(&preimage(with_kind(2, keccak256(name)))))
    }
}

fn with_kind(kind: u8, mut hash: B256) -> [u8; 32] {
    hash.0[0] = kind;
    hash.0
}
