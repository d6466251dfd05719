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

    /// @dev What chains from chunk to chunk, and the challenges.
    struct Running {
        uint256 root;
        uint256 counts;
        uint256 fee;
        uint256[3] evaluations;
        uint256 z;
        uint256 zJoin;
    }

    uint256 private constant COUNTS_BITS = 168;
    uint256 private constant FEE_BITS = 128;
    uint256 private constant ENV_BITS = 224;
    uint256 private constant DOM_BITS = 248;
    uint256 private constant APPLY_INPUTS = 19;
    uint256 private constant AUTHORISE_INPUTS = 3;
    uint256 private constant APPLY_LATE_WORDS = 15;
    uint256 private constant AUTHORISE_LATE_WORDS = 9;

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
        _checkScalars(header, applied, authorised);
        bytes memory keys = VerifyingKeys.load(set);
        bytes32 t1 = _absorbChunks(
            Transcript.start(header, keccak256(keys), segments, applied.length, authorised.length), applied, authorised
        );
        Running memory running = Running({
            root: header.rootIn,
            counts: (header.queueStart << 64) | (header.leafCountIn << 128),
            fee: 0,
            evaluations: [uint256(0), 0, 0],
            z: Transcript.dataChallenge(t1),
            zJoin: Transcript.joinChallenge(t1)
        });
        Groth16Batch.Claim[] memory claims = _claims(header, applied, authorised, running);
        _checkEnd(header, running, segments);
        Groth16Batch.verify(keys, claims, _absorbProofs(t1, applied, authorised));
        return Result({ root: running.root, leafCount: running.counts >> 128 });
    }

    /// @dev What the chunks claim, and that the families' products are equal; `running` ends at the last outputs.
    function _claims(
        Transcript.Header memory header,
        ApplyChunk[] calldata applied,
        AuthoriseChunk[] calldata authorised,
        Running memory running
    ) private pure returns (Groth16Batch.Claim[] memory claims) {
        claims = new Groth16Batch.Claim[](applied.length + authorised.length);
        uint256 appliedProduct = 1;
        for (uint256 i = 0; i < applied.length; ++i) {
            claims[i] = _applyClaim(header, applied[i], running);
            appliedProduct = mulmod(appliedProduct, applied[i].product, Field.R);
        }
        uint256 authorisedProduct = 1;
        for (uint256 i = 0; i < authorised.length; ++i) {
            claims[applied.length + i] = _authoriseClaim(authorised[i], running.zJoin);
            authorisedProduct = mulmod(authorisedProduct, authorised[i].product, Field.R);
        }
        if (appliedProduct != authorisedProduct) revert Proof_ProductsDiffer(appliedProduct, authorisedProduct);
        if (appliedProduct == 0) revert Proof_ProductZero();
    }

    /// @dev Every scalar has one form, every packed field its width, every circuit its family.
    function _checkScalars(
        Transcript.Header memory header,
        ApplyChunk[] calldata applied,
        AuthoriseChunk[] calldata authorised
    ) private pure {
        if (applied.length == 0) revert Proof_NoApply();
        Field.requireCanonical(header.rootIn);
        if (
            header.env >> ENV_BITS != 0 || header.dom >> DOM_BITS != 0 || header.leafCountIn >> 40 != 0
                || header.queueStart >> 64 != 0 || header.queueEnd >> 64 != 0
        ) revert Proof_HeaderOutOfRange();
        for (uint256 i = 0; i < applied.length; ++i) {
            ApplyChunk calldata chunk = applied[i];
            if (chunk.circuit != 1 && chunk.circuit != 2) revert Proof_NotApply(chunk.circuit);
            Field.requireCanonical(chunk.rootOut);
            if (chunk.countsOut >> COUNTS_BITS != 0) revert Proof_CountsOutOfRange(chunk.countsOut);
            if (chunk.feeOut >> FEE_BITS != 0) revert Proof_FeeOutOfRange(chunk.feeOut);
            Field.requireCanonical(chunk.dataDigest);
            Field.requireCanonical(chunk.valueDigest);
            Field.requireCanonical(chunk.product);
            for (uint256 segment = 0; segment < 3; ++segment) {
                Field.requireCanonical(chunk.evaluationsOut[segment]);
            }
        }
        for (uint256 i = 0; i < authorised.length; ++i) {
            AuthoriseChunk calldata chunk = authorised[i];
            if (chunk.circuit != 3 && chunk.circuit != 4) revert Proof_NotAuthorise(chunk.circuit);
            Field.requireCanonical(chunk.valueDigest);
            Field.requireCanonical(chunk.product);
        }
    }

    /// @dev The transcript's T1, after everything that does not depend on a challenge.
    function _absorbChunks(bytes32 t0, ApplyChunk[] calldata applied, AuthoriseChunk[] calldata authorised)
        private
        pure
        returns (bytes32)
    {
        uint256[] memory words = new uint256[](1 + 6 * applied.length + 2 * authorised.length);
        words[0] = uint256(t0);
        uint256 cursor = 1;
        for (uint256 i = 0; i < applied.length; ++i) {
            ApplyChunk calldata chunk = applied[i];
            (words[cursor], words[cursor + 1], words[cursor + 2]) = (chunk.circuit, chunk.rootOut, chunk.countsOut);
            (words[cursor + 3], words[cursor + 4], words[cursor + 5]) =
            (chunk.feeOut, chunk.dataDigest, chunk.valueDigest);
            cursor += 6;
        }
        for (uint256 i = 0; i < authorised.length; ++i) {
            (words[cursor], words[cursor + 1]) = (authorised[i].circuit, authorised[i].valueDigest);
            cursor += 2;
        }
        return keccak256(abi.encodePacked(words));
    }

    /// @dev The transcript's T2, after the inputs that depend on challenges and the proofs.
    function _absorbProofs(bytes32 t1, ApplyChunk[] calldata applied, AuthoriseChunk[] calldata authorised)
        private
        pure
        returns (bytes32)
    {
        uint256[] memory words =
            new uint256[](1 + APPLY_LATE_WORDS * applied.length + AUTHORISE_LATE_WORDS * authorised.length);
        words[0] = uint256(t1);
        uint256 cursor = 1;
        uint256[3] memory before;
        for (uint256 i = 0; i < applied.length; ++i) {
            ApplyChunk calldata chunk = applied[i];
            for (uint256 segment = 0; segment < 3; ++segment) {
                words[cursor++] = before[segment];
                words[cursor++] = before[segment] = chunk.evaluationsOut[segment];
            }
            words[cursor++] = chunk.product;
            cursor = _appendProof(words, cursor, chunk.proof);
        }
        for (uint256 i = 0; i < authorised.length; ++i) {
            words[cursor++] = authorised[i].product;
            cursor = _appendProof(words, cursor, authorised[i].proof);
        }
        return keccak256(abi.encodePacked(words));
    }

    function _appendProof(uint256[] memory words, uint256 cursor, uint256[8] calldata proof)
        private
        pure
        returns (uint256)
    {
        for (uint256 i = 0; i < 8; ++i) {
            words[cursor + i] = proof[i];
        }
        return cursor + 8;
    }

    /// @dev The public inputs of an Apply chunk (PAY-PUBLIC); `running` moves on to its outputs.
    function _applyClaim(Transcript.Header memory header, ApplyChunk calldata chunk, Running memory running)
        private
        pure
        returns (Groth16Batch.Claim memory claim)
    {
        uint256[] memory inputs = new uint256[](APPLY_INPUTS);
        (inputs[0], inputs[1]) = (running.root, chunk.rootOut);
        (inputs[2], inputs[3]) = (running.counts, chunk.countsOut);
        (inputs[4], inputs[5]) = (running.fee, chunk.feeOut);
        (inputs[6], inputs[7]) = (chunk.dataDigest, chunk.valueDigest);
        (inputs[8], inputs[9]) = (header.dom, header.env);
        (inputs[10], inputs[11]) = (running.z, running.zJoin);
        for (uint256 segment = 0; segment < 3; ++segment) {
            inputs[12 + 2 * segment] = running.evaluations[segment];
            inputs[13 + 2 * segment] = chunk.evaluationsOut[segment];
        }
        inputs[18] = chunk.product;
        (running.root, running.counts, running.fee) = (chunk.rootOut, chunk.countsOut, chunk.feeOut);
        running.evaluations = chunk.evaluationsOut;
        return Groth16Batch.Claim({ circuit: chunk.circuit, inputs: inputs, proof: chunk.proof });
    }

    function _authoriseClaim(AuthoriseChunk calldata chunk, uint256 zJoin)
        private
        pure
        returns (Groth16Batch.Claim memory claim)
    {
        uint256[] memory inputs = new uint256[](AUTHORISE_INPUTS);
        (inputs[0], inputs[1], inputs[2]) = (chunk.valueDigest, zJoin, chunk.product);
        return Groth16Batch.Claim({ circuit: chunk.circuit, inputs: inputs, proof: chunk.proof });
    }

    /// @dev What the last chunk leaves is what was posted: elements, messages, evaluations, no fee.
    function _checkEnd(Transcript.Header memory header, Running memory running, bytes[3] calldata segments)
        private
        pure
    {
        uint256[3] memory counts;
        for (uint256 segment = 0; segment < 3; ++segment) {
            counts[segment] = Field.count(segments[segment]);
            if (counts[segment] >> 32 != 0) revert Proof_SegmentTooLong(segment);
        }
        for (uint256 segment = 0; segment < 3; ++segment) {
            uint256 evaluation = Field.evaluate(segments[segment], running.z);
            if (evaluation != running.evaluations[segment]) revert Proof_EvaluationDiffers(segment);
        }
        uint256 expected = counts[0] | (counts[1] << 32) | (header.queueEnd << 64);
        if (uint128(running.counts) != expected) revert Proof_CountsDiffer(running.counts, expected);
        // Two elements a message (PAY-MESSAGE).
        if (header.queueStart + counts[2] / 2 != header.queueEnd || counts[2] % 2 != 0) {
            revert Proof_CountsDiffer(counts[2], 2 * (header.queueEnd - header.queueStart));
        }
        if (running.fee != 0) revert Proof_FeeLeft(running.fee);
    }
}
