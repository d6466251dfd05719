//! The constants of a dispute, and the bonds that follow from them: DISP-TERMS-1, DISP-BOND-1.
//!
//! Twin: `contracts/src/dispute/Terms.sol`.

/// The most gas that is refunded for an advance.
pub const ADVANCE_GAS: u64 = 80_000;
/// For a seal that opens an inner tournament.
pub const SEAL_OUTER_GAS: u64 = 220_000;
/// For a seal at level 1.
pub const SEAL_INNER_GAS: u64 = 110_000;
/// For a step, with a pre-image of 100 kB.
pub const STEP_GAS: u64 = 4_600_000;
/// For a timeout, or for taking over what an inner tournament decided.
pub const CLOSE_GAS: u64 = 350_000;

/// The constants of a dispute contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// On the clock of a commitment of level 0, seconds.
    pub allowance_seconds: u32,
    /// To notice a tournament and compute a commitment, by level, seconds.
    pub compute_seconds: [u32; 2],
    /// Free in every turn, seconds.
    pub turn_seconds: u32,
    /// Free in a turn that proves a step, seconds.
    pub sealed_turn_seconds: u32,
    /// Refunds are paid up to this price of gas.
    pub gas_price_cap_gwei: u16,
}

impl Terms {
    /// What the spec asks for where money is at stake.
    pub const MAINNET: Self = Self {
        allowance_seconds: 7 * 86_400 + 43_200,
        compute_seconds: [21_600, 3_600],
        turn_seconds: 1_800,
        sealed_turn_seconds: 10_800,
        gas_price_cap_gwei: 50,
    };

    /// What a commitment of a level locks.
    pub fn bond_gwei(&self, level: u8) -> u64 {
        let side_gas = 9 * ADVANCE_GAS + if level == 0 { SEAL_OUTER_GAS } else { SEAL_INNER_GAS + STEP_GAS };
        (3 * side_gas + CLOSE_GAS) * u64::from(self.gas_price_cap_gwei)
    }

    /// The longest that a round lasts after it opened, if everybody cleans up at once: the bound of the spec, seconds.
    pub fn longest_seconds(&self, opponents: u64, inner_opponents: u64) -> u64 {
        let ranks = |opponents: u64| u64::from((opponents + 1).next_power_of_two().trailing_zeros());
        let (outer, inner) = (ranks(opponents), ranks(inner_opponents));
        let [compute, compute_inner] = self.compute_seconds.map(u64::from);
        let (turn, sealed, allowance) =
            (u64::from(self.turn_seconds), u64::from(self.sealed_turn_seconds), u64::from(self.allowance_seconds));
        compute
            + (1 + outer + outer * inner) * allowance
            + outer * (20 * turn + compute_inner)
            + outer * inner * (20 * turn + sealed)
    }
}
