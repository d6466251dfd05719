// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Clock } from "../../src/dispute/Clock.sol";
import { CommitmentStatus } from "../../src/dispute/Commitment.sol";
import { Dispute } from "../../src/dispute/Dispute.sol";
import { MatchRef, MatchStatus } from "../../src/dispute/Match.sol";
import { Moves } from "../../src/dispute/Moves.sol";
import { Purse } from "../../src/dispute/Purse.sol";
import { Tournaments, TournamentStatus } from "../../src/dispute/Tournament.sol";
import { Children } from "../../src/dispute/Tree.sol";
import { IDispute } from "../../src/l1/interfaces/IDispute.sol";
import { IStep } from "../../src/vm/IStep.sol";
import { vm } from "../utils/Vm.sol";
import { StepTest } from "../vm/StepTest.sol";
import { Fixture } from "./Fixture.sol";
import { Run, Runs } from "./Runs.sol";
import { TinyMachine } from "./TinyMachine.sol";

/// @title Somebody who joins and makes trouble when he is paid.
contract HostileJoiner {
    enum Manner {
        Reverts,
        BurnsGas,
        ReturnsMegabytes
    }

    Manner private immutable _manner;

    constructor(Manner manner) {
        _manner = manner;
    }

    function join(Dispute dispute, bytes32 id, Children calldata children, bytes calldata last, bytes32[] calldata path)
        external
        payable
    {
        dispute.join{ value: msg.value }(id, children, last, path);
    }

    function withdraw(Dispute dispute, address to) external {
        dispute.withdraw(to);
    }

    receive() external payable {
        if (_manner == Manner.Reverts) revert("no");
        if (_manner == Manner.BurnsGas) {
            while (true) { }
        }
        assembly {
            return(0, 4000000)
        }
    }
}

/// @title What went wrong in other dispute games, once each.
contract DisputeBugsTest is Fixture {
    /// @notice A winner that waits past its own allowance before anybody claims the timeout is not frozen: it wins, and plays on with all that
    /// it had.
    function test_bug_lateTimeoutFreezesNobody() external {
        MatchRef memory ref = MatchRef(outerId, joinLiar(1, 3), honest());
        joinLiar(2, 5);
        warp(uint256(COMPUTE_0) + TURN + ALLOWANCE + 3 * uint256(ALLOWANCE));
        dispute.timeout(ref);
        dispute.bye(outerId);
        MatchRef memory next = MatchRef(outerId, ref.two, liar(2, 5).root());
        vm.assertEq(turnOf(next).allowanceOne, ALLOWANCE);
        advance(next, TinyMachine.outer(), liar(2, 5));
        vm.assertEq(turnOf(next).allowanceOne, ALLOWANCE);
    }

    /// @notice Where both clocks run and both are out, both fall and the game goes on: nothing stays behind.
    function test_bug_bothOutFreezesNobody() external {
        (MatchRef memory outer, bytes32 inner) = outerMatch(1, 0);
        MatchRef memory ref = innerMatch(inner, 1, 0, 3);
        warp(uint256(COMPUTE_1) + SEALED_TURN + ALLOWANCE);
        dispute.timeout(ref);
        dispute.propagate(outer);
        close(outerId);
        dispute.decide(SLOT);
        vm.assertEq(dispute.slotDisputeOf(SLOT).round, 1);
    }

    /// @notice Every bond goes back once.
    function test_bug_bondPaidTwice() external {
        (MatchRef memory outer, bytes32 inner) = outerMatch(1, 0);
        MatchRef memory ref = innerMatch(inner, 1, 0, 3);
        dispute.step(ref, witnessOf(0, 3));
        vm.expectPartialRevert(Moves.Dispute_NoMatch.selector);
        dispute.step(ref, witnessOf(0, 3));
        close(inner);
        dispute.propagate(outer);
        vm.expectPartialRevert(Moves.Dispute_NoMatch.selector);
        dispute.propagate(outer);
        close(outerId);
        dispute.decide(SLOT);
        vm.expectRevert(abi.encodeWithSelector(Dispute.Dispute_Judged.selector, SLOT));
        dispute.decide(SLOT);
        settlement.abandon(SLOT);
        vm.expectRevert(abi.encodeWithSelector(Moves.Dispute_NotOpen.selector, outerId, TournamentStatus.Over));
        dispute.kill(outerId);
        vm.expectRevert(abi.encodeWithSelector(Moves.Dispute_NotOpen.selector, inner, TournamentStatus.Over));
        dispute.kill(inner);
        vm.assertEq(dispute.creditOf(alice), dispute.bondOf(0) + dispute.bondOf(1));
        vm.startPrank(alice);
        dispute.withdraw(alice);
        vm.expectRevert(abi.encodeWithSelector(Purse.Purse_NoCredit.selector, alice));
        dispute.withdraw(alice);
        vm.stopPrank();
    }

    /// @notice Nobody's callback is in anybody's way: it runs when its owner withdraws, and hurts him alone.
    function test_bug_hostileCallbacks() external {
        bytes32 honestRoot = honest();
        for (uint256 i = 0; i < 3; ++i) {
            uint256 snapshot = vm.snapshotState();
            HostileJoiner hostile = new HostileJoiner(HostileJoiner.Manner(i));
            bytes32 slot = keccak256(abi.encode("slot of", i));
            settlement.contest(slot);
            dispute.open(slot);
            Run memory run = TinyMachine.outer();
            uint256 bond = dispute.bondOf(0);
            vm.deal(address(this), bond);
            bytes32 id = dispute.tournamentIdOf(slot, 0);
            hostile.join{ value: bond }(dispute, id, rootChildren(run), TinyMachine.state(6), lastPath(run));
            close(outerId);
            uint256 before = gasleft();
            dispute.decide(slot);
            dispute.decide(SLOT);
            vm.assertLt(before - gasleft(), 400_000);
            vm.assertEq(dispute.creditOf(address(hostile)), bond);
            vm.prank(alice);
            dispute.withdraw{ gas: 200_000 }(alice);
            // To himself only if he lets it; to another address always.
            try hostile.withdraw{ gas: 3_000_000 }(dispute, address(hostile)) { } catch { }
            if (dispute.creditOf(address(hostile)) != 0) hostile.withdraw(dispute, bob);
            vm.assertEq(address(hostile).balance + bob.balance, bond);
            vm.revertToState(snapshot);
        }
        honestRoot;
    }

    /// @notice Losers' bonds do not pay for new opponents: who plays both sides, and makes every call himself at the dearest price that is
    /// refunded, still loses a third of a bond for each that falls.
    function test_bug_recycledBonds() external {
        vm.fee(1000 gwei);
        vm.txGasPrice(1100 gwei);
        bytes32[] memory joined = new bytes32[](8);
        for (uint256 i = 0; i < 8; ++i) {
            joined[i] = joinLiar(i + 1, i);
        }
        uint256 bond = dispute.bondOf(0);
        vm.startPrank(mallory);
        for (uint256 i = 0; i < 8; i += 2) {
            descend(MatchRef(outerId, joined[i], joined[i + 1]), liar(i + 1, i), liar(i + 2, i + 1));
        }
        warp(uint256(COMPUTE_0) + TURN + ALLOWANCE);
        for (uint256 i = 0; i < 8; i += 2) {
            // At height 1 it is two's turn.
            dispute.timeout(MatchRef(outerId, joined[i], joined[i + 1]));
        }
        warp(uint256(TURN) + ALLOWANCE);
        dispute.timeout(MatchRef(outerId, joined[0], joined[2]));
        dispute.timeout(MatchRef(outerId, joined[4], joined[6]));
        warp(uint256(TURN) + ALLOWANCE);
        dispute.timeout(MatchRef(outerId, joined[2], joined[6]));
        dispute.decide(SLOT);
        uint256 back = dispute.creditOf(mallory);
        vm.assertGt(back, bond);
        vm.assertLe(back, bond + 7 * (bond * 2 / 3));
        dispute.withdraw(mallory);
        vm.stopPrank();
    }

    /// @notice A proof and a timeout are never both legal, to the second, and whoever comes second changes nothing.
    function test_bug_timeoutAndProof() external {
        (, bytes32 inner) = outerMatch(1, 0);
        MatchRef memory ref = innerMatch(inner, 1, 0, 3);
        uint256 deadline = uint256(turnOf(ref).since) + SEALED_TURN + ALLOWANCE;
        vm.warp(deadline - 1);
        vm.expectPartialRevert(Moves.Dispute_InTime.selector);
        dispute.timeout(ref);
        dispute.step(ref, witnessOf(0, 3));
        vm.warp(deadline);
        vm.expectPartialRevert(Moves.Dispute_NoMatch.selector);
        dispute.timeout(ref);
        assertStatus(inner, ref.one, CommitmentStatus.Waiting);
        vm.assertEq(dispute.commitmentOf(inner, ref.one).allowance, 1);
    }

    /// @notice A timeout after a seal gives nobody back what he had spent.
    function test_bug_sealedTimeoutRefundsTime() external {
        (, bytes32 inner) = outerMatch(1, 0);
        Run memory right = TinyMachine.inner();
        Run memory wrong = wrongInner(1, 0, 3);
        MatchRef memory ref = MatchRef(inner, joinInnerAs(alice, inner, right), joinInnerAs(mallory, inner, wrong));
        warp(uint256(COMPUTE_1) + TURN + 1 days);
        advance(ref, right, wrong); // one has spent a day
        warp(uint256(TURN) + 2 days);
        descend(ref, right, wrong); // two has spent two
        seal(ref, right, wrong, TinyMachine.stateHash(0));
        warp(uint256(SEALED_TURN) + ALLOWANCE - 2 days);
        dispute.timeout(ref); // two is out
        // One's clock ran as well: it has what was left on it and no more.
        vm.assertEq(dispute.commitmentOf(inner, ref.one).allowance, 1 days);
    }

    /// @notice A slot's parent is discarded in mid-dispute: play stops at every level, and all bonds of those who live go back, once.
    function test_bug_parentDiscarded() external {
        vm.txGasPrice(1 gwei);
        vm.fee(1 gwei);
        bytes32 lonely = joinAs(bob, outerId, liar(9, 9), lie(9));
        bytes32 right = honest(); // meets the lonely
        MatchRef memory outer = MatchRef(outerId, lonely, right);
        bytes32 inner = descendToInner(outer, liar(9, 9), TinyMachine.outer());
        Run memory wrong = wrongInner(9, 9, 4);
        MatchRef memory ref = MatchRef(inner, joinInnerAs(alice, inner, rightInner(9)), joinInnerAs(bob, inner, wrong));
        bytes32 waits = joinLiar(2, 3);
        advance(ref, rightInner(9), wrong);

        settlement.abandon(SLOT);
        vm.expectRevert(abi.encodeWithSelector(Dispute.Dispute_Alive.selector, inner));
        dispute.kill(inner);
        dispute.kill(outerId);
        // The inner one is not told yet, but nobody new is lured into it.
        this.expectNoJoining(inner);
        dispute.kill(inner);
        bytes memory dead = abi.encodeWithSelector(Moves.Dispute_NotOpen.selector, inner, TournamentStatus.Dead);
        vm.expectRevert(dead);
        dispute.timeout(ref);
        vm.expectRevert(abi.encodeWithSelector(Moves.Dispute_NotOpen.selector, outerId, TournamentStatus.Dead));
        dispute.propagate(outer);

        uint256 refunds = dispute.creditOf(address(this));
        vm.assertGt(refunds, 0);
        dispute.reclaimMatch(outer);
        dispute.reclaimMatch(ref);
        dispute.reclaimWaiting(outerId, 0);
        vm.assertEq(dispute.creditOf(mallory), dispute.bondOf(0));
        uint256 sum = dispute.creditOf(alice) + dispute.creditOf(bob) + dispute.creditOf(mallory) + refunds;
        vm.assertEq(sum, address(dispute).balance);
        vm.expectPartialRevert(Moves.Dispute_NoMatch.selector);
        dispute.reclaimMatch(outer);
        vm.expectRevert(abi.encodeWithSelector(Tournaments.Tournament_NobodyWaits.selector, 0));
        dispute.reclaimWaiting(outerId, 0);
        vm.expectRevert(abi.encodeWithSelector(Moves.Dispute_NotOpen.selector, outerId, TournamentStatus.Dead));
        dispute.decide(SLOT);
        waits;
    }

    function expectNoJoining(bytes32 inner) external {
        Run memory run = rightInner(9).then(17, "junk").then(18, TinyMachine.stateHash(6));
        uint256 bond = dispute.bondOf(1);
        vm.deal(address(this), bond);
        Children memory children = rootChildren(run);
        bytes32[] memory path = lastPath(run);
        vm.expectRevert(abi.encodeWithSelector(Moves.Dispute_NotOpen.selector, outerId, TournamentStatus.Dead));
        dispute.joinInner{ value: bond }(inner, children, run.last(), path);
    }

    /// @notice Joining the right root first, even in the last second, only defends it: whoever comes second is refused and has lost nothing.
    function test_bug_frontRunJoin() external {
        (,,,,, uint256 closesAt,,) = dispute.tournamentOf(outerId);
        vm.warp(closesAt - 1);
        bytes32 root = joinAs(mallory, outerId, TinyMachine.outer(), TinyMachine.state(6));
        vm.warp(closesAt);
        dispute.decide(SLOT);
        (IDispute.Verdict verdict, bytes32 output,) = dispute.verdictOf(SLOT);
        vm.assertTrue(verdict == IDispute.Verdict.Output);
        vm.assertEq(output, TinyMachine.OUTPUT);
        root;
    }
}

/// @title A step called with too little gas for the precompile that checks a blob's element.
contract DisputeStarvedGasTest is Fixture, StepTest {
    function test_bug_starvedGas() external {
        (, bytes32 inner) = outerMatch(1, 0);
        Vectors memory vectors = readVectors(readFile("step-system.json"));
        bytes memory witness;
        for (uint256 i = 0; i < vectors.names.length; ++i) {
            if (keccak256(bytes(vectors.names[i])) == keccak256("read element 4095 at 32, step 0")) {
                witness = vectors.witnesses[i];
            }
        }
        bytes32[] memory leaves = new bytes32[](3);
        (leaves[0], leaves[2]) = (stateHash(witness), TinyMachine.stateHash(6));
        leaves[1] = machine.step(leaves[0], witness);
        Run memory right = Runs.list(leaves);
        Run memory wrong = right.then(1, keccak256(lie(1)));
        MatchRef memory ref = MatchRef(inner, joinInnerAs(alice, inner, right), joinInnerAs(mallory, inner, wrong));
        descend(ref, right, wrong);
        seal(ref, right, wrong, 0);
        bytes memory data = abi.encodeCall(dispute.step, (ref, witness));
        uint256 looksWrong;
        uint256 gas = 60_000;
        for (; gas < 300_000; gas += 2_000) {
            uint256 snapshot = vm.snapshotState();
            (bool success, bytes memory result) = address(dispute).call{ gas: gas }(data);
            if (success) break;
            vm.revertToState(snapshot);
            vm.assertTrue(turnOf(ref).status == MatchStatus.Sealed);
            if (result.length >= 4 && bytes4(result) == IStep.Step_PointEvaluation.selector) ++looksWrong;
        }
        vm.assertTrue(looksWrong != 0, "no gas at which the precompile fails");
        vm.assertLt(gas, 300_000);
        assertStatus(inner, ref.one, CommitmentStatus.Waiting);
        assertStatus(inner, ref.two, CommitmentStatus.Fallen);
    }
}
