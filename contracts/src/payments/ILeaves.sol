// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Leaf } from "./StateTree.sol";

/// @title What a Bridge asks about a chain that has come to its end.
interface ILeaves {
    /// @notice Whether no batch can be appended any more.
    function isFrozen() external view returns (bool);

    /// @notice Whether the chain is frozen and its last state has this leaf at this index.
    /// @param siblings the other three children on each level, in the order of their places, from the leaf upwards
    function verifyLeaf(uint32 index, Leaf calldata leaf, uint256[3][16] calldata siblings) external view returns (bool);
}
