//! Turns for work that blocks: so much of it at a time, so much of it waiting, and the rest refused at once.

use std::{sync::Arc, time::Instant};

use tokio::sync::Semaphore;

use super::{RpcError, RpcLimits};

/// The turns of all requests, and of a request that has its turn the time that it has. Cheap to clone.
#[derive(Clone)]
pub struct Turns {
    /// For what only reads or executes.
    questions: Lane,
    /// For transactions that are offered: questions, however many and slow, keep none of them waiting, and have none refused.
    offers: Lane,
    limits: RpcLimits,
    /// Until when the request may work; none until it begins.
    deadline: Option<Instant>,
}

/// Blocking work of one kind. Semaphores rather than channels: refusal must be immediate.
#[derive(Clone)]
struct Lane {
    /// Counts all of it.
    waiting: Arc<Semaphore>,
    /// Counts what is under way.
    working: Arc<Semaphore>,
}

impl Turns {
    /// As many as the limits say.
    pub fn new(limits: RpcLimits) -> Self {
        Self { questions: Lane::new(&limits), offers: Lane::new(&limits), limits, deadline: None }
    }

    /// Runs what only reads or executes off the network threads. The work gets turns that know when its time is over.
    pub async fn question<T: Send + 'static>(
        self,
        work: impl FnOnce(Self) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let lane = self.questions.clone();
        self.take(lane, work).await
    }

    /// Likewise, what concerns a transaction that is offered.
    pub async fn offer<T: Send + 'static>(
        self,
        work: impl FnOnce(Self) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let lane = self.offers.clone();
        self.take(lane, work).await
    }

    async fn take<T: Send + 'static>(
        self,
        lane: Lane,
        work: impl FnOnce(Self) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let place = lane.waiting.try_acquire_owned().map_err(|_| RpcError::Overloaded)?;
        let turn = lane.working.acquire_owned().await.map_err(|_| RpcError::Overloaded)?;
        let done = tokio::task::spawn_blocking(move || {
            let _held = (place, turn);
            let deadline = Instant::now().checked_add(self.limits.execution_time_max());
            work(Self { deadline, ..self })
        });
        done.await.map_err(|error| RpcError::Internal(error.to_string()))?
    }

    /// An error once the request has worked for as long as it may.
    pub fn check_time(&self) -> Result<(), RpcError> {
        match self.deadline {
            Some(deadline) if Instant::now() > deadline => {
                Err(RpcError::TakesTooLong { limit_s: self.limits.execution_time_max_s })
            }
            _ => Ok(()),
        }
    }
}

impl Lane {
    fn new(limits: &RpcLimits) -> Self {
        Self {
            waiting: Arc::new(Semaphore::new(limits.waiting_max)),
            working: Arc::new(Semaphore::new(limits.working())),
        }
    }
}
