// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Step } from "../../src/vm/Step.sol";
import { Test } from "../utils/Test.sol";
import { vm } from "../utils/Vm.sol";

/// @title What the tests of the step contract share
abstract contract StepTest is Test {
    string internal constant DIRECTORY = "../tests/vectors/vm/";

    /// @dev Sizes and places in a witness (VM-1, VM-8).
    uint256 internal constant STATE_SIZE = 385;
    uint256 internal constant CODE_END = STATE_SIZE + 896;
    uint256 internal constant REGISTERS = 128;

    Step internal step = new Step();

    struct Vectors {
        string[] names;
        bytes32[] pre;
        bytes[] witnesses;
    }

    function readFile(string memory file) internal view returns (string memory) {
        return vm.readFile(string.concat(DIRECTORY, file));
    }

    function readVectors(string memory json) internal pure returns (Vectors memory vectors) {
        vectors.names = vm.parseJsonStringArray(json, ".names");
        vectors.pre = vm.parseJsonBytes32Array(json, ".pre");
        vectors.witnesses = vm.parseJsonBytesArray(json, ".witnesses");
        vm.assertGt(vectors.names.length, 0);
        vm.assertEq(vectors.pre.length, vectors.names.length);
        vm.assertEq(vectors.witnesses.length, vectors.names.length);
    }

    /// @dev The witness of one instruction from the state that instructions.json is about: pc 0x1000, the word in otherwise zero
    /// memory, x5 = a, x6 = b, every other register its number times an odd constant.
    function instructionWitness(uint256 word, uint256 a, uint256 b) internal pure returns (bytes memory) {
        uint256 littleEndian = ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >> 8) & 0xff00) | (word >> 24);
        (bytes32 root, bytes memory proof) = zeroMemoryWith(bytes32(littleEndian << 224), 0x1000);
        bytes memory registers;
        for (uint256 i = 0; i < 32; ++i) {
            uint256 value = i == 5 ? a : i == 6 ? b : i * 0x9e3779b97f4a7c15;
            registers = abi.encodePacked(registers, uint64(value));
        }
        bytes32 key = bytes32(0x0303030303030303030303030303030303030303030303030303030303030303);
        bytes32 output = bytes32(0x7777777777777777777777777777777777777777777777777777777777777777);
        bytes memory words = abi.encodePacked(uint64(24), uint64(0x1000), uint64(41), uint64(0));
        return abi.encodePacked(root, key, output, words, registers, uint8(0), proof);
    }

    /// @dev Root of the memory that is zero but for one leaf, and that leaf's proof.
    function zeroMemoryWith(bytes32 leaf, uint256 address_) internal pure returns (bytes32 root, bytes memory proof) {
        root = leaf;
        proof = abi.encodePacked(leaf);
        bytes32 zero;
        for (uint256 height = 0; height < 27; ++height) {
            bool isRight = (address_ >> (5 + height)) & 1 == 1;
            proof = abi.encodePacked(proof, zero);
            root = isRight ? keccak256(abi.encode(zero, root)) : keccak256(abi.encode(root, zero));
            zero = keccak256(abi.encode(zero, zero));
        }
    }

    /// @dev The first 385 bytes' hash.
    function stateHash(bytes memory witness) internal pure returns (bytes32 hash) {
        vm.assertGe(witness.length, STATE_SIZE);
        assembly ("memory-safe") {
            hash := keccak256(add(witness, 32), STATE_SIZE)
        }
    }

    /// @dev Writes a number of a packed state.
    function put(bytes memory witness, uint256 position, uint64 value) internal pure {
        for (uint256 i = 0; i < 8; ++i) {
            witness[position + i] = bytes8(value)[i];
        }
    }

    /// @dev Calls `step` with gas for any witness in the vectors, so that one that eats it is not accepted for it.
    function tryStep(bytes32 pre, bytes memory witness) internal view returns (bool success, bytes memory result) {
        return address(step).staticcall{ gas: 3_000_000 }(abi.encodeCall(step.step, (pre, witness)));
    }

    /// @dev Calls `step` and says what a transaction that does only this would cost. Called from outside, since a call out of much
    /// memory costs more.
    function stepGas(bytes32 pre, bytes calldata witness) external view returns (bytes32 post, uint256 gas) {
        bytes memory data = abi.encodeCall(step.step, (pre, witness));
        uint256 before = gasleft();
        (bool success, bytes memory result) = address(step).staticcall(data);
        uint256 execution = before - gasleft();
        vm.assertTrue(success);
        uint256 tokens;
        for (uint256 i = 0; i < data.length; ++i) {
            tokens += data[i] == 0 ? 1 : 4;
        }
        // EIP-2028 and EIP-7623.
        uint256 standard = 21_000 + 4 * tokens + execution;
        uint256 floor = 21_000 + 10 * tokens;
        return (abi.decode(result, (bytes32)), standard > floor ? standard : floor);
    }
}
