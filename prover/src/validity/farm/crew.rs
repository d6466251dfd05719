//! A farm in the place of this process's own workers: what the coordinator's service calls.
//!
//! The service proves on threads that may block; the client of the engine is asynchronous, and is driven from them on the service's own runtime.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use alloy::primitives::B256;
use tandem_circuits::groth16::{ProvenBatch, VerifyingKeys};
use tandem_l1::Backoff;
use tandem_service::Readiness;
use tokio::{runtime::Handle, sync::watch};
use tokio_util::sync::CancellationToken;

use super::{
    config::FarmConfig,
    engine::Engine,
    keys::{FarmKeysError, SharedKeys, share},
    people::People,
    shift::{Batch, Farm, Memory, Shift},
    troubles::{EngineTrouble, IdleTrouble, StuckTrouble},
};
use crate::validity::{
    crew::{Crew, CrewError, Task, WorkError},
    keys::ProvingKeys,
    pool::{Event, ProvingError},
    service::status::Status,
    worker::Worker,
};

/// Workers on other machines.
#[derive(Debug)]
pub struct FarmCrew {
    engine: Engine,
    /// The chain, by the hash of its configuration.
    config_hash: B256,
    config: FarmConfig,
    /// The proving keys that the farm gets, if it does.
    shared: Option<SharedKeys>,
    runtime: Handle,
    status: watch::Sender<Status>,
    /// Cancelled when the process ends: what is out then is still wanted.
    end: CancellationToken,
    /// What lasts from batch to batch. A lock, since the service has one batch proven at a time, and whoever comes too early waits.
    memory: Mutex<Memory>,
}

impl FarmCrew {
    /// The farm of the chain whose configuration has this hash. With `shared`, workers that have no proving keys get these. `end` is cancelled when the process ends.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn new(
        engine: Engine,
        config_hash: B256,
        config: FarmConfig,
        shared: Option<ProvingKeys>,
        status: watch::Sender<Status>,
        readiness: &Readiness,
        end: CancellationToken,
    ) -> Self {
        let memory = Memory {
            people: People::default(),
            engine: EngineTrouble::new(readiness),
            idle: IdleTrouble::new(readiness),
            stuck: StuckTrouble::new(readiness),
        };
        let (shared, memory) = (shared.map(SharedKeys::new), Mutex::new(memory));
        Self { engine, config_hash, config, shared, runtime: Handle::current(), status, end, memory }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the farm its keys. An engine that is away is waited for.
    async fn make_ready(
        &self,
        memory: &mut Memory,
        keys: &VerifyingKeys,
        keys_hash: B256,
    ) -> Result<(), FarmKeysError> {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        loop {
            match self.share(keys, keys_hash).await {
                Err(FarmKeysError::Farm(error)) => memory.engine.holds(&self.engine, &error),
                shared => {
                    memory.engine.is_over();
                    return shared;
                }
            }
            tokio::time::sleep(backoff.delay()).await;
        }
    }

    async fn share(&self, keys: &VerifyingKeys, keys_hash: B256) -> Result<(), FarmKeysError> {
        let halls = self.engine.make(self.config.lease).await?;
        share(&halls.keys, keys, keys_hash, self.shared.as_ref()).await
    }
}

impl Crew for FarmCrew {
    fn workers(&self, keys: &VerifyingKeys, keys_hash: B256) -> Result<Vec<Box<dyn Worker>>, CrewError> {
        let mut memory = self.memory();
        self.runtime.block_on(self.make_ready(&mut memory, keys, keys_hash))?;
        Ok(Vec::new())
    }

    fn prove(&self, task: Task<'_>, observe: &mut dyn FnMut(Event<'_>)) -> Result<ProvenBatch, WorkError> {
        let Task { coordinator, keys, keys_hash, file, token } = task;
        file.store(coordinator.assembly())?;
        if coordinator.missing() == 0 {
            return Ok(coordinator.into_assembly().finish().map_err(ProvingError::from)?);
        }
        let (engine, config, status) = (&self.engine, self.config, &self.status);
        let farm = Farm { engine, config, keys, shared: self.shared.as_ref(), status, end: &self.end };
        let batch = Batch::new(self.config_hash, keys_hash, coordinator.assembly());
        let mut memory = self.memory();
        let shift = Shift::new(farm, batch, coordinator, file, &mut memory, observe);
        self.runtime.block_on(shift.run(token))
    }
}
