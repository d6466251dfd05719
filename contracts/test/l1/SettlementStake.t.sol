// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ClaimId, ClaimStatus, FraudSettlement, SlotId } from "../../src/l1/FraudSettlement.sol";
import { Hashing } from "../../src/l1/Hashing.sol";
import { OutputFields } from "../../src/l1/Types.sol";
import { IDispute } from "../../src/l1/interfaces/IDispute.sol";
import { vm } from "../utils/Vm.sol";
import { DisputeFixture } from "./SettlementClaim.t.sol";

/// @title One stake that moves along: L1-STAKE-1, L1-STAKE-2, L1-STAKE-3, L1-STAKE-4, L1-STAKE-5, L1-CLAIM-6, and those who want more out of it.
contract SettlementStakeTest is DisputeFixture {
    using Hashing for *;

    /// @dev Right claims of the first `count` epochs by one account, genesis first.
    function _chain(address claimant, uint64 count) private returns (ClaimId[] memory claims) {
        claims = new ClaimId[](count + 1);
        claims[0] = genesis();
        for (uint64 epoch = 1; epoch <= count; ++epoch) {
            append();
            claims[epoch] = claimAs(claimant, claims[epoch - 1], fieldsOf(epoch));
        }
    }

    function _expectElsewhere(address account) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                FraudSettlement.FraudSettlement_StakeElsewhere.selector, account, settlement.stakeOf(account).tip
            )
        );
    }

    function _claim(address claimant, ClaimId parent, OutputFields memory fields, ClaimId[] memory path) private {
        vm.prank(claimant);
        settlement.claim(parent, fields, path);
    }

    /// @notice However many epochs wait, one bond is locked; it comes back when the last is final.
    function testFuzz_stake_carriesManyEpochs(uint64 count) external {
        count = uint64(bound(count, 1, 40));
        ClaimId[] memory claims = _chain(alice, count);
        vm.assertEq(address(settlement).balance, BOND);
        skipTime(WINDOW_SECONDS);
        for (uint256 epoch = 1; epoch <= count; ++epoch) {
            _expectElsewhere(alice);
            unstakeAs(alice);
            settlement.finalize(claims[epoch]);
        }
        unstakeAs(alice);
        vm.assertEq(settlement.creditOf(alice), BOND);
        vm.expectRevert(abi.encodeWithSelector(FraudSettlement.FraudSettlement_NoStake.selector, alice));
        unstakeAs(alice);
    }

    /// @notice Who made a right claim and moved on hangs nothing wrong on it for nothing: neither there nor anywhere above the tip.
    function testFuzz_stake_cannotGoBack(uint64 depth, uint64 above, bytes32 stateRoot) external {
        depth = uint64(bound(depth, 2, 8));
        above = uint64(bound(above, 0, depth - 1));
        ClaimId[] memory claims = _chain(mallory, depth);
        vm.assume(stateRoot != fieldsOf(above + 1).stateRoot);
        OutputFields memory wrong = fieldsOf(above + 1);
        wrong.stateRoot = stateRoot;
        _expectElsewhere(mallory);
        _claim(mallory, claims[above], wrong, new ClaimId[](0));
        // Nor by a detour over what was claimed.
        _expectElsewhere(mallory);
        _claim(mallory, claims[above], wrong, pathOf(claims[depth]));
        _expectElsewhere(mallory);
        vm.prank(mallory);
        settlement.follow(pathOf(claims[1]));
    }

    /// @notice A lie costs the stake wherever it is by then: moved on below the lie, or never moved.
    function testFuzz_stake_isLostWhereverItIs(uint64 below, uint96 extra) external {
        below = uint64(bound(below, 0, 4));
        (ClaimId right, ClaimId wrong) = contested();
        ClaimId tip = wrong;
        for (uint64 epoch = 2; epoch < below + 2; ++epoch) {
            append();
            tip = claimAs(mallory, tip, fieldsOf(epoch));
        }
        vm.deal(mallory, extra);
        append();
        OutputFields memory last = fieldsOf(below + 2);
        vm.prank(mallory);
        settlement.claim{ value: extra }(tip, last, new ClaimId[](0));
        SlotId slotId = slotOfClaim(right);
        dispute.set(slotId, IDispute.Verdict.Output, settlement.claimOf(right).output, bob);
        settlement.decide(slotId);
        settlement.finalize(right);
        _expectElsewhere(mallory);
        unstakeAs(mallory);
        settlement.discard(wrong);
        vm.assertEq(settlement.stakeOf(mallory).amount, 0);
        vm.assertEq(settlement.creditOf(bob), (uint256(BOND) + extra) / 4);
        vm.assertEq(settlement.stakeOf(alice).amount, BOND);
    }

    /// @notice Others claim in between: the path proves that the stake goes down and nowhere else.
    function testFuzz_stake_followsInterleavedClaims(uint64 between) external {
        between = uint64(bound(between, 1, 6));
        append();
        ClaimId parent = claimAs(alice, genesis(), fieldsOf(1));
        ClaimId[] memory path = new ClaimId[](between);
        for (uint64 i = 0; i < between; ++i) {
            append();
            parent = claimAs(bob, parent, fieldsOf(i + 2), i == 0 ? pathOf(parent) : new ClaimId[](0));
            path[i] = parent;
        }
        append();
        OutputFields memory fields = fieldsOf(between + 2);
        _expectElsewhere(alice);
        _claim(alice, parent, fields, new ClaimId[](0));
        if (between > 1) {
            _expectElsewhere(alice); // a gap
            _claim(alice, parent, fields, pathOf(parent));
        }
        uint256 snapshot = vm.snapshotState();
        _claim(alice, parent, fields, path);
        vm.assertEq(settlement.stakeOf(alice).amount, BOND);
        vm.revertToState(snapshot);
        vm.prank(alice);
        settlement.follow(path);
        eq(settlement.stakeOf(alice).tip, parent);
        _claim(alice, parent, fields, new ClaimId[](0));
    }

    /// @notice From a right claim no path leads into another branch.
    function test_stake_entersNoOtherBranch() external {
        (ClaimId right, ClaimId wrong) = contested();
        append();
        ClaimId below = claimAs(mallory, wrong, fieldsOf(2));
        ClaimId[] memory path = new ClaimId[](2);
        (path[0], path[1]) = (wrong, below);
        _expectElsewhere(alice);
        vm.prank(alice);
        settlement.follow(path);
        _expectElsewhere(alice);
        vm.prank(alice);
        settlement.follow(pathOf(below));
        eq(settlement.stakeOf(alice).tip, right);
    }

    /// @notice An empty path ends at no claim, whatever the stake and its tip.
    function test_follow_revertsOnAnEmptyPath() external {
        bytes memory reason =
            abi.encodeWithSelector(FraudSettlement.FraudSettlement_NotPending.selector, bytes32(0), ClaimStatus.None);
        vm.expectRevert(reason);
        settlement.follow(new ClaimId[](0));
        append();
        claimAs(alice, genesis(), fieldsOf(1));
        vm.expectRevert(reason);
        vm.prank(alice);
        settlement.follow(new ClaimId[](0));
    }

    function testFuzz_follow_revertsUnlessPending(bytes32 unknown) external {
        vm.assume(unknown != ClaimId.unwrap(genesis()));
        vm.expectRevert(
            abi.encodeWithSelector(FraudSettlement.FraudSettlement_NotPending.selector, unknown, ClaimStatus.None)
        );
        settlement.follow(pathOf(ClaimId.wrap(unknown)));
    }

    function _expectEnded(ClaimId claimId, ClaimStatus ended) private {
        vm.expectRevert(abi.encodeWithSelector(FraudSettlement.FraudSettlement_NotPending.selector, claimId, ended));
        vm.prank(mallory);
    }

    /// @notice What has ended is claimed and followed no more, and a verdict takes nobody's claim from him.
    function testFuzz_claim_endedStaysEnded(bool failed) external {
        (ClaimId right, ClaimId wrong) = contested();
        SlotId slotId = slotOfClaim(right);
        IDispute.Verdict verdict = failed ? IDispute.Verdict.Failed : IDispute.Verdict.Output;
        dispute.set(slotId, verdict, settlement.claimOf(right).output, bob);
        settlement.decide(slotId);
        vm.assertEq(settlement.claimOf(right).claimant, alice);
        settlement.discard(wrong);
        ClaimStatus ended = failed ? ClaimStatus.Void : ClaimStatus.Defeated;
        ClaimId parent = genesis();
        OutputFields memory fields = wrongFields(1);
        _expectEnded(wrong, ended);
        settlement.claim(parent, fields, new ClaimId[](0));
        _expectEnded(wrong, ended);
        settlement.follow(pathOf(wrong));
    }

    /// @notice Claiming what is final already does nothing, wherever the stake is.
    function test_claim_finalAgain() external {
        ClaimId[] memory claims = _chain(alice, 2);
        skipTime(WINDOW_SECONDS);
        settlement.finalize(claims[1]);
        _claim(alice, claims[0], fieldsOf(1), new ClaimId[](0));
        eq(settlement.stakeOf(alice).tip, claims[2]);
    }

    /// @notice Whoever built on a lie, at whatever depth, loses his stake.
    function test_discard_burnsAtEveryDepth() external {
        (ClaimId right, ClaimId wrong) = contested();
        append();
        ClaimId child = claimAs(mallory, wrong, fieldsOf(2));
        append();
        ClaimId grandchild = claimAs(bob, child, fieldsOf(3));
        SlotId slotId = slotOfClaim(right);
        dispute.set(slotId, IDispute.Verdict.Output, settlement.claimOf(right).output, alice);
        settlement.decide(slotId);
        settlement.discard(wrong);
        settlement.discard(child);
        settlement.discard(grandchild);
        vm.assertEq(settlement.stakeOf(bob).amount, 0);
        vm.assertEq(settlement.creditOf(bob), 0);
    }

    /// @notice Nothing is built on what cannot win (L1-STAKE-4), even while it is pending.
    function testFuzz_claim_revertsBelowLosers(bool failed) external {
        (ClaimId right, ClaimId wrong) = contested();
        append();
        SlotId slotId = slotOfClaim(right);
        dispute.set(
            slotId, failed ? IDispute.Verdict.Failed : IDispute.Verdict.Output, settlement.claimOf(right).output, bob
        );
        settlement.decide(slotId);
        OutputFields memory fields = fieldsOf(2);
        bytes4 reason = FraudSettlement.FraudSettlement_ParentCannotWin.selector;
        vm.expectRevert(abi.encodeWithSelector(reason, wrong, slotId));
        _claim(mallory, wrong, fields, new ClaimId[](0));
        if (failed) vm.expectRevert(abi.encodeWithSelector(reason, right, slotId));
        _claim(alice, right, fields, new ClaimId[](0));
    }

    /// @notice A stake comes back out of a failed slot only when everything that stands on it there has ended: it cannot stand behind a new lie
    /// and be freed by the end of an old claim.
    function test_stake_failedSlotFreesItOnce() external {
        append();
        append();
        ClaimId one = claimAs(mallory, genesis(), wrongFields(1));
        ClaimId below = claimAs(mallory, one, fieldsOf(2));
        ClaimId right = claimAs(alice, genesis(), fieldsOf(1));
        dispute.set(slotOfClaim(one), IDispute.Verdict.Failed, 0, address(0));
        settlement.decide(slotOfClaim(one));
        settlement.discard(one);
        _expectElsewhere(mallory);
        unstakeAs(mallory);
        vm.prank(owner);
        schedule.replace(keccak256("repaired"), address(dispute));
        skipTime(DELAY_SECONDS);
        OutputFields memory wrong = wrongFields(1);
        ClaimId root = genesis();
        _expectElsewhere(mallory);
        _claim(mallory, root, wrong, new ClaimId[](0));
        settlement.discard(below);
        settlement.discard(right);
        _claim(mallory, root, wrong, new ClaimId[](0)); // free, and bound again
        _expectElsewhere(mallory);
        unstakeAs(mallory);
        unstakeAs(alice);
    }

    /// @notice Whoever is copied loses nothing and is not held up: what he built on is what he meant.
    function testFuzz_multicall_survivesCopies(uint64 copies, uint64 count) external {
        count = uint64(bound(count, 1, 8));
        copies = uint64(bound(copies, 0, count));
        bytes[] memory calls = new bytes[](count);
        ClaimId[] memory claims = new ClaimId[](count + 1);
        claims[0] = genesis();
        for (uint64 epoch = 1; epoch <= count; ++epoch) {
            append();
            OutputFields memory fields = fieldsOf(epoch);
            calls[epoch - 1] = abi.encodeCall(settlement.claim, (claims[epoch - 1], fields, new ClaimId[](0)));
            SlotId slotId =
                settlement.slotIdOf(claims[epoch - 1], schedule.record(0).entryHash, inbox.batchHashOf(epoch));
            claims[epoch] = settlement.claimIdOf(slotId, fields.hash());
            if (epoch <= copies) claimAs(mallory, claims[epoch - 1], fields);
        }
        OutputFields memory last = fieldsOf(count);
        ClaimId first = claims[0];
        // The stake is locked by a first claim, which may be a copy of a copy.
        OutputFields memory one = fieldsOf(1);
        vm.deal(alice, BOND);
        vm.prank(alice);
        settlement.claim{ value: BOND }(first, one, new ClaimId[](0));
        vm.prank(alice);
        settlement.multicall(calls);
        eq(settlement.stakeOf(alice).tip, claims[count]);
        vm.assertEq(settlement.claimOf(claims[count]).output, last.hash());

        skipTime(WINDOW_SECONDS);
        bytes[] memory ends = new bytes[](count + 2);
        for (uint64 epoch = 1; epoch <= count; ++epoch) {
            ends[epoch - 1] = abi.encodeCall(settlement.finalize, (claims[epoch]));
            if (epoch <= copies) settlement.finalize(claims[epoch]);
        }
        ends[count] = abi.encodeCall(settlement.unstake, ());
        ends[count + 1] = abi.encodeCall(settlement.withdraw, (alice));
        vm.prank(alice);
        settlement.multicall(ends);
        vm.assertEq(alice.balance, BOND);
        vm.assertTrue(settlement.isFinal(last.hash()));
    }

    /// @notice Ether sent once would count for every call of a bundle: a bundle takes none.
    function testFuzz_multicall_takesNoEther(uint96 value) external {
        value = uint96(bound(value, 1, type(uint96).max));
        append();
        bytes[] memory calls = new bytes[](1);
        calls[0] = abi.encodeCall(settlement.claim, (genesis(), fieldsOf(1), new ClaimId[](0)));
        vm.deal(alice, value);
        vm.prank(alice);
        (bool success,) = address(settlement).call{ value: value }(abi.encodeCall(settlement.multicall, (calls)));
        vm.assertFalse(success);
    }
}
