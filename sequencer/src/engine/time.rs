//! What blocks are dated (EVM-TIME-1), whatever the machine's clock says.
//!
//! L1's time is what its newest block says plus what has passed since that was heard. A block is dated by the machine's clock as long as
//! that lies between L1's time and a little after it: L1's newest block is always somewhat old. Else it is dated by the nearer end of
//! that span, so that time goes on however wrong the machine is, and so that no batch is posted so early by L1's clock that its blocks
//! would be dated anew.

use std::time::Duration;

use tandem_service::Reminder;
use tracing::{info, warn};

use crate::clock::{Clock, Moment};

/// By how many seconds a block may be dated after L1's time, if the chain's own limit allows as much.
const LEAD_S_MAX: u64 = 60;
/// Difference between the two clocks, in seconds, beyond which the operator is told.
const SKEW_S_MAX: i64 = 60;
/// How often: on a devnet whose time was moved it is no fault.
const SKEW_TOLD_EVERY: Duration = Duration::from_secs(600);

/// Decides which time a block is dated with.
#[derive(Debug)]
pub(super) struct ChainTime {
    /// The clocks of the machine.
    pub clock: Clock,
    /// Time of L1's newest block in seconds, and when it was heard.
    l1: Option<(u64, Moment)>,
    lead_s_max: u64,
    told_of_skew: Reminder,
}

impl ChainTime {
    /// Without word of L1 yet. `drift_s_max`: by how much a block may be dated after its batch was posted.
    pub fn new(clock: Clock, drift_s_max: u64) -> Self {
        let told_of_skew = Reminder::default().every(SKEW_TOLD_EVERY);
        Self { clock, l1: None, lead_s_max: drift_s_max.min(LEAD_S_MAX), told_of_skew }
    }

    /// L1's newest block has this time, in seconds.
    pub fn hear(&mut self, l1_s: u64) {
        self.l1 = Some((l1_s, self.clock.moment()));
    }

    /// L1's time in seconds, if anything was heard.
    fn l1_s(&self) -> Option<u64> {
        let (l1_s, heard) = self.l1?;
        Some(l1_s.saturating_add(self.clock.since(heard).as_secs()))
    }

    /// What a block that is built now is dated, before its parent and its checkpoint are looked at; in seconds.
    pub fn now_s(&self) -> u64 {
        let machine_s = self.clock.unix_s();
        self.l1_s().map_or(machine_s, |l1_s| machine_s.clamp(l1_s, l1_s.saturating_add(self.lead_s_max)))
    }

    /// The moment at which it was `unix_s`, as long as that is at most `max` ago: how old something is that another process dated.
    pub fn moment_of(&self, unix_s: u64, max: Duration) -> Moment {
        self.clock.ago(Duration::from_secs(self.now_s().saturating_sub(unix_s)).min(max))
    }

    /// By how many seconds the machine's clock is ahead of L1's (behind it, if negative), if that is too much and it is time to say so.
    fn skew_to_tell(&mut self) -> Option<i64> {
        let machine_s = i64::try_from(self.clock.unix_s()).unwrap_or(i64::MAX);
        let skew_s = machine_s.saturating_sub(i64::try_from(self.l1_s()?).unwrap_or(i64::MAX));
        if skew_s.saturating_abs() <= SKEW_S_MAX {
            if self.told_of_skew.is_over(self.clock.instant()).is_some() {
                info!(skew_s, "the machine's clock and L1's agree again");
            }
            return None;
        }
        self.told_of_skew.holds(self.clock.instant()).map(|_| skew_s)
    }

    /// Tells the operator, now and then, that the clocks are too far apart.
    pub fn warn_of_skew(&mut self) {
        match self.skew_to_tell() {
            None => {}
            Some(skew_s) if skew_s > 0 => warn!(
                ahead_s = skew_s,
                "this machine's clock is ahead of L1's newest block, and blocks are dated by L1: set the machine's clock (NTP), or use an L1 \
                 endpoint that is not behind"
            ),
            Some(skew_s) => warn!(
                behind_s = -skew_s,
                "this machine's clock is behind L1's newest block, and blocks are dated by L1: set the machine's clock (NTP); on a devnet \
                 whose time was moved forward nothing is wrong"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const L1_S: u64 = 1_800_000_000;
    const HOUR_S: u64 = 3_600;
    const TEN_MINUTES: Duration = Duration::from_secs(600);

    fn time(machine_s: u64, drift_s_max: u64) -> (ManualClock, ChainTime) {
        let manual = ManualClock::at(machine_s);
        let mut time = ChainTime::new(manual.clock(), drift_s_max);
        time.hear(L1_S);
        (manual, time)
    }

    #[test]
    fn a_machine_that_is_right_dates_blocks() {
        let (manual, time) = time(L1_S + 7, 600);
        assert_eq!(time.now_s(), L1_S + 7);
        manual.advance(Duration::from_secs(20));
        assert_eq!(time.now_s(), L1_S + 27);
    }

    #[test]
    fn time_goes_on_by_l1_however_wrong_the_machine_is() {
        for (machine_s, expected) in [(L1_S - HOUR_S, L1_S), (L1_S + HOUR_S, L1_S + LEAD_S_MAX), (0, L1_S)] {
            let (manual, mut time) = time(machine_s, 600);
            assert_eq!(time.now_s(), expected);
            manual.advance(Duration::from_secs(5));
            assert_eq!(time.now_s(), expected + 5, "between L1's blocks");
            time.hear(L1_S + 12);
            assert_eq!(time.now_s(), expected + 12);
        }
    }

    #[test]
    fn no_block_is_dated_beyond_what_the_chain_allows_after_l1() {
        for drift_s_max in [0, 10, 60, 600] {
            let (_, time) = time(L1_S + HOUR_S, drift_s_max);
            assert!(time.now_s() <= L1_S + drift_s_max, "{drift_s_max}");
        }
    }

    #[test]
    fn the_operator_is_told_of_a_skew_now_and_then() {
        let (manual, mut time) = time(L1_S + HOUR_S, 600);
        assert_eq!(time.skew_to_tell(), Some(3_600));
        assert_eq!(time.skew_to_tell(), None, "not with every block");
        manual.advance(TEN_MINUTES);
        assert_eq!(time.skew_to_tell(), Some(3_600), "but again");
        manual.set_unix_s(L1_S + TEN_MINUTES.as_secs() + 30);
        assert_eq!(time.skew_to_tell(), None);
        manual.set_unix_s(L1_S + TEN_MINUTES.as_secs() - HOUR_S);
        assert_eq!(time.skew_to_tell(), Some(-3_600), "at once when it begins");
    }

    #[test]
    fn what_another_process_dated_is_at_most_so_old() {
        let (manual, time) = time(L1_S, 600);
        let age = |unix_s| manual.clock().since(time.moment_of(unix_s, Duration::from_secs(100)));
        assert_eq!(age(L1_S - 30), Duration::from_secs(30));
        assert_eq!(age(0), Duration::from_secs(100));
        assert_eq!(age(L1_S + 30), Duration::ZERO);
    }
}
