// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Clock } from "../../src/dispute/Clock.sol";
import { Commitments } from "../../src/dispute/Commitment.sol";
import { Dispute } from "../../src/dispute/Dispute.sol";
import { MatchRef, MatchStatus, Matches, Turns } from "../../src/dispute/Match.sol";
import { Moves } from "../../src/dispute/Moves.sol";
import { Purse } from "../../src/dispute/Purse.sol";
import { TermsRules } from "../../src/dispute/Terms.sol";
import { TournamentStatus, Tournaments } from "../../src/dispute/Tournament.sol";
import { Children, Tree } from "../../src/dispute/Tree.sol";
import { IStep } from "../../src/vm/IStep.sol";
import { vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";
import { Run } from "./Runs.sol";
import { TinyMachine } from "./TinyMachine.sol";

/// @title Illegal input to every function, position by position: each is refused with its own error, and changes nothing.
/// @notice The artifact's interface says which functions and errors there are: one without a line here fails the test.
contract DisputeIllegalTest is Fixture {
    uint256 private constant FROM = 2 ** 19 + 4;

    mapping(bytes4 selector => bool) private _refused;
    mapping(bytes4 selector => bool) private _told;
    bytes32 private _junk;
    MatchRef private _ref;
    MatchRef private _inside;

    /// @dev The call is refused with exactly this.
    function _refuse(uint256 value, bytes memory data, bytes memory reason) private {
        vm.deal(address(this), value);
        uint256 held = address(dispute).balance;
        (bool success, bytes memory result) = address(dispute).call{ value: value }(data);
        vm.assertFalse(success);
        vm.assertEq(result, reason);
        vm.assertEq(address(dispute).balance, held);
        _refused[bytes4(data)] = true;
        _told[bytes4(reason)] = true;
    }

    function _refuse(bytes memory data, bytes memory reason) private {
        _refuse(0, data, reason);
    }

    /// @dev All that asks for an open tournament, about one that is not.
    function _refuseNotOpen(bytes32 id, TournamentStatus status) private {
        bytes memory reason = abi.encodeWithSelector(Moves.Dispute_NotOpen.selector, id, status);
        MatchRef memory ref = MatchRef(id, _ref.one, _ref.two);
        Run memory run = TinyMachine.outer();
        Children memory children = rootChildren(run);
        bytes32[] memory path = lastPath(run);
        _refuse(abi.encodeCall(dispute.join, (id, children, TinyMachine.state(6), path)), reason);
        _refuse(abi.encodeCall(dispute.joinInner, (id, children, run.last(), path)), reason);
        _refuse(abi.encodeCall(dispute.advance, (ref, 20, children, children)), reason);
        _refuse(abi.encodeCall(dispute.seal, (ref, children, _junk, path)), reason);
        _refuse(abi.encodeCall(dispute.step, (ref, "")), reason);
        _refuse(abi.encodeCall(dispute.timeout, (ref)), reason);
        _refuse(abi.encodeCall(dispute.propagate, (ref)), reason);
        _refuse(abi.encodeCall(dispute.bye, (id)), reason);
        _refuse(abi.encodeCall(dispute.kill, (id)), reason);
    }

    function _refuseNotDead(bytes32 id, TournamentStatus status) private {
        bytes memory reason = abi.encodeWithSelector(Dispute.Dispute_NotDead.selector, id, status);
        _refuse(abi.encodeCall(dispute.reclaimWaiting, (id, 0)), reason);
        _refuse(abi.encodeCall(dispute.reclaimMatch, (MatchRef(id, _ref.one, _ref.two))), reason);
    }

    /// @dev All that asks for a live match, about one that does not live.
    function _refuseNoMatch(bytes32 one, bytes32 two) private {
        MatchRef memory ref = MatchRef(outerId, one, two);
        Children memory none;
        bytes memory reason = abi.encodeWithSelector(Moves.Dispute_NoMatch.selector, outerId, matchIdOf(ref));
        _refuse(abi.encodeCall(dispute.advance, (ref, 20, none, none)), reason);
        _refuse(abi.encodeCall(dispute.seal, (ref, none, 0, new bytes32[](0))), reason);
        _refuse(abi.encodeCall(dispute.step, (ref, "")), reason);
        _refuse(abi.encodeCall(dispute.timeout, (ref)), reason);
        _refuse(abi.encodeCall(dispute.propagate, (ref)), reason);
    }

    /// @notice The whole table, in the order of a dispute's positions.
    /// forge-config: default.fuzz.runs = 8
    /// forge-config: dispute.fuzz.runs = 8
    function testFuzz_illegal_everyFunctionRefuses(bytes32 junk) external {
        vm.assume(junk != SLOT && uint256(junk) > 1);
        _junk = junk;
        _unopened();
        _empty();
        _joined();
        _descending();
        _lowest();
        _insideOpen();
        _insideSealed();
        _dead();
        _judged();
        _constructor();
        _tableIsComplete();
    }

    function _unopened() private {
        bytes memory reason = abi.encodeWithSelector(Dispute.Dispute_NotPlayable.selector, _junk);
        _refuse(abi.encodeCall(dispute.open, (_junk)), reason);
        reason = abi.encodeWithSelector(Dispute.Dispute_Unopened.selector, _junk);
        _refuse(abi.encodeCall(dispute.decide, (_junk)), reason);
        settlement.contest(_junk);
        settlement.setDispute(bob);
        reason = abi.encodeWithSelector(Dispute.Dispute_OtherJudge.selector, _junk, bob);
        _refuse(abi.encodeCall(dispute.open, (_junk)), reason);
        settlement.setDispute(address(dispute));
        reason = abi.encodeWithSelector(Dispute.Dispute_AlreadyOpen.selector, SLOT);
        _refuse(abi.encodeCall(dispute.open, (SLOT)), reason);
        _refuseNotOpen(_junk, TournamentStatus.None);
        _refuseNotDead(_junk, TournamentStatus.None);
        _refuse(
            abi.encodeCall(dispute.withdraw, (bob)),
            abi.encodeWithSelector(Purse.Purse_NoCredit.selector, address(this))
        );
    }

    /// @dev Nobody has joined.
    function _empty() private {
        _refuseNoMatch(_junk, _junk);
        _refuseNotDead(outerId, TournamentStatus.Open);
        (,,,,, uint256 closesAt,,) = dispute.tournamentOf(outerId);
        bytes memory reason = abi.encodeWithSelector(Tournaments.Tournament_Joining.selector, closesAt);
        _refuse(abi.encodeCall(dispute.bye, (outerId)), reason);
        _refuse(abi.encodeCall(dispute.decide, (SLOT)), reason);
        reason = abi.encodeWithSelector(Dispute.Dispute_Alive.selector, outerId);
        _refuse(abi.encodeCall(dispute.kill, (outerId)), reason);

        Run memory run = TinyMachine.outer();
        Children memory children = rootChildren(run);
        bytes32[] memory path = lastPath(run);
        uint256 bond = dispute.bondOf(0);
        bytes memory state = TinyMachine.state(6);
        reason = abi.encodeWithSelector(Dispute.Dispute_WrongBond.selector, bond - 1, bond);
        _refuse(bond - 1, abi.encodeCall(dispute.join, (outerId, children, state, path)), reason);
        reason = abi.encodeWithSelector(IStep.Step_Length.selector, 32);
        _refuse(bond, abi.encodeCall(dispute.join, (outerId, children, abi.encode(_junk), path)), reason);
        reason = abi.encodeWithSelector(Tree.Tree_PathLength.selector, 18, 19);
        _refuse(bond, abi.encodeCall(dispute.join, (outerId, children, state, new bytes32[](18))), reason);
        reason = abi.encodeWithSelector(Commitments.Commitment_WrongPath.selector, _junk, children.right);
        _refuse(bond, abi.encodeCall(dispute.join, (outerId, Children(children.left, _junk), state, path)), reason);
        reason = abi.encodeWithSelector(Moves.Dispute_WrongLevel.selector, outerId, 0);
        _refuse(bond, abi.encodeCall(dispute.joinInner, (outerId, children, run.last(), path)), reason);
        uint256 time = vm.getBlockTimestamp();
        vm.warp(closesAt);
        _refuse(
            bond,
            abi.encodeCall(dispute.join, (outerId, children, state, path)),
            abi.encodeWithSelector(Clock.Clock_Out.selector, closesAt)
        );
        vm.warp(time);
    }

    /// @dev One waits, then a match begins.
    function _joined() private {
        _ref = MatchRef(outerId, honest(), 0);
        Run memory run = TinyMachine.outer();
        _refuse(
            dispute.bondOf(0),
            abi.encodeCall(dispute.join, (outerId, rootChildren(run), TinyMachine.state(6), lastPath(run))),
            abi.encodeWithSelector(Dispute.Dispute_AlreadyJoined.selector, outerId, _ref.one)
        );
        uint256 time = vm.getBlockTimestamp();
        close(outerId);
        _refuse(
            abi.encodeCall(dispute.bye, (outerId)), abi.encodeWithSelector(Tournaments.Tournament_NoBye.selector, 1, 0)
        );
        vm.warp(time);
        _ref.two = joinLiar(1, FROM);
    }

    function _descending() private {
        _refuseNoMatch(_ref.two, _ref.one);
        bytes32 matchId = matchIdOf(_ref);
        (, Children memory opened, Children memory next) = answer(_ref, TinyMachine.outer());
        bytes memory reason = abi.encodeWithSelector(Turns.Match_WrongHeight.selector, 20, 19);
        _refuse(abi.encodeCall(dispute.advance, (_ref, 19, opened, next)), reason);
        reason = abi.encodeWithSelector(
            Matches.Match_WrongNode.selector, _ref.one, keccak256(abi.encode(opened.left, _junk))
        );
        _refuse(abi.encodeCall(dispute.advance, (_ref, 20, Children(opened.left, _junk), next)), reason);
        reason = abi.encodeWithSelector(
            Matches.Match_WrongNode.selector, opened.right, keccak256(abi.encode(_junk, next.right))
        );
        _refuse(abi.encodeCall(dispute.advance, (_ref, 20, opened, Children(_junk, next.right))), reason);
        reason = abi.encodeWithSelector(Turns.Match_WrongHeight.selector, 20, 1);
        _refuse(abi.encodeCall(dispute.seal, (_ref, opened, _junk, new bytes32[](0))), reason);
        reason = abi.encodeWithSelector(Moves.Dispute_WrongLevel.selector, outerId, 0);
        _refuse(abi.encodeCall(dispute.step, (_ref, "")), reason);
        reason = abi.encodeWithSelector(Turns.Match_NotSealed.selector, MatchStatus.Descending);
        _refuse(abi.encodeCall(dispute.propagate, (_ref)), reason);
        reason = abi.encodeWithSelector(Moves.Dispute_InTime.selector, outerId, matchId);
        _refuse(abi.encodeCall(dispute.timeout, (_ref)), reason);
    }

    /// @dev At height 1, where it is two's turn: the contested leaf is a left one.
    function _lowest() private {
        descend(_ref, TinyMachine.outer(), liar(1, FROM));
        (Children memory opened, bytes32 agreed, bytes32[] memory path) = sealing(_ref, liar(1, FROM), 0);
        bytes memory reason = abi.encodeWithSelector(Moves.Dispute_SealInstead.selector, outerId, matchIdOf(_ref));
        _refuse(abi.encodeCall(dispute.advance, (_ref, 1, opened, opened)), reason);
        reason = abi.encodeWithSelector(Tree.Tree_PathLength.selector, 0, 20);
        _refuse(abi.encodeCall(dispute.seal, (_ref, opened, agreed, new bytes32[](0))), reason);
        bytes32 folded = _junk;
        for (uint256 i = 0; i < 20; ++i) {
            bool isRight = ((FROM - 1) >> i) & 1 == 1;
            folded = keccak256(isRight ? abi.encode(path[i], folded) : abi.encode(folded, path[i]));
        }
        reason = abi.encodeWithSelector(Matches.Match_WrongAgreedPath.selector, folded);
        _refuse(abi.encodeCall(dispute.seal, (_ref, opened, _junk, path)), reason);
        // Once the clock is out only a timeout is legal.
        uint256 deadline = uint256(turnOf(_ref).since) + TURN + ALLOWANCE;
        uint256 time = vm.getBlockTimestamp();
        vm.warp(deadline);
        reason = abi.encodeWithSelector(Clock.Clock_Out.selector, deadline);
        _refuse(abi.encodeCall(dispute.seal, (_ref, opened, agreed, path)), reason);
        (,,,,,, uint64 waitingRanks, uint64 liveRanks) = dispute.tournamentOf(outerId);
        reason = abi.encodeWithSelector(Tournaments.Tournament_Unfinished.selector, waitingRanks, liveRanks);
        _refuse(abi.encodeCall(dispute.decide, (SLOT)), reason);
        vm.warp(time);
    }

    function _insideOpen() private {
        bytes32 inner = seal(_ref, TinyMachine.outer(), liar(1, FROM), 0);
        Children memory none;
        bytes memory reason = abi.encodeWithSelector(Turns.Match_NotDescending.selector, MatchStatus.Sealed);
        _refuse(abi.encodeCall(dispute.advance, (_ref, 0, none, none)), reason);
        _refuse(abi.encodeCall(dispute.seal, (_ref, none, 0, new bytes32[](0))), reason);
        reason = abi.encodeWithSelector(Moves.Dispute_InTime.selector, outerId, matchIdOf(_ref));
        _refuse(abi.encodeCall(dispute.timeout, (_ref)), reason);
        (,,,,, uint256 closesAt,,) = dispute.tournamentOf(inner);
        reason = abi.encodeWithSelector(Tournaments.Tournament_Joining.selector, closesAt);
        _refuse(abi.encodeCall(dispute.propagate, (_ref)), reason);
        reason = abi.encodeWithSelector(Dispute.Dispute_Alive.selector, inner);
        _refuse(abi.encodeCall(dispute.kill, (inner)), reason);

        Run memory run = rightInner(FROM);
        Children memory children = rootChildren(run);
        bytes32[] memory path = lastPath(run);
        uint256 bond = dispute.bondOf(1);
        reason = abi.encodeWithSelector(Moves.Dispute_WrongLevel.selector, inner, 1);
        _refuse(dispute.bondOf(0), abi.encodeCall(dispute.join, (inner, children, TinyMachine.state(6), path)), reason);
        reason = abi.encodeWithSelector(Dispute.Dispute_WrongBond.selector, bond + 1, bond);
        _refuse(bond + 1, abi.encodeCall(dispute.joinInner, (inner, children, run.last(), path)), reason);
        reason = abi.encodeWithSelector(Tree.Tree_PathLength.selector, 20, 19);
        _refuse(bond, abi.encodeCall(dispute.joinInner, (inner, children, run.last(), new bytes32[](20))), reason);
        reason = abi.encodeWithSelector(Commitments.Commitment_WrongPath.selector, _junk, children.right);
        _refuse(
            bond, abi.encodeCall(dispute.joinInner, (inner, Children(children.left, _junk), run.last(), path)), reason
        );
        _refuseOtherKinds(inner, children, path, bond);
        joinInnerAs(alice, inner, run);
        reason = abi.encodeWithSelector(Dispute.Dispute_AlreadyJoined.selector, inner, run.root());
        _refuse(bond, abi.encodeCall(dispute.joinInner, (inner, children, run.last(), path)), reason);
    }

    /// @dev A run inside ends in a contested state: no root, output, other state or slot takes its place.
    function _refuseOtherKinds(bytes32 inner, Children memory children, bytes32[] memory path, uint256 bond) private {
        bytes32[6] memory others = [_ref.one, _ref.two, TinyMachine.OUTPUT, TinyMachine.stateHash(0), SLOT, _junk];
        for (uint256 i = 0; i < others.length; ++i) {
            bytes memory reason = abi.encodeWithSelector(Dispute.Dispute_WrongEnding.selector, others[i]);
            _refuse(bond, abi.encodeCall(dispute.joinInner, (inner, children, others[i], path)), reason);
        }
    }

    function _insideSealed() private {
        bytes32 inner = dispute.innerIdOf(outerId, matchIdOf(_ref));
        Run memory right = rightInner(FROM);
        Run memory wrong = wrongInner(1, FROM, 9);
        _inside = MatchRef(inner, right.root(), joinInnerAs(mallory, inner, wrong));
        bytes memory reason = abi.encodeWithSelector(Turns.Match_NotSealed.selector, MatchStatus.Descending);
        _refuse(abi.encodeCall(dispute.step, (_inside, "")), reason);
        descend(_inside, right, wrong);
        // The contested leaf is a right one: the agreed one is beside it.
        (Children memory opened, bytes32 agreed,) = sealing(_inside, wrong, 0);
        reason = abi.encodeWithSelector(Matches.Match_WrongAgreed.selector, agreed, _junk);
        _refuse(abi.encodeCall(dispute.seal, (_inside, opened, _junk, new bytes32[](0))), reason);
        reason = abi.encodeWithSelector(Tree.Tree_PathLength.selector, 1, 0);
        _refuse(abi.encodeCall(dispute.seal, (_inside, opened, agreed, new bytes32[](1))), reason);
        seal(_inside, right, wrong, 0);
        reason = abi.encodeWithSelector(Moves.Dispute_WrongLevel.selector, inner, 1);
        _refuse(abi.encodeCall(dispute.propagate, (_inside)), reason);
        reason = abi.encodeWithSelector(IStep.Step_Length.selector, 32);
        _refuse(abi.encodeCall(dispute.step, (_inside, abi.encode(_junk))), reason);
        reason = abi.encodeWithSelector(IStep.Step_StateHash.selector, TinyMachine.stateHash(0));
        _refuse(abi.encodeCall(dispute.step, (_inside, TinyMachine.witness(0))), reason);
        reason = abi.encodeWithSelector(Moves.Dispute_InTime.selector, inner, matchIdOf(_inside));
        _refuse(abi.encodeCall(dispute.timeout, (_inside)), reason);
    }

    function _dead() private {
        settlement.abandon(SLOT);
        dispute.kill(outerId);
        _refuseNotOpen(outerId, TournamentStatus.Dead);
        _refuse(
            abi.encodeCall(dispute.decide, (SLOT)),
            abi.encodeWithSelector(Moves.Dispute_NotOpen.selector, outerId, TournamentStatus.Dead)
        );
        for (uint8 rank = 0; rank < 66; rank += 13) {
            bytes memory nobody = abi.encodeWithSelector(Tournaments.Tournament_NobodyWaits.selector, rank);
            _refuse(abi.encodeCall(dispute.reclaimWaiting, (outerId, rank)), nobody);
        }
        MatchRef memory swapped = MatchRef(outerId, _ref.two, _ref.one);
        bytes memory reason = abi.encodeWithSelector(Moves.Dispute_NoMatch.selector, outerId, matchIdOf(swapped));
        _refuse(abi.encodeCall(dispute.reclaimMatch, (swapped)), reason);
        // The one inside is alive until it is told.
        _refuseNotDead(_inside.tournament, TournamentStatus.Open);
        dispute.kill(_inside.tournament);
        _refuseNotOpen(_inside.tournament, TournamentStatus.Dead);
    }

    function _judged() private {
        bytes32 slot = keccak256("judged");
        settlement.contest(slot);
        dispute.open(slot);
        bytes32 id = dispute.tournamentIdOf(slot, 0);
        joinAs(address(this), id, TinyMachine.outer(), TinyMachine.state(6));
        close(id);
        dispute.decide(slot);
        _refuse(abi.encodeCall(dispute.decide, (slot)), abi.encodeWithSelector(Dispute.Dispute_Judged.selector, slot));
        _refuseNotOpen(id, TournamentStatus.Over);
        _refuseNotDead(id, TournamentStatus.Over);
        _refuse(
            abi.encodeCall(dispute.withdraw, (address(settlement))),
            abi.encodeWithSelector(Purse.Purse_PayoutFailed.selector, address(settlement))
        );
    }

    function _constructor() private {
        try new Dispute(address(settlement), bob, terms()) {
            vm.assertTrue(false);
        } catch (bytes memory reason) {
            vm.assertEq(reason, abi.encodeWithSelector(Moves.Dispute_NoMachine.selector, bob));
            _told[Moves.Dispute_NoMachine.selector] = true;
        }
        // `testFuzz_constructor_refusesTerms` has every term.
        _told[TermsRules.Terms_OutOfRange.selector] = true;
    }

    function _tableIsComplete() private view {
        string memory json = vm.readFile("artifacts/Dispute.json");
        bytes4[14] memory functions = [
            dispute.advance.selector,
            dispute.bye.selector,
            dispute.decide.selector,
            dispute.join.selector,
            dispute.joinInner.selector,
            dispute.kill.selector,
            dispute.open.selector,
            dispute.propagate.selector,
            dispute.reclaimMatch.selector,
            dispute.reclaimWaiting.selector,
            dispute.seal.selector,
            dispute.step.selector,
            dispute.timeout.selector,
            dispute.withdraw.selector
        ];
        bytes4[32] memory errors = _errors();
        uint256 functionCount;
        uint256 errorCount;
        for (uint256 i = 0; vm.keyExistsJson(json, string.concat("$.abi[", vm.toString(i), "]")); ++i) {
            string memory item = string.concat("$.abi[", vm.toString(i), "]");
            bytes32 kind = keccak256(bytes(vm.parseJsonString(json, string.concat(item, ".type"))));
            if (kind == keccak256("error")) {
                string memory name = vm.parseJsonString(json, string.concat(item, ".name"));
                vm.assertTrue(errorCount < errors.length && _told[errors[errorCount++]], name);
            } else if (kind == keccak256("function")) {
                string memory mutability = vm.parseJsonString(json, string.concat(item, ".stateMutability"));
                if (keccak256(bytes(mutability)) == keccak256("view")) continue;
                if (keccak256(bytes(mutability)) == keccak256("pure")) continue;
                string memory name = vm.parseJsonString(json, string.concat(item, ".name"));
                vm.assertTrue(functionCount < functions.length && _refused[functions[functionCount++]], name);
            }
        }
        vm.assertEq(functionCount, functions.length);
        vm.assertEq(errorCount, errors.length);
    }

    /// @dev In the order of the artifact.
    function _errors() private pure returns (bytes4[32] memory) {
        return [
            Clock.Clock_Out.selector,
            Commitments.Commitment_WrongPath.selector,
            Dispute.Dispute_Alive.selector,
            Dispute.Dispute_AlreadyJoined.selector,
            Dispute.Dispute_AlreadyOpen.selector,
            Moves.Dispute_InTime.selector,
            Dispute.Dispute_Judged.selector,
            Moves.Dispute_NoMachine.selector,
            Moves.Dispute_NoMatch.selector,
            Dispute.Dispute_NotDead.selector,
            Moves.Dispute_NotOpen.selector,
            Dispute.Dispute_NotPlayable.selector,
            Dispute.Dispute_OtherJudge.selector,
            Moves.Dispute_SealInstead.selector,
            Dispute.Dispute_Unopened.selector,
            Dispute.Dispute_WrongBond.selector,
            Dispute.Dispute_WrongEnding.selector,
            Moves.Dispute_WrongLevel.selector,
            Turns.Match_NotDescending.selector,
            Turns.Match_NotSealed.selector,
            Matches.Match_WrongAgreed.selector,
            Matches.Match_WrongAgreedPath.selector,
            Turns.Match_WrongHeight.selector,
            Matches.Match_WrongNode.selector,
            Purse.Purse_NoCredit.selector,
            Purse.Purse_PayoutFailed.selector,
            TermsRules.Terms_OutOfRange.selector,
            Tournaments.Tournament_Joining.selector,
            Tournaments.Tournament_NoBye.selector,
            Tournaments.Tournament_NobodyWaits.selector,
            Tournaments.Tournament_Unfinished.selector,
            Tree.Tree_PathLength.selector
        ];
    }
}
