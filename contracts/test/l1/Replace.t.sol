// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { ClaimId, ClaimStatus, FraudSettlement, SlotId, SlotStatus } from "../../src/l1/FraudSettlement.sol";
import { Hashing } from "../../src/l1/Hashing.sol";
import { Schedule } from "../../src/l1/Schedule.sol";
import { ChainConfig, Entry, OutputFields, Rules } from "../../src/l1/Types.sol";
import { IDispute } from "../../src/l1/interfaces/IDispute.sol";
import { vm } from "../utils/Vm.sol";
import { DisputeFixture, DisputeModel } from "./SettlementClaim.t.sol";

/// @title `Schedule.replace` and `FraudSettlement.failedFrom`: L1-SCHED-7.
contract ScheduleReplaceTest is DisputeFixture {
    using Hashing for *;

    bytes32 private constant REPAIRED = keccak256("repaired");

    /// @dev Two rivals on `parent` of whom the dispute contract says that neither is right.
    function _fail(ClaimId parent, uint64 epoch) private returns (ClaimId one) {
        one = claimAs(alice, parent, fieldsOf(epoch));
        claimAs(mallory, parent, wrongFields(epoch));
        _decideFailed(one);
    }

    function _decideFailed(ClaimId one) private {
        dispute.set(slotOfClaim(one), IDispute.Verdict.Failed, 0, address(0));
        settlement.decide(slotOfClaim(one));
    }

    /// @dev The stakes behind a failed slot's claims are free again.
    function _free(ClaimId one, uint64 epoch) private {
        ClaimId two = settlement.claimIdOf(slotOfClaim(one), wrongFields(epoch).hash());
        settlement.discard(one);
        settlement.discard(two);
    }

    /// @dev So many settled epochs, and then one that failed.
    function _failedAfter(uint256 settled) private returns (uint64 epoch, ClaimId parent, ClaimId one) {
        for (uint256 i = 0; i < settled; ++i) {
            settle();
        }
        append();
        epoch = inbox.epochCount();
        parent = settlement.lastFinalClaim();
        one = _fail(parent, epoch);
    }

    /// @dev The same dispute contract, another, or none.
    function _judge(uint256 which) private returns (address) {
        which = bound(which, 0, 2);
        return which == 0 ? address(dispute) : which == 1 ? address(new DisputeModel(address(settlement))) : address(0);
    }

    function _replace(bytes32 guestHash, address by) private {
        vm.prank(owner);
        schedule.replace(guestHash, by);
    }

    function _expectNothingFailed() private {
        vm.assertEq(settlement.failedFrom(), 0);
        vm.expectRevert(Schedule.Schedule_NothingFailed.selector);
        _replace(REPAIRED, address(dispute));
    }

    /// @notice Failed, replaced, claimed in a fresh slot, final; and the chain goes on.
    function testFuzz_replace_letsTheChainGoOn(bytes32 guestHash, uint256 which, uint256 settled) external {
        address by = _judge(which);
        vm.assume(guestHash != rules().guestHash || by != address(dispute));
        (uint64 epoch, ClaimId parent, ClaimId one) = _failedAfter(bound(settled, 0, 3));
        vm.assertEq(settlement.failedFrom(), inbox.epochEnd(epoch));
        Entry memory expected = schedule.activeEntry();
        expected.rules.guestHash = guestHash;
        expected.rules.dispute = by;
        uint64 maturesAt = uint64(vm.getBlockTimestamp()) + DELAY_SECONDS;
        vm.expectEmit(address(schedule));
        emit Schedule.EntryReplaced(0, expected.hash(), inbox.epochEnd(epoch), maturesAt, expected);
        _replace(guestHash, by);

        // Nothing changes before it has matured.
        vm.warp(maturesAt - 1);
        OutputFields memory fields = fieldsOf(epoch);
        fields.stateRoot = keccak256("another");
        vm.deal(bob, BOND);
        vm.expectRevert(
            abi.encodeWithSelector(
                FraudSettlement.FraudSettlement_SlotClosed.selector, slotOfClaim(one), SlotStatus.Failed
            )
        );
        vm.prank(bob);
        settlement.claim{ value: BOND }(parent, fields, new ClaimId[](0));
        settlement.discard(one); // and with it the stake is free

        vm.warp(maturesAt);
        vm.assertEq(settlement.failedFrom(), 0);
        ClaimId again = claimAs(alice, parent, fieldsOf(epoch));
        vm.assertNotEq(SlotId.unwrap(slotOfClaim(again)), SlotId.unwrap(slotOfClaim(one)));
        vm.assertEq(settlement.slotOf(slotOfClaim(again)).dispute, by);
        skipTime(WINDOW_SECONDS);
        settlement.finalize(again);
        vm.assertTrue(status(one) == ClaimStatus.Void);
        settle();
    }

    /// @notice What was settled keeps its entry, and what comes under a later entry too.
    function testFuzz_replace_reachesFromTheFailureToTheNextEntry(uint256 settled, uint256 after_) external {
        (uint64 epoch,,) = _failedAfter(bound(settled, 0, 3));
        uint64 firstBatch = settlement.failedFrom();
        vm.assertEq(firstBatch, inbox.epochEnd(epoch));
        after_ = bound(after_, 0, 3);
        for (uint256 i = 0; i < after_; ++i) {
            append();
        }
        ChainConfig memory chain = deployedConfig();
        chain.version = 2;
        vm.prank(owner);
        schedule.schedule(chain, rules());
        _replace(REPAIRED, address(0));
        bytes32 original = schedule.record(0).entryHash;
        for (uint64 index = 1; index <= inbox.batchCount(); ++index) {
            (, bytes32 entryHash) = schedule.entryOf(index);
            vm.assertEq(entryHash, original);
        }
        skipTime(DELAY_SECONDS);
        append(); // under the second entry
        for (uint64 index = 1; index <= inbox.batchCount(); ++index) {
            (Entry memory entry, bytes32 entryHash) = schedule.entryOf(index);
            vm.assertEq(entryHash, entry.hash());
            if (index == inbox.batchCount()) vm.assertEq(entryHash, schedule.record(1).entryHash);
            else if (index < firstBatch) vm.assertEq(entryHash, original);
            else vm.assertEq(entry.rules.guestHash, REPAIRED);
        }
    }

    /// @notice Guest and dispute contract alone change: whatever L2 computes with, windows and bonds stay.
    function testFuzz_replace_changesNothingElse(bytes32 guestHash, uint256 which) external {
        address by = _judge(which);
        vm.assume(guestHash != rules().guestHash || by != address(dispute));
        _failedAfter(0);
        (Entry memory before,) = schedule.entryOf(1);
        _replace(guestHash, by);
        skipTime(DELAY_SECONDS);
        (Entry memory entry,) = schedule.entryOf(1);
        (entry.rules.guestHash, entry.rules.dispute) = (before.rules.guestHash, before.rules.dispute);
        vm.assertEq(entry.hash(), before.hash());
    }

    function testFuzz_replace_revertsUnlessOwner(address caller) external {
        vm.assume(caller != owner);
        _failedAfter(0);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, caller));
        vm.prank(caller);
        schedule.replace(REPAIRED, address(dispute));
    }

    /// @notice No epoch, an open one, none claimed, one claim, rivals, a right one, a settled one: only a failure counts.
    function testFuzz_replace_revertsUnlessFailed(uint256 stage, uint256 settled) external {
        stage = bound(stage, 0, 4);
        settled = bound(settled, 0, 2);
        for (uint256 i = 0; i < settled; ++i) {
            settle();
        }
        if (stage >= 1) append();
        uint64 epoch = inbox.epochCount();
        ClaimId parent = settlement.lastFinalClaim();
        ClaimId right;
        if (stage >= 2) right = claimAs(alice, parent, fieldsOf(epoch));
        if (stage >= 3) claimAs(mallory, parent, wrongFields(epoch));
        if (stage == 4) {
            dispute.set(slotOfClaim(right), IDispute.Verdict.Output, fieldsOf(epoch).hash(), address(0));
            settlement.decide(slotOfClaim(right));
        }
        skipTime(WINDOW_SECONDS);
        _expectNothingFailed();
    }

    /// @notice Under a parent that may be invented anyone can construct a failure.
    function testFuzz_replace_revertsUnlessParentFinal(uint256 settled, bool parentDefeated) external {
        settled = bound(settled, 0, 2);
        for (uint256 i = 0; i < settled; ++i) {
            settle();
        }
        append();
        uint64 epoch = inbox.epochCount();
        ClaimId root = settlement.lastFinalClaim();
        ClaimId parent = claimAs(mallory, root, wrongFields(epoch));
        append();
        _fail(parent, epoch + 1);
        _expectNothingFailed();
        if (parentDefeated) {
            claimAs(bob, root, fieldsOf(epoch));
            SlotId slotId = slotOfClaim(parent);
            dispute.set(slotId, IDispute.Verdict.Output, fieldsOf(epoch).hash(), address(0));
            settlement.decide(slotId);
            settlement.finalize(settlement.claimIdOf(slotId, fieldsOf(epoch).hash()));
            _expectNothingFailed();
        } else {
            skipTime(WINDOW_SECONDS);
            settlement.finalize(parent);
            vm.assertEq(settlement.failedFrom(), inbox.epochEnd(epoch + 1));
        }
    }

    function testFuzz_replace_revertsOnTheSame(uint256 settled) external {
        _failedAfter(bound(settled, 0, 2));
        bytes32 entryHash = schedule.record(0).entryHash;
        bytes32 guestHash = rules().guestHash;
        vm.expectRevert(abi.encodeWithSelector(Schedule.Schedule_NothingReplaced.selector, entryHash));
        _replace(guestHash, address(dispute));
    }

    /// @notice The last word before maturity counts, and its delay begins anew.
    function testFuzz_replace_again(uint256 age) external {
        _failedAfter(0);
        _replace(REPAIRED, address(dispute));
        vm.warp(vm.getBlockTimestamp() + bound(age, 0, DELAY_SECONDS - 1));
        _replace(keccak256("better"), address(dispute));
        vm.warp(vm.getBlockTimestamp() + DELAY_SECONDS - 1);
        (Entry memory entry,) = schedule.entryOf(1);
        vm.assertEq(entry.rules.guestHash, rules().guestHash);
        vm.warp(vm.getBlockTimestamp() + 1);
        (entry,) = schedule.entryOf(1);
        vm.assertEq(entry.rules.guestHash, keccak256("better"));
        _expectNothingFailed();
    }

    /// @notice A replacement may fail too, in the same epoch or in a later one.
    function testFuzz_replace_whatReplaced(uint256 between) external {
        (uint64 epoch, ClaimId parent, ClaimId one) = _failedAfter(1);
        _free(one, epoch);
        _replace(REPAIRED, address(dispute));
        skipTime(DELAY_SECONDS);
        between = bound(between, 0, 2);
        for (uint256 i = 0; i < between; ++i) {
            append();
            parent = claimAs(alice, parent, fieldsOf(epoch++));
            skipTime(WINDOW_SECONDS);
            settlement.finalize(parent);
        }
        _free(_fail(parent, epoch), epoch);
        _replace(keccak256("better"), address(dispute));
        // What has matured stays until then, if only in this second.
        (Entry memory entry,) = schedule.entryOf(inbox.epochEnd(epoch));
        vm.assertEq(entry.rules.guestHash, REPAIRED);
        skipTime(DELAY_SECONDS);
        (entry,) = schedule.entryOf(inbox.epochEnd(epoch));
        vm.assertEq(entry.rules.guestHash, keccak256("better"));
        (entry,) = schedule.entryOf(2);
        vm.assertEq(entry.rules.guestHash, between == 0 ? keccak256("better") : REPAIRED);
        (entry,) = schedule.entryOf(1);
        vm.assertEq(entry.rules.guestHash, rules().guestHash);
        ClaimId last = claimAs(alice, parent, fieldsOf(epoch));
        skipTime(WINDOW_SECONDS);
        settlement.finalize(last);
    }

    /// @notice A dispute below the failure is about nothing any more: nobody plays it under a program that its players did not mean.
    function test_replace_endsDisputesBelow() external {
        append();
        append();
        ClaimId one = claimAs(alice, genesis(), fieldsOf(1));
        claimAs(mallory, genesis(), wrongFields(1));
        SlotId failed = slotOfClaim(one);
        SlotId below = slotOfClaim(claimAs(alice, one, fieldsOf(2)));
        claimAs(bob, one, wrongFields(2));
        _decideFailed(one);
        _replace(REPAIRED, address(dispute));
        vm.assertTrue(settlement.isPlayable(below));
        vm.assertEq(settlement.disputeOf(below).guestHash, rules().guestHash);
        skipTime(DELAY_SECONDS);
        vm.assertFalse(settlement.isPlayable(below));
        vm.expectRevert(abi.encodeWithSelector(FraudSettlement.FraudSettlement_EntryReplaced.selector, below));
        settlement.disputeOf(below);
        vm.expectRevert(abi.encodeWithSelector(FraudSettlement.FraudSettlement_EntryReplaced.selector, failed));
        settlement.disputeOf(failed);
    }
}
