//! A chunk of any circuit: what jobs carry, and what keys are made for and tried with.

use crate::{
    apply::Apply,
    authorise::session::SessionChunk,
    circuit::{Chunk, CircuitId},
};
use ark_bn254::Fr;
use ark_relations::gr1cs::{ConstraintSynthesizer, ConstraintSystemRef, SynthesisError};
use tandem_payments::batch::{ApplyCircuit, AuthoriseCircuit};

/// A chunk with its witness.
#[derive(Clone, Debug)]
pub enum AnyChunk {
    /// Operations, applied to the state.
    Apply(Box<Apply>),
    /// Signatures of session keys.
    Session(SessionChunk),
}

impl AnyChunk {
    /// A chunk in which nothing happens, for key generation: every chunk of a circuit has the same constraints.
    pub fn blank(circuit: CircuitId) -> Self {
        let apply = |circuit| Self::Apply(Box::new(Apply::blank(circuit)));
        let session = |circuit| Self::Session(SessionChunk::blank(circuit));
        match circuit {
            CircuitId::ApplySmall => apply(ApplyCircuit::SMALL),
            CircuitId::ApplyLarge => apply(ApplyCircuit::LARGE),
            CircuitId::ApplyHuge => apply(ApplyCircuit::HUGE),
            CircuitId::SessionSmall => session(AuthoriseCircuit::SESSION_SMALL),
            CircuitId::SessionLarge => session(AuthoriseCircuit::SESSION_LARGE),
            CircuitId::SessionHuge => session(AuthoriseCircuit::SESSION_HUGE),
        }
    }
}

impl Chunk for AnyChunk {
    fn circuit_id(&self) -> CircuitId {
        match self {
            Self::Apply(apply) => apply.circuit_id(),
            Self::Session(session) => session.circuit_id(),
        }
    }

    fn public_inputs(&self) -> Vec<Fr> {
        match self {
            Self::Apply(apply) => apply.public_inputs(),
            Self::Session(session) => session.public_inputs(),
        }
    }
}

impl ConstraintSynthesizer<Fr> for AnyChunk {
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        match self {
            Self::Apply(apply) => apply.generate_constraints(cs),
            Self::Session(session) => session.generate_constraints(cs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_chunk_is_of_its_circuit() {
        for circuit in CircuitId::ALL {
            let blank = AnyChunk::blank(circuit);
            assert_eq!((blank.circuit_id(), blank.public_inputs().len()), (circuit, circuit.inputs()));
        }
    }
}
