//! What keeps batches from L1: said in the log, once and again, and by `/readyz`.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

use tandem_service::{Readiness, Reminder, Trouble};
use tracing::{error, info, warn};

use super::round::{PosterError, Round};

/// Errors and refusals are nothing to speak of until nothing else came for so long: a reorganisation brings some.
const DELAY_MAX: Duration = Duration::from_secs(60);

/// What the poster could not do, how long it has been, and what was said of it.
#[derive(Debug)]
pub(super) struct Troubles {
    /// Batches do not get to L1.
    delayed: Trouble,
    /// The account cannot pay.
    unfunded: Trouble,
    /// Batches get to L1 as fast as its bucket drains, and more of them wait: no fault of the node, which is ready meanwhile.
    full: Reminder,
    /// Whether the next batch was refused for the bucket.
    is_held_up: bool,
}

impl Troubles {
    pub fn new(readiness: &Readiness) -> Self {
        Self {
            delayed: readiness.trouble("posting", DELAY_MAX),
            unfunded: readiness.trouble("L1 account", Duration::ZERO),
            full: Reminder::default(),
            is_held_up: false,
        }
    }

    /// How a round ended: whether something keeps batches from L1, and what.
    pub fn hear(&mut self, now: Instant, round: &Result<Round, PosterError>) {
        match round {
            Ok(Round::Idle | Round::Moved) => self.gets_on(),
            Ok(Round::Refused { index, reason }) => {
                self.is_delayed(now, &format_args!("the Inbox refuses batch {index}: {reason:?}"));
            }
            Ok(Round::Full { index, wait }) => self.is_full(now, *index, *wait),
            Err(error) if error.is_underfunded() => self.is_unfunded(now, error),
            Err(error) if error.is_passing() => self.is_delayed(now, error),
            // The node ends with it.
            Err(_) => {}
        }
    }

    /// A try to post came to nothing.
    fn is_delayed(&mut self, now: Instant, reason: &dyn Display) {
        if let Some(lasts) = self.delayed.holds_at(now, || reason.to_string()) {
            warn!(%reason, ?lasts, "batches do not get to L1: if it is L1's endpoint, look after that; trying on");
        }
    }

    /// The account cannot pay for the next transaction.
    fn is_unfunded(&mut self, now: Instant, error: &dyn Display) {
        if let Some(lasts) = self.unfunded.holds_at(now, || error.to_string()) {
            error!(%error, ?lasts, "fund the sequencer's L1 account; batches wait meanwhile");
        }
    }

    /// L1 takes a batch no sooner than its bucket has drained for `wait`. A batch that waits much longer than that is delayed as by any
    /// other refusal: then L1's clock stands still, or its endpoint's does.
    fn is_full(&mut self, now: Instant, index: u64, wait: Duration) {
        self.is_held_up = true;
        if let Some(lasts) = self.full.holds(now) {
            let wait_s = wait.as_secs();
            warn!(
                index,
                wait_s,
                ?lasts,
                "L1 takes no more work or bytes for now (L1-WORK-3): batches wait until its bucket has drained"
            );
        }
        self.is_delayed(now, &format_args!("L1's bucket has no room for batch {index} before {} s", wait.as_secs()));
    }

    /// A batch is on L1.
    pub fn has_posted(&mut self, now: Instant) {
        // The bucket limits what is posted as long as batches come up against it.
        if !std::mem::take(&mut self.is_held_up) {
            self.has_room(now);
        }
    }

    /// No batch waits.
    pub fn is_idle(&mut self, now: Instant) {
        self.is_held_up = false;
        self.has_room(now);
    }

    /// Nothing is in the way of posting.
    fn gets_on(&mut self) {
        let delayed = self.delayed.is_over();
        if let Some(lasted) = self.unfunded.is_over().max(delayed) {
            info!(?lasted, "batches get to L1 again");
        }
    }

    fn has_room(&mut self, now: Instant) {
        if let Some(lasted) = self.full.is_over(now) {
            info!(?lasted, "L1's bucket has room for every batch again");
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::Address;
    use tandem_l1::{append::AppendError, submit::SubmitError};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Since when it has been so that L1's bucket limits what is posted, if that was said.
    fn full_since(troubles: &Troubles) -> Option<Instant> {
        troubles.full.mentioned_since()
    }

    #[test]
    fn a_full_bucket_is_one_state_however_many_batches_come_up_against_it() {
        let readiness = Readiness::default();
        let (mut troubles, start) = (Troubles::new(&readiness), Instant::now());
        troubles.has_posted(start);
        assert_eq!(full_since(&troubles), None);
        // Each batch waits for some seconds and is posted: the node does what it can.
        for batch in 0..10 {
            let now = start + 12 * batch * SECOND;
            troubles.is_full(now, u64::from(batch), 12 * SECOND);
            troubles.has_posted(now + 12 * SECOND);
            troubles.gets_on();
            assert_eq!(full_since(&troubles), Some(start));
            assert!(readiness.reasons().is_empty());
        }
        let over = start + 130 * SECOND;
        assert_eq!(troubles.full.holds(over), Some(130 * SECOND), "it is said again, with the time since it began");
        troubles.has_posted(over);
        assert_eq!(full_since(&troubles), None, "a batch was posted that had not to wait");

        troubles.is_full(over, 10, SECOND);
        troubles.is_idle(over);
        assert_eq!(full_since(&troubles), None, "no batch waits");
    }

    #[test]
    fn a_batch_that_the_bucket_keeps_out_for_a_minute_is_a_reason() {
        let readiness = Readiness::default();
        let (mut troubles, start) = (Troubles::new(&readiness), Instant::now());
        for seconds in [0, 59] {
            troubles.is_full(start + seconds * SECOND, 7, 2 * SECOND);
            assert!(readiness.reasons().is_empty());
        }
        troubles.is_full(start + DELAY_MAX, 7, 2 * SECOND);
        let reasons = readiness.reasons();
        assert!(reasons[0].starts_with("posting: L1's bucket has no room for batch 7 before 2 s"), "{reasons:?}");
        troubles.gets_on();
        assert!(readiness.reasons().is_empty());
    }

    /// Whatever ends a round and leaves the batch where it is.
    #[test]
    fn every_round_that_posts_nothing_comes_to_be_a_reason() {
        let account = Address::repeat_byte(7);
        let failed = |error: AppendError| Err(PosterError::from(error));
        for (round, expected) in [
            (Ok(Round::Refused { index: 7, reason: None }), "posting: the Inbox refuses batch 7: None"),
            (Ok(Round::Full { index: 7, wait: SECOND }), "posting: L1's bucket has no room for batch 7 before 1 s"),
            (failed(AppendError::NoEvent), "posting: cannot post to L1: the append was included without its event"),
            (failed(SubmitError::Underfunded { account }.into()), "L1 account: cannot post to L1: account 0x0707"),
        ] {
            let readiness = Readiness::default();
            let (mut troubles, start) = (Troubles::new(&readiness), Instant::now());
            troubles.hear(start, &round);
            troubles.hear(start + DELAY_MAX, &round);
            let reasons = readiness.reasons();
            assert!(reasons.len() == 1 && reasons[0].starts_with(expected), "{reasons:?} of {round:?}");
            troubles.hear(start + DELAY_MAX, &Ok(Round::Moved));
            assert!(readiness.reasons().is_empty(), "{round:?}");
        }
    }

    #[test]
    fn what_keeps_batches_from_l1_is_a_reason_while_it_lasts() {
        let readiness = Readiness::default();
        let (mut troubles, start) = (Troubles::new(&readiness), Instant::now());
        troubles.is_delayed(start, &"no answer");
        assert!(readiness.reasons().is_empty(), "a reorganisation brings some");
        troubles.is_delayed(start + DELAY_MAX, &"no answer");
        assert!(readiness.reasons()[0].starts_with("posting: no answer"));
        troubles.is_unfunded(start, &"fund it");
        assert!(readiness.reasons()[0].starts_with("L1 account: fund it"), "at once");
        troubles.gets_on();
        assert!(readiness.reasons().is_empty());
    }
}
