// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title The cumulative tree of messages from L2 to L1, as L1 reads it.
/// @notice Rules: L1-WD-2. Twins: the message passer predeploy, `chain/`. Adversarial: everything.
library MessageTree {
    uint256 internal constant DEPTH = 32;

    /// @notice Root of the tree in which `leaf` stands at `index` and `siblings` go from the leaf upwards.
    /// @dev The caller bounds `index` below 2^32: only its lower 32 bits are read.
    function rootOf(uint64 index, bytes32 leaf, bytes32[DEPTH] memory siblings) internal pure returns (bytes32 root) {
        root = leaf;
        for (uint256 level = 0; level < DEPTH; ++level) {
            root = (index >> level) & 1 == 0 ? _node(root, siblings[level]) : _node(siblings[level], root);
        }
    }

    /// @notice Root of the tree without messages.
    function emptyRoot() internal pure returns (bytes32 root) {
        for (uint256 level = 0; level < DEPTH; ++level) {
            root = _node(root, root);
        }
    }

    function _node(bytes32 left, bytes32 right) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            mstore(0x00, left)
            mstore(0x20, right)
            hash := keccak256(0x00, 0x40)
        }
    }
}
