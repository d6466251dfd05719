//! What the service says of itself: what it proves, and whether L1, the sequencer and the workers let it.

use tandem_service::Readiness;
use tokio::sync::watch;

use super::status::Status;
use crate::health::Health;

/// What the answers are made of.
#[derive(Clone, Debug)]
pub struct View {
    /// How far the service is.
    pub status: watch::Receiver<Status>,
    /// What keeps it from proving.
    pub readiness: Readiness,
}

impl Health for View {
    type Status = Status;

    fn unready(&self) -> Vec<String> {
        let mut reasons = self.readiness.reasons();
        if self.status.borrow().l1_block == 0 {
            reasons.push("L1 is not reached yet".into());
        }
        reasons
    }

    fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    fn health(&self) -> String {
        let status = self.status.borrow();
        match status.proving_batch {
            0 => "up; nothing to prove\n".into(),
            batch => format!("up; proving batch {batch}, {} chunks to go\n", status.missing_chunks),
        }
    }

    fn metrics(&self) -> String {
        self.status.borrow().metrics(self.unready().len())
    }
}
