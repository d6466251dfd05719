//! A proving key as the prover holds it, and its file.
//!
//! The file is `magic, circuit digest, keccak of the body, body`; the body is arkworks' uncompressed proving key. A file
//! is read only for the circuit whose digest it carries and only if the body has the hash.

use super::shape::Shape;
use crate::circuit::CircuitId;
use alloy_primitives::{B256, keccak256};
use ark_bn254::{Bn254, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::PrimeField;
use ark_groth16::{ProvingKey, VerifyingKey};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize, SerializationError};
use std::{
    fs,
    io::{self, Write},
    path::Path,
    time::Instant,
};

const MAGIC: &[u8; 16] = b"tandem key 0001\n";
const HEADER_BYTES: usize = MAGIC.len() + 64;

/// Why a key file is not used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read or written.
    #[error("key file: {0}")]
    Io(#[from] io::Error),
    /// It is not a key file, or cut short.
    #[error("not a key file of this version")]
    Format,
    /// It belongs to another circuit.
    #[error("the key belongs to circuit {found}, not {expected}")]
    Circuit {
        /// Digest in the file.
        found: B256,
        /// Digest of the circuit.
        expected: B256,
    },
    /// It was changed after it was written.
    #[error("the key's bytes have hash {found}, not {expected}")]
    Hash {
        /// Hash of the bytes.
        found: B256,
        /// Hash in the file.
        expected: B256,
    },
    /// The body is no proving key.
    #[error("key encoding: {0}")]
    Encoding(#[from] SerializationError),
}

/// Points that a multi-scalar multiplication needs, those of the identity left out.
#[derive(Clone, Debug)]
pub(super) struct Query<G> {
    /// The variable of each point.
    pub(super) variables: Vec<u32>,
    pub(super) points: Vec<G>,
}

impl<G: AffineRepr> Query<G> {
    fn new(points: &[G]) -> Self {
        let used = || points.iter().enumerate().filter(|(_, point)| !point.is_zero());
        Self { variables: used().map(|(i, _)| i as u32).collect(), points: used().map(|(_, point)| *point).collect() }
    }

    /// The scalars that go with the points.
    pub(super) fn scalars(&self, assignment: &[<Fr as PrimeField>::BigInt]) -> Vec<<Fr as PrimeField>::BigInt> {
        self.variables.iter().map(|&variable| assignment[variable as usize]).collect()
    }

    fn bytes(&self) -> u64 {
        (self.points.len() * size_of::<G>() + self.variables.len() * 4) as u64
    }
}

/// A circuit with its key.
#[derive(Clone, Debug)]
pub struct Key {
    pub(super) circuit: CircuitId,
    pub(super) shape: Shape,
    pub(super) verifying: VerifyingKey<Bn254>,
    pub(super) a: Query<G1Affine>,
    pub(super) b: Query<G2Affine>,
    pub(super) h: Vec<G1Affine>,
    pub(super) l: Vec<G1Affine>,
}

impl Key {
    /// Takes from a proving key what is needed.
    pub(super) fn new(circuit: CircuitId, shape: Shape, key: ProvingKey<Bn254>) -> Self {
        let (a, b) = (Query::new(&key.a_query), Query::new(&key.b_g2_query));
        Self { circuit, shape, a, b, h: key.h_query, l: key.l_query, verifying: key.vk }
    }

    /// The circuit that the key is for.
    pub fn circuit(&self) -> CircuitId {
        self.circuit
    }

    /// The circuit's matrices and digest.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The verifying key, which L1 has.
    pub fn verifying(&self) -> &VerifyingKey<Bn254> {
        &self.verifying
    }

    /// Memory of the key, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        let points = (self.h.len() + self.l.len()) * size_of::<G1Affine>();
        self.a.bytes() + self.b.bytes() + points as u64 + self.shape.entries() as u64 * 8
    }

    /// Memory that a proof needs beyond the key, in bytes: vectors over the domain, scalars, buckets.
    pub fn proof_memory_bytes(&self) -> u64 {
        let element = size_of::<Fr>() as u64;
        let (domain, variables) =
            (self.shape.domain_size() as u64, (self.shape.instances() + self.shape.witnesses()) as u64);
        element * (5 * domain + 4 * variables) + (64 << 20)
    }
}

/// Writes a key's file in one step: a reader sees all of it or nothing.
pub(super) fn write_file(path: &Path, shape: &Shape, key: &ProvingKey<Bn254>) -> Result<(), KeyFileError> {
    let mut body = Vec::with_capacity(key.uncompressed_size());
    key.serialize_uncompressed(&mut body)?;
    let directory = path.parent().ok_or(KeyFileError::Format)?;
    fs::create_dir_all(directory)?;
    // Named by process and moment, so that two processes that make the same key do not write into one file.
    let unique = format!("{}-{:?}.partial", std::process::id(), Instant::now())
        .replace(|c: char| !c.is_alphanumeric() && c != '.', "-");
    let partial = path.with_extension(unique);
    let mut file = fs::File::create(&partial)?;
    for part in [MAGIC.as_slice(), shape.digest().as_slice(), keccak256(&body).as_slice(), &body] {
        file.write_all(part)?;
    }
    file.sync_all()?;
    fs::rename(&partial, path)?;
    Ok(())
}

/// Reads a key's file for a circuit.
pub(super) fn read_file(path: &Path, shape: &Shape) -> Result<ProvingKey<Bn254>, KeyFileError> {
    let bytes = fs::read(path)?;
    let (header, body) = bytes.split_at_checked(HEADER_BYTES).ok_or(KeyFileError::Format)?;
    let (magic, hashes) = header.split_at(MAGIC.len());
    if magic != MAGIC {
        return Err(KeyFileError::Format);
    }
    let (circuit, expected) = (B256::from_slice(&hashes[..32]), B256::from_slice(&hashes[32..]));
    if circuit != shape.digest() {
        return Err(KeyFileError::Circuit { found: circuit, expected: shape.digest() });
    }
    let found = keccak256(body);
    if found != expected {
        return Err(KeyFileError::Hash { found, expected });
    }
    // Points were checked before the file was written; the hash says that they are the same ones.
    Ok(ProvingKey::deserialize_uncompressed_unchecked(body)?)
}
