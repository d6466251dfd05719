// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import { L1Info } from "../../src/l2/L1Info.sol";
import { Predeploys } from "../../src/l2/Predeploys.sol";
import { vm } from "../utils/Vm.sol";
import { L2Test } from "./L2Test.sol";

contract L1InfoTest is L2Test {
    function testFuzz_set_stores(uint64 number, uint64 timestamp, uint256 baseFee, uint256 blobBaseFee) external {
        vm.prank(Predeploys.SYSTEM);
        INFO.set(number, timestamp, baseFee, blobBaseFee);
        vm.assertEq(INFO.number(), number);
        vm.assertEq(INFO.timestamp(), timestamp);
        vm.assertEq(INFO.baseFee(), baseFee);
        vm.assertEq(INFO.blobBaseFee(), blobBaseFee);
        uint256 packed = uint256(number) | uint256(timestamp) << 64;
        vm.assertEq(uint256(vm.load(Predeploys.L1_INFO, bytes32(0))), packed);
        vm.assertEq(uint256(vm.load(Predeploys.L1_INFO, bytes32(uint256(1)))), baseFee);
        vm.assertEq(uint256(vm.load(Predeploys.L1_INFO, bytes32(uint256(2)))), blobBaseFee);
    }

    function testFuzz_set_isForTheSystemAlone(address caller, uint64 number, uint256 baseFee) external {
        vm.assume(caller != Predeploys.SYSTEM);
        vm.expectRevert(abi.encodeWithSelector(L1Info.L1Info_NotSystem.selector, caller));
        vm.prank(caller);
        INFO.set(number, number, baseFee, baseFee);
    }
}
