// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { ClaimId } from "../../src/l1/FraudSettlement.sol";
import { Hashing } from "../../src/l1/Hashing.sol";
import { Notice, Notices } from "../../src/l1/Notice.sol";
import { Schedule } from "../../src/l1/Schedule.sol";
import { ChainConfig, Entry, Rules } from "../../src/l1/Types.sol";
import { IDispute } from "../../src/l1/interfaces/IDispute.sol";
import { vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";
import { DisputeFixture, DisputeModel } from "./SettlementClaim.t.sol";

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
        changed.epochWeightGas = uint64(bound(changed.epochWeightGas, 1, type(uint64).max));
        chain.blockGasLimit = uint64(bound(blockGasLimit, 18_000_000, type(uint64).max));
        changed.epochSeconds = uint32(bound(changed.epochSeconds, 1, 7 days));
        changed.maxCheckpointAgeSeconds = uint32(bound(changed.maxCheckpointAgeSeconds, 1 hours, type(uint32).max));
        changed.claimWindowSeconds = uint32(bound(changed.claimWindowSeconds, 1, 30 days));
        changed.dispute = address(0);
        changed.claimBond = uint128(bound(changed.claimBond, 0, 1000 ether));
        Entry memory entry = Entry(chain.hash(), chain.maxMessagesPerBatch, chain.maxMessageGasPerBatch, changed);
        bytes32 entryHash = keccak256(
            bytes.concat(
                abi.encode(entry.configHash, entry.maxMessagesPerBatch, entry.maxMessageGasPerBatch),
                abi.encode(changed.guestHash, changed.keysHash, changed.dispute, changed.epochWeightGas),
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

    function testFuzz_schedule_revertsOnMovedConfig(uint160 wrong) external {
        for (uint256 which = 0; which < 8; ++which) {
            _expectMoved(which, wrong);
        }
    }

    function _expectMoved(uint256 which, uint160 wrong) private {
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
        (changed.epochWeightGas, changed.epochSeconds) = byTime ? (other, uint32(0)) : (uint32(0), other);
        _expectRefused(
            next(2),
            changed,
            abi.encodeWithSelector(Schedule.Schedule_EmptyEpoch.selector, changed.epochWeightGas, changed.epochSeconds)
        );
    }

    function testFuzz_schedule_revertsOnZeroWindow(uint32 version) external {
        Rules memory changed = rules();
        changed.claimWindowSeconds = 0;
        _expectRefused(
            next(version),
            changed,
            abi.encodeWithSelector(Schedule.Schedule_ClaimWindowOutOfRange.selector, 0, 1, 30 days)
        );
    }

    function testFuzz_constructor_revertsOnZeroForcedWindow(uint64 delaySeconds) external {
        ChainConfig memory chain = deployedConfig();
        vm.expectRevert(Notices.Notice_ZeroWindow.selector);
        new Schedule(owner, Notice(0, delaySeconds, GRACE_SECONDS), chain, rules());
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

    /// @notice A bond below what a dispute locks would make attacks cheaper than defence; of replacements too, which keep it.
    function testFuzz_schedule_revertsOnLowBond(uint128 claimBond, uint128 neededBond) external {
        DisputeModel dispute = new DisputeModel(address(settlement));
        neededBond = uint128(bound(neededBond, 1, 1000 ether));
        dispute.setBond(neededBond);
        Rules memory changed = rules();
        changed.dispute = address(dispute);
        changed.claimBond = uint128(bound(claimBond, 0, neededBond - 1));
        bytes memory reason =
            abi.encodeWithSelector(Schedule.Schedule_BondTooLow.selector, changed.claimBond, neededBond);
        _expectRefused(next(2), changed, reason);
        changed.claimBond = neededBond;
        vm.prank(owner);
        schedule.schedule(next(2), changed);
    }

    /// @notice Right claims must become final, and rivals need time.
    function testFuzz_schedule_revertsOnClaimWindow(uint32 claimWindowSeconds, uint32 neededSeconds, bool tooLong)
        external
    {
        DisputeModel dispute = new DisputeModel(address(settlement));
        neededSeconds = uint32(bound(neededSeconds, 2, 30 days));
        dispute.setWindow(neededSeconds);
        Rules memory changed = rules();
        changed.dispute = address(dispute);
        changed.claimWindowSeconds = tooLong
            ? uint32(bound(claimWindowSeconds, 30 days + 1, type(uint32).max))
            : uint32(bound(claimWindowSeconds, 0, neededSeconds - 1));
        _expectRefused(
            next(2),
            changed,
            abi.encodeWithSelector(
                Schedule.Schedule_ClaimWindowOutOfRange.selector, changed.claimWindowSeconds, neededSeconds, 30 days
            )
        );
        changed.claimWindowSeconds = neededSeconds;
        vm.prank(owner);
        schedule.schedule(next(2), changed);
    }

    /// @notice Every bound itself is within the bounds.
    function test_schedule_takesTheBounds() external {
        ChainConfig memory chain = next(2);
        chain.maxMessagesPerBatch = 1;
        chain.maxMessageGasPerBatch = 8_000_000;
        chain.blockGasLimit = 18_000_000;
        Rules memory changed = rules();
        changed.epochWeightGas = 1;
        changed.epochSeconds = 7 days;
        changed.maxCheckpointAgeSeconds = 1 hours;
        changed.claimWindowSeconds = 30 days;
        changed.claimBond = 1000 ether;
        vm.prank(owner);
        schedule.schedule(chain, changed);
    }

    /// @notice A window of nothing takes no rivals, whatever the dispute contract says it needs.
    function test_schedule_revertsOnZeroWindowThatIsAsked() external {
        DisputeModel dispute = new DisputeModel(address(settlement));
        dispute.setWindow(0);
        Rules memory changed = rules();
        changed.dispute = address(dispute);
        changed.claimWindowSeconds = 0;
        bytes memory reason = abi.encodeWithSelector(Schedule.Schedule_ClaimWindowOutOfRange.selector, 0, 0, 30 days);
        _expectRefused(next(2), changed, reason);
    }

    /// @notice The bounds hold from genesis on.
    function testFuzz_constructor_checksTheBounds(uint32 epochSeconds) external {
        ChainConfig memory chain = deployedConfig();
        Rules memory changed = rules();
        changed.epochSeconds = uint32(bound(epochSeconds, 7 days + 1, type(uint32).max));
        vm.expectRevert(abi.encodeWithSelector(Schedule.Schedule_EpochTooSlow.selector, changed.epochSeconds));
        new Schedule(owner, notice(), chain, changed);
    }
}

/// @title Off the devnets: L1-NOTICE-1, L1-NOTICE-2, L1-SCHED-5.
contract ScheduleNoticeTest is DisputeFixture {
    function _deploy(Notice memory notice_, Rules memory rules_) private returns (Schedule) {
        ChainConfig memory chain = deployedConfig();
        chain.l1ChainId = uint64(block.chainid);
        return new Schedule(owner, notice_, chain, rules_);
    }

    /// @notice Whoever dislikes a change must have the time to get into a batch of the old rules.
    function testFuzz_notice_delayIsLongEnough(uint64 forcedSeconds, uint64 lackingSeconds, bool devnet) external {
        forcedSeconds = uint64(bound(forcedSeconds, 1, 365 days));
        uint64 needed = devnet ? forcedSeconds : 44 days + 1 hours + forcedSeconds;
        if (!devnet) vm.chainId(1);
        uint64 delaySeconds = needed - uint64(bound(lackingSeconds, 1, needed));
        vm.expectRevert(abi.encodeWithSelector(Notices.Notice_DelayTooShort.selector, delaySeconds, needed));
        _deploy(Notice(forcedSeconds, delaySeconds, GRACE_SECONDS), rules());
        _deploy(Notice(forcedSeconds, needed, GRACE_SECONDS), rules());
    }

    function testFuzz_notice_graceIsLongEnough(uint64 graceSeconds) external {
        graceSeconds = uint64(bound(graceSeconds, 0, 14 days - 1));
        _deploy(Notice(FORCED_SECONDS, DELAY_SECONDS, graceSeconds), rules());
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(Notices.Notice_GraceTooShort.selector, graceSeconds, 14 days));
        _deploy(Notice(FORCED_SECONDS, DELAY_SECONDS, graceSeconds), rules());
    }

    /// @notice Ten years at most, on every L1: a longer one would overflow where it is added to a time, and nothing ever mature.
    function testFuzz_notice_isNotForEver(uint64 delaySeconds, uint64 graceSeconds, bool devnet) external {
        uint64 max = 3_650 days;
        delaySeconds = uint64(bound(delaySeconds, max + 1, type(uint64).max));
        graceSeconds = uint64(bound(graceSeconds, max + 1, type(uint64).max));
        if (!devnet) vm.chainId(1);
        Rules memory heavy = rules();
        heavy.epochWeightGas = schedule.MIN_EPOCH_WEIGHT_GAS();
        vm.expectRevert(abi.encodeWithSelector(Notices.Notice_DelayTooLong.selector, delaySeconds, max));
        _deploy(Notice(FORCED_SECONDS, delaySeconds, GRACE_SECONDS), heavy);
        vm.expectRevert(abi.encodeWithSelector(Notices.Notice_GraceTooLong.selector, graceSeconds, max));
        _deploy(Notice(FORCED_SECONDS, DELAY_SECONDS, graceSeconds), heavy);
        Schedule longest = _deploy(Notice(FORCED_SECONDS, max, max), heavy);
        ChainConfig memory chain = deployedConfig();
        chain.l1ChainId = uint64(block.chainid);
        vm.prank(owner);
        longest.schedule(chain, heavy);
        vm.assertEq(longest.waitingMaturesAt(), vm.getBlockTimestamp() + max);
    }

    /// @notice Without a dispute contract two rivals would end finality, and one liar with a window of patience own the escrow.
    function testFuzz_dispute_isRequiredOffDevnets(uint64 chainId) external {
        chainId = uint64(bound(chainId, 1, type(uint64).max >> 1));
        Rules memory with = rules();
        with.epochWeightGas = schedule.MIN_EPOCH_WEIGHT_GAS();
        Rules memory without = abi.decode(abi.encode(with), (Rules));
        without.dispute = address(0);
        _deploy(notice(), without);
        vm.chainId(1_337);
        _deploy(notice(), without);
        vm.assume(chainId != 31_337 && chainId != 1_337);
        vm.chainId(chainId);
        vm.expectRevert(Schedule.Schedule_NoDispute.selector);
        _deploy(notice(), without);
        _deploy(notice(), with);
    }

    /// @notice Nor may a later entry, or a replacement, drop it.
    function test_dispute_isRequiredEver() external {
        (ClaimId right,) = contested();
        vm.chainId(1);
        Rules memory without = rules();
        without.dispute = address(0);
        without.epochWeightGas = schedule.MIN_EPOCH_WEIGHT_GAS();
        ChainConfig memory chain = deployedConfig();
        chain.l1ChainId = 1;
        vm.expectRevert(Schedule.Schedule_NoDispute.selector);
        vm.prank(owner);
        schedule.schedule(chain, without);
        dispute.set(slotOfClaim(right), IDispute.Verdict.Failed, 0, address(0));
        settlement.decide(slotOfClaim(right));
        vm.expectRevert(Schedule.Schedule_NoDispute.selector);
        vm.prank(owner);
        schedule.replace(keccak256("repaired"), address(0));
    }

    /// @notice Else epochs would cost claimants more than the sequencer.
    function testFuzz_epochs_areHeavyOffDevnets(uint64 weightGas) external {
        Rules memory light = rules();
        light.epochWeightGas = uint64(bound(weightGas, 1, 99_999_999));
        _deploy(notice(), light);
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(Schedule.Schedule_EpochTooLight.selector, light.epochWeightGas));
        _deploy(notice(), light);
        light.epochWeightGas = 100_000_000;
        _deploy(notice(), light);
    }

    /// @notice One made for another settlement could never decide a slot of this one, and the first contested one would end finality: not
    /// at genesis, not with a later entry, not with a replacement.
    function testFuzz_dispute_mustBeOfThisSettlement(address other) external {
        vm.assume(other != address(settlement));
        Rules memory changed = rules();
        changed.dispute = address(new DisputeModel(other));
        bytes memory reason = abi.encodeWithSelector(Schedule.Schedule_OtherSettlement.selector, changed.dispute, other);
        vm.expectRevert(reason);
        _deploy(notice(), changed);
        ChainConfig memory chain = deployedConfig();
        vm.expectRevert(reason);
        vm.prank(owner);
        schedule.schedule(chain, changed);

        (ClaimId right,) = contested();
        dispute.set(slotOfClaim(right), IDispute.Verdict.Failed, 0, address(0));
        settlement.decide(slotOfClaim(right));
        vm.expectRevert(reason);
        vm.prank(owner);
        schedule.replace(changed.guestHash, changed.dispute);
    }

    /// @notice An account without code decides nothing.
    function testFuzz_dispute_mustBeOne(address account) external {
        vm.assume(account.code.length == 0 && account != address(0) && uint160(account) > 1_000);
        Rules memory changed = rules();
        changed.dispute = account;
        vm.expectRevert(Schedule.Schedule_NoDispute.selector);
        vm.prank(owner);
        schedule.schedule(deployedConfig(), changed);
    }
}

/// @title `Schedule.cancel`: L1-SCHED-2.
contract ScheduleCancelTest is ScheduleFixture {
    using Hashing for *;

    function test_cancel_takesBackTheLast() external {
        scheduleNext(2);
        vm.expectEmit(address(schedule));
        emit Schedule.EntryCancelled(1);
        vm.prank(owner);
        schedule.cancel();
        vm.assertEq(schedule.entryCount(), 1);
        scheduleNext(3); // there is room again
        skipTime(DELAY_SECONDS);
        append(0);
        vm.assertEq(schedule.activeId(), 1);
        vm.assertEq(schedule.record(1).entry.configHash, next(3).hash());
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
        vm.warp(vm.getBlockTimestamp() + DELAY_SECONDS);
        _expectNothingPending(); // from this second on
        skipTime(bound(late, 0, 1e9));
        if (activate) append(0);
        _expectNothingPending();
    }

    function _expectNothingPending() private {
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
        Entry memory entry = schedule.enter(2);
        vm.assertEq(entry.configHash, next(2).hash());
        vm.assertEq(schedule.waitingMaturesAt(), type(uint64).max);
    }

    function testFuzz_enter_revertsUnlessMature(uint256 lacking, bool cancelled) external {
        vm.expectRevert(Schedule.Schedule_NothingMature.selector);
        vm.prank(address(inbox));
        schedule.enter(1);
        scheduleNext(2);
        vm.assertEq(schedule.waitingMaturesAt(), vm.getBlockTimestamp() + DELAY_SECONDS);
        if (cancelled) {
            vm.prank(owner);
            schedule.cancel();
        }
        vm.warp(vm.getBlockTimestamp() + DELAY_SECONDS - (cancelled ? 0 : bound(lacking, 1, DELAY_SECONDS)));
        vm.expectRevert(Schedule.Schedule_NothingMature.selector);
        vm.prank(address(inbox));
        schedule.enter(1);
    }

    /// @notice Entries that waited together could follow each other batch by batch, with a grace for each.
    function testFuzz_schedule_onlyOneEntryWaits(uint256 age) external {
        scheduleNext(2);
        skipTime(bound(age, 0, 2 * DELAY_SECONDS));
        vm.expectRevert(abi.encodeWithSelector(Schedule.Schedule_EntryWaiting.selector, 1));
        scheduleNext(3);
        skipTime(DELAY_SECONDS);
        append(0);
        vm.assertEq(scheduleNext(3), 2);
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
            vm.assertEq(schedule.claimTermsOf(index).since, id == 0 ? 0 : firstBatches[id]);
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
