//! The two clocks of a machine. They are never compared with each other: waits are measured on the one that only runs forward, dates are read
//! from the other one, which an operator, a time server or a fault may set back or ahead at any moment.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// A point on the clock that only runs forward. It means nothing to another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

/// Where moments begin, so that there is room for waits that began before the process did.
const BEGINNING: Duration = Duration::from_secs(1 << 32);

/// Tells moments and dates. Clones tell the same.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    /// The machine's clocks, and when this one was made.
    System(Instant),
    Manual(ManualClock),
}

impl Clock {
    /// The clocks of this machine.
    pub fn system() -> Self {
        Self(Source::System(Instant::now()))
    }

    /// Now, to measure a wait from.
    pub fn moment(&self) -> Moment {
        Moment(match &self.0 {
            Source::System(start) => BEGINNING.saturating_add(start.elapsed()),
            Source::Manual(manual) => BEGINNING.saturating_add(manual.passed()),
        })
    }

    /// The moment that lies so far back.
    pub fn ago(&self, duration: Duration) -> Moment {
        Moment(self.moment().0.saturating_sub(duration))
    }

    /// Now, for what reminds the operator.
    pub fn instant(&self) -> Instant {
        match &self.0 {
            Source::System(_) => Instant::now(),
            Source::Manual(manual) => manual.start + manual.passed(),
        }
    }

    /// How long ago a moment was.
    pub fn since(&self, moment: Moment) -> Duration {
        self.moment().0.saturating_sub(moment.0)
    }

    /// The date, in seconds since the Unix epoch, as the machine believes it is.
    pub fn unix_s(&self) -> u64 {
        match &self.0 {
            Source::System(_) => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs()),
            Source::Manual(manual) => manual.unix_s(),
        }
    }
}

/// A clock that a test moves.
#[derive(Clone, Debug)]
pub struct ManualClock {
    start: Instant,
    /// Milliseconds on the clock that only runs forward.
    passed_ms: Arc<AtomicU64>,
    /// The date in milliseconds when nothing had passed.
    epoch_ms: Arc<AtomicU64>,
}

impl ManualClock {
    /// A clock that stands at this date, in seconds since the Unix epoch.
    pub fn at(unix_s: u64) -> Self {
        Self {
            start: Instant::now(),
            passed_ms: Arc::default(),
            epoch_ms: Arc::new(AtomicU64::new(unix_s.saturating_mul(1_000))),
        }
    }

    /// What others read it by.
    pub fn clock(&self) -> Clock {
        Clock(Source::Manual(self.clone()))
    }

    /// Lets time pass, on both clocks.
    pub fn advance(&self, duration: Duration) {
        self.passed_ms.fetch_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Sets the date and leaves the clock of waits alone, as whoever sets a machine's clock does.
    pub fn set_unix_s(&self, unix_s: u64) {
        let epoch_ms = unix_s.saturating_mul(1_000).saturating_sub(self.passed_ms.load(Ordering::SeqCst));
        self.epoch_ms.store(epoch_ms, Ordering::SeqCst);
    }

    /// The date in seconds since the Unix epoch.
    pub fn unix_s(&self) -> u64 {
        self.epoch_ms.load(Ordering::SeqCst).saturating_add(self.passed_ms.load(Ordering::SeqCst)) / 1_000
    }

    fn passed(&self) -> Duration {
        Duration::from_millis(self.passed_ms.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_that_is_set_ends_no_wait() {
        let manual = ManualClock::at(1_000);
        let clock = manual.clock();
        let began = clock.moment();
        manual.set_unix_s(5_000);
        assert_eq!((clock.since(began), clock.unix_s()), (Duration::ZERO, 5_000));
        manual.set_unix_s(10);
        manual.advance(Duration::from_secs(3));
        assert_eq!((clock.since(began), clock.unix_s()), (Duration::from_secs(3), 13));
        assert_eq!(clock.since(clock.ago(Duration::from_secs(60))), Duration::from_secs(60));
    }
}
