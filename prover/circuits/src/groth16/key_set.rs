//! The verifying keys that L1 stores, read from its bytes. Rules: PAY-KEY, PAY-KEYS.
//!
//! Twins: `solidity.rs`, which writes them, and `contracts/src/payments/VerifyingKeys.sol`, which checks them before it stores them. Adversarial: the endpoint that
//! the bytes come from. What a set is worth is said by its hash alone, which the schedule's entry names; here forms are checked, so that nothing that is read panics.

use super::{
    assembly::VerifyingKeys,
    proof::{point_g1, point_g2},
};
use crate::circuit::CircuitId;
use alloy_primitives::U256;
use ark_bn254::G1Affine;
use ark_groth16::VerifyingKey;

/// Words of a key before the points of its inputs: circuit, number of inputs, alpha, beta, gamma, delta.
const HEAD_WORDS: usize = 16;

/// Why bytes are no set of verifying keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// They end inside a key.
    #[error("the key set ends inside its key number {key}")]
    Truncated {
        /// Place of the key in the set, from 0.
        key: usize,
    },
    /// A circuit that does not exist, or keys out of order.
    #[error("key number {key} is for circuit {circuit}, which is none or out of order")]
    Circuit {
        /// Place of the key in the set, from 0.
        key: usize,
        /// The id that it names.
        circuit: U256,
    },
    /// Another number of inputs than the circuit's.
    #[error("the key of {circuit:?} has {found} inputs")]
    Inputs {
        /// The circuit whose key it is.
        circuit: CircuitId,
        /// Inputs of the key.
        found: U256,
    },
    /// A point is off its curve or outside its subgroup.
    #[error("the key of {circuit:?} has a point that is none")]
    Point {
        /// The circuit whose key it is.
        circuit: CircuitId,
    },
}

/// The verifying keys in a set of L1, by circuit.
///
/// # Errors
/// If the bytes are no set. That it is the set that counts is for the caller to see, by its hash.
pub fn read_key_set(bytes: &[u8]) -> Result<VerifyingKeys, KeySetError> {
    let (words, rest) = bytes.as_chunks::<32>();
    let mut words: &[[u8; 32]] = words;
    let mut keys = VerifyingKeys::new();
    while !words.is_empty() {
        let truncated = KeySetError::Truncated { key: keys.len() };
        let (head, points) = words.split_first_chunk::<HEAD_WORDS>().ok_or(truncated)?;
        let [id, inputs, alpha @ .., b0, b1, b2, b3, g0, g1, g2, g3, d0, d1, d2, d3] =
            head.map(|word| U256::from_be_bytes(word));
        let known = CircuitId::ALL.into_iter().find(|circuit| U256::from(circuit.number()) == id);
        let ascends = |circuit: &CircuitId| keys.last_key_value().is_none_or(|(last, _)| last < circuit);
        let circuit = known.filter(ascends).ok_or(KeySetError::Circuit { key: keys.len(), circuit: id })?;
        if inputs != U256::from(circuit.inputs()) {
            return Err(KeySetError::Inputs { circuit, found: inputs });
        }
        let (points, next) = points.split_at_checked(2 * (circuit.inputs() + 1)).ok_or(truncated)?;
        let off_curve = KeySetError::Point { circuit };
        let points: Option<Vec<G1Affine>> =
            points.as_chunks::<2>().0.iter().map(|xy| point_g1(xy.map(U256::from_be_bytes))).collect();
        let key = VerifyingKey {
            alpha_g1: point_g1(alpha).ok_or(off_curve)?,
            beta_g2: point_g2([b0, b1, b2, b3]).ok_or(off_curve)?,
            gamma_g2: point_g2([g0, g1, g2, g3]).ok_or(off_curve)?,
            delta_g2: point_g2([d0, d1, d2, d3]).ok_or(off_curve)?,
            gamma_abc_g1: points.ok_or(off_curve)?,
        };
        keys.insert(circuit, key);
        words = next;
    }
    if rest.is_empty() { Ok(keys) } else { Err(KeySetError::Truncated { key: keys.len() }) }
}

#[cfg(test)]
mod tests {
    use super::super::{key_set_hash, solidity::key_words};
    use super::*;
    use alloy_primitives::{Bytes, keccak256};

    fn fixture() -> Vec<u8> {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../../../tests/vectors/payments/batch.json")).unwrap();
        vectors["keys"].as_str().unwrap().parse::<Bytes>().unwrap().to_vec()
    }

    /// Tests PAY-KEYS: what is read is what was written, whose hash the schedule names.
    #[test]
    fn a_set_that_was_written_is_read() {
        let bytes = fixture();
        let keys = read_key_set(&bytes).unwrap();
        assert!(!keys.is_empty());
        assert_eq!(key_set_hash(&keys), keccak256(&bytes));
        let words: usize = keys.iter().map(|(circuit, key)| key_words(*circuit, key).len()).sum();
        assert_eq!(words * 32, bytes.len());
        assert_eq!(read_key_set(&[]).unwrap(), VerifyingKeys::new());
    }

    #[test]
    fn what_is_no_set_is_refused() {
        let bytes = fixture();
        let with = |at: usize, value: u8| {
            let mut changed = bytes.clone();
            changed[at] = value;
            read_key_set(&changed).unwrap_err()
        };
        assert!(matches!(with(31, 5), KeySetError::Circuit { key: 0, .. }));
        // That circuit exists, and the key behind it is of a lower one.
        assert!(matches!(with(31, 9), KeySetError::Circuit { key: 1, .. }));
        assert!(matches!(with(63, 9), KeySetError::Inputs { circuit: CircuitId::ApplySmall, .. }));
        // a coordinate of alpha, of beta, of delta, and of an input's point
        for word in [2, 4, 12, 16] {
            let at = 32 * word + 31;
            assert_eq!(with(at, !bytes[at]), KeySetError::Point { circuit: CircuitId::ApplySmall }, "word {word}");
        }
        for length in [1, 31, 32, 511, 512, bytes.len() - 32, bytes.len() - 1] {
            assert!(matches!(read_key_set(&bytes[..length]), Err(KeySetError::Truncated { .. })), "{length} bytes");
        }
        let twice = [bytes.as_slice(), &bytes].concat();
        assert!(matches!(read_key_set(&twice), Err(KeySetError::Circuit { .. })));
    }
}
