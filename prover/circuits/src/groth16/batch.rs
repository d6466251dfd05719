//! A whole batch: its chunks, the transcript that ties them together, and a proof of each.
//!
//! Twin: `contracts/src/payments/PaymentsProof.sol`, which accepts what is built here and nothing else.

use super::{
    assembly::{Assembly, AssemblyError},
    job::ChunkJob,
    key::Key,
    pipeline::{Progress, prove_chunks},
    proven::ProvenBatch,
    prover::{ProveError, Prover, Stage},
    statement::{ApplyStatement, AuthoriseStatement, Statement},
    transcript::{ApplyTurn, AuthoriseTurn, Header},
};
use crate::{
    any::AnyChunk,
    apply::Apply,
    authorise::session::{Authorisation, SessionChunk, SessionChunkError},
    circuit::{Chunk, CircuitId},
};
use ark_bn254::Fr;
use ark_ff::Zero;
use std::collections::BTreeMap;
use tandem_payments::{
    batch::{Batch, Circuits, cut_signatures},
    data,
};

/// Why a batch is not proven.
#[derive(Debug, thiserror::Error)]
pub enum BatchProveError {
    /// Signatures and operations are not the same ones.
    #[error("the signatures are not those of the batch's operations")]
    Authorisations,
    /// No circuit of the chain's verifies session signatures.
    #[error("there are signatures, and no circuit that verifies them")]
    NoSession,
    /// A signature does not verify.
    #[error(transparent)]
    Session(#[from] SessionChunkError),
    /// A chunk was cut for a circuit that does not exist.
    #[error("there is no circuit {0}")]
    NoCircuit(u64),
    /// A circuit has no key here.
    #[error("there is no key for {0:?}")]
    NoKey(CircuitId),
    /// The header is not that of this batch on its state.
    #[error("the header is not this batch's")]
    Header,
    /// A proof does not fit the batch.
    #[error(transparent)]
    Assembly(#[from] AssemblyError),
    /// A chunk cannot be proven.
    #[error(transparent)]
    Prove(#[from] ProveError),
}

/// A batch whose challenges are drawn: its chunks can be proven in any order, or at once, here or elsewhere.
#[derive(Clone, Debug)]
pub struct PreparedBatch {
    assembly: Assembly,
    jobs: Vec<ChunkJob>,
}

impl PreparedBatch {
    /// Cuts the signatures into chunks and draws the challenges. `circuits` are those that the batch was built for, which are those that L1 has keys of
    /// (PAY-CIRCUIT): signatures cut for another one would be proven for a circuit whose proofs L1 does not take.
    ///
    /// # Errors
    /// If the signatures are not exactly those that the batch needs, or one does not verify, or no circuit verifies them, or the header's state, queue indices, domain
    /// or environment are not the batch's. Its index and its hashes (queue, configuration, keys) are the caller's to get right: L1 alone sees them.
    pub fn new(
        header: Header,
        batch: &Batch,
        authorisations: &[Authorisation],
        circuits: &Circuits,
    ) -> Result<Self, BatchProveError> {
        let mut needed: Vec<Fr> = batch.authorities().map(|authority| authority.value()).collect();
        let mut given: Vec<Fr> = authorisations.iter().map(Authorisation::value).collect();
        needed.sort_unstable();
        given.sort_unstable();
        if needed != given {
            return Err(BatchProveError::Authorisations);
        }
        let session = cut(authorisations, circuits)?;
        let authorise = session.iter().map(|chunk| {
            let turn = AuthoriseTurn { circuit: chunk.circuit_id(), value_digest: chunk.value_digest() };
            AuthoriseStatement { turn, product: Fr::zero() }
        });
        let apply = batch.chunks.iter().map(|chunk| {
            let turn = apply_turn(chunk)?;
            Ok::<_, BatchProveError>(ApplyStatement { turn, evaluations_out: [Fr::zero(); 3], product: Fr::zero() })
        });
        let segments = [&batch.effects, &batch.withdrawals, &batch.messages].map(|elements| data::bytes(elements));
        let mut statement =
            Statement { header, segments, apply: apply.collect::<Result<_, _>>()?, authorise: authorise.collect() };

        // What depends on the challenges comes in when they are drawn.
        let challenges = statement.challenges();
        let mut sums = [Fr::zero(); 3];
        let mut work = Vec::with_capacity(batch.chunks.len() + session.len());
        for (chunk, published) in batch.chunks.iter().zip(&mut statement.apply) {
            work.push(AnyChunk::Apply(Box::new(Apply::new(chunk.clone(), challenges, sums))));
            sums = chunk.inputs_after(challenges, sums).1;
            (published.evaluations_out, published.product) = (sums, chunk.product(challenges.values));
        }
        for (chunk, published) in session.into_iter().zip(&mut statement.authorise) {
            let chunk = chunk.with_challenge(challenges.values);
            published.product = chunk.public_inputs().last().copied().unwrap_or_default();
            work.push(AnyChunk::Session(chunk));
        }
        let jobs: Vec<_> = (0..).zip(work).map(|(number, work)| ChunkJob { number, work }).collect();
        let assembly = Assembly::new(statement);
        let ends = batch.chunks.last().map(|chunk| chunk.counts_out.message_index);
        let claimed = assembly.claims().iter().map(|(_, inputs)| inputs);
        if ends != Some(header.queue_end) || !jobs.iter().map(ChunkJob::public_inputs).eq(claimed.cloned()) {
            return Err(BatchProveError::Header);
        }
        Ok(Self { assembly, jobs })
    }

    /// The circuits whose keys are needed.
    pub fn circuits(&self) -> impl Iterator<Item = CircuitId> {
        self.jobs.iter().map(ChunkJob::circuit)
    }

    /// The chunks to prove, those of Apply first, and what takes their proofs.
    pub fn split(self) -> (Assembly, Vec<ChunkJob>) {
        (self.assembly, self.jobs)
    }

    /// Proves every chunk here, several at once; `progress` hears the chunk's number and its stage, those of one chunk in order, between them those of others.
    ///
    /// # Errors
    /// If a key is missing, before any chunk begins; or if a chunk cannot be proven.
    pub fn prove(
        self,
        prover: &Prover,
        keys: &BTreeMap<CircuitId, Key>,
        progress: &mut (dyn FnMut(usize, Stage) + Send),
    ) -> Result<ProvenBatch, BatchProveError> {
        let verifying = keys.iter().map(|(circuit, key)| (*circuit, key.verifying().clone())).collect();
        let (mut assembly, jobs) = self.split();
        let with_key = |job: ChunkJob| {
            let circuit = job.circuit();
            Ok((job, keys.get(&circuit).ok_or(BatchProveError::NoKey(circuit))?))
        };
        let chunks = jobs.into_iter().map(with_key).collect::<Result<_, BatchProveError>>()?;
        prove_chunks(prover, chunks, &mut |heard| {
            match heard {
                Progress::Begun(number, stage) => progress(number as usize, stage),
                Progress::Proven(proof) => assembly.insert(&proof, &verifying)?,
            }
            Ok::<_, BatchProveError>(())
        })?;
        Ok(assembly.finish()?)
    }
}

/// The signatures in chunks (PAY-CUT), as the sequencer's draft cuts them.
fn cut(authorisations: &[Authorisation], circuits: &Circuits) -> Result<Vec<SessionChunk>, BatchProveError> {
    if authorisations.is_empty() {
        return Ok(Vec::new());
    }
    let session = circuits.session.ok_or(BatchProveError::NoSession)?;
    let mut rest = authorisations;
    let mut chunks = Vec::new();
    for circuit in cut_signatures(authorisations.len(), session) {
        let (now, later) = rest.split_at(rest.len().min(circuit.slots));
        chunks.push(SessionChunk::of(circuit, now.to_vec(), Fr::zero())?);
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
