//! A batch whose proofs are being gathered.
//!
//! It knows each chunk's statement, takes proofs in any order from wherever they come, and takes none that does not verify for that
//! statement. Its bytes hold everything but the witnesses, so that a service that restarts proves only what is missing; the proofs in
//! them are verified again.

use super::{
    job::ChunkProof, proof::Proof, proven::ProvenBatch, statement::Claim, statement::Statement, verify::verify,
};
use crate::circuit::CircuitId;
use ark_bn254::Bn254;
use ark_groth16::VerifyingKey;
use std::collections::BTreeMap;

/// Verifying keys by circuit.
pub type VerifyingKeys = BTreeMap<CircuitId, VerifyingKey<Bn254>>;

/// Why a proof is not taken, or a batch not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssemblyError {
    /// The batch has no such chunk.
    #[error("there is no chunk {number}, the batch has {chunks}")]
    NoChunk {
        /// Place that the proof names.
        number: u32,
        /// Chunks of the batch.
        chunks: usize,
    },
    /// The proof is of another circuit.
    #[error("chunk {number} is of circuit {expected:?}, the proof of {found:?}")]
    Circuit {
        /// Place in the batch.
        number: u32,
        /// The chunk's circuit.
        expected: CircuitId,
        /// The circuit that the proof names.
        found: CircuitId,
    },
    /// A circuit has no key here.
    #[error("there is no key for {0:?}")]
    NoKey(CircuitId),
    /// The proof does not verify for what the chunk states.
    #[error("the proof of chunk {number} does not verify")]
    Invalid {
        /// Place in the batch.
        number: u32,
    },
    /// Proofs are missing.
    #[error("{missing} of {chunks} proofs are missing")]
    Incomplete {
        /// How many proofs are missing.
        missing: usize,
        /// Chunks of the batch.
        chunks: usize,
    },
}

/// A batch with the proofs that there are so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembly {
    statement: Statement,
    claims: Vec<Claim>,
    proofs: Vec<Option<ChunkProof>>,
}

impl Assembly {
    /// A batch without proofs.
    pub fn new(statement: Statement) -> Self {
        let claims = statement.claims();
        let proofs = vec![None; claims.len()];
        Self { statement, claims, proofs }
    }

    /// What the batch claims.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// What each proof must prove, those of Apply first.
    pub fn claims(&self) -> &[Claim] {
        &self.claims
    }

    /// The proofs that there are.
    pub fn proofs(&self) -> impl Iterator<Item = &ChunkProof> {
        self.proofs.iter().flatten()
    }

    /// The chunks without a proof.
    pub fn missing(&self) -> impl Iterator<Item = u32> {
        self.proofs.iter().enumerate().filter(|(_, proof)| proof.is_none()).map(|(number, _)| number as u32)
    }

    /// Takes a proof if it verifies. A second one of the same chunk changes nothing.
    ///
    /// # Errors
    /// If it is not one of this batch's; nothing has changed then.
    pub fn insert(&mut self, proof: &ChunkProof, keys: &VerifyingKeys) -> Result<(), AssemblyError> {
        let (number, chunks) = (proof.number, self.claims.len());
        let no_chunk = AssemblyError::NoChunk { number, chunks };
        let (expected, inputs) = self.claims.get(number as usize).ok_or(no_chunk)?;
        if proof.circuit != *expected {
            return Err(AssemblyError::Circuit { number, expected: *expected, found: proof.circuit });
        }
        let key = keys.get(expected).ok_or(AssemblyError::NoKey(*expected))?;
        if !verify(key, &with_inputs(proof, inputs)) {
            return Err(AssemblyError::Invalid { number });
        }
        self.proofs[number as usize].get_or_insert(*proof);
        Ok(())
    }

    /// The batch as it is posted.
    ///
    /// # Errors
    /// If a proof is missing.
    pub fn finish(self) -> Result<ProvenBatch, AssemblyError> {
        let (missing, chunks) = (self.missing().count(), self.claims.len());
        if missing > 0 {
            return Err(AssemblyError::Incomplete { missing, chunks });
        }
        let proofs = self.proofs.iter().flatten().zip(&self.claims);
        let proofs = proofs.map(|(proof, (_, inputs))| with_inputs(proof, inputs)).collect();
        let Statement { header, segments, apply, authorise } = self.statement;
        let apply = apply.into_iter().map(|chunk| chunk.turn).collect();
        let authorise = authorise.into_iter().map(|chunk| chunk.turn).collect();
        Ok(ProvenBatch { header, segments, apply, authorise, proofs })
    }
}

fn with_inputs(proof: &ChunkProof, inputs: &[ark_bn254::Fr]) -> Proof {
    let ChunkProof { circuit, a, b, c, .. } = *proof;
    Proof { circuit, inputs: inputs.to_vec(), a, b, c }
}
