// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Field } from "./Field.sol";
import { Groth16Batch } from "./Groth16Batch.sol";
import { Transcript } from "./Transcript.sol";
import { VerifyingKeys } from "./VerifyingKeys.sol";

/// @title What the proofs of a batch prove together.
/// @notice Given a header that L1 vouches for, three posted segments and the chunks of both families: the state goes from
/// `rootIn` to the result by operations whose effects, withdrawals and messages are exactly the segments, in order, each
/// authorised once. Rules: PAY-CHAIN, PAY-JOIN, PAY-EVAL, PAY-PUBLIC, PAY-TRANSCRIPT. Twin:
/// `prover/circuits/src/groth16/batch.rs`. Adversarial: segments, chunks, proofs. The caller answers for the header, and
/// that the messages segment hashes to the queue.
library PaymentsProof {
    using Groth16Batch for Groth16Batch.Batch;

    /// @notice An Apply chunk: outputs, digests and proof. Its inputs are the outputs before it, never calldata.
    struct ApplyChunk {
        uint256 circuit;
        uint256 rootOut;
        uint256 countsOut;
        uint256 feeOut;
        uint256 dataDigest;
        uint256 valueDigest;
        uint256[3] evaluationsOut;
        uint256 product;
        uint256[8] proof;
    }

    /// @notice An Authorise chunk: what it publishes, and its proof.
    struct AuthoriseChunk {
        uint256 circuit;
        uint256 valueDigest;
        uint256 product;
        uint256[8] proof;
    }

    /// @notice The state after a batch.
    struct Result {
        uint256 root;
        uint256 leafCount;
    }

    /// @dev The public inputs of an Apply chunk, in the order of PAY-PUBLIC: those of one chunk after the other are laid out in the same place.
    struct ApplyInputs {
        uint256 one;
        uint256 rootIn;
        uint256 rootOut;
        uint256 countsIn;
        uint256 countsOut;
        uint256 feeIn;
        uint256 feeOut;
        uint256 dataDigest;
        uint256 valueDigest;
        uint256 dom;
        uint256 env;
        uint256 z;
        uint256 zJoin;
        uint256 effectsIn;
        uint256 effectsOut;
        uint256 withdrawalsIn;
        uint256 withdrawalsOut;
        uint256 messagesIn;
        uint256 messagesOut;
        uint256 product;
    }

    /// @dev The public inputs of an Authorise chunk, in the order of PAY-PUBLIC.
    struct AuthoriseInputs {
        uint256 one;
        uint256 valueDigest;
        uint256 zJoin;
        uint256 product;
    }

    uint256 private constant COUNTS_BITS = 168;
    uint256 private constant FEE_BITS = 128;
    uint256 private constant ENV_BITS = 224;
    uint256 private constant DOM_BITS = 248;
    /// @dev Bytes of the chunks in calldata: 18 and 11 words in the order of the structs, one chunk behind the other, as nothing in them is of variable length.
    /// The decoder has checked that all of them are within the call. In an Apply chunk the evaluations begin at 0xc0 and the product at 0x120, with the proof
    /// behind it; in an Authorise chunk the product is at 0x40.
    uint256 private constant APPLY_BYTES = 0x240;
    uint256 private constant AUTHORISE_BYTES = 0x160;
    uint256 private constant APPLY_INPUTS = 19;
    uint256 private constant AUTHORISE_INPUTS = 3;

    error Proof_NoApply();
    error Proof_NotApply(uint256 circuit);
    error Proof_NotAuthorise(uint256 circuit);
    error Proof_HeaderOutOfRange();
    error Proof_CountsOutOfRange(uint256 counts);
    error Proof_FeeOutOfRange(uint256 fee);
    error Proof_SegmentTooLong(uint256 segment);
    error Proof_CountsDiffer(uint256 counts, uint256 expected);
    error Proof_EvaluationDiffers(uint256 segment);
    error Proof_FeeLeft(uint256 fee);
    error Proof_ProductsDiffer(uint256 applied, uint256 authorised);
    error Proof_ProductZero();

    /// @notice Reverts unless the proofs hold together.
    /// @param segments effects, withdrawals, messages
    /// @param set data contract of the key set that the schedule names for this batch, made by `VerifyingKeys.store`
    function verify(
        Transcript.Header memory header,
        bytes[3] calldata segments,
        ApplyChunk[] calldata applied,
        AuthoriseChunk[] calldata authorised,
        address set
    ) internal view returns (Result memory result) {
        uint256 circuits = _checkScalars(header, applied, authorised);
        bytes memory keys = VerifyingKeys.load(set);
        bytes32 t1 = absorbChunks(
            Transcript.start(header, keccak256(keys), segments, applied.length, authorised.length), applied, authorised
        );
        _checkProducts(applied, authorised);
        ApplyChunk calldata last = applied[applied.length - 1];
        _checkEnd(header, last, segments, Transcript.dataChallenge(t1));
        _checkProofs(keys, circuits, header, applied, authorised, t1);
        return Result({ root: last.rootOut, leafCount: last.countsOut >> 128 });
    }

    /// @dev The proofs hold for what the chunks publish.
    function _checkProofs(
        bytes memory keys,
        uint256 circuits,
        Transcript.Header memory header,
        ApplyChunk[] calldata applied,
        AuthoriseChunk[] calldata authorised,
        bytes32 t1
    ) private view {
        bytes32 t2 = absorbProofs(t1, applied, authorised);
        Groth16Batch.Batch memory batch = Groth16Batch.start(keys, circuits, applied.length + authorised.length, t2);
        _addApplied(batch, header, applied, t1);
        _addAuthorised(batch, authorised, t1);
        batch.finish();
    }

    /// @dev The families' products are equal: what is applied is what is authorised.
    function _checkProducts(ApplyChunk[] calldata applied, AuthoriseChunk[] calldata authorised) private pure {
        uint256 appliedProduct = 1;
        for (uint256 i = 0; i < applied.length; ++i) {
            appliedProduct = mulmod(appliedProduct, applied[i].product, Field.R);
        }
        uint256 authorisedProduct = 1;
        for (uint256 i = 0; i < authorised.length; ++i) {
            authorisedProduct = mulmod(authorisedProduct, authorised[i].product, Field.R);
        }
        if (appliedProduct != authorisedProduct) revert Proof_ProductsDiffer(appliedProduct, authorisedProduct);
        if (appliedProduct == 0) revert Proof_ProductZero();
    }

    /// @dev Every scalar has one form, every packed field its width, every circuit its family.
    /// @return circuits those of all chunks: bit i for circuit i
    function _checkScalars(
        Transcript.Header memory header,
        ApplyChunk[] calldata applied,
        AuthoriseChunk[] calldata authorised
    ) private pure returns (uint256 circuits) {
        if (applied.length == 0) revert Proof_NoApply();
        Field.requireCanonical(header.rootIn);
        if (
            header.env >> ENV_BITS != 0 || header.dom >> DOM_BITS != 0 || header.leafCountIn >> 40 != 0
                || header.queueStart >> 64 != 0 || header.queueEnd >> 64 != 0
        ) revert Proof_HeaderOutOfRange();
        for (uint256 i = 0; i < applied.length; ++i) {
            ApplyChunk calldata chunk = applied[i];
            if (!VerifyingKeys.isApply(chunk.circuit)) revert Proof_NotApply(chunk.circuit);
            Field.requireCanonical(chunk.rootOut);
            if (chunk.countsOut >> COUNTS_BITS != 0) revert Proof_CountsOutOfRange(chunk.countsOut);
            if (chunk.feeOut >> FEE_BITS != 0) revert Proof_FeeOutOfRange(chunk.feeOut);
            Field.requireCanonical(chunk.dataDigest);
            Field.requireCanonical(chunk.valueDigest);
            Field.requireCanonical(chunk.product);
            Field.requireCanonical(chunk.evaluationsOut[0]);
            Field.requireCanonical(chunk.evaluationsOut[1]);
            Field.requireCanonical(chunk.evaluationsOut[2]);
            circuits |= 1 << chunk.circuit;
        }
        for (uint256 i = 0; i < authorised.length; ++i) {
            AuthoriseChunk calldata chunk = authorised[i];
            if (!VerifyingKeys.isAuthorise(chunk.circuit)) revert Proof_NotAuthorise(chunk.circuit);
            Field.requireCanonical(chunk.valueDigest);
            Field.requireCanonical(chunk.product);
            circuits |= 1 << chunk.circuit;
        }
    }

    /// @notice The transcript's T1, after everything that does not depend on a challenge: the first six words of every Apply chunk, the first two of every
    /// Authorise chunk.
    function absorbChunks(bytes32 t0, ApplyChunk[] calldata applied, AuthoriseChunk[] calldata authorised)
        internal
        pure
        returns (bytes32 t1)
    {
        assembly ("memory-safe") {
            let words := mload(0x40) // scratch, which stays free
            let cursor := add(words, 0x20)
            mstore(words, t0)
            let chunk := applied.offset
            for { let end := add(chunk, mul(applied.length, APPLY_BYTES)) } lt(chunk, end) { } {
                calldatacopy(cursor, chunk, 0xc0)
                cursor := add(cursor, 0xc0)
                chunk := add(chunk, APPLY_BYTES)
            }
            chunk := authorised.offset
            for { let end := add(chunk, mul(authorised.length, AUTHORISE_BYTES)) } lt(chunk, end) { } {
                calldatacopy(cursor, chunk, 0x40)
                cursor := add(cursor, 0x40)
                chunk := add(chunk, AUTHORISE_BYTES)
            }
            t1 := keccak256(words, sub(cursor, words))
        }
    }

    /// @notice The transcript's T2, after the inputs that depend on challenges and the proofs: of every Apply chunk the evaluations of each segment before and
    /// after it, the product and the proof, of every Authorise chunk the product and the proof.
    function absorbProofs(bytes32 t1, ApplyChunk[] calldata applied, AuthoriseChunk[] calldata authorised)
        internal
        pure
        returns (bytes32 t2)
    {
        assembly ("memory-safe") {
            let words := mload(0x40) // scratch, which stays free
            let cursor := add(words, 0x20)
            mstore(words, t1)
            let effects := 0
            let withdrawals := 0
            let messages := 0
            let chunk := applied.offset
            for { let end := add(chunk, mul(applied.length, APPLY_BYTES)) } lt(chunk, end) { } {
                mstore(cursor, effects)
                mstore(add(cursor, 0x40), withdrawals)
                mstore(add(cursor, 0x80), messages)
                effects := calldataload(add(chunk, 0xc0))
                withdrawals := calldataload(add(chunk, 0xe0))
                messages := calldataload(add(chunk, 0x100))
                mstore(add(cursor, 0x20), effects)
                mstore(add(cursor, 0x60), withdrawals)
                mstore(add(cursor, 0xa0), messages)
                calldatacopy(add(cursor, 0xc0), add(chunk, 0x120), 0x120)
                cursor := add(cursor, 0x1e0)
                chunk := add(chunk, APPLY_BYTES)
            }
            chunk := authorised.offset
            for { let end := add(chunk, mul(authorised.length, AUTHORISE_BYTES)) } lt(chunk, end) { } {
                calldatacopy(cursor, add(chunk, 0x40), 0x120)
                cursor := add(cursor, 0x120)
                chunk := add(chunk, AUTHORISE_BYTES)
            }
            t2 := keccak256(words, sub(cursor, words))
        }
    }

    /// @dev Adds the Apply chunks (PAY-PUBLIC), which chain: what one leaves the next begins with (PAY-CHAIN).
    function _addApplied(
        Groth16Batch.Batch memory batch,
        Transcript.Header memory header,
        ApplyChunk[] calldata applied,
        bytes32 t1
    ) private view {
        ApplyInputs memory inputs;
        inputs.one = 1;
        // The first chunk begins where the batch does: fee and evaluations are zero.
        inputs.rootOut = header.rootIn;
        inputs.countsOut = (header.queueStart << 64) | (header.leafCountIn << 128);
        (inputs.dom, inputs.env) = (header.dom, header.env);
        (inputs.z, inputs.zJoin) = (Transcript.dataChallenge(t1), Transcript.joinChallenge(t1));
        uint256 pointer;
        assembly ("memory-safe") {
            pointer := inputs
        }
        for (uint256 i = 0; i < applied.length; ++i) {
            ApplyChunk calldata chunk = applied[i];
            inputs.rootIn = inputs.rootOut;
            inputs.rootOut = chunk.rootOut;
            inputs.countsIn = inputs.countsOut;
            inputs.countsOut = chunk.countsOut;
            inputs.feeIn = inputs.feeOut;
            inputs.feeOut = chunk.feeOut;
            inputs.dataDigest = chunk.dataDigest;
            inputs.valueDigest = chunk.valueDigest;
            inputs.effectsIn = inputs.effectsOut;
            inputs.effectsOut = chunk.evaluationsOut[0];
            inputs.withdrawalsIn = inputs.withdrawalsOut;
            inputs.withdrawalsOut = chunk.evaluationsOut[1];
            inputs.messagesIn = inputs.messagesOut;
            inputs.messagesOut = chunk.evaluationsOut[2];
            inputs.product = chunk.product;
            batch.add(chunk.circuit, pointer, APPLY_INPUTS, chunk.proof);
        }
    }

    /// @dev Adds the Authorise chunks (PAY-PUBLIC).
    function _addAuthorised(Groth16Batch.Batch memory batch, AuthoriseChunk[] calldata authorised, bytes32 t1)
        private
        view
    {
        AuthoriseInputs memory inputs;
        inputs.one = 1;
        inputs.zJoin = Transcript.joinChallenge(t1);
        uint256 pointer;
        assembly ("memory-safe") {
            pointer := inputs
        }
        for (uint256 i = 0; i < authorised.length; ++i) {
            AuthoriseChunk calldata chunk = authorised[i];
            (inputs.valueDigest, inputs.product) = (chunk.valueDigest, chunk.product);
            batch.add(chunk.circuit, pointer, AUTHORISE_INPUTS, chunk.proof);
        }
    }

    /// @dev What the last chunk leaves is what was posted: elements, messages, evaluations, no fee.
    function _checkEnd(Transcript.Header memory header, ApplyChunk calldata last, bytes[3] calldata segments, uint256 z)
        private
        pure
    {
        uint256[3] memory counts;
        for (uint256 segment = 0; segment < 3; ++segment) {
            counts[segment] = Field.count(segments[segment]);
            if (counts[segment] >> 32 != 0) revert Proof_SegmentTooLong(segment);
        }
        for (uint256 segment = 0; segment < 3; ++segment) {
            uint256 evaluation = Field.evaluate(segments[segment], z);
            if (evaluation != last.evaluationsOut[segment]) revert Proof_EvaluationDiffers(segment);
        }
        uint256 expected = counts[0] | (counts[1] << 32) | (header.queueEnd << 64);
        if (uint128(last.countsOut) != expected) revert Proof_CountsDiffer(last.countsOut, expected);
        // Two elements a message (PAY-MESSAGE).
        if (header.queueStart + counts[2] / 2 != header.queueEnd || counts[2] % 2 != 0) {
            revert Proof_CountsDiffer(counts[2], 2 * (header.queueEnd - header.queueStart));
        }
        if (last.feeOut != 0) revert Proof_FeeLeft(last.feeOut);
    }
}
