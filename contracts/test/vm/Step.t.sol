// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IStep } from "../../src/vm/IStep.sol";
import { vm } from "../utils/Vm.sol";
import { StepTest } from "./StepTest.sol";

/// @title Mutated witnesses, the functions around `step`, and gas
contract StepContractTest is StepTest {
    /// @notice Limits of what one step may cost as a transaction, calldata included.
    uint256 private constant ALU_GAS_MAX = 150_000;
    uint256 private constant STORE_GAS_MAX = 220_000;
    uint256 private constant ORACLE_GAS_MAX = 220_000;

    /// @notice One bit of every byte of witnesses of every shape: refused, for the reason that the byte's place has.
    function test_EveryByteOfAWitnessCounts() public view {
        _everyByteCounts("step-memory.json", "store 2 at 12, step 0", CODE_END + 896, IStep.Step_MemoryProof.selector);
        _everyByteCounts("step-memory.json", "load 1 at 10, step 0", CODE_END + 896, IStep.Step_MemoryProof.selector);
        _everyByteCounts("step-control.json", "branch to itself, step 0", CODE_END, 0);
        _everyByteCounts("step-control.json", "already trapped, step 0", STATE_SIZE, 0);
        _everyByteCounts("step-control.json", "pc one, step 0", STATE_SIZE, 0);
        _everyByteCounts("step-system.json", "output, step 0", CODE_END, 0);
        _everyByteCounts("step-system.json", "read 532 bytes at 544, step 0", CODE_END + 532, IStep.Step_Key.selector);
    }

    function test_EveryByteOfABlobProofCounts() public view {
        (bytes32 pre, bytes memory witness) = _first("step-system.json", "read element 1234 at 24, step 0");
        vm.assertEq(witness.length, CODE_END + 192);
        for (uint256 position = CODE_END; position < witness.length; ++position) {
            uint256 place = position - CODE_END;
            // The index has 12 bits.
            bool isHigh = place >= 32 && place < 63;
            bytes4 expected = place < 32 || place == 63
                ? IStep.Step_Key.selector
                : isHigh ? IStep.Step_BlobIndex.selector : IStep.Step_PointEvaluation.selector;
            witness[position] ^= 0x10;
            _isRefused(pre, witness, expected);
            witness[position] ^= 0x10;
        }
        step.step(pre, witness);
    }

    /// @notice A witness of any shape cut anywhere is refused, and so is one with a byte too many.
    function test_EveryLengthCounts() public view {
        bytes4 length = IStep.Step_Length.selector;
        _everyLengthCounts("step-control.json", "already trapped, step 0", STATE_SIZE, length);
        _everyLengthCounts("step-control.json", "pc one, step 0", STATE_SIZE, length);
        _everyLengthCounts("step-control.json", "branch to itself, step 0", CODE_END, length);
        _everyLengthCounts("step-memory.json", "load 3 misaligned, step 0", CODE_END, length);
        _everyLengthCounts("step-system.json", "exit 1, step 0", CODE_END, length);
        _everyLengthCounts("step-system.json", "read of kind 3, step 0", CODE_END, length);
        _everyLengthCounts("step-memory.json", "load 1 at 10, step 0", CODE_END + 896, length);
        _everyLengthCounts("step-memory.json", "store 2 at 12, step 0", CODE_END + 896, length);
        _everyLengthCounts("step-system.json", "read 532 bytes at 544, step 0", CODE_END + 532, IStep.Step_Key.selector);
        _everyLengthCounts("step-system.json", "read element 1234 at 24, step 0", CODE_END + 192, length);
    }

    /// @notice What a caller holds back of gas, from the point evaluation too, changes no result: the right one or none.
    function test_GasChangesNoResult() public view {
        (bytes32 pre, bytes memory witness) = _first("step-system.json", "read element 1234 at 24, step 0");
        bytes32 post = step.step(pre, witness);
        uint256 succeeded;
        for (uint256 gas = 20_000; gas < 200_000; gas += 1_000) {
            (bool success, bytes memory result) =
                address(step).staticcall{ gas: gas }(abi.encodeCall(step.step, (pre, witness)));
            if (!success) continue;
            ++succeeded;
            vm.assertEq(abi.decode(result, (bytes32)), post);
        }
        vm.assertGt(succeeded, 0);
        vm.assertLt(succeeded, 180);
    }

    /// @notice Whatever is changed in whichever witness, nothing but typed errors comes of it.
    function testFuzz_MutatedWitnessesAreRefused(uint256 index, uint256 position, uint8 change) public view {
        vm.assume(change != 0);
        Vectors memory vectors = readVectors(readFile("step-random.json"));
        index = bound(index, 0, vectors.names.length - 1);
        bytes memory witness = vectors.witnesses[index];
        position = bound(position, 0, witness.length - 1);
        witness[position] ^= bytes1(change);
        _isRefused(vectors.pre[index], witness, 0);
    }

    /// @notice A state that nobody proved: any bytes in place of memory are refused, with any state at all.
    function testFuzz_UnprovenStatesAreRefused(uint256[12] calldata noise, bytes calldata proof) public view {
        bytes memory packed = abi.encodePacked(noise);
        bytes memory witness = abi.encodePacked(packed, bytes1(0), proof);
        for (uint256 i = 96; i < 136; ++i) {
            witness[i] = 0;
        }
        _isRefused(stateHash(witness), witness, 0);
    }

    function test_InitialState() public view {
        bytes32 root = keccak256("root");
        bytes32 inputs = keccak256(abi.encode(uint256(1), uint256(2), uint256(3)));
        inputs = bytes32((uint256(inputs) & (type(uint256).max >> 8)) | (1 << 248));
        bytes memory packed = abi.encodePacked(root, inputs, bytes32(0), uint64(0), uint64(0x10000), new bytes(273));
        bytes32 actual = step.initialState(root, bytes32(uint256(1)), bytes32(uint256(2)), bytes32(uint256(3)));
        vm.assertEq(actual, keccak256(packed));
    }

    function test_ReadState() public {
        bytes32 output = keccak256("output");
        bytes memory packed =
            abi.encodePacked(new bytes(64), output, new bytes(24), uint64(7), new bytes(256), uint8(1));
        (bytes32 hash, bool exited, uint64 exitCode, bytes32 word) = step.readState(packed);
        vm.assertEq(hash, keccak256(packed));
        vm.assertTrue(exited);
        vm.assertEq(uint256(exitCode), 7);
        vm.assertEq(word, output);
        vm.expectRevert(abi.encodeWithSelector(IStep.Step_Length.selector, 386));
        step.readState(abi.encodePacked(packed, uint8(0)));
        packed[384] = 0x02;
        vm.expectRevert(IStep.Step_Malformed.selector);
        step.readState(packed);
        packed[384] = 0x00;
        packed[130] = 0x01;
        vm.expectRevert(IStep.Step_Malformed.selector);
        step.readState(packed);
    }

    function test_GasOfArithmetic() public {
        uint256 most;
        string memory json = readFile("instructions.json");
        string[3] memory groups = [".encodings", ".unary", ".binary"];
        for (uint256 i = 0; i < groups.length; ++i) {
            uint256[] memory words = vm.parseJsonUintArray(json, string.concat(groups[i], ".words"));
            for (uint256 j = 0; j < words.length; j += i == 0 ? 7 : 1) {
                bytes memory witness = instructionWitness(words[j], type(uint64).max, 1 << 63);
                (, uint256 gas) = this.stepGas(stateHash(witness), witness);
                most = gas > most ? gas : most;
            }
        }
        vm.snapshotValue("vm", "step_gas.alu", most);
        vm.assertLt(most, ALU_GAS_MAX);
    }

    function test_GasOfMemory() public {
        vm.snapshotValue("vm", "step_gas.load", _gasOf("step-memory.json", "load"));
        uint256 store = _gasOf("step-memory.json", "store");
        vm.snapshotValue("vm", "step_gas.store", store);
        vm.assertLt(store, STORE_GAS_MAX);
    }

    function test_GasOfOracle() public {
        uint256 node = _gasOf("step-system.json", "read 532");
        uint256 element = _gasOf("step-system.json", "read element");
        vm.snapshotValue("vm", "step_gas.oracle", node > element ? node : element);
        vm.assertLt(node, ORACLE_GAS_MAX);
        vm.assertLt(element, ORACLE_GAS_MAX);
    }

    /// @notice The largest pre-image that the guest asks for, without a zero byte, in the middle and past its end.
    function test_LargestPreimage() public {
        bytes memory data = new bytes(100_000);
        for (uint256 i = 0; i < data.length; ++i) {
            data[i] = bytes1(uint8(i % 255 + 1));
        }
        bytes32 key = bytes32((uint256(keccak256(data)) & (type(uint256).max >> 8)) | (1 << 248));
        bytes memory witness = instructionWitness(0x73, 0, 0);
        for (uint256 i = 0; i < 32; ++i) {
            witness[32 + i] = key[i];
        }
        put(witness, REGISTERS + 8 * 17, 1003);
        uint64[3] memory offsets = [uint64(50_000), 100_000, 100_016];
        uint64[3] memory values = [uint64(0), 0, 0];
        for (uint256 i = 0; i < 8; ++i) {
            values[0] |= uint64(uint8(data[50_000 - 8 + i])) << uint64(8 * i);
            values[1] |= uint64(uint8(data[100_000 - 8 + i])) << uint64(8 * i);
        }
        for (uint256 i = 0; i < 3; ++i) {
            put(witness, 96, offsets[i]);
            (bytes32 post, uint256 gas) = this.stepGas(stateHash(witness), abi.encodePacked(witness, data));
            bytes memory after_ = abi.encodePacked(witness);
            put(after_, 96, offsets[i] + 8);
            put(after_, 104, 0x1004);
            put(after_, 112, 42);
            put(after_, REGISTERS + 8 * 10, values[i]);
            vm.assertEq(post, stateHash(after_));
            vm.snapshotValue("vm", "step_gas.preimage_100kB", gas);
            vm.assertLt(gas, 5_000_000);
        }
    }

    /// @dev The most that a step whose name starts so costs.
    function _gasOf(string memory file, string memory prefix) private view returns (uint256 most) {
        Vectors memory vectors = readVectors(readFile(file));
        for (uint256 i = 0; i < vectors.names.length; ++i) {
            if (!_startsWith(vectors.names[i], prefix)) continue;
            (, uint256 gas) = this.stepGas(vectors.pre[i], vectors.witnesses[i]);
            most = gas > most ? gas : most;
        }
        vm.assertGt(most, 0);
    }

    function _first(string memory file, string memory name) private view returns (bytes32, bytes memory) {
        Vectors memory vectors = readVectors(readFile(file));
        for (uint256 i = 0; i < vectors.names.length; ++i) {
            if (keccak256(bytes(vectors.names[i])) == keccak256(bytes(name))) {
                return (vectors.pre[i], vectors.witnesses[i]);
            }
        }
        revert(name);
    }

    /// @dev State, code, then extra, whose reason is given.
    function _everyByteCounts(string memory file, string memory name, uint256 length, bytes4 extra) private view {
        (bytes32 pre, bytes memory witness) = _first(file, name);
        vm.assertEq(witness.length, length);
        for (uint256 position = 0; position < length; ++position) {
            bytes1 change = bytes1(uint8(1 << (position % 8)));
            witness[position] ^= change;
            bytes4 expected = position < STATE_SIZE
                ? IStep.Step_StateHash.selector
                : position < CODE_END ? IStep.Step_CodeProof.selector : extra;
            _isRefused(pre, witness, expected);
            witness[position] ^= change;
        }
        step.step(pre, witness);
    }

    /// @dev The reason of a wrong extra is given: a pre-image may have any length, and is then another key's.
    function _everyLengthCounts(string memory file, string memory name, uint256 size, bytes4 extra) private view {
        (bytes32 pre, bytes memory witness) = _first(file, name);
        vm.assertEq(witness.length, size);
        _isRefused(pre, abi.encodePacked(witness, uint8(0)), extra);
        step.step(pre, witness);
        while (witness.length > 0) {
            assembly ("memory-safe") {
                mstore(witness, sub(mload(witness), 1))
            }
            _isRefused(pre, witness, witness.length < CODE_END ? IStep.Step_Length.selector : extra);
        }
    }

    /// @dev Refused with the error expected, or with any of IStep's: neither accepted nor a panic.
    function _isRefused(bytes32 pre, bytes memory witness, bytes4 expected) private view {
        (bool success, bytes memory result) = tryStep(pre, witness);
        vm.assertFalse(success);
        bytes4 selector = bytes4(result);
        bool isTyped = selector == IStep.Step_Length.selector || selector == IStep.Step_StateHash.selector
            || selector == IStep.Step_Malformed.selector || selector == IStep.Step_CodeProof.selector
            || selector == IStep.Step_MemoryProof.selector || selector == IStep.Step_Key.selector
            || selector == IStep.Step_BlobIndex.selector || selector == IStep.Step_PointEvaluation.selector;
        vm.assertTrue(isTyped);
        if (expected != 0) vm.assertEq(bytes32(selector), bytes32(expected));
    }

    function _startsWith(string memory text, string memory prefix) private pure returns (bool) {
        bytes memory a = bytes(text);
        bytes memory b = bytes(prefix);
        if (a.length < b.length) return false;
        for (uint256 i = 0; i < b.length; ++i) {
            if (a[i] != b[i]) return false;
        }
        return true;
    }
}
