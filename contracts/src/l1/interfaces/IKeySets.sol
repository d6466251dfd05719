// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title The verifying keys that a settlement by validity proofs has checked.
interface IKeySets {
    /// @notice The data contract of the key set with this hash; zero if no such set was stored.
    function keySetOf(bytes32 keysHash) external view returns (address set);
}
