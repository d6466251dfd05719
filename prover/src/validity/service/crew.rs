//! Who proves on one machine: threads of this process with the keys in its memory.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use alloy::primitives::B256;
use tandem_circuits::groth16::{ProveError, Prover, ProverConfig, Stage, VerifyingKeys};

use crate::validity::{
    crew::{Crew, CrewError},
    keys::{ProvingKeys, circuit_ids},
    local::LocalWorker,
    worker::{WorkFailed, Worker},
};

/// A worker that outlives its batches, and has one job at a time.
type Lasting = Arc<Mutex<LocalWorker>>;

/// Threads of this process.
#[derive(Debug)]
pub struct LocalCrew {
    keys: ProvingKeys,
    workers: NonZeroUsize,
    config: ProverConfig,
    /// What was read last. A lock, so that whoever comes while keys are read waits for them.
    ready: Mutex<Option<(B256, Vec<Lasting>)>>,
    /// How often workers were given. Shared with these, since nobody sends word to one that waits for its turn.
    generation: Arc<AtomicU64>,
}

impl LocalCrew {
    /// So many workers, each with the limits of `config`, which share the keys.
    pub fn new(keys: ProvingKeys, workers: NonZeroUsize, config: ProverConfig) -> Self {
        Self { keys, workers, config, ready: Mutex::new(None), generation: Arc::default() }
    }
}

impl Crew for LocalCrew {
    fn workers(&self, keys: &VerifyingKeys, keys_hash: B256) -> Result<Vec<Box<dyn Worker>>, CrewError> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let workers = match ready.take() {
            Some((hash, workers)) if hash == keys_hash => workers,
            _ => {
                let found =
                    self.keys.read(&circuit_ids(keys), keys, keys_hash, &mut |text| tracing::info!("{text}"))?;
                let found = Arc::new(found);
                let worker = |_| Ok(Arc::new(Mutex::new(LocalWorker::new(Prover::new(self.config)?, found.clone()))));
                (0..self.workers.get()).map(worker).collect::<Result<_, ProveError>>()?
            }
        };
        let generation = self.generation.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        let shared = |worker: &Lasting| {
            let (worker, current) = (worker.clone(), self.generation.clone());
            Box::new(SharedWorker { worker, generation, current }) as Box<dyn Worker>
        };
        let boxed = workers.iter().map(shared).collect();
        *ready = Some((keys_hash, workers));
        Ok(boxed)
    }
}

/// A worker that outlives its batch: a proof that is not wanted any more cannot be cut short, and the next one begins after it, not beside it in memory.
/// Whoever finds, when it is his turn, that workers were given for another batch since proves nothing.
#[derive(Debug)]
struct SharedWorker {
    worker: Lasting,
    /// The crew's count when this one was given.
    generation: u64,
    /// The crew's count now.
    current: Arc<AtomicU64>,
}

impl Worker for SharedWorker {
    fn prove(&mut self, job: &[u8], alive: &mut (dyn FnMut(Stage) + Send)) -> Result<Vec<u8>, WorkFailed> {
        // A proof that panicked leaves nothing behind.
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        if self.generation != self.current.load(Ordering::SeqCst) {
            return Err(WorkFailed::Displaced);
        }
        worker.prove(job, alive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The job is none, so that whoever comes as far as looking at it says so.
    #[test]
    fn workers_of_a_displaced_batch_prove_nothing() {
        let config = ProverConfig::default();
        let worker = LocalWorker::new(Prover::new(config).unwrap(), Arc::default());
        let keys = ProvingKeys { directory: std::env::temp_dir(), l1_chain_id: 31_337 };
        let crew = LocalCrew::new(keys, NonZeroUsize::MIN, config);
        *crew.ready.lock().unwrap() = Some((B256::ZERO, vec![Arc::new(Mutex::new(worker))]));
        let worker = || crew.workers(&VerifyingKeys::default(), B256::ZERO).unwrap().remove(0);
        let prove = |worker: &mut Box<dyn Worker>| worker.prove(&[], &mut |_| ()).unwrap_err();
        let mut before = worker();
        assert!(matches!(prove(&mut before), WorkFailed::Job(_)));
        let mut after = worker();
        assert!(matches!(prove(&mut before), WorkFailed::Displaced));
        assert!(matches!(prove(&mut after), WorkFailed::Job(_)));
    }
}
