// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Inbox } from "../../src/l1/Inbox.sol";
import { Withdrawal } from "../../src/payments/Records.sol";
import { ValiditySettlement } from "../../src/payments/ValiditySettlement.sol";
import { vm } from "../utils/Vm.sol";
import { Batch, Chain } from "./Chain.sol";

/// @title When a chain ends, and that it ends for good: PAY-FREEZE.
contract FreezeTest is Chain {
    uint64 private constant WAIT_SECONDS = FORCED_SECONDS + ESCAPE_SECONDS;

    function _notFreezable(uint256 from) private {
        vm.expectRevert(abi.encodeWithSelector(ValiditySettlement.ValiditySettlement_NotFreezable.selector, from));
        settlement.freeze();
    }

    function testFuzz_freeze_toTheSecond(address caller, uint256 early) external {
        force(alice, ETH);
        uint256 queuedAt = vm.getBlockTimestamp();
        vm.assertEq(settlement.freezableAt(), queuedAt + WAIT_SECONDS);
        vm.warp(queuedAt + WAIT_SECONDS - bound(early, 0, WAIT_SECONDS));
        _notFreezable(queuedAt + WAIT_SECONDS);
        vm.warp(queuedAt + WAIT_SECONDS);
        _notFreezable(queuedAt + WAIT_SECONDS);
        vm.warp(queuedAt + WAIT_SECONDS + 1);
        vm.expectEmit(address(settlement));
        emit ValiditySettlement.Frozen(0, 0);
        vm.prank(caller);
        settlement.freeze();
        vm.assertTrue(settlement.isFrozen());
        vm.assertEq(settlement.frozenAt(), vm.getBlockTimestamp());
    }

    function testFuzz_freeze_revertsWhileNothingWaits(uint256 late, bool consumed) external {
        if (consumed) {
            force(alice, ETH);
            append();
        }
        skipTime(bound(late, 0, 3650 days));
        vm.assertEq(settlement.freezableAt(), 0);
        vm.expectRevert(ValiditySettlement.ValiditySettlement_NothingUnproven.selector);
        settlement.freeze();
    }

    /// @notice The last second is in time, however long nobody ended the chain after that.
    function testFuzz_freeze_notOnceConsumed(uint256 late) external {
        force(alice, ETH);
        skipTime(WAIT_SECONDS - 12 + bound(late, 0, 400 days));
        append();
        vm.expectRevert(ValiditySettlement.ValiditySettlement_NothingUnproven.selector);
        settlement.freeze();
        append();
    }

    /// @notice Every message has its own time: who takes one does not win time for the next.
    function testFuzz_freeze_countsFromTheFirstMessageLeft(uint64 apart) external {
        apart = uint64(bound(apart, 12, WAIT_SECONDS));
        force(alice, ETH);
        uint256 firstAt = vm.getBlockTimestamp();
        skipTime(apart);
        force(bob, ETH);
        vm.assertEq(settlement.freezableAt(), firstAt + WAIT_SECONDS);
        if (apart > FORCED_SECONDS) {
            // The second one is not overdue yet, so that it can be left.
            storeCheckpoint();
            proofs.set(1, 1);
            post(sequencer, batch(1, ""));
            vm.assertEq(settlement.freezableAt(), firstAt + apart + WAIT_SECONDS);
        }
        vm.warp(firstAt + apart + WAIT_SECONDS);
        if (apart > FORCED_SECONDS) _notFreezable(firstAt + apart + WAIT_SECONDS);
        vm.warp(firstAt + apart + WAIT_SECONDS + 1);
        settlement.freeze();
    }

    /// @notice A queue that is filled in front of a message does not hide it: what a full batch leaves can end the chain at once.
    function test_freeze_isNotDelayedByAFullQueue() external {
        for (uint256 i = 0; i < 2 * MAX_MESSAGES; ++i) {
            force(mallory, ETH);
        }
        force(alice, ETH);
        skipTime(WAIT_SECONDS + 1);
        append();
        vm.assertEq(inbox.queueConsumed(), MAX_MESSAGES);
        settlement.freeze();
    }

    function test_freeze_onlyOnce() external {
        freeze();
        uint64 frozenAt = settlement.frozenAt();
        skipTime(1);
        vm.expectRevert(abi.encodeWithSelector(ValiditySettlement.ValiditySettlement_Frozen.selector, frozenAt));
        settlement.freeze();
        vm.assertEq(settlement.frozenAt(), frozenAt);
    }

    /// @notice Not in the same block, not ever, by nobody.
    function testFuzz_freeze_nothingIsAppendedAfter(uint256 late, bool forced) external {
        append();
        force(alice, ETH);
        skipTime(WAIT_SECONDS - 11);
        storeCheckpoint();
        Batch memory made = batch();
        settlement.freeze();
        bytes memory expected =
            abi.encodeWithSelector(ValiditySettlement.ValiditySettlement_Frozen.selector, settlement.frozenAt());
        refused(forced ? mallory : sequencer, made, forced ? 0 : 1, expected);
        skipTime(bound(late, 1, 3650 days));
        storeCheckpoint();
        refused(forced ? mallory : sequencer, batch(), forced ? 0 : 1, expected);
        vm.assertEq(inbox.batchCount(), 1);
        vm.assertEq(settlement.freezableAt() != 0, true);
    }

    /// @notice Neither the owner nor an entry of his brings it back.
    function test_freeze_outlivesTheOwner() external {
        freeze();
        vm.startPrank(owner);
        schedule.schedule(deployedConfig(), rules());
        inbox.setSequencer(owner);
        vm.stopPrank();
        skipTime(DELAY_SECONDS);
        storeCheckpoint();
        refused(
            owner,
            batch(),
            1,
            abi.encodeWithSelector(ValiditySettlement.ValiditySettlement_Frozen.selector, settlement.frozenAt())
        );
    }

    function test_freeze_tellsWhereItEnded() external {
        deposit(alice, 3);
        append();
        append();
        force(alice, ETH);
        skipTime(WAIT_SECONDS + 1);
        vm.expectEmit(address(settlement));
        emit ValiditySettlement.Frozen(2, 1);
        settlement.freeze();
    }

    function test_freeze_keepsTheState() external {
        append();
        (uint256 root, uint64 count, uint64 time) =
            (settlement.stateRoot(), settlement.leafCount(), settlement.timestamp());
        freeze();
        vm.assertEq(settlement.stateRoot(), root);
        vm.assertEq(settlement.leafCount(), count);
        vm.assertEq(settlement.timestamp(), time);
    }
}
