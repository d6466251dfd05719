//! A whole batch: its chunks, the transcript that ties them together, and a proof of each.
//!
//! Twin: `contracts/src/payments/PaymentsProof.sol`, which accepts what is built here and nothing else.

use super::{
    key::Key,
    proof::Proof,
    prover::{ProveError, Prover, Stage},
    transcript::{ApplyTurn, AuthoriseTurn, Header, Segment, Transcript},
};
use crate::{
    apply::Apply,
    authorise::session::{Authorisation, SessionChunk, SessionChunkError},
    circuit::{Chunk, CircuitId},
};
use ark_bn254::Fr;
use ark_ff::Zero;
use std::collections::BTreeMap;
use tandem_payments::{
    batch::{AuthoriseCircuit, Batch, Challenges, cut_signatures},
    data,
};

/// A batch with its proofs, as it is posted.
#[derive(Clone, Debug)]
pub struct ProvenBatch {
    /// What L1 knows by itself.
    pub header: Header,
    /// The posted bytes: effects, withdrawals, messages.
    pub segments: [Vec<u8>; 3],
    /// Apply chunks in order.
    pub apply: Vec<ApplyTurn>,
    /// Authorise chunks, in any order.
    pub authorise: Vec<AuthoriseTurn>,
    /// Proofs, those of Apply first.
    pub proofs: Vec<Proof>,
}

/// Why a batch is not proven.
#[derive(Debug, thiserror::Error)]
pub enum BatchProveError {
    /// Signatures and operations are not the same ones.
    #[error("the signatures are not those of the batch's operations")]
    Authorisations,
    /// A signature does not verify.
    #[error(transparent)]
    Session(#[from] SessionChunkError),
    /// A chunk was cut for a circuit that does not exist.
    #[error("there is no circuit {0}")]
    NoCircuit(u64),
    /// A circuit has no key here.
    #[error("there is no key for {0:?}")]
    NoKey(CircuitId),
    /// A chunk cannot be proven.
    #[error(transparent)]
    Prove(#[from] ProveError),
}

/// A batch whose challenges are drawn: its chunks can be proven in any order, or at once.
#[derive(Clone, Debug)]
pub struct PreparedBatch {
    header: Header,
    segments: [Vec<u8>; 3],
    apply: Vec<(ApplyTurn, Apply)>,
    authorise: Vec<(AuthoriseTurn, SessionChunk)>,
}

impl PreparedBatch {
    /// Cuts the signatures into chunks and draws the challenges.
    ///
    /// # Errors
    /// If the signatures are not exactly those that the batch needs, or one does not verify.
    pub fn new(header: Header, batch: &Batch, authorisations: &[Authorisation]) -> Result<Self, BatchProveError> {
        let mut needed: Vec<Fr> = batch.authorities().map(|authority| authority.value()).collect();
        let mut given: Vec<Fr> = authorisations.iter().map(Authorisation::value).collect();
        needed.sort_unstable();
        given.sort_unstable();
        if needed != given {
            return Err(BatchProveError::Authorisations);
        }
        let session = cut(authorisations)?;
        let authorise: Vec<_> = session
            .iter()
            .map(|chunk| AuthoriseTurn { circuit: chunk.circuit_id(), value_digest: chunk.value_digest() })
            .collect();
        let apply = batch.chunks.iter().map(apply_turn).collect::<Result<Vec<_>, _>>()?;

        let segments = [&batch.effects, &batch.withdrawals, &batch.messages].map(|elements| data::bytes(elements));
        let posted = segments.each_ref().map(|bytes| Segment::of(bytes));
        let t1 = Transcript::new(&header, &posted, apply.len(), authorise.len()).chunks(&apply, &authorise);
        let challenges = Challenges { data: t1.z(), values: t1.z_join() };
        let mut sums = [Fr::zero(); 3];
        let apply = apply.into_iter().zip(&batch.chunks).map(|(turn, chunk)| {
            let circuit = Apply::new(chunk.clone(), challenges, sums);
            sums = chunk.inputs_after(challenges, sums).1;
            (turn, circuit)
        });
        let apply = apply.collect();
        let session = session.into_iter().map(|chunk| chunk.with_challenge(challenges.values));
        Ok(Self { header, segments, apply, authorise: authorise.into_iter().zip(session).collect() })
    }

    /// The circuits whose keys are needed.
    pub fn circuits(&self) -> impl Iterator<Item = CircuitId> {
        let apply = self.apply.iter().map(|(turn, _)| turn.circuit);
        apply.chain(self.authorise.iter().map(|(turn, _)| turn.circuit))
    }

    /// Proves every chunk, one after the other; `progress` hears the chunk's number and its stage.
    pub fn prove(
        self,
        prover: &Prover,
        keys: &BTreeMap<CircuitId, Key>,
        progress: &mut (dyn FnMut(usize, Stage) + Send),
    ) -> Result<ProvenBatch, BatchProveError> {
        let key = |circuit| keys.get(&circuit).ok_or(BatchProveError::NoKey(circuit));
        let mut proofs = Vec::with_capacity(self.apply.len() + self.authorise.len());
        let (apply, apply_chunks): (Vec<_>, Vec<_>) = self.apply.into_iter().unzip();
        let (authorise, session_chunks): (Vec<_>, Vec<_>) = self.authorise.into_iter().unzip();
        for chunk in apply_chunks {
            let number = proofs.len();
            proofs.push(prover.prove(key(chunk.circuit_id())?, chunk, &mut |stage| progress(number, stage))?);
        }
        for chunk in session_chunks {
            let number = proofs.len();
            proofs.push(prover.prove(key(chunk.circuit_id())?, chunk, &mut |stage| progress(number, stage))?);
        }
        Ok(ProvenBatch { header: self.header, segments: self.segments, apply, authorise, proofs })
    }
}

/// The signatures in chunks (PAY-CUT).
fn cut(authorisations: &[Authorisation]) -> Result<Vec<SessionChunk>, SessionChunkError> {
    let circuits = [AuthoriseCircuit::SESSION_SMALL, AuthoriseCircuit::SESSION_LARGE];
    let mut rest = authorisations;
    let mut chunks = Vec::new();
    for circuit in cut_signatures(authorisations.len(), circuits) {
        let (now, later) = rest.split_at(rest.len().min(circuit.slots));
        let small = circuit == AuthoriseCircuit::SESSION_SMALL;
        let make = if small { SessionChunk::small } else { SessionChunk::large };
        chunks.push(make(now.to_vec(), Fr::zero())?);
        rest = later;
    }
    Ok(chunks)
}

fn apply_turn(chunk: &tandem_payments::batch::Chunk) -> Result<ApplyTurn, BatchProveError> {
    let number = chunk.circuit.id;
    let circuit = CircuitId::ALL.into_iter().find(|circuit| circuit.number() == number);
    let [_, root_out, _, counts_out, _, fee_out, data_digest, value_digest, _, _] = chunk.inputs_before();
    Ok(ApplyTurn {
        circuit: circuit.ok_or(BatchProveError::NoCircuit(number))?,
        root_out,
        counts_out,
        fee_out,
        data_digest,
        value_digest,
    })
}
