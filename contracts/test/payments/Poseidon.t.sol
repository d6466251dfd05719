// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Poseidon } from "../../src/payments/Poseidon.sol";
import { Test } from "../utils/Test.sol";
import { vm } from "../utils/Vm.sol";

/// @title The library as a contract: circomlib's hash, whose lane 0 is zero at first.
contract PoseidonHarness {
    function hashOfThree(uint256[] calldata inputs) external pure returns (uint256) {
        uint256[4] memory state;
        for (uint256 i = 0; i < 3; ++i) {
            state[i + 1] = inputs[i];
        }
        uint256 pointer;
        assembly ("memory-safe") {
            pointer := state
        }
        return Poseidon.permute4(Poseidon.load4(), pointer);
    }

    function hashOfNine(uint256[] calldata inputs) external pure returns (uint256) {
        uint256[20] memory state;
        for (uint256 i = 0; i < 9; ++i) {
            state[i + 1] = inputs[i];
        }
        uint256 pointer;
        assembly ("memory-safe") {
            pointer := state
        }
        return Poseidon.permute10(Poseidon.load10(), pointer);
    }
}

/// @title Circomlib's published outputs (tests/vectors/payments/poseidon.json), which are not of our making.
contract PoseidonTest is Test {
    function test_circomlibsOutputs() external {
        PoseidonHarness harness = new PoseidonHarness();
        string memory json = vm.readFile("../tests/vectors/payments/poseidon.json");
        uint256 three;
        uint256 nine;
        for (uint256 i = 0; vm.keyExistsJson(json, string.concat("$[", vm.toString(i), "]")); ++i) {
            string memory place = string.concat("$[", vm.toString(i), "]");
            uint256[] memory inputs = vm.parseJsonUintArray(json, string.concat(place, ".inputs"));
            uint256 hash = vm.parseJsonUint(json, string.concat(place, ".hash"));
            if (inputs.length == 3) {
                ++three;
                vm.assertEq(harness.hashOfThree(inputs), hash, "width 4");
            }
            if (inputs.length == 9) {
                ++nine;
                vm.assertEq(harness.hashOfNine(inputs), hash, "width 10");
            }
        }
        vm.assertEq(three, 2);
        vm.assertEq(nine, 2);
    }
}
