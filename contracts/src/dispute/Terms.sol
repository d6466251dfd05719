// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Notices } from "../l1/Notice.sol";

/// @notice The constants of a dispute contract, fixed at its deployment (DISP-TERMS-1).
/// @param allowanceSeconds on the clock of a commitment of level 0: what is withstood of censorship, and a margin
/// @param computeSeconds0, computeSeconds1 to notice a tournament and compute a commitment of its level; no clock runs meanwhile
/// @param turnSeconds free in every turn
/// @param sealedTurnSeconds free in a turn that proves a step, pre-images included
/// @param gasPriceCapGwei refunds are paid up to this price
struct Terms {
    uint32 allowanceSeconds;
    uint32 computeSeconds0;
    uint32 computeSeconds1;
    uint32 turnSeconds;
    uint32 sealedTurnSeconds;
    uint16 gasPriceCapGwei;
}

using TermsRules for Terms global;

/// @title Bounds of the terms, and the bonds that follow from them (DISP-TERMS-2, DISP-BOND-1)
library TermsRules {
    uint32 internal constant MIN_ALLOWANCE_SECONDS = uint32(Notices.CENSORSHIP_SECONDS) + 12 hours;
    uint32 internal constant MIN_COMPUTE_SECONDS_0 = 6 hours;
    uint32 internal constant MIN_COMPUTE_SECONDS_1 = 1 hours;
    uint32 internal constant MIN_TURN_SECONDS = 30 minutes;
    uint32 internal constant MIN_SEALED_TURN_SECONDS = 3 hours;
    uint16 internal constant MIN_GAS_PRICE_CAP_GWEI = 50;
    uint32 internal constant MAX_SECONDS = 30 days;

    /// @notice The most gas that is refunded for an act, the transaction's own cost included. The tests measure that they suffice.
    uint256 internal constant ADVANCE_GAS = 80_000;
    uint256 internal constant SEAL_OUTER_GAS = 220_000;
    uint256 internal constant SEAL_INNER_GAS = 110_000;
    /// @dev With a pre-image of 100 kB; and its winner may meet who waits.
    uint256 internal constant STEP_GAS = 4_600_000;
    /// @dev A timeout or what an inner tournament decided, and the winner meets who waits.
    uint256 internal constant CLOSE_GAS = 350_000;

    /// @dev Of a match's twenty nodes a side opens ten at most, and one side the last.
    uint256 private constant SIDE_ADVANCES_GAS = 9 * ADVANCE_GAS;
    uint256 private constant SIDE_GAS_0 = SIDE_ADVANCES_GAS + SEAL_OUTER_GAS;
    uint256 private constant SIDE_GAS_1 = SIDE_ADVANCES_GAS + SEAL_INNER_GAS + STEP_GAS;

    error Terms_OutOfRange(Terms terms);

    /// @notice Reverts if a term is zero, too long for any claim window, or, off the devnets, too little to be safe.
    function check(Terms memory self) internal view {
        bool ok = self.allowanceSeconds != 0 && self.allowanceSeconds <= MAX_SECONDS && self.computeSeconds0 != 0
            && self.computeSeconds0 <= MAX_SECONDS && self.computeSeconds1 != 0 && self.computeSeconds1 <= MAX_SECONDS
            && self.turnSeconds != 0 && self.turnSeconds <= MAX_SECONDS && self.sealedTurnSeconds != 0
            && self.sealedTurnSeconds <= MAX_SECONDS && self.gasPriceCapGwei != 0;
        bool isSafe = Notices.isDevnet()
            || (self.allowanceSeconds >= MIN_ALLOWANCE_SECONDS
                && self.computeSeconds0 >= MIN_COMPUTE_SECONDS_0
                && self.computeSeconds1 >= MIN_COMPUTE_SECONDS_1
                && self.turnSeconds >= MIN_TURN_SECONDS
                && self.sealedTurnSeconds >= MIN_SEALED_TURN_SECONDS
                && self.gasPriceCapGwei >= MIN_GAS_PRICE_CAP_GWEI);
        if (!ok || !isSafe) revert Terms_OutOfRange(self);
    }

    /// @notice What a commitment locks: three times the most that one side's moves are refunded, and the closing call.
    /// @return amountGwei always whole gwei
    function bondGwei(uint16 gasPriceCapGwei, uint8 level) internal pure returns (uint48 amountGwei) {
        uint256 sideGas = level == 0 ? SIDE_GAS_0 : SIDE_GAS_1;
        return uint48((3 * sideGas + CLOSE_GAS) * gasPriceCapGwei);
    }
}
