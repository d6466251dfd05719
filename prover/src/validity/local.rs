//! A worker in this process, with all cores that its prover has.

use std::{collections::BTreeMap, num::NonZeroUsize, sync::Arc};

use tandem_circuits::{
    circuit::CircuitId,
    groth16::{ChunkJob, Key, Prover, ProverConfig, Stage},
};

use super::worker::{WorkFailed, Worker};

/// Limits of each of several provers of one process, which share its cores unless so many threads are named.
pub fn prover_config(workers: NonZeroUsize, threads: Option<usize>, memory_mib: u64) -> ProverConfig {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let share = cores.div_ceil(workers.get());
    ProverConfig { threads: Some(threads.unwrap_or(share)), memory_bytes_max: memory_mib.saturating_mul(1 << 20) }
}

/// Proves with keys in memory.
#[derive(Debug)]
pub struct LocalWorker {
    prover: Prover,
    keys: Arc<BTreeMap<CircuitId, Key>>,
}

impl LocalWorker {
    /// A worker with these keys, which several may share.
    pub fn new(prover: Prover, keys: Arc<BTreeMap<CircuitId, Key>>) -> Self {
        Self { prover, keys }
    }
}

impl Worker for LocalWorker {
    fn prove(&mut self, job: &[u8], alive: &mut (dyn FnMut(Stage) + Send)) -> Result<Vec<u8>, WorkFailed> {
        let job = ChunkJob::decode(job)?;
        let circuit = job.circuit();
        let key = self.keys.get(&circuit).ok_or(WorkFailed::NoKey(circuit.name()))?;
        Ok(job.prove(&self.prover, key, alive)?.encode())
    }
}
