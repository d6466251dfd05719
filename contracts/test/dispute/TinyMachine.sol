// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Run, Runs } from "./Runs.sol";

/// @title A program of six instructions whose whole run is written out here, with the witnesses of its steps; `Step` decides about it.
/// @notice It calls `output` with 7 in a0, and exits with 0.
library TinyMachine {
    bytes32 internal constant PARENT_OUTPUT = keccak256("parent output");
    bytes32 internal constant FIRST_BATCH = keccak256("first batch");
    bytes32 internal constant LAST_BATCH = keccak256("last batch");
    /// @dev The number 7, little-endian, as the output word has it.
    bytes32 internal constant OUTPUT = bytes32(uint256(7) << 248);
    uint256 internal constant STEPS = 6;

    /// @dev Root of the memory with the program alone, and the program's proof, which is the same before every step.
    function code() internal pure returns (bytes32 memoryRoot, bytes memory proof) {
        uint32[6] memory words = [uint32(_addi(10, 7)), _addi(17, 1001), 0x73, _addi(10, 0), _addi(17, 93), 0x73];
        uint256 leaf;
        for (uint256 i = 0; i < words.length; ++i) {
            uint256 word = words[i];
            word = ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >> 8) & 0xff00) | (word >> 24);
            leaf |= word << (224 - 32 * i);
        }
        memoryRoot = bytes32(leaf);
        proof = abi.encodePacked(memoryRoot);
        bytes32 zero;
        for (uint256 height = 0; height < 27; ++height) {
            bool isRight = (0x10000 >> (5 + height)) & 1 == 1;
            proof = abi.encodePacked(proof, zero);
            memoryRoot = isRight ? keccak256(abi.encode(zero, memoryRoot)) : keccak256(abi.encode(memoryRoot, zero));
            zero = keccak256(abi.encode(zero, zero));
        }
    }

    /// @dev The packed state after `count` steps.
    function state(uint256 count) internal pure returns (bytes memory) {
        return stateOf(keccak256(abi.encodePacked(PARENT_OUTPUT, FIRST_BATCH, LAST_BATCH)), count);
    }

    /// @dev The same for other inputs, whose hash is given (VM-3).
    function stateOf(bytes32 inputs, uint256 count) internal pure returns (bytes memory) {
        if (count > STEPS) count = STEPS;
        (bytes32 memoryRoot,) = code();
        uint64 a0 = count >= 1 && count < 4 ? 7 : 0;
        uint64 a7 = count >= 5 ? 93 : count >= 2 ? 1001 : 0;
        bool exited = count == STEPS;
        bytes32 key = bytes32((uint256(1) << 248) | ((uint256(inputs) << 8) >> 8));
        bytes memory head = abi.encodePacked(memoryRoot, key, count >= 3 ? OUTPUT : bytes32(0), uint64(0));
        uint64 pc = uint64(0x10000 + 4 * (exited ? STEPS - 1 : count));
        head = abi.encodePacked(head, pc, uint64(count), uint64(0));
        bytes memory registers = abi.encodePacked(new bytes(80), a0, new bytes(48), a7, new bytes(112));
        return abi.encodePacked(head, registers, exited ? uint8(1) : uint8(0));
    }

    function stateHash(uint256 count) internal pure returns (bytes32) {
        return keccak256(state(count));
    }

    /// @dev Of the step after `count` steps.
    function witness(uint256 count) internal pure returns (bytes memory) {
        (, bytes memory proof) = code();
        return count >= STEPS ? state(count) : abi.encodePacked(state(count), proof);
    }

    /// @dev The right commitment of level 0: it halts within the first stride.
    function outer() internal pure returns (Run memory) {
        return Runs.uniform(stateHash(STEPS));
    }

    /// @dev The right commitment of level 1 within the first stride; within any other, `outer` again.
    function inner() internal pure returns (Run memory) {
        bytes32[] memory values = new bytes32[](STEPS);
        for (uint256 i = 0; i < STEPS; ++i) {
            values[i] = stateHash(i + 1);
        }
        return Runs.list(values);
    }

    /// @dev A packed state that no run reaches, with the ending that is wanted; `salt` makes it differ.
    function invented(uint256 salt, bool exited, uint64 exitCode, bytes32 output) internal pure returns (bytes memory) {
        bytes memory head = abi.encodePacked(keccak256(abi.encode("invented", salt)), bytes32(0), output);
        head = abi.encodePacked(head, uint64(0), uint64(0), uint64(0), exitCode);
        return abi.encodePacked(head, new bytes(256), exited ? uint8(1) : uint8(0));
    }

    function _addi(uint32 rd, uint32 immediate) private pure returns (uint32) {
        return (immediate << 20) | (rd << 7) | 0x13;
    }
}
