//! Who proves: the workers of a batch, which on one machine are threads of this process with the keys in its memory.

use std::{
    collections::BTreeSet,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use alloy::primitives::B256;
use tandem_circuits::groth16::{ProveError, Prover, ProverConfig, Stage, VerifyingKeys};

use crate::validity::{
    keys::{KeysError, ProvingKeys},
    local::LocalWorker,
    worker::{WorkFailed, Worker},
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
}

/// Gives workers.
pub trait Crew: Send + Sync + 'static {
    /// Workers for batches that are judged by these keys, of this hash. Blocks while keys are read.
    ///
    /// # Errors
    /// If there are none.
    fn workers(&self, keys: &VerifyingKeys, keys_hash: B256) -> Result<Vec<Box<dyn Worker>>, CrewError>;
}

/// Threads of this process.
#[derive(Debug)]
pub struct LocalCrew {
    keys: ProvingKeys,
    workers: NonZeroUsize,
    config: ProverConfig,
    /// What was read last. A lock, so that whoever comes while keys are read waits for them.
    ready: Mutex<Option<(B256, Vec<SharedWorker>)>>,
}

impl LocalCrew {
    /// So many workers, each with the limits of `config`, which share the keys.
    pub fn new(keys: ProvingKeys, workers: NonZeroUsize, config: ProverConfig) -> Self {
        Self { keys, workers, config, ready: Mutex::new(None) }
    }
}

impl Crew for LocalCrew {
    fn workers(&self, keys: &VerifyingKeys, keys_hash: B256) -> Result<Vec<Box<dyn Worker>>, CrewError> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let workers = match ready.take() {
            Some((hash, workers)) if hash == keys_hash => workers,
            _ => {
                let circuits: BTreeSet<_> = keys.keys().copied().collect();
                let found = self.keys.read(&circuits, keys, keys_hash, &mut |text| tracing::info!("{text}"))?;
                let found = Arc::new(found);
                let worker = |_| Ok(SharedWorker::new(LocalWorker::new(Prover::new(self.config)?, found.clone())));
                (0..self.workers.get()).map(worker).collect::<Result<_, ProveError>>()?
            }
        };
        let boxed = workers.iter().map(|worker| Box::new(worker.clone()) as Box<dyn Worker>).collect();
        *ready = Some((keys_hash, workers));
        Ok(boxed)
    }
}

/// A worker that outlives its batch: a proof that is not wanted any more cannot be cut short, and the next one begins after it, not beside it in memory.
#[derive(Clone, Debug)]
struct SharedWorker(Arc<Mutex<LocalWorker>>);

impl SharedWorker {
    fn new(worker: LocalWorker) -> Self {
        Self(Arc::new(Mutex::new(worker)))
    }
}

impl Worker for SharedWorker {
    fn prove(&mut self, job: &[u8], alive: &mut (dyn FnMut(Stage) + Send)) -> Result<Vec<u8>, WorkFailed> {
        // A proof that panicked leaves nothing behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).prove(job, alive)
    }
}
