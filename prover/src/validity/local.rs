//! A worker in this process, with all cores that its prover has.

use std::{collections::BTreeMap, sync::Arc};

use tandem_circuits::{
    circuit::CircuitId,
    groth16::{ChunkJob, Key, Prover, Stage},
};

use super::worker::{WorkFailed, Worker};

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
