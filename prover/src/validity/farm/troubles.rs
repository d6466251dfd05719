//! What keeps a farm from working, as `/readyz` and the log tell it. All of it passes by itself, or once somebody starts what is missing.

use std::time::Duration;

use tandem_service::{Readiness, Trouble};

use super::{
    engine::{Engine, Obstacle},
    keys::FarmKeysError,
    names::WorkerName,
};
use crate::validity::worker::WorkFailed;

/// An engine that restarts is no trouble before.
const ENGINE_GRACE: Duration = Duration::from_secs(30);
/// Jobs may wait for so long, while workers come or finish others.
const IDLE_GRACE: Duration = Duration::from_secs(120);

/// The engine is away, or does not let this program in. Of coordinator and workers.
#[derive(Debug)]
pub struct EngineTrouble {
    away: Trouble,
    refusal: Trouble,
}

impl EngineTrouble {
    /// Without any trouble yet.
    pub fn new(readiness: &Readiness) -> Self {
        let away = readiness.trouble("the farm's engine", ENGINE_GRACE);
        Self { away, refusal: readiness.trouble("the farm's user", Duration::ZERO) }
    }

    /// It does not do what it is asked.
    pub fn holds(&mut self, engine: &Engine, why: &impl ToString) {
        let obstacle = engine.obstacle();
        if let Some(Obstacle { why, is_refusal: true }) = &obstacle {
            if self.refusal.holds(|| why.clone()).is_some() {
                tracing::error!(
                    why,
                    "the farm's engine does not let this program in: check --farm-user and its password; trying on"
                );
            }
            return;
        }
        self.refusal.is_over();
        let mut why = why.to_string();
        if let Some(obstacle) = obstacle {
            why = format!("{why} ({})", obstacle.why);
        }
        if let Some(lasts) = self.away.holds(|| why.clone()) {
            tracing::warn!(
                seconds = lasts.as_secs(),
                why,
                "the farm's engine does not do its work: check NATS, --farm, and that the coordinator runs; nothing is lost, trying on"
            );
        }
    }

    /// The engine works again, if it did not.
    pub fn is_over(&mut self) {
        self.refusal.is_over();
        if let Some(lasted) = self.away.is_over() {
            tracing::info!(seconds = lasted.as_secs(), "the farm's engine works again");
        }
    }
}

/// Nobody takes jobs. Of the coordinator.
#[derive(Debug)]
pub struct IdleTrouble(Trouble);

impl IdleTrouble {
    /// Without any trouble yet.
    pub fn new(readiness: &Readiness) -> Self {
        Self(readiness.trouble("the farm's workers", IDLE_GRACE))
    }

    /// So many jobs wait, and none is at work.
    pub fn holds(&mut self, jobs: usize) {
        if let Some(lasts) = self.0.holds(|| format!("{jobs} jobs wait, and nobody is at work")) {
            tracing::warn!(
                seconds = lasts.as_secs(),
                jobs,
                "nobody takes the farm's jobs: start workers (tandem-prover work), or look at their logs"
            );
        }
    }

    /// Somebody is at work, or nothing is to be done.
    pub fn is_over(&mut self) {
        self.0.is_over();
    }
}

/// What became last of a chunk that is not proven.
#[derive(Clone, Debug)]
pub struct LastFault {
    /// The worker that was at fault, as far as that is known.
    pub worker: Option<WorkerName>,
    /// Number of the chunk.
    pub chunk: u32,
    /// What was wrong.
    pub fault: String,
}

/// Workers are there, and none gets on with a chunk. Of the coordinator.
#[derive(Debug)]
pub struct StuckTrouble(Trouble);

impl StuckTrouble {
    /// Without any trouble yet.
    pub fn new(readiness: &Readiness) -> Self {
        Self(readiness.trouble("the farm's proofs", Duration::ZERO))
    }

    /// A chunk of a batch failed so often, or everybody who is heard of only fails.
    pub fn holds(&mut self, batch: u64, chunk: u32, failures: u32, last: &LastFault) {
        let worker = last.worker.as_ref().map_or("nobody", WorkerName::as_str);
        // Numbered from one, as everywhere in the log.
        let (number, fault) = (chunk.saturating_add(1), &last.fault);
        let why = || format!("chunk {number} of batch {batch} failed {failures} times; the last, {worker}: {fault}");
        if self.0.holds(why).is_some() {
            tracing::error!(
                batch,
                chunk = number,
                failures,
                worker,
                error = fault,
                "no worker of the farm gets on with a chunk: see its last fault, and compare version, keys and memory of coordinator and workers; trying on, ever more rarely"
            );
        }
    }

    /// They get on, or nothing is to be done.
    pub fn is_over(&mut self) {
        self.0.is_over();
    }
}

/// This machine cannot prove. Of a worker.
#[derive(Debug)]
pub struct MachineTrouble(Trouble);

impl MachineTrouble {
    /// Without any trouble yet.
    pub fn new(readiness: &Readiness) -> Self {
        Self(readiness.trouble("this machine", Duration::ZERO))
    }

    /// A job cannot be proven here; elsewhere it can.
    pub fn holds(&mut self, error: &WorkFailed) {
        if self.0.holds(|| error.to_string()).is_some() {
            tracing::warn!(
                %error,
                "this machine cannot prove a job of the farm, which goes back: see --proving-memory-mib, or take its worker away"
            );
        }
    }

    /// This machine has proven something.
    pub fn is_over(&mut self) {
        self.0.is_over();
    }
}

/// There are no proving keys. Of a worker.
#[derive(Debug)]
pub struct KeysTrouble(Trouble);

impl KeysTrouble {
    /// Without any trouble yet.
    pub fn new(readiness: &Readiness) -> Self {
        Self(readiness.trouble("proving keys", Duration::ZERO))
    }

    /// A job cannot be begun without them.
    pub fn holds(&mut self, error: &FarmKeysError) {
        if self.0.holds(|| error.to_string()).is_some() {
            tracing::warn!(
                %error,
                "there are no proving keys for a job of the farm, which goes back: give them with --keys, or have the coordinator share its own (--farm-share-keys)"
            );
        }
    }

    /// The keys are there: no trouble any more.
    pub fn is_over(&mut self) {
        self.0.is_over();
    }
}
