// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { G2 } from "./G2.sol";
import { Field } from "../../src/payments/Field.sol";
import { Groth16Batch } from "../../src/payments/Groth16Batch.sol";
import { PaymentsProof } from "../../src/payments/PaymentsProof.sol";
import { Transcript } from "../../src/payments/Transcript.sol";
import { VerifyingKeys } from "../../src/payments/VerifyingKeys.sol";
import { Test } from "../utils/Test.sol";
import { vm } from "../utils/Vm.sol";
import { FixtureKeys } from "./FixtureKeys.sol";
import { NaiveGroth16Batch } from "./NaiveProof.sol";

/// @title The library as a contract.
contract PaymentsProofHarness {
    function verify(
        Transcript.Header memory header,
        bytes[3] calldata segments,
        PaymentsProof.ApplyChunk[] calldata applied,
        PaymentsProof.AuthoriseChunk[] calldata authorised,
        address set
    ) external view returns (PaymentsProof.Result memory) {
        return PaymentsProof.verify(header, segments, applied, authorised, set);
    }

    function store(bytes memory keys) external returns (address) {
        return VerifyingKeys.store(keys);
    }

    function load(address set) external view returns (bytes memory) {
        return VerifyingKeys.load(set);
    }

    function evaluate(bytes calldata data, uint256 z) external pure returns (uint256, uint256) {
        return (Field.evaluate(data, z), Field.count(data));
    }

    function verifyClaims(bytes memory keys, NaiveGroth16Batch.Claim[] calldata claims, bytes32 transcript)
        external
        view
    {
        uint256 circuits = 0;
        for (uint256 i = 0; i < claims.length; ++i) {
            circuits |= 1 << claims[i].circuit;
        }
        Groth16Batch.Batch memory batch = Groth16Batch.start(keys, circuits, claims.length, transcript);
        for (uint256 i = 0; i < claims.length; ++i) {
            bytes memory inputs = abi.encodePacked(uint256(1), claims[i].inputs);
            uint256 first;
            assembly ("memory-safe") {
                first := add(inputs, 0x20)
            }
            Groth16Batch.add(batch, claims[i].circuit, first, claims[i].inputs.length, claims[i].proof);
        }
        Groth16Batch.finish(batch);
    }
}

/// @title A batch as the prover made it (tests/vectors/payments/batch.json), and what L1 must refuse of it.
abstract contract PaymentsFixture is Test {
    uint256 internal constant P = 21888242871839275222246405745257275088696311157297823662689037894645226208583;

    PaymentsProofHarness internal harness;
    string internal json;
    bytes internal keys;
    address internal set;

    struct Batch {
        Transcript.Header header;
        bytes[3] segments;
        PaymentsProof.ApplyChunk[] applied;
        PaymentsProof.AuthoriseChunk[] authorised;
    }

    function setUp() public virtual {
        harness = new PaymentsProofHarness();
        json = vm.readFile("../tests/vectors/payments/batch.json");
        keys = vm.parseJsonBytes(json, ".keys");
        set = harness.store(keys);
    }

    function honest() internal view returns (Batch memory batch) {
        batch.header = abi.decode(vm.parseJsonBytes(json, ".header"), (Transcript.Header));
        bytes[] memory segments = vm.parseJsonBytesArray(json, ".segments");
        for (uint256 i = 0; i < 3; ++i) {
            batch.segments[i] = segments[i];
        }
        batch.applied = abi.decode(vm.parseJsonBytes(json, ".apply"), (PaymentsProof.ApplyChunk[]));
        batch.authorised = abi.decode(vm.parseJsonBytes(json, ".authorise"), (PaymentsProof.AuthoriseChunk[]));
    }

    function verify(Batch memory batch) internal view returns (PaymentsProof.Result memory) {
        return harness.verify(batch.header, batch.segments, batch.applied, batch.authorised, set);
    }

    /// Whether the batch is accepted; any revert is a refusal. (A precompile that refuses a point takes all gas it is
    /// given.)
    function accepts(Batch memory batch) internal view returns (bool) {
        try harness.verify{ gas: 5_000_000 }(batch.header, batch.segments, batch.applied, batch.authorised, set) {
            return true;
        } catch {
            return false;
        }
    }
}

/// @title Composition: what the chunks prove together (PAY-CHAIN, PAY-CIRCUIT, PAY-JOIN, PAY-EVAL, PAY-PUBLIC, PAY-TRANSCRIPT).
contract PaymentsProofTest is PaymentsFixture {
    function test_accepts_whatTheProverMade() external {
        Batch memory batch = honest();
        vm.assertEq(batch.applied.length, 2);
        vm.assertEq(batch.authorised.length, 1);
        uint256 gasBefore = gasleft();
        PaymentsProof.Result memory result = verify(batch);
        uint256 gasUsed = gasBefore - gasleft();
        vm.assertEq(result.root, uint256(vm.parseJsonBytes32(json, ".rootOut")));
        vm.assertEq(result.leafCount, vm.parseJsonUint(json, ".leafCountOut"));
        vm.snapshotValue("payments", "gas PaymentsProof.verify 3 proofs 2 keys", gasUsed);
    }

    function test_coefficientsAreThoseOfTheNativeTranscript() external {
        // It absorbs every proof and every input; one that left something out would let errors be shifted between proofs.
        Batch memory batch = honest();
        bytes memory coefficients = vm.parseJsonBytes(json, ".coefficients");
        vm.assertEq(coefficients.length, 3 * 0x20);
        for (uint256 i = 0; i < 3; ++i) {
            uint256[8] memory proof = i < 2 ? batch.applied[i].proof : batch.authorised[0].proof;
            uint256 coefficient;
            assembly ("memory-safe") {
                coefficient := mload(add(add(coefficients, 0x20), mul(i, 0x20)))
            }
            vm.expectCall(address(7), abi.encode(proof[0], proof[1], coefficient));
            vm.expectCall(address(7), abi.encode(proof[6], proof[7], coefficient));
        }
        verify(batch);
    }

    function test_refuses_everyHeaderField() external view {
        for (uint256 field = 0; field < 10; ++field) {
            Batch memory batch = honest();
            Transcript.Header memory header = batch.header;
            // A struct of words: the field's place in memory.
            assembly ("memory-safe") {
                let cursor := add(header, mul(field, 0x20))
                mstore(cursor, xor(mload(cursor), 1))
            }
            vm.assertFalse(accepts(batch), "a header field is free");
        }
    }

    function test_refuses_everyWordOfAnApplyChunk() external view {
        for (uint256 chunk = 0; chunk < 2; ++chunk) {
            for (uint256 field = 0; field < 18; ++field) {
                Batch memory batch = honest();
                _flip(batch, chunk, field);
                vm.assertFalse(accepts(batch), "a word of an Apply chunk is free");
            }
        }
    }

    /// Flips the last bit of a word of an Apply chunk: 6 words, 3 evaluations, product, 8 of the proof.
    function _flip(Batch memory batch, uint256 chunk, uint256 field) private pure {
        PaymentsProof.ApplyChunk memory applied = batch.applied[chunk];
        if (field == 0) applied.circuit ^= 1;
        else if (field == 1) applied.rootOut ^= 1;
        else if (field == 2) applied.countsOut ^= 1;
        else if (field == 3) applied.feeOut ^= 1;
        else if (field == 4) applied.dataDigest ^= 1;
        else if (field == 5) applied.valueDigest ^= 1;
        else if (field < 9) applied.evaluationsOut[field - 6] ^= 1;
        else if (field == 9) applied.product ^= 1;
        else applied.proof[field - 10] ^= 1;
    }

    function test_refuses_everyWordOfAnAuthoriseChunk() external view {
        for (uint256 field = 0; field < 11; ++field) {
            Batch memory batch = honest();
            PaymentsProof.AuthoriseChunk memory chunk = batch.authorised[0];
            if (field == 0) chunk.circuit ^= 7; // 3 becomes 4
            else if (field == 1) chunk.valueDigest ^= 1;
            else if (field == 2) chunk.product ^= 1;
            else chunk.proof[field - 3] ^= 1;
            vm.assertFalse(accepts(batch), "a word of an Authorise chunk is free");
        }
    }

    function testFuzz_refuses_otherData(uint256 segment, uint256 cursor, uint8 change) external view {
        Batch memory batch = honest();
        bytes memory data = batch.segments[bound(segment, 0, 2)];
        cursor = bound(cursor, 0, data.length - 1);
        data[cursor] = bytes1(uint8(data[cursor]) ^ uint8(bound(change, 1, 255)));
        vm.assertFalse(accepts(batch));
    }

    function test_refuses_longerShorterAndMovedData() external {
        for (uint256 segment = 0; segment < 3; ++segment) {
            Batch memory batch = honest();
            // A leading zero element does not change the evaluation, only the count.
            batch.segments[segment] = bytes.concat(new bytes(31), batch.segments[segment]);
            vm.assertFalse(accepts(batch));
            batch = honest();
            batch.segments[segment] = bytes.concat(batch.segments[segment], new bytes(31));
            vm.assertFalse(accepts(batch));
            batch = honest();
            batch.segments[segment] = bytes.concat(batch.segments[segment], hex"00");
            vm.expectRevert(abi.encodeWithSelector(Field.Field_PartialElement.selector, batch.segments[segment].length));
            verify(batch);
            batch = honest();
            batch.segments[segment] = "";
            vm.assertFalse(accepts(batch));
        }
        Batch memory swapped = honest();
        (swapped.segments[0], swapped.segments[1]) = (swapped.segments[1], swapped.segments[0]);
        vm.assertFalse(accepts(swapped));
    }

    function test_refuses_otherNumbersAndOrdersOfChunks() external {
        Batch memory batch = honest();
        (batch.applied[0], batch.applied[1]) = (batch.applied[1], batch.applied[0]);
        vm.assertFalse(accepts(batch), "chunks chain in one order");

        batch = honest();
        batch.applied[1] = batch.applied[0];
        vm.assertFalse(accepts(batch), "no chunk applies twice");

        batch = honest();
        PaymentsProof.ApplyChunk[] memory first = new PaymentsProof.ApplyChunk[](1);
        first[0] = batch.applied[0];
        batch.applied = first;
        vm.assertFalse(accepts(batch), "the rest of the batch is missing");

        batch = honest();
        batch.applied = new PaymentsProof.ApplyChunk[](0);
        vm.expectRevert(PaymentsProof.Proof_NoApply.selector);
        verify(batch);

        batch = honest();
        batch.authorised = new PaymentsProof.AuthoriseChunk[](0);
        vm.assertFalse(accepts(batch), "nothing authorises");

        batch = honest();
        PaymentsProof.AuthoriseChunk[] memory twice = new PaymentsProof.AuthoriseChunk[](2);
        (twice[0], twice[1]) = (batch.authorised[0], batch.authorised[0]);
        batch.authorised = twice;
        vm.assertFalse(accepts(batch), "authorised twice");
    }

    function test_refuses_scalarsWithASecondForm() external {
        for (uint256 field = 0; field < 7; ++field) {
            Batch memory batch = honest();
            PaymentsProof.ApplyChunk memory chunk = batch.applied[1];
            uint256 scalar;
            if (field == 0) scalar = chunk.rootOut += Field.R;
            else if (field == 1) scalar = chunk.dataDigest += Field.R;
            else if (field == 2) scalar = chunk.valueDigest += Field.R;
            else if (field == 3) scalar = chunk.product += Field.R;
            else scalar = chunk.evaluationsOut[field - 4] += Field.R;
            vm.expectRevert(abi.encodeWithSelector(Field.Field_NotCanonical.selector, scalar));
            verify(batch);
        }
        for (uint256 field = 0; field < 2; ++field) {
            Batch memory batch = honest();
            PaymentsProof.AuthoriseChunk memory chunk = batch.authorised[0];
            uint256 scalar = field == 0 ? chunk.valueDigest += Field.R : chunk.product += Field.R;
            vm.expectRevert(abi.encodeWithSelector(Field.Field_NotCanonical.selector, scalar));
            verify(batch);
        }
        Batch memory root = honest();
        root.header.rootIn += Field.R;
        vm.expectRevert(abi.encodeWithSelector(Field.Field_NotCanonical.selector, root.header.rootIn));
        verify(root);
    }

    function test_refuses_fieldsBeyondTheirWidth() external {
        Batch memory batch = honest();
        batch.applied[0].countsOut |= 1 << 168;
        vm.expectRevert(
            abi.encodeWithSelector(PaymentsProof.Proof_CountsOutOfRange.selector, batch.applied[0].countsOut)
        );
        verify(batch);
        batch = honest();
        batch.applied[0].feeOut = 1 << 128;
        vm.expectRevert(abi.encodeWithSelector(PaymentsProof.Proof_FeeOutOfRange.selector, 1 << 128));
        verify(batch);
        for (uint256 field = 0; field < 5; ++field) {
            batch = honest();
            if (field == 0) batch.header.env |= 1 << 224;
            else if (field == 1) batch.header.dom |= 1 << 248;
            else if (field == 2) batch.header.leafCountIn |= 1 << 40;
            else if (field == 3) batch.header.queueStart |= 1 << 64;
            else batch.header.queueEnd |= 1 << 64;
            vm.expectRevert(PaymentsProof.Proof_HeaderOutOfRange.selector);
            verify(batch);
        }
    }

    function test_refuses_circuitsOfTheOtherFamily() external {
        uint256[7] memory wrong = [uint256(0), 3, 4, 5, 8, 10, type(uint256).max];
        for (uint256 i = 0; i < wrong.length; ++i) {
            Batch memory batch = honest();
            batch.applied[0].circuit = wrong[i];
            vm.expectRevert(abi.encodeWithSelector(PaymentsProof.Proof_NotApply.selector, wrong[i]));
            verify(batch);
        }
        wrong = [uint256(0), 1, 2, 5, 9, 11, type(uint256).max];
        for (uint256 i = 0; i < wrong.length; ++i) {
            Batch memory batch = honest();
            batch.authorised[0].circuit = wrong[i];
            vm.expectRevert(abi.encodeWithSelector(PaymentsProof.Proof_NotAuthorise.selector, wrong[i]));
            verify(batch);
        }
        Batch memory large = honest();
        large.applied[0].circuit = 2;
        vm.assertFalse(accepts(large), "no key, and another transcript");
    }

    function test_refuses_aProductOfZero() external {
        Batch memory batch = honest();
        batch.applied[0].product = 0;
        batch.authorised[0].product = 0;
        vm.expectRevert(PaymentsProof.Proof_ProductZero.selector);
        verify(batch);
    }

    function test_refuses_aFeeLeftOver() external {
        Batch memory batch = honest();
        batch.applied[1].feeOut = 1;
        // The transcript moved, so whichever check comes first refuses.
        vm.assertFalse(accepts(batch));
    }

    function test_accepts_aRerandomisedProof() external view {
        // (-A, -B, C) proves the same: nothing may be keyed on proof bytes.
        Batch memory batch = honest();
        uint256[8] memory proof = batch.applied[0].proof;
        proof[1] = P - proof[1];
        proof[4] = P - proof[4];
        proof[5] = P - proof[5];
        vm.assertTrue(accepts(batch));
    }

    function test_refuses_pointsAtInfinityAndOffTheCurve() external view {
        for (uint256 i = 0; i < 3; ++i) {
            Batch memory batch = honest();
            uint256[8] memory proof = batch.applied[0].proof;
            if (i == 0) (proof[0], proof[1]) = (0, 0);
            else if (i == 1) (proof[2], proof[3], proof[4], proof[5]) = (0, 0, 0, 0);
            else (proof[6], proof[7]) = (0, 0);
            vm.assertFalse(accepts(batch), "infinity");
            batch = honest();
            proof = batch.applied[0].proof;
            (proof[0], proof[1]) = (1, 1);
            vm.assertFalse(accepts(batch), "off the curve");
            batch = honest();
            batch.applied[0].proof[0] += P;
            vm.assertFalse(accepts(batch), "a coordinate beyond the field");
        }
    }

    function test_refuses_aPointOutsideTheSubgroup() external view {
        // The point of the twist with x = 1: on the curve, of another order.
        Batch memory batch = honest();
        uint256[8] memory proof = batch.applied[0].proof;
        (proof[2], proof[3]) = (0, 1);
        (proof[4], proof[5]) =
        (
            5912654199736721486680175016176231956195085055698687135131307249486702594212,
            18278151005453108793778860132295291098363647455926340152056652516292830556603
        );
        vm.assertFalse(accepts(batch));
    }

    /// Two elements changed so that the evaluation at the honest z stays the same: z is no longer that.
    function test_refuses_dataWithTheSameEvaluation() external {
        Batch memory batch = honest();
        uint256 z = uint256(vm.parseJsonBytes32(json, ".z"));
        (uint256 before,) = harness.evaluate(batch.segments[0], z);
        (uint256 factor, uint256 rest, bool negative) = _shortRelation(z);
        uint256 sign = negative ? Field.R - 1 : 1;
        vm.assertEq(mulmod(mulmod(sign, factor, Field.R), z, Field.R), rest);
        vm.assertTrue(factor != 0 && factor >> 128 == 0 && rest >> 128 == 0);
        // the second element carries -rest, the first sign * factor; both begin with a kind, so neither wraps
        bytes memory effects = batch.segments[0];
        uint256 first = _element(effects, 0);
        _setElement(effects, 0, negative ? first - factor : first + factor);
        _setElement(effects, 1, _element(effects, 1) - rest);
        (uint256 evaluation,) = harness.evaluate(effects, z);
        vm.assertEq(evaluation, before);
        vm.expectPartialRevert(PaymentsProof.Proof_EvaluationDiffers.selector);
        verify(batch);
    }

    /// factor and rest of at most 128 bits with (negative ? -factor : factor) * z = rest modulo R: Euclid's algorithm, halfway.
    function _shortRelation(uint256 z) private pure returns (uint256 factor, uint256 rest, bool negative) {
        (uint256 previous, uint256 factorBefore) = (Field.R, 0);
        (rest, factor) = (z, 1);
        while (rest >> 127 != 0) {
            uint256 quotient = previous / rest;
            (previous, rest) = (rest, previous - quotient * rest);
            (factorBefore, factor) = (factor, factorBefore + quotient * factor);
            negative = !negative;
        }
    }

    function _element(bytes memory data, uint256 index) private pure returns (uint256 element) {
        assembly ("memory-safe") {
            element := shr(8, mload(add(add(data, 0x20), mul(index, 31))))
        }
    }

    function _setElement(bytes memory data, uint256 index, uint256 element) private pure {
        for (uint256 i = 0; i < 31; ++i) {
            data[31 * index + i] = bytes1(uint8(element >> (8 * (30 - i))));
        }
    }

    function test_doesNotDependOnTheTimeOfPosting() external {
        // Nothing of the block enters the transcript: after a reorganisation the same proofs hold.
        Batch memory batch = honest();
        skipTime(100_000);
        vm.assertTrue(accepts(batch));
    }
}

/// @title Single parts: key sets (PAY-KEY), evaluation (PAY-EVAL), coefficients (PAY-TRANSCRIPT).
contract PaymentsPartsTest is PaymentsFixture {
    function test_keySet_isStoredAndHashed() external view {
        vm.assertEq(keccak256(harness.load(set)), vm.parseJsonBytes32(json, ".keySetHash"));
        vm.assertEq(keccak256(harness.load(set)), keccak256(keys));
    }

    function test_keySet_isTheOneRenderedAsSolidity() external view {
        bytes memory rendered = bytes.concat(FixtureKeys.APPLY_SMALL, FixtureKeys.SESSION_SMALL);
        vm.assertEq(keccak256(rendered), keccak256(keys));
        vm.assertEq(FixtureKeys.KEY_SET_HASH, keccak256(keys));
    }

    function _set(uint256 cursor, uint256 value) private view returns (bytes memory changed) {
        changed = keys;
        assembly ("memory-safe") {
            mstore(add(add(changed, 0x20), cursor), value)
        }
    }

    function _word(uint256 cursor) private view returns (uint256 value) {
        bytes memory all = keys;
        assembly ("memory-safe") {
            value := mload(add(add(all, 0x20), cursor))
        }
    }

    function test_keySet_refusesDefects() external {
        uint256 second = VerifyingKeys.length(19);
        vm.assertEq(keys.length, second + VerifyingKeys.length(3));

        vm.expectRevert(VerifyingKeys.Keys_Truncated.selector);
        harness.store("");
        uint256[3] memory unknown = [uint256(5), 8, 11];
        for (uint256 i = 0; i < unknown.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(VerifyingKeys.Keys_UnknownCircuit.selector, unknown[i]));
            harness.store(_set(0, unknown[i]));
        }
        vm.expectRevert(abi.encodeWithSelector(VerifyingKeys.Keys_NotAscending.selector, 1));
        harness.store(_set(second, 1));
        vm.expectRevert(abi.encodeWithSelector(VerifyingKeys.Keys_WrongInputCount.selector, 1, 18));
        harness.store(_set(0x20, 18));
        vm.expectRevert(abi.encodeWithSelector(VerifyingKeys.Keys_InvalidPoint.selector, 1));
        harness.store{ gas: 20_000_000 }(_set(0x40, _word(0x40) ^ 1));
        vm.expectRevert(abi.encodeWithSelector(VerifyingKeys.Keys_InvalidPoint.selector, 1));
        harness.store{ gas: 20_000_000 }(_set(0x80, _word(0x80) ^ 1));
        vm.expectRevert(abi.encodeWithSelector(VerifyingKeys.Keys_InvalidPoint.selector, 3));
        harness.store{ gas: 20_000_000 }(_set(second + 0x200, _word(second + 0x200) ^ 1));
    }

    /// @notice PAY-KEY: no proof may mix what is private in two circuits.
    function test_keySet_refusesASharedDelta() external {
        uint256 second = VerifyingKeys.length(19);
        bytes memory shared = keys;
        for (uint256 i = 0; i < 0x80; ++i) {
            shared[second + 0x180 + i] = keys[0x180 + i];
        }
        vm.expectRevert(abi.encodeWithSelector(VerifyingKeys.Keys_SharedDelta.selector, 1, 3));
        harness.store{ gas: 20_000_000 }(shared);
        // Its opposite has the same x.
        uint256 p = 21888242871839275222246405745257275088696311157297823662689037894645226208583;
        for (uint256 at = second + 0x1e0; at < second + 0x220; at += 0x20) {
            uint256 y;
            assembly ("memory-safe") {
                let place := add(shared, at)
                y := sub(p, mload(place))
                mstore(place, y)
            }
        }
        vm.expectRevert(abi.encodeWithSelector(VerifyingKeys.Keys_SharedDelta.selector, 1, 3));
        harness.store{ gas: 20_000_000 }(shared);
        // Nor may it be another secret of a key behind it, or before it.
        for (uint256 i = 0; i < 2; ++i) {
            (uint256 from, uint256 to) = i == 0 ? (uint256(0), second) : (second, uint256(0));
            for (uint256 part = VerifyingKeys.BETA; part < VerifyingKeys.DELTA; part += 0x80) {
                shared = keys;
                for (uint256 j = 0; j < 0x80; ++j) {
                    shared[to + part + j] = keys[from + VerifyingKeys.DELTA + j];
                }
                vm.expectRevert(abi.encodeWithSelector(VerifyingKeys.Keys_SharedDelta.selector, 1, 3));
                harness.store{ gas: 20_000_000 }(shared);
            }
        }
    }

    /// @notice PAY-KEY: a set may have its only key of Apply last, as that of the huge circuit is.
    function test_keySet_takesTheHugeCircuits() external {
        bytes memory all = keys;
        uint256 applyLength = VerifyingKeys.length(19);
        bytes memory huge = new bytes(all.length);
        uint256 sessionLength = all.length - applyLength;
        for (uint256 i = 0; i < all.length; ++i) {
            huge[i] = i < sessionLength ? all[applyLength + i] : all[i - sessionLength];
        }
        huge[sessionLength + 31] = bytes1(uint8(9));
        vm.assertEq(keccak256(harness.load(harness.store(huge))), keccak256(huge));
        // Its session circuit's key in the huge one's place, behind it.
        huge = all;
        huge[31] = bytes1(uint8(9));
        huge[applyLength + 31] = bytes1(uint8(10));
        vm.assertEq(keccak256(harness.load(harness.store(huge))), keccak256(huge));
    }

    function test_keySet_refusesTruncation() external {
        bytes memory cut = new bytes(keys.length - 1);
        for (uint256 i = 0; i < cut.length; ++i) {
            cut[i] = keys[i];
        }
        vm.expectRevert(VerifyingKeys.Keys_Truncated.selector);
        harness.store(cut);
    }

    /// @notice With two of beta, gamma and delta equal or opposite, a proof of anything at all is made of the key's own points: it
    /// verifies, so such a set must not be stored.
    function test_keySet_refusesEqualAndOppositeSecrets() external {
        for (uint256 pair = 0; pair < 3; ++pair) {
            for (uint256 sign = 0; sign < 2; ++sign) {
                bytes memory changed = _withEqualSecrets(pair, sign == 1);
                NaiveGroth16Batch.Claim[] memory claims = new NaiveGroth16Batch.Claim[](1);
                claims[0] = _forgery(changed, pair, sign == 1);
                harness.verifyClaims(changed, claims, bytes32(uint256(1)));
                vm.expectRevert(abi.encodeWithSelector(VerifyingKeys.Keys_NotDistinct.selector, 3));
                harness.store(changed);
            }
        }
    }

    /// @dev The key of circuit 3 with gamma made beta (pair 0), delta made beta (1) or delta made gamma (2), or the opposite.
    function _withEqualSecrets(uint256 pair, bool opposite) private view returns (bytes memory changed) {
        uint256 second = VerifyingKeys.length(19);
        uint256 from = second + (pair == 2 ? VerifyingKeys.GAMMA : VerifyingKeys.BETA);
        uint256 to = second + (pair == 0 ? VerifyingKeys.GAMMA : VerifyingKeys.DELTA);
        changed = keys;
        for (uint256 i = 0; i < 4; ++i) {
            uint256 value = _word(from + i * 0x20);
            if (opposite && i > 1) value = P - value;
            assembly ("memory-safe") {
                mstore(add(add(changed, 0x20), add(to, mul(i, 0x20))), value)
            }
        }
    }

    /// @dev A claim about inputs that nobody chose with care. The equation is e(A, B) = e(alpha, beta) e(L, gamma) e(C, delta).
    function _forgery(bytes memory changed, uint256 pair, bool opposite)
        private
        view
        returns (NaiveGroth16Batch.Claim memory claim)
    {
        uint256 second = VerifyingKeys.length(19);
        claim.circuit = 3;
        claim.inputs = new uint256[](3);
        uint256[2] memory sum = _g1(changed, second + VerifyingKeys.POINTS);
        for (uint256 i = 0; i < 3; ++i) {
            claim.inputs[i] = 1000 + i;
            uint256[2] memory point = _g1(changed, second + VerifyingKeys.POINTS + (i + 1) * 0x40);
            (bool ok, bytes memory product) = address(7).staticcall(abi.encode(point, claim.inputs[i]));
            vm.assertTrue(ok);
            (uint256 x, uint256 y) = abi.decode(product, (uint256, uint256));
            (sum[0], sum[1]) = _add(sum[0], sum[1], x, y);
        }
        uint256[2] memory alpha = _g1(changed, second + VerifyingKeys.ALPHA);
        uint256[2] memory a;
        uint256[2] memory c;
        if (pair == 0) {
            // gamma = ±beta: A = alpha ± L, B = beta, C = 0
            (a[0], a[1]) = _add(alpha[0], alpha[1], sum[0], opposite ? P - sum[1] : sum[1]);
        } else if (pair == 1) {
            // delta = ±beta: A = L, B = gamma, C = ∓alpha
            (a, c) = (sum, [alpha[0], opposite ? alpha[1] : P - alpha[1]]);
        } else {
            // delta = ±gamma: A = alpha, B = beta, C = ∓L
            (a, c) = (alpha, [sum[0], opposite ? sum[1] : P - sum[1]]);
        }
        (claim.proof[0], claim.proof[1], claim.proof[6], claim.proof[7]) = (a[0], a[1], c[0], c[1]);
        uint256 b = second + (pair == 1 ? VerifyingKeys.GAMMA : VerifyingKeys.BETA);
        for (uint256 i = 0; i < 4; ++i) {
            claim.proof[2 + i] = VerifyingKeys.word(VerifyingKeys.pointerTo(changed), b + i * 0x20);
        }
    }

    /// @notice PAY-KEY: alpha may be no other secret nor its opposite. Where it is gamma, A = L ± beta, B = gamma, C = 0 proves anything.
    function test_keySet_refusesAnAlphaThatIsAnotherSecret() external {
        uint256 second = VerifyingKeys.length(19);
        (uint256 x, uint256 y) = _add(1, 2, 1, 2);
        for (uint256 i = 0; i < 6; ++i) {
            (uint256 part, bool opposite) = (i / 2, i % 2 == 1);
            bytes memory changed = keys;
            _write(changed, second + VerifyingKeys.ALPHA, abi.encode(x, opposite ? P - y : y));
            _write(changed, second + VerifyingKeys.BETA, G2.thrice());
            _write(changed, second + VerifyingKeys.BETA + part * 0x80, G2.twice());
            if (part == 1) {
                NaiveGroth16Batch.Claim[] memory claims = new NaiveGroth16Batch.Claim[](1);
                claims[0] = _forgeryByBeta(changed, opposite);
                harness.verifyClaims(changed, claims, bytes32(uint256(1)));
            }
            vm.expectRevert(abi.encodeWithSelector(VerifyingKeys.Keys_NotDistinct.selector, 3));
            harness.store(changed);
        }
        // Any other alpha is as good as that of a ceremony, but for the generator of either sign.
        bytes memory other = keys;
        (x, y) = _add(x, y, 1, 2);
        _write(other, second + VerifyingKeys.ALPHA, abi.encode(x, y));
        _write(other, second + VerifyingKeys.GAMMA, G2.twice());
        harness.store(other);
        for (uint256 sign = 0; sign < 2; ++sign) {
            _write(other, second + VerifyingKeys.ALPHA, abi.encode(1, sign == 0 ? 2 : P - 2));
            vm.expectRevert(abi.encodeWithSelector(VerifyingKeys.Keys_IsGenerator.selector, 3));
            harness.store(other);
        }
    }

    /// @dev A claim under a key whose gamma is alpha or its opposite, beta being three generators.
    function _forgeryByBeta(bytes memory changed, bool opposite)
        private
        view
        returns (NaiveGroth16Batch.Claim memory claim)
    {
        claim = _forgery(changed, 1, false);
        uint256[2] memory beta;
        (beta[0], beta[1]) = _add(1, 2, 1, 2);
        (beta[0], beta[1]) = _add(beta[0], beta[1], 1, 2);
        (claim.proof[0], claim.proof[1]) =
            _add(claim.proof[0], claim.proof[1], beta[0], opposite ? P - beta[1] : beta[1]);
        (claim.proof[6], claim.proof[7]) = (0, 0);
    }

    function _write(bytes memory set_, uint256 offset, bytes memory part) private pure {
        assembly ("memory-safe") {
            mcopy(add(add(set_, 0x20), offset), add(part, 0x20), mload(part))
        }
    }

    /// @notice PAY-KEY: of two inputs with one point, only the sum would be proven, and with opposite ones the difference.
    function test_keySet_refusesInputsThatShareAPoint() external {
        uint256 second = VerifyingKeys.length(19);
        for (uint256 to = 1; to < 4; ++to) {
            for (uint256 from = 0; from < to; ++from) {
                for (uint256 sign = 0; sign < 2; ++sign) {
                    bytes memory changed = keys;
                    uint256[2] memory point = _g1(changed, second + VerifyingKeys.POINTS + from * 0x40);
                    uint256 y = sign == 0 ? point[1] : P - point[1];
                    _write(changed, second + VerifyingKeys.POINTS + to * 0x40, abi.encode(point[0], y));
                    vm.expectRevert(abi.encodeWithSelector(VerifyingKeys.Keys_NotDistinct.selector, 3));
                    harness.store(changed);
                }
            }
        }
    }

    function _g1(bytes memory set_, uint256 cursor) private pure returns (uint256[2] memory) {
        uint256 start = VerifyingKeys.pointerTo(set_);
        return [VerifyingKeys.word(start, cursor), VerifyingKeys.word(start, cursor + 0x20)];
    }

    /// @notice An input whose point is the identity is anybody's to choose.
    function test_keySet_refusesIdentitiesAmongTheInputs() external {
        uint256 second = VerifyingKeys.length(19);
        for (uint256 i = 0; i < 24; ++i) {
            (uint256 circuit, uint256 start) = i < 20 ? (uint256(1), i * 0x40) : (uint256(3), second + (i - 20) * 0x40);
            bytes memory changed = keys;
            for (uint256 j = 0; j < 0x40; ++j) {
                changed[start + VerifyingKeys.POINTS + j] = 0;
            }
            vm.expectRevert(abi.encodeWithSelector(VerifyingKeys.Keys_Identity.selector, circuit));
            harness.store(changed);
        }
    }

    /// @notice Beta without a contribution in phase 1, delta without one in phase 2; of either sign, in every key of the set.
    function test_keySet_refusesSecretsWithoutAContribution() external {
        for (uint256 i = 0; i < 8; ++i) {
            (bool negated, bool isDelta, bool isSecond) = (i & 1 != 0, i & 2 != 0, i & 4 != 0);
            uint256 offset =
                (isSecond ? VerifyingKeys.length(19) : 0) + (isDelta ? VerifyingKeys.DELTA : VerifyingKeys.BETA);
            bytes memory changed = keys;
            _write(changed, offset, _generator(negated));
            vm.expectRevert(abi.encodeWithSelector(VerifyingKeys.Keys_IsGenerator.selector, isSecond ? 3 : 1));
            harness.store(changed);
        }
    }

    /// @dev Of G2, or its opposite; imaginary parts first.
    function _generator(bool negated) private pure returns (bytes memory) {
        uint256 y1 = 0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b;
        uint256 y0 = 0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa;
        return abi.encode(
            0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2,
            0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed,
            negated ? P - y1 : y1,
            negated ? P - y0 : y0
        );
    }

    function test_keySet_refusesIdentities() external {
        uint256[4] memory parts = [uint256(0x40), 0x80, 0x100, 0x180];
        for (uint256 i = 0; i < parts.length; ++i) {
            bytes memory changed = keys;
            for (uint256 j = 0; j < (i == 0 ? 0x40 : 0x80); ++j) {
                changed[parts[i] + j] = 0;
            }
            vm.expectRevert(abi.encodeWithSelector(VerifyingKeys.Keys_Identity.selector, 1));
            harness.store(changed);
        }
    }

    function test_load_refusesWhatIsNoSet() external {
        vm.expectRevert(VerifyingKeys.Keys_NotStored.selector);
        harness.load(address(0xdead));
    }

    function testFuzz_evaluate_isHorner(bytes32[5] memory seeds, uint256 z, uint256 count) external view {
        count = bound(count, 0, 5);
        z = bound(z, 0, Field.R - 1);
        bytes memory data = "";
        uint256 expected = 0;
        for (uint256 i = 0; i < count; ++i) {
            uint256 element = uint256(seeds[i]) >> 8;
            data = bytes.concat(data, bytes31(uint248(element)));
            expected = addmod(mulmod(expected, z, Field.R), element, Field.R);
        }
        (uint256 sum, uint256 elements) = harness.evaluate(data, z);
        vm.assertEq(sum, expected);
        vm.assertEq(elements, count);
    }

    function _claim() private view returns (NaiveGroth16Batch.Claim memory claim) {
        Batch memory batch = honest();
        claim.circuit = batch.authorised[0].circuit;
        claim.inputs = new uint256[](3);
        claim.inputs[0] = batch.authorised[0].valueDigest;
        claim.inputs[1] = uint256(vm.parseJsonBytes32(json, ".zJoin"));
        claim.inputs[2] = batch.authorised[0].product;
        claim.proof = batch.authorised[0].proof;
    }

    function testFuzz_claims_holdUnderAnyCoefficients(bytes32 transcript) external view {
        NaiveGroth16Batch.Claim[] memory claims = new NaiveGroth16Batch.Claim[](3);
        (claims[0], claims[1], claims[2]) = (_claim(), _claim(), _claim());
        harness.verifyClaims(keys, claims, transcript);
    }

    function test_claims_refuseAnErrorSharedByTwoProofs() external {
        NaiveGroth16Batch.Claim[] memory claims = new NaiveGroth16Batch.Claim[](2);
        (claims[0], claims[1]) = (_claim(), _claim());
        // C + G in one proof, C - G in the other: with equal coefficients nobody would notice.
        (claims[0].proof[6], claims[0].proof[7]) = _add(claims[0].proof[6], claims[0].proof[7], 1, 2);
        (claims[1].proof[6], claims[1].proof[7]) = _add(claims[1].proof[6], claims[1].proof[7], 1, P - 2);
        vm.expectRevert(Groth16Batch.Groth16_InvalidProof.selector);
        harness.verifyClaims(keys, claims, bytes32(uint256(1)));
    }

    function _add(uint256 ax, uint256 ay, uint256 bx, uint256 by) private view returns (uint256 x, uint256 y) {
        (bool ok, bytes memory sum) = address(6).staticcall(abi.encode(ax, ay, bx, by));
        vm.assertTrue(ok);
        return abi.decode(sum, (uint256, uint256));
    }

    function test_claims_refuseWrongNumbers() external {
        vm.expectRevert(Groth16Batch.Groth16_Empty.selector);
        harness.verifyClaims(keys, new NaiveGroth16Batch.Claim[](0), 0);
        NaiveGroth16Batch.Claim[] memory claims = new NaiveGroth16Batch.Claim[](1);
        claims[0] = _claim();
        claims[0].inputs = new uint256[](4);
        vm.expectRevert(abi.encodeWithSelector(Groth16Batch.Groth16_WrongInputCount.selector, 3, 4));
        harness.verifyClaims(keys, claims, 0);
        claims[0] = _claim();
        claims[0].circuit = 4;
        vm.expectRevert(abi.encodeWithSelector(Groth16Batch.Groth16_NoKey.selector, 4));
        harness.verifyClaims(keys, claims, 0);
        claims[0].circuit = 99;
        vm.expectRevert(abi.encodeWithSelector(Groth16Batch.Groth16_NoKey.selector, 99));
        harness.verifyClaims(keys, claims, 0);
    }

    /// The precompiles are what refuses points: A and C when they are multiplied, B in the pairing.
    function testFuzz_claims_refuseOtherPoints(uint256 which, uint256 value) external {
        NaiveGroth16Batch.Claim[] memory claims = new NaiveGroth16Batch.Claim[](1);
        claims[0] = _claim();
        which = bound(which, 0, 7);
        // No other coordinate of a point than its own and, of y, the opposite gives a point.
        vm.assume(claims[0].proof[which] != value && addmod(claims[0].proof[which], value, P) != 0);
        vm.assume(!_onCurve(claims[0].proof, which, value));
        claims[0].proof[which] = value;
        uint256 precompile = which < 2 || which > 5 ? 7 : 8;
        vm.expectRevert(abi.encodeWithSelector(Groth16Batch.Groth16_PrecompileFailed.selector, precompile));
        harness.verifyClaims(keys, claims, bytes32(uint256(5)));
    }

    /// @dev Whether another coordinate of a point of G1 gives another point.
    function _onCurve(uint256[8] memory proof, uint256 which, uint256 value) private view returns (bool ok) {
        if (which > 1 && which < 6) return false;
        uint256 first = which & 6;
        (uint256 x, uint256 y) = which == first ? (value, proof[first + 1]) : (proof[first], value);
        (ok,) = address(7).staticcall(abi.encode(x, y, uint256(1)));
    }

    function testFuzz_claims_refuseOtherInputs(uint256 which, uint256 value) external {
        NaiveGroth16Batch.Claim[] memory claims = new NaiveGroth16Batch.Claim[](1);
        claims[0] = _claim();
        which = bound(which, 0, 2);
        value = bound(value, 0, Field.R - 1);
        vm.assume(claims[0].inputs[which] != value);
        claims[0].inputs[which] = value;
        vm.expectRevert(Groth16Batch.Groth16_InvalidProof.selector);
        harness.verifyClaims(keys, claims, bytes32(uint256(5)));
    }
}

/// @title Batches of a malicious prover (attack-N.json): every proof holds, and together they are false.
contract PaymentsAttackTest is PaymentsFixture {
    function _load(string memory path) private returns (Batch memory) {
        json = vm.readFile(path);
        return honest();
    }

    function test_accepts_theSameBatchWithoutAnAttack() external {
        vm.assertTrue(accepts(_load("../tests/vectors/payments/attack-0.json")));
    }

    function test_refuses_otherDataThanProven() external {
        Batch memory batch = _load("../tests/vectors/payments/attack-1.json");
        vm.expectRevert(abi.encodeWithSelector(PaymentsProof.Proof_EvaluationDiffers.selector, 0));
        verify(batch);
    }

    function test_refuses_anElementOfZeroBeforeTheData() external {
        Batch memory batch = _load("../tests/vectors/payments/attack-2.json");
        vm.expectPartialRevert(PaymentsProof.Proof_CountsDiffer.selector);
        verify(batch);
    }

    function test_refuses_aMessageThatWasNotApplied() external {
        Batch memory batch = _load("../tests/vectors/payments/attack-3.json");
        vm.expectPartialRevert(PaymentsProof.Proof_CountsDiffer.selector);
        verify(batch);
    }

    function test_refuses_operationsThatWereNotAuthorised() external {
        Batch memory batch = _load("../tests/vectors/payments/attack-4.json");
        vm.expectPartialRevert(PaymentsProof.Proof_ProductsDiffer.selector);
        verify(batch);
    }

    function test_refuses_feesThatNobodyWasCredited() external {
        Batch memory batch = _load("../tests/vectors/payments/attack-5.json");
        vm.expectPartialRevert(PaymentsProof.Proof_FeeLeft.selector);
        verify(batch);
    }

    function test_refuses_messagesOfZerosBeforeTheMessages() external {
        // the evaluation is that of the messages without them
        Batch memory batch = _load("../tests/vectors/payments/attack-6.json");
        vm.expectPartialRevert(PaymentsProof.Proof_CountsDiffer.selector);
        verify(batch);
    }
}
