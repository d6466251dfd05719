// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IStep } from "./IStep.sol";

/// @notice The machine's state (VM-1), four registers to a word so that packing it is one `abi.encodePacked`.
struct State {
    bytes32 memoryRoot;
    bytes32 oracleKey;
    bytes32 output;
    uint64 oracleOffset;
    uint64 pc;
    uint64 step;
    uint64 exitCode;
    uint256[8] registers;
    bool exited;
}

/// @title State, packed state and state hash
/// @dev Twin: chain/vm/src/state.rs.
library VmState {
    uint256 internal constant PACKED_SIZE = 385;
    uint64 internal constant ENTRY_PC = 0x10000;
    uint64 internal constant TRAP_EXIT_CODE = type(uint64).max;

    /// @dev Reads the first 385 bytes, which must be there.
    function unpack(bytes calldata packed) internal pure returns (State memory state) {
        state.memoryRoot = bytes32(packed[0:32]);
        state.oracleKey = bytes32(packed[32:64]);
        state.output = bytes32(packed[64:96]);
        state.oracleOffset = uint64(bytes8(packed[96:104]));
        state.pc = uint64(bytes8(packed[104:112]));
        state.step = uint64(bytes8(packed[112:120]));
        state.exitCode = uint64(bytes8(packed[120:128]));
        for (uint256 i = 0; i < 8; ++i) {
            state.registers[i] = uint256(bytes32(packed[128 + 32 * i:160 + 32 * i]));
        }
        uint8 exited = uint8(packed[384]);
        if (exited > 1 || get(state, 0) != 0) revert IStep.Step_Malformed();
        state.exited = exited == 1;
    }

    function hash(State memory state) internal pure returns (bytes32) {
        return keccak256(
            abi.encodePacked(
                state.memoryRoot,
                state.oracleKey,
                state.output,
                state.oracleOffset,
                state.pc,
                state.step,
                state.exitCode,
                state.registers,
                state.exited
            )
        );
    }

    /// @dev Register `index`, below 32.
    function get(State memory state, uint256 index) internal pure returns (uint64) {
        return uint64(state.registers[index >> 2] >> _shift(index));
    }

    /// @dev Sets register `index`, below 32; x0 keeps being zero.
    function set(State memory state, uint256 index, uint64 value) internal pure {
        if (index == 0) return;
        uint256 mask = uint256(type(uint64).max) << _shift(index);
        state.registers[index >> 2] = (state.registers[index >> 2] & ~mask) | (uint256(value) << _shift(index));
    }

    function trap(State memory state) internal pure {
        state.exited = true;
        state.exitCode = TRAP_EXIT_CODE;
    }

    function _shift(uint256 index) private pure returns (uint256) {
        return 64 * (3 - (index & 3));
    }
}
