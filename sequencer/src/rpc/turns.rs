//! Turns for work that blocks: so much of it at a time, so much of it waiting, and the rest refused at once.

use std::{sync::Arc, time::Instant};

use tokio::sync::Semaphore;

use super::{RpcError, RpcLimits};

/// Blocking work of one kind. Semaphores rather than channels: refusal must be immediate. Cheap to clone.
#[derive(Clone)]
pub struct Turns {
    /// Counts all of it.
    waiting: Arc<Semaphore>,
    /// Counts what is under way.
    working: Arc<Semaphore>,
}

impl Turns {
    /// As many as the limits say.
    pub fn new(limits: &RpcLimits) -> Self {
        Self {
            waiting: Arc::new(Semaphore::new(limits.waiting_max)),
            working: Arc::new(Semaphore::new(limits.working())),
        }
    }

    /// Runs work off the network threads; it is told when its time is over.
    pub async fn take<T: Send + 'static>(
        self,
        limits: RpcLimits,
        work: impl FnOnce(Option<Instant>) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let place = self.waiting.try_acquire_owned().map_err(|_| RpcError::Overloaded)?;
        let turn = self.working.acquire_owned().await.map_err(|_| RpcError::Overloaded)?;
        let done = tokio::task::spawn_blocking(move || {
            let _held = (place, turn);
            work(Instant::now().checked_add(limits.execution_time_max()))
        });
        done.await.map_err(|error| RpcError::Internal(error.to_string()))?
    }
}
