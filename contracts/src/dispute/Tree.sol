// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Hashes } from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

/// @notice The two nodes below a node of a commitment's tree.
struct Children {
    bytes32 left;
    bytes32 right;
}

using Tree for Children global;

/// @title The trees of commitments (DISP-TREE-1)
/// @dev Twin: prover/dispute/src/tree.rs.
library Tree {
    /// @notice Both levels: 2^20 leaves.
    uint8 internal constant HEIGHT = 20;

    error Tree_PathLength(uint256 actual, uint256 expected);

    /// @notice The node above these two.
    function node(Children calldata self) internal pure returns (bytes32) {
        return Hashes.efficientKeccak256(self.left, self.right);
    }

    /// @notice The node of height `height` above the leaf `index`, by the siblings from the leaf upwards.
    function ancestor(bytes32 leaf, uint256 index, bytes32[] calldata siblings, uint256 height)
        internal
        pure
        returns (bytes32 hash)
    {
        if (siblings.length != height) revert Tree_PathLength(siblings.length, height);
        hash = leaf;
        for (uint256 i = 0; i < height; ++i) {
            hash = (index >> i) & 1 == 0
                ? Hashes.efficientKeccak256(hash, siblings[i])
                : Hashes.efficientKeccak256(siblings[i], hash);
        }
    }
}
