// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Test } from "./Test.sol";
import { vm } from "./Vm.sol";

/// @title The helpers keep their word.
contract TestHelpersTest is Test {
    function testFuzz_bound_staysInside(uint256 value, uint256 a, uint256 b) external pure {
        (uint256 min, uint256 max) = a < b ? (a, b) : (b, a);
        uint256 bounded = bound(value, min, max);
        vm.assertTrue(bounded >= min && bounded <= max);
        if (value >= min && value <= max) vm.assertEq(bounded, value);
    }

    function test_skipTime_movesBoth() external {
        uint256 timestamp = vm.getBlockTimestamp();
        uint256 number = vm.getBlockNumber();
        skipTime(24);
        vm.assertEq(vm.getBlockTimestamp(), timestamp + 24);
        vm.assertEq(vm.getBlockNumber(), number + 3);
    }
}
