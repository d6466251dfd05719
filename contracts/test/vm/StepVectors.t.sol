// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IStep } from "../../src/vm/IStep.sol";
import { Vm, vm } from "../utils/Vm.sol";
import { StepTest } from "./StepTest.sol";

/// @title The shared vectors, which chain/vm/tests/vectors.rs writes, against the step contract
contract StepVectorsTest is StepTest {
    function test_Memory() public view {
        _accepts("step-memory.json");
    }

    function test_Control() public view {
        _accepts("step-control.json");
    }

    function test_System() public view {
        _accepts("step-system.json");
    }

    function test_Random() public view {
        _accepts("step-random.json");
    }

    /// @notice Steps of the committed guest on a real epoch, which chain/vm/tests/guest_steps.rs writes.
    function test_Guest() public view {
        _accepts("step-guest.json");
    }

    function test_Instructions() public view {
        string memory json = vm.readFile(string.concat(DIRECTORY, "instructions.json"));
        uint256[] memory words = vm.parseJsonUintArray(json, ".words");
        uint256[] memory a = vm.parseJsonUintArray(json, ".a");
        uint256[] memory b = vm.parseJsonUintArray(json, ".b");
        bytes32[] memory posts = vm.parseJsonBytes32Array(json, ".posts");
        vm.assertGt(words.length, 1000);
        for (uint256 i = 0; i < words.length; ++i) {
            this.checkInstruction(words[i], a[i], b[i], posts[i]);
        }
    }

    /// @dev Called from outside, so that its memory is given back.
    function checkInstruction(uint256 word, uint256 a, uint256 b, bytes32 post) external view {
        bytes memory witness = instructionWitness(word, a, b);
        vm.assertEq(step.step(stateHash(witness), witness), post, vm.toString(bytes32(word)));
    }

    function test_Rejects() public view {
        string memory json = vm.readFile(string.concat(DIRECTORY, "reject.json"));
        Vectors memory vectors = readVectors(json);
        string[] memory reasons = vm.parseJsonStringArray(json, ".reasons");
        for (uint256 i = 0; i < vectors.names.length; ++i) {
            bytes memory data = abi.encodeCall(step.step, (vectors.pre[i], vectors.witnesses[i]));
            (bool success, bytes memory result) = address(step).staticcall{ gas: 3_000_000 }(data);
            vm.assertFalse(success, vectors.names[i]);
            vm.assertEq(bytes32(bytes4(result)), bytes32(_selector(reasons[i])), vectors.names[i]);
        }
    }

    /// @notice qemu.json holds whole programs, which Rust steps.
    function test_NoFileIsUnread() public view {
        Vm.DirEntry[] memory entries = vm.readDir(DIRECTORY);
        vm.assertEq(entries.length, 8);
        for (uint256 i = 0; i < 8; ++i) {
            string[8] memory known = [
                "instructions.json",
                "qemu.json",
                "reject.json",
                "step-control.json",
                "step-guest.json",
                "step-memory.json",
                "step-random.json",
                "step-system.json"
            ];
            vm.assertTrue(vm.exists(string.concat(DIRECTORY, known[i])), known[i]);
        }
    }

    function _accepts(string memory file) private view {
        string memory json = vm.readFile(string.concat(DIRECTORY, file));
        Vectors memory vectors = readVectors(json);
        bytes32[] memory post = vm.parseJsonBytes32Array(json, ".post");
        for (uint256 i = 0; i < vectors.names.length; ++i) {
            vm.assertEq(step.step(vectors.pre[i], vectors.witnesses[i]), post[i], vectors.names[i]);
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
