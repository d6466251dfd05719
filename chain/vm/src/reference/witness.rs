//! Witnesses of steps: encoding and verification (VM-8).
//!
//! Twin: `contracts/src/vm/Step.sol`. A witness is adversarial input.

use alloc::{sync::Arc, vec::Vec};

use alloy_primitives::{B256, U256, keccak256};
use thiserror::Error;

use super::step::{Bus, step};
use crate::{
    key::{BLOB_ELEMENTS, KeyKind, OracleKey},
    oracle::{BlobProof, stream_word},
    state::{PACKED_SIZE, State, StateError},
    tree::{DEPTH, Leaf, Siblings, root_of},
};

/// Bytes of a leaf with its siblings.
const PROOF_SIZE: usize = 32 * (DEPTH + 1);
/// Bytes that show a blob element.
const BLOB_SIZE: usize = 192;

/// What a step touched.
#[derive(Clone, Debug, Default)]
pub(super) struct Accesses {
    pub(super) code: Option<(Leaf, Siblings)>,
    pub(super) data: Option<(Leaf, Siblings)>,
    pub(super) preimage: Option<Preimage>,
}

/// The pre-image that a step read of, or the proof of its element.
#[derive(Clone, Debug)]
pub(super) enum Preimage {
    Keccak(Arc<[u8]>),
    Blob(BlobProof),
}

/// The bytes that prove one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepWitness(pub Vec<u8>);

impl StepWitness {
    pub(super) fn new(before: &State, accesses: Accesses) -> Self {
        let mut bytes = before.pack().to_vec();
        for (leaf, siblings) in accesses.code.into_iter().chain(accesses.data) {
            bytes.extend(leaf);
            bytes.extend(siblings.iter().flatten());
        }
        match accesses.preimage {
            None => {}
            Some(Preimage::Keccak(data)) => bytes.extend_from_slice(&data),
            Some(Preimage::Blob(proof)) => bytes.extend(proof.encode()),
        }
        Self(bytes)
    }
}

/// Why a witness proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WitnessError {
    /// Too short, or longer than the step needs.
    #[error("witness has {actual} bytes")]
    Length {
        /// Bytes of the witness.
        actual: usize,
    },
    /// It is about another state.
    #[error("witness is for state {actual}")]
    StateHash {
        /// Hash of the packed state in it.
        actual: B256,
    },
    /// No machine is ever in this state.
    #[error("malformed state: {0}")]
    Malformed(#[from] StateError),
    /// The instruction is not in memory.
    #[error("code proof leads to root {actual}")]
    CodeProof {
        /// Where the proof leads.
        actual: B256,
    },
    /// The data is not in memory.
    #[error("memory proof leads to root {actual}")]
    MemoryProof {
        /// Where the proof leads.
        actual: B256,
    },
    /// The pre-image is another key's.
    #[error("pre-image has key {actual:?}")]
    Key {
        /// The key that the pre-image shown has.
        actual: OracleKey,
    },
    /// A blob has no such element.
    #[error("no blob element {index}")]
    BlobIndex {
        /// The index that the witness names.
        index: B256,
    },
    /// The blob has another value there.
    #[error("point evaluation failed")]
    PointEvaluation,
}

impl WitnessError {
    /// The name of the reason in VM-8.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Length { .. } => "Length",
            Self::StateHash { .. } => "StateHash",
            Self::Malformed(_) => "Malformed",
            Self::CodeProof { .. } => "CodeProof",
            Self::MemoryProof { .. } => "MemoryProof",
            Self::Key { .. } => "Key",
            Self::BlobIndex { .. } => "BlobIndex",
            Self::PointEvaluation => "PointEvaluation",
        }
    }
}

/// EIP-4844's point evaluation, which the verifier takes from its caller so that this crate needs no pairing.
pub trait PointEvaluation {
    /// Whether the polynomial with this commitment and versioned hash has this value at the `index`-th root of unity in
    /// bit-reversed order.
    fn holds(&self, versioned_hash: B256, index: u64, value: B256, commitment: &[u8; 48], proof: &[u8; 48]) -> bool;
}

/// The state after the one with this hash, or why the witness does not show it.
pub fn verify(state_hash: B256, witness: &[u8], kzg: &impl PointEvaluation) -> Result<State, WitnessError> {
    let length = WitnessError::Length { actual: witness.len() };
    let (packed, rest) = witness.split_first_chunk::<PACKED_SIZE>().ok_or(length)?;
    let actual = keccak256(packed);
    if actual != state_hash {
        return Err(WitnessError::StateHash { actual });
    }
    let mut state = State::unpack(packed)?;
    let mut bus = Proven { root: state.memory_root, rest, length, siblings: None, kzg };
    step(&mut state, &mut bus)?;
    if bus.rest.is_empty() { Ok(state) } else { Err(length) }
}

/// The memory that a witness shows.
struct Proven<'a, K> {
    root: B256,
    rest: &'a [u8],
    length: WitnessError,
    siblings: Option<Siblings>,
    kzg: &'a K,
}

impl<'a, K> Proven<'a, K> {
    /// Takes a proof off the witness; gives its leaf, siblings and root.
    fn proof(&mut self, index: u32) -> Result<(Leaf, Siblings, B256), WitnessError> {
        let (bytes, rest) = self.rest.split_first_chunk::<PROOF_SIZE>().ok_or(self.length)?;
        self.rest = rest;
        let ([leaf, siblings @ ..], _) = bytes.as_chunks::<32>() else { return Err(self.length) };
        let siblings: &[Leaf; DEPTH] = siblings.try_into().map_err(|_| self.length)?;
        let siblings = siblings.map(B256::from);
        Ok((*leaf, siblings, root_of(index, *leaf, &siblings)))
    }

    /// Takes all that is left.
    fn take_rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.rest)
    }
}

impl<K: PointEvaluation> Bus for Proven<'_, K> {
    type Error = WitnessError;

    fn code(&mut self, index: u32) -> Result<Leaf, WitnessError> {
        let (leaf, _, actual) = self.proof(index)?;
        if actual == self.root { Ok(leaf) } else { Err(WitnessError::CodeProof { actual }) }
    }

    fn data(&mut self, index: u32) -> Result<Leaf, WitnessError> {
        if self.rest.len() != PROOF_SIZE {
            return Err(self.length);
        }
        let (leaf, siblings, actual) = self.proof(index)?;
        self.siblings = Some(siblings);
        if actual == self.root { Ok(leaf) } else { Err(WitnessError::MemoryProof { actual }) }
    }

    fn replace(&mut self, index: u32, leaf: Leaf) -> Result<B256, WitnessError> {
        // A leaf is replaced after it was read, so they are there.
        let siblings = self.siblings.as_ref().ok_or(self.length)?;
        Ok(root_of(index, leaf, siblings))
    }

    fn preimage(&mut self, key: OracleKey, kind: KeyKind, offset: u64) -> Result<u64, WitnessError> {
        let bytes = self.take_rest();
        match kind {
            KeyKind::Keccak => {
                let actual = OracleKey::of_data(bytes);
                if actual == key { Ok(stream_word(bytes, offset)) } else { Err(WitnessError::Key { actual }) }
            }
            KeyKind::Blob => {
                let bytes: &[u8; BLOB_SIZE] = bytes.try_into().map_err(|_| self.length)?;
                let value = blob_element(key, bytes, self.kzg)?;
                Ok(stream_word(value.as_slice(), offset))
            }
        }
    }
}

fn blob_element(key: OracleKey, bytes: &[u8; BLOB_SIZE], kzg: &impl PointEvaluation) -> Result<B256, WitnessError> {
    let (words, points) = bytes.split_at(96);
    let ([versioned_hash, index, value], _) = words.as_chunks::<32>() else {
        return Err(WitnessError::PointEvaluation);
    };
    let ([commitment, proof], _) = points.as_chunks::<48>() else { return Err(WitnessError::PointEvaluation) };
    let [versioned_hash, index, value] = [versioned_hash, index, value].map(B256::from);
    let number = u64::try_from(U256::from_be_bytes(index.0)).ok().filter(|number| *number < BLOB_ELEMENTS);
    let number = number.ok_or(WitnessError::BlobIndex { index })?;
    let actual = OracleKey::blob(versioned_hash, number);
    if actual != key {
        return Err(WitnessError::Key { actual });
    }
    if kzg.holds(versioned_hash, number, value, commitment, proof) {
        Ok(value)
    } else {
        Err(WitnessError::PointEvaluation)
    }
}
