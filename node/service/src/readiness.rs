//! Why a process is not ready, for `/readyz` and for the log alike: what lasts is said by who notices it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::Reminder;

/// The reasons of one process. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    /// By what it is about. A lock, since whoever is asked is none of those who notice, and no question waits for another.
    reasons: Arc<Mutex<BTreeMap<&'static str, String>>>,
}

impl Readiness {
    /// Something that keeps the process from its work while it lasts, once it has lasted for `grace`. `what` is its name in the answers.
    pub fn trouble(&self, what: &'static str, grace: Duration) -> Trouble {
        Trouble { what, readiness: self.clone(), reminder: Reminder::after(grace) }
    }

    /// All reasons now, `what: why` each; none if the process is ready.
    pub fn reasons(&self) -> Vec<String> {
        self.lock().iter().map(|(what, why)| format!("{what}: {why}")).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One thing that may keep a process from its work. Over when dropped.
#[derive(Debug)]
pub struct Trouble {
    what: &'static str,
    readiness: Readiness,
    reminder: Reminder,
}

impl Trouble {
    /// It lasts, for this reason. How long, if that is to be said in the log.
    pub fn holds(&mut self, why: impl FnOnce() -> String) -> Option<Duration> {
        self.holds_at(Instant::now(), why)
    }

    /// It does not last, or not any more. How long it did, if that had been said.
    pub fn is_over(&mut self) -> Option<Duration> {
        let lasted = self.reminder.is_over(Instant::now());
        if lasted.is_some() {
            self.readiness.lock().remove(self.what);
        }
        lasted
    }

    fn holds_at(&mut self, now: Instant, why: impl FnOnce() -> String) -> Option<Duration> {
        let lasts = self.reminder.holds(now)?;
        self.readiness.lock().insert(self.what, why());
        Some(lasts)
    }
}

impl Drop for Trouble {
    fn drop(&mut self) {
        self.is_over();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_unready_while_something_lasts() {
        let (readiness, start) = (Readiness::default(), Instant::now());
        let grace = Duration::from_secs(10);
        let (mut l1, mut blobs) = (readiness.trouble("L1", grace), readiness.trouble("blobs", Duration::ZERO));
        assert_eq!(l1.holds_at(start, || "silent".into()), None);
        assert!(readiness.reasons().is_empty(), "not yet");
        assert_eq!(l1.holds_at(start + grace, || "silent".into()), Some(grace));
        assert_eq!(blobs.holds_at(start, || "of batch 7 missing".into()), Some(Duration::ZERO));
        assert_eq!(readiness.reasons(), ["L1: silent", "blobs: of batch 7 missing"]);
        assert!(l1.is_over().is_some());
        drop(blobs);
        assert!(readiness.reasons().is_empty());
    }
}
