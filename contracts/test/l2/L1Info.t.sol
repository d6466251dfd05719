// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import { FastLz } from "../../src/l2/FastLz.sol";
import { L1Info } from "../../src/l2/L1Info.sol";
import { Predeploys } from "../../src/l2/Predeploys.sol";
import { vm } from "../utils/Vm.sol";
import { L2Test } from "./L2Test.sol";

/// @title The checkpoint, and the data fee told in advance: PRE-INFO-1, PRE-INFO-2, FEE-L1-1, FEE-L1-2, FEE-L1-3, FEE-L1-4.
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

    /// @dev Whatever the prices and the bytes: the fee is told, never reverted, and is at least the minimum's.
    function testFuzz_l1Fee_isTotal(uint256 baseFee, uint256 blobBaseFee, bytes calldata signed) external {
        vm.prank(Predeploys.SYSTEM);
        INFO.set(1, 1, baseFee, blobBaseFee);
        uint256 least = INFO.l1Price() / 1e6;
        vm.assertGe(INFO.l1Fee(signed), least);
        vm.assertGe(INFO.estimatePostedBytes(signed), INFO.ESTIMATE_BYTES_MIN());
    }

    function testFuzz_l1Fee_followsThePrices(uint64 baseFee, uint64 blobBaseFee) external {
        vm.prank(Predeploys.SYSTEM);
        INFO.set(1, 1, baseFee, blobBaseFee);
        uint256 price = 16 * 100_000 * uint256(baseFee) + 1_100_000 * uint256(blobBaseFee);
        vm.assertEq(INFO.l1Price(), price);
        vm.assertEq(INFO.l1Fee(""), price * INFO.ESTIMATE_BYTES_MIN() / 1e6);
    }

    function test_l1Fee_saturates() external {
        vm.prank(Predeploys.SYSTEM);
        INFO.set(1, 1, type(uint256).max, type(uint256).max);
        vm.assertEq(INFO.l1Price(), type(uint256).max);
        vm.assertEq(INFO.l1Fee(""), type(uint256).max / 1e6);
    }

    /// @dev What is paid of the fee: nothing beyond it but what rounding up to whole wei per gas makes, and never more than the base fee has.
    function testFuzz_l1FeePaid_isTheFeeRoundedUp(uint128 baseFee, uint128 blobBaseFee, bytes calldata signed, uint64 gasUsed)
        external
    {
        vm.prank(Predeploys.SYSTEM);
        INFO.set(1, 1, baseFee, blobBaseFee);
        uint256 gas = gasUsed < INFO.dataGas(signed) ? INFO.dataGas(signed) : gasUsed;
        uint256 paid = INFO.l1FeePaid(signed, gasUsed);
        vm.assertEq(paid % gas, 0);
        vm.assertLe(paid, gas * INFO.l1BaseFee());
        vm.assertLt(paid, INFO.l1Fee(signed) + gas);
        if (INFO.l1BaseFee() < type(uint64).max) vm.assertGe(paid, INFO.l1Fee(signed));
    }

    /// @dev Absurd prices neither revert nor exceed what a header can say.
    function testFuzz_l1FeePaid_isTotal(uint256 baseFee, uint256 blobBaseFee, bytes calldata signed, uint256 gasUsed) external {
        vm.prank(Predeploys.SYSTEM);
        INFO.set(1, 1, baseFee, blobBaseFee);
        vm.assertLe(INFO.l1BaseFee(), type(uint64).max);
        INFO.l1FeePaid(signed, gasUsed);
    }

    function test_dataGas_ofATransferIsBelowItsGas() external view {
        vm.assertEq(INFO.dataGas(""), 86 * 200);
        vm.assertLt(INFO.dataGas(""), 21_000);
    }

    /// @dev Lengths from the tests of op-geth's FastLZ (`core/types/rollup_cost_test.go`).
    function test_compressedLength_isThatOfOpGeth() external pure {
        vm.assertEq(FastLz.compressedLength(""), 0);
        vm.assertEq(FastLz.compressedLength(new bytes(1000)), 21);
        vm.assertEq(FastLz.compressedLength(hex"dd80808094095e7baea6a6c7c4c2dfeb977efac326af552d878080808080"), 31);
    }

    /// @dev Nothing read or written outside: memory around the data stays as it was, and the result does not depend on it.
    function testFuzz_compressedLength_dependsOnTheDataAlone(bytes calldata data, bytes32 noise) external pure {
        uint256 length = FastLz.compressedLength(data);
        bytes32[2] memory before = [noise, noise];
        bytes memory copy = data;
        bytes32[2] memory behind = [noise, noise];
        vm.assertEq(FastLz.compressedLength(copy), length);
        vm.assertEq(before[0] ^ before[1] ^ behind[0] ^ behind[1], bytes32(0));
        vm.assertEq(keccak256(copy), keccak256(data));
        vm.assertLe(length, data.length + (data.length + 31) / 32);
    }
}
