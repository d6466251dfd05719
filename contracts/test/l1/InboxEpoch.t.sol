// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Inbox } from "../../src/l1/Inbox.sol";
import { AppendArgs, ChainConfig, Rules } from "../../src/l1/Types.sol";
import { vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";

/// @title Epochs, by weight, by time and by schedule entry: L1-EPOCH-1.
contract InboxEpochTest is Fixture {
    function rules() internal view override returns (Rules memory changed) {
        changed = super.rules();
        changed.epochWeightGas = 350_000; // three batches
    }

    function test_epoch_closesWhenFull() external {
        append(0);
        append(0);
        vm.assertEq(inbox.epochCount(), 0);
        AppendArgs memory args = appendArgs(0);
        vm.expectEmit(address(inbox));
        emit Inbox.EpochClosed(1, 3);
        vm.prank(sequencer, sequencer);
        inbox.appendCalldata(args, "");
        vm.assertEq(inbox.epochEnd(1), 3);
        vm.assertEq(inbox.epochFirstBatch(), 4);
        append(0);
        vm.assertEq(inbox.epochCount(), 1);
        vm.assertEq(inbox.epochEnd(2), 0);
    }

    /// @notice The late batch is the first of the next epoch.
    function testFuzz_epoch_closesBeforeLateBatch(uint256 late) external {
        append(0);
        uint256 firstPostedAt = vm.getBlockTimestamp();
        skipTime(24);
        append(0);
        nextBlock();
        vm.warp(firstPostedAt + EPOCH_SECONDS + bound(late, 0, 1e9));
        append(0);
        vm.assertEq(inbox.epochEnd(1), 2);
        vm.assertEq(inbox.epochFirstBatch(), 3);
        vm.assertGe(inbox.epochFirstPostedAt(), firstPostedAt + EPOCH_SECONDS);
    }

    function test_epoch_timeIsExclusive() external {
        append(0);
        nextBlock();
        vm.warp(vm.getBlockTimestamp() + EPOCH_SECONDS - 25); // the helper appends a block later
        append(0);
        vm.assertEq(vm.getBlockTimestamp(), inbox.epochFirstPostedAt() + EPOCH_SECONDS - 1);
        vm.assertEq(inbox.epochCount(), 0);
    }

    function testFuzz_closeEpoch_byAnyoneWhenOver(address caller, uint256 late) external {
        append(0);
        vm.warp(vm.getBlockTimestamp() + EPOCH_SECONDS + bound(late, 0, 1e9));
        vm.expectEmit(address(inbox));
        emit Inbox.EpochClosed(1, 1);
        vm.prank(caller);
        inbox.closeEpoch();
        vm.assertEq(inbox.epochEnd(1), 1);
        // Closed once: the next epoch holds nothing yet, and never closes empty.
        skipTime(1 days);
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_EpochNotClosable.selector, 2));
        inbox.closeEpoch();
    }

    function testFuzz_closeEpoch_revertsBeforeTime(uint256 age) external {
        append(0);
        vm.warp(vm.getBlockTimestamp() + bound(age, 0, EPOCH_SECONDS - 1));
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_EpochNotClosable.selector, 1));
        inbox.closeEpoch();
    }

    function test_closeEpoch_revertsWhenEmpty() external {
        skipTime(1 days);
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_EpochNotClosable.selector, 1));
        inbox.closeEpoch();
    }

    /// @notice An epoch never spans two entries.
    function test_epoch_closesBeforeNewEntry() external {
        ChainConfig memory next = deployedConfig();
        next.version = 2;
        Rules memory nextRules = rules();
        vm.prank(owner);
        schedule.schedule(next, nextRules);
        skipTime(DELAY_SECONDS - 36);
        append(0);
        vm.assertEq(schedule.activeId(), 0);
        skipTime(24);
        append(0);
        vm.assertEq(schedule.activeId(), 1);
        vm.assertEq(inbox.epochEnd(1), 1);
        vm.assertEq(inbox.epochFirstBatch(), 2);
    }

    /// @notice If the entry comes with the first batch of an epoch, no empty epoch is closed.
    function test_epoch_newEntryAtBoundary() external {
        append(0);
        append(0);
        append(0);
        ChainConfig memory next = deployedConfig();
        next.version = 2;
        Rules memory nextRules = rules();
        vm.prank(owner);
        schedule.schedule(next, nextRules);
        skipTime(DELAY_SECONDS);
        append(0);
        vm.assertEq(inbox.epochCount(), 1);
        vm.assertEq(inbox.epochFirstBatch(), 4);
    }
}
