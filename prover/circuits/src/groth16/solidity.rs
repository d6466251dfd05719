//! Verifying keys as L1 holds them, and the Solidity file that carries the devnet's.
//!
//! Twin: `contracts/src/payments/VerifyingKeys.sol`. A key is `circuit id, number of inputs, alpha (2), beta (4), gamma
//! (4), delta (4)`, then a point (2) for the constant and each input, in the precompiles' encoding. The hash of a key set
//! is keccak over its keys in ascending order of id.

use super::proof::{g1_words, g2_words};
use crate::circuit::CircuitId;
use alloy_primitives::{B256, U256, hex, keccak256};
use ark_bn254::Bn254;
use ark_groth16::VerifyingKey;
use std::{collections::BTreeMap, fmt::Write};

/// The words of a key.
pub fn key_words(circuit: CircuitId, key: &VerifyingKey<Bn254>) -> Vec<U256> {
    let mut words = vec![U256::from(circuit.number()), U256::from(key.gamma_abc_g1.len() - 1)];
    words.extend(g1_words(&key.alpha_g1));
    words.extend(g2_words(&key.beta_g2));
    words.extend(g2_words(&key.gamma_g2));
    words.extend(g2_words(&key.delta_g2));
    key.gamma_abc_g1.iter().for_each(|point| words.extend(g1_words(point)));
    words
}

fn key_bytes(circuit: CircuitId, key: &VerifyingKey<Bn254>) -> Vec<u8> {
    key_words(circuit, key).iter().flat_map(|word| word.to_be_bytes::<32>()).collect()
}

/// The bytes of a set, as L1 stores them and `tandem deploy` reads them (PAY-KEYS).
pub fn key_set_bytes(keys: &BTreeMap<CircuitId, VerifyingKey<Bn254>>) -> Vec<u8> {
    keys.iter().flat_map(|(circuit, key)| key_bytes(*circuit, key)).collect()
}

/// The hash by which a schedule entry names its keys.
pub fn key_set_hash(keys: &BTreeMap<CircuitId, VerifyingKey<Bn254>>) -> B256 {
    keccak256(key_set_bytes(keys))
}

/// A Solidity library with the keys as constants.
pub fn render_key_library(name: &str, keys: &BTreeMap<CircuitId, VerifyingKey<Bn254>>) -> String {
    let mut file = format!(
        "// SPDX-License-Identifier: MIT OR Apache-2.0\npragma solidity ^0.8.30;\n\n\
         /// @notice Verifying keys in the encoding of VerifyingKeys. Written by the prover's key renderer; not edited.\n\
         library {name} {{\n    bytes32 internal constant KEY_SET_HASH = {};\n",
        key_set_hash(keys)
    );
    for (circuit, key) in keys {
        let constant = circuit.name().to_uppercase().replace('-', "_");
        let words: Vec<String> =
            key_bytes(*circuit, key).chunks(32).map(|word| format!("hex\"{}\"", hex::encode(word))).collect();
        let _ = writeln!(file, "\n    bytes internal constant {constant} = {};", words.join("\n        "));
    }
    file.push_str("}\n");
    file
}
