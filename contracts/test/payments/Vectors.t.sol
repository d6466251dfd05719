// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Field } from "../../src/payments/Field.sol";
import { Transcript } from "../../src/payments/Transcript.sol";
import { Test } from "../utils/Test.sol";
import { vm } from "../utils/Vm.sol";

/// @title The libraries as a contract.
contract PaymentsVectorsHarness {
    function evaluate(bytes calldata data, uint256 z) external pure returns (uint256, uint256) {
        return (Field.evaluate(data, z), Field.count(data));
    }

    function start(
        Transcript.Header memory header,
        bytes32 keySetHash,
        bytes[3] calldata segments,
        uint256 applyCount,
        uint256 authoriseCount
    ) external pure returns (bytes32) {
        return Transcript.start(header, keySetHash, segments, applyCount, authoriseCount);
    }
}

/// @title Vectors that the native code writes (tests/vectors/payments), rule by rule.
contract PaymentsVectorsTest is Test {
    string private constant DIRECTORY = "../tests/vectors/payments/";

    PaymentsVectorsHarness private harness;

    function setUp() external {
        harness = new PaymentsVectorsHarness();
    }

    /// Those that these tests read, and those of the SDK and the `tandem` command (sdk/test).
    function test_noVectorFileIsUnread() external view {
        string[15] memory known = [
            "attack-0",
            "attack-1",
            "attack-2",
            "attack-3",
            "attack-4",
            "attack-5",
            "attack-6",
            "batch",
            "eddsa",
            "poseidon",
            "segments",
            "session",
            "state_tree",
            "transcript",
            "withdrawals"
        ];
        vm.assertEq(vm.readDir(DIRECTORY).length, known.length);
        for (uint256 i = 0; i < known.length; ++i) {
            vm.assertTrue(vm.exists(string.concat(DIRECTORY, known[i], ".json")), known[i]);
        }
    }

    function _count(string memory json, string memory list) private view returns (uint256 count) {
        while (vm.keyExistsJson(json, string.concat(list, "[", vm.toString(count), "]"))) ++count;
    }

    function test_segments_evaluateAsTheNativeCodeDoes() external view {
        string memory json = vm.readFile(string.concat(DIRECTORY, "segments.json"));
        uint256 cases = _count(json, ".cases");
        vm.assertEq(cases, 36);
        for (uint256 i = 0; i < cases; ++i) {
            string memory place = string.concat(".cases[", vm.toString(i), "]");
            bytes memory data = vm.parseJsonBytes(json, string.concat(place, ".data"));
            uint256 z = uint256(vm.parseJsonBytes32(json, string.concat(place, ".z")));
            (uint256 evaluation, uint256 elements) = harness.evaluate(data, z);
            vm.assertEq(evaluation, uint256(vm.parseJsonBytes32(json, string.concat(place, ".evaluation"))));
            vm.assertEq(elements, vm.parseJsonUint(json, string.concat(place, ".elements")));
        }
    }

    function test_segments_refusesPartialElements() external {
        string memory json = vm.readFile(string.concat(DIRECTORY, "segments.json"));
        bytes[] memory partials = vm.parseJsonBytesArray(json, ".partial");
        vm.assertEq(partials.length, 4);
        for (uint256 i = 0; i < partials.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Field.Field_PartialElement.selector, partials[i].length));
            harness.evaluate(partials[i], 1);
        }
    }

    function test_transcript_drawsTheNativeChallenges() external view {
        string memory json = vm.readFile(string.concat(DIRECTORY, "transcript.json"));
        uint256 cases = _count(json, ".cases");
        vm.assertEq(cases, 7);
        for (uint256 i = 0; i < cases; ++i) {
            string memory place = string.concat(".cases[", vm.toString(i), "]");
            // no chunk: T1 is the hash of T0 alone
            bytes32 t1 = keccak256(abi.encode(_start(json, place)));
            vm.assertEq(Transcript.dataChallenge(t1), uint256(vm.parseJsonBytes32(json, string.concat(place, ".z"))));
            vm.assertEq(
                Transcript.joinChallenge(t1), uint256(vm.parseJsonBytes32(json, string.concat(place, ".zJoin")))
            );
        }
    }

    function _start(string memory json, string memory place) private view returns (bytes32) {
        bytes[] memory given = vm.parseJsonBytesArray(json, string.concat(place, ".segments"));
        vm.assertEq(given.length, 3);
        bytes[3] memory segments = [given[0], given[1], given[2]];
        return harness.start(
            abi.decode(vm.parseJsonBytes(json, string.concat(place, ".header")), (Transcript.Header)),
            vm.parseJsonBytes32(json, string.concat(place, ".keySetHash")),
            segments,
            vm.parseJsonUint(json, string.concat(place, ".applyCount")),
            vm.parseJsonUint(json, string.concat(place, ".authoriseCount"))
        );
    }
}
