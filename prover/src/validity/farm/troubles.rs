//! What keeps a farm from working, as `/readyz` and the log tell it. All of it passes by itself, or once somebody starts what is missing.

use std::time::Duration;

use tandem_service::{Readiness, Trouble};

use super::{engine::Engine, keys::FarmKeysError};

/// An engine that restarts is no trouble before.
const ENGINE_GRACE: Duration = Duration::from_secs(30);
/// Jobs may wait for so long, while workers come or finish others.
const IDLE_GRACE: Duration = Duration::from_secs(120);

/// The engine is away. Of coordinator and workers.
#[derive(Debug)]
pub struct EngineTrouble(Trouble);

impl EngineTrouble {
    /// Without any trouble yet.
    pub fn new(readiness: &Readiness) -> Self {
        Self(readiness.trouble("the farm's engine", ENGINE_GRACE))
    }

    /// It does not do what it is asked.
    pub fn holds(&mut self, engine: &Engine, why: &impl ToString) {
        let mut why = why.to_string();
        if let Some(obstacle) = engine.obstacle() {
            why = format!("{why} ({obstacle})");
        }
        if let Some(lasts) = self.0.holds(|| why.clone()) {
            tracing::warn!(
                seconds = lasts.as_secs(),
                why,
                "the farm's engine does not do its work: check NATS, --farm, and that the coordinator runs; nothing is lost, trying on"
            );
        }
    }

    /// It works.
    pub fn is_over(&mut self) {
        if let Some(lasted) = self.0.is_over() {
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

    /// They are there.
    pub fn is_over(&mut self) {
        self.0.is_over();
    }
}
