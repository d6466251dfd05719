// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Field } from "../../src/payments/Field.sol";
import { Groth16Batch } from "../../src/payments/Groth16Batch.sol";
import { PaymentsProof } from "../../src/payments/PaymentsProof.sol";
import { Transcript } from "../../src/payments/Transcript.sol";
import { KEY_SLOTS, VerifyingKeys } from "../../src/payments/VerifyingKeys.sol";

/// @title The naive twin of `PaymentsProof`: the same checks in the same order, written down as they are said.
/// @notice Tests hold the library to it: both take or refuse a batch, for the same reason, and draw the same challenges and coefficients.
library NaiveProof {
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

    /// @notice Reverts unless the proofs hold together.
    /// @param segments effects, withdrawals, messages
    /// @param set data contract of the key set that the schedule names for this batch, made by `VerifyingKeys.store`
    function verify(
        Transcript.Header memory header,
        bytes[3] calldata segments,
        PaymentsProof.ApplyChunk[] calldata applied,
        PaymentsProof.AuthoriseChunk[] calldata authorised,
        address set
    ) internal view returns (PaymentsProof.Result memory result) {
        _checkScalars(header, applied, authorised);
        bytes memory keys = VerifyingKeys.load(set);
        bytes32 t1 = absorbChunks(
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
        NaiveGroth16Batch.Claim[] memory claims = _claims(header, applied, authorised, running);
        _checkEnd(header, running, segments);
        NaiveGroth16Batch.verify(keys, claims, absorbProofs(t1, applied, authorised));
        return PaymentsProof.Result({ root: running.root, leafCount: running.counts >> 128 });
    }

    /// @dev What the chunks claim, and that the families' products are equal; `running` ends at the last outputs.
    function _claims(
        Transcript.Header memory header,
        PaymentsProof.ApplyChunk[] calldata applied,
        PaymentsProof.AuthoriseChunk[] calldata authorised,
        Running memory running
    ) private pure returns (NaiveGroth16Batch.Claim[] memory claims) {
        claims = new NaiveGroth16Batch.Claim[](applied.length + authorised.length);
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
        if (appliedProduct != authorisedProduct) {
            revert PaymentsProof.Proof_ProductsDiffer(appliedProduct, authorisedProduct);
        }
        if (appliedProduct == 0) revert PaymentsProof.Proof_ProductZero();
    }

    /// @dev Every scalar has one form, every packed field its width, every circuit its family.
    function _checkScalars(
        Transcript.Header memory header,
        PaymentsProof.ApplyChunk[] calldata applied,
        PaymentsProof.AuthoriseChunk[] calldata authorised
    ) private pure {
        if (applied.length == 0) revert PaymentsProof.Proof_NoApply();
        Field.requireCanonical(header.rootIn);
        if (
            header.env >> ENV_BITS != 0 || header.dom >> DOM_BITS != 0 || header.leafCountIn >> 40 != 0
                || header.queueStart >> 64 != 0 || header.queueEnd >> 64 != 0
        ) revert PaymentsProof.Proof_HeaderOutOfRange();
        for (uint256 i = 0; i < applied.length; ++i) {
            PaymentsProof.ApplyChunk calldata chunk = applied[i];
            if (!VerifyingKeys.isApply(chunk.circuit)) revert PaymentsProof.Proof_NotApply(chunk.circuit);
            Field.requireCanonical(chunk.rootOut);
            if (chunk.countsOut >> COUNTS_BITS != 0) revert PaymentsProof.Proof_CountsOutOfRange(chunk.countsOut);
            if (chunk.feeOut >> FEE_BITS != 0) revert PaymentsProof.Proof_FeeOutOfRange(chunk.feeOut);
            Field.requireCanonical(chunk.dataDigest);
            Field.requireCanonical(chunk.valueDigest);
            Field.requireCanonical(chunk.product);
            for (uint256 segment = 0; segment < 3; ++segment) {
                Field.requireCanonical(chunk.evaluationsOut[segment]);
            }
        }
        for (uint256 i = 0; i < authorised.length; ++i) {
            PaymentsProof.AuthoriseChunk calldata chunk = authorised[i];
            if (!VerifyingKeys.isAuthorise(chunk.circuit)) revert PaymentsProof.Proof_NotAuthorise(chunk.circuit);
            Field.requireCanonical(chunk.valueDigest);
            Field.requireCanonical(chunk.product);
        }
    }

    /// @dev The transcript's T1, after everything that does not depend on a challenge.
    function absorbChunks(
        bytes32 t0,
        PaymentsProof.ApplyChunk[] calldata applied,
        PaymentsProof.AuthoriseChunk[] calldata authorised
    ) internal pure returns (bytes32) {
        uint256[] memory words = new uint256[](1 + 6 * applied.length + 2 * authorised.length);
        words[0] = uint256(t0);
        uint256 cursor = 1;
        for (uint256 i = 0; i < applied.length; ++i) {
            PaymentsProof.ApplyChunk calldata chunk = applied[i];
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
    function absorbProofs(
        bytes32 t1,
        PaymentsProof.ApplyChunk[] calldata applied,
        PaymentsProof.AuthoriseChunk[] calldata authorised
    ) internal pure returns (bytes32) {
        uint256[] memory words = new uint256[](
            1 + APPLY_LATE_WORDS * applied.length + AUTHORISE_LATE_WORDS * authorised.length
        );
        words[0] = uint256(t1);
        uint256 cursor = 1;
        uint256[3] memory before;
        for (uint256 i = 0; i < applied.length; ++i) {
            PaymentsProof.ApplyChunk calldata chunk = applied[i];
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
    function _applyClaim(
        Transcript.Header memory header,
        PaymentsProof.ApplyChunk calldata chunk,
        Running memory running
    ) private pure returns (NaiveGroth16Batch.Claim memory claim) {
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
        return NaiveGroth16Batch.Claim({ circuit: chunk.circuit, inputs: inputs, proof: chunk.proof });
    }

    function _authoriseClaim(PaymentsProof.AuthoriseChunk calldata chunk, uint256 zJoin)
        private
        pure
        returns (NaiveGroth16Batch.Claim memory claim)
    {
        uint256[] memory inputs = new uint256[](AUTHORISE_INPUTS);
        (inputs[0], inputs[1], inputs[2]) = (chunk.valueDigest, zJoin, chunk.product);
        return NaiveGroth16Batch.Claim({ circuit: chunk.circuit, inputs: inputs, proof: chunk.proof });
    }

    /// @dev What the last chunk leaves is what was posted: elements, messages, evaluations, no fee.
    function _checkEnd(Transcript.Header memory header, Running memory running, bytes[3] calldata segments)
        private
        pure
    {
        uint256[3] memory counts;
        for (uint256 segment = 0; segment < 3; ++segment) {
            counts[segment] = Field.count(segments[segment]);
            if (counts[segment] >> 32 != 0) revert PaymentsProof.Proof_SegmentTooLong(segment);
        }
        for (uint256 segment = 0; segment < 3; ++segment) {
            uint256 evaluation = Field.evaluate(segments[segment], running.z);
            if (evaluation != running.evaluations[segment]) revert PaymentsProof.Proof_EvaluationDiffers(segment);
        }
        uint256 expected = counts[0] | (counts[1] << 32) | (header.queueEnd << 64);
        if (uint128(running.counts) != expected) revert PaymentsProof.Proof_CountsDiffer(running.counts, expected);
        // Two elements a message (PAY-MESSAGE).
        if (header.queueStart + counts[2] / 2 != header.queueEnd || counts[2] % 2 != 0) {
            revert PaymentsProof.Proof_CountsDiffer(counts[2], 2 * (header.queueEnd - header.queueStart));
        }
        if (running.fee != 0) revert PaymentsProof.Proof_FeeLeft(running.fee);
    }
}

/// @title The naive twin of `Groth16Batch`: the same equation, claims and pairs in arrays, one after the other, and nothing shared or laid out by hand.
/// @notice With coefficients c_j, all proofs hold if the product over proofs of e(-c_j A_j, B_j) and over keys of
/// e(sum c_j alpha, beta) e(sum c_j L_j, gamma) e(sum c_j C_j, delta) is one, L_j being a proof's combination of its
/// inputs. The coefficients must have been drawn after all proofs and inputs, else errors can be shifted from one proof
/// to another. Twin: `prover/circuits/src/groth16/verify.rs`. Adversarial: proofs and inputs.
library NaiveGroth16Batch {
    /// @dev The modulus of the base field, for negation.
    uint256 private constant P = 21888242871839275222246405745257275088696311157297823662689037894645226208583;

    /// @notice A proof with its public inputs: A (2 words), B (4), C (2) in the precompiles' encoding.
    struct Claim {
        uint256 circuit;
        uint256[] inputs;
        uint256[8] proof;
    }

    /// @dev What the claims of one key add up to.
    struct Sums {
        uint256 coefficient;
        uint256[] inputs;
        uint256[2] c;
    }

    /// @notice Reverts unless every claim holds. Inputs must be canonical, which is not checked here.
    /// @param keys a checked key set
    /// @param transcript hash that all proofs and inputs entered; coefficient i is the low half of keccak(transcript, i)
    function verify(bytes memory keys, Claim[] memory claims, bytes32 transcript) internal view {
        if (claims.length == 0) revert Groth16Batch.Groth16_Empty();
        uint256[KEY_SLOTS] memory pointers = VerifyingKeys.index(keys);
        Sums[KEY_SLOTS] memory sums;
        uint256 used = 0;
        // Of several circuits without a key the lowest is named.
        uint256 missing = type(uint256).max;
        for (uint256 i = 0; i < claims.length; ++i) {
            uint256 circuit = claims[i].circuit;
            if (circuit < missing && (circuit >= KEY_SLOTS || pointers[circuit] == 0)) missing = circuit;
        }
        if (missing != type(uint256).max) revert Groth16Batch.Groth16_NoKey(missing);
        for (uint256 i = 0; i < claims.length; ++i) {
            uint256 circuit = claims[i].circuit;
            if (claims[i].inputs.length != VerifyingKeys.word(pointers[circuit], VerifyingKeys.INPUTS)) {
                revert Groth16Batch.Groth16_WrongInputCount(circuit, claims[i].inputs.length);
            }
            if (sums[circuit].inputs.length == 0) {
                sums[circuit].inputs = new uint256[](claims[i].inputs.length);
                ++used;
            }
        }
        uint256[] memory pairs = new uint256[]((claims.length + 3 * used) * 6);
        uint256 cursor = 0;
        for (uint256 i = 0; i < claims.length; ++i) {
            cursor = _addClaim(claims[i], sums[claims[i].circuit], _coefficient(transcript, i), pairs, cursor);
        }
        for (uint256 circuit = 0; circuit < KEY_SLOTS; ++circuit) {
            if (sums[circuit].inputs.length != 0) cursor = _addKey(pointers[circuit], sums[circuit], pairs, cursor);
        }
        if (!_pairsToOne(pairs)) revert Groth16Batch.Groth16_InvalidProof();
    }

    function _coefficient(bytes32 transcript, uint256 index) private pure returns (uint256 coefficient) {
        coefficient = uint128(uint256(keccak256(abi.encode(transcript, index))));
        if (coefficient == 0) revert Groth16Batch.Groth16_ZeroCoefficient(index);
    }

    /// @dev Appends the pair (-c A, B) and adds inputs and C to the sums.
    function _addClaim(Claim memory claim, Sums memory sum, uint256 coefficient, uint256[] memory pairs, uint256 cursor)
        private
        view
        returns (uint256)
    {
        uint256[8] memory proof = claim.proof;
        uint256[2] memory a = _multiply([proof[0], proof[1]], coefficient);
        _append(pairs, cursor, [a[0], a[1] == 0 ? 0 : P - a[1]], [proof[2], proof[3], proof[4], proof[5]]);
        sum.coefficient = addmod(sum.coefficient, coefficient, Field.R);
        for (uint256 i = 0; i < claim.inputs.length; ++i) {
            sum.inputs[i] = addmod(sum.inputs[i], mulmod(coefficient, claim.inputs[i], Field.R), Field.R);
        }
        sum.c = _add(sum.c, _multiply([proof[6], proof[7]], coefficient));
        return cursor + 6;
    }

    /// @dev Appends the three pairs of a key.
    function _addKey(uint256 key, Sums memory sum, uint256[] memory pairs, uint256 cursor)
        private
        view
        returns (uint256)
    {
        uint256[2] memory combined = _multiply(_g1(key, VerifyingKeys.POINTS), sum.coefficient);
        for (uint256 i = 0; i < sum.inputs.length; ++i) {
            uint256[2] memory point = _g1(key, VerifyingKeys.POINTS + (i + 1) * 0x40);
            combined = _add(combined, _multiply(point, sum.inputs[i]));
        }
        _append(pairs, cursor, _multiply(_g1(key, VerifyingKeys.ALPHA), sum.coefficient), _g2(key, VerifyingKeys.BETA));
        _append(pairs, cursor + 6, combined, _g2(key, VerifyingKeys.GAMMA));
        _append(pairs, cursor + 12, sum.c, _g2(key, VerifyingKeys.DELTA));
        return cursor + 18;
    }

    function _append(uint256[] memory pairs, uint256 cursor, uint256[2] memory g1, uint256[4] memory g2) private pure {
        (pairs[cursor], pairs[cursor + 1]) = (g1[0], g1[1]);
        (pairs[cursor + 2], pairs[cursor + 3], pairs[cursor + 4], pairs[cursor + 5]) = (g2[0], g2[1], g2[2], g2[3]);
    }

    function _g1(uint256 key, uint256 offset) private pure returns (uint256[2] memory point) {
        return [VerifyingKeys.word(key, offset), VerifyingKeys.word(key, offset + 0x20)];
    }

    function _g2(uint256 key, uint256 offset) private pure returns (uint256[4] memory point) {
        for (uint256 i = 0; i < 4; ++i) {
            point[i] = VerifyingKeys.word(key, offset + i * 0x20);
        }
    }

    /// @dev The precompiles check that coordinates are below P and points on the curve.
    function _add(uint256[2] memory a, uint256[2] memory b) private view returns (uint256[2] memory sum) {
        uint256[4] memory input = [a[0], a[1], b[0], b[1]];
        bool ok;
        assembly ("memory-safe") {
            ok := staticcall(gas(), 0x06, input, 0x80, sum, 0x40)
            ok := and(ok, eq(returndatasize(), 0x40))
        }
        if (!ok) revert Groth16Batch.Groth16_PrecompileFailed(6);
    }

    function _multiply(uint256[2] memory point, uint256 scalar) private view returns (uint256[2] memory product) {
        uint256[3] memory input = [point[0], point[1], scalar];
        bool ok;
        assembly ("memory-safe") {
            ok := staticcall(gas(), 0x07, input, 0x60, product, 0x40)
            ok := and(ok, eq(returndatasize(), 0x40))
        }
        if (!ok) revert Groth16Batch.Groth16_PrecompileFailed(7);
    }

    function _pairsToOne(uint256[] memory pairs) private view returns (bool) {
        uint256[1] memory result;
        bool ok;
        assembly ("memory-safe") {
            ok := staticcall(gas(), 0x08, add(pairs, 0x20), mul(mload(pairs), 0x20), result, 0x20)
            ok := and(ok, eq(returndatasize(), 0x20))
        }
        if (!ok) revert Groth16Batch.Groth16_PrecompileFailed(8);
        return result[0] == 1;
    }
}
