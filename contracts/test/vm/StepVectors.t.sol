// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IStep } from "../../src/vm/IStep.sol";
import { vm } from "../utils/Vm.sol";
import { StepTest } from "./StepTest.sol";

/// @title The shared vectors, which the tests of chain/vm write, against the step contract
contract StepVectorsTest is StepTest {
    string private constant GUEST = "step-guest.json";
    string private constant INSTRUCTIONS = "instructions.json";
    /// @dev Whole programs, which Rust steps.
    string private constant QEMU = "qemu.json";

    /// @notice Every file of the directory: witnesses here, instructions below, and one that Rust alone reads.
    function test_EveryFileOfWitnesses() public view {
        string[7] memory files = [
            "reject.json",
            "step-control.json",
            "step-fuzz.json",
            GUEST,
            "step-memory.json",
            "step-random.json",
            "step-system.json"
        ];
        for (uint256 i = 0; i < files.length; ++i) {
            this.replay(files[i]);
        }
        vm.assertTrue(vm.exists(string.concat(DIRECTORY, INSTRUCTIONS)));
        vm.assertTrue(vm.exists(string.concat(DIRECTORY, QEMU)));
        vm.assertEq(vm.readDir(DIRECTORY).length, files.length + 2);
    }

    /// @dev A file without reasons holds accepted witnesses only, one without successors refused ones. Called from outside, so that
    /// its memory is given back.
    function replay(string calldata file) external view {
        string memory json = readFile(file);
        Vectors memory vectors = readVectors(json);
        string[] memory reasons = new string[](vectors.names.length);
        bytes32[] memory post;
        if (vm.keyExistsJson(json, ".reasons")) reasons = vm.parseJsonStringArray(json, ".reasons");
        if (vm.keyExistsJson(json, ".post")) post = vm.parseJsonBytes32Array(json, ".post");
        for (uint256 i = 0; i < vectors.names.length; ++i) {
            (bool success, bytes memory result) = tryStep(vectors.pre[i], vectors.witnesses[i]);
            if (bytes(reasons[i]).length == 0) {
                vm.assertTrue(success, vectors.names[i]);
                vm.assertEq(abi.decode(result, (bytes32)), post[i], vectors.names[i]);
            } else {
                vm.assertFalse(success, vectors.names[i]);
                vm.assertEq(bytes32(bytes4(result)), bytes32(_selector(reasons[i])), vectors.names[i]);
            }
        }
    }

    /// @notice The guest's first step is from the state that a dispute over its run starts with.
    function test_InitialStateOfTheGuest() public view {
        string memory json = readFile(GUEST);
        bytes32 actual = step.initialState(
            vm.parseJsonBytes32(json, ".initial.memory_root"),
            vm.parseJsonBytes32(json, ".initial.previous_output"),
            vm.parseJsonBytes32(json, ".initial.first_batch_hash"),
            vm.parseJsonBytes32(json, ".initial.last_batch_hash")
        );
        vm.assertEq(actual, readVectors(json).pre[0]);
    }

    /// @notice Every encoding, and every computing instruction on every pair of operands at which it might go wrong.
    function test_Instructions() public view {
        string memory json = readFile(INSTRUCTIONS);
        uint256[] memory edges = vm.parseJsonUintArray(json, ".edges");
        _replayGroup(json, ".encodings", edges, 1, 1);
        _replayGroup(json, ".unary", edges, edges.length, 1);
        _replayGroup(json, ".binary", edges, edges.length, edges.length);
    }

    function _replayGroup(
        string memory json,
        string memory group,
        uint256[] memory edges,
        uint256 first,
        uint256 second
    ) private view {
        uint256[] memory words = vm.parseJsonUintArray(json, string.concat(group, ".words"));
        bytes[] memory posts = vm.parseJsonBytesArray(json, string.concat(group, ".posts"));
        vm.assertGt(words.length, 30);
        vm.assertEq(posts.length, words.length);
        for (uint256 i = 0; i < words.length; ++i) {
            vm.assertEq(posts[i].length, 32 * first * second);
            this.replayInstruction(words[i], edges, first, second, posts[i]);
        }
    }

    /// @dev On the first edges; `posts` are the states after, one behind the other. Called from outside as above.
    function replayInstruction(
        uint256 word,
        uint256[] calldata edges,
        uint256 first,
        uint256 second,
        bytes calldata posts
    ) external view {
        bytes memory witness = instructionWitness(word, 0, 0);
        for (uint256 i = 0; i < first * second; ++i) {
            put(witness, REGISTERS + 8 * 5, uint64(edges[i / second]));
            put(witness, REGISTERS + 8 * 6, uint64(edges[i % second]));
            bytes32 post = bytes32(posts[32 * i:32 * i + 32]);
            vm.assertEq(step.step(stateHash(witness), witness), post, vm.toString(bytes32(word)));
        }
    }

    function _selector(string memory reason) private pure returns (bytes4) {
        bytes32 hash = keccak256(bytes(reason));
        if (hash == keccak256("Length")) return IStep.Step_Length.selector;
        if (hash == keccak256("StateHash")) return IStep.Step_StateHash.selector;
        if (hash == keccak256("Malformed")) return IStep.Step_Malformed.selector;
        if (hash == keccak256("CodeProof")) return IStep.Step_CodeProof.selector;
        if (hash == keccak256("MemoryProof")) return IStep.Step_MemoryProof.selector;
        if (hash == keccak256("Key")) return IStep.Step_Key.selector;
        if (hash == keccak256("BlobIndex")) return IStep.Step_BlobIndex.selector;
        if (hash == keccak256("PointEvaluation")) return IStep.Step_PointEvaluation.selector;
        revert(reason);
    }
}
