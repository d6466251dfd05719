//! Who proves a batch, as the service sees it: threads of this process, or a farm.

use alloy::primitives::B256;
use tandem_circuits::groth16::{ProveError, ProvenBatch, VerifyingKeys};
use tokio_util::sync::CancellationToken;

use super::{
    coordinator::{Coordinator, NoJob},
    farm::keys::FarmKeysError,
    file::{BatchFile, BatchFileError},
    keys::KeysError,
    pool::{self, Event, ProvingError},
    worker::Worker,
};

/// Why nobody proves.
#[derive(Debug, thiserror::Error)]
pub enum CrewError {
    /// There are no keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A prover cannot be started.
    #[error("prover: {0}")]
    Prover(#[from] ProveError),
    /// The farm does not get keys.
    #[error("keys for the farm: {0}")]
    Farm(#[from] FarmKeysError),
}

/// A batch that is to be proven: what is known of it, and where it is kept.
#[derive(Debug)]
pub struct Task<'a> {
    /// Decides which chunk is missing, and what is a proof of it.
    pub coordinator: Coordinator,
    /// The keys that judge its proofs.
    pub keys: &'a VerifyingKeys,
    /// The hash by which the schedule names them.
    pub keys_hash: B256,
    /// Has the proofs so far, and each new one before the next is looked at.
    pub file: &'a BatchFile,
    /// Ends the work when it is cancelled.
    pub token: &'a CancellationToken,
}

/// Proves batches: here, or somewhere else.
pub trait Crew: Send + Sync + 'static {
    /// Workers of this process for batches that are judged by these keys, of this hash; none if others prove, for whom everything is ready then. Blocks while keys are read.
    ///
    /// # Errors
    /// If there are no keys.
    fn workers(&self, keys: &VerifyingKeys, keys_hash: B256) -> Result<Vec<Box<dyn Worker>>, CrewError>;

    /// Proves what a batch lacks; `observe` hears what happens. Blocks until it is done.
    ///
    /// # Errors
    /// If it is not done; what was proven is in the file.
    fn prove(&self, task: Task<'_>, observe: &mut dyn FnMut(Event<'_>)) -> Result<ProvenBatch, WorkError> {
        let Task { coordinator, keys, keys_hash, file, token } = task;
        let workers = if coordinator.missing() > 0 { self.workers(keys, keys_hash)? } else { Vec::new() };
        Ok(pool::prove(coordinator, file, workers, token, observe)?)
    }
}

/// Why a batch is not proven. What was proven of it is on disk.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The batch cannot be kept on disk.
    #[error(transparent)]
    File(#[from] BatchFileError),
    /// There are no workers.
    #[error(transparent)]
    Crew(#[from] CrewError),
    /// There is no job for one of its chunks.
    #[error(transparent)]
    NoJob(#[from] NoJob),
    /// The workers did not do it.
    #[error(transparent)]
    Proving(#[from] ProvingError),
}

impl WorkError {
    /// Whether it was told to end.
    pub fn is_end(&self) -> bool {
        matches!(self, Self::Proving(ProvingError::Cancelled { .. }))
    }
}
