// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Field } from "./Field.sol";

/// @title The transcript from which challenges and coefficients are drawn (PAY-TRANSCRIPT).
/// @notice T0 absorbs what is known of a batch before its proofs, T1 the inputs of every chunk that do not depend on a
/// challenge, T2 the others and the proofs. Nothing that depends on inclusion in L1 enters. Twin:
/// `prover/circuits/src/groth16/transcript.rs`.
library Transcript {
    bytes32 internal constant TAG = keccak256("tandem.payments.transcript.v1");

    /// @notice What L1 knows of a batch without its proofs.
    /// @param configHash hash of the chain's configuration
    /// @param index index of the batch
    /// @param rootIn state root before it
    /// @param leafCountIn leaf count before it
    /// @param queueStart first message it consumes, `queueHashStart` the queue hash before that message
    /// @param queueEnd first message it leaves, `queueHashEnd` the queue hash before that one
    /// @param env timestamp and operator, packed
    /// @param dom signing domain, a function of the configuration
    struct Header {
        bytes32 configHash;
        uint256 index;
        uint256 rootIn;
        uint256 leafCountIn;
        uint256 queueStart;
        bytes32 queueHashStart;
        uint256 queueEnd;
        bytes32 queueHashEnd;
        uint256 env;
        uint256 dom;
    }

    /// @notice The transcript's T0, after what is known of the batch without its proofs.
    function start(
        Header memory header,
        bytes32 keySetHash,
        bytes[3] calldata segments,
        uint256 applyCount,
        uint256 authoriseCount
    ) internal pure returns (bytes32) {
        return keccak256(
            bytes.concat(
                abi.encode(TAG, header.configHash, keySetHash, header.index, header.rootIn, header.leafCountIn),
                abi.encode(
                    header.queueStart,
                    header.queueHashStart,
                    header.queueEnd,
                    header.queueHashEnd,
                    header.env,
                    header.dom
                ),
                abi.encode(segments[0].length, keccak256(segments[0])),
                abi.encode(segments[1].length, keccak256(segments[1])),
                abi.encode(segments[2].length, keccak256(segments[2])),
                abi.encode(applyCount, authoriseCount)
            )
        );
    }

    /// @notice z, at which data is evaluated.
    function dataChallenge(bytes32 t1) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(t1, uint256(1)))) % Field.R;
    }

    /// @notice z', of the join of applied and authorised operations.
    function joinChallenge(bytes32 t1) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(t1, uint256(2)))) % Field.R;
    }
}
