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
    reasons: Arc<Mutex<BTreeMap<&'static str, Reason>>>,
}

#[derive(Debug)]
struct Reason {
    since: Instant,
    why: String,
}

impl Readiness {
    /// Something that keeps the process from its work while it lasts, once it has lasted for `grace`. `what` is its name in the answers.
    pub fn trouble(&self, what: &'static str, grace: Duration) -> Trouble {
        Trouble { what, readiness: self.clone(), reminder: Reminder::after(grace) }
    }

    /// All reasons now, `what: why (for so many seconds)` each; none if the process is ready.
    pub fn reasons(&self) -> Vec<String> {
        let told = |(what, Reason { since, why }): (&&str, &Reason)| {
            format!("{what}: {why} (for {} s)", since.elapsed().as_secs())
        };
        self.lock().iter().map(told).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Reason>> {
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
    /// Something is under way that may come to last: how long is counted from now on.
    pub fn begins(&mut self) {
        self.reminder.begins(Instant::now());
    }

    /// Whether it has lasted for long enough to be said.
    pub fn is_told(&self) -> bool {
        self.reminder.mentioned_since().is_some()
    }

    /// It lasts, for this reason, which may be another one than before. How long, if that is to be said in the log.
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

    /// As [`Trouble::holds`], for whoever has a clock of its own.
    pub fn holds_at(&mut self, now: Instant, why: impl FnOnce() -> String) -> Option<Duration> {
        let lasts = self.reminder.holds(now);
        if let Some(since) = self.reminder.mentioned_since() {
            self.readiness.lock().insert(self.what, Reason { since, why: why() });
        }
        lasts
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
        assert_eq!(readiness.reasons(), ["L1: silent (for 0 s)", "blobs: of batch 7 missing (for 0 s)"]);
        assert_eq!(blobs.holds_at(start, || "of batch 8 missing".into()), None, "said a moment ago");
        assert_eq!(readiness.reasons().last().unwrap(), "blobs: of batch 8 missing (for 0 s)", "the newest reason");
        assert!(l1.is_told() && l1.is_over().is_some() && !l1.is_told());
        drop(blobs);
        assert!(readiness.reasons().is_empty());
    }
}
