// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { CommitmentStatus } from "../../src/dispute/Commitment.sol";
import { Dispute } from "../../src/dispute/Dispute.sol";
import { MatchRef } from "../../src/dispute/Match.sol";
import { Moves } from "../../src/dispute/Moves.sol";
import { Purse } from "../../src/dispute/Purse.sol";
import { Tournaments, TournamentStatus } from "../../src/dispute/Tournament.sol";
import { IDispute } from "../../src/l1/interfaces/IDispute.sol";
import { vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";
import { Run, Runs } from "./Runs.sol";
import { TinyMachine } from "./TinyMachine.sol";

/// @title How tournaments end: DISP-PAIR-2, DISP-PAIR-3, DISP-END-1, DISP-END-2, DISP-END-3, DISP-DEAD-1, DISP-BOND-2, DISP-BOND-5, DISP-BOND-6.
contract DisputeEndsTest is Fixture {
    function _closesAt() private view returns (uint256 closesAt) {
        (,,,,, closesAt,,) = dispute.tournamentOf(outerId);
    }

    // ---- bye ----

    function test_bye_liftsTheLonely() external {
        bytes32 first = honest();
        bytes32 second = joinLiar(1, 3);
        bytes32 third = joinLiar(2, 3);
        vm.expectRevert(abi.encodeWithSelector(Tournaments.Tournament_Joining.selector, _closesAt()));
        dispute.bye(outerId);
        close(outerId);
        // While a match of its rank lives, somebody may still come to rank 1 only: it waits.
        vm.expectRevert(abi.encodeWithSelector(Tournaments.Tournament_NoBye.selector, 1, 1));
        dispute.bye(outerId);
        warp(TURN);
        dispute.timeout(MatchRef(outerId, first, second));
        dispute.bye(outerId);
        MatchRef memory ref = MatchRef(outerId, second, third);
        vm.assertEq(turnOf(ref).height, 20);
        vm.assertEq(dispute.commitmentOf(outerId, third).rank, 1);
        vm.expectRevert(abi.encodeWithSelector(Tournaments.Tournament_NoBye.selector, 0, 2));
        dispute.bye(outerId);
    }

    /// @notice Not while somebody may still come to where the lowest waits, though others wait above.
    function test_bye_notBelowALiveMatch() external {
        bytes32[] memory joined = new bytes32[](5);
        for (uint256 i = 0; i < 5; ++i) {
            joined[i] = joinLiar(i + 1, i);
        }
        warp(uint256(COMPUTE_0) + TURN + ALLOWANCE - 1);
        advance(MatchRef(outerId, joined[2], joined[3]), liar(3, 2), liar(4, 3));
        warp(1);
        dispute.timeout(MatchRef(outerId, joined[0], joined[1]));
        close(outerId);
        vm.expectRevert(abi.encodeWithSelector(Tournaments.Tournament_NoBye.selector, 3, 1));
        dispute.bye(outerId);
    }

    function test_bye_notForTheLast() external {
        honest();
        close(outerId);
        vm.expectRevert(abi.encodeWithSelector(Tournaments.Tournament_NoBye.selector, 1, 0));
        dispute.bye(outerId);
    }

    function testFuzz_bye_unknownTournament(bytes32 id) external {
        vm.assume(id != outerId);
        vm.expectRevert(abi.encodeWithSelector(Moves.Dispute_NotOpen.selector, id, TournamentStatus.None));
        dispute.bye(id);
    }

    // ---- decide ----

    function testFuzz_decide_lastState(bool exited, uint64 exitCode, bytes32 output) external {
        exitCode %= 3;
        bytes memory last = TinyMachine.invented(1, exited, exitCode, output);
        joinAs(bob, outerId, Runs.uniform(keccak256(last)), last);
        vm.expectRevert(abi.encodeWithSelector(Tournaments.Tournament_Joining.selector, _closesAt()));
        dispute.decide(SLOT);
        close(outerId);
        dispute.decide(SLOT);
        bool isOutput = exited && exitCode == 0;
        (IDispute.Verdict verdict, bytes32 told, address champion) = dispute.verdictOf(SLOT);
        vm.assertTrue(verdict == (isOutput ? IDispute.Verdict.Output : IDispute.Verdict.Failed));
        vm.assertEq(told, isOutput ? output : bytes32(0));
        vm.assertEq(champion, bob);
        vm.assertEq(dispute.creditOf(bob), dispute.bondOf(0));
        vm.expectRevert(abi.encodeWithSelector(Dispute.Dispute_Judged.selector, SLOT));
        dispute.decide(SLOT);
    }

    function testFuzz_decide_unopened(bytes32 slot) external {
        vm.assume(slot != SLOT);
        vm.expectRevert(abi.encodeWithSelector(Dispute.Dispute_Unopened.selector, slot));
        dispute.decide(slot);
    }

    function test_decide_unfinished() external {
        honest();
        joinLiar(1, 3);
        close(outerId);
        vm.expectRevert(abi.encodeWithSelector(Tournaments.Tournament_Unfinished.selector, 0, 1));
        dispute.decide(SLOT);
    }

    /// @notice Nobody joined, or everybody fell: the next round opens with fresh clocks, and old roots may come again.
    function test_decide_opensTheNextRound() external {
        close(outerId);
        dispute.decide(SLOT);
        bytes32 nextId = dispute.tournamentIdOf(SLOT, 1);
        (,,,, uint256 startsAt, uint256 closesAt,,) = dispute.tournamentOf(nextId);
        vm.assertEq(startsAt, vm.getBlockTimestamp() + COMPUTE_0);
        vm.assertEq(closesAt, startsAt + ALLOWANCE);
        vm.assertFalse(isOpen(outerId));
        (IDispute.Verdict verdict,,) = dispute.verdictOf(SLOT);
        vm.assertTrue(verdict == IDispute.Verdict.None);
        joinAs(alice, nextId, TinyMachine.outer(), TinyMachine.state(6));
        close(nextId);
        dispute.decide(SLOT);
        (verdict,,) = dispute.verdictOf(SLOT);
        vm.assertTrue(verdict == IDispute.Verdict.Output);
    }

    /// @notice A move of an old round is no move of the new one, though the commitments are the same.
    function test_decide_oldRoundMoves() external {
        (MatchRef memory outer, bytes32 inner) = outerMatch(1, 0);
        close(inner);
        dispute.propagate(outer); // nobody joined inside: both fall
        close(outerId);
        dispute.decide(SLOT);
        bytes32 nextId = dispute.tournamentIdOf(SLOT, 1);
        joinAs(alice, nextId, TinyMachine.outer(), TinyMachine.state(6));
        joinAs(mallory, nextId, liar(1, 0), lie(1));
        vm.expectRevert(abi.encodeWithSelector(Moves.Dispute_NotOpen.selector, outerId, TournamentStatus.Over));
        dispute.timeout(outer);
        vm.assertTrue(dispute.innerIdOf(nextId, matchIdOf(outer)) != inner);
    }

    // ---- dead slots ----

    function test_kill_alive() external {
        (, bytes32 inner) = outerMatch(1, 0);
        vm.expectRevert(abi.encodeWithSelector(Dispute.Dispute_Alive.selector, outerId));
        dispute.kill(outerId);
        vm.expectRevert(abi.encodeWithSelector(Dispute.Dispute_Alive.selector, inner));
        dispute.kill(inner);
    }

    function testFuzz_kill_unknown(bytes32 id) external {
        vm.assume(id != outerId);
        vm.expectRevert(abi.encodeWithSelector(Moves.Dispute_NotOpen.selector, id, TournamentStatus.None));
        dispute.kill(id);
    }

    function test_reclaim_onlyDead() external {
        MatchRef memory ref = MatchRef(outerId, honest(), joinLiar(1, 0));
        bytes memory reason = abi.encodeWithSelector(Dispute.Dispute_NotDead.selector, outerId, TournamentStatus.Open);
        vm.expectRevert(reason);
        dispute.reclaimMatch(ref);
        vm.expectRevert(reason);
        dispute.reclaimWaiting(outerId, 0);
    }

    function testFuzz_reclaim_nobody(uint8 rank) external {
        settlement.abandon(SLOT);
        dispute.kill(outerId);
        vm.expectRevert(abi.encodeWithSelector(Tournaments.Tournament_NobodyWaits.selector, rank));
        dispute.reclaimWaiting(outerId, rank);
    }

    // ---- withdraw ----

    function testFuzz_withdraw_needsCredit(address account) external {
        vm.expectRevert(abi.encodeWithSelector(Purse.Purse_NoCredit.selector, account));
        vm.prank(account);
        dispute.withdraw(account);
    }

    function test_withdraw_payoutRefused() external {
        honest();
        close(outerId);
        dispute.decide(SLOT);
        vm.expectRevert(abi.encodeWithSelector(Purse.Purse_PayoutFailed.selector, address(settlement)));
        vm.prank(alice);
        dispute.withdraw(address(settlement));
        vm.prank(alice);
        dispute.withdraw(bob);
        vm.assertEq(bob.balance, dispute.bondOf(0));
        vm.assertEq(address(dispute).balance, 0);
        // Once, even if others' bonds are there.
        joinAs(bob, _anotherRound(), TinyMachine.outer(), TinyMachine.state(TinyMachine.STEPS));
        vm.expectRevert(abi.encodeWithSelector(Purse.Purse_NoCredit.selector, alice));
        vm.prank(alice);
        dispute.withdraw(alice);
    }

    function _anotherRound() private returns (bytes32 id) {
        bytes32 slot = keccak256("another");
        settlement.contest(slot);
        dispute.open(slot);
        return dispute.tournamentIdOf(slot, 0);
    }

    // ---- refunds ----

    /// @notice The caller is paid what the transaction costs, at most the cap, the tip two gwei and the price fifty: from the bond of the
    /// side that he moved for.
    function testFuzz_refund_isBounded(uint256 baseFee, uint256 tip) external {
        baseFee = bound(baseFee, 0, 500 gwei);
        tip = bound(tip, 0, 500 gwei);
        MatchRef memory ref = MatchRef(outerId, honest(), joinLiar(1, 5));
        vm.fee(baseFee);
        vm.txGasPrice(baseFee + tip);
        uint256 price = baseFee + (tip > 2 gwei ? 2 gwei : tip);
        if (price > 50 gwei) price = 50 gwei;
        advance(ref, TinyMachine.outer(), liar(1, 5));
        uint256 refund = dispute.creditOf(address(this));
        vm.assertLe(refund, 80_000 * price);
        vm.assertGe(refund + 1 gwei, 40_000 * price);
        vm.assertEq(uint256(turnOf(ref).spentOne) * 1 gwei, refund);
        vm.assertEq(turnOf(ref).spentTwo, 0);
    }
}
