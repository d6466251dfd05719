//! What keeps the challenger from its work, or must be looked at: said in the log, once and again, and by `/readyz`.

use std::{collections::BTreeMap, fmt, time::Duration};

use alloy::primitives::B256;
use tandem_l1::SubmitError;
use tandem_service::{Readiness, Trouble};

use super::{error::ChallengerError, library::Unplayable};

/// Errors and refusals are nothing to speak of until nothing else came for so long.
const DELAY_MAX: Duration = Duration::from_secs(60);
/// Reading an epoch, and following L1, take a while.
const MISSING_MAX: Duration = Duration::from_secs(30);

/// Why a contested slot is not played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Abstention {
    /// The replica lacks batches that L1 has: nothing can be judged.
    Behind,
    /// The run cannot be computed, or machine and native execution disagree.
    Unplayable(Unplayable),
    /// The slot's program is not the one that this process has.
    OtherGuest {
        /// Root of the program's memory that the schedule names.
        wanted: B256,
    },
    /// L1 and this process have different runs in mind.
    OtherStart {
        /// The start that L1 has.
        expected: B256,
        /// The one computed here.
        actual: B256,
    },
    /// The slot's rules name no dispute contract.
    NoJudge,
}

impl fmt::Display for Abstention {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Behind => write!(out, "this node has not derived all batches that L1 has"),
            Self::Unplayable(Unplayable::Failed(reason)) => write!(out, "the run cannot be computed: {reason}"),
            Self::Unplayable(Unplayable::Disagree { native, machine }) => write!(
                out,
                "native execution comes to {native}, the machine to {}: one of them is wrong, so nothing is staked on either",
                machine.map_or_else(|| "no output".into(), |output| output.to_string())
            ),
            Self::OtherGuest { wanted } => write!(out, "the program with root {wanted} is not at hand (--guest)"),
            Self::OtherStart { expected, actual } => {
                write!(out, "L1 starts the run at {expected}, this process at {actual}")
            }
            Self::NoJudge => write!(out, "its rules name no dispute contract"),
        }
    }
}

impl Abstention {
    /// Whether it goes away by itself.
    fn is_passing(&self) -> bool {
        matches!(self, Self::Behind | Self::Unplayable(Unplayable::Failed(_)))
    }
}

#[derive(Debug)]
pub(super) struct Troubles {
    unfunded: Trouble,
    delayed: Trouble,
    abstains: Trouble,
    alarm: Trouble,
    /// What this round could not do.
    waiting: Option<String>,
    /// Why contested slots were not played in this round, by epoch.
    abstentions: BTreeMap<u64, Abstention>,
}

impl Troubles {
    pub fn new(readiness: &Readiness) -> Self {
        Self {
            unfunded: readiness.trouble("challenger's account", Duration::ZERO),
            delayed: readiness.trouble("challenging", DELAY_MAX),
            abstains: readiness.trouble("disputes", MISSING_MAX),
            alarm: readiness.trouble("dispute alarm", Duration::ZERO),
            waiting: None,
            abstentions: BTreeMap::new(),
        }
    }

    /// L1 refuses a call.
    pub fn refused(&mut self, purpose: &str, reason: &str) {
        tracing::debug!(purpose, reason, "L1 refuses a call of a dispute");
        self.waiting = Some(format!("L1 refuses to {purpose}: {reason}"));
    }

    /// A contested epoch is not played.
    pub fn abstains(&mut self, epoch: u64, why: Abstention) {
        self.abstentions.insert(epoch, why);
    }

    /// How a round ended.
    pub fn ended(&mut self, round: &Result<bool, ChallengerError>) {
        if round.is_ok() {
            self.say_abstentions();
        }
        let waiting = self.waiting.take();
        match round {
            Ok(_) => {
                if let Some(lasted) = self.unfunded.is_over() {
                    tracing::info!(?lasted, "the challenger can pay again");
                }
                match waiting {
                    Some(reason) => self.is_delayed(&reason),
                    None => {
                        if let Some(lasted) = self.delayed.is_over() {
                            tracing::info!(?lasted, "the challenger gets on again");
                        }
                    }
                }
            }
            Err(ChallengerError::Submit(error @ SubmitError::Underfunded { .. })) => {
                if let Some(lasts) = self.unfunded.holds(|| error.to_string()) {
                    tracing::error!(%error, ?lasts, "fund the challenger: its bonds and calls wait, and its clocks run");
                }
            }
            Err(error) => self.is_delayed(&error.to_string()),
        }
    }

    fn say_abstentions(&mut self) {
        let abstentions = std::mem::take(&mut self.abstentions);
        let (passing, lasting): (BTreeMap<_, _>, BTreeMap<_, _>) =
            abstentions.into_iter().partition(|(_, why)| why.is_passing());
        match lasting.first_key_value() {
            Some((epoch, why)) => {
                if let Some(lasts) = self.alarm.holds(|| format!("epoch {epoch} is contested and not played: {why}")) {
                    tracing::error!(
                        epoch,
                        %why,
                        ?lasts,
                        "a contested epoch is not played by this prover: compare it with a second one at once"
                    );
                }
            }
            None => _ = self.alarm.is_over(),
        }
        match passing.first_key_value() {
            Some((epoch, why)) => {
                if let Some(lasts) = self.abstains.holds(|| format!("epoch {epoch} is contested and not played: {why}"))
                {
                    tracing::error!(
                        epoch,
                        %why,
                        ?lasts,
                        "a contested epoch cannot be played yet: clocks run, so see that derivation and payloads get on"
                    );
                }
            }
            None => _ = self.abstains.is_over(),
        }
    }

    fn is_delayed(&mut self, reason: &str) {
        if let Some(lasts) = self.delayed.holds(|| reason.to_owned()) {
            tracing::warn!(
                reason,
                ?lasts,
                "the challenger does not get on: if it is L1's endpoint, look after that; trying on"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::Address;

    use super::*;

    #[test]
    fn whoever_does_not_play_says_why_while_it_lasts() {
        let readiness = Readiness::default();
        let mut troubles = Troubles::new(&readiness);
        troubles.abstains = readiness.trouble("disputes", Duration::ZERO);
        troubles.ended(&Ok(false));
        assert!(readiness.reasons().is_empty());

        let (native, machine) = (B256::repeat_byte(1), Some(B256::repeat_byte(2)));
        troubles.abstains(3, Abstention::Unplayable(Unplayable::Disagree { native, machine }));
        troubles.abstains(4, Abstention::Behind);
        troubles.ended(&Ok(false));
        let reasons = readiness.reasons();
        assert!(reasons[0].starts_with("dispute alarm: epoch 3 is contested and not played: native"), "{reasons:?}");
        assert!(reasons[1].contains("epoch 4") && reasons[1].contains("has not derived all batches"), "{reasons:?}");

        // A failed look says nothing about slots.
        let account = Address::repeat_byte(7);
        troubles.ended(&Err(SubmitError::Underfunded { account }.into()));
        assert_eq!(readiness.reasons().len(), 3, "{:?}", readiness.reasons());
        troubles.ended(&Ok(false));
        assert!(readiness.reasons().is_empty());
    }
}
