// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @notice How long people have before a change holds. Fixed at deployment, for ever.
/// @param forcedInclusionWindowSeconds a message may wait so long before batches must take it
/// @param delaySeconds from the owner's decision to its maturity
/// @param graceSeconds from the finality of the last epoch under the old rules to the first under the new
struct Notice {
    uint64 forcedInclusionWindowSeconds;
    uint64 delaySeconds;
    uint64 graceSeconds;
}

using Notices for Notice global;

/// @title The least notice.
/// @notice Rules: L1-NOTICE-1, L1-NOTICE-2. Whoever learns of a change has thirty days; what he then sends to L1 is included within the
/// censorship bound, is overdue after the forced-inclusion window, and the batch that anybody then forces is included within the
/// censorship bound again: so it enters one of the old rules. An hour more is for the blocks between these steps. How long that batch
/// takes to become final nobody can bound, since opponents can be bought; the grace is counted from then on, and covers the
/// censorship bound once more and a week. Chains on a devnet's L1 hold nothing, and may be quick. No time is longer than ten years, so
/// that what is added to it never overflows: a failed program must be replaceable, and an epoch under new rules become final.
library Notices {
    /// @notice L1 includes a transaction that pays the market's price within so long.
    uint64 internal constant CENSORSHIP_SECONDS = 7 days;
    uint64 internal constant MIN_NOTICE_SECONDS = 30 days + 2 * CENSORSHIP_SECONDS + 1 hours;
    uint64 internal constant MIN_GRACE_SECONDS = 7 days + CENSORSHIP_SECONDS;
    /// @notice Ten years; of the delay and of the grace, on every L1.
    uint64 internal constant MAX_SECONDS = 3_650 days;

    error Notice_ZeroWindow();
    error Notice_DelayTooShort(uint64 delaySeconds, uint256 neededSeconds);
    error Notice_DelayTooLong(uint64 delaySeconds, uint64 maxSeconds);
    error Notice_GraceTooShort(uint64 graceSeconds, uint64 neededSeconds);
    error Notice_GraceTooLong(uint64 graceSeconds, uint64 maxSeconds);

    /// @notice Whether this L1 is one for trying things: the chain ids of Anvil and Hardhat, and of Geth's `--dev`.
    function isDevnet() internal view returns (bool) {
        return block.chainid == 31_337 || block.chainid == 1_337;
    }

    /// @notice Reverts if people would have too little time, or wait for ever.
    function check(Notice memory self) internal view {
        if (self.forcedInclusionWindowSeconds == 0) revert Notice_ZeroWindow();
        uint256 neededSeconds = self.forcedInclusionWindowSeconds;
        if (!isDevnet()) {
            neededSeconds += MIN_NOTICE_SECONDS;
            if (self.graceSeconds < MIN_GRACE_SECONDS) {
                revert Notice_GraceTooShort(self.graceSeconds, MIN_GRACE_SECONDS);
            }
        }
        if (self.delaySeconds < neededSeconds) revert Notice_DelayTooShort(self.delaySeconds, neededSeconds);
        if (self.delaySeconds > MAX_SECONDS) revert Notice_DelayTooLong(self.delaySeconds, MAX_SECONDS);
        if (self.graceSeconds > MAX_SECONDS) revert Notice_GraceTooLong(self.graceSeconds, MAX_SECONDS);
    }
}
