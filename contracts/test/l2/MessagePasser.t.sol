// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import { MessagePasser } from "../../src/l2/MessagePasser.sol";
import { Predeploys } from "../../src/l2/Predeploys.sol";
import { vm } from "../utils/Vm.sol";
import { L2Test, NaiveTree } from "./L2Test.sol";

/// @title `MessagePasser.send` builds the tree of the specification: PRE-MSG-1, PRE-MSG-2, PRE-MSG-3, PRE-MSG-4, L1-WD-1, L1-WD-2.
contract MessagePasserTest is L2Test {
    bytes32[] private _leaves;

    function testFuzz_send_buildsTheTreeAsDefined(bytes32 seed, uint8 messages) external {
        vm.assertEq(PASSER.messageRoot(), NaiveTree.root(_leaves));
        for (uint256 i; i < messages % 40; ++i) {
            bytes32 salt = keccak256(abi.encode(seed, i));
            address sender = address(uint160(uint256(salt)));
            bytes memory data = abi.encodePacked(salt);
            uint256 value = uint256(salt) >> 200;
            vm.deal(sender, value);
            vm.prank(sender);
            uint64 index = PASSER.send{ value: value }(address(uint160(i)), uint64(i), data);
            vm.assertEq(index, i);
            _leaves.push(hashOf(uint64(i), sender, address(uint160(i)), value, uint64(i), data));
            vm.assertEq(PASSER.messageRoot(), NaiveTree.root(_leaves));
        }
        vm.assertEq(PASSER.messageCount(), _leaves.length);
    }

    function testFuzz_send_emitsWhatIsHashed(
        address sender,
        address target,
        uint256 value,
        uint64 gasLimit,
        bytes calldata data
    ) external {
        vm.assume(sender != Predeploys.MESSAGE_PASSER && target != L1_BRIDGE);
        gasLimit = uint64(bound(gasLimit, 0, PASSER.GAS_LIMIT_MAX()));
        vm.deal(sender, value);
        vm.deal(Predeploys.MESSAGE_PASSER, 0);
        bytes32 messageHash = hashOf(0, sender, target, value, gasLimit, data);
        vm.expectEmit(Predeploys.MESSAGE_PASSER);
        emit MessagePasser.MessageSent(0, sender, target, value, gasLimit, data, messageHash);
        vm.prank(sender);
        PASSER.send{ value: value }(target, gasLimit, data);
        // The ether is burned: it stays here.
        vm.assertEq(sender.balance, 0);
        vm.assertEq(Predeploys.MESSAGE_PASSER.balance, value);
    }

    function test_storage_isWhereTheRulebookReadsIt() external {
        PASSER.send(address(1), 0, "");
        PASSER.send(address(1), 0, "");
        PASSER.send(address(1), 0, "");
        vm.assertEq(vm.load(Predeploys.MESSAGE_PASSER, bytes32(0)), PASSER.messageRoot());
        vm.assertEq(vm.load(Predeploys.MESSAGE_PASSER, bytes32(uint256(1))), bytes32(uint256(3)));
        bytes32 third = hashOf(2, address(this), address(1), 0, 0, "");
        vm.assertEq(vm.load(Predeploys.MESSAGE_PASSER, bytes32(uint256(2))), third);
    }

    function testFuzz_send_refusesLongData(uint256 excess) external {
        uint256 length = PASSER.DATA_BYTES_MAX() + bound(excess, 1, 10_000);
        vm.expectRevert(abi.encodeWithSelector(MessagePasser.MessagePasser_DataTooLong.selector, length));
        PASSER.send(address(1), 0, new bytes(length));
    }

    function test_send_takesTheLongestData() external {
        PASSER.send(address(1), PASSER.GAS_LIMIT_MAX(), new bytes(PASSER.DATA_BYTES_MAX()));
    }

    function testFuzz_send_refusesHighGasLimits(uint64 gasLimit) external {
        gasLimit = uint64(bound(gasLimit, PASSER.GAS_LIMIT_MAX() + 1, type(uint64).max));
        vm.expectRevert(abi.encodeWithSelector(MessagePasser.MessagePasser_GasLimitTooHigh.selector, gasLimit));
        PASSER.send(address(1), gasLimit, "");
    }

    /// @notice Ether for the L1 Bridge would be burned here and refused there, for ever. Messages without ether are the Bridge's to judge.
    function testFuzz_send_refusesEtherForTheL1Bridge(address sender, uint256 value, bytes calldata data) external {
        value = bound(value, 1, type(uint256).max);
        vm.deal(sender, value);
        vm.expectRevert(abi.encodeWithSelector(MessagePasser.MessagePasser_ValueToBridge.selector, value));
        vm.prank(sender);
        PASSER.send{ value: value }(L1_BRIDGE, 0, data);
        vm.prank(sender);
        vm.assertEq(PASSER.send(L1_BRIDGE, 0, data), 0);
        vm.assertEq(sender.balance, value);
    }

    function testFuzz_send_refusesWhenFull(uint256 count) external {
        count = bound(count, 2 ** 32 - 1, type(uint256).max);
        vm.store(Predeploys.MESSAGE_PASSER, bytes32(uint256(1)), bytes32(count));
        vm.expectRevert(MessagePasser.MessagePasser_TreeFull.selector);
        PASSER.send(address(1), 0, "");
    }

    function test_send_takesTheLastLeaf() external {
        vm.store(Predeploys.MESSAGE_PASSER, bytes32(uint256(1)), bytes32(uint256(2 ** 32 - 2)));
        vm.assertEq(PASSER.send(address(1), 0, ""), 2 ** 32 - 2);
    }

    function testFuzz_ether_comesOnlyWithMessages(uint256 value, bytes calldata data) external {
        vm.assume(data.length < 4 || bytes4(data) != MessagePasser.send.selector);
        value = bound(value, 1, type(uint256).max);
        vm.deal(address(this), value);
        (bool isSent,) = Predeploys.MESSAGE_PASSER.call{ value: value }(data);
        vm.assertFalse(isSent);
    }
}
