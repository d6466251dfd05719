// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Field } from "../../src/payments/Field.sol";
import { Groth16Batch } from "../../src/payments/Groth16Batch.sol";
import { PaymentsProof } from "../../src/payments/PaymentsProof.sol";
import { Transcript } from "../../src/payments/Transcript.sol";
import { KEY_SLOTS, VerifyingKeys } from "../../src/payments/VerifyingKeys.sol";
import { vm } from "../utils/Vm.sol";
import { LargeBatches } from "./LargeBatches.sol";
import { NaiveGroth16Batch, NaiveProof } from "./NaiveProof.sol";

/// @title The naive twin as a contract, and what the library shows to nobody else.
contract ProofTwinsHarness {
    function verify(
        Transcript.Header memory header,
        bytes[3] calldata segments,
        PaymentsProof.ApplyChunk[] calldata applied,
        PaymentsProof.AuthoriseChunk[] calldata authorised,
        address set
    ) external view returns (PaymentsProof.Result memory) {
        return NaiveProof.verify(header, segments, applied, authorised, set);
    }

    function verifyClaims(bytes memory keys, NaiveGroth16Batch.Claim[] memory claims, bytes32 transcript)
        external
        view
    {
        NaiveGroth16Batch.verify(keys, claims, transcript);
    }

    /// @notice T1 and T2 of the library, after scratch was written that must not show, then those of the twin.
    function absorb(
        bytes32 before,
        PaymentsProof.ApplyChunk[] calldata applied,
        PaymentsProof.AuthoriseChunk[] calldata authorised
    ) external pure returns (bytes32[2] memory hashes, bytes32[2] memory expected) {
        assembly ("memory-safe") {
            let size := add(0x40, calldatasize())
            calldatacopy(mload(0x40), 0, size)
        }
        hashes[0] = PaymentsProof.absorbChunks(before, applied, authorised);
        hashes[1] = PaymentsProof.absorbProofs(before, applied, authorised);
        expected[0] = NaiveProof.absorbChunks(before, applied, authorised);
        expected[1] = NaiveProof.absorbProofs(before, applied, authorised);
    }

    /// @notice Verifies claims with the library, and reverts if it writes to memory that was allocated after its own.
    function verifyBeside(bytes memory keys, NaiveGroth16Batch.Claim[] calldata claims, bytes32 transcript)
        external
        view
    {
        Groth16Batch.Batch memory batch = Groth16Batch.start(keys, 1 << 3 | 1 << 4, claims.length, transcript);
        uint256[0x10] memory beside;
        for (uint256 i = 0; i < claims.length; ++i) {
            bytes memory inputs = abi.encodePacked(uint256(1), claims[i].inputs);
            uint256 first;
            assembly ("memory-safe") {
                first := add(inputs, 0x20)
            }
            Groth16Batch.add(batch, claims[i].circuit, first, claims[i].inputs.length, claims[i].proof);
        }
        Groth16Batch.finish(batch);
        for (uint256 i = 0; i < beside.length; ++i) {
            require(beside[i] == 0, "written beside");
        }
    }

    /// @notice Adds `added` proofs of `circuit` to a batch that was started for `announced` ones of `circuits`.
    function misuse(bytes memory keys, uint256 circuits, uint256 announced, uint256 circuit, uint256 added)
        external
        view
    {
        Groth16Batch.Batch memory batch = Groth16Batch.start(keys, circuits, announced, 0);
        uint256[8] calldata proof = _zeros();
        uint256[4] memory inputs = [uint256(1), 0, 0, 0];
        uint256 first;
        assembly ("memory-safe") {
            first := inputs
        }
        for (uint256 i = 0; i < added; ++i) {
            Groth16Batch.add(batch, circuit, first, 3, proof);
        }
        Groth16Batch.finish(batch);
    }

    /// @dev Eight words behind the end of calldata are zero: points at infinity.
    function _zeros() private pure returns (uint256[8] calldata zeros) {
        assembly ("memory-safe") {
            zeros := calldatasize()
        }
    }
}

/// @title What is laid out by hand against what is written down as it is said: both take or refuse the same batches, with the same words.
/// @notice Rules: PAY-CHAIN, PAY-JOIN, PAY-EVAL, PAY-PUBLIC, PAY-TRANSCRIPT.
contract ProofTwinsTest is LargeBatches {
    ProofTwinsHarness private _twins;
    address private _four;

    function setUp() public override {
        super.setUp();
        _twins = new ProofTwinsHarness();
        _four = harness.store(fourKeys());
    }

    // ---- whole batches ----

    function testFuzz_verify_agreesOnBatchesOfWhichAWordIsChanged(uint256 seed, uint256 value) external view {
        Batch memory batch = honest();
        _change(batch, seed, value);
        _agree(batch, set);
    }

    function testFuzz_verify_agreesOnLargeBatches(uint256 seed, uint256 value, uint256 applied, uint256 authorised)
        external
        view
    {
        Batch memory batch = largeBatch(bound(applied, 1, 5), bound(authorised, 1, 4));
        if (seed % 4 != 0) _change(batch, seed, value);
        _agree(batch, seed & 8 == 0 ? _four : set);
    }

    function test_verify_agreesOnWhatTheProverMade() external view {
        vm.assertTrue(_agree(honest(), set));
        vm.assertFalse(_agree(largeBatch(20, 15), _four));
    }

    /// @notice Which circuit lacks a key, of those that do.
    function test_verify_agreesOnMissingKeys() external view {
        Batch memory batch = largeBatch(3, 3);
        vm.assertFalse(_agree(batch, set), "neither 2 nor 4");
        batch.applied[1].circuit = batch.applied[2].circuit = 1;
        vm.assertFalse(_agree(batch, set), "no 4");
        (batch.authorised[1].circuit, batch.authorised[2].circuit) = (3, 3);
        vm.assertFalse(_agree(batch, set), "none is missing, and nothing is proven");
    }

    /// @dev Whether both accept; fails unless both do the same.
    function _agree(Batch memory batch, address keySet) private view returns (bool accepted) {
        bytes memory input =
            abi.encodeCall(harness.verify, (batch.header, batch.segments, batch.applied, batch.authorised, keySet));
        return _agree(input);
    }

    function _agree(bytes memory input) private view returns (bool accepted) {
        bytes memory output;
        (accepted, output) = address(harness).staticcall{ gas: 20_000_000 }(input);
        (bool expected, bytes memory expectedOutput) = address(_twins).staticcall{ gas: 20_000_000 }(input);
        vm.assertEq(accepted, expected, "one accepts, one refuses");
        vm.assertEq(output, expectedOutput, "another result, or another reason");
    }

    /// @dev Puts another value in the place of a word: of the header, of a chunk, of a segment or of the numbers of chunks.
    function _change(Batch memory batch, uint256 seed, uint256 value) private pure {
        uint256 what = (seed >> 8) % 8;
        uint256 which = seed >> 16;
        uint256 pointer;
        if (what == 0) {
            Transcript.Header memory header = batch.header;
            assembly ("memory-safe") {
                pointer := add(header, mul(mod(which, 10), 0x20))
            }
        } else if (what < 4) {
            PaymentsProof.ApplyChunk memory chunk = batch.applied[which % batch.applied.length];
            _setApplied(chunk, (which >> 8) % 18, seed, value);
            return;
        } else if (what < 6) {
            _setAuthorised(batch.authorised[which % batch.authorised.length], (which >> 8) % 11, seed, value);
            return;
        } else if (what == 6) {
            bytes memory segment = batch.segments[which % 3];
            if (segment.length == 0) {
                batch.segments[which % 3] = new bytes(value % 64);
            } else {
                segment[(which >> 8) % segment.length] ^= bytes1(uint8(value | 1));
            }
            return;
        } else {
            _shorten(batch, which);
            return;
        }
        _set(pointer, seed, value);
    }

    function _setApplied(PaymentsProof.ApplyChunk memory chunk, uint256 field, uint256 seed, uint256 value)
        private
        pure
    {
        uint256 pointer;
        uint256[3] memory evaluations = chunk.evaluationsOut;
        uint256[8] memory proof = chunk.proof;
        // In memory the arrays are pointers.
        assembly ("memory-safe") {
            switch lt(field, 6)
            case 1 { pointer := add(chunk, mul(field, 0x20)) }
            default {
                switch lt(field, 9)
                case 1 { pointer := add(evaluations, mul(sub(field, 6), 0x20)) }
                default {
                    switch eq(field, 9)
                    case 1 { pointer := add(chunk, 0xe0) }
                    default { pointer := add(proof, mul(sub(field, 10), 0x20)) }
                }
            }
        }
        _set(pointer, seed, value);
    }

    function _setAuthorised(PaymentsProof.AuthoriseChunk memory chunk, uint256 field, uint256 seed, uint256 value)
        private
        pure
    {
        uint256 pointer;
        uint256[8] memory proof = chunk.proof;
        assembly ("memory-safe") {
            switch lt(field, 3)
            case 1 { pointer := add(chunk, mul(field, 0x20)) }
            default { pointer := add(proof, mul(sub(field, 3), 0x20)) }
        }
        _set(pointer, seed, value);
    }

    /// @dev One chunk of a family less.
    function _shorten(Batch memory batch, uint256 which) private pure {
        if (which % 2 == 0) {
            PaymentsProof.ApplyChunk[] memory applied = batch.applied;
            assembly ("memory-safe") {
                mstore(applied, sub(mload(applied), 1))
            }
        } else {
            PaymentsProof.AuthoriseChunk[] memory authorised = batch.authorised;
            assembly ("memory-safe") {
                mstore(authorised, sub(mload(authorised), 1))
            }
        }
    }

    /// @dev Values around the borders that are checked, small ones, neighbours of what was there, and any.
    function _set(uint256 pointer, uint256 seed, uint256 value) private pure {
        uint256 old;
        assembly ("memory-safe") {
            old := mload(pointer)
        }
        uint256 kind = (seed >> 128) % 9;
        if (kind == 0) value = value % 10;
        else if (kind == 1) value = Field.R;
        else if (kind == 2) value = Field.R - 1;
        else if (kind == 3) value = P;
        else if (kind == 4) value = old ^ (1 << (value % 256));
        else if (kind == 5) value = type(uint256).max;
        else if (kind == 6) value = value % Field.R;
        else if (kind == 7) value = old < type(uint256).max - Field.R ? old + Field.R : 0;
        assembly ("memory-safe") {
            mstore(pointer, value)
        }
    }

    // ---- calldata that no encoder writes ----

    /// @notice The heads of both arrays may lead anywhere: into each other, behind the end, around it.
    function testFuzz_verify_agreesOnOtherOffsetsAndLengths(uint256 seed, uint256 value) external view {
        Batch memory batch = honest();
        bytes memory input =
            abi.encodeCall(harness.verify, (batch.header, batch.segments, batch.applied, batch.authorised, set));
        // Selector, ten words of the header, then the offsets of segments, applied and authorised; the lengths are where these lead.
        uint256 head = 4 + 0x20 * (10 + seed % 3);
        uint256 place = (seed >> 8) % 2 == 0 ? head : 4 + _word(input, head);
        uint256 kind = (seed >> 16) % 6;
        uint256 old = _word(input, place);
        if (kind == 0) value = value % input.length;
        else if (kind == 1) value = old + 0x20 * (value % 8);
        else if (kind == 2) value = type(uint256).max - value % 0x400;
        else if (kind == 3) value = 2 ** (256 - 1 - value % 12);
        else if (kind == 4) value = type(uint64).max - value % 0x400;
        assembly ("memory-safe") {
            mstore(add(add(input, 0x20), place), value)
        }
        _agree(input);
    }

    function test_verify_agreesOnCutCalldata() external view {
        Batch memory batch = honest();
        bytes memory input =
            abi.encodeCall(harness.verify, (batch.header, batch.segments, batch.applied, batch.authorised, set));
        uint256 size = input.length;
        for (uint256 cut = 1; cut < size; cut += 67) {
            assembly ("memory-safe") {
                mstore(input, sub(size, cut))
            }
            vm.assertFalse(_agree(input), "what is missing was read as zeros");
        }
    }

    function _word(bytes memory input, uint256 offset) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(input, 0x20), offset))
        }
    }

    // ---- transcript ----

    function testFuzz_absorb_agrees(bytes32 before, uint256 applied, uint256 authorised, uint256 seed) external view {
        PaymentsProof.ApplyChunk[] memory first = new PaymentsProof.ApplyChunk[](applied % 5);
        for (uint256 i = 0; i < first.length; ++i) {
            for (uint256 field = 0; field < 18; ++field) {
                _setApplied(first[i], field, 8 << 128, uint256(keccak256(abi.encode(seed, i, field))));
            }
        }
        PaymentsProof.AuthoriseChunk[] memory second = new PaymentsProof.AuthoriseChunk[](authorised % 5);
        for (uint256 i = 0; i < second.length; ++i) {
            for (uint256 field = 0; field < 11; ++field) {
                _setAuthorised(second[i], field, 8 << 128, uint256(keccak256(abi.encode(i, seed, field))));
            }
        }
        (bytes32[2] memory hashes, bytes32[2] memory expected) = _twins.absorb(before, first, second);
        vm.assertEq(hashes[0], expected[0], "T1");
        vm.assertEq(hashes[1], expected[1], "T2");
    }

    function testFuzz_evaluate_isHornerForEveryLength(bytes32 seed, uint256 z) external view {
        z = bound(z, 0, Field.R - 1);
        bytes memory data = "";
        uint256 expected = 0;
        for (uint256 count = 0; count < 14; ++count) {
            (uint256 sum, uint256 elements) = harness.evaluate(data, z);
            vm.assertEq(sum, expected);
            vm.assertEq(elements, count);
            uint256 element = uint256(keccak256(abi.encode(seed, count))) >> 8;
            data = bytes.concat(data, bytes31(uint248(element)));
            expected = addmod(mulmod(expected, z, Field.R), element, Field.R);
        }
    }

    // ---- keys that share points ----

    /// @dev The fixture's third key, and it again as the fourth with those of its secrets negated whose bit is set in `other`.
    function _pair(uint256 other) private view returns (bytes memory pair) {
        uint256 from = VerifyingKeys.length(19);
        uint256 size = VerifyingKeys.length(3);
        bytes memory all = keys;
        bytes memory key = new bytes(size);
        assembly ("memory-safe") {
            mcopy(add(key, 0x20), add(add(all, 0x20), from), size)
        }
        pair = bytes.concat(key, key);
        uint256 fourth = VerifyingKeys.pointerTo(pair) + size;
        assembly ("memory-safe") {
            mstore(fourth, 4)
        }
        // e(-alpha, -beta) = e(alpha, beta), and so on; C is the proof's to negate.
        if (other & 1 != 0) {
            _negate(fourth + VerifyingKeys.ALPHA + 0x20);
            _negate(fourth + VerifyingKeys.BETA + 0x40);
            _negate(fourth + VerifyingKeys.BETA + 0x60);
        }
        if (other & 2 != 0) {
            for (uint256 i = 0; i < 4; ++i) {
                _negate(fourth + VerifyingKeys.POINTS + i * 0x40 + 0x20);
            }
            _negate(fourth + VerifyingKeys.GAMMA + 0x40);
            _negate(fourth + VerifyingKeys.GAMMA + 0x60);
        }
        if (other & 4 != 0) {
            _negate(fourth + VerifyingKeys.DELTA + 0x40);
            _negate(fourth + VerifyingKeys.DELTA + 0x60);
        }
    }

    function _negate(uint256 pointer) private pure {
        assembly ("memory-safe") {
            mstore(pointer, sub(P, mload(pointer)))
        }
    }

    function _claims(uint256 other) private view returns (NaiveGroth16Batch.Claim[] memory claims) {
        Batch memory batch = honest();
        claims = new NaiveGroth16Batch.Claim[](3);
        for (uint256 i = 0; i < 3; ++i) {
            claims[i].circuit = 3 + i % 2;
            claims[i].inputs = new uint256[](3);
            claims[i].inputs[0] = batch.authorised[0].valueDigest;
            claims[i].inputs[1] = uint256(vm.parseJsonBytes32(json, ".zJoin"));
            claims[i].inputs[2] = batch.authorised[0].product;
            for (uint256 word = 0; word < 8; ++word) {
                claims[i].proof[word] = batch.authorised[0].proof[word];
            }
        }
        if (other & 4 != 0) claims[1].proof[7] = P - claims[1].proof[7];
    }

    /// @notice Whatever of beta, gamma and delta two keys share: proofs of both hold together, and each shared point saves its pair.
    function testFuzz_sharedPoints_holdAndSaveTheirPairs(bytes32 transcript) external view {
        uint256 alone = _gasOfClaims(7, transcript);
        for (uint256 other = 0; other < 7; ++other) {
            uint256 saved = (other & 1 ^ 1) + (other >> 1 & 1 ^ 1) + (other >> 2 ^ 1);
            vm.assertLe(_gasOfClaims(other, transcript) + saved * 33_000, alone, "a pair too many");
        }
    }

    function _gasOfClaims(uint256 other, bytes32 transcript) private view returns (uint256 gasUsed) {
        (bytes memory pair, NaiveGroth16Batch.Claim[] memory claims) = (_pair(other), _claims(other));
        gasUsed = gasleft();
        harness.verifyClaims(pair, claims, transcript);
        gasUsed -= gasleft();
        _twins.verifyClaims(pair, claims, transcript);
        _twins.verifyBeside(pair, claims, transcript);
    }

    /// @notice And nothing false holds because of it: a word of a claim is changed, two claims change their circuits, a sum is moved from one key to the other.
    function testFuzz_sharedPoints_hideNothing(uint256 other, uint256 what, uint256 value) external view {
        other = bound(other, 0, 7);
        NaiveGroth16Batch.Claim[] memory claims = _claims(other);
        what = bound(what, 0, 12);
        if (what < 3) claims[value % 3].inputs[what] = addmod(claims[value % 3].inputs[what], 1, Field.R);
        else if (what < 11) claims[value % 3].proof[what - 3] ^= 1;
        else if (what == 11) claims[value % 3].circuit ^= 7;
        else _shift(claims);
        bytes memory input = abi.encodeCall(harness.verifyClaims, (_pair(other), claims, bytes32(value)));
        bool accepted = _agree(input);
        // Where the keys are the same but for their ids, a proof holds under either.
        if (what != 11) vm.assertFalse(accepted, "a false claim");
    }

    /// @dev C + G under one key, C - G under the other.
    function _shift(NaiveGroth16Batch.Claim[] memory claims) private view {
        for (uint256 i = 0; i < 2; ++i) {
            (bool ok, bytes memory sum) = address(6)
                .staticcall(abi.encode(claims[i].proof[6], claims[i].proof[7], uint256(1), i == 0 ? 2 : P - 2));
            vm.assertTrue(ok);
            (claims[i].proof[6], claims[i].proof[7]) = abi.decode(sum, (uint256, uint256));
        }
    }

    // ---- what a caller must not do ----

    function test_batch_takesNoMoreAndNoFewerProofsThanAnnounced() external {
        bytes memory panic = abi.encodeWithSignature("Panic(uint256)", 1);
        vm.expectRevert(panic);
        _twins.misuse(keys, 1 << 3, 1, 3, 2);
        vm.expectRevert(panic);
        _twins.misuse(keys, 1 << 3, 2, 3, 1);
        // A circuit that was not announced, and one that is none.
        vm.expectRevert(panic);
        _twins.misuse(keys, 1 << 1, 1, 3, 1);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x32));
        _twins.misuse(keys, 1 << 3, 1, KEY_SLOTS, 1);
        vm.expectRevert(abi.encodeWithSelector(Groth16Batch.Groth16_NoKey.selector, 255));
        _twins.misuse(keys, 1 << 255, 1, 3, 1);
        vm.expectRevert(Groth16Batch.Groth16_Empty.selector);
        _twins.misuse(keys, 0, 0, 3, 0);
        // Room for more proofs than there is memory is not had.
        vm.expectRevert();
        _twins.misuse{ gas: 1_000_000 }(keys, 1 << 3, type(uint256).max / 0xc0, 3, 1);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        _twins.misuse(keys, 1 << 3, type(uint256).max, 3, 1);
    }
}
