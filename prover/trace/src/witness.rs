//! The witness of one step (VM-8), made from the fast machine: the reference machine would hash all of memory first.

use std::sync::Arc;

use alloy_primitives::B256;
use tandem_vm::{
    Machine, Oracle, OracleKey, StepWitness,
    key::KeyKind,
    oracle::{BlobProof, stream_word},
    reference::{Bus, step},
    tree::{Leaf, root_of},
};

use crate::trace::TraceError;

/// What a step touches, in the order of the witness.
struct Recorder<'a, O> {
    machine: &'a mut Machine,
    oracle: &'a mut O,
    witness: Vec<u8>,
    /// Goes behind the proofs.
    preimage: Option<Preimage>,
}

enum Preimage {
    Keccak(Arc<[u8]>),
    Blob(BlobProof),
}

impl<O> Recorder<'_, O> {
    fn prove(&mut self, index: u32) -> Leaf {
        let leaf = self.machine.leaf(index);
        self.witness.extend(leaf);
        self.witness.extend(self.machine.siblings(index).iter().flatten());
        leaf
    }
}

impl<O: Oracle> Bus for Recorder<'_, O> {
    type Error = TraceError;

    fn code(&mut self, index: u32) -> Result<Leaf, TraceError> {
        Ok(self.prove(index))
    }

    fn data(&mut self, index: u32) -> Result<Leaf, TraceError> {
        Ok(self.prove(index))
    }

    fn replace(&mut self, index: u32, leaf: Leaf) -> Result<B256, TraceError> {
        Ok(root_of(index, leaf, &self.machine.siblings(index)))
    }

    fn preimage(&mut self, key: OracleKey, kind: KeyKind, offset: u64) -> Result<u64, TraceError> {
        let missing = TraceError::MissingPreimage { key };
        let (preimage, word) = match kind {
            KeyKind::Keccak => {
                let data = self.oracle.preimage(key).ok_or(missing)?;
                let word = stream_word(&data, offset);
                (Preimage::Keccak(data), word)
            }
            KeyKind::Blob => {
                let proof = self.oracle.blob_proof(key).ok_or(missing)?;
                let word = stream_word(proof.value.as_slice(), offset);
                (Preimage::Blob(proof), word)
            }
        };
        self.preimage = Some(preimage);
        Ok(word)
    }
}

/// What proves the machine's next step, and the hash of the state after it. The machine stays where it is.
pub(crate) fn of(machine: &mut Machine, oracle: &mut impl Oracle) -> Result<(StepWitness, B256), TraceError> {
    let mut state = machine.state().clone();
    let witness = state.pack().to_vec();
    let mut recorder = Recorder { machine, oracle, witness, preimage: None };
    step(&mut state, &mut recorder)?;
    let Recorder { mut witness, preimage, .. } = recorder;
    match preimage {
        None => {}
        Some(Preimage::Keccak(data)) => witness.extend_from_slice(&data),
        Some(Preimage::Blob(proof)) => witness.extend(proof.encode()),
    }
    Ok((StepWitness(witness), state.hash()))
}
