// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { FraudSettlement, SlotId } from "../l1/FraudSettlement.sol";
import { IDispute } from "../l1/interfaces/IDispute.sol";
import { Clock } from "./Clock.sol";
import { Commitment, CommitmentStatus, Commitments, Ending } from "./Commitment.sol";
import { Match, MatchRef, Matches, Turn } from "./Match.sol";
import { Moves } from "./Moves.sol";
import { Terms } from "./Terms.sol";
import { Rank, Tournament, TournamentStatus } from "./Tournament.sol";
import { Children } from "./Tree.sol";

/// @title Decides contested slots of one settlement, by tournaments among runs of the machine.
/// @notice Rules: docs/spec/dispute.md (DISP-*). Anyone may join for any run; one honest party wins against any number. Has no owner and
/// cannot be changed. It knows its settlement and asks it, and takes no slot's facts from a caller. Schedule entries name this
/// contract, which is deployed first, so the settlement's address is foreseen.
/// @dev Adversarial: every caller. Trusted: the settlement and the machine, both immutable.
contract Dispute is IDispute, Moves {
    /// @notice The dispute of a slot.
    /// @param start the state before the first step (VM-3); zero before the dispute is open
    /// @param output the right one, if the verdict is Output
    /// @param champion who joined for the winner
    /// @param round how often everybody has fallen
    struct SlotDispute {
        bytes32 start;
        bytes32 output;
        address champion;
        uint32 round;
        Verdict verdict;
    }

    FraudSettlement private immutable _settlement;

    mapping(bytes32 slotId => SlotDispute) private _disputes;

    event CommitmentJoined(
        bytes32 indexed tournament,
        bytes32 indexed root,
        address indexed joiner,
        Ending ending,
        bytes32 output,
        uint32 allowance
    );
    event SlotJudged(bytes32 indexed slotId, Verdict verdict, bytes32 output, address champion);
    event TournamentDied(bytes32 indexed tournament);

    error Dispute_AlreadyOpen(bytes32 slotId);
    error Dispute_NotPlayable(bytes32 slotId);
    error Dispute_OtherJudge(bytes32 slotId, address dispute);
    error Dispute_WrongBond(uint256 sent, uint256 needed);
    error Dispute_AlreadyJoined(bytes32 tournament, bytes32 root);
    error Dispute_WrongEnding(bytes32 last);
    error Dispute_Judged(bytes32 slotId);
    error Dispute_Unopened(bytes32 slotId);
    error Dispute_Alive(bytes32 tournament);
    error Dispute_NotDead(bytes32 tournament, TournamentStatus status);

    /// @param settlement_ whose slots are decided; may be deployed later
    /// @param machine_ the step contract (`IStep`)
    constructor(address settlement_, address machine_, Terms memory terms) Moves(machine_, terms) {
        _settlement = FraudSettlement(settlement_);
    }

    /// @notice Opens the dispute of a contested slot (DISP-OPEN-1, DISP-OPEN-2, DISP-OPEN-3). Caller: anyone.
    /// @dev Asks the settlement once what it is about. The first round's clocks count from when the slot became contested. Reverts if it
    /// was opened before, is not contested, is about nothing any more, or another contract decides it.
    function open(bytes32 slotId) external {
        SlotDispute storage dispute = _disputes[slotId];
        if (dispute.start != 0) revert Dispute_AlreadyOpen(slotId);
        if (!_settlement.isPlayable(SlotId.wrap(slotId))) revert Dispute_NotPlayable(slotId);
        address judge = _settlement.slotOf(SlotId.wrap(slotId)).dispute;
        if (judge != address(this)) revert Dispute_OtherJudge(slotId, judge);
        FraudSettlement.Dispute memory about = _settlement.disputeOf(SlotId.wrap(slotId));
        dispute.start =
            machine.initialState(about.guestHash, about.parentOutput, about.firstBatchHash, about.lastBatchHash);
        _openRound(slotId, dispute, uint40(about.contestedAt));
    }

    /// @notice Joins a tournament of level 0 for a run (DISP-JOIN-1, DISP-JOIN-3). Caller: anyone who sends exactly the bond.
    /// @dev Reverts if the tournament is not open or it is too late; the root joined in this round already; the last state is malformed,
    /// or not the one that the root commits to.
    /// @param children of the root
    /// @param lastState packed, 385 bytes: the machine after all strides
    /// @param path the last leaf's 19 siblings below `children.right`, from the leaf upwards
    function join(bytes32 id, Children calldata children, bytes calldata lastState, bytes32[] calldata path)
        external
        payable
    {
        Tournament storage tournament = _joinable(id, 0, _bondGwei0);
        (bytes32 last, bool exited, uint64 exitCode, bytes32 output) = machine.readState(lastState);
        Commitments.checkLast(children, last, path);
        Ending ending = !exited ? Ending.Unhalted : exitCode == 0 ? Ending.Output : Ending.Trapped;
        if (ending != Ending.Output) output = 0;
        _join(tournament, id, children, allowanceSeconds, ending, output);
    }

    /// @notice Joins a tournament of level 1 for a run within the contested stride. Caller: anyone who sends exactly the bond.
    /// @dev Reverts as `join` does, or if the run ends in neither of the two contested states. The allowance is what the side that it
    /// backs has left.
    /// @param last the last leaf
    function joinInner(bytes32 id, Children calldata children, bytes32 last, bytes32[] calldata path) external payable {
        Tournament storage tournament = _joinable(id, 1, _bondGwei1);
        // Not if the outer one is dead, though nobody has told the inner one: then its match may be gone.
        Match storage outer = _open(tournament.parent).matches[tournament.matchId];
        bool backsTwo = last == outer.right;
        if (!backsTwo && last != outer.left) revert Dispute_WrongEnding(last);
        Commitments.checkLast(children, last, path);
        Turn memory turn = outer.turn;
        uint32 inherited = backsTwo ? turn.allowanceTwo : turn.allowanceOne;
        _join(tournament, id, children, inherited, backsTwo ? Ending.BacksTwo : Ending.BacksOne, 0);
    }

    /// @notice Takes the result of a slot's tournament (DISP-END-2, DISP-END-3). Caller: anyone.
    /// @dev A winner's last state is the verdict, and its bond goes back. If nobody is left the next round opens, with fresh clocks.
    /// Reverts while the tournament is not finished.
    function decide(bytes32 slotId) external {
        SlotDispute storage dispute = _disputes[slotId];
        if (dispute.start == 0) revert Dispute_Unopened(slotId);
        if (dispute.verdict != Verdict.None) revert Dispute_Judged(slotId);
        bytes32 id = tournamentIdOf(slotId, dispute.round);
        Tournament storage tournament = _open(id);
        bytes32 winner = tournament.finish();
        if (winner == 0) {
            ++dispute.round;
            _openRound(slotId, dispute, uint40(block.timestamp));
            return;
        }
        Commitment storage commitment = tournament.commitments[winner];
        dispute.verdict = commitment.ending == Ending.Output ? Verdict.Output : Verdict.Failed;
        dispute.output = commitment.output;
        dispute.champion = commitment.joiner;
        emit SlotJudged(slotId, dispute.verdict, commitment.output, commitment.joiner);
        _returnBond(id, winner, commitment.joiner, _bondGwei0);
    }

    /// @notice Ends a tournament that is about nothing any more, so that bonds can go back (DISP-DEAD-1). Caller: anyone; outer ones
    /// before inner ones.
    /// @dev Level 0: the settlement says that the slot cannot be played; until somebody calls this, moves are legal and useless. Level
    /// 1: the outer tournament is dead. Reverts otherwise, or if it is not open.
    function kill(bytes32 id) external {
        Tournament storage tournament = _open(id);
        bool isAlive = tournament.level == 0
            ? _settlement.isPlayable(SlotId.wrap(tournament.parent))
            : _tournaments[tournament.parent].status != TournamentStatus.Dead;
        if (isAlive) revert Dispute_Alive(id);
        tournament.status = TournamentStatus.Dead;
        emit TournamentDied(id);
    }

    /// @notice Returns the bond of who waits at a rank of a dead tournament, to who joined. Caller: anyone.
    function reclaimWaiting(bytes32 id, uint8 rank) external {
        Tournament storage tournament = _dead(id);
        bytes32 root = tournament.remove(rank);
        _returnBond(id, root, tournament.commitments[root].joiner, _bondGweiOf(tournament.level));
    }

    /// @notice Returns what is left of both bonds of a match in a dead tournament, to who joined. Caller: anyone.
    function reclaimMatch(MatchRef calldata ref) external {
        Tournament storage tournament = _dead(ref.tournament);
        (, Match storage m, Turn memory turn) = _match(tournament, ref);
        Commitment storage one = tournament.commitments[ref.one];
        Commitment storage two = tournament.commitments[ref.two];
        m.clear();
        tournament.depart(one.rank);
        one.status = CommitmentStatus.Returned;
        two.status = CommitmentStatus.Returned;
        uint48 bondGwei = _bondGweiOf(tournament.level);
        _returnBond(ref.tournament, ref.one, one.joiner, bondGwei - turn.spentOne);
        _returnBond(ref.tournament, ref.two, two.joiner, bondGwei - turn.spentTwo);
    }

    /// @inheritdoc IDispute
    function settlement() external view returns (address) {
        return address(_settlement);
    }

    /// @inheritdoc IDispute
    /// @dev DISP-TERMS-3, as is `claimBondMin`.
    function claimWindowSecondsMin() external view returns (uint32) {
        return computeSeconds0 + allowanceSeconds;
    }

    /// @inheritdoc IDispute
    /// @dev Both bonds (DISP-TERMS-3).
    function claimBondMin() external view returns (uint128) {
        return uint128(uint256(_bondGwei0 + _bondGwei1) * 1 gwei);
    }

    /// @inheritdoc IDispute
    function verdictOf(bytes32 slotId) external view returns (Verdict verdict, bytes32 output, address champion) {
        SlotDispute storage dispute = _disputes[slotId];
        return (dispute.verdict, dispute.output, dispute.champion);
    }

    /// @notice What a commitment of a level locks, wei.
    function bondOf(uint8 level) external view returns (uint256) {
        return uint256(_bondGweiOf(level)) * 1 gwei;
    }

    /// @notice Everything about the dispute of a slot.
    function slotDisputeOf(bytes32 slotId) external view returns (SlotDispute memory) {
        return _disputes[slotId];
    }

    /// @notice What a tournament is, and who waits and plays, by rank.
    function tournamentOf(bytes32 id)
        external
        view
        returns (
            TournamentStatus status,
            uint8 level,
            bytes32 parent,
            bytes32 matchId,
            uint256 startsAt,
            uint256 closesAt,
            uint64 waitingRanks,
            uint64 liveRanks
        )
    {
        Tournament storage t = _tournaments[id];
        return (t.status, t.level, t.parent, t.matchId, t.startsAt, t.closesAt, t.waitingRanks, t.liveRanks);
    }

    /// @notice Who waits at a rank, if anybody does, and how many matches of that rank live.
    function rankOf(bytes32 id, uint8 rank) external view returns (Rank memory place) {
        place = _tournaments[id].ranks[rank];
        if (rank >= 64 || _tournaments[id].waitingRanks & uint64(1 << rank) == 0) place.waiting = 0;
    }

    /// @notice Everything about a commitment.
    function commitmentOf(bytes32 id, bytes32 root) external view returns (Commitment memory) {
        return _tournaments[id].commitments[root];
    }

    /// @notice Everything about a match that lives; zeros otherwise.
    function matchOf(MatchRef calldata ref) external view returns (Match memory) {
        return _tournaments[ref.tournament].matches[Matches.idOf(ref.one, ref.two)];
    }

    /// @notice The level-0 tournament of a round of a slot's dispute.
    function tournamentIdOf(bytes32 slotId, uint256 round) public pure returns (bytes32) {
        return keccak256(abi.encode("round", slotId, round));
    }

    function _startOfSlot(bytes32 slotId) internal view override returns (bytes32) {
        return _disputes[slotId].start;
    }

    function _openRound(bytes32 slotId, SlotDispute storage dispute, uint40 openedAt) private {
        bytes32 id = tournamentIdOf(slotId, dispute.round);
        _begin(_tournaments[id], id, slotId, 0, openedAt + computeSeconds0, allowanceSeconds, dispute.start);
    }

    /// @dev What does not depend on who joins.
    function _joinable(bytes32 id, uint8 level, uint48 bondGwei) private view returns (Tournament storage tournament) {
        tournament = _open(id);
        if (tournament.level != level) revert Dispute_WrongLevel(id, tournament.level);
        uint256 bond = uint256(bondGwei) * 1 gwei;
        if (msg.value != bond) revert Dispute_WrongBond(msg.value, bond);
    }

    /// @dev Who joins late has less on the clock, and nobody joins who would have nothing left (DISP-CLOCK-3).
    function _join(
        Tournament storage tournament,
        bytes32 id,
        Children calldata children,
        uint32 inherited,
        Ending ending,
        bytes32 output
    ) private {
        bytes32 root = children.node();
        Commitment storage commitment = tournament.commitments[root];
        if (commitment.status != CommitmentStatus.None) revert Dispute_AlreadyJoined(id, root);
        uint32 allowance = Clock.charge(inherited, tournament.startsAt, 0);
        commitment.left = children.left;
        commitment.right = children.right;
        if (output != 0) commitment.output = output;
        commitment.joiner = msg.sender;
        commitment.allowance = allowance;
        commitment.ending = ending;
        emit CommitmentJoined(id, root, msg.sender, ending, output, allowance);
        _enter(tournament, id, root);
    }

    function _dead(bytes32 id) private view returns (Tournament storage tournament) {
        tournament = _tournaments[id];
        if (tournament.status != TournamentStatus.Dead) revert Dispute_NotDead(id, tournament.status);
    }

    function _bondGweiOf(uint8 level) private view returns (uint48) {
        return level == 0 ? _bondGwei0 : _bondGwei1;
    }
}
