// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Commitment, CommitmentStatus } from "../../src/dispute/Commitment.sol";
import { MatchRef, MatchStatus, Turn } from "../../src/dispute/Match.sol";
import { TournamentStatus } from "../../src/dispute/Tournament.sol";
import { Children } from "../../src/dispute/Tree.sol";
import { IDispute } from "../../src/l1/interfaces/IDispute.sol";
import { vm } from "../utils/Vm.sol";
import { Actors } from "./Actors.sol";
import { Run } from "./Runs.sol";
import { TinyMachine } from "./TinyMachine.sol";

/// @title The numbered invariants of docs/spec/dispute.md, after any acts of `Actors`.
/// @notice Rules: DISP-PAIR-1, DISP-PAIR-4, DISP-BOND-3, DISP-BOND-4, DISP-DEAD-1.
contract DisputeInvariantTest is Actors {
    uint32 private constant MARGIN = 12 hours;

    /// @dev The verdict as it was first seen.
    bytes32 private _verdict;

    function setUp() public override {
        super.setUp();
        vm.fee(10 gwei);
        vm.txGasPrice(12 gwei);
        _ids.push(outerId);
        bytes4[] memory selectors = new bytes4[](7);
        selectors[0] = this.actJoin.selector;
        selectors[1] = this.actJoinInner.selector;
        selectors[2] = this.actMove.selector;
        selectors[3] = this.actWait.selector;
        selectors[4] = this.actCensor.selector;
        selectors[5] = this.actClean.selector;
        selectors[6] = this.actDie.selector;
        targetContract(address(this));
        // Not one of the fuzzer's own choice: it gives its senders ether, and may choose a contract whose balance counts.
        targetSender(address(0xf00d));
        targetSelector(address(this), selectors);
    }

    // ---- the invariants ----

    function invariant_dispute() external {
        _everyRootIsSomewhere();
        _balance();
        _honestStands();
        _verdictStands();
        _moveOrTimeout();
        _neverStuck();
    }

    /// @dev 1: a slot is decided once.
    function _verdictStands() private {
        (IDispute.Verdict verdict, bytes32 output, address champion) = dispute.verdictOf(SLOT);
        bytes32 seen = keccak256(abi.encode(verdict, output, champion));
        if (_verdict != 0) vm.assertEq(seen, _verdict, "another verdict");
        else if (verdict != IDispute.Verdict.None) _verdict = seen;
    }

    /// @dev 4: in every live match a move is in time or a timeout is, and never both; but for those that wait for what is inside.
    function _moveOrTimeout() private {
        for (uint256 i = 0; i < _matches.length; ++i) {
            MatchRef memory ref = _matches[i];
            Turn memory turn = turnOf(ref);
            if (turn.status == MatchStatus.None || !isOpen(ref.tournament)) continue;
            bool canEnd = this.isLegal(abi.encodeCall(dispute.timeout, (ref)));
            if (turn.status == MatchStatus.Sealed && _level(ref.tournament) == 0) {
                vm.assertFalse(canEnd, "a timeout while what is inside decides");
                continue;
            }
            (bool known, bool canMove) = _canMove(ref, turn);
            if (known) vm.assertTrue(canMove != canEnd, "both or neither in time");
        }
    }

    /// @return known whether the next move is known; a step from an invented state is not
    function _canMove(MatchRef memory ref, Turn memory turn) private returns (bool known, bool canMove) {
        Run memory mover = _runs[ref.tournament][turn.twoMoves ? ref.two : ref.one];
        if (turn.status == MatchStatus.Sealed) {
            bytes32 agreed = dispute.matchOf(ref).node;
            for (uint256 i = 0; i <= TinyMachine.STEPS; ++i) {
                if (TinyMachine.stateHash(i) != agreed) continue;
                return (true, this.isLegal(abi.encodeCall(dispute.step, (ref, TinyMachine.witness(i)))));
            }
            return (false, false);
        }
        if (turn.height > 1) {
            (uint8 height, Children memory opened, Children memory next) = answer(ref, mover);
            return (true, this.isLegal(abi.encodeCall(dispute.advance, (ref, height, opened, next))));
        }
        // What is inside a dead tournament has lost its start.
        if (_isDead) return (false, false);
        (Children memory last, bytes32 before, bytes32[] memory path) = sealing(ref, mover, _startOf(ref.tournament));
        return (true, this.isLegal(abi.encodeCall(dispute.seal, (ref, last, before, path))));
    }

    /// @dev 6: every open tournament is being joined, has a live match, which has a deadline or an open tournament inside, or has a legal call.
    function _neverStuck() private {
        for (uint256 i = 0; i < _ids.length; ++i) {
            (,,,,, uint256 closesAt,, uint64 liveRanks) = dispute.tournamentOf(_ids[i]);
            if (!isOpen(_ids[i]) || block.timestamp < closesAt || _isDead) continue;
            if (liveRanks == 0) {
                bool isLegal_ = this.isLegal(abi.encodeCall(dispute.bye, (_ids[i])))
                    || this.isLegal(abi.encodeCall(dispute.decide, (SLOT)));
                for (uint256 j = 0; j < _matches.length; ++j) {
                    isLegal_ = isLegal_ || this.isLegal(abi.encodeCall(dispute.propagate, (_matches[j])));
                }
                vm.assertTrue(isLegal_, "nothing is legal");
                continue;
            }
            for (uint256 j = 0; j < _matches.length; ++j) {
                if (_matches[j].tournament != _ids[i]) continue;
                if (turnOf(_matches[j]).status != MatchStatus.Sealed || _level(_ids[i]) == 1) continue;
                vm.assertTrue(isOpen(dispute.innerIdOf(_ids[i], matchIdOf(_matches[j]))), "nothing inside");
            }
        }
    }

    /// @dev Whether a call would be accepted now: made, and given up.
    function isLegal(bytes calldata data) external returns (bool) {
        try this.attempt(data) { }
        catch (bytes memory reason) {
            return reason.length == 0;
        }
        return false;
    }

    /// @dev Reverts with nothing if the call was accepted, and else with its error.
    function attempt(bytes calldata data) external {
        (bool success, bytes memory reason) = address(dispute).call(data);
        if (!success) {
            assembly {
                revert(add(reason, 32), mload(reason))
            }
        }
        assembly {
            revert(0, 0)
        }
    }

    /// @dev 2: every joined root waits, plays, has fallen, or got its bond back; and the counts agree with the places.
    function _everyRootIsSomewhere() private view {
        for (uint256 i = 0; i < _ids.length; ++i) {
            (TournamentStatus status,,,,,, uint64 waitingRanks,) = dispute.tournamentOf(_ids[i]);
            uint256 waiting;
            uint256 live;
            for (uint8 rank = 0; rank < 8; ++rank) {
                waiting += (waitingRanks >> rank) & 1;
                live += dispute.rankOf(_ids[i], rank).live;
            }
            uint256[5] memory counts;
            bytes32[] storage joined = _joined[_ids[i]];
            for (uint256 j = 0; j < joined.length; ++j) {
                ++counts[uint256(statusOf(_ids[i], joined[j]))];
            }
            vm.assertEq(counts[uint256(CommitmentStatus.None)], 0);
            vm.assertEq(counts[uint256(CommitmentStatus.Playing)], 2 * live);
            uint256 returned = counts[uint256(CommitmentStatus.Returned)];
            // A winner's place is not cleared.
            if (status == TournamentStatus.Over) waiting -= returned;
            vm.assertEq(counts[uint256(CommitmentStatus.Waiting)], waiting);
        }
    }

    /// @dev 5: the balance is bonds, credits, and what was burned.
    function _balance() private view {
        uint256 bonds;
        for (uint256 i = 0; i < _ids.length; ++i) {
            uint256 bond = dispute.bondOf(_level(_ids[i]));
            for (uint256 j = 0; j < _joined[_ids[i]].length; ++j) {
                CommitmentStatus status = statusOf(_ids[i], _joined[_ids[i]][j]);
                if (status == CommitmentStatus.Waiting || status == CommitmentStatus.Playing) bonds += bond;
            }
        }
        for (uint256 i = 0; i < _matches.length; ++i) {
            Turn memory turn = turnOf(_matches[i]);
            bonds -= (uint256(turn.spentOne) + turn.spentTwo) * 1 gwei;
        }
        uint256 credits = dispute.creditOf(alice) + dispute.creditOf(mallory) + dispute.creditOf(address(this));
        vm.assertEq(address(dispute).balance, bonds + credits + _burned);
    }

    /// @dev 7: no honest root ever falls, nor plays more matches than the logarithm, nor has less than the margin.
    function _honestStands() private view {
        for (uint256 i = 0; i < _ids.length; ++i) {
            bool isOuter = _level(_ids[i]) == 0;
            if (!isOuter && !_inHonestMatch(_ids[i])) continue;
            bytes32 root = isOuter ? _honestRoot() : rightInner(_stride[_ids[i]]).root();
            Commitment memory honest_ = dispute.commitmentOf(_ids[i], root);
            vm.assertTrue(honest_.status != CommitmentStatus.Fallen, "the honest root fell");
            uint256 rounds;
            while (1 << rounds < _joined[_ids[i]].length) ++rounds;
            uint256 played;
            for (uint256 j = 0; j < _matches.length; ++j) {
                MatchRef memory ref = _matches[j];
                if (ref.tournament == _ids[i] && (ref.one == root || ref.two == root)) ++played;
            }
            vm.assertLe(played, rounds);
            if (honest_.status == CommitmentStatus.Waiting) vm.assertGe(honest_.allowance, MARGIN - 2 * TURN);
        }
        (IDispute.Verdict verdict, bytes32 output,) = dispute.verdictOf(SLOT);
        if (verdict == IDispute.Verdict.None || statusOf(_round(), _honestRoot()) == CommitmentStatus.None) return;
        vm.assertTrue(verdict == IDispute.Verdict.Output);
        vm.assertEq(output, TinyMachine.OUTPUT);
    }

    /// @dev 6: whatever happened, it ends: with the honest party acting, and nobody else, the right verdict comes, with his bonds.
    function afterInvariant() external {
        _finish();
    }

    function _finish() private {
        for (uint256 i = 0; i < 2_000 && !_isDead; ++i) {
            (IDispute.Verdict verdict,,) = dispute.verdictOf(SLOT);
            if (verdict != IDispute.Verdict.None) break;
            this.actHonestTick();
        }
        if (_isDead) return _finishDead();
        _everyRootIsSomewhere();
        _balance();
        _honestStands();
        (IDispute.Verdict last, bytes32 output,) = dispute.verdictOf(SLOT);
        vm.assertTrue(last == IDispute.Verdict.Output, "no verdict");
        vm.assertEq(output, TinyMachine.OUTPUT);
    }

    /// @dev The dead give everything back but what was spent on moves, and nobody waits or plays any more.
    function _finishDead() private {
        this.actHonestTick();
        _balance();
        for (uint256 i = 0; i < _ids.length; ++i) {
            vm.assertFalse(isOpen(_ids[i]), "alive");
            for (uint256 j = 0; j < _joined[_ids[i]].length; ++j) {
                CommitmentStatus status = statusOf(_ids[i], _joined[_ids[i]][j]);
                vm.assertTrue(status == CommitmentStatus.Fallen || status == CommitmentStatus.Returned);
            }
        }
        uint256 credits = dispute.creditOf(alice) + dispute.creditOf(mallory) + dispute.creditOf(address(this));
        vm.assertEq(address(dispute).balance, credits + _burned);
    }

    /// @dev Adversaries are silent, so once he has done all that he can, only deadlines change anything.
    function actHonestTick() external tracked {
        for (uint256 i = 0; i < 3; ++i) {
            _honestActs();
        }
        warp(6 hours);
    }

    /// @notice The actions reach inner tournaments, proofs and a verdict: a run by hand.
    function test_dispute_reachesEveryEnd() external {
        this.actJoin(5, 1);
        this.actWait(1);
        for (uint256 i = 0; i < 25; ++i) {
            this.actMove(0, 0);
        }
        this.actJoinInner(0, 4, 1);
        this.actWait(1);
        for (uint256 i = 0; i < 25; ++i) {
            this.actMove(1, 0);
        }
        vm.assertEq(_matches.length, 2);
        vm.assertEq(_ended, 1);
        this.actCensor(2 days);
        _finish();
        vm.assertEq(_ended, 2);
        vm.assertTrue(_burned != 0);
        vm.assertEq(_ids.length, 2);
    }

    /// @notice The actions reach a death with play inside, which gives back the bonds of both levels.
    function test_dispute_reachesDeathInside() external {
        this.actJoin(5, 1);
        this.actWait(1);
        this.actMove(0, 20);
        this.actJoinInner(0, 4, 1);
        this.actWait(1);
        this.actDie(24);
        this.actMove(1, 5);
        this.invariant_dispute();
        vm.assertEq(_ids.length, 2);
        vm.assertTrue(isOpen(_ids[1]));
        _finish();
        vm.assertEq(address(dispute).balance, 2 * (dispute.bondOf(0) + dispute.bondOf(1)));
        vm.assertGt(dispute.creditOf(alice), dispute.bondOf(1));
        vm.assertEq(_burned, 0);
    }
}
