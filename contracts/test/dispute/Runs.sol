// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Children } from "../../src/dispute/Tree.sol";

/// @notice The leaves of a commitment, in pieces: leaf i is `values[k]` for the last k with `from[k] <= i`. `from[0]` is 0.
struct Run {
    uint256[] from;
    bytes32[] values;
}

using Runs for Run global;

/// @title Trees of commitments that have few different leaves, computed node by node.
library Runs {
    uint256 internal constant HEIGHT = 20;

    function uniform(bytes32 value) internal pure returns (Run memory run) {
        run.from = new uint256[](1);
        run.values = new bytes32[](1);
        run.values[0] = value;
    }

    function list(bytes32[] memory values) internal pure returns (Run memory run) {
        run.values = values;
        run.from = new uint256[](values.length);
        for (uint256 i = 0; i < values.length; ++i) {
            run.from[i] = i;
        }
    }

    /// @notice The same up to leaf `index`, and `value` from there on.
    function then(Run memory self, uint256 index, bytes32 value) internal pure returns (Run memory run) {
        uint256 kept;
        while (kept < self.from.length && self.from[kept] < index) ++kept;
        run.from = new uint256[](kept + 1);
        run.values = new bytes32[](kept + 1);
        for (uint256 i = 0; i < kept; ++i) {
            (run.from[i], run.values[i]) = (self.from[i], self.values[i]);
        }
        (run.from[kept], run.values[kept]) = (index, value);
    }

    function leaf(Run memory self, uint256 index) internal pure returns (bytes32) {
        return self.values[_piece(self, index)];
    }

    function last(Run memory self) internal pure returns (bytes32) {
        return self.values[self.values.length - 1];
    }

    /// @notice The node of a height, leaves being at 0.
    function node(Run memory self, uint256 height, uint256 index) internal pure returns (bytes32) {
        uint256 first = _piece(self, index << height);
        if (first == _piece(self, ((index + 1) << height) - 1)) {
            bytes32 hash = self.values[first];
            for (uint256 i = 0; i < height; ++i) {
                hash = keccak256(abi.encode(hash, hash));
            }
            return hash;
        }
        return keccak256(abi.encode(node(self, height - 1, 2 * index), node(self, height - 1, 2 * index + 1)));
    }

    function root(Run memory self) internal pure returns (bytes32) {
        return node(self, HEIGHT, 0);
    }

    function children(Run memory self, uint256 height, uint256 index) internal pure returns (Children memory) {
        return Children(node(self, height - 1, 2 * index), node(self, height - 1, 2 * index + 1));
    }

    /// @notice The siblings of a leaf and of what is above it, as many as `height`.
    function path(Run memory self, uint256 index, uint256 height) internal pure returns (bytes32[] memory siblings) {
        siblings = new bytes32[](height);
        for (uint256 i = 0; i < height; ++i) {
            siblings[i] = node(self, i, (index >> i) ^ 1);
        }
    }

    function _piece(Run memory self, uint256 index) private pure returns (uint256 piece) {
        piece = self.from.length - 1;
        while (self.from[piece] > index) --piece;
    }
}
