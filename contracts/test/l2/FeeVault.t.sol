// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import { FeeVault } from "../../src/l2/FeeVault.sol";
import { Predeploys } from "../../src/l2/Predeploys.sol";
import { vm } from "../utils/Vm.sol";
import { L2Test } from "./L2Test.sol";

/// @title All that the vault has goes to the recipient on L1, whoever asks: PRE-FEE-1.
contract FeeVaultTest is L2Test {
    function testFuzz_withdraw_sendsEverythingToTheRecipient(address caller, uint256 value) external {
        value = bound(value, 1, type(uint256).max);
        vm.deal(Predeploys.FEE_VAULT, value);
        vm.expectCall(
            Predeploys.MESSAGE_PASSER, value, abi.encodeCall(PASSER.send, (FEE_RECIPIENT, VAULT.WITHDRAW_GAS(), ""))
        );
        vm.expectEmit(Predeploys.FEE_VAULT);
        emit FeeVault.FeesWithdrawn(FEE_RECIPIENT, value, 0);
        vm.prank(caller);
        VAULT.withdraw();
        vm.assertEq(Predeploys.FEE_VAULT.balance, 0);
        vm.assertEq(Predeploys.MESSAGE_PASSER.balance, value);
    }

    function testFuzz_withdraw_refusesAnEmptyVault(address caller) external {
        vm.expectRevert(FeeVault.FeeVault_Empty.selector);
        vm.prank(caller);
        VAULT.withdraw();
    }

    function testFuzz_receive_takesEther(uint256 value) external {
        vm.deal(address(this), value);
        (bool isReceived,) = Predeploys.FEE_VAULT.call{ value: value }("");
        vm.assertTrue(isReceived);
        vm.assertEq(Predeploys.FEE_VAULT.balance, value);
    }
}
