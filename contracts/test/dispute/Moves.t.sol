// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { CommitmentStatus } from "../../src/dispute/Commitment.sol";
import { Match, MatchRef, MatchStatus, Matches, Result, Turn, Turns } from "../../src/dispute/Match.sol";
import { Moves } from "../../src/dispute/Moves.sol";
import { Tournaments, TournamentStatus } from "../../src/dispute/Tournament.sol";
import { Children, Tree } from "../../src/dispute/Tree.sol";
import { IStep } from "../../src/vm/IStep.sol";
import { vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";
import { Run, Runs } from "./Runs.sol";
import { TinyMachine } from "./TinyMachine.sol";

/// @title What every move refuses: DISP-MATCH-1, DISP-MATCH-2, DISP-MATCH-3, DISP-MATCH-4, DISP-MATCH-5, DISP-MATCH-6.
contract DisputeMovesTest is Fixture {
    uint256 private constant FROM = 2 ** 19 + 4;

    MatchRef private _ref;
    Run private _right = TinyMachine.outer();
    Run private _wrong = liar(1, FROM);

    function setUp() public override {
        super.setUp();
        _ref = MatchRef(outerId, honest(), joinLiar(1, FROM));
    }

    function _noMatch(bytes32 one, bytes32 two) private view returns (MatchRef memory ref, bytes memory reason) {
        ref = MatchRef(outerId, one, two);
        reason = abi.encodeWithSelector(Moves.Dispute_NoMatch.selector, outerId, matchIdOf(ref));
    }

    /// @notice Every call on a match that does not live, in a tournament that is open or not.
    function testFuzz_moves_unknownMatch(bytes32 one, bytes32 two) external {
        vm.assume(one != _ref.one || two != _ref.two);
        (MatchRef memory ref, bytes memory reason) = _noMatch(one, two);
        for (uint256 i = 0; i < 2; ++i) {
            Children memory none;
            vm.expectRevert(reason);
            dispute.advance(ref, 20, none, none);
            vm.expectRevert(reason);
            dispute.seal(ref, none, 0, new bytes32[](0));
            vm.expectRevert(reason);
            dispute.step(ref, "");
            vm.expectRevert(reason);
            dispute.timeout(ref);
            vm.expectRevert(reason);
            dispute.propagate(ref);
            ref.tournament = one;
            reason = abi.encodeWithSelector(Moves.Dispute_NotOpen.selector, one, TournamentStatus.None);
        }
    }

    /// @notice The sides' order is part of the name.
    function test_moves_swappedSides() external {
        (MatchRef memory ref, bytes memory reason) = _noMatch(_ref.two, _ref.one);
        vm.expectRevert(reason);
        dispute.timeout(ref);
    }

    // ---- advance ----

    function testFuzz_advance_wrongHeight(uint8 height) external {
        (uint8 actual, Children memory opened, Children memory next) = answer(_ref, _right);
        vm.assume(height != actual);
        vm.expectRevert(abi.encodeWithSelector(Turns.Match_WrongHeight.selector, actual, height));
        dispute.advance(_ref, height, opened, next);
    }

    /// @notice The same call twice is never two moves.
    function test_advance_onlyOnce() external {
        (uint8 height, Children memory opened, Children memory next) = answer(_ref, _right);
        dispute.advance(_ref, height, opened, next);
        vm.expectRevert(abi.encodeWithSelector(Turns.Match_WrongHeight.selector, height - 1, height));
        dispute.advance(_ref, height, opened, next);
    }

    function testFuzz_advance_wrongOpened(uint8 moves, bool left, bytes32 node) external {
        for (uint256 i = 0; i < bound(moves, 0, 18); ++i) {
            advance(_ref, _right, _wrong);
        }
        bool byTwo = turnOf(_ref).twoMoves;
        Run memory mover = byTwo ? _wrong : _right;
        (uint8 height, Children memory opened, Children memory next) = answer(_ref, mover);
        vm.assume(node != (left ? opened.left : opened.right));
        bytes32 expected = mover.node(height, turnOf(_ref).index);
        if (left) opened.left = node;
        else opened.right = node;
        bytes32 actual = keccak256(abi.encode(opened.left, opened.right));
        vm.expectRevert(abi.encodeWithSelector(Matches.Match_WrongNode.selector, expected, actual));
        dispute.advance(_ref, height, opened, next);
    }

    function testFuzz_advance_wrongNext(bytes32 left, bytes32 right) external {
        (uint8 height, Children memory opened,) = answer(_ref, _right);
        bytes32 actual = keccak256(abi.encode(left, right));
        vm.expectRevert(abi.encodeWithSelector(Matches.Match_WrongNode.selector, opened.right, actual));
        dispute.advance(_ref, height, opened, Children(left, right));
    }

    /// @notice The mover cannot descend where the sides agree, nor past the first difference.
    function test_advance_goesToTheFirstDifference() external {
        (uint8 height, Children memory opened,) = answer(_ref, _right);
        // The left halves agree, so the right ones are opened, though the left one's children are given.
        vm.expectPartialRevert(Matches.Match_WrongNode.selector);
        dispute.advance(_ref, height, opened, liar(1, 3).children(19, 0));
        advance(_ref, _right, _wrong);
        vm.assertEq(turnOf(_ref).index, 1);
    }

    function test_advance_notBelowHeightOne() external {
        descend(_ref, _right, _wrong);
        (uint8 height, Children memory opened,) = answer(_ref, _wrong);
        vm.assertEq(height, 1);
        vm.expectRevert(abi.encodeWithSelector(Moves.Dispute_SealInstead.selector, outerId, matchIdOf(_ref)));
        dispute.advance(_ref, 1, opened, opened);
    }

    // ---- seal ----

    function testFuzz_seal_tooEarly(uint8 moves) external {
        for (uint256 i = 0; i < bound(moves, 0, 18); ++i) {
            advance(_ref, _right, _wrong);
        }
        (uint8 height, Children memory opened,) = answer(_ref, turnOf(_ref).twoMoves ? _wrong : _right);
        vm.expectRevert(abi.encodeWithSelector(Turns.Match_WrongHeight.selector, height, 1));
        dispute.seal(_ref, opened, 0, new bytes32[](0));
    }

    function test_seal_onlyOnce() external {
        descendToInner(_ref, _right, _wrong);
        Children memory none;
        bytes memory reason = abi.encodeWithSelector(Turns.Match_NotDescending.selector, MatchStatus.Sealed);
        vm.expectRevert(reason);
        dispute.seal(_ref, none, 0, new bytes32[](0));
        vm.expectRevert(reason);
        dispute.advance(_ref, 0, none, none);
    }

    function testFuzz_seal_wrongOpened(bytes32 left, bytes32 right) external {
        descend(_ref, _right, _wrong);
        (, bytes32 agreed, bytes32[] memory path) = sealing(_ref, _wrong, 0);
        vm.expectPartialRevert(Matches.Match_WrongNode.selector);
        dispute.seal(_ref, Children(left, right), agreed, path);
    }

    /// @notice The contested leaf is a left one: the agreed leaf needs a path, in either commitment.
    function testFuzz_seal_wrongAgreed(bytes32 agreed, uint8 length) external {
        descend(_ref, _right, _wrong);
        (Children memory opened, bytes32 right, bytes32[] memory path) = sealing(_ref, _wrong, 0);
        vm.assertEq(path.length, 20);
        vm.assume(agreed != right && length != 20);
        vm.expectPartialRevert(Matches.Match_WrongAgreedPath.selector);
        dispute.seal(_ref, opened, agreed, path);
        vm.expectRevert(abi.encodeWithSelector(Tree.Tree_PathLength.selector, length, 20));
        dispute.seal(_ref, opened, right, new bytes32[](length));
        // The leaf after the contested one is no agreed one, though it is in a commitment.
        vm.expectPartialRevert(Matches.Match_WrongAgreedPath.selector);
        dispute.seal(_ref, opened, _wrong.leaf(FROM + 1), _wrong.path(FROM + 1, 20));
        uint256 snapshot = vm.snapshotState();
        dispute.seal(_ref, opened, right, path);
        vm.revertToState(snapshot);
        dispute.seal(_ref, opened, right, _right.path(FROM - 1, 20));
        Match memory m = dispute.matchOf(_ref);
        vm.assertEq(m.turn.index, FROM);
        vm.assertEq(m.node, TinyMachine.stateHash(6));
        vm.assertEq(m.left, TinyMachine.stateHash(6));
        vm.assertEq(m.right, keccak256(lie(1)));
    }

    /// @notice The agreed leaf is beside the contested one, or the start: no path is taken.
    function testFuzz_seal_agreedWithoutPath(bool atStart, bytes32 agreed, bytes32[] calldata path) external {
        uint256 from = atStart ? 0 : 5;
        MatchRef memory ref = MatchRef(outerId, joinLiar(2, from), joinLiar(3, from));
        descend(ref, liar(2, from), liar(3, from));
        (Children memory opened, bytes32 expected, bytes32[] memory none) =
            sealing(ref, liar(3, from), TinyMachine.stateHash(0));
        vm.assume(agreed != expected && path.length != 0);
        vm.expectRevert(abi.encodeWithSelector(Matches.Match_WrongAgreed.selector, expected, agreed));
        dispute.seal(ref, opened, agreed, none);
        vm.expectRevert(abi.encodeWithSelector(Tree.Tree_PathLength.selector, path.length, 0));
        dispute.seal(ref, opened, expected, path);
        dispute.seal(ref, opened, expected, none);
        vm.assertEq(turnOf(ref).index, from);
    }

    // ---- step ----

    function test_step_onlyInside() external {
        vm.expectRevert(abi.encodeWithSelector(Moves.Dispute_WrongLevel.selector, outerId, 0));
        dispute.step(_ref, TinyMachine.witness(6));
    }

    function _inner() private returns (MatchRef memory ref) {
        bytes32 inner = descendToInner(_ref, _right, _wrong);
        ref = innerMatch(inner, 1, FROM, 8);
    }

    function test_step_onlySealed() external {
        bytes32 inner = descendToInner(_ref, _right, _wrong);
        Run memory wrong = wrongInner(1, FROM, 8);
        MatchRef memory ref = MatchRef(inner, joinInnerAs(alice, inner, _right), joinInnerAs(mallory, inner, wrong));
        vm.expectRevert(abi.encodeWithSelector(Turns.Match_NotSealed.selector, MatchStatus.Descending));
        dispute.step(ref, TinyMachine.witness(6));
    }

    /// @notice What the machine refuses decides nothing.
    function testFuzz_step_wrongWitness(uint256 position, uint8 flip, uint16 length) external {
        MatchRef memory ref = _inner();
        bytes memory witness = TinyMachine.witness(6);
        position = bound(position, 0, witness.length - 1);
        vm.assume(flip != 0 && length < 385);
        witness[position] ^= bytes1(flip);
        vm.expectRevert(abi.encodeWithSelector(IStep.Step_StateHash.selector, keccak256(witness)));
        dispute.step(ref, witness);
        vm.expectRevert(abi.encodeWithSelector(IStep.Step_Length.selector, length));
        dispute.step(ref, new bytes(length));
        uint256 burnedGwei = dispute.bondOf(1) / 1 gwei;
        vm.expectEmit(address(dispute));
        emit Moves.MatchEnded(ref.tournament, matchIdOf(ref), Result.OneWins, burnedGwei);
        dispute.step(ref, TinyMachine.witness(6));
        assertStatus(ref.tournament, ref.one, CommitmentStatus.Waiting);
    }

    /// @notice If the successor is neither side's, both fall.
    function test_step_neitherHasIt() external {
        bytes32 inner = descendToInner(_ref, _right, _wrong);
        Run memory first = TinyMachine.outer().then(4, "junk").then(5, TinyMachine.stateHash(6));
        Run memory second = wrongInner(1, FROM, 4);
        MatchRef memory ref = MatchRef(inner, joinInnerAs(bob, inner, first), joinInnerAs(mallory, inner, second));
        descend(ref, first, second);
        seal(ref, first, second, 0);
        uint256 burnedGwei = 2 * dispute.bondOf(1) / 1 gwei; // nothing is refunded at no price
        vm.expectEmit(address(dispute));
        emit Moves.MatchEnded(inner, matchIdOf(ref), Result.BothFall, burnedGwei);
        dispute.step(ref, TinyMachine.witness(6));
        assertStatus(inner, ref.one, CommitmentStatus.Fallen);
        assertStatus(inner, ref.two, CommitmentStatus.Fallen);
        // Nobody is left there: both sides of the outer match fall, and the slot's tournament opens again.
        close(inner);
        dispute.propagate(_ref);
        assertStatus(outerId, _ref.one, CommitmentStatus.Fallen);
        close(outerId);
        dispute.decide(SLOT);
        vm.assertEq(dispute.slotDisputeOf(SLOT).round, 1);
    }

    // ---- timeout, propagate ----

    function test_timeout_notWhileTheInnerOneDecides() external {
        descendToInner(_ref, _right, _wrong);
        warp(10_000 days);
        vm.expectRevert(abi.encodeWithSelector(Moves.Dispute_InTime.selector, outerId, matchIdOf(_ref)));
        dispute.timeout(_ref);
    }

    function test_propagate_onlyOuter() external {
        MatchRef memory ref = _inner();
        vm.expectRevert(abi.encodeWithSelector(Moves.Dispute_WrongLevel.selector, ref.tournament, 1));
        dispute.propagate(ref);
    }

    function test_propagate_onlySealed() external {
        vm.expectRevert(abi.encodeWithSelector(Turns.Match_NotSealed.selector, MatchStatus.Descending));
        dispute.propagate(_ref);
    }

    function test_propagate_onlyFinished() external {
        bytes32 inner = descendToInner(_ref, _right, _wrong);
        (,,,,, uint256 closesAt,,) = dispute.tournamentOf(inner);
        vm.warp(closesAt - 1);
        vm.expectRevert(abi.encodeWithSelector(Tournaments.Tournament_Joining.selector, closesAt));
        dispute.propagate(_ref);
        joinInnerAs(alice, inner, _right);
        joinInnerAs(mallory, inner, wrongInner(1, FROM, 8));
        vm.warp(closesAt);
        vm.expectRevert(abi.encodeWithSelector(Tournaments.Tournament_Unfinished.selector, 0, 1));
        dispute.propagate(_ref);
    }

    /// @notice Silence at each move of a match loses it.
    function testFuzz_timeout_silenceLoses(uint8 moves, bool inside) external {
        MatchRef memory ref = _ref;
        Run memory wrong = _wrong;
        if (inside) {
            bytes32 inner = descendToInner(_ref, _right, _wrong);
            wrong = wrongInner(1, FROM, 8);
            ref = MatchRef(inner, joinInnerAs(alice, inner, _right), joinInnerAs(mallory, inner, wrong));
        }
        for (uint256 i = 0; i < bound(moves, 0, 19); ++i) {
            advance(ref, _right, wrong);
            if (turnOf(ref).height == 1) break;
        }
        bool byTwo = turnOf(ref).twoMoves;
        warp(uint256(COMPUTE_0) + TURN + ALLOWANCE);
        dispute.timeout(ref);
        assertStatus(ref.tournament, byTwo ? ref.one : ref.two, CommitmentStatus.Waiting);
        assertStatus(ref.tournament, byTwo ? ref.two : ref.one, CommitmentStatus.Fallen);
        (MatchRef memory again, bytes memory reason) = (ref, bytes(""));
        reason = abi.encodeWithSelector(Moves.Dispute_NoMatch.selector, ref.tournament, matchIdOf(ref));
        vm.expectRevert(reason);
        dispute.timeout(again);
    }
}
