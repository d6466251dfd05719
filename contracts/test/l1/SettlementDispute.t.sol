// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ClaimId, ClaimStatus, FraudSettlement, SlotId, SlotStatus } from "../../src/l1/FraudSettlement.sol";
import { Hashing } from "../../src/l1/Hashing.sol";
import { StakeBook } from "../../src/l1/StakeBook.sol";
import { OutputFields } from "../../src/l1/Types.sol";
import { IDispute } from "../../src/l1/interfaces/IDispute.sol";
import { vm } from "../utils/Vm.sol";
import { ClaimFixture, DisputeFixture } from "./SettlementClaim.t.sol";

/// @title `FraudSettlement.decide`: L1-CLAIM-4.
contract SettlementDecideTest is DisputeFixture {
    using Hashing for *;

    function test_decide_takesTheVerdict() external {
        (ClaimId right, ClaimId wrong) = contested();
        SlotId slotId = slotOfClaim(right);
        dispute.set(slotId, IDispute.Verdict.Output, settlement.claimOf(right).output, bob);
        vm.expectEmit(address(settlement));
        emit FraudSettlement.SlotDecided(slotId, right, settlement.claimOf(right).output);
        settlement.decide(slotId);
        vm.expectPartialRevert(FraudSettlement.FraudSettlement_NotWinner.selector);
        settlement.finalize(wrong);
        settlement.finalize(right);
        vm.assertTrue(settlement.isFinal(settlement.claimOf(right).output));
        vm.assertFalse(settlement.isFinal(settlement.claimOf(wrong).output));
        vm.assertFalse(settlement.isPlayable(slotId));
    }

    /// @notice A right output that nobody claimed becomes a claim, without a bond.
    function testFuzz_decide_createsTheMissingClaim(bytes32 stateRoot) external {
        append();
        ClaimId one = claimAs(mallory, genesis(), wrongFields(1));
        OutputFields memory fields = fieldsOf(1);
        fields.stateRoot = stateRoot;
        vm.assume(stateRoot != wrongFields(1).stateRoot && stateRoot != fieldsOf(1).stateRoot);
        ClaimId two = claimAs(makeAddr("eve"), genesis(), fields);
        SlotId slotId = slotOfClaim(one);
        dispute.set(slotId, IDispute.Verdict.Output, fieldsOf(1).hash(), alice);
        settlement.decide(slotId);
        ClaimId right = settlement.claimIdOf(slotId, fieldsOf(1).hash());
        settlement.finalize(right);
        settlement.discard(one);
        settlement.discard(two);
        vm.assertEq(settlement.creditOf(alice), BOND / 4 * 2);
        vm.assertEq(settlement.claimOf(right).epoch, 1);
        append();
        claimAs(alice, right, fieldsOf(2));
    }

    function test_decide_revertsWhileUndecided() external {
        (ClaimId right,) = contested();
        SlotId slotId = slotOfClaim(right);
        vm.expectRevert(abi.encodeWithSelector(FraudSettlement.FraudSettlement_Undecided.selector, slotId));
        settlement.decide(slotId);
    }

    function testFuzz_decide_revertsUnlessContested(bytes32 unknown) external {
        append();
        ClaimId first = claimAs(alice, genesis(), fieldsOf(1));
        SlotId single = slotOfClaim(first);
        dispute.set(single, IDispute.Verdict.Failed, 0, mallory);
        vm.expectRevert(
            abi.encodeWithSelector(FraudSettlement.FraudSettlement_NotContested.selector, single, SlotStatus.Single)
        );
        settlement.decide(single);
        vm.assume(unknown != SlotId.unwrap(single));
        vm.expectRevert(
            abi.encodeWithSelector(FraudSettlement.FraudSettlement_NotContested.selector, unknown, SlotStatus.Empty)
        );
        settlement.decide(SlotId.wrap(unknown));
    }

    function test_decide_onlyOnce() external {
        (ClaimId right, ClaimId wrong) = contested();
        SlotId slotId = slotOfClaim(right);
        dispute.set(slotId, IDispute.Verdict.Output, settlement.claimOf(right).output, alice);
        settlement.decide(slotId);
        dispute.set(slotId, IDispute.Verdict.Output, settlement.claimOf(wrong).output, mallory);
        vm.expectPartialRevert(FraudSettlement.FraudSettlement_NotContested.selector);
        settlement.decide(slotId);
    }

    function test_disputeOf_namesTheInput() external {
        (ClaimId right,) = contested();
        FraudSettlement.Dispute memory about = settlement.disputeOf(slotOfClaim(right));
        vm.assertEq(about.parentOutput, settlement.claimOf(genesis()).output);
        vm.assertEq(about.firstBatchHash, inbox.batchHashOf(1));
        vm.assertEq(about.lastBatchHash, inbox.batchHashOf(1));
        vm.assertEq(about.entryHash, schedule.record(0).entryHash);
        vm.assertEq(about.guestHash, rules().guestHash);
        vm.assertEq(about.contestedAt, vm.getBlockTimestamp());
    }

    function testFuzz_disputeOf_revertsUnlessContested(bytes32 unknown) external {
        vm.expectRevert(
            abi.encodeWithSelector(FraudSettlement.FraudSettlement_NotContested.selector, unknown, SlotStatus.Empty)
        );
        settlement.disputeOf(SlotId.wrap(unknown));
    }
}

/// @title `FraudSettlement.discard`: L1-CLAIM-5, and what becomes of the bonds.
contract SettlementDiscardTest is DisputeFixture {
    using Hashing for *;

    function _decide(ClaimId inSlot, ClaimId winner, address champion) private {
        SlotId slotId = slotOfClaim(inSlot);
        dispute.set(slotId, IDispute.Verdict.Output, settlement.claimOf(winner).output, champion);
        settlement.decide(slotId);
    }

    function testFuzz_discard_defeatedPaysAQuarter(bool championJoined) external {
        (ClaimId right, ClaimId wrong) = contested();
        _decide(right, right, championJoined ? bob : address(0));
        uint256 burnedBefore = address(0).balance;
        settlement.discard(wrong);
        vm.assertTrue(status(wrong) == ClaimStatus.Defeated);
        uint256 share = championJoined ? BOND / 4 : 0;
        vm.assertEq(settlement.creditOf(bob), share);
        vm.assertEq(address(0).balance - burnedBefore, BOND - share);
        vm.assertEq(address(settlement).balance, BOND + share);
    }

    function test_discard_winnerIsAlive() external {
        (ClaimId right,) = contested();
        _decide(right, right, bob);
        vm.expectRevert(abi.encodeWithSelector(FraudSettlement.FraudSettlement_ClaimAlive.selector, right));
        settlement.discard(right);
    }

    function test_discard_revertsIfAlone() external {
        append();
        ClaimId first = claimAs(alice, genesis(), fieldsOf(1));
        skipTime(WINDOW_SECONDS);
        vm.expectRevert(abi.encodeWithSelector(FraudSettlement.FraudSettlement_ClaimAlive.selector, first));
        settlement.discard(first);
    }

    function testFuzz_discard_revertsUnlessPending(bytes32 unknown) external {
        vm.assume(unknown != ClaimId.unwrap(genesis()));
        vm.expectRevert(
            abi.encodeWithSelector(FraudSettlement.FraudSettlement_NotPending.selector, unknown, ClaimStatus.None)
        );
        settlement.discard(ClaimId.wrap(unknown));
        ClaimId root = genesis();
        vm.expectRevert(
            abi.encodeWithSelector(FraudSettlement.FraudSettlement_NotPending.selector, root, ClaimStatus.Final)
        );
        settlement.discard(root);
    }

    /// @notice Under a parent that may be invented anybody could defeat himself and take the share.
    function test_discard_defeatedNeedsAFinalParent() external {
        append();
        ClaimId invented = claimAs(mallory, genesis(), wrongFields(1));
        append();
        ClaimId one = claimAs(makeAddr("one"), invented, fieldsOf(2));
        claimAs(makeAddr("two"), invented, wrongFields(2));
        _decide(one, one, mallory);
        ClaimId loser = settlement.claimIdOf(slotOfClaim(one), wrongFields(2).hash());
        vm.expectRevert(abi.encodeWithSelector(FraudSettlement.FraudSettlement_ClaimAlive.selector, loser));
        settlement.discard(loser);
        skipTime(WINDOW_SECONDS);
        settlement.finalize(invented);
        settlement.discard(loser);
        vm.assertEq(settlement.creditOf(mallory), BOND / 4);
    }

    /// @notice Everything below a defeated claim is void, parents first, and burns.
    function test_discard_belowDefeatedBurns() external {
        (ClaimId right, ClaimId wrong) = contested();
        append();
        ClaimId child = claimAs(makeAddr("follower"), wrong, fieldsOf(2));
        append();
        ClaimId grandchild = claimAs(mallory, child, fieldsOf(3), pathOf(child));
        _decide(right, right, bob);
        vm.expectRevert(abi.encodeWithSelector(FraudSettlement.FraudSettlement_ClaimAlive.selector, child));
        settlement.discard(child);
        settlement.discard(wrong);
        settlement.discard(child);
        settlement.discard(grandchild);
        vm.assertTrue(status(grandchild) == ClaimStatus.Void);
        vm.assertEq(settlement.creditOf(mallory), 0);
        vm.assertEq(address(settlement).balance, BOND + BOND / 4);
        OutputFields memory fields = fieldsOf(2);
        vm.deal(mallory, BOND);
        vm.expectRevert(
            abi.encodeWithSelector(FraudSettlement.FraudSettlement_DeadParent.selector, wrong, ClaimStatus.Defeated)
        );
        vm.prank(mallory);
        settlement.claim{ value: BOND }(wrong, fields, new ClaimId[](0));
    }

    /// @notice A slot without an answer gives bonds back, once its parent is final; nothing after it becomes final.
    function test_discard_failedSlotReturns() external {
        append();
        ClaimId parent = claimAs(alice, genesis(), fieldsOf(1));
        append();
        ClaimId one = claimAs(alice, parent, fieldsOf(2));
        ClaimId two = claimAs(mallory, parent, wrongFields(2));
        append();
        ClaimId below = claimAs(bob, one, fieldsOf(3));
        SlotId slotId = slotOfClaim(one);
        dispute.set(slotId, IDispute.Verdict.Failed, 0, address(0));
        settlement.decide(slotId);
        // Under a parent that may be invented anyone can construct a failure: it counts only under a final one.
        vm.expectRevert(abi.encodeWithSelector(FraudSettlement.FraudSettlement_ClaimAlive.selector, one));
        settlement.discard(one);
        skipTime(WINDOW_SECONDS);
        settlement.finalize(parent);
        vm.expectRevert(
            abi.encodeWithSelector(FraudSettlement.FraudSettlement_NotWinner.selector, slotId, SlotStatus.Failed)
        );
        settlement.finalize(one);
        settlement.discard(one);
        settlement.discard(two);
        settlement.discard(below);
        unstakeAs(alice);
        unstakeAs(mallory);
        unstakeAs(bob);
        vm.assertEq(settlement.creditOf(alice), BOND);
        vm.assertEq(settlement.creditOf(mallory), BOND);
        vm.assertEq(settlement.creditOf(bob), BOND);
        vm.assertEq(address(settlement).balance, 3 * BOND);
    }

    /// @notice Moves in a contested slot are about nothing once its parent has ended, by defeat or below one; so bonds there go back.
    function test_isPlayable_notBelowTheDead() external {
        (ClaimId right, ClaimId wrong) = contested();
        append();
        ClaimId child = claimAs(mallory, wrong, fieldsOf(2));
        claimAs(makeAddr("eve"), wrong, wrongFields(2));
        append();
        SlotId below = slotOfClaim(claimAs(mallory, child, fieldsOf(3)));
        claimAs(makeAddr("dan"), child, wrongFields(3));
        _decide(right, right, bob);
        vm.assertTrue(settlement.isPlayable(slotOfClaim(child)));
        vm.assertTrue(settlement.isPlayable(below));
        settlement.discard(wrong);
        vm.assertFalse(settlement.isPlayable(slotOfClaim(child)));
        vm.assertTrue(settlement.isPlayable(below));
        settlement.discard(child);
        vm.assertTrue(status(child) == ClaimStatus.Void);
        vm.assertFalse(settlement.isPlayable(below));
    }

    /// @notice A failure below an invented claim returns nothing.
    function test_discard_failedSlotBelowDefeatedBurns() external {
        (ClaimId right, ClaimId wrong) = contested();
        append();
        ClaimId one = claimAs(mallory, wrong, fieldsOf(2));
        claimAs(makeAddr("eve"), wrong, wrongFields(2));
        dispute.set(slotOfClaim(one), IDispute.Verdict.Failed, 0, address(0));
        settlement.decide(slotOfClaim(one));
        _decide(right, right, bob);
        settlement.discard(wrong);
        vm.assertFalse(settlement.isPlayable(slotOfClaim(one)));
        settlement.discard(one);
        vm.assertEq(settlement.stakeOf(mallory).amount, 0);
    }
}

/// @title Claims in a contested slot: wrong ones keep nobody out, and each costs a bond.
contract SettlementContestedTest is DisputeFixture {
    using Hashing for *;

    function _invented(uint256 seed) private view returns (OutputFields memory fields) {
        fields = fieldsOf(1);
        fields.stateRoot = keccak256(abi.encode("invented", seed));
    }

    function _decide(SlotId slotId) private {
        dispute.set(slotId, IDispute.Verdict.Output, fieldsOf(1).hash(), bob);
        settlement.decide(slotId);
    }

    /// @notice However many wrong claims came first, and however late it is, the right one enters and carries children.
    function testFuzz_contested_rightClaimEnters(uint256 wrongCount, uint256 age) external {
        wrongCount = bound(wrongCount, 2, 6);
        append();
        append();
        ClaimId[] memory wrong = new ClaimId[](wrongCount);
        for (uint256 i = 0; i < wrongCount; ++i) {
            wrong[i] = claimAs(address(uint160(0xbad000 + i)), genesis(), _invented(i));
        }
        skipTime(bound(age, 0, 100 days));
        ClaimId right = claimAs(alice, genesis(), fieldsOf(1));
        ClaimId child = claimAs(alice, right, fieldsOf(2));
        SlotId slotId = slotOfClaim(right);
        vm.assertEq(SlotId.unwrap(slotOfClaim(wrong[0])), SlotId.unwrap(slotId));
        vm.assertTrue(slotStatus(right) == SlotStatus.Contested);
        vm.expectPartialRevert(FraudSettlement.FraudSettlement_NotWinner.selector);
        settlement.finalize(right);

        _decide(slotId);
        skipTime(WINDOW_SECONDS);
        settlement.finalize(right);
        settlement.finalize(child);
        uint256 burnedBefore = address(0).balance;
        for (uint256 i = 0; i < wrongCount; ++i) {
            settlement.discard(wrong[i]);
            vm.assertTrue(status(wrong[i]) == ClaimStatus.Defeated);
        }
        unstakeAs(alice);
        vm.assertEq(settlement.creditOf(alice), BOND);
        vm.assertEq(settlement.creditOf(bob), wrongCount * (BOND / 4));
        vm.assertEq(address(0).balance - burnedBefore, wrongCount * (BOND - BOND / 4));
        vm.assertEq(address(settlement).balance, BOND + wrongCount * (BOND / 4));
    }

    /// @notice Further claims move neither the time of the contest nor what the dispute is about.
    function testFuzz_contested_furtherClaimsChangeNoDispute(bytes32 stateRoot, uint256 age) external {
        (ClaimId right,) = contested();
        SlotId slotId = slotOfClaim(right);
        bytes32 slotBefore = keccak256(abi.encode(settlement.slotOf(slotId)));
        bytes32 before = keccak256(abi.encode(settlement.disputeOf(slotId)));
        OutputFields memory fields = fieldsOf(1);
        fields.stateRoot = stateRoot;
        vm.assume(stateRoot != fieldsOf(1).stateRoot && stateRoot != wrongFields(1).stateRoot);
        skipTime(bound(age, 0, 100 days));
        claimAs(bob, genesis(), fields);
        vm.assertEq(keccak256(abi.encode(settlement.slotOf(slotId))), slotBefore);
        vm.assertEq(keccak256(abi.encode(settlement.disputeOf(slotId))), before);
    }

    function testFuzz_contested_revertsOnceSettled(bytes32 stateRoot, bool failed) external {
        (ClaimId right,) = contested();
        SlotId slotId = slotOfClaim(right);
        OutputFields memory fields = fieldsOf(1);
        fields.stateRoot = stateRoot;
        vm.assume(stateRoot != fieldsOf(1).stateRoot && stateRoot != wrongFields(1).stateRoot);
        if (failed) dispute.set(slotId, IDispute.Verdict.Failed, 0, address(0));
        if (failed) settlement.decide(slotId);
        else _decide(slotId);
        ClaimId root = genesis();
        vm.deal(bob, BOND);
        vm.expectRevert(
            abi.encodeWithSelector(
                FraudSettlement.FraudSettlement_SlotClosed.selector,
                slotId,
                failed ? SlotStatus.Failed : SlotStatus.Decided
            )
        );
        vm.prank(bob);
        settlement.claim{ value: BOND }(root, fields, new ClaimId[](0));
    }

    function testFuzz_contested_revertsOnSmallStake(uint96 bond) external {
        bond = uint96(bound(bond, 0, BOND - 1));
        contested();
        OutputFields memory fields = _invented(0);
        ClaimId root = genesis();
        vm.deal(bob, bond);
        vm.expectRevert(abi.encodeWithSelector(StakeBook.Stake_TooSmall.selector, bond, BOND));
        vm.prank(bob);
        settlement.claim{ value: bond }(root, fields, new ClaimId[](0));
    }
}

/// @title A dispute contract that reverts hinders nobody from claiming: it is never called then.
contract SettlementHostileDisputeTest is DisputeFixture {
    function test_claim_ignoresTheDisputeContract() external {
        vm.etch(address(dispute), hex"fe");
        (ClaimId right,) = contested();
        vm.assertTrue(slotStatus(right) == SlotStatus.Contested);
        SlotId slotId = slotOfClaim(right);
        vm.expectRevert();
        settlement.decide(slotId);
    }
}
