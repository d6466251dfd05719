// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { Hashing } from "../../src/l1/Hashing.sol";
import { Schedule } from "../../src/l1/Schedule.sol";
import { ChainConfig, Entry, Rules } from "../../src/l1/Types.sol";
import { vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";

abstract contract ScheduleFixture is Fixture {
    function next(uint32 version) internal view returns (ChainConfig memory changed) {
        changed = deployedConfig();
        changed.version = version;
    }

    function scheduleNext(uint32 version) internal returns (uint64) {
        ChainConfig memory changed = next(version);
        vm.prank(owner);
        return schedule.schedule(changed, rules());
    }
}

/// @title `Schedule.schedule`: L1-SCHED-1, L1-SCHED-2, L1-SCHED-4, L1-CFG-1.
contract ScheduleScheduleTest is ScheduleFixture {
    using Hashing for *;

    function testFuzz_schedule_hashesTheEntry(
        uint64 messages,
        uint64 messageGas,
        uint64 blockGasLimit,
        Rules memory changed
    ) external {
        ChainConfig memory chain = next(2);
        chain.maxMessagesPerBatch = uint64(bound(messages, 1, type(uint64).max));
        chain.maxMessageGasPerBatch = uint64(bound(messageGas, 8_000_000, type(uint64).max));
        changed.epochBatches = uint32(bound(changed.epochBatches, 1, type(uint32).max));
        chain.blockGasLimit = uint64(bound(blockGasLimit, 18_000_000, type(uint64).max));
        changed.epochSeconds = uint32(bound(changed.epochSeconds, 1, 7 days));
        changed.maxCheckpointAgeSeconds = uint32(bound(changed.maxCheckpointAgeSeconds, 1 hours, type(uint32).max));
        changed.claimWindowSeconds =
            uint32(bound(changed.claimWindowSeconds, 1, DELAY_SECONDS - FORCED_SECONDS - changed.epochSeconds));
        changed.claimBond = uint128(bound(changed.claimBond, 0, 1000 ether));
        Entry memory entry = Entry(chain.hash(), chain.maxMessagesPerBatch, chain.maxMessageGasPerBatch, changed);
        bytes32 entryHash = keccak256(
            bytes.concat(
                abi.encode(entry.configHash, entry.maxMessagesPerBatch, entry.maxMessageGasPerBatch),
                abi.encode(changed.guestHash, changed.keysHash, changed.dispute, changed.epochBatches),
                abi.encode(changed.epochSeconds, changed.maxCheckpointAgeSeconds, changed.claimWindowSeconds),
                abi.encode(changed.claimBond)
            )
        );
        uint64 maturesAt = uint64(vm.getBlockTimestamp()) + DELAY_SECONDS;
        vm.expectEmit(address(schedule));
        emit Schedule.EntryScheduled(1, entryHash, maturesAt, entry, chain);
        vm.prank(owner);
        vm.assertEq(schedule.schedule(chain, changed), 1);
        vm.assertEq(schedule.record(1).entryHash, entryHash);
        vm.assertEq(schedule.record(1).maturesAt, maturesAt);
        vm.assertEq(schedule.record(1).firstBatch, 0);
        vm.assertEq(schedule.entryCount(), 2);
        vm.assertEq(schedule.activeId(), 0);
    }

    function testFuzz_schedule_revertsUnlessOwner(address caller) external {
        vm.assume(caller != owner);
        ChainConfig memory chain = next(2);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, caller));
        vm.prank(caller);
        schedule.schedule(chain, rules());
    }

    function testFuzz_schedule_revertsOnMovedConfig(uint256 which, uint160 wrong) external {
        which = bound(which, 0, 7);
        ChainConfig memory chain = next(2);
        bytes32 before = chain.hash();
        if (which == 0) chain.l1ChainId = uint64(wrong);
        if (which == 1) chain.l2ChainId = uint64(wrong);
        if (which == 2) chain.kind = uint8(wrong);
        if (which == 3) chain.inbox = address(wrong);
        if (which == 4) chain.settlement = address(wrong);
        if (which == 5) chain.bridge = address(wrong);
        if (which == 6) chain.genesisTimestamp = uint64(wrong);
        if (which == 7) chain.l1FeeRecipient = address(wrong);
        vm.assume(chain.hash() != before);
        vm.expectRevert(abi.encodeWithSelector(Schedule.Schedule_WrongConfig.selector, chain));
        vm.prank(owner);
        schedule.schedule(chain, rules());
    }

    function _expectRefused(ChainConfig memory chain, Rules memory changed, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(owner);
        schedule.schedule(chain, changed);
    }

    /// @notice A batch that cannot hold the greatest message would lock the queue.
    function testFuzz_schedule_revertsOnSmallMessageLimits(uint64 messageGas, bool noMessages) external {
        ChainConfig memory chain = next(2);
        if (noMessages) chain.maxMessagesPerBatch = 0;
        else chain.maxMessageGasPerBatch = uint64(bound(messageGas, 0, 7_999_999));
        _expectRefused(
            chain,
            rules(),
            abi.encodeWithSelector(
                Schedule.Schedule_MessageLimitsTooSmall.selector, chain.maxMessagesPerBatch, chain.maxMessageGasPerBatch
            )
        );
    }

    function testFuzz_schedule_revertsOnEmptyEpoch(uint32 other, bool byTime) external {
        Rules memory changed = rules();
        (changed.epochBatches, changed.epochSeconds) = byTime ? (other, uint32(0)) : (uint32(0), other);
        _expectRefused(
            next(2),
            changed,
            abi.encodeWithSelector(Schedule.Schedule_EmptyEpoch.selector, changed.epochBatches, changed.epochSeconds)
        );
    }

    function testFuzz_schedule_revertsOnZeroWindow(uint32 version) external {
        Rules memory changed = rules();
        changed.claimWindowSeconds = 0;
        _expectRefused(next(version), changed, abi.encodeWithSelector(Schedule.Schedule_ZeroWindow.selector));
    }

    function testFuzz_constructor_revertsOnZeroForcedWindow(uint64 delaySeconds) external {
        ChainConfig memory chain = deployedConfig();
        vm.expectRevert(Schedule.Schedule_ZeroWindow.selector);
        new Schedule(owner, 0, delaySeconds, chain, rules());
    }

    /// @notice A block must hold the greatest transaction and the greatest message, beside the checkpoint.
    function testFuzz_schedule_revertsOnSmallBlocks(uint64 blockGasLimit) external {
        ChainConfig memory chain = next(2);
        chain.blockGasLimit = uint64(bound(blockGasLimit, 0, schedule.MIN_BLOCK_GAS_LIMIT() - 1));
        vm.assertGe(schedule.MIN_BLOCK_GAS_LIMIT(), (1 << 24) + 300_000);
        vm.assertGe(schedule.MIN_BLOCK_GAS_LIMIT(), inbox.MAX_MESSAGE_GAS() + 300_000);
        _expectRefused(
            chain,
            rules(),
            abi.encodeWithSelector(Schedule.Schedule_BlockGasLimitTooSmall.selector, chain.blockGasLimit)
        );
    }

    /// @notice No append can name a checkpoint that is younger than an L1 block: a tiny age would end the chain.
    function testFuzz_schedule_revertsOnShortCheckpointAge(uint32 ageSeconds) external {
        Rules memory changed = rules();
        changed.maxCheckpointAgeSeconds = uint32(bound(ageSeconds, 0, 1 hours - 1));
        _expectRefused(
            next(2),
            changed,
            abi.encodeWithSelector(Schedule.Schedule_CheckpointAgeTooShort.selector, changed.maxCheckpointAgeSeconds)
        );
    }

    function testFuzz_schedule_revertsOnSlowEpoch(uint32 epochSeconds) external {
        Rules memory changed = rules();
        changed.epochSeconds = uint32(bound(epochSeconds, 7 days + 1, type(uint32).max));
        _expectRefused(
            next(2), changed, abi.encodeWithSelector(Schedule.Schedule_EpochTooSlow.selector, changed.epochSeconds)
        );
    }

    /// @notice A bond that nobody can pay would make the owner the judge of what becomes final.
    function testFuzz_schedule_revertsOnHighBond(uint128 claimBond) external {
        Rules memory changed = rules();
        changed.claimBond = uint128(bound(claimBond, 1000 ether + 1, type(uint128).max));
        _expectRefused(
            next(2), changed, abi.encodeWithSelector(Schedule.Schedule_BondTooHigh.selector, changed.claimBond)
        );
    }

    /// @notice Whoever dislikes an entry must have the time to leave under the old one.
    function testFuzz_schedule_revertsIfDelayTooShort(uint32 claimWindowSeconds, uint32 epochSeconds) external {
        Rules memory changed = rules();
        changed.epochSeconds = uint32(bound(epochSeconds, 1, 7 days));
        changed.claimWindowSeconds = uint32(
            bound(claimWindowSeconds, DELAY_SECONDS - FORCED_SECONDS - changed.epochSeconds + 1, type(uint32).max)
        );
        _expectRefused(
            next(2),
            changed,
            abi.encodeWithSelector(
                Schedule.Schedule_DelayTooShort.selector,
                DELAY_SECONDS,
                uint256(FORCED_SECONDS) + changed.epochSeconds + changed.claimWindowSeconds
            )
        );
    }

    /// @notice The bounds hold from genesis on.
    function testFuzz_constructor_checksTheBounds(uint64 lackingSeconds) external {
        ChainConfig memory chain = deployedConfig();
        uint64 needed = FORCED_SECONDS + EPOCH_SECONDS + WINDOW_SECONDS;
        uint64 delaySeconds = needed - uint64(bound(lackingSeconds, 1, needed));
        vm.expectRevert(abi.encodeWithSelector(Schedule.Schedule_DelayTooShort.selector, delaySeconds, needed));
        new Schedule(owner, FORCED_SECONDS, delaySeconds, chain, rules());
        new Schedule(owner, FORCED_SECONDS, needed, chain, rules());
    }
}

/// @title `Schedule.cancel`: L1-SCHED-2.
contract ScheduleCancelTest is ScheduleFixture {
    function test_cancel_takesBackTheLast() external {
        scheduleNext(2);
        scheduleNext(3);
        vm.expectEmit(address(schedule));
        emit Schedule.EntryCancelled(2);
        vm.prank(owner);
        schedule.cancel();
        vm.assertEq(schedule.entryCount(), 2);
        skipTime(DELAY_SECONDS);
        append(0);
        vm.assertEq(schedule.activeId(), 1);
    }

    function testFuzz_cancel_revertsUnlessOwner(address caller) external {
        vm.assume(caller != owner);
        scheduleNext(2);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, caller));
        vm.prank(caller);
        schedule.cancel();
    }

    /// @notice What has matured stays, activated or not.
    function testFuzz_cancel_revertsOnceMature(uint256 late, bool activate) external {
        scheduleNext(2);
        skipTime(DELAY_SECONDS + bound(late, 0, 1e9));
        if (activate) append(0);
        vm.expectRevert(Schedule.Schedule_NothingPending.selector);
        vm.prank(owner);
        schedule.cancel();
    }

    function test_cancel_revertsOnGenesis() external {
        vm.expectRevert(Schedule.Schedule_NothingPending.selector);
        vm.prank(owner);
        schedule.cancel();
    }
}

/// @title `Schedule.enter` and `entryOf`: L1-SCHED-3.
contract ScheduleEnterTest is ScheduleFixture {
    using Hashing for *;

    function testFuzz_enter_revertsUnlessInbox(address caller) external {
        vm.assume(caller != address(inbox));
        vm.expectRevert(abi.encodeWithSelector(Schedule.Schedule_NotInbox.selector, caller));
        vm.prank(caller);
        schedule.enter(1);
    }

    function testFuzz_enter_activatesWithFirstMatureBatch(uint256 late) external {
        scheduleNext(2);
        vm.warp(vm.getBlockTimestamp() + DELAY_SECONDS - 13);
        vm.roll(vm.getBlockNumber() + 1);
        append(0);
        vm.assertEq(schedule.activeId(), 0);
        vm.warp(vm.getBlockTimestamp() + bound(late, 1, 1e9));
        vm.roll(vm.getBlockNumber() + 1);
        vm.expectEmit(address(schedule));
        emit Schedule.EntryActivated(1, 2);
        vm.prank(address(inbox));
        (Entry memory entry, bool activated) = schedule.enter(2);
        vm.assertTrue(activated);
        vm.assertEq(entry.configHash, next(2).hash());
    }

    function test_enter_activatesOnePerBatch() external {
        scheduleNext(2);
        scheduleNext(3);
        skipTime(DELAY_SECONDS);
        append(0);
        vm.assertEq(schedule.activeId(), 1);
        append(0);
        vm.assertEq(schedule.activeId(), 2);
        append(0);
        vm.assertEq(schedule.activeId(), 2);
    }

    /// @notice Against a walk through all entries.
    function testFuzz_entryOf_findsTheEntry(uint256 gaps) external {
        uint64[] memory firstBatches = new uint64[](9);
        firstBatches[0] = 1;
        uint64 batch = 1;
        for (uint32 id = 1; id < 9; ++id) {
            batch += 1 + uint64((gaps >> (id * 4)) & 7);
            firstBatches[id] = batch;
            scheduleNext(id + 1);
            skipTime(DELAY_SECONDS);
            vm.prank(address(inbox));
            schedule.enter(batch);
        }
        for (uint64 index = 1; index <= batch + 2; ++index) {
            uint32 id = 8;
            while (firstBatches[id] > index) --id;
            (Entry memory entry, bytes32 entryHash) = schedule.entryOf(index);
            vm.assertEq(entry.configHash, next(id + 1).hash());
            vm.assertEq(entryHash, schedule.record(id).entryHash);
        }
    }

    function test_entryOf_revertsOnGenesis() external {
        vm.expectRevert(abi.encodeWithSelector(Schedule.Schedule_NoSuchBatch.selector, 0));
        schedule.entryOf(0);
    }

    function testFuzz_record_revertsOnUnknown(uint64 id) external {
        vm.assume(id > 0);
        vm.expectRevert(abi.encodeWithSelector(Schedule.Schedule_NoSuchEntry.selector, id));
        schedule.record(id);
    }
}
