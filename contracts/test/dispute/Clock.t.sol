// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Clock } from "../../src/dispute/Clock.sol";
import { MatchRef, Turn } from "../../src/dispute/Match.sol";
import { Moves } from "../../src/dispute/Moves.sol";
import { Children } from "../../src/dispute/Tree.sol";
import { vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";
import { Run } from "./Runs.sol";
import { TinyMachine } from "./TinyMachine.sol";

/// @title The chess clocks, at and around their boundaries (DISP-CLOCK-1, DISP-CLOCK-2, DISP-CLOCK-3, DISP-CLOCK-4, DISP-CLOCK-5).
contract DisputeClockTest is Fixture {
    function charge(uint32 allowance, uint40 since, uint32 grace) external view returns (uint32) {
        return Clock.charge(allowance, since, grace);
    }

    /// @notice Grace is free; then every second counts once; an act and a timeout are never both in time, nor neither.
    function testFuzz_clock_charges(uint32 allowance, uint40 since, uint32 grace, uint256 elapsed) external {
        allowance = uint32(bound(allowance, 1, type(uint32).max));
        uint256 end = uint256(since) + grace + allowance;
        elapsed = bound(elapsed, 0, end + 10);
        vm.warp(elapsed);
        if (elapsed >= end) {
            vm.assertTrue(Clock.isOut(allowance, since, grace));
            vm.expectRevert(abi.encodeWithSelector(Clock.Clock_Out.selector, end));
            this.charge(allowance, since, grace);
            return;
        }
        vm.assertFalse(Clock.isOut(allowance, since, grace));
        uint256 free = uint256(since) + grace;
        uint256 expected = elapsed <= free ? allowance : allowance - (elapsed - free);
        uint256 left = this.charge(allowance, since, grace);
        vm.assertEq(left, expected);
        vm.assertGt(left, 0);
        vm.assertEq(Clock.start(since), elapsed > since ? elapsed : since);
    }

    /// @notice Joining late costs lateness beyond the time that a commitment takes; nobody joins with an empty clock.
    function testFuzz_join_chargesLateness(uint256 delay) external {
        delay = bound(delay, 0, uint256(COMPUTE_0) + ALLOWANCE - 1);
        warp(delay);
        bytes32 root = honest();
        uint256 late = delay > COMPUTE_0 ? delay - COMPUTE_0 : 0;
        vm.assertEq(dispute.commitmentOf(outerId, root).allowance, ALLOWANCE - late);
    }

    function test_join_boundaries() external {
        (,,,, uint256 startsAt, uint256 closesAt,,) = dispute.tournamentOf(outerId);
        vm.assertEq(startsAt, vm.getBlockTimestamp() + COMPUTE_0);
        vm.assertEq(closesAt, startsAt + ALLOWANCE);
        vm.warp(closesAt - 1);
        bytes32 root = honest();
        vm.assertEq(dispute.commitmentOf(outerId, root).allowance, 1);
        vm.warp(closesAt);
        this.expectLate(closesAt);
    }

    function expectLate(uint256 closesAt) external {
        Run memory run = liar(1, 0);
        Children memory children = rootChildren(run);
        bytes32[] memory path = lastPath(run);
        uint256 bond = dispute.bondOf(0);
        vm.deal(address(this), bond);
        vm.expectRevert(abi.encodeWithSelector(Clock.Clock_Out.selector, closesAt));
        dispute.join{ value: bond }(outerId, children, lie(1), path);
    }

    /// @notice A move charges what is beyond the turn's grace, from the first turn's start on, to the mover alone.
    function testFuzz_advance_charges(uint256 delay) external {
        MatchRef memory ref = MatchRef(outerId, honest(), joinLiar(1, 3));
        // Joining a root before its side had the time to compute drains nothing.
        vm.assertEq(turnOf(ref).since, vm.getBlockTimestamp() + COMPUTE_0);
        uint256 free = uint256(COMPUTE_0) + TURN;
        delay = bound(delay, 0, free + ALLOWANCE - 1);
        warp(delay);
        advance(ref, TinyMachine.outer(), liar(1, 3));
        Turn memory turn = turnOf(ref);
        vm.assertEq(turn.allowanceOne, delay <= free ? ALLOWANCE : ALLOWANCE - (delay - free));
        vm.assertEq(turn.allowanceTwo, ALLOWANCE);
        vm.assertTrue(turn.twoMoves);
    }

    /// @notice In the last second a move is legal and a timeout is not; a second later it is the other way round.
    function test_advance_lastSecond() external {
        MatchRef memory ref = MatchRef(outerId, honest(), joinLiar(1, 3));
        uint256 deadline = vm.getBlockTimestamp() + COMPUTE_0 + TURN + ALLOWANCE;
        vm.warp(deadline - 1);
        vm.expectRevert(
            abi.encodeWithSelector(Moves.Dispute_InTime.selector, outerId, keccak256(abi.encode(ref.one, ref.two)))
        );
        dispute.timeout(ref);
        uint256 snapshot = vm.snapshotState();
        advance(ref, TinyMachine.outer(), liar(1, 3));
        vm.assertEq(turnOf(ref).allowanceOne, 1);
        vm.revertToState(snapshot);
        vm.warp(deadline);
        (uint8 height, Children memory opened, Children memory next) = answer(ref, TinyMachine.outer());
        vm.expectRevert(abi.encodeWithSelector(Clock.Clock_Out.selector, deadline));
        dispute.advance(ref, height, opened, next);
        dispute.timeout(ref);
    }

    /// @notice However late somebody calls the timeout, the survivor is charged nothing.
    function testFuzz_timeout_chargesNoSurvivor(uint256 late) external {
        MatchRef memory ref = MatchRef(outerId, joinLiar(1, 3), honest());
        warp(uint256(COMPUTE_0) + TURN + ALLOWANCE + bound(late, 0, 365 days));
        dispute.timeout(ref);
        vm.assertEq(dispute.commitmentOf(outerId, ref.two).allowance, ALLOWANCE);
    }

    /// @notice Sealed at level 1 both clocks run. Until the first is out only a step is legal; then only a timeout: for the other one until he
    /// is out as well, and then for nobody.
    function testFuzz_sealed_bothRun(uint256 drained, uint256 delay) external {
        drained = bound(drained, 0, ALLOWANCE - 1);
        delay = bound(delay, 0, uint256(SEALED_TURN) + ALLOWANCE + 1 days);
        (, bytes32 inner) = outerMatch(1, 0);
        Run memory right = TinyMachine.inner();
        Run memory wrong = wrongInner(1, 0, 3);
        MatchRef memory ref = MatchRef(inner, joinInnerAs(alice, inner, right), joinInnerAs(mallory, inner, wrong));
        advance(ref, right, wrong); // one's first turn is early; two's is late
        warp(uint256(COMPUTE_1) + TURN + drained);
        descend(ref, right, wrong);
        seal(ref, right, wrong, TinyMachine.stateHash(0));
        vm.assertEq(turnOf(ref).allowanceTwo, ALLOWANCE - drained);
        warp(delay);
        uint256 allowanceOne = turnOf(ref).allowanceOne;
        bool twoOut = delay >= SEALED_TURN + ALLOWANCE - drained;
        bool oneOut = delay >= SEALED_TURN + allowanceOne;
        if (!twoOut && !oneOut) {
            vm.expectPartialRevert(Moves.Dispute_InTime.selector);
            dispute.timeout(ref);
            dispute.step(ref, TinyMachine.witness(3));
        } else {
            vm.expectPartialRevert(Clock.Clock_Out.selector);
            dispute.step(ref, TinyMachine.witness(3));
            dispute.timeout(ref);
        }
        uint256 left = dispute.commitmentOf(inner, ref.one).allowance;
        if (!oneOut) vm.assertEq(left, delay <= SEALED_TURN ? allowanceOne : allowanceOne - (delay - SEALED_TURN));
        (,,,,,, uint64 waitingRanks,) = dispute.tournamentOf(inner);
        vm.assertEq(waitingRanks, oneOut ? 0 : 2);
    }

    /// @notice Time spent inside comes back to the outer clock, and never more than what was left.
    function testFuzz_propagate_carriesTheClock(uint256 joinDelay, uint256 outerDelay) external {
        joinDelay = bound(joinDelay, 0, ALLOWANCE / 2);
        outerDelay = bound(outerDelay, 0, ALLOWANCE / 2 - 1);
        MatchRef memory outer = MatchRef(outerId, honest(), joinLiar(1, 0));
        warp(uint256(COMPUTE_0) + TURN + outerDelay);
        bytes32 inner = descendToInner(outer, TinyMachine.outer(), liar(1, 0));
        vm.assertEq(turnOf(outer).allowanceOne, ALLOWANCE - outerDelay);
        warp(uint256(COMPUTE_1) + joinDelay);
        joinInnerAs(alice, inner, TinyMachine.inner());
        // Outer clocks rest meanwhile.
        vm.expectPartialRevert(Moves.Dispute_InTime.selector);
        dispute.timeout(outer);
        close(inner);
        dispute.propagate(outer);
        vm.assertEq(dispute.commitmentOf(outerId, outer.one).allowance, ALLOWANCE - outerDelay - joinDelay);
    }
}
