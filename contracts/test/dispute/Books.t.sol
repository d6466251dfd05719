// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { CommitmentStatus } from "../../src/dispute/Commitment.sol";
import { Dispute } from "../../src/dispute/Dispute.sol";
import { Match, MatchRef, MatchStatus, Result } from "../../src/dispute/Match.sol";
import { Moves } from "../../src/dispute/Moves.sol";
import { TermsRules } from "../../src/dispute/Terms.sol";
import { Children } from "../../src/dispute/Tree.sol";
import { Vm, vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";
import { Run } from "./Runs.sol";
import { TinyMachine } from "./TinyMachine.sol";

/// @title What is booked for each side and each level: DISP-BOND-2, DISP-BOND-3, DISP-BOND-4, DISP-CLOCK-4, DISP-CLOCK-5, DISP-JOIN-1, DISP-DEAD-1.
/// @notice The honest side is *two* here, in both tournaments.
contract DisputeBooksTest is Fixture {
    uint256 private constant FROM = 2 ** 19 + 4;
    uint256 private constant PRICE = 1 gwei;

    MatchRef private _ref;
    Run private _right = TinyMachine.outer();
    Run private _wrong = liar(1, FROM);
    Run private _wrongInside = wrongInner(1, FROM, 8);

    function setUp() public override {
        super.setUp();
        _ref = MatchRef(outerId, joinLiar(1, FROM), honest());
        vm.txGasPrice(PRICE);
        vm.fee(0);
    }

    /// @dev Both sides inside, of whom the honest one is two.
    function _inside(bytes32 inner) private returns (MatchRef memory ref) {
        ref = MatchRef(inner, joinInnerAs(mallory, inner, _wrongInside), joinInnerAs(alice, inner, _right));
    }

    function _sealInside(MatchRef memory ref) private {
        descend(ref, _wrongInside, _right);
        seal(ref, _wrongInside, _right, 0);
    }

    /// @dev The call with so much data behind it that its refund comes to the cap.
    function _padded(bytes memory data) private returns (uint256 refundGas) {
        uint256 credit = dispute.creditOf(bob);
        vm.prank(bob);
        (bool success,) = address(dispute).call(abi.encodePacked(data, new bytes(120_000)));
        vm.assertTrue(success);
        return (dispute.creditOf(bob) - credit) / PRICE;
    }

    function _burnedGwei(MatchRef memory ref, uint8 level, bool both) private view returns (uint256) {
        uint256 bondGwei = dispute.bondOf(level) / 1 gwei;
        return bondGwei - turnOf(ref).spentOne - turnOf(ref).spentTwo + (both ? bondGwei : 0);
    }

    function _expectEnd(MatchRef memory ref, Result result, uint256 burnedGwei) private {
        vm.expectEmit(address(dispute));
        emit Moves.MatchEnded(ref.tournament, matchIdOf(ref), result, burnedGwei);
    }

    /// @notice Every act has its own cap, is booked on the side that moved, and what burns is what is left of the loser.
    function test_refund_capsAndSides() external {
        (uint8 height, Children memory opened, Children memory next) = answer(_ref, _wrong);
        vm.assertEq(_padded(abi.encodeCall(dispute.advance, (_ref, height, opened, next))), TermsRules.ADVANCE_GAS);
        vm.assertEq(turnOf(_ref).spentOne, TermsRules.ADVANCE_GAS);
        vm.assertEq(turnOf(_ref).spentTwo, 0);
        descend(_ref, _wrong, _right);
        (uint256 one, uint256 two) = (turnOf(_ref).spentOne, turnOf(_ref).spentTwo);
        (Children memory leaves, bytes32 agreed, bytes32[] memory path) = sealing(_ref, _right, 0);
        vm.assertEq(_padded(abi.encodeCall(dispute.seal, (_ref, leaves, agreed, path))), TermsRules.SEAL_OUTER_GAS);
        vm.assertEq(turnOf(_ref).spentOne, one);
        vm.assertEq(turnOf(_ref).spentTwo, two + TermsRules.SEAL_OUTER_GAS);

        MatchRef memory inside = _inside(dispute.innerIdOf(outerId, matchIdOf(_ref)));
        descend(inside, _wrongInside, _right);
        (one, two) = (turnOf(inside).spentOne, turnOf(inside).spentTwo);
        (leaves, agreed, path) = sealing(inside, _right, 0);
        vm.assertEq(_padded(abi.encodeCall(dispute.seal, (inside, leaves, agreed, path))), TermsRules.SEAL_INNER_GAS);
        vm.assertEq(turnOf(inside).spentOne, one);
        vm.assertEq(turnOf(inside).spentTwo, two + TermsRules.SEAL_INNER_GAS);
        // Nothing opens inside a match of level 1.
        vm.assertFalse(isOpen(dispute.innerIdOf(inside.tournament, matchIdOf(inside))));

        uint256 snapshot = vm.snapshotState();
        warp(uint256(SEALED_TURN) + ALLOWANCE + COMPUTE_0);
        uint256 burnedGwei = _burnedGwei(inside, 1, true) - TermsRules.CLOSE_GAS;
        _expectEnd(inside, Result.BothFall, burnedGwei);
        vm.assertEq(_padded(abi.encodeCall(dispute.timeout, (inside))), TermsRules.CLOSE_GAS);
        vm.revertToState(snapshot);

        burnedGwei = _burnedGwei(inside, 1, false);
        uint256 credit = dispute.creditOf(address(this));
        vm.recordLogs();
        dispute.step(inside, witnessOf(FROM, 8));
        vm.assertEq(_told(), burnedGwei - (dispute.creditOf(address(this)) - credit) / PRICE);
        vm.assertTrue(statusOf(inside.tournament, inside.two) == CommitmentStatus.Waiting);
        close(inside.tournament);
        burnedGwei = _burnedGwei(_ref, 0, false) - TermsRules.CLOSE_GAS;
        _expectEnd(_ref, Result.TwoWins, burnedGwei);
        vm.assertEq(_padded(abi.encodeCall(dispute.propagate, (_ref))), TermsRules.CLOSE_GAS);
    }

    /// @dev What an `advance` refunds, in gas, with zeros behind its data up to `length`; and what the call itself took.
    function _refunded(uint256 length) private returns (uint256 refundGas, uint256 usedGas) {
        (uint8 height, Children memory opened, Children memory next) =
            answer(_ref, turnOf(_ref).twoMoves ? _right : _wrong);
        bytes memory data = abi.encodeCall(dispute.advance, (_ref, height, opened, next));
        data = abi.encodePacked(data, new bytes(length - data.length));
        uint256 credit = dispute.creditOf(bob);
        vm.prank(bob);
        usedGas = gasleft();
        (bool success,) = address(dispute).call(data);
        usedGas -= gasleft();
        vm.assertTrue(success);
        refundGas = (dispute.creditOf(bob) - credit) / PRICE;
    }

    /// @notice DISP-BOND-2: the transaction, its data, the call, and a constant for what follows the count; at least what much data costs.
    function test_refund_countsWhatTheTransactionCosts() external {
        _refunded(400); // from now on crediting is cheap, and so the constant stands out
        for (uint256 length = 300; length <= 600; length += 100) {
            (uint256 refundGas, uint256 usedGas) = _refunded(length);
            uint256 expected = 21_000 + 16 * length + 14_000 + usedGas;
            vm.assertGe(refundGas, expected - 4_000);
            vm.assertLe(refundGas, expected);
        }
        (uint256 floorGas,) = _refunded(1_460);
        vm.assertEq(floorGas, 21_000 + 40 * 1_460);
    }

    /// @dev The gwei that the last `MatchEnded` says to have burned.
    function _told() private returns (uint256 burnedGwei) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == Moves.MatchEnded.selector) {
                (, burnedGwei) = abi.decode(logs[i].data, (Result, uint256));
            }
        }
    }

    /// @notice Two keeps his own clock through a timeout, a sealed one too, and gives what is left inside to the side that he backs.
    function test_clock_ofTwo() external {
        descend(_ref, _wrong, _right);
        warp(uint256(COMPUTE_0) + TURN + 1 days); // it is two's turn, who pays a day
        bytes32 inner = seal(_ref, _wrong, _right, 0);
        vm.assertEq(turnOf(_ref).allowanceOne, ALLOWANCE);
        vm.assertEq(turnOf(_ref).allowanceTwo, ALLOWANCE - 1 days);
        (,,,, uint256 startsAt, uint256 closesAt,,) = dispute.tournamentOf(inner);
        vm.assertEq(startsAt, vm.getBlockTimestamp() + COMPUTE_1);
        vm.assertEq(closesAt, startsAt + ALLOWANCE);

        MatchRef memory inside = _inside(inner);
        vm.assertEq(dispute.commitmentOf(inner, inside.two).allowance, ALLOWANCE - 1 days);
        _sealInside(inside);
        vm.assertEq(turnOf(inside).since, startsAt); // sealed before the first turn
        vm.warp(startsAt + SEALED_TURN + 2 days);
        uint256 snapshot = vm.snapshotState();
        dispute.step(inside, witnessOf(FROM, 8));
        vm.assertEq(dispute.commitmentOf(inner, inside.two).allowance, ALLOWANCE - 3 days);
        close(inner);
        dispute.propagate(_ref);
        vm.assertEq(dispute.commitmentOf(outerId, _ref.two).allowance, ALLOWANCE - 3 days);
        vm.revertToState(snapshot);

        // Both clocks run, and two's is out first.
        vm.warp(startsAt + SEALED_TURN + ALLOWANCE - 1 days);
        dispute.timeout(inside);
        assertStatus(inner, inside.two, CommitmentStatus.Fallen);
        vm.assertEq(dispute.commitmentOf(inner, inside.one).allowance, 1 days);
    }

    /// @notice Once sealed at level 1 both clocks run from the sealing, not from the turn that it ended.
    function test_clock_runsFromTheSealing() external {
        descend(_ref, _wrong, _right);
        bytes32 inner = seal(_ref, _wrong, _right, 0);
        (,,,, uint256 startsAt,,,) = dispute.tournamentOf(inner);
        MatchRef memory inside = _inside(inner);
        descend(inside, _wrongInside, _right);
        vm.warp(startsAt + TURN);
        seal(inside, _wrongInside, _right, 0);
        vm.assertEq(turnOf(inside).since, startsAt + TURN);
        vm.warp(startsAt + TURN + SEALED_TURN + 1 days);
        dispute.step(inside, witnessOf(FROM, 8));
        vm.assertEq(dispute.commitmentOf(inner, inside.two).allowance, ALLOWANCE - 1 days);
    }

    /// @notice Where the first step inside is contested, the agreed state is the one that the outer match agreed on.
    function test_seal_insideFromItsStart() external {
        descend(_ref, _wrong, _right);
        bytes32 inner = seal(_ref, _wrong, _right, 0);
        MatchRef memory inside = innerMatch(inner, 1, FROM, 0);
        vm.assertEq(dispute.matchOf(inside).node, dispute.matchOf(_ref).node);
        dispute.step(inside, witnessOf(FROM, 0));
        assertStatus(inner, inside.two, CommitmentStatus.Fallen);
    }

    /// @notice The same the other way round: one's clock is out first, and two is charged, since his own ran.
    function test_clock_sealedSurvivorIsTwo() external {
        warp(uint256(COMPUTE_0) + TURN + 1 days); // one's turn
        descend(_ref, _wrong, _right);
        bytes32 inner = seal(_ref, _wrong, _right, 0);
        (,,,, uint256 startsAt, uint256 closesAt,,) = dispute.tournamentOf(inner);
        vm.assertEq(closesAt, startsAt + ALLOWANCE); // two has more
        MatchRef memory inside = _inside(inner);
        _sealInside(inside);
        vm.warp(startsAt + SEALED_TURN + ALLOWANCE - 1 days);
        dispute.timeout(inside);
        assertStatus(inner, inside.one, CommitmentStatus.Fallen);
        vm.assertEq(dispute.commitmentOf(inner, inside.two).allowance, 1 days);
    }

    /// @notice A sealed match at level 1 names the contested leaf and the two states, one's first; a match that is over leaves nothing.
    function test_match_sealedAndCleared() external {
        descend(_ref, _wrong, _right);
        bytes32 inner = seal(_ref, _wrong, _right, 0);
        Match memory m = dispute.matchOf(_ref);
        vm.assertEq(m.left, _wrong.leaf(FROM));
        vm.assertEq(m.right, _right.leaf(FROM));
        vm.assertEq(m.turn.index, FROM);
        vm.assertEq(m.turn.height, 0);
        vm.assertTrue(m.turn.status == MatchStatus.Sealed);
        MatchRef memory inside = _inside(inner);
        _sealInside(inside);
        vm.assertEq(turnOf(inside).index, 8);
        dispute.step(inside, witnessOf(FROM, 8));
        vm.assertEq(keccak256(abi.encode(dispute.matchOf(inside))), keccak256(new bytes(12 * 32)));
    }

    function _refuseJoin(Run memory run, bytes memory lastState) private {
        (Children memory children, bytes32[] memory path) = (rootChildren(run), lastPath(run));
        uint256 bond = dispute.bondOf(0);
        vm.deal(bob, bond);
        vm.expectRevert(abi.encodeWithSelector(Dispute.Dispute_AlreadyJoined.selector, outerId, run.root()));
        vm.prank(bob);
        dispute.join{ value: bond }(outerId, children, lastState, path);
    }

    /// @notice A root joins once, while it plays no less than while it waits.
    function test_join_onceWhateverBecameOfIt() external {
        _refuseJoin(_right, TinyMachine.state(6));
        assertStatus(outerId, _ref.one, CommitmentStatus.Playing);
        _refuseJoin(_wrong, lie(1));
    }

    /// @notice What a dead tournament shows: nobody lives or waits there, and whoever got his bond back is told so.
    function test_reclaim_isTold() external {
        bytes32 waiting = joinLiar(2, 3);
        advance(_ref, _wrong, _right);
        vm.assertEq(dispute.rankOf(outerId, 0).waiting, waiting);
        settlement.abandon(SLOT);
        dispute.kill(outerId);
        dispute.reclaimMatch(_ref);
        assertStatus(outerId, _ref.one, CommitmentStatus.Returned);
        assertStatus(outerId, _ref.two, CommitmentStatus.Returned);
        (,,,,,, uint64 waitingRanks, uint64 liveRanks) = dispute.tournamentOf(outerId);
        vm.assertEq(waitingRanks, 1);
        vm.assertEq(liveRanks, 0);
        vm.assertEq(dispute.rankOf(outerId, 0).live, 0);
        dispute.reclaimWaiting(outerId, 0);
        assertStatus(outerId, waiting, CommitmentStatus.Returned);
        vm.assertEq(dispute.rankOf(outerId, 0).waiting, bytes32(0));
        vm.assertEq(dispute.rankOf(outerId, 64).waiting, bytes32(0));
    }
}
