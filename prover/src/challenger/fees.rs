//! When a call waits for a cheaper block: within half of the time that costs nothing, and no longer.

use std::collections::VecDeque;

use tandem_dispute::{Terms, strategy::Duty};

/// Blocks that say what is usual.
const USUAL_BLOCKS: usize = 25;

/// Base fees of the last blocks.
#[derive(Clone, Debug, Default)]
pub struct Market {
    /// Block numbers and wei per gas, oldest first.
    base_fees: VecDeque<(u64, u64)>,
}

impl Market {
    /// Takes a block's base fee in.
    pub fn saw(&mut self, number: u64, base_fee: u64) {
        self.base_fees.retain(|(known, _)| *known < number);
        self.base_fees.push_back((number, base_fee));
        if self.base_fees.len() > USUAL_BLOCKS {
            self.base_fees.pop_front();
        }
    }

    /// Whether the newest block is a half dearer than what is usual.
    fn is_dear(&self) -> bool {
        let mut fees: Vec<u64> = self.base_fees.iter().map(|(_, fee)| *fee).collect();
        fees.sort_unstable();
        let usual = fees.get(fees.len() / 2).copied().unwrap_or_default();
        self.base_fees.back().is_some_and(|(_, fee)| *fee > usual.saturating_add(usual / 2))
    }

    /// Whether a duty had better wait: L1 is dear, and more than half of a turn is left in which waiting costs nothing. The submitter bids
    /// whatever it takes then.
    pub fn waits(&self, duty: &Duty, terms: &Terms, now: u64) -> bool {
        now.saturating_add(u64::from(terms.turn_seconds) / 2) < duty.free_until && self.is_dear()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_dispute::Act;

    #[test]
    fn a_spike_is_waited_out_for_half_of_the_grace() {
        let terms = Terms::MAINNET;
        let duty = Duty { act: Act::Decide, from: 0, free_until: 10_000, lost_at: u64::MAX };
        let mut market = Market::default();
        assert!(!market.waits(&duty, &terms, 0), "nothing is known");
        (0..30).for_each(|number| market.saw(number, 10));
        assert!(!market.waits(&duty, &terms, 0));
        market.saw(30, 16);
        assert!(market.waits(&duty, &terms, 9_099));
        assert!(!market.waits(&duty, &terms, 9_100), "half of the turn is over");
        // A reorganisation, and what lasts becomes usual.
        market.saw(30, 14);
        assert!(!market.waits(&duty, &terms, 0));
        (30..50).for_each(|number| market.saw(number, 90));
        assert!(!market.waits(&duty, &terms, 0));
    }
}
