//! Whether somebody else sends from our key, which takes its nonces from us: said once, and again while it goes on.

use std::time::{Duration, Instant};

use alloy::primitives::Address;
use tandem_service::{Readiness, Trouble};

/// Nobody else has the key any more if for so long every transaction from it was ours.
const QUIET: Duration = Duration::from_secs(120);

/// Transactions of the key that are not ours, and what was said of them.
#[derive(Debug)]
pub(super) struct KeyUse {
    shared: Trouble,
    /// When the newest one was noticed.
    seen: Option<Instant>,
}

impl KeyUse {
    pub fn new(readiness: &Readiness) -> Self {
        Self { shared: readiness.trouble("L1 key", Duration::ZERO), seen: None }
    }

    /// A transaction that is not ours took a nonce of `account` that we had bid for.
    pub fn displaced(&mut self, now: Instant, account: Address, purpose: &str, nonce: u64) {
        self.seen = Some(now);
        let why = || format!("another process used the key of {account} too: it took nonce {nonce} from {purpose}");
        if let Some(lasts) = self.shared.holds_at(now, why) {
            tracing::error!(%account, purpose, nonce, ?lasts, "the L1 key is used by another process: stop one of them");
        }
    }

    /// What was sent came to an end otherwise, or there is nothing to send.
    pub fn undisturbed(&mut self, now: Instant) {
        if self.seen.is_some_and(|seen| now.saturating_duration_since(seen) >= QUIET)
            && let Some(lasted) = self.shared.is_over()
        {
            tracing::info!(?lasted, "nobody else uses the L1 key any more");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shared_until_nothing_of_the_others_came_for_a_while() {
        let readiness = Readiness::default();
        let (mut key, start) = (KeyUse::new(&readiness), Instant::now());
        let account = Address::repeat_byte(7);
        key.undisturbed(start);
        assert!(readiness.reasons().is_empty());

        // Two processes take turns: that one got its nonce now and then changes nothing.
        for (nonce, seconds) in [(4, 0), (6, 70), (9, 140)] {
            let now = start + Duration::from_secs(seconds);
            key.displaced(now, account, "append", nonce);
            key.undisturbed(now + QUIET - Duration::from_secs(1));
            let expected = format!("L1 key: another process used the key of {account} too: it took nonce {nonce}");
            let reasons = readiness.reasons();
            assert!(reasons.len() == 1 && reasons[0].starts_with(&expected), "{reasons:?}");
        }
        key.undisturbed(start + Duration::from_secs(140) + QUIET);
        assert!(readiness.reasons().is_empty());
    }
}
