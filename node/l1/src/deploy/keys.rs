//! The verifying keys of a payments chain, as L1 takes them. Rules: PAY-KEY, PAY-KEYS.
//!
//! Twin: `VerifyingKeys.sol`, which also checks the points. Here what can be seen without a curve is refused before it costs gas; what needs one is checked by
//! `tandem_circuits::groth16::check_key_set`, which `tandem deploy` asks. Adversarial: the file that a key set comes from.

use alloy::primitives::{B256, Bytes, U256, keccak256};
use serde::{Deserialize, Serialize};

/// Bytes of a key before the points of its inputs.
const KEY_HEAD_BYTES: usize = 512;
/// Where a key has x of delta, which both signs of it have.
const DELTA_X: std::ops::Range<usize> = 384..448;
/// Bytes of a point.
const POINT_BYTES: usize = 64;
/// Most bytes of a set: the code of a contract (EIP-170), of which one byte is no key.
pub const KEY_SET_BYTES_MAX: usize = 24_575;

/// A set of verifying keys in the encoding of L1: circuits ascending, each with as many inputs as it has (PAY-CIRCUIT, PAY-PUBLIC).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Bytes", into = "Bytes")]
pub struct KeySet(Bytes);

/// Why bytes are no key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// There is no key in it.
    #[error("the key set is empty")]
    Empty,
    /// A contract cannot hold it.
    #[error("the key set has {bytes} bytes; L1 stores at most {KEY_SET_BYTES_MAX}")]
    TooLong {
        /// Bytes of the set.
        bytes: usize,
    },
    /// It ends inside a key.
    #[error("the key set ends inside the key that begins at byte {offset}")]
    Truncated {
        /// Where that key begins.
        offset: usize,
    },
    /// A circuit that L1 does not know, or out of order.
    #[error("the key at byte {offset} is for circuit {circuit}: keys ascend, and the circuits are 1 to 4, 9 and 10")]
    Circuit {
        /// Where the key begins.
        offset: usize,
        /// The id that it names.
        circuit: U256,
    },
    /// Two keys with the same delta up to sign.
    #[error(
        "the keys of circuits {first} and {second} have the same delta, so that proofs could mix them: in phase 2 every circuit needs a secret of its own"
    )]
    SharedDelta {
        /// Number of the circuit whose key comes first.
        first: u8,
        /// Number of the other.
        second: u8,
    },
    /// Nothing could be proven: every batch has an Apply chunk.
    #[error("the key set has no key of an Apply circuit (1, 2 or 9): no batch could be proven under it")]
    NoApply,
    /// Not as many inputs as the circuit has.
    #[error("the key of circuit {circuit} has {found} inputs, not {expected}")]
    Inputs {
        /// Number of the circuit whose key it is.
        circuit: u8,
        /// Inputs that the circuit has.
        expected: usize,
        /// Inputs of the key.
        found: U256,
    },
}

impl KeySet {
    /// The bytes as L1 hashes and stores them.
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// The circuits that it has keys of (PAY-CIRCUIT), ascending.
    pub fn circuits(&self) -> Vec<u8> {
        let (mut rest, mut circuits) = (self.0.as_ref(), Vec::new());
        while let Some(circuit) = rest.get(31).copied() {
            let points = inputs_of(circuit).map_or(0, |inputs| inputs + 1);
            circuits.push(circuit);
            rest = rest.get(KEY_HEAD_BYTES + points * POINT_BYTES..).unwrap_or_default();
        }
        circuits
    }

    /// The hash by which a schedule entry names the set.
    pub fn hash(&self) -> B256 {
        keccak256(&self.0)
    }
}

impl From<KeySet> for Bytes {
    fn from(set: KeySet) -> Self {
        set.0
    }
}

impl TryFrom<Bytes> for KeySet {
    type Error = KeySetError;

    fn try_from(bytes: Bytes) -> Result<Self, KeySetError> {
        if bytes.is_empty() {
            return Err(KeySetError::Empty);
        }
        if bytes.len() > KEY_SET_BYTES_MAX {
            return Err(KeySetError::TooLong { bytes: bytes.len() });
        }
        let (mut offset, mut last, mut has_apply, mut deltas) = (0, 0, false, Vec::new());
        while let Some(rest) = bytes.get(offset..).filter(|rest| !rest.is_empty()) {
            let truncated = KeySetError::Truncated { offset };
            let (circuit, after) = rest.split_first_chunk::<32>().ok_or(truncated)?;
            let (inputs, _) = after.split_first_chunk::<32>().ok_or(truncated)?;
            let (circuit, found) = (U256::from_be_bytes(*circuit), U256::from_be_bytes(*inputs));
            let unknown = KeySetError::Circuit { offset, circuit };
            let circuit = u8::try_from(circuit).ok().filter(|circuit| *circuit > last).ok_or(unknown)?;
            let expected = inputs_of(circuit).ok_or(unknown)?;
            if found != U256::from(expected) {
                return Err(KeySetError::Inputs { circuit, expected, found });
            }
            let length = KEY_HEAD_BYTES + (expected + 1) * POINT_BYTES;
            if rest.len() < length {
                return Err(truncated);
            }
            let delta = rest.get(DELTA_X).unwrap_or_default();
            if let Some((first, _)) = deltas.iter().find(|(_, known)| *known == delta) {
                return Err(KeySetError::SharedDelta { first: *first, second: circuit });
            }
            deltas.push((circuit, delta));
            has_apply |= is_apply(circuit);
            (offset, last) = (offset + length, circuit);
        }
        if !has_apply {
            return Err(KeySetError::NoApply);
        }
        Ok(Self(bytes))
    }
}

/// Public inputs of a circuit that exists (PAY-PUBLIC).
fn inputs_of(circuit: u8) -> Option<usize> {
    match circuit {
        _ if is_apply(circuit) => Some(19),
        3 | 4 | 10 => Some(3),
        _ => None,
    }
}

/// Whether a circuit applies operations.
fn is_apply(circuit: u8) -> bool {
    matches!(circuit, 1 | 2 | 9)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The form of a key; its points are none.
    fn key(circuit: u8, inputs: usize) -> Vec<u8> {
        let mut key = vec![7; KEY_HEAD_BYTES + (inputs + 1) * POINT_BYTES];
        key[DELTA_X].fill(circuit);
        key[..32].copy_from_slice(&U256::from(circuit).to_be_bytes::<32>());
        key[32..64].copy_from_slice(&U256::from(inputs).to_be_bytes::<32>());
        key
    }

    fn set(keys: &[Vec<u8>]) -> Result<KeySet, KeySetError> {
        KeySet::try_from(Bytes::from(keys.concat()))
    }

    #[test]
    fn a_set_has_known_circuits_in_order_and_their_inputs() {
        let all = [key(1, 19), key(2, 19), key(3, 3), key(4, 3)];
        let taken = set(&all).unwrap();
        assert_eq!((taken.bytes().len(), taken.hash()), (all.concat().len(), keccak256(all.concat())));
        assert_eq!(taken.circuits(), [1, 2, 3, 4]);
        assert_eq!(set(&[key(2, 19), key(4, 3)]).unwrap().circuits(), [2, 4]);
        assert_eq!(set(&[key(3, 3), key(9, 19), key(10, 3)]).unwrap().circuits(), [3, 9, 10]);
        for without in [&[key(3, 3), key(4, 3)][..], &[key(10, 3)]] {
            assert_eq!(set(without), Err(KeySetError::NoApply));
        }

        assert_eq!(set(&[]), Err(KeySetError::Empty));
        let offset = key(3, 3).len();
        assert!(matches!(set(&[key(3, 3), key(1, 19)]), Err(KeySetError::Circuit { offset: o, .. }) if o == offset));
        assert!(matches!(set(&[key(3, 3), key(3, 3)]), Err(KeySetError::Circuit { .. })));
        for unknown in [0, 5, 6, 8, 11, 255] {
            assert!(matches!(set(&[key(unknown, 3)]), Err(KeySetError::Circuit { offset: 0, .. })), "{unknown}");
        }
        let mut shared = key(4, 3);
        shared[DELTA_X].fill(1);
        assert_eq!(set(&[key(1, 19), key(3, 3), shared]), Err(KeySetError::SharedDelta { first: 1, second: 4 }));
        assert!(matches!(set(&[key(1, 3)]), Err(KeySetError::Inputs { circuit: 1, expected: 19, .. })));
        assert_eq!(set(&[vec![0; KEY_SET_BYTES_MAX + 1]]), Err(KeySetError::TooLong { bytes: KEY_SET_BYTES_MAX + 1 }));
    }

    #[test]
    fn every_truncation_is_refused() {
        let whole = [key(1, 19), key(3, 3)].concat();
        let boundary = key(1, 19).len();
        for length in (1..whole.len()).filter(|length| *length != boundary) {
            let offset = if length < boundary { 0 } else { boundary };
            let found = KeySet::try_from(Bytes::copy_from_slice(&whole[..length]));
            assert_eq!(found, Err(KeySetError::Truncated { offset }), "{length} bytes");
        }
    }
}
