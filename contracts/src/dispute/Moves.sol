// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IStep } from "../vm/IStep.sol";
import { Clock } from "./Clock.sol";
import { Commitment, CommitmentStatus, Ending } from "./Commitment.sol";
import { Match, MatchRef, MatchStatus, Matches, Result, Turn } from "./Match.sol";
import { Purse } from "./Purse.sol";
import { Terms, TermsRules } from "./Terms.sol";
import { Tournament, TournamentStatus } from "./Tournament.sol";
import { Children } from "./Tree.sol";

/// @title The moves of matches (DISP-MATCH-*, DISP-CLOCK-*, DISP-BOND-*)
/// @notice Anyone may make any move for any commitment, and is refunded out of the bond of the side that he moved for. Each legal move
/// exists once, so nobody drains a bond by moving for it. A call names the match by its content, and the node; after a
/// reorganisation it still means the same or reverts.
/// @dev Twin: prover/dispute. Adversarial: every caller and all data.
abstract contract Moves is Purse {
    /// @notice The step contract of the machine (VM-4).
    IStep public immutable machine;
    uint32 public immutable allowanceSeconds;
    uint32 public immutable computeSeconds0;
    uint32 public immutable computeSeconds1;
    uint32 public immutable turnSeconds;
    uint32 public immutable sealedTurnSeconds;
    uint16 public immutable gasPriceCapGwei;
    uint48 internal immutable _bondGwei0;
    uint48 internal immutable _bondGwei1;

    mapping(bytes32 id => Tournament) internal _tournaments;

    event TournamentOpened(
        bytes32 indexed tournament,
        bytes32 indexed parent,
        uint8 level,
        bytes32 start,
        uint256 startsAt,
        uint256 closesAt
    );
    event MatchBegan(bytes32 indexed tournament, bytes32 one, bytes32 two, uint256 rank);
    event MatchAdvanced(bytes32 indexed tournament, bytes32 indexed matchId, uint8 height);
    event MatchSealed(
        bytes32 indexed tournament,
        bytes32 indexed matchId,
        uint256 index,
        bytes32 agreed,
        bytes32 contestedOne,
        bytes32 contestedTwo
    );
    event MatchEnded(bytes32 indexed tournament, bytes32 indexed matchId, Result result, uint256 burnedGwei);
    event BondReturned(bytes32 indexed tournament, bytes32 indexed root, address indexed joiner, uint256 amount);

    error Dispute_NotOpen(bytes32 tournament, TournamentStatus status);
    error Dispute_NoMatch(bytes32 tournament, bytes32 matchId);
    error Dispute_WrongLevel(bytes32 tournament, uint8 level);
    error Dispute_InTime(bytes32 tournament, bytes32 matchId);
    error Dispute_SealInstead(bytes32 tournament, bytes32 matchId);
    error Dispute_NoMachine(address machine);

    constructor(address machine_, Terms memory terms) {
        terms.check();
        if (machine_.code.length == 0) revert Dispute_NoMachine(machine_);
        machine = IStep(machine_);
        allowanceSeconds = terms.allowanceSeconds;
        computeSeconds0 = terms.computeSeconds0;
        computeSeconds1 = terms.computeSeconds1;
        turnSeconds = terms.turnSeconds;
        sealedTurnSeconds = terms.sealedTurnSeconds;
        gasPriceCapGwei = terms.gasPriceCapGwei;
        _bondGwei0 = TermsRules.bondGwei(terms.gasPriceCapGwei, 0);
        _bondGwei1 = TermsRules.bondGwei(terms.gasPriceCapGwei, 1);
    }

    /// @notice Goes one node down towards the first difference. Caller: anyone; refunded by the side whose turn it is.
    /// @dev Reverts if the tournament is not open, the match does not exist or is not at this height, above 1; if the clock is out; or if
    /// the nodes do not hash to what is there.
    /// @param height of the node that is opened
    /// @param opened children of that node
    /// @param next children of the child in which the sides differ: the right one if the left ones are equal
    function advance(MatchRef calldata ref, uint8 height, Children calldata opened, Children calldata next) external {
        uint256 gasAtStart = gasleft();
        Tournament storage tournament = _open(ref.tournament);
        (bytes32 matchId, Match storage m, Turn memory turn) = _match(tournament, ref);
        turn.checkDescending(height);
        if (height < 2) revert Dispute_SealInstead(ref.tournament, matchId);
        turn.charge(turnSeconds);
        bool byTwo = turn.twoMoves;
        m.advance(turn, opened, next);
        turn.since = Clock.start(tournament.startsAt);
        emit MatchAdvanced(ref.tournament, matchId, height - 1);
        turn.spend(byTwo, _refund(gasAtStart, TermsRules.ADVANCE_GAS, gasPriceCapGwei));
        m.put(turn);
    }

    /// @notice DISP-MATCH-2: opens the lowest node. At level 0 a tournament inside the contested stride opens, and both clocks rest; at level 1 both
    /// clocks run until somebody proves the contested step. Caller: anyone; refunded by the side whose turn it is.
    /// @dev Reverts as `advance` does, or if the agreed state is not shown.
    /// @param opened children of the node at height 1: leaves
    /// @param agreed the state before the contested leaf
    /// @param path its siblings in either commitment, from the leaf upwards; empty if it is `opened.left` or the tournament's start
    function seal(MatchRef calldata ref, Children calldata opened, bytes32 agreed, bytes32[] calldata path) external {
        uint256 gasAtStart = gasleft();
        Tournament storage tournament = _open(ref.tournament);
        (bytes32 matchId, Match storage m, Turn memory turn) = _match(tournament, ref);
        turn.checkDescending(1);
        turn.charge(turnSeconds);
        bool byTwo = turn.twoMoves;
        m.close(turn, ref, opened, agreed, path, _startOf(tournament));
        emit MatchSealed(ref.tournament, matchId, turn.index, agreed, m.left, m.right);
        uint256 capGas = TermsRules.SEAL_INNER_GAS;
        if (tournament.level == 0) {
            capGas = TermsRules.SEAL_OUTER_GAS;
            _openInner(ref.tournament, matchId, turn, agreed);
        }
        turn.since = Clock.start(tournament.startsAt);
        turn.spend(byTwo, _refund(gasAtStart, capGas, gasPriceCapGwei));
        m.put(turn);
    }

    /// @notice Decides a sealed match of level 1 by the contested step. Caller: anyone; refunded by what falls.
    /// @dev L1 computes the successor of the agreed state; the side that has it wins, and if neither has it, both fall. Reverts while the
    /// witness is not accepted (`IStep`), which decides nothing: too little gas for a precompile looks like a bad witness. Reverts
    /// if a clock is out.
    function step(MatchRef calldata ref, bytes calldata witness) external {
        uint256 gasAtStart = gasleft();
        Tournament storage tournament = _open(ref.tournament);
        (bytes32 matchId, Match storage m, Turn memory turn) = _match(tournament, ref);
        if (tournament.level != 1) revert Dispute_WrongLevel(ref.tournament, tournament.level);
        turn.checkSealed();
        turn.chargeBoth(sealedTurnSeconds);
        bytes32 successor = machine.step(m.node, witness);
        Result result = successor == m.left ? Result.OneWins : successor == m.right ? Result.TwoWins : Result.BothFall;
        _end(tournament, ref, matchId, turn, result, gasAtStart, TermsRules.STEP_GAS);
    }

    /// @notice DISP-MATCH-5: ends a match in which a clock is out: the other side wins; if both clocks ran and both are out, both fall. Caller: anyone;
    /// refunded by what falls.
    /// @dev The survivor is not charged for how late the call comes, unless his own clock runs as well. Reverts if nobody's is out.
    function timeout(MatchRef calldata ref) external {
        uint256 gasAtStart = gasleft();
        Tournament storage tournament = _open(ref.tournament);
        (bytes32 matchId,, Turn memory turn) = _match(tournament, ref);
        bool isSealed = turn.status == MatchStatus.Sealed;
        // Its inner tournament decides.
        if (isSealed && tournament.level == 0) revert Dispute_InTime(ref.tournament, matchId);
        uint32 grace = isSealed ? sealedTurnSeconds : turnSeconds;
        (bool isOver, Result result) = turn.timedOut(isSealed, grace);
        if (!isOver) revert Dispute_InTime(ref.tournament, matchId);
        if (isSealed && result == Result.OneWins) {
            turn.allowanceOne = Clock.charge(turn.allowanceOne, turn.since, grace);
        } else if (isSealed && result == Result.TwoWins) {
            turn.allowanceTwo = Clock.charge(turn.allowanceTwo, turn.since, grace);
        }
        _end(tournament, ref, matchId, turn, result, gasAtStart, TermsRules.CLOSE_GAS);
    }

    /// @notice DISP-MATCH-6: decides a sealed match of level 0 by its inner tournament: the side that the winner there backs wins, with the allowance
    /// that is left there; if nobody is left, both fall. Caller: anyone; refunded by what falls.
    /// @dev Reverts while the inner tournament is not finished. What the clocks keep: DISP-CLOCK-5.
    function propagate(MatchRef calldata ref) external {
        uint256 gasAtStart = gasleft();
        Tournament storage tournament = _open(ref.tournament);
        (bytes32 matchId,, Turn memory turn) = _match(tournament, ref);
        if (tournament.level != 0) revert Dispute_WrongLevel(ref.tournament, tournament.level);
        turn.checkSealed();
        bytes32 innerId = innerIdOf(ref.tournament, matchId);
        Tournament storage inner = _open(innerId);
        bytes32 winner = inner.finish();
        Result result = Result.BothFall;
        if (winner != 0) {
            Commitment storage commitment = inner.commitments[winner];
            bool backsTwo = commitment.ending == Ending.BacksTwo;
            result = backsTwo ? Result.TwoWins : Result.OneWins;
            if (backsTwo) turn.allowanceTwo = commitment.allowance;
            else turn.allowanceOne = commitment.allowance;
            _returnBond(innerId, winner, commitment.joiner, _bondGwei1);
        }
        _end(tournament, ref, matchId, turn, result, gasAtStart, TermsRules.CLOSE_GAS);
    }

    /// @notice Lets the lowest that waits rise by a rank, when nobody can come to meet it any more. Caller: anyone.
    /// @dev Reverts while joining is open, while a match lives at that rank or below, or if nobody else is left (DISP-PAIR-3).
    function bye(bytes32 id) external {
        Tournament storage tournament = _open(id);
        _enter(tournament, id, tournament.bye());
    }

    /// @notice The tournament inside a sealed match of level 0.
    function innerIdOf(bytes32 tournament, bytes32 matchId) public pure returns (bytes32) {
        return keccak256(abi.encode("inner", tournament, matchId));
    }

    /// @dev The state before the first leaf of a level-0 tournament's commitments.
    function _startOfSlot(bytes32 slotId) internal view virtual returns (bytes32);

    function _startOf(Tournament storage tournament) private view returns (bytes32) {
        if (tournament.level == 0) return _startOfSlot(tournament.parent);
        return _tournaments[tournament.parent].matches[tournament.matchId].node;
    }

    function _openInner(bytes32 parent, bytes32 matchId, Turn memory turn, bytes32 start) private {
        bytes32 id = innerIdOf(parent, matchId);
        uint32 largest = turn.allowanceOne > turn.allowanceTwo ? turn.allowanceOne : turn.allowanceTwo;
        Tournament storage inner = _tournaments[id];
        inner.matchId = matchId;
        _begin(inner, id, parent, 1, uint40(block.timestamp) + computeSeconds1, largest, start);
    }

    /// @dev The largest allowance that a joiner can get fixes the closing of joining.
    function _begin(
        Tournament storage tournament,
        bytes32 id,
        bytes32 parent,
        uint8 level,
        uint40 startsAt,
        uint32 largest,
        bytes32 start
    ) internal {
        tournament.parent = parent;
        tournament.startsAt = startsAt;
        tournament.closesAt = startsAt + largest;
        tournament.level = level;
        tournament.status = TournamentStatus.Open;
        emit TournamentOpened(id, parent, level, start, startsAt, startsAt + largest);
    }

    function _enter(Tournament storage tournament, bytes32 id, bytes32 root) internal {
        uint256 rank = tournament.commitments[root].rank;
        (bool isPaired, MatchRef memory ref) = tournament.enter(id, root);
        if (isPaired) emit MatchBegan(id, ref.one, ref.two, rank);
    }

    /// @dev DISP-BOND-3, DISP-BOND-4: whoever lost has fallen. His bond makes the winner's whole again and pays the caller; at least a third of it burns, by
    /// staying here. If both fall, everything burns but the caller's refund.
    function _end(
        Tournament storage tournament,
        MatchRef calldata ref,
        bytes32 matchId,
        Turn memory turn,
        Result result,
        uint256 gasAtStart,
        uint256 capGas
    ) private {
        Commitment storage one = tournament.commitments[ref.one];
        Commitment storage two = tournament.commitments[ref.two];
        uint48 bondGwei = tournament.level == 0 ? _bondGwei0 : _bondGwei1;
        tournament.matches[matchId].clear();
        tournament.depart(one.rank);
        if (result != Result.OneWins) one.status = CommitmentStatus.Fallen;
        if (result != Result.TwoWins) two.status = CommitmentStatus.Fallen;
        uint48 burnedGwei = bondGwei - turn.spentOne - turn.spentTwo;
        if (result == Result.OneWins) _rise(tournament, ref.tournament, ref.one, one, turn.allowanceOne);
        else if (result == Result.TwoWins) _rise(tournament, ref.tournament, ref.two, two, turn.allowanceTwo);
        else burnedGwei += bondGwei;
        burnedGwei -= _refund(gasAtStart, capGas, gasPriceCapGwei);
        emit MatchEnded(ref.tournament, matchId, result, burnedGwei);
    }

    function _rise(Tournament storage tournament, bytes32 id, bytes32 root, Commitment storage winner, uint32 allowance)
        private
    {
        winner.allowance = allowance;
        ++winner.rank;
        _enter(tournament, id, root);
    }

    /// @dev Credits a bond, or what is left of it, to who joined (DISP-BOND-5).
    function _returnBond(bytes32 id, bytes32 root, address joiner, uint48 amountGwei) internal {
        uint256 amount = uint256(amountGwei) * 1 gwei;
        _credit(joiner, amount);
        emit BondReturned(id, root, joiner, amount);
    }

    /// @dev The tournament, if it is open.
    function _open(bytes32 id) internal view returns (Tournament storage tournament) {
        tournament = _tournaments[id];
        if (tournament.status != TournamentStatus.Open) revert Dispute_NotOpen(id, tournament.status);
    }

    /// @dev The match, if it lives.
    function _match(Tournament storage tournament, MatchRef calldata ref)
        internal
        view
        returns (bytes32 matchId, Match storage m, Turn memory turn)
    {
        matchId = Matches.idOf(ref.one, ref.two);
        m = tournament.matches[matchId];
        turn = m.turn;
        if (turn.status == MatchStatus.None) revert Dispute_NoMatch(ref.tournament, matchId);
    }
}
