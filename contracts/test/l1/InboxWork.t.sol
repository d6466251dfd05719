// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Inbox } from "../../src/l1/Inbox.sol";
import { AppendArgs, ChainConfig, Rules } from "../../src/l1/Types.sol";
import { WorkMeter } from "../../src/l1/WorkMeter.sol";
import { vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";

abstract contract WorkFixture is Fixture {
    uint64 internal constant U = 440_000_000;

    function rules() internal view virtual override returns (Rules memory changed) {
        changed = super.rules();
        changed.epochWeightGas = U;
    }

    /// @dev Appends in this L1 block, declaring `workGas`.
    function declare(uint64 workGas, uint256 payloadBytes) internal {
        AppendArgs memory args = appendArgs(inbox.queueConsumed());
        args.workGas = workGas;
        bytes memory payload = new bytes(payloadBytes);
        vm.prank(sequencer, sequencer);
        inbox.appendCalldata(args, payload);
    }

    function expectFull(uint64 workGas, uint256 payloadBytes, bytes memory reason) internal {
        AppendArgs memory args = appendArgs(inbox.queueConsumed());
        args.workGas = workGas;
        vm.expectRevert(reason);
        vm.prank(sequencer, sequencer);
        inbox.appendCalldata(args, new bytes(payloadBytes));
    }

    function blobs(uint256 count) internal {
        bytes32[] memory hashes = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            hashes[i] = bytes32(i + 1);
        }
        vm.blobhashes(hashes);
    }
}

/// @title Weights, and the epochs that they close: L1-WORK-2, L1-EPOCH-1, L1-EPOCH-2.
contract InboxWeightTest is WorkFixture {
    function testFuzz_weight_isTheSumOfItsParts(uint64 workGas, uint256 payloadBytes, uint64 messages) external {
        workGas = uint64(bound(workGas, 0, 300_000_000));
        payloadBytes = bound(payloadBytes, 0, 122_880);
        messages = uint64(bound(messages, 0, MAX_MESSAGES));
        for (uint64 i = 0; i < messages; ++i) {
            enqueue(200_000);
        }
        AppendArgs memory args = appendArgs(messages);
        args.workGas = workGas;
        vm.prank(sequencer, sequencer);
        inbox.appendCalldata(args, new bytes(payloadBytes));
        uint256 weight = 100_000 + uint256(workGas) + messages * uint256(201_200) + 13 * payloadBytes;
        vm.assertEq(inbox.epochWeightGas(), weight);
    }

    function testFuzz_weight_countsWholeBlobs(uint256 count) external {
        count = bound(count, 1, 6);
        AppendArgs memory args = appendArgs(0);
        blobs(count);
        vm.prank(sequencer, sequencer);
        inbox.appendBlobs(args);
        vm.assertEq(inbox.epochWeightGas(), 100_000 + 13 * 4096 * 31 * count);
        (, uint256 bytesLeft) = inbox.workLeft();
        vm.assertEq(bytesLeft, 3_047_424 - 4096 * 31 * count);
    }

    /// @notice The batch that would lift the sum above the entry's weight is the first of the next epoch.
    function testFuzz_epoch_closesBeforeWhatIsTooHeavy(uint64 first, uint64 second) external {
        first = uint64(bound(first, 200_000, U - 300_000));
        uint64 room = U - 200_000 - first;
        second = uint64(bound(second, room + 1, room + 100_000));
        declare(first, 0);
        vm.assertEq(inbox.epochCount(), 0);
        uint256 state = vm.snapshotState();
        declare(room, 0);
        vm.assertEq(inbox.epochEnd(1), 2); // it fits, and nothing else does
        vm.revertToState(state);
        vm.expectEmit(address(inbox));
        emit Inbox.EpochClosed(1, 1);
        declare(second, 0);
        vm.assertEq(inbox.epochFirstBatch(), 2);
        vm.assertEq(inbox.epochWeightGas(), 100_000 + second);
    }

    /// @notice What weighs more than an epoch may is an epoch alone.
    function test_epoch_ofOneHeavyBatch() external {
        declare(1000, 0);
        declare(U, 0);
        vm.assertEq(inbox.epochEnd(1), 1);
        vm.assertEq(inbox.epochEnd(2), 2);
    }

    /// @notice The hostile sequencer: it pays for forty appends in one L1 block, and claimants for no epoch at all.
    function test_epochs_cannotBeMadeOfNothing() external {
        for (uint256 i = 0; i < 40; ++i) {
            declare(0, 0);
        }
        vm.assertEq(inbox.epochCount(), 0);
    }

    /// @notice As fast as the bucket lets it for a day, in batches that waste as much of an epoch as they can.
    function test_epochs_areBoundedByWork() external {
        uint256 weight;
        for (uint256 i = 0; i < 600; ++i) {
            uint64 workGas = i % 2 == 0 ? U / 2 : U / 2 + 1;
            (uint256 workLeft,) = inbox.workLeft();
            if (workGas > workLeft) {
                storeCheckpoint();
                continue;
            }
            declare(workGas, 0);
            weight += workGas + 100_000;
        }
        uint256 seconds_ = vm.getBlockTimestamp() - 1_700_000_000;
        vm.assertGt(inbox.epochCount(), 200);
        vm.assertLe(inbox.epochCount(), 2 * weight / U + seconds_ / EPOCH_SECONDS + 2);
        vm.assertLe(weight, 1_200_000_000 + seconds_ * 25_000_000 + 600 * 100_000);
    }
}

/// @title A forced epoch does not outgrow the machine: L1-WORK-2, L1-EPOCH-1.
contract InboxForcedWeightTest is WorkFixture {
    function test_forcedBatches_weigh() external {
        uint256 heaviest;
        for (uint256 i = 0; i < 30; ++i) {
            nextBlock();
            enqueue(8_000_000);
            enqueue(8_000_000);
        }
        skipTime(FORCED_SECONDS + 1);
        storeCheckpoint();
        uint256 weight;
        for (uint64 batch = 1; batch <= 30; ++batch) {
            inbox.appendForced(appendArgs(batch * 2));
            weight = inbox.epochFirstBatch() > batch ? 0 : inbox.epochWeightGas();
            if (weight > heaviest) heaviest = weight;
        }
        vm.assertEq(inbox.epochCount(), 1);
        vm.assertEq(inbox.epochEnd(1), 27); // of 16,102,400 each
        vm.assertEq(heaviest, 27 * 16_102_400);
        vm.assertLe(heaviest, U);
    }
}

/// @title The bucket, and what is declared: L1-WORK-1, L1-WORK-3.
contract InboxBucketTest is WorkFixture {
    uint64 private constant BURST = 1_200_000_000;
    uint256 private constant BYTES = 3_047_424;

    function test_bucket_takesABurstOfFourAndNoMore() external {
        for (uint256 i = 0; i < 4; ++i) {
            declare(BURST / 4, 0);
        }
        expectFull(1, 0, abi.encodeWithSelector(WorkMeter.WorkMeter_WorkGasFull.selector, 1, 0));
        declare(0, 0);
    }

    function testFuzz_bucket_drainsWithSeconds(uint64 workGas, uint64 elapsedSeconds) external {
        workGas = uint64(bound(workGas, 1, BURST));
        elapsedSeconds = uint64(bound(elapsedSeconds, 1, 60));
        declare(workGas, 0);
        vm.warp(vm.getBlockTimestamp() + elapsedSeconds);
        (uint256 left,) = inbox.workLeft();
        uint256 drained = uint256(elapsedSeconds) * 25_000_000;
        vm.assertEq(left, drained < workGas ? BURST - workGas + drained : BURST);
        expectFull(
            uint64(left) + 1, 0, abi.encodeWithSelector(WorkMeter.WorkMeter_WorkGasFull.selector, left + 1, left)
        );
        declare(uint64(left), 0);
    }

    function testFuzz_bucket_takesPostedBytes(uint64 elapsedSeconds) external {
        elapsedSeconds = uint64(bound(elapsedSeconds, 0, 100));
        for (uint256 i = 0; i < 24; ++i) {
            declare(0, 122_880);
        }
        vm.warp(vm.getBlockTimestamp() + elapsedSeconds);
        uint256 left = BYTES - 24 * 122_880 + uint256(elapsedSeconds) * 63_488;
        if (left > BYTES) left = BYTES;
        while (left >= 122_880) {
            declare(0, 122_880);
            left -= 122_880;
        }
        expectFull(0, 122_880, abi.encodeWithSelector(WorkMeter.WorkMeter_BytesFull.selector, uint256(122_880), left));
    }

    function test_bucket_takesBlobs() external {
        for (uint256 i = 0; i < 4; ++i) {
            AppendArgs memory next = appendArgs(0);
            blobs(6);
            vm.prank(sequencer, sequencer);
            inbox.appendBlobs(next);
        }
        AppendArgs memory args = appendArgs(0);
        blobs(1);
        vm.expectRevert(abi.encodeWithSelector(WorkMeter.WorkMeter_BytesFull.selector, uint256(126_976), 0));
        vm.prank(sequencer, sequencer);
        inbox.appendBlobs(args);
    }

    /// @notice Whoever floods the queue cannot keep the sequencer out, nor the sequencer them.
    function test_bucket_isNotTheMessages() external {
        declare(BURST, 0);
        enqueue(8_000_000);
        enqueue(8_000_000);
        nextBlock();
        AppendArgs memory args = appendArgs(2);
        vm.prank(sequencer, sequencer);
        inbox.appendCalldata(args, "");
        (uint256 left,) = inbox.workLeft();
        vm.assertEq(left, 12 * 25_000_000); // what drained, for all the messages

        declare(uint64(left), 0);
        enqueue(8_000_000);
        skipTime(FORCED_SECONDS + 1);
        storeCheckpoint();
        declare_(BURST, 3);
        enqueue(8_000_000);
        vm.warp(vm.getBlockTimestamp() + FORCED_SECONDS + 1);
        (left,) = inbox.workLeft();
        inbox.appendForced(appendArgs(4));
        (uint256 after_,) = inbox.workLeft();
        vm.assertEq(after_, left);
    }

    function declare_(uint64 workGas, uint64 queueEnd) private {
        AppendArgs memory args = appendArgs(queueEnd);
        args.workGas = workGas;
        vm.prank(sequencer, sequencer);
        inbox.appendCalldata(args, "");
    }

    /// @notice The state machine bounds what is used; L1 counts what is declared.
    function testFuzz_bucket_overdeclaringOnlyCosts(uint64 excess) external {
        uint256 declared = uint256(BURST) + bound(excess, 1, type(uint64).max - BURST);
        expectFull(
            uint64(declared), 0, abi.encodeWithSelector(WorkMeter.WorkMeter_WorkGasFull.selector, declared, BURST)
        );
    }

    function testFuzz_append_hashesWhatItDeclares(uint64 workGas) external {
        workGas = uint64(bound(workGas, 1, BURST));
        uint256 state = vm.snapshotState();
        declare(workGas, 0);
        bytes32 declared = inbox.lastContentHash();
        vm.revertToState(state);
        declare(workGas - 1, 0);
        vm.assertNotEq(inbox.lastContentHash(), declared);
    }
}

/// @title Appends signed ahead, and again after a reorganisation: L1-BATCH-1, L1-BATCH-4.
contract InboxReplayTest is WorkFixture {
    /// @notice The same two calls, made in other blocks and at other times, have the same content and other hashes.
    function testFuzz_append_landsAgainAfterAReorganisation(uint32 later, uint32 between) external {
        AppendArgs memory first = appendArgs(0);
        first.workGas = 5;
        uint256 state = vm.snapshotState();
        _append(first);
        AppendArgs memory second = appendArgs(0);
        second.workGas = 7;
        _append(second);
        bytes32 content = inbox.lastContentHash();
        bytes32 batchHash = inbox.batchHashOf(2);

        vm.revertToState(state);
        vm.roll(vm.getBlockNumber() + 1);
        vm.warp(vm.getBlockTimestamp() + bound(later, 1, 600));
        _append(first);
        vm.warp(vm.getBlockTimestamp() + bound(between, 0, 600));
        _append(second);
        vm.assertEq(inbox.lastContentHash(), content);
        vm.assertNotEq(inbox.batchHashOf(2), batchHash);
    }

    /// @notice On another content it does not.
    function test_append_revertsOnOtherContent() external {
        AppendArgs memory first = appendArgs(0);
        uint256 state = vm.snapshotState();
        _append(first);
        AppendArgs memory second = appendArgs(0);
        vm.revertToState(state);
        first.workGas = 1;
        _append(first);
        vm.expectRevert(
            abi.encodeWithSelector(Inbox.Inbox_WrongParent.selector, inbox.lastContentHash(), second.parentContentHash)
        );
        vm.prank(sequencer, sequencer);
        inbox.appendCalldata(second, "");
    }

    /// @notice Nor under another entry.
    function test_append_revertsUnderAnotherEntry() external {
        ChainConfig memory next = deployedConfig();
        next.version = 2;
        Rules memory nextRules = rules();
        vm.prank(owner);
        schedule.schedule(next, nextRules);
        vm.warp(vm.getBlockTimestamp() + DELAY_SECONDS - 24);
        storeCheckpoint();
        AppendArgs memory first = appendArgs(0);
        uint256 state = vm.snapshotState();
        _append(first);
        AppendArgs memory second = appendArgs(0);
        vm.revertToState(state);
        vm.warp(vm.getBlockTimestamp() + 24);
        _append(first);
        vm.assertEq(schedule.activeId(), 1);
        vm.expectPartialRevert(Inbox.Inbox_WrongParent.selector);
        vm.prank(sequencer, sequencer);
        inbox.appendCalldata(second, "");
    }

    /// @notice When a batch was posted stays bound, for every batch before the last too: the fraud proof walks back from it.
    function testFuzz_batchHash_bindsEveryPostingTime(uint256 later) external {
        AppendArgs memory first = appendArgs(0);
        uint256 state = vm.snapshotState();
        uint256 secondAt = vm.getBlockTimestamp() + 700;
        _append(first);
        AppendArgs memory second = appendArgs(0);
        vm.warp(secondAt);
        _append(second);
        bytes32 batchHash = inbox.batchHashOf(2);
        vm.revertToState(state);
        vm.warp(vm.getBlockTimestamp() + bound(later, 1, 699));
        _append(first);
        vm.warp(secondAt);
        _append(second);
        vm.assertNotEq(inbox.batchHashOf(2), batchHash);
    }

    function _append(AppendArgs memory args) private {
        vm.prank(sequencer, sequencer);
        inbox.appendCalldata(args, "");
    }
}
