// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Alu } from "./Alu.sol";
import { IStep } from "./IStep.sol";
import { MemoryTree } from "./MemoryTree.sol";
import { Preimage } from "./Preimage.sol";
import { State, VmState } from "./VmState.sol";

/// @title One step of the fraud-proof machine (VM-4 to VM-8)
/// @dev Twins: chain/vm/src/reference/step.rs and witness.rs. Has no state and no owner. Witnesses come from anybody.
contract Step is IStep {
    using VmState for State;

    uint256 private constant CODE_END = VmState.PACKED_SIZE + MemoryTree.PROOF_SIZE;
    uint256 private constant DATA_END = CODE_END + MemoryTree.PROOF_SIZE;

    uint256 private constant SYSCALL_EXIT = 93;
    uint256 private constant SYSCALL_OUTPUT = 1001;
    uint256 private constant SYSCALL_KEY = 1002;
    uint256 private constant SYSCALL_READ = 1003;

    /// @inheritdoc IStep
    function step(bytes32 stateHash, bytes calldata witness) external view returns (bytes32) {
        if (witness.length < VmState.PACKED_SIZE) revert Step_Length(witness.length);
        bytes32 actual = keccak256(witness[:VmState.PACKED_SIZE]);
        if (actual != stateHash) revert Step_StateHash(actual);
        State memory state = VmState.unpack(witness);
        if (state.exited) {
            _length(witness, VmState.PACKED_SIZE);
            return stateHash;
        }
        unchecked {
            ++state.step;
        }
        if (state.pc >= MemoryTree.MEMORY_SIZE || state.pc & 3 != 0) {
            _length(witness, VmState.PACKED_SIZE);
            state.trap();
        } else {
            _execute(state, _instruction(state, witness), witness);
        }
        return state.hash();
    }

    /// @inheritdoc IStep
    function initialState(bytes32 memoryRoot, bytes32 previousOutput, bytes32 firstBatchHash, bytes32 lastBatchHash)
        external
        pure
        returns (bytes32)
    {
        State memory state;
        state.memoryRoot = memoryRoot;
        state.pc = VmState.ENTRY_PC;
        state.oracleKey = Preimage.keccakKey(keccak256(abi.encodePacked(previousOutput, firstBatchHash, lastBatchHash)));
        return state.hash();
    }

    /// @inheritdoc IStep
    function readState(bytes calldata packed) external pure returns (bytes32, bool, uint64, bytes32) {
        _length(packed, VmState.PACKED_SIZE);
        State memory state = VmState.unpack(packed);
        return (keccak256(packed), state.exited, state.exitCode, state.output);
    }

    function _instruction(State memory state, bytes calldata witness) private pure returns (uint256) {
        if (witness.length < CODE_END) revert Step_Length(witness.length);
        bytes calldata proof = witness[VmState.PACKED_SIZE:CODE_END];
        bytes32 leaf = bytes32(proof[0:32]);
        bytes32 root = MemoryTree.root(state.pc, leaf, proof);
        if (root != state.memoryRoot) revert Step_CodeProof(root);
        return MemoryTree.read(leaf, state.pc, 4);
    }

    function _execute(State memory state, uint256 word, bytes calldata witness) private view {
        uint256 opcode = word & 0x7f;
        if (opcode == 0x03) return _load(state, word, witness);
        if (opcode == 0x23) return _store(state, word, witness);
        if (word == 0x73) return _ecall(state, witness);
        _length(witness, CODE_END);
        if (opcode == 0x63) return _branch(state, word);
        if (opcode == 0x6f) return _link(state, word, _add(state.pc, _immediateJ(word)));
        if (opcode == 0x67 && _f3(word) == 0) {
            return _link(state, word, _add(state.get(_rs1(word)), _immediateI(word)) & ~uint64(1));
        }
        if (opcode == 0x0f && _f3(word) == 0) return _next(state);
        (bool defined, uint64 value) = _compute(state, word, opcode);
        if (!defined) return state.trap();
        state.set(_rd(word), value);
        _next(state);
    }

    function _compute(State memory state, uint256 word, uint256 opcode) private pure returns (bool, uint64) {
        uint256 f3 = _f3(word);
        uint64 a = state.get(_rs1(word));
        if (opcode == 0x13) return Alu.immediate(f3, word >> 26, a, _immediateI(word));
        if (opcode == 0x1b) return Alu.immediateWord(f3, word >> 25, a, _immediateI(word));
        if (opcode == 0x33) return Alu.register(f3, word >> 25, a, state.get(_rs2(word)));
        if (opcode == 0x3b) return Alu.registerWord(f3, word >> 25, a, state.get(_rs2(word)));
        uint64 upper = Alu.signExtend(word & 0xfffff000, 32);
        if (opcode == 0x37) return (true, upper);
        if (opcode == 0x17) return (true, _add(state.pc, upper));
        return (false, 0);
    }

    function _branch(State memory state, uint256 word) private pure {
        (bool defined, bool taken) = Alu.branchTaken(_f3(word), state.get(_rs1(word)), state.get(_rs2(word)));
        if (!defined) return state.trap();
        if (!taken) return _next(state);
        state.pc = _add(state.pc, _immediateB(word));
    }

    function _link(State memory state, uint256 word, uint64 target) private pure {
        state.set(_rd(word), _add(state.pc, 4));
        state.pc = target;
    }

    function _load(State memory state, uint256 word, bytes calldata witness) private pure {
        uint256 f3 = _f3(word);
        uint64 address_ = _add(state.get(_rs1(word)), _immediateI(word));
        if (f3 == 7 || _isBadAddress(address_, f3)) return _trapWithoutData(state, witness);
        uint256 size = 1 << (f3 & 3);
        uint64 value = MemoryTree.read(_data(state, address_, witness), address_, size);
        state.set(_rd(word), f3 < 4 ? Alu.signExtend(value, 8 * size) : value);
        _next(state);
    }

    function _store(State memory state, uint256 word, bytes calldata witness) private pure {
        uint256 f3 = _f3(word);
        uint64 address_ = _add(state.get(_rs1(word)), _immediateS(word));
        if (f3 > 3 || _isBadAddress(address_, f3)) return _trapWithoutData(state, witness);
        bytes32 leaf = _data(state, address_, witness);
        leaf = MemoryTree.write(leaf, address_, 1 << f3, state.get(_rs2(word)));
        state.memoryRoot = MemoryTree.root(address_, leaf, witness[CODE_END:]);
        _next(state);
    }

    function _ecall(State memory state, bytes calldata witness) private view {
        uint64 number = state.get(17);
        uint256 kind = Preimage.kind(state.oracleKey);
        bool reads = number == SYSCALL_READ && (kind == Preimage.KECCAK || kind == Preimage.BLOB);
        if (reads) return _read(state, kind, witness);
        _length(witness, CODE_END);
        // a0 to a3 are the lower half of the third register word and the upper half of the fourth.
        bytes32 word = bytes32(MemoryTree.swapLanes((state.registers[2] << 128) | (state.registers[3] >> 128)));
        if (number == SYSCALL_EXIT) {
            state.exited = true;
            state.exitCode = state.get(10);
            return;
        } else if (number == SYSCALL_OUTPUT) {
            state.output = word;
        } else if (number == SYSCALL_KEY) {
            state.oracleKey = word;
            state.oracleOffset = 0;
        } else {
            return state.trap();
        }
        _next(state);
    }

    function _read(State memory state, uint256 kind, bytes calldata witness) private view {
        uint64 value;
        if (kind == Preimage.KECCAK) {
            value = Preimage.keccakWord(state.oracleKey, state.oracleOffset, witness[CODE_END:]);
        } else {
            _length(witness, CODE_END + Preimage.BLOB_PROOF_SIZE);
            value = Preimage.blobWord(state.oracleKey, state.oracleOffset, witness[CODE_END:]);
        }
        state.set(10, value);
        state.oracleOffset = _add(state.oracleOffset, 8);
        _next(state);
    }

    /// @dev The proven leaf with the address.
    function _data(State memory state, uint64 address_, bytes calldata witness) private pure returns (bytes32 leaf) {
        _length(witness, DATA_END);
        bytes calldata proof = witness[CODE_END:];
        leaf = bytes32(proof[0:32]);
        bytes32 root = MemoryTree.root(address_, leaf, proof);
        if (root != state.memoryRoot) revert Step_MemoryProof(root);
    }

    function _isBadAddress(uint64 address_, uint256 f3) private pure returns (bool) {
        return address_ >= MemoryTree.MEMORY_SIZE || address_ & ((1 << (f3 & 3)) - 1) != 0;
    }

    function _trapWithoutData(State memory state, bytes calldata witness) private pure {
        _length(witness, CODE_END);
        state.trap();
    }

    function _length(bytes calldata witness, uint256 expected) private pure {
        if (witness.length != expected) revert Step_Length(witness.length);
    }

    function _next(State memory state) private pure {
        state.pc = _add(state.pc, 4);
    }

    function _add(uint64 a, uint64 b) private pure returns (uint64) {
        unchecked {
            return a + b;
        }
    }

    function _rd(uint256 word) private pure returns (uint256) {
        return (word >> 7) & 31;
    }

    function _f3(uint256 word) private pure returns (uint256) {
        return (word >> 12) & 7;
    }

    function _rs1(uint256 word) private pure returns (uint256) {
        return (word >> 15) & 31;
    }

    function _rs2(uint256 word) private pure returns (uint256) {
        return (word >> 20) & 31;
    }

    function _immediateI(uint256 word) private pure returns (uint64) {
        return Alu.signExtend(word >> 20, 12);
    }

    function _immediateS(uint256 word) private pure returns (uint64) {
        return Alu.signExtend(((word >> 25) << 5) | ((word >> 7) & 31), 12);
    }

    function _immediateB(uint256 word) private pure returns (uint64) {
        uint256 low = (((word >> 25) & 0x3f) << 5) | (((word >> 8) & 15) << 1);
        return Alu.signExtend(((word >> 31) << 12) | (((word >> 7) & 1) << 11) | low, 13);
    }

    function _immediateJ(uint256 word) private pure returns (uint64) {
        uint256 low = (((word >> 20) & 1) << 11) | (((word >> 21) & 0x3ff) << 1);
        return Alu.signExtend(((word >> 31) << 20) | (((word >> 12) & 0xff) << 12) | low, 21);
    }
}
