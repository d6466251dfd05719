//! A folder of keys that were made elsewhere: each checked once, when it is imported, and then read like the cache that it is.

use super::{
    import::{ImportError, import_key},
    key::{self, Key, KeyFileError},
    prover::Prover,
    shape::Shape,
};
use crate::circuit::{Chunk, CircuitId};
use alloy_primitives::B256;
use ark_bn254::Bn254;
use ark_groth16::ProvingKey;
use ark_relations::gr1cs::SynthesisError;
use ark_serialize::CanonicalDeserialize;
use std::{
    io,
    path::{Path, PathBuf},
};

/// Why a folder has no key of a circuit.
#[derive(Debug, thiserror::Error)]
pub enum ImportedKeyError {
    /// There is no file, or it cannot be used.
    #[error("{path}: {source}")]
    File {
        /// Where the key belongs.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyFileError,
    },
    /// The circuit cannot be synthesised.
    #[error("synthesis: {0}")]
    Synthesis(#[from] SynthesisError),
    /// The key is not taken.
    #[error(transparent)]
    Import(#[from] ImportError),
}

impl ImportedKeyError {
    /// Whether the key was never imported, and where it would be.
    pub fn missing(&self) -> Option<&Path> {
        match self {
            Self::File { path, source: KeyFileError::Io(error) } if error.kind() == io::ErrorKind::NotFound => {
                Some(path)
            }
            _ => None,
        }
    }
}

/// Keys that were imported into a folder.
#[derive(Clone, Debug)]
pub struct ImportedKeys {
    directory: PathBuf,
}

impl ImportedKeys {
    /// The keys in `directory`, which need not exist yet.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// The file of a circuit's key, named after the circuit's digest.
    pub fn path(&self, circuit: CircuitId, shape: &Shape) -> PathBuf {
        let digest = shape.digest().to_string();
        self.directory.join(format!("{}-{}.key", circuit.name(), &digest[2..18]))
    }

    /// The key of the circuit of `chunk`.
    ///
    /// # Errors
    /// If it was not imported, or the file is not what was written.
    pub fn key<C: Chunk + Clone>(&self, chunk: &C) -> Result<Key, ImportedKeyError> {
        let (circuit, shape) = (chunk.circuit_id(), Shape::of(chunk.clone())?);
        let path = self.path(circuit, &shape);
        let proving = key::read_file(&path, &shape).map_err(|source| ImportedKeyError::File { path, source })?;
        Ok(Key::new(circuit, shape, proving))
    }

    /// Checks a key as [`import_key`] does, and puts it into the folder; where it is now.
    ///
    /// # Errors
    /// What [`import_key`] refuses; nothing is written then.
    pub fn import<C: Chunk + Clone + Send>(
        &self,
        prover: &Prover,
        bytes: &[u8],
        compressed: bool,
        claimed_circuit: B256,
        trial: C,
    ) -> Result<PathBuf, ImportedKeyError> {
        let key = import_key(prover, bytes, compressed, claimed_circuit, trial)?;
        // The same bytes, whose points were checked just now.
        let proving = if compressed {
            ProvingKey::<Bn254>::deserialize_compressed_unchecked(bytes)
        } else {
            ProvingKey::<Bn254>::deserialize_uncompressed_unchecked(bytes)
        };
        let proving = proving.map_err(ImportError::from)?;
        let path = self.path(key.circuit(), key.shape());
        key::write_file(&path, key.shape(), &proving)
            .map_err(|source| ImportedKeyError::File { path: path.clone(), source })?;
        Ok(path)
    }
}
