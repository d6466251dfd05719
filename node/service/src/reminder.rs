//! What lasts is said when it begins, again every minute while it lasts, and once when it is over.

use std::time::{Duration, Instant};

/// Time between two mentions of the same, unless another is chosen.
const INTERVAL: Duration = Duration::from_secs(60);

/// Decides when a state that lasts is to be mentioned. The caller says what it is.
#[derive(Clone, Copy, Debug)]
pub struct Reminder {
    grace: Duration,
    interval: Duration,
    since: Option<Instant>,
    mentioned: Option<Instant>,
}

impl Default for Reminder {
    fn default() -> Self {
        Self { grace: Duration::ZERO, interval: INTERVAL, since: None, mentioned: None }
    }
}

impl Reminder {
    /// For a state that is nothing to speak of until it has lasted for `grace`.
    pub fn after(grace: Duration) -> Self {
        Self { grace, ..Self::default() }
    }

    /// With so much time between two mentions.
    pub fn every(self, interval: Duration) -> Self {
        Self { interval, ..self }
    }

    /// It may come to be so: what is under way since `now` has not ended yet.
    pub fn begins(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// Since when it has been so, if that was mentioned.
    pub fn mentioned_since(&self) -> Option<Instant> {
        self.mentioned.and(self.since)
    }

    /// It is so `now`. How long it has been, if that is to be said.
    pub fn holds(&mut self, now: Instant) -> Option<Duration> {
        let lasts = now.saturating_duration_since(*self.since.get_or_insert(now));
        let is_due = self.mentioned.is_none_or(|mentioned| now.saturating_duration_since(mentioned) >= self.interval);
        if lasts < self.grace || !is_due {
            return None;
        }
        self.mentioned = Some(now);
        Some(lasts)
    }

    /// It is not so, or not any more. How long it was, if it had been mentioned.
    pub fn is_over(&mut self, now: Instant) -> Option<Duration> {
        let since = self.since.take();
        self.mentioned.take().and(since).map(|since| now.saturating_duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_is_said_at_once_again_and_when_it_is_over() {
        let (mut reminder, start) = (Reminder::default(), Instant::now());
        assert_eq!(reminder.is_over(start), None, "it never was");
        assert_eq!(reminder.holds(start), Some(Duration::ZERO));
        assert_eq!(reminder.holds(start + 59 * SECOND), None);
        assert_eq!(reminder.holds(start + 61 * SECOND), Some(61 * SECOND));
        assert_eq!(reminder.holds(start + 120 * SECOND), None, "a minute after the last mention");
        assert_eq!(reminder.holds(start + 121 * SECOND), Some(121 * SECOND));
        assert_eq!(reminder.is_over(start + 130 * SECOND), Some(130 * SECOND));
        assert_eq!(reminder.is_over(start + 131 * SECOND), None);
        assert_eq!(reminder.holds(start + 140 * SECOND), Some(Duration::ZERO), "it begins anew");
    }

    #[test]
    fn what_passes_within_its_grace_is_never_mentioned() {
        let (mut reminder, start) = (Reminder::after(10 * SECOND), Instant::now());
        assert_eq!(reminder.holds(start), None);
        assert_eq!(reminder.holds(start + 9 * SECOND), None);
        assert_eq!(reminder.is_over(start + 9 * SECOND), None);
        assert_eq!(reminder.holds(start + 11 * SECOND), None, "it began again");
        assert_eq!(reminder.holds(start + 21 * SECOND), Some(10 * SECOND));
        assert_eq!(reminder.is_over(start + 22 * SECOND), Some(11 * SECOND));
        reminder.begins(start + 30 * SECOND);
        assert_eq!(reminder.mentioned_since(), None);
        assert_eq!(reminder.holds(start + 40 * SECOND), Some(10 * SECOND), "counted from its beginning");
        assert_eq!(reminder.mentioned_since(), Some(start + 30 * SECOND));
    }
}
