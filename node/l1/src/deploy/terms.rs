//! The constants of a dispute contract that is deployed along with a chain. Rules: DISP-TERMS-1 to DISP-TERMS-3, DISP-BOND-1.
//!
//! Twin: `contracts/src/dispute/Terms.sol`; a test compares bonds and window with those of a deployed contract.

use super::error::DeployError;
use crate::bindings::Dispute;
use serde::{Deserialize, Serialize};

/// No time is longer, in seconds.
const SECONDS_MAX: u32 = 30 * 86_400;
/// The most gas that an advance is refunded.
const ADVANCE_GAS: u128 = 80_000;
/// The most gas that a seal at level 0 is refunded.
const SEAL_OUTER_GAS: u128 = 220_000;
/// The most gas that a seal at level 1 is refunded.
const SEAL_INNER_GAS: u128 = 110_000;
/// The most gas that a step is refunded.
const STEP_GAS: u128 = 4_600_000;
/// The most gas that a call which closes a match is refunded.
const CLOSE_GAS: u128 = 350_000;

/// How long people have in a dispute, and what it binds. The defaults are those for where money is at stake, and the least there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct DisputeTerms {
    /// On the clock of a commitment to a whole run: the censorship that is withstood, and a margin.
    pub allowance_seconds: u32,
    /// To notice a dispute and compute the commitment to a whole run.
    pub compute_seconds: u32,
    /// To notice a tournament inside a match and compute the commitment to the contested stride.
    pub inner_compute_seconds: u32,
    /// Free in every turn.
    pub turn_seconds: u32,
    /// Free in a turn that proves a step, pre-images included.
    pub sealed_turn_seconds: u32,
    /// Moves are refunded up to this price of gas, in gwei.
    pub gas_price_cap_gwei: u16,
}

impl Default for DisputeTerms {
    fn default() -> Self {
        Self {
            allowance_seconds: 7 * 86_400 + 12 * 3_600,
            compute_seconds: 6 * 3_600,
            inner_compute_seconds: 3_600,
            turn_seconds: 1_800,
            sealed_turn_seconds: 3 * 3_600,
            gas_price_cap_gwei: 50,
        }
    }
}

impl DisputeTerms {
    /// The shortest time, in seconds, in which a claim can be rivalled (DISP-TERMS-3).
    pub fn claim_window_seconds_min(&self) -> u32 {
        self.compute_seconds.saturating_add(self.allowance_seconds)
    }

    /// The least that a claim stakes, in wei: both bonds (DISP-TERMS-3).
    pub fn claim_bond_min(&self) -> u128 {
        self.bond(0).saturating_add(self.bond(1))
    }

    /// What a commitment of a level locks, in wei (DISP-BOND-1).
    pub fn bond(&self, level: u8) -> u128 {
        let own_gas = if level == 0 { SEAL_OUTER_GAS } else { SEAL_INNER_GAS + STEP_GAS };
        (3 * (9 * ADVANCE_GAS + own_gas) + CLOSE_GAS) * u128::from(self.gas_price_cap_gwei) * 1_000_000_000
    }

    /// Refuses what `Terms.sol` would refuse (DISP-TERMS-2).
    pub(super) fn check(&self, is_devnet: bool) -> Result<(), DeployError> {
        let least = if is_devnet { Self::SHORTEST } else { Self::default() };
        let seconds = |terms: &Self| {
            [
                ("dispute: allowance in seconds", terms.allowance_seconds),
                ("dispute: time to compute in seconds", terms.compute_seconds),
                ("dispute: time to compute inside a match in seconds", terms.inner_compute_seconds),
                ("dispute: turn in seconds", terms.turn_seconds),
                ("dispute: sealed turn in seconds", terms.sealed_turn_seconds),
            ]
        };
        let times = seconds(self).into_iter().zip(seconds(&least)).map(|(found, least)| (found, least.1, SECONDS_MAX));
        let name = "dispute: cap of the refunded gas price in gwei";
        let price = (name, u32::from(self.gas_price_cap_gwei));
        for ((rule, found), min, max) in times.chain([(price, least.gas_price_cap_gwei.into(), u16::MAX.into())]) {
            if !(min..=max).contains(&found) {
                return Err(DeployError::Bounds { rule, min: min.into(), max: max.into(), found: found.into() });
            }
        }
        Ok(())
    }

    /// What devnets may do at the least.
    const SHORTEST: Self = Self {
        allowance_seconds: 1,
        compute_seconds: 1,
        inner_compute_seconds: 1,
        turn_seconds: 1,
        sealed_turn_seconds: 1,
        gas_price_cap_gwei: 1,
    };
}

impl From<DisputeTerms> for Dispute::Terms {
    fn from(terms: DisputeTerms) -> Self {
        Self {
            allowanceSeconds: terms.allowance_seconds,
            computeSeconds0: terms.compute_seconds,
            computeSeconds1: terms.inner_compute_seconds,
            turnSeconds: terms.turn_seconds,
            sealedTurnSeconds: terms.sealed_turn_seconds,
            gasPriceCapGwei: terms.gas_price_cap_gwei,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut DisputeTerms);

    const FIELDS: [(&str, Change, Change); 6] = [
        ("allowance", |terms| terms.allowance_seconds -= 1, |terms| terms.allowance_seconds = SECONDS_MAX + 1),
        ("compute", |terms| terms.compute_seconds -= 1, |terms| terms.compute_seconds = SECONDS_MAX + 1),
        ("inner", |terms| terms.inner_compute_seconds -= 1, |terms| terms.inner_compute_seconds = SECONDS_MAX + 1),
        ("turn", |terms| terms.turn_seconds -= 1, |terms| terms.turn_seconds = SECONDS_MAX + 1),
        ("sealed", |terms| terms.sealed_turn_seconds -= 1, |terms| terms.sealed_turn_seconds = SECONDS_MAX + 1),
        ("price", |terms| terms.gas_price_cap_gwei -= 1, |terms| terms.gas_price_cap_gwei = 0),
    ];

    /// Tests DISP-TERMS-2.
    #[test]
    fn each_term_has_its_bounds() {
        for (is_devnet, least) in [(false, DisputeTerms::default()), (true, DisputeTerms::SHORTEST)] {
            least.check(is_devnet).unwrap();
            for (name, shorten, overdo) in FIELDS {
                for change in [shorten, overdo] {
                    let mut terms = least;
                    change(&mut terms);
                    assert!(matches!(terms.check(is_devnet), Err(DeployError::Bounds { .. })), "{name}, {is_devnet}");
                }
            }
        }
    }

    /// The figures of DISP-BOND-1.
    #[test]
    fn bonds_are_what_the_spec_says() {
        let terms = DisputeTerms::default();
        let milliether = |wei: u128| wei / 10_u128.pow(15);
        assert_eq!((milliether(terms.bond(0)), milliether(terms.bond(1))), (158, 832));
        assert_eq!(milliether(terms.claim_bond_min()), 990);
        assert_eq!(terms.claim_window_seconds_min(), 7 * 86_400 + 18 * 3_600);
    }
}
