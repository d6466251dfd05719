// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title The L2 side of the message tree, naively: all leaves are kept.
/// @notice Rules: L1-WD-2. Written apart from `MessageTree`, which it tests.
library MessageTreeModel {
    /// @notice Root over all leaves.
    function root(bytes32[] memory self) internal pure returns (bytes32) {
        bytes32[] memory row = self;
        bytes32 zero = 0;
        for (uint256 level = 0; level < 32; ++level) {
            row = _fold(row, zero);
            zero = keccak256(abi.encode(zero, zero));
        }
        return row.length == 0 ? zero : row[0];
    }

    /// @notice Siblings of a leaf, from the leaf upwards.
    function siblings(bytes32[] memory self, uint64 index) internal pure returns (bytes32[32] memory path) {
        bytes32[] memory row = self;
        bytes32 zero = 0;
        for (uint256 level = 0; level < 32; ++level) {
            uint256 neighbour = (index >> level) ^ 1;
            path[level] = neighbour < row.length ? row[neighbour] : zero;
            row = _fold(row, zero);
            zero = keccak256(abi.encode(zero, zero));
        }
    }

    function _fold(bytes32[] memory row, bytes32 zero) private pure returns (bytes32[] memory folded) {
        folded = new bytes32[]((row.length + 1) / 2);
        for (uint256 i = 0; i < folded.length; ++i) {
            bytes32 right = 2 * i + 1 < row.length ? row[2 * i + 1] : zero;
            folded[i] = keccak256(abi.encode(row[2 * i], right));
        }
    }
}
