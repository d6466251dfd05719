// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import { AddressTable } from "../../src/l2/AddressTable.sol";
import { Predeploys } from "../../src/l2/Predeploys.sol";
import { vm } from "../utils/Vm.sol";
import { L2Test } from "./L2Test.sol";

/// @title An address has one index, for good: PRE-TABLE-1, PRE-TABLE-2.
contract AddressTableTest is L2Test {
    function testFuzz_register_countsUpAndStays(address[] memory accounts) external {
        uint64 count;
        for (uint256 i; i < accounts.length; ++i) {
            if (accounts[i] == address(0)) accounts[i] = address(1);
            uint64 index = TABLE.register(accounts[i]);
            vm.assertLe(index, count);
            if (index == count) count += 1;
        }
        vm.assertEq(TABLE.addressCount(), count);
        for (uint256 i; i < accounts.length; ++i) {
            uint64 index = TABLE.indexOf(accounts[i]);
            vm.assertEq(TABLE.addressOf(index), accounts[i]);
            vm.assertEq(TABLE.register(accounts[i]), index);
        }
        vm.assertEq(TABLE.addressCount(), count);
    }

    function testFuzz_storage_isWhereTheRulebookReadsIt(address first, address second) external {
        vm.assume(first != second && first != address(0) && second != address(0));
        TABLE.register(first);
        vm.expectEmit(Predeploys.ADDRESS_TABLE);
        emit AddressTable.AddressRegistered(1, second);
        TABLE.register(second);
        uint256 elements = uint256(keccak256(abi.encode(uint256(0))));
        vm.assertEq(uint256(vm.load(Predeploys.ADDRESS_TABLE, bytes32(0))), 2);
        vm.assertEq(uint256(vm.load(Predeploys.ADDRESS_TABLE, bytes32(elements))), uint160(first));
        vm.assertEq(uint256(vm.load(Predeploys.ADDRESS_TABLE, bytes32(elements + 1))), uint160(second));
    }

    function testFuzz_indexOf_refusesStrangers(address known, address stranger) external {
        vm.assume(known != stranger && known != address(0));
        TABLE.register(known);
        vm.expectRevert(abi.encodeWithSelector(AddressTable.AddressTable_NotRegistered.selector, stranger));
        TABLE.indexOf(stranger);
    }

    function testFuzz_addressOf_refusesWhatIsNotThere(address known, uint64 index) external {
        vm.assume(known != address(0));
        TABLE.register(known);
        index = uint64(bound(index, 1, type(uint64).max));
        vm.expectRevert(abi.encodeWithSelector(AddressTable.AddressTable_NoSuchIndex.selector, index));
        TABLE.addressOf(index);
    }

    function testFuzz_register_refusesTheZeroAddress(address[] memory accounts) external {
        for (uint256 i; i < accounts.length; ++i) {
            if (accounts[i] != address(0)) TABLE.register(accounts[i]);
        }
        uint64 count = TABLE.addressCount();
        vm.expectRevert(AddressTable.AddressTable_ZeroAddress.selector);
        TABLE.register(address(0));
        vm.assertEq(TABLE.addressCount(), count);
    }
}
