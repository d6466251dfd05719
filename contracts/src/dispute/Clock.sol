// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title The chess clock of one side (DISP-CLOCK-1, DISP-CLOCK-2, DISP-CLOCK-3)
/// @notice A clock runs from `since`; the first `grace` seconds are free and the rest is taken from the allowance. An act is in time
/// before the deadline, and the clock is out from the deadline on, for everybody: so an act and a timeout are never both legal.
/// @dev Twin: prover/dispute/src/clock.rs. Invariant: what an act leaves is positive and at most what there was.
library Clock {
    error Clock_Out(uint256 deadline);

    /// @notice When the clock is out, seconds of the block's timestamp.
    function deadline(uint32 allowance, uint40 since, uint32 grace) internal pure returns (uint256) {
        return uint256(since) + grace + allowance;
    }

    /// @notice Whether it is too late for an act.
    function isOut(uint32 allowance, uint40 since, uint32 grace) internal view returns (bool) {
        return block.timestamp >= deadline(allowance, since, grace);
    }

    /// @notice What is left of the allowance by an act now; reverts if the clock is out.
    function charge(uint32 allowance, uint40 since, uint32 grace) internal view returns (uint32 left) {
        uint256 end = deadline(allowance, since, grace);
        if (block.timestamp >= end) revert Clock_Out(end);
        uint256 remaining = end - block.timestamp;
        // Within the grace, or before the clock has begun to run, more than the allowance remains: nothing is charged.
        return remaining < allowance ? uint32(remaining) : allowance;
    }

    /// @notice When a clock that is started now begins to run: never before the tournament's first turn (DISP-CLOCK-4).
    function start(uint40 startsAt) internal view returns (uint40) {
        return block.timestamp > startsAt ? uint40(block.timestamp) : startsAt;
    }
}
