// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title The memory tree (VM-2) and little-endian numbers in its leaves
/// @dev Twin: chain/vm/src/tree.rs.
library MemoryTree {
    uint256 internal constant MEMORY_SIZE = 1 << 32;
    /// @dev A leaf and 27 siblings.
    uint256 internal constant PROOF_SIZE = 32 * 28;

    /// @dev The root of the tree with `leaf` at `address_` beside the siblings of `proof`, a leaf's proof whose own leaf is not read.
    function root(uint64 address_, bytes32 leaf, bytes calldata proof) internal pure returns (bytes32 node) {
        uint256 index = address_ >> 5;
        node = leaf;
        for (uint256 position = 32; position < PROOF_SIZE; position += 32) {
            bytes32 sibling = bytes32(proof[position:position + 32]);
            (bytes32 left, bytes32 right) = index & 1 == 0 ? (node, sibling) : (sibling, node);
            node = keccak256(abi.encodePacked(left, right));
            index >>= 1;
        }
    }

    /// @dev Reverses the bytes of each 64-bit lane: four little-endian numbers become big-endian ones, and back.
    function swapLanes(uint256 v) internal pure returns (uint256) {
        uint256 mask8 = 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
        uint256 mask16 = 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
        uint256 mask32 = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
        v = ((v >> 8) & mask8) | ((v & mask8) << 8);
        v = ((v >> 16) & mask16) | ((v & mask16) << 16);
        return ((v >> 32) & mask32) | ((v & mask32) << 32);
    }

    /// @dev The number of `size` bytes at an address aligned to `size`, 1, 2, 4 or 8, which lies in this leaf.
    function read(bytes32 leaf, uint64 address_, uint256 size) internal pure returns (uint64) {
        return uint64((swapLanes(uint256(leaf)) >> _shift(address_)) & _mask(size));
    }

    /// @dev The leaf after a write of the low `size` bytes of `value`.
    function write(bytes32 leaf, uint64 address_, uint256 size, uint64 value) internal pure returns (bytes32) {
        uint256 mask = _mask(size) << _shift(address_);
        uint256 lanes = (swapLanes(uint256(leaf)) & ~mask) | ((uint256(value) << _shift(address_)) & mask);
        return bytes32(swapLanes(lanes));
    }

    /// @dev Lanes run from the top, bytes within a lane from the bottom.
    function _shift(uint64 address_) private pure returns (uint256) {
        return 64 * (3 - ((address_ >> 3) & 3)) + 8 * (address_ & 7);
    }

    function _mask(uint256 size) private pure returns (uint256) {
        return (1 << (8 * size)) - 1;
    }
}
