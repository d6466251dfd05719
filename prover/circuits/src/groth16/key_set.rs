//! The verifying keys that L1 stores, read from its bytes. Rules: PAY-KEY, PAY-KEYS.
//!
//! Twins: `solidity.rs`, which writes them, and `contracts/src/payments/VerifyingKeys.sol`, which checks them before it stores them. Adversarial: the endpoint that
//! the bytes come from, or whoever made a file. What a set on L1 is worth is said by its hash alone, which the schedule's entry names: of such a one forms are checked, so
//! that nothing that is read panics. Of one that L1 does not have yet all is checked that L1 will check, before that costs gas.

use super::{
    assembly::VerifyingKeys,
    defect::{KeyDefect, check_key, is_same_up_to_sign},
    proof::{point_g1, point_g2},
};
use crate::circuit::{CircuitId, Family};
use alloy_primitives::U256;
use ark_bn254::{Bn254, G1Affine};
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
    #[error("the key of {} has {found} inputs, not {}", .circuit.name(), .circuit.inputs())]
    Inputs {
        /// The circuit whose key it is.
        circuit: CircuitId,
        /// Inputs of the key.
        found: U256,
    },
    /// A point is off its curve or outside its subgroup.
    #[error("in the key of {} {part} is no point: off the curve, or outside the subgroup", .circuit.name())]
    Point {
        /// The circuit whose key it is.
        circuit: CircuitId,
        /// The part of the key, by name.
        part: &'static str,
    },
    /// A key under which anybody could forge proofs, or with an input that is not part of what is proven.
    #[error("in the key of {} {defect}", .circuit.name())]
    Defect {
        /// The circuit whose key it is.
        circuit: CircuitId,
        /// What is wrong with it.
        defect: KeyDefect,
    },
    /// The delta of one key is beta, gamma or delta of the other, up to sign.
    #[error(
        "of the keys of {} and {} the delta of one is beta, gamma or delta of the other, or the opposite, so that proofs could mix them: in phase 2 every circuit needs a secret of its own",
        .first.name(),
        .second.name()
    )]
    SharedDelta {
        /// The circuit whose key comes first.
        first: CircuitId,
        /// The circuit of the other key.
        second: CircuitId,
    },
    /// Nothing could be proven: every batch has an Apply chunk.
    #[error("there is no key of an Apply circuit (apply-small, apply-large or apply-huge): no batch could be proven")]
    NoApply,
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
        let none = |part| KeySetError::Point { circuit, part };
        let points: Option<Vec<G1Affine>> =
            points.as_chunks::<2>().0.iter().map(|xy| point_g1(xy.map(U256::from_be_bytes))).collect();
        let key = VerifyingKey {
            alpha_g1: point_g1(alpha).ok_or(none("alpha"))?,
            beta_g2: point_g2([b0, b1, b2, b3]).ok_or(none("beta"))?,
            gamma_g2: point_g2([g0, g1, g2, g3]).ok_or(none("gamma"))?,
            delta_g2: point_g2([d0, d1, d2, d3]).ok_or(none("delta"))?,
            gamma_abc_g1: points.ok_or(none("a point of an input"))?,
        };
        keys.insert(circuit, key);
        words = next;
    }
    if rest.is_empty() { Ok(keys) } else { Err(KeySetError::Truncated { key: keys.len() }) }
}

/// The verifying keys in a set that L1 would store: as [`read_key_set`], and held to all of PAY-KEY and PAY-KEYS.
///
/// # Errors
/// If L1 would refuse the set, its length apart.
pub fn check_key_set(bytes: &[u8]) -> Result<VerifyingKeys, KeySetError> {
    let keys = read_key_set(bytes)?;
    for (circuit, key) in &keys {
        check_key(key).map_err(|defect| KeySetError::Defect { circuit: *circuit, defect })?;
        let mut before = keys.iter().take_while(|(other, _)| *other < circuit);
        if let Some((first, _)) = before.find(|(_, other)| shares_delta(other, key) || shares_delta(key, other)) {
            return Err(KeySetError::SharedDelta { first: *first, second: *circuit });
        }
    }
    match keys.keys().any(|circuit| circuit.family() == Family::Apply) {
        true => Ok(keys),
        false => Err(KeySetError::NoApply),
    }
}

/// Whether a key's delta is a secret of G2 of another, or the opposite of one.
fn shares_delta(key: &VerifyingKey<Bn254>, other: &VerifyingKey<Bn254>) -> bool {
    [other.beta_g2, other.gamma_g2, other.delta_g2].into_iter().any(|point| is_same_up_to_sign(key.delta_g2, point))
}

#[cfg(test)]
mod tests {
    use super::super::{key_set_bytes, key_set_hash, solidity::key_words};
    use super::*;
    use alloy_primitives::{Bytes, keccak256};
    use ark_bn254::{Fr, G2Affine};
    use ark_ec::AffineRepr;
    use ark_ff::Field;

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
        for (word, part) in [(2, "alpha"), (4, "beta"), (8, "gamma"), (12, "delta"), (16, "a point of an input")] {
            let at = 32 * word + 31;
            let expected = KeySetError::Point { circuit: CircuitId::ApplySmall, part };
            assert_eq!(with(at, !bytes[at]), expected, "word {word}");
        }
        for length in [1, 31, 32, 511, 512, bytes.len() - 32, bytes.len() - 1] {
            assert!(matches!(read_key_set(&bytes[..length]), Err(KeySetError::Truncated { .. })), "{length} bytes");
        }
        let twice = [bytes.as_slice(), &bytes].concat();
        assert!(matches!(read_key_set(&twice), Err(KeySetError::Circuit { .. })));
    }

    /// Tests PAY-KEY, PAY-KEYS: each defect that L1 refuses is found before, and told with the circuit whose key has it.
    #[test]
    fn what_l1_would_not_store_is_refused() {
        use CircuitId::{ApplySmall, SessionSmall};
        let good = read_key_set(&fixture()).unwrap();
        assert_eq!(check_key_set(&fixture()).unwrap(), good);
        let check = |keys: &VerifyingKeys| check_key_set(&key_set_bytes(keys)).unwrap_err();
        let key = |change: fn(&mut VerifyingKey<Bn254>)| {
            let mut keys = good.clone();
            change(keys.get_mut(&SessionSmall).unwrap());
            match check(&keys) {
                KeySetError::Defect { circuit: SessionSmall, defect } => defect,
                other => panic!("{other}"),
            }
        };
        assert_eq!(key(|key| key.alpha_g1 = G1Affine::zero()), KeyDefect::Identity("alpha"));
        assert_eq!(key(|key| key.beta_g2 = G2Affine::zero()), KeyDefect::Identity("beta"));
        assert_eq!(key(|key| key.gamma_g2 = G2Affine::zero()), KeyDefect::Identity("gamma"));
        assert_eq!(key(|key| key.delta_g2 = G2Affine::zero()), KeyDefect::Identity("delta"));
        assert_eq!(key(|key| key.gamma_abc_g1[3] = G1Affine::zero()), KeyDefect::Identity("a point of an input"));
        assert_eq!(key(|key| key.gamma_g2 = key.beta_g2), KeyDefect::NotDistinct("beta", "gamma"));
        assert_eq!(key(|key| key.delta_g2 = -key.beta_g2), KeyDefect::NotDistinct("beta", "delta"));
        assert_eq!(key(|key| key.delta_g2 = -key.gamma_g2), KeyDefect::NotDistinct("gamma", "delta"));
        assert_eq!(key(|key| key.beta_g2 = -G2Affine::generator()), KeyDefect::IsGenerator("beta"));
        assert_eq!(key(|key| key.delta_g2 = G2Affine::generator()), KeyDefect::IsGenerator("delta"));
        assert_eq!(key(|key| key.alpha_g1 = -G1Affine::generator()), KeyDefect::IsGenerator("alpha"));
        assert_eq!(key(|key| key.gamma_abc_g1[3] = -key.gamma_abc_g1[0]), KeyDefect::SharedPoint(0, 3));

        for sign in [Fr::ONE, -Fr::ONE] {
            let mut keys = good.clone();
            let shared = KeySetError::SharedDelta { first: ApplySmall, second: SessionSmall };
            keys.get_mut(&SessionSmall).unwrap().delta_g2 = (good[&ApplySmall].delta_g2 * sign).into();
            assert_eq!(check(&keys), shared);
            // Or another secret of a key behind it or before it.
            for (delta_of, gamma_of) in [(ApplySmall, SessionSmall), (SessionSmall, ApplySmall)] {
                let mut keys = good.clone();
                keys.get_mut(&gamma_of).unwrap().gamma_g2 = (good[&delta_of].delta_g2 * sign).into();
                assert_eq!(check(&keys), shared);
            }
        }
        // Gamma may be the generator, as ceremonies leave it.
        let mut keys = good.clone();
        keys.get_mut(&SessionSmall).unwrap().gamma_g2 = G2Affine::generator();
        check_key_set(&key_set_bytes(&keys)).unwrap();
        keys.remove(&ApplySmall);
        assert_eq!(check(&keys), KeySetError::NoApply);
        assert_eq!(check_key_set(&[]), Err(KeySetError::NoApply));
    }
}
