// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Records } from "./Records.sol";

/// @title The tree of a batch's withdrawals.
/// @notice Rule: PAY-WITHDRAWAL-ROOT. A leaf is the keccak of a record, a node that of two children, and places beyond the last record are zero up to the
/// next power of two. A record has 62 bytes and a node's children 64, so that neither can be taken for the other, nor a path for a longer one.
/// Twin: `chain/payments/src/withdrawals.rs`. Adversarial: proofs.
library WithdrawalTree {
    /// @dev Bits of a withdrawal's position in its batch.
    uint256 internal constant POSITION_BITS = 32;

    /// @notice Root over the records in `segment`, which must be whole; zero if there are none.
    function rootOf(bytes calldata segment) internal pure returns (bytes32 root) {
        uint256 count = segment.length / Records.BYTES;
        if (count == 0) return 0;
        uint256 width = 1;
        while (width < count) width *= 2;
        bytes32[] memory nodes = new bytes32[](width);
        for (uint256 i = 0; i < count; ++i) {
            nodes[i] = keccak256(segment[i * Records.BYTES:(i + 1) * Records.BYTES]);
        }
        while (width > 1) {
            width /= 2;
            for (uint256 i = 0; i < width; ++i) {
                nodes[i] = _node(nodes[2 * i], nodes[2 * i + 1]);
            }
        }
        return nodes[0];
    }

    /// @notice Root of the tree in which `leaf` stands at `position` and `siblings` go from the leaf upwards; zero, which is no tree's root, if there
    /// is no such position on a path of this length.
    function rootFrom(uint256 position, bytes32 leaf, bytes32[] memory siblings) internal pure returns (bytes32 root) {
        if (siblings.length > POSITION_BITS || position >> siblings.length != 0) return 0;
        root = leaf;
        for (uint256 level = 0; level < siblings.length; ++level) {
            root = (position >> level) & 1 == 0 ? _node(root, siblings[level]) : _node(siblings[level], root);
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
