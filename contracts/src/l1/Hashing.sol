// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {
    BatchContent,
    BatchHeader,
    ChainConfig,
    Checkpoint,
    Entry,
    L2Message,
    Message,
    OutputFields
} from "./Types.sol";

/// @title Every hash that L1 and the rulebook share.
/// @notice Rules: L1-MSG-1, L1-MSG-2, L1-MSG-3, L1-CP-1, L1-BATCH-1, L1-BATCH-2, L1-OUT-1, L1-CLAIM-1, L1-WD-1, L1-CFG-1,
/// L1-SCHED-1. Twins: `chain/`; both read `tests/vectors/l1`.
library Hashing {
    uint256 internal constant OUTPUT_VERSION = 1;
    uint256 internal constant CHUNK_BYTES = 65_536;
    uint160 internal constant ALIAS_OFFSET = uint160(0x1111000000000000000000000000000000001111);

    /// @notice L1-MSG-1: the bytes of a message.
    function encodeMessage(Message memory message) internal pure returns (bytes memory) {
        return abi.encodePacked(
            message.kind,
            message.sender,
            message.to,
            message.mint,
            message.value,
            message.gasLimit,
            message.refund,
            message.data
        );
    }

    /// @notice L1-MSG-2: the queue hash after one more message.
    function extendQueue(bytes32 queueHash, bytes32 messageHash) internal pure returns (bytes32) {
        return keccak256(bytes.concat(queueHash, messageHash));
    }

    /// @notice L1-MSG-3: the L2 sender for an L1 contract.
    function aliasOf(address l1Contract) internal pure returns (address) {
        unchecked {
            return address(uint160(l1Contract) + ALIAS_OFFSET);
        }
    }

    /// @notice The hash of a checkpoint (L1-CP-1).
    function hash(Checkpoint memory checkpoint) internal pure returns (bytes32) {
        return keccak256(abi.encode(checkpoint));
    }

    /// @notice L1-BATCH-1: known before the batch is posted.
    function hash(BatchContent memory content) internal pure returns (bytes32) {
        return keccak256(abi.encode(content));
    }

    /// @notice The hash of a batch (L1-BATCH-1).
    function hash(BatchHeader memory header) internal pure returns (bytes32) {
        return postedHash(hash(header.content), header.parentHash, header.postedAt);
    }

    /// @notice L1-BATCH-1: the hash of a batch with this content.
    function postedHash(bytes32 contentHash, bytes32 parentHash, uint64 postedAt) internal pure returns (bytes32) {
        return keccak256(abi.encode(contentHash, parentHash, postedAt));
    }

    /// @notice L1-BATCH-2, kind 1: hash over the hashes of the payload's chunks.
    function hashCalldata(bytes calldata payload) internal pure returns (bytes32) {
        bytes memory chunkHashes;
        for (uint256 start = 0; start < payload.length; start += CHUNK_BYTES) {
            uint256 end = start + CHUNK_BYTES;
            if (end > payload.length) end = payload.length;
            chunkHashes = bytes.concat(chunkHashes, keccak256(payload[start:end]));
        }
        return keccak256(chunkHashes);
    }

    /// @notice The data hash of a payload in blobs (L1-BATCH-2, kind 2).
    function hashBlobs(bytes32[] memory versionedHashes) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(versionedHashes));
    }

    /// @notice The output that these fields make (L1-OUT-1).
    function hash(OutputFields memory fields) internal pure returns (bytes32) {
        return keccak256(abi.encode(OUTPUT_VERSION, fields));
    }

    /// @notice The hash of a message from L2 (L1-WD-1).
    function hash(L2Message memory message) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(message.index, message.sender, message.target, message.value, message.gasLimit, message.data)
        );
    }

    /// @notice The hash of a configuration (L1-CFG-1).
    function hash(ChainConfig memory config) internal pure returns (bytes32) {
        return keccak256(abi.encode(config));
    }

    /// @notice The hash of a schedule entry (L1-SCHED-1).
    function hash(Entry memory entry) internal pure returns (bytes32) {
        return keccak256(abi.encode(entry));
    }
}
