//! One batch at work: what is stored of it, its workers, what is told of them, and the call that comes of it.

use std::sync::Arc;

use alloy::{primitives::B256, sol_types::SolValue};
use tandem_circuits::groth16::{Assembly, Calldata, ChunkJob, PreparedBatch, VerifyingKeys};
use tandem_payments::field::integer;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{sequencer::Call, status::Status};
use crate::validity::{
    coordinator::{Coordinator, CoordinatorConfig},
    crew::{Crew, Task, WorkError},
    file::{BatchFile, Stored},
    pool::Event,
    progress::{ProgressLine, words},
};

/// What a batch that waits needs to be proven.
#[derive(Clone, Debug)]
pub struct Work {
    assembly: Assembly,
    jobs: Vec<ChunkJob>,
    keys: Arc<VerifyingKeys>,
    keys_hash: B256,
}

impl Work {
    /// The work of a batch that is judged by `keys`, of hash `keys_hash`.
    pub fn new(prepared: PreparedBatch, keys: Arc<VerifyingKeys>, keys_hash: B256) -> Self {
        let (assembly, jobs) = prepared.split();
        Self { assembly, jobs, keys, keys_hash }
    }

    /// Chunks of the batch.
    pub fn chunks(&self) -> usize {
        self.jobs.len()
    }

    /// Does it. Blocks until it is done.
    ///
    /// # Errors
    /// If it is not done; what was proven is in the file.
    pub fn run(
        self,
        file: &BatchFile,
        crew: &dyn Crew,
        status: &watch::Sender<Status>,
        token: &CancellationToken,
    ) -> Result<Call, WorkError> {
        let index = self.assembly.statement().header.index;
        let assembly = match file.load(&self.keys)? {
            Stored::Batch(stored) if stored.statement() == self.assembly.statement() => *stored,
            Stored::Unusable(error) => {
                let path = file.path().display();
                tracing::warn!(batch = index, %path, %error, "stored proofs are damaged, or of other keys: proving again");
                self.assembly
            }
            Stored::Batch(_) | Stored::Nothing => self.assembly,
        };
        let root_after = assembly.statement().apply.last().map(|chunk| integer(chunk.turn.root_out).into());
        let config_hash = assembly.statement().header.config_hash;
        let missing = assembly.missing().count();
        let mut told = Told::new(index, &assembly, status);
        tracing::info!(batch = index, chunks = self.jobs.len(), missing, "proving");
        status.send_modify(|status| (status.proving_batch, status.missing_chunks) = (index, missing as u64));
        let coordinator = Coordinator::new(assembly, self.jobs, (*self.keys).clone(), CoordinatorConfig::default())?;
        let task = Task { coordinator, keys: &self.keys, keys_hash: self.keys_hash, file, token };
        let proven = crew.prove(task, &mut |event| told.hear(&event));
        told.line.clear();
        let Calldata { env, segments, applied, authorised } = proven?.calldata();
        let arguments = (env, segments, applied, authorised).abi_encode_params();
        let root_after = root_after.unwrap_or_default();
        Ok(Call { arguments, root_after, config_hash, keys_hash: self.keys_hash })
    }
}

/// Tells what happens: to the log, to a person at a terminal, and in figures.
struct Told<'a> {
    batch: u64,
    /// The circuit of each chunk.
    circuits: Vec<&'static str>,
    status: &'a watch::Sender<Status>,
    line: ProgressLine,
}

impl<'a> Told<'a> {
    fn new(batch: u64, assembly: &Assembly, status: &'a watch::Sender<Status>) -> Self {
        let circuits = assembly.claims().iter().map(|(circuit, _)| circuit.name()).collect();
        Self { batch, circuits, status, line: ProgressLine::new(true) }
    }

    fn circuit(&self, chunk: u32) -> &'static str {
        self.circuits.get(chunk as usize).copied().unwrap_or_default()
    }

    fn hear(&mut self, event: &Event<'_>) {
        let (batch, chunks) = (self.batch, self.circuits.len());
        match event {
            Event::Stage { chunk, stage } => {
                let (number, circuit) = (chunk.saturating_add(1), self.circuit(*chunk));
                self.line
                    .show(format_args!("batch {batch}, chunk {number} of {chunks} ({circuit}): {}", words(*stage)));
            }
            Event::Proven { chunk, took, missing } => {
                self.line.clear();
                let (number, circuit) = (chunk.saturating_add(1), self.circuit(*chunk));
                let seconds = (took.as_secs_f64() * 10.0).round() / 10.0;
                tracing::info!(batch, chunk = number, of = chunks, circuit, seconds, missing, "chunk proven");
                self.status.send_modify(|status| status.proven(circuit, *took, *missing));
            }
            Event::Faulty { chunk, worker, fault, dismissed } => {
                self.line.clear();
                let number = chunk.saturating_add(1);
                tracing::warn!(batch, chunk = number, worker = worker.0, error = %fault, dismissed, "a worker has no proof: the chunk goes to another, or again");
                self.status.send_modify(|status| status.fault(worker.0));
            }
            Event::Standstill { chunk, worker } => {
                self.line.clear();
                let number = chunk.saturating_add(1);
                tracing::warn!(
                    batch,
                    chunk = number,
                    worker = worker.0,
                    "a worker says nothing, and no other is free: nothing moves"
                );
            }
        }
    }
}
