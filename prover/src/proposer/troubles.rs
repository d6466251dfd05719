//! What keeps the proposer from its work: said in the log, once and again, and by `/readyz`.

use std::time::Duration;

use tandem_l1::SubmitError;
use tandem_service::{Readiness, Trouble};

use super::{alarm::Alarm, error::ProposerError};

/// Errors and refusals are nothing to speak of until nothing else came for so long: reorganisations and other claimants bring some.
const DELAY_MAX: Duration = Duration::from_secs(60);

/// What the proposer could not do, how long it has been, and what was said of it.
#[derive(Debug)]
pub(super) struct Troubles {
    unfunded: Trouble,
    delayed: Trouble,
    alarm: Trouble,
    /// What this round could not do.
    waiting: Option<String>,
}

impl Troubles {
    pub fn new(readiness: &Readiness) -> Self {
        Self {
            unfunded: readiness.trouble("L1 account", Duration::ZERO),
            delayed: readiness.trouble("claiming", DELAY_MAX),
            alarm: readiness.trouble("claims", Duration::ZERO),
            waiting: None,
        }
    }

    /// L1 refuses a call.
    pub fn refused(&mut self, purpose: &str, reason: String) {
        tracing::debug!(purpose, reason, "L1 refuses a call");
        self.waits(format!("L1 refuses to {purpose}: {reason}"));
    }

    /// Something is left for a later round.
    pub fn waits(&mut self, reason: String) {
        self.waiting = Some(reason);
    }

    /// What a round saw on L1.
    pub fn saw(&mut self, alarm: Option<Alarm>) {
        match alarm {
            None => {
                if let Some(lasted) = self.alarm.is_over() {
                    tracing::info!(?lasted, "claims on L1 agree with derivation again");
                }
            }
            Some(alarm) => {
                if let Some(lasts) = self.alarm.holds(|| alarm.to_string()) {
                    tracing::error!(?alarm, ?lasts, "{alarm}");
                }
            }
        }
    }

    /// How a round ended.
    pub fn ended(&mut self, round: &Result<(), ProposerError>) {
        let waiting = self.waiting.take();
        match round {
            Ok(()) => {
                let unfunded = self.unfunded.is_over();
                if let Some(lasted) = unfunded {
                    tracing::info!(?lasted, "the proposer can pay again");
                }
                match waiting {
                    Some(reason) => self.is_delayed(&reason),
                    None => {
                        if let Some(lasted) = self.delayed.is_over() {
                            tracing::info!(?lasted, "the proposer gets on again");
                        }
                    }
                }
            }
            Err(ProposerError::Submit(error @ SubmitError::Underfunded { .. })) => {
                if let Some(lasts) = self.unfunded.holds(|| error.to_string()) {
                    tracing::error!(%error, ?lasts, "fund the proposer; claims wait meanwhile");
                }
            }
            Err(error) => self.is_delayed(&error.to_string()),
        }
    }

    fn is_delayed(&mut self, reason: &str) {
        if let Some(lasts) = self.delayed.holds(|| reason.to_owned()) {
            tracing::warn!(
                reason,
                ?lasts,
                "the proposer does not get on: if it is L1's endpoint, look after that; trying on"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{Address, B256};

    use super::*;

    #[test]
    fn what_keeps_claims_from_l1_is_a_reason_while_it_lasts() {
        let readiness = Readiness::default();
        let mut troubles = Troubles::new(&readiness);
        troubles.ended(&Ok(()));
        assert!(readiness.reasons().is_empty());

        let account = Address::repeat_byte(7);
        troubles.ended(&Err(SubmitError::Underfunded { account }.into()));
        let reasons = readiness.reasons();
        assert!(reasons[0].starts_with("L1 account: account 0x07") && reasons[0].contains("fund it"), "{reasons:?}");
        troubles.ended(&Ok(()));
        assert!(readiness.reasons().is_empty());

        let alarm = Alarm::Failed { epoch: 3, slot_id: B256::ZERO };
        troubles.saw(Some(alarm));
        troubles.ended(&Ok(()));
        let reasons = readiness.reasons();
        assert!(reasons[0].starts_with("claims: the fault-proof program has no answer for epoch 3"), "{reasons:?}");
        troubles.saw(None);
        assert!(readiness.reasons().is_empty());
    }

    #[test]
    fn a_refusal_that_lasts_is_a_reason_and_one_that_passes_is_none() {
        let readiness = Readiness::default();
        let mut troubles = Troubles::new(&readiness);
        troubles.delayed = readiness.trouble("claiming", Duration::from_millis(20));
        for lasts in [false, true] {
            troubles.refused("claim epoch", "SlotClosed".into());
            troubles.ended(&Ok(()));
            assert!(readiness.reasons().is_empty());
            if !lasts {
                troubles.ended(&Ok(()));
            }
            std::thread::sleep(Duration::from_millis(25));
            troubles.refused("claim epoch", "SlotClosed".into());
            troubles.ended(&Ok(()));
            let reasons = readiness.reasons();
            let expected = if lasts { "claiming: L1 refuses to claim epoch: SlotClosed (for 0 s)" } else { "" };
            assert_eq!(reasons.first().map_or("", String::as_str), expected);
            troubles.ended(&Ok(()));
        }
    }
}
