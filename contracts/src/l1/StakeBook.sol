// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

type ClaimId is bytes32;

using { isSame as ==, isOther as != } for ClaimId global;

function isSame(ClaimId one, ClaimId two) pure returns (bool) {
    return ClaimId.unwrap(one) == ClaimId.unwrap(two);
}

function isOther(ClaimId one, ClaimId two) pure returns (bool) {
    return ClaimId.unwrap(one) != ClaimId.unwrap(two);
}

/// @notice What an account stands behind its claims with: one stake, however many of them are pending.
/// @param amount wei
/// @param tip the last claim that it stands behind; while that is pending the stake is bound
struct Stake {
    uint128 amount;
    ClaimId tip;
}

using StakeBook for Stake global;

/// @title The stakes that move along.
/// @notice Rules: L1-STAKE-1 to L1-STAKE-5; `FraudSettlement` knows where a stake may move. Invariant there: the claims that an account
/// made and that are not settled lie on one path, which ends at its tip or above it; so it contests one slot of the right
/// lineage at most, and with that it is lost.
library StakeBook {
    error Stake_TooSmall(uint256 amount, uint256 needed);

    /// @notice Adds what was sent along; the sum must reach `needed`. Nothing is ever paid out while a stake moves.
    function topUp(Stake storage self, uint256 value, uint256 needed) internal {
        uint256 amount = self.amount + value;
        if (amount < needed) revert Stake_TooSmall(amount, needed);
        if (value != 0) self.amount = uint128(amount);
    }

    /// @notice Empties the stake, for its owner or against him.
    function take(Stake storage self) internal returns (uint256 amount) {
        amount = self.amount;
        self.amount = 0;
    }
}
