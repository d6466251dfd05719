//! Whether a submitter gets anywhere: says so in the log, again and again, and to whoever serves readiness.

use std::{
    fmt::{self, Display},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// Nothing went to L1 for longer than the submitter's patience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// What waits.
    pub purpose: String,
    /// Nonce that it is to take; none if L1 did not even tell.
    pub nonce: Option<u64>,
    /// For how long nothing moved.
    pub waited: Duration,
    /// What is in the way, and what an operator can do.
    pub reason: String,
}

impl Display for Stuck {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} waits to go to L1 for {} s", self.purpose, self.waited.as_secs())?;
        if let Some(nonce) = self.nonce {
            write!(out, " (nonce {nonce})")?;
        }
        write!(out, ": {}", self.reason)
    }
}

/// The watch of one submitter.
#[derive(Debug)]
pub(super) struct Progress {
    patience: Duration,
    /// When the oldest thing that waits began to.
    since: Option<Instant>,
    told: Option<Instant>,
    stuck: watch::Sender<Option<Stuck>>,
}

impl Progress {
    pub fn new(patience: Duration) -> Self {
        Self { patience, since: None, told: None, stuck: watch::Sender::new(None) }
    }

    pub fn watch(&self) -> watch::Receiver<Option<Stuck>> {
        self.stuck.subscribe()
    }

    /// Something is to go to L1.
    pub fn begins(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    /// It has not yet.
    pub fn waits(&mut self, purpose: &str, nonce: Option<u64>, reason: impl Display) {
        let waited = self.since.get_or_insert_with(Instant::now).elapsed();
        if waited < self.patience {
            return;
        }
        let stuck = Stuck { purpose: purpose.into(), nonce, waited, reason: reason.to_string() };
        if self.told.is_none_or(|told| told.elapsed() >= self.patience) {
            self.told = Some(Instant::now());
            tracing::warn!(
                purpose,
                nonce,
                waited_s = waited.as_secs(),
                reason = stuck.reason,
                "nothing goes to L1 from this key"
            );
        }
        self.stuck.send_replace(Some(stuck));
    }

    /// Something went to L1, or nothing is to go.
    pub fn moved(&mut self) {
        (self.since, self.told) = (None, None);
        self.stuck.send_if_modified(|stuck| stuck.take().is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_told_after_the_patience_and_forgotten_with_the_first_move() {
        let mut patient = Progress::new(Duration::from_secs(3_600));
        patient.waits("batch 5", Some(7), "no reason");
        assert_eq!(*patient.watch().borrow(), None);

        let mut progress = Progress::new(Duration::ZERO);
        let watch = progress.watch();
        progress.waits("batch 5", Some(7), "no reason");
        let told = watch.borrow().as_ref().map(Stuck::to_string);
        assert_eq!(told.as_deref(), Some("batch 5 waits to go to L1 for 0 s (nonce 7): no reason"));
        progress.moved();
        assert_eq!(*watch.borrow(), None);
    }
}
