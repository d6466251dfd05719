// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { CommitmentStatus } from "../../src/dispute/Commitment.sol";
import { MatchRef } from "../../src/dispute/Match.sol";
import { Tournament, Tournaments, TournamentStatus } from "../../src/dispute/Tournament.sol";
import { Test } from "../utils/Test.sol";
import { vm } from "../utils/Vm.sol";

/// @title Pairing by rank by itself, with every set of ranks that waits and lives: DISP-PAIR-1, DISP-PAIR-2, DISP-PAIR-3, DISP-END-1.
contract TournamentRanksTest is Test {
    uint40 private constant CLOSES_AT = 1_700_000_000;
    bytes32 private constant ID = keccak256("tournament");
    /// @dev Sets of ranks below four, as bits.
    uint64 private constant SETS = 16;

    Tournament private _tournament;

    function setUp() public {
        _tournament.status = TournamentStatus.Open;
        _tournament.closesAt = CLOSES_AT;
        vm.warp(CLOSES_AT);
    }

    function bye() external returns (bytes32) {
        return _tournament.bye();
    }

    function finish() external returns (bytes32) {
        return _tournament.finish();
    }

    function _enter(bytes32 root, uint8 rank) private returns (bool isPaired, MatchRef memory ref) {
        _tournament.commitments[root].rank = rank;
        return _tournament.enter(ID, root);
    }

    function _assertRanks(uint64 waiting, uint64 live) private view {
        vm.assertEq(_tournament.waitingRanks, waiting);
        vm.assertEq(_tournament.liveRanks, live);
    }

    function _rootAt(uint256 rank) private pure returns (bytes32) {
        return keccak256(abi.encode("waits", rank));
    }

    /// @dev Somebody waits at each rank of one set, and matches live at each of the other.
    function _place(uint64 waiting, uint64 live) private {
        (_tournament.waitingRanks, _tournament.liveRanks) = (waiting, live);
        for (uint8 rank = 0; rank < 4; ++rank) {
            _tournament.ranks[rank].waiting = _rootAt(rank);
            _tournament.commitments[_rootAt(rank)].rank = rank;
            _tournament.commitments[_rootAt(rank)].status = CommitmentStatus.Waiting;
        }
    }

    /// @notice What happens at one rank leaves the others alone.
    function test_enter_ranksAreApart() external {
        _enter("high", 2);
        _enter("a", 0);
        _assertRanks(5, 0);
        (bool isPaired, MatchRef memory ref) = _enter("b", 0);
        vm.assertTrue(isPaired);
        vm.assertEq(ref.tournament, ID);
        vm.assertEq(ref.one, "a");
        vm.assertEq(ref.two, "b");
        _assertRanks(4, 1);
        (isPaired, ref) = _enter("higher", 2);
        vm.assertTrue(isPaired);
        vm.assertEq(ref.one, "high");
        _assertRanks(0, 5);
        _enter("c", 0);
        _enter("d", 0);
        _tournament.depart(0);
        _assertRanks(0, 5); // two matches lived there
        _tournament.depart(0);
        _assertRanks(0, 4);
        _tournament.depart(2);
        _assertRanks(0, 0);
    }

    /// @notice A match's place for its winner is paid for beforehand, and never in the place of who waits there.
    function test_enter_keepsWhoWaitsAbove() external {
        _enter("above", 1);
        _enter("a", 0);
        _enter("b", 0);
        vm.assertEq(_tournament.ranks[1].waiting, "above");
        (, MatchRef memory ref) = _enter("winner", 1);
        vm.assertEq(ref.one, "above");
        vm.assertTrue(_tournament.ranks[2].waiting != 0);
        vm.assertEq(_tournament.waitingRanks, 0);
        (bool isPaired,) = _enter("first", 2);
        vm.assertFalse(isPaired);
        vm.assertEq(_tournament.ranks[2].waiting, "first");
    }

    /// @notice DISP-PAIR-3 for every set: the lowest is lifted if no match lives at his rank or below and somebody is above.
    function test_bye_everySet() external {
        for (uint64 waiting = 0; waiting < SETS; ++waiting) {
            for (uint64 live = 0; live < SETS; ++live) {
                _place(waiting, live);
                uint8 lowest = 0;
                while (lowest < 4 && (waiting >> lowest) & 1 == 0) ++lowest;
                bool isLifted = waiting != 0;
                bool isAbove = false;
                for (uint8 rank = 0; rank < 4; ++rank) {
                    if (rank <= lowest && (live >> rank) & 1 == 1) isLifted = false;
                    if (rank > lowest && ((waiting | live) >> rank) & 1 == 1) isAbove = true;
                }
                if (isLifted && isAbove) {
                    vm.assertEq(this.bye(), _rootAt(lowest));
                    _assertRanks(waiting - uint64(1 << lowest), live);
                    vm.assertEq(_tournament.commitments[_rootAt(lowest)].rank, lowest + 1);
                } else {
                    vm.expectRevert(abi.encodeWithSelector(Tournaments.Tournament_NoBye.selector, waiting, live));
                    this.bye();
                }
            }
        }
    }

    /// @notice DISP-END-1 for every set: no match lives and at most one waits, who wins.
    function test_finish_everySet() external {
        for (uint64 waiting = 0; waiting < SETS; ++waiting) {
            for (uint64 live = 0; live < SETS; ++live) {
                _tournament.status = TournamentStatus.Open;
                _place(waiting, live);
                uint256 count = 0;
                bytes32 expected = 0;
                for (uint256 rank = 0; rank < 4; ++rank) {
                    if ((waiting >> rank) & 1 == 1) (count, expected) = (count + 1, _rootAt(rank));
                }
                if (count > 1 || live != 0) {
                    vm.expectRevert(abi.encodeWithSelector(Tournaments.Tournament_Unfinished.selector, waiting, live));
                    this.finish();
                    continue;
                }
                vm.assertEq(this.finish(), expected);
                vm.assertTrue(_tournament.status == TournamentStatus.Over);
                if (count == 1) {
                    vm.assertTrue(_tournament.commitments[expected].status == CommitmentStatus.Returned);
                }
            }
        }
    }

    /// @notice Nothing of this while somebody may still join.
    function test_joining_isOpenToTheLastSecond() external {
        _place(3, 0);
        vm.warp(CLOSES_AT - 1);
        bytes memory reason = abi.encodeWithSelector(Tournaments.Tournament_Joining.selector, CLOSES_AT);
        vm.expectRevert(reason);
        this.bye();
        _place(1, 0);
        vm.expectRevert(reason);
        this.finish();
        vm.warp(CLOSES_AT);
        vm.assertEq(this.finish(), _rootAt(0));
    }
}
