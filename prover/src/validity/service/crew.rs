//! Who proves: the workers of a batch, which on one machine are threads of this process with the keys in its memory.

use std::{
    collections::BTreeSet,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use alloy::primitives::B256;
use tandem_circuits::{
    circuit::CircuitId,
    groth16::{ProveError, ProvenBatch, Prover, ProverConfig, Stage, VerifyingKeys},
};
use tandem_payments::batch::Circuits;
use tokio_util::sync::CancellationToken;

use super::work::WorkError;
use crate::validity::{
    coordinator::Coordinator,
    farm::keys::FarmKeysError,
    file::BatchFile,
    keys::{KeysError, ProvingKeys, circuits},
    local::LocalWorker,
    pool::{self, Event},
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
    /// Their hash.
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

/// The circuits that batches are cut for where L1 has these keys: those whose proving keys are needed, of each family two at most.
pub fn circuit_ids(keys: &VerifyingKeys) -> BTreeSet<CircuitId> {
    let cut = circuits(keys).into_iter();
    let numbers = cut.flat_map(|Circuits { apply, session, ethereum, register }| {
        let families = [session, ethereum, register].into_iter().flatten().flatten();
        apply.map(|circuit| circuit.id).into_iter().chain(families.map(|circuit| circuit.id))
    });
    numbers.filter_map(CircuitId::numbered).filter(|circuit| keys.contains_key(circuit)).collect()
}

/// Limits of each of several provers of one process, which share its cores unless so many threads are named.
pub fn prover_config(workers: NonZeroUsize, threads: Option<usize>, memory_mib: u64) -> ProverConfig {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let share = cores.div_ceil(workers.get());
    ProverConfig { threads: Some(threads.unwrap_or(share)), memory_bytes_max: memory_mib.saturating_mul(1 << 20) }
}

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
