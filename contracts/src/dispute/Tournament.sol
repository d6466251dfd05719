// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Commitment, CommitmentStatus } from "./Commitment.sol";
import { Match, MatchRef, Matches } from "./Match.sol";

/// @notice None -> Open -> Over | Dead. Over: its result was taken. Dead: it is about nothing any more, and bonds go back.
enum TournamentStatus {
    None,
    Open,
    Over,
    Dead
}

/// @notice What happens at one rank.
/// @param waiting the root that waits for an equal, if the tournament says that one does; else left over, or a placeholder
/// @param live matches of commitments of this rank
struct Rank {
    bytes32 waiting;
    uint32 live;
}

/// @notice An elimination among commitments about one run.
/// @param parent level 0: the slot. Level 1: the tournament of the match that this one decides
/// @param matchId level 1: that match there
/// @param startsAt no clock runs before, seconds: who has to move has had the time to compute
/// @param closesAt nobody joins from then on, seconds
/// @param waitingRanks bit r: somebody of rank r waits
/// @param liveRanks bit r: a match of rank r lives
struct Tournament {
    bytes32 parent;
    bytes32 matchId;
    uint40 startsAt;
    uint40 closesAt;
    uint8 level;
    TournamentStatus status;
    uint64 waitingRanks;
    uint64 liveRanks;
    mapping(uint256 rank => Rank) ranks;
    mapping(bytes32 root => Commitment) commitments;
    mapping(bytes32 matchId => Match) matches;
}

using Tournaments for Tournament global;

/// @title Pairing by rank (DISP-PAIR-1, DISP-PAIR-2, DISP-PAIR-3, DISP-PAIR-4)
/// @notice Newcomers have rank 0, equals are paired at once, a winner gains one: so nobody plays more than ceil(log2(N + 1)) matches
/// against N others.
/// @dev Twin: prover/dispute/src/tournament.rs. Invariant: every joined root waits, is in one match, has fallen, or got its bond back.
library Tournaments {
    /// @notice A place that was paid for before anybody stood there.
    bytes32 private constant PLACEHOLDER = bytes32(uint256(1));

    error Tournament_Joining(uint256 closesAt);
    error Tournament_NoBye(uint64 waitingRanks, uint64 liveRanks);
    error Tournament_Unfinished(uint64 waitingRanks, uint64 liveRanks);
    error Tournament_NobodyWaits(uint256 rank);

    /// @notice A commitment that is in no match comes to its rank: it waits there, or meets who waits.
    /// @return isPaired whether a match began
    /// @return ref that match; `two` is the newcomer
    function enter(Tournament storage self, bytes32 tournament, bytes32 root)
        internal
        returns (bool isPaired, MatchRef memory ref)
    {
        Commitment storage two = self.commitments[root];
        uint256 rank = two.rank;
        Rank storage place = self.ranks[rank];
        uint64 bit = uint64(1 << rank);
        if (self.waitingRanks & bit == 0) {
            place.waiting = root;
            self.waitingRanks |= bit;
            two.status = CommitmentStatus.Waiting;
            return (false, ref);
        }
        ref = MatchRef(tournament, place.waiting, root);
        self.waitingRanks &= ~bit;
        self.liveRanks |= bit;
        ++place.live;
        // The winner's place: whoever makes the match pays for it, so that whoever proves a step need not.
        Rank storage above = self.ranks[rank + 1];
        if (above.waiting == 0) above.waiting = PLACEHOLDER;
        Commitment storage one = self.commitments[ref.one];
        one.status = CommitmentStatus.Playing;
        two.status = CommitmentStatus.Playing;
        self.matches[Matches.idOf(ref.one, ref.two)].begin(ref.one, one, two, self.startsAt);
        return (true, ref);
    }

    /// @notice A match of this rank is over.
    function depart(Tournament storage self, uint256 rank) internal {
        if (--self.ranks[rank].live == 0) self.liveRanks &= ~uint64(1 << rank);
    }

    /// @notice The lowest that waits gains a rank without a match: nobody can come to meet it any more (DISP-PAIR-3).
    /// @return root that was lifted, which is in no place now
    function bye(Tournament storage self) internal returns (bytes32 root) {
        if (block.timestamp < self.closesAt) revert Tournament_Joining(self.closesAt);
        uint64 waiting = self.waitingRanks;
        uint64 live = self.liveRanks;
        if (waiting == 0) revert Tournament_NoBye(waiting, live);
        uint64 belowLowest = ~waiting & (waiting - 1);
        uint64 lowest = belowLowest + 1;
        // Nobody comes to meet who waits there: no match lives at that rank or below. And others remain above.
        bool canMeet = live & (belowLowest | lowest) != 0;
        bool isAlone = (waiting | live) & ~lowest == 0;
        if (canMeet || isAlone) revert Tournament_NoBye(waiting, live);
        root = self.ranks[_log2(lowest)].waiting;
        self.waitingRanks = waiting & ~lowest;
        ++self.commitments[root].rank;
    }

    /// @notice Ends it, if joining has closed, no match lives, and at most one waits (DISP-END-1).
    /// @return winner zero if nobody is left
    function finish(Tournament storage self) internal returns (bytes32 winner) {
        if (block.timestamp < self.closesAt) revert Tournament_Joining(self.closesAt);
        uint64 waiting = self.waitingRanks;
        bool manyWait = waiting != 0 && waiting & (waiting - 1) != 0;
        if (manyWait || self.liveRanks != 0) revert Tournament_Unfinished(waiting, self.liveRanks);
        self.status = TournamentStatus.Over;
        if (waiting == 0) return 0;
        winner = self.ranks[_log2(waiting)].waiting;
        self.commitments[winner].status = CommitmentStatus.Returned;
    }

    /// @notice Takes who waits at a rank out of a dead tournament.
    function remove(Tournament storage self, uint8 rank) internal returns (bytes32 root) {
        if (rank >= 64 || self.waitingRanks & uint64(1 << rank) == 0) revert Tournament_NobodyWaits(rank);
        self.waitingRanks &= ~uint64(1 << rank);
        root = self.ranks[rank].waiting;
        self.commitments[root].status = CommitmentStatus.Returned;
    }

    /// @dev Of a power of two.
    function _log2(uint64 power) private pure returns (uint256 log) {
        while (power > 1) {
            power >>= 1;
            ++log;
        }
    }
}
