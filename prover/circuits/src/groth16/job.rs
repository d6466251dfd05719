//! A chunk as work for a prover, in this process or another: the witness with its challenges, and the proof that comes back.
//!
//! A job needs nothing but the circuit's key. Its bytes may come from anywhere: decoding checks forms, ranges and signatures, and
//! proving checks the witness. What a proof is worth, whoever made it, the batch's [`super::Assembly`] decides.

use super::{
    key::Key,
    proof::Proof,
    prover::{ProveError, Prover, Stage},
};
use crate::{
    any::AnyChunk,
    circuit::{Chunk, CircuitId},
};
use ark_bn254::{Fr, G1Affine, G2Affine};

/// A chunk to be proven.
#[derive(Clone, Debug)]
pub struct ChunkJob {
    /// Place of its proof in the batch, those of Apply first.
    pub number: u32,
    pub(super) work: AnyChunk,
}

/// The proof of a chunk, without the inputs that it is for: these follow from the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkProof {
    /// Place in the batch.
    pub number: u32,
    /// The circuit that the proof is of.
    pub circuit: CircuitId,
    /// The proof's point A.
    pub a: G1Affine,
    /// The proof's point B.
    pub b: G2Affine,
    /// The proof's point C.
    pub c: G1Affine,
}

impl ChunkJob {
    /// The circuit whose key it needs.
    pub fn circuit(&self) -> CircuitId {
        self.work.circuit_id()
    }

    /// The public inputs (PAY-PUBLIC).
    pub fn public_inputs(&self) -> Vec<Fr> {
        self.work.public_inputs()
    }

    /// Proves the chunk; `progress` hears of every stage as it begins.
    ///
    /// # Errors
    /// If the key is another circuit's, memory does not suffice, or the witness breaks a constraint.
    pub fn prove(
        self,
        prover: &Prover,
        key: &Key,
        progress: &mut (dyn FnMut(Stage) + Send),
    ) -> Result<ChunkProof, ProveError> {
        let number = self.number;
        let Proof { circuit, a, b, c, .. } = prover.prove(key, self.work, progress)?;
        Ok(ChunkProof { number, circuit, a, b, c })
    }
}
