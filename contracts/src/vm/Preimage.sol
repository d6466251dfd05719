// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IStep } from "./IStep.sol";
import { MemoryTree } from "./MemoryTree.sol";

/// @title Pre-images and their keys (VM-7), shown in the witness itself
/// @dev Twins: chain/vm/src/key.rs, chain/vm/src/oracle.rs.
library Preimage {
    uint256 internal constant KECCAK = 1;
    uint256 internal constant BLOB = 2;
    /// @dev Versioned hash, index, value, commitment, proof.
    uint256 internal constant BLOB_PROOF_SIZE = 192;

    address private constant POINT_EVALUATION = address(0x0a);
    uint256 private constant BLOB_ELEMENTS = 4096;
    uint256 private constant BLS_MODULUS = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;
    /// @dev 7^((r-1)/4096), of order 4096.
    uint256 private constant ROOT_OF_UNITY = 0x564c0a11a0f704f4fc3e8acfe0f8245f0ad1347b378fbf96e206da11a5d36306;

    function kind(bytes32 key) internal pure returns (uint256) {
        return uint8(key[0]);
    }

    function keccakKey(bytes32 hash) internal pure returns (bytes32) {
        return _ofKind(KECCAK, hash);
    }

    /// @dev Eight bytes, as LD reads them, at `offset` of the stream of the data with this key.
    function keccakWord(bytes32 key, uint64 offset, bytes calldata data) internal pure returns (uint64) {
        bytes32 actual = keccakKey(keccak256(data));
        if (actual != key) revert IStep.Step_Key(actual);
        return _streamWord(data, offset);
    }

    /// @dev The same for the blob element that `proof`, of BLOB_PROOF_SIZE bytes, shows.
    function blobWord(bytes32 key, uint64 offset, bytes calldata proof) internal view returns (uint64) {
        uint256 index = uint256(bytes32(proof[32:64]));
        if (index >= BLOB_ELEMENTS) revert IStep.Step_BlobIndex(index);
        bytes32 actual = _ofKind(BLOB, keccak256(abi.encodePacked(proof[0:32], uint64(index))));
        if (actual != key) revert IStep.Step_Key(actual);
        // On success the precompile returns two constants (EIP-4844), on failure nothing.
        (bool success, bytes memory result) =
            POINT_EVALUATION.staticcall(abi.encodePacked(proof[0:32], rootOfUnity(index), proof[64:192]));
        if (!success || result.length != 64) revert IStep.Step_PointEvaluation();
        return _streamWord(proof[64:96], offset);
    }

    /// @dev The point at which a blob's polynomial has the value of element `index`: roots of unity in bit-reversed order.
    function rootOfUnity(uint256 index) internal pure returns (uint256 point) {
        point = 1;
        uint256 power = ROOT_OF_UNITY;
        for (uint256 bit = BLOB_ELEMENTS >> 1; bit != 0; bit >>= 1) {
            if (index & bit != 0) point = mulmod(point, power, BLS_MODULUS);
            power = mulmod(power, power, BLS_MODULUS);
        }
    }

    /// @dev Eight bytes of the stream at an offset: the length, the data, then zeros without end.
    function _streamWord(bytes calldata data, uint64 offset) private pure returns (uint64) {
        bytes memory word = new bytes(8);
        bytes8 length = bytes8(uint64(MemoryTree.swapLanes(data.length)));
        for (uint256 i = 0; i < 8; ++i) {
            uint256 position = uint256(offset) + i;
            if (position < 8) word[7 - i] = length[position];
            else if (position - 8 < data.length) word[7 - i] = data[position - 8];
        }
        return uint64(bytes8(word));
    }

    function _ofKind(uint256 kind_, bytes32 hash) private pure returns (bytes32) {
        return bytes32((kind_ << 248) | ((uint256(hash) << 8) >> 8));
    }
}
