// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Field } from "../../src/payments/Field.sol";
import { Poseidon } from "../../src/payments/Poseidon.sol";

/// @title The state tree over a few leaves, all of it: what `StateTree` checks paths of (PAY-NODE, PAY-TREE).
library LedgerTree {
    uint256 private constant LEVELS = 16;

    /// @notice Roots of trees without a leaf, by their levels.
    function empties() internal pure returns (uint256[16] memory roots) {
        uint256 constants = Poseidon.load4();
        for (uint256 level = 1; level < LEVELS; ++level) {
            uint256 below = roots[level - 1];
            roots[level] = _node(constants, [below, below, below, below]);
        }
    }

    /// @notice The root over these leaf hashes, and nothing beyond them.
    function root(uint256[] memory nodes, uint256[16] memory empty) internal pure returns (uint256) {
        uint256 constants = Poseidon.load4();
        for (uint256 level = 0; level < LEVELS; ++level) {
            nodes = _parents(constants, nodes, empty[level]);
        }
        return nodes[0];
    }

    /// @notice The other three children on each level, from the leaf at `index` upwards.
    function path(uint256[] memory nodes, uint256[16] memory empty, uint256 index)
        internal
        pure
        returns (uint256[3][16] memory siblings)
    {
        uint256 constants = Poseidon.load4();
        for (uint256 level = 0; level < LEVELS; ++level) {
            uint256 first = index & ~uint256(3);
            uint256 count = 0;
            for (uint256 i = first; i < first + 4; ++i) {
                if (i != index) siblings[level][count++] = i < nodes.length ? nodes[i] : empty[level];
            }
            if (nodes.length != 1 || index >> 2 != 0) nodes = _parents(constants, nodes, empty[level]);
            index >>= 2;
        }
    }

    function _parents(uint256 constants, uint256[] memory nodes, uint256 empty)
        private
        pure
        returns (uint256[] memory parents)
    {
        parents = new uint256[]((nodes.length + 3) / 4);
        for (uint256 i = 0; i < parents.length; ++i) {
            uint256[4] memory children;
            for (uint256 j = 0; j < 4; ++j) {
                children[j] = 4 * i + j < nodes.length ? nodes[4 * i + j] : empty;
            }
            parents[i] = _node(constants, children);
        }
    }

    /// @dev The hash of a node over its four children.
    function _node(uint256 constants, uint256[4] memory children) private pure returns (uint256) {
        uint256 first = children[0];
        children[0] = first + uint256(uint88(bytes11("tandem/node")));
        uint256 pointer;
        assembly ("memory-safe") {
            pointer := children
        }
        return addmod(Poseidon.permute4(constants, pointer), first, Field.R);
    }
}
