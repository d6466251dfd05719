// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Since when something is final: what notice is counted from.
interface IFinality {
    /// @notice The epoch that a final claim ends, and since when it is final, in seconds. Reverts if the claim is not final.
    function finality(bytes32 claimId) external view returns (uint64 epoch, uint64 finalAt);
}
