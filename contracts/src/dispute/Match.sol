// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Hashes } from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import { Clock } from "./Clock.sol";
import { Commitment } from "./Commitment.sol";
import { Children, Tree } from "./Tree.sol";

/// @notice Which match: its two commitments in their tournament. `one` waited longer and moves first. No position, no counter: after a
/// reorganisation a move still means what it meant.
struct MatchRef {
    bytes32 tournament;
    bytes32 one;
    bytes32 two;
}

/// @notice None -> Descending -> Sealed -> None, when it has been decided.
enum MatchStatus {
    None,
    Descending,
    Sealed
}

/// @notice How a match ends.
enum Result {
    OneWins,
    TwoWins,
    BothFall
}

/// @notice Everything about a match that fits one word.
/// @param height of the node to open next
/// @param twoMoves whose turn it is
/// @param index of that node among those of its height; once sealed, of the contested leaf
/// @param since when the running clock, or both, began to run; seconds
/// @param allowanceOne, allowanceTwo seconds left
/// @param spentOne, spentTwo gwei of the side's bond that went to those who moved for it
struct Turn {
    MatchStatus status;
    uint8 height;
    bool twoMoves;
    uint32 index;
    uint40 since;
    uint32 allowanceOne;
    uint32 allowanceTwo;
    uint48 spentOne;
    uint48 spentTwo;
}

/// @notice Two commitments that differ, and how far the first difference has been located.
/// @param node where the side that is to move differs; once sealed, the state before the contested one
/// @param left, right the other side's nodes below; once sealed, the contested states of one and two
struct Match {
    bytes32 node;
    bytes32 left;
    bytes32 right;
    Turn turn;
}

using Matches for Match global;
using Turns for Turn global;

/// @title Whose turn it is, and what it costs (DISP-CLOCK-4, DISP-MATCH-1)
/// @dev Works on a copy in memory, which the caller stores.
library Turns {
    error Match_NotDescending(MatchStatus status);
    error Match_WrongHeight(uint8 actual, uint8 given);
    error Match_NotSealed(MatchStatus status);

    /// @notice Reverts unless the node at `height` is to be opened.
    function checkDescending(Turn memory self, uint8 height) internal pure {
        if (self.status != MatchStatus.Descending) revert Match_NotDescending(self.status);
        if (self.height != height) revert Match_WrongHeight(self.height, height);
    }

    function checkSealed(Turn memory self) internal pure {
        if (self.status != MatchStatus.Sealed) revert Match_NotSealed(self.status);
    }

    /// @notice Charges the side that moves now; reverts if its clock is out.
    function charge(Turn memory self, uint32 grace) internal view {
        if (self.twoMoves) self.allowanceTwo = Clock.charge(self.allowanceTwo, self.since, grace);
        else self.allowanceOne = Clock.charge(self.allowanceOne, self.since, grace);
    }

    /// @notice Charges both sides, once both clocks run; reverts if one is out, when only a timeout is legal.
    function chargeBoth(Turn memory self, uint32 grace) internal view {
        self.allowanceOne = Clock.charge(self.allowanceOne, self.since, grace);
        self.allowanceTwo = Clock.charge(self.allowanceTwo, self.since, grace);
    }

    /// @notice Books gwei against the bond of the side.
    function spend(Turn memory self, bool byTwo, uint48 amountGwei) internal pure {
        if (byTwo) self.spentTwo += amountGwei;
        else self.spentOne += amountGwei;
    }

    /// @notice How it ends if nobody acts in time. `isOver`: whether a clock is out.
    /// @param bothRun at level 1, once sealed
    /// @return isOver whether the match can be ended now
    /// @return result of it
    function timedOut(Turn memory self, bool bothRun, uint32 grace) internal view returns (bool isOver, Result result) {
        bool oneOut = (bothRun || !self.twoMoves) && Clock.isOut(self.allowanceOne, self.since, grace);
        bool twoOut = (bothRun || self.twoMoves) && Clock.isOut(self.allowanceTwo, self.since, grace);
        isOver = oneOut || twoOut;
        result = oneOut ? (twoOut ? Result.BothFall : Result.TwoWins) : Result.OneWins;
    }
}

/// @title The descent to the first difference (DISP-MATCH-1 to DISP-MATCH-4)
/// @dev Twin: prover/dispute/src/game.rs. Invariant while descending: `node` and the node above `left` and `right` are those of the
/// two sides at one place, they differ, and everything to the left of them is equal.
library Matches {
    using Tree for Children;

    error Match_WrongNode(bytes32 expected, bytes32 actual);
    error Match_WrongAgreed(bytes32 expected, bytes32 actual);
    error Match_WrongAgreedPath(bytes32 root);

    /// @notice The match's name within its tournament.
    function idOf(bytes32 one, bytes32 two) internal pure returns (bytes32) {
        return Hashes.efficientKeccak256(one, two);
    }

    /// @notice Side one is to open its root.
    function begin(Match storage self, bytes32 rootOne, Commitment storage one, Commitment storage two, uint40 startsAt)
        internal
    {
        self.node = rootOne;
        self.left = two.left;
        self.right = two.right;
        self.put(
            Turn({
                status: MatchStatus.Descending,
                height: Tree.HEIGHT,
                twoMoves: false,
                index: 0,
                since: Clock.start(startsAt),
                allowanceOne: one.allowance,
                allowanceTwo: two.allowance,
                spentOne: 0,
                spentTwo: 0
            })
        );
    }

    /// @notice Opens the node, goes to the first child in which the sides differ, and hands over its children and the turn.
    function advance(Match storage self, Turn memory turn, Children calldata opened, Children calldata next) internal {
        (bool goesRight, bytes32 mine, bytes32 others) = _choose(self, opened);
        if (next.node() != mine) revert Match_WrongNode(mine, next.node());
        self.node = others;
        self.left = next.left;
        self.right = next.right;
        --turn.height;
        turn.index = 2 * turn.index + (goesRight ? 1 : 0);
        turn.twoMoves = !turn.twoMoves;
    }

    /// @notice Opens the lowest node, and fixes the contested leaves and the state before them (DISP-MATCH-3).
    /// @param agreed that state: the leaf before the contested one, or the start
    /// @param path of that leaf in either commitment; empty if the opened node shows it, or if it is the start
    /// @param start the state before the first leaf
    function close(
        Match storage self,
        Turn memory turn,
        MatchRef calldata ref,
        Children calldata opened,
        bytes32 agreed,
        bytes32[] calldata path,
        bytes32 start
    ) internal {
        (bool goesRight, bytes32 mine, bytes32 others) = _choose(self, opened);
        turn.height = 0;
        turn.index = 2 * turn.index + (goesRight ? 1 : 0);
        turn.status = MatchStatus.Sealed;
        if (goesRight || turn.index == 0) {
            bytes32 expected = goesRight ? opened.left : start;
            if (agreed != expected) revert Match_WrongAgreed(expected, agreed);
            if (path.length != 0) revert Tree.Tree_PathLength(path.length, 0);
        } else {
            bytes32 root = Tree.ancestor(agreed, turn.index - 1, path, Tree.HEIGHT);
            if (root != ref.one && root != ref.two) revert Match_WrongAgreedPath(root);
        }
        self.node = agreed;
        (self.left, self.right) = turn.twoMoves ? (others, mine) : (mine, others);
    }

    /// @notice Stores whose turn it is, in one write: member by member the compiler would read and write the word nine times.
    /// @dev The layout is the compiler's, which reads it.
    function put(Match storage self, Turn memory turn) internal {
        uint256 word = uint256(turn.status) | uint256(turn.height) << 8 | (turn.twoMoves ? 1 << 16 : 0)
            | uint256(turn.index) << 24 | uint256(turn.since) << 56 | uint256(turn.allowanceOne) << 96
            | uint256(turn.allowanceTwo) << 128 | uint256(turn.spentOne) << 160 | uint256(turn.spentTwo) << 208;
        Turn storage place = self.turn;
        assembly ("memory-safe") {
            sstore(place.slot, word)
        }
    }

    /// @notice The match is over and leaves nothing behind: its pair never meets again, since one of them has fallen.
    function clear(Match storage self) internal {
        self.node = 0;
        self.left = 0;
        self.right = 0;
        delete self.turn;
    }

    /// @dev The child in which the sides differ, on either side. Since the nodes differ, so do the right children if the left ones
    /// are equal.
    function _choose(Match storage self, Children calldata opened)
        private
        view
        returns (bool goesRight, bytes32 mine, bytes32 others)
    {
        bytes32 actual = opened.node();
        if (actual != self.node) revert Match_WrongNode(self.node, actual);
        bytes32 othersLeft = self.left;
        goesRight = othersLeft == opened.left;
        (mine, others) = goesRight ? (opened.right, self.right) : (opened.left, othersLeft);
    }
}
