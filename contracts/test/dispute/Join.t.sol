// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Commitment, CommitmentStatus, Commitments, Ending } from "../../src/dispute/Commitment.sol";
import { Dispute } from "../../src/dispute/Dispute.sol";
import { MatchRef } from "../../src/dispute/Match.sol";
import { Moves } from "../../src/dispute/Moves.sol";
import { Terms, TermsRules } from "../../src/dispute/Terms.sol";
import { TournamentStatus } from "../../src/dispute/Tournament.sol";
import { Children, Tree } from "../../src/dispute/Tree.sol";
import { IStep } from "../../src/vm/IStep.sol";
import { vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";
import { Run, Runs } from "./Runs.sol";
import { TinyMachine } from "./TinyMachine.sol";

/// @title Opening a dispute and joining it: DISP-TERMS-1, DISP-TERMS-2, DISP-TERMS-3, DISP-OPEN-1, DISP-OPEN-2,
/// DISP-OPEN-3, DISP-JOIN-1, DISP-JOIN-2, DISP-JOIN-3, DISP-BOND-1.
contract DisputeJoinTest is Fixture {
    function test_constructor_bonds() external view {
        vm.assertEq(dispute.bondOf(0), (3 * (9 * 80_000 + 220_000) + 350_000) * 50 gwei);
        vm.assertEq(dispute.bondOf(1), (3 * (9 * 80_000 + 110_000 + 4_600_000) + 350_000) * 50 gwei);
        vm.assertEq(dispute.claimBondMin(), dispute.bondOf(0) + dispute.bondOf(1));
        vm.assertEq(dispute.claimWindowSecondsMin(), COMPUTE_0 + ALLOWANCE);
    }

    function deploy(Terms memory given) external {
        new Dispute(address(settlement), address(machine), given);
    }

    /// @notice No term may be zero or beyond thirty days, and off a devnet none below what the spec asks for.
    function testFuzz_constructor_refusesTerms(uint32 value) external {
        value = uint32(bound(value, 30 days + 1, type(uint32).max));
        for (uint8 which = 0; which < 6; ++which) {
            _expectRefused(_with(which, 0));
            if (which == 5) continue;
            _expectRefused(_with(which, value));
            _expectRefused(_with(which, 30 days + 1));
            this.deploy(_with(which, 30 days));
        }
    }

    function testFuzz_constructor_refusesUnsafeTerms(uint32 value) external {
        uint32[6] memory least = [ALLOWANCE, COMPUTE_0, COMPUTE_1, TURN, SEALED_TURN, uint32(PRICE_CAP_GWEI)];
        for (uint8 which = 0; which < 6; ++which) {
            vm.chainId(1);
            this.deploy(terms());
            Terms memory given = _with(which, uint32(bound(value, 1, least[which] - 1)));
            _expectRefused(given);
            _expectRefused(_with(which, least[which] - 1));
            vm.chainId(31_337);
            this.deploy(given);
        }
    }

    function testFuzz_constructor_needsAMachine(address nobody) external {
        vm.assume(nobody.code.length == 0);
        vm.expectRevert(abi.encodeWithSelector(Moves.Dispute_NoMachine.selector, nobody));
        new Dispute(address(settlement), nobody, terms());
    }

    function _expectRefused(Terms memory given) private {
        vm.expectRevert(abi.encodeWithSelector(TermsRules.Terms_OutOfRange.selector, given));
        this.deploy(given);
    }

    function _with(uint8 which, uint32 value) private pure returns (Terms memory given) {
        given = terms();
        if (which == 0) given.allowanceSeconds = value;
        if (which == 1) given.computeSeconds0 = value;
        if (which == 2) given.computeSeconds1 = value;
        if (which == 3) given.turnSeconds = value;
        if (which == 4) given.sealedTurnSeconds = value;
        if (which == 5) given.gasPriceCapGwei = uint16(value);
    }

    // ---- open ----

    function test_open_asksTheSettlement() external {
        vm.assertEq(dispute.slotDisputeOf(SLOT).start, TinyMachine.stateHash(0));
        bytes32 slot = keccak256("another");
        settlement.contest(slot);
        uint256 contestedAt = vm.getBlockTimestamp();
        warp(1 days);
        vm.prank(bob);
        dispute.open(slot);
        (,, bytes32 parent,, uint256 startsAt,,,) = dispute.tournamentOf(dispute.tournamentIdOf(slot, 0));
        vm.assertEq(parent, slot);
        vm.assertEq(startsAt, contestedAt + COMPUTE_0);
    }

    function testFuzz_open_revertsUnlessPlayable(bytes32 unknown) external {
        vm.assume(unknown != SLOT);
        vm.expectRevert(abi.encodeWithSelector(Dispute.Dispute_NotPlayable.selector, unknown));
        dispute.open(unknown);
        settlement.contest(unknown);
        settlement.abandon(unknown);
        vm.expectRevert(abi.encodeWithSelector(Dispute.Dispute_NotPlayable.selector, unknown));
        dispute.open(unknown);
    }

    function test_open_onlyOnce() external {
        vm.expectRevert(abi.encodeWithSelector(Dispute.Dispute_AlreadyOpen.selector, SLOT));
        dispute.open(SLOT);
    }

    function testFuzz_open_revertsIfAnotherDecides(bytes32 slot, address judge) external {
        vm.assume(slot != SLOT && judge != address(dispute));
        settlement.contest(slot);
        settlement.setDispute(judge);
        vm.expectRevert(abi.encodeWithSelector(Dispute.Dispute_OtherJudge.selector, slot, judge));
        dispute.open(slot);
    }

    // ---- join ----

    function _join(bytes32 id, Run memory run, bytes memory last, bytes memory reason) private {
        _join(id, rootChildren(run), last, lastPath(run), dispute.bondOf(0), reason);
    }

    function _join(
        bytes32 id,
        Children memory children,
        bytes memory last,
        bytes32[] memory path,
        uint256 value,
        bytes memory reason
    ) private {
        vm.deal(bob, value);
        vm.expectRevert(reason);
        vm.prank(bob);
        dispute.join{ value: value }(id, children, last, path);
    }

    function testFuzz_join_anyLastState(bool exited, uint64 exitCode, bytes32 output) external {
        bytes memory last = TinyMachine.invented(1, exited, exitCode, output);
        bytes32 root = joinAs(bob, outerId, Runs.uniform(keccak256(last)), last);
        Commitment memory joined = dispute.commitmentOf(outerId, root);
        Ending expected = !exited ? Ending.Unhalted : exitCode == 0 ? Ending.Output : Ending.Trapped;
        vm.assertEq(uint256(joined.ending), uint256(expected));
        vm.assertEq(joined.output, expected == Ending.Output ? output : bytes32(0));
        vm.assertEq(joined.joiner, bob);
        vm.assertEq(uint256(joined.status), uint256(CommitmentStatus.Waiting));
    }

    function testFuzz_join_exactBond(uint256 value) external {
        uint256 bond = dispute.bondOf(0);
        value = bound(value, 0, 2 * bond);
        vm.assume(value != bond);
        Run memory run = TinyMachine.outer();
        _join(
            outerId,
            rootChildren(run),
            TinyMachine.state(6),
            lastPath(run),
            value,
            abi.encodeWithSelector(Dispute.Dispute_WrongBond.selector, value, bond)
        );
    }

    function test_join_onlyOnceInARound() external {
        bytes32 root = honest();
        bytes memory reason = abi.encodeWithSelector(Dispute.Dispute_AlreadyJoined.selector, outerId, root);
        _join(outerId, TinyMachine.outer(), TinyMachine.state(6), reason);
    }

    function testFuzz_join_unknownTournament(bytes32 id) external {
        vm.assume(id != outerId);
        bytes memory reason = abi.encodeWithSelector(Moves.Dispute_NotOpen.selector, id, TournamentStatus.None);
        _join(id, TinyMachine.outer(), TinyMachine.state(6), reason);
    }

    /// @notice The last state is the one that the root commits to, at its last leaf.
    function testFuzz_join_wrongLastState(uint256 salt) external {
        Run memory run = TinyMachine.outer();
        bytes memory last = lie(salt);
        bytes32 folded = keccak256(last);
        bytes32[] memory path = lastPath(run);
        for (uint256 i = 0; i < path.length; ++i) {
            folded = keccak256(abi.encode(path[i], folded));
        }
        bytes memory reason =
            abi.encodeWithSelector(Commitments.Commitment_WrongPath.selector, rootChildren(run).right, folded);
        _join(outerId, run, last, reason);
    }

    function testFuzz_join_wrongPath(uint8 where, bytes32 sibling) external {
        Run memory run = liar(1, 2 ** 20 - 1);
        bytes32[] memory path = lastPath(run);
        where = uint8(bound(where, 0, path.length - 1));
        vm.assume(path[where] != sibling);
        path[where] = sibling;
        uint256 bond = dispute.bondOf(0);
        vm.deal(bob, bond);
        vm.expectPartialRevert(Commitments.Commitment_WrongPath.selector);
        vm.prank(bob);
        dispute.join{ value: bond }(outerId, rootChildren(run), lie(1), path);
    }

    function testFuzz_join_pathLength(uint8 length) external {
        vm.assume(length != 19);
        Run memory run = TinyMachine.outer();
        bytes memory reason = abi.encodeWithSelector(Tree.Tree_PathLength.selector, length, 19);
        bytes32[] memory path = new bytes32[](length);
        _join(outerId, rootChildren(run), TinyMachine.state(6), path, dispute.bondOf(0), reason);
    }

    function testFuzz_join_malformedState(uint8 flag, uint16 length) external {
        bytes memory last = TinyMachine.state(6);
        last[384] = bytes1(uint8(bound(flag, 2, 255)));
        _join(outerId, TinyMachine.outer(), last, abi.encodeWithSelector(IStep.Step_Malformed.selector));
        vm.assume(length != 385);
        last = new bytes(length);
        _join(outerId, TinyMachine.outer(), last, abi.encodeWithSelector(IStep.Step_Length.selector, length));
    }

    function test_join_levels() external {
        (, bytes32 inner) = outerMatch(1, 0);
        bytes memory reason = abi.encodeWithSelector(Moves.Dispute_WrongLevel.selector, inner, 1);
        _join(inner, TinyMachine.outer(), TinyMachine.state(6), reason);
        Run memory run = TinyMachine.outer();
        uint256 bond = dispute.bondOf(1);
        vm.deal(bob, bond);
        vm.expectRevert(abi.encodeWithSelector(Moves.Dispute_WrongLevel.selector, outerId, 0));
        vm.prank(bob);
        dispute.joinInner{ value: bond }(outerId, rootChildren(run), run.last(), lastPath(run));
    }

    // ---- joinInner ----

    function _joinInner(bytes32 id, Run memory run, uint256 value, bytes memory reason) private {
        Children memory children = rootChildren(run);
        bytes32[] memory path = lastPath(run);
        vm.deal(bob, value);
        vm.expectRevert(reason);
        vm.prank(bob);
        dispute.joinInner{ value: value }(id, children, run.last(), path);
    }

    function test_joinInner_backsASide() external {
        (, bytes32 inner) = outerMatch(1, 0);
        bytes32 right = joinInnerAs(alice, inner, TinyMachine.inner());
        bytes32 wrong = joinInnerAs(mallory, inner, wrongInner(1, 0, 4));
        vm.assertEq(uint256(dispute.commitmentOf(inner, right).ending), uint256(Ending.BacksOne));
        vm.assertEq(uint256(dispute.commitmentOf(inner, wrong).ending), uint256(Ending.BacksTwo));
        assertStatus(inner, wrong, CommitmentStatus.Playing);
    }

    function testFuzz_joinInner_endsInAContestedState(bytes32 last) external {
        (, bytes32 inner) = outerMatch(1, 0);
        vm.assume(last != TinyMachine.stateHash(6) && last != keccak256(lie(1)));
        uint256 bond = dispute.bondOf(1);
        bytes memory reason = abi.encodeWithSelector(Dispute.Dispute_WrongEnding.selector, last);
        _joinInner(inner, TinyMachine.inner().then(9, last), bond, reason);
    }

    function test_joinInner_onlyOnce() external {
        (, bytes32 inner) = outerMatch(1, 0);
        bytes32 root = joinInnerAs(alice, inner, TinyMachine.inner());
        bytes memory reason = abi.encodeWithSelector(Dispute.Dispute_AlreadyJoined.selector, inner, root);
        _joinInner(inner, TinyMachine.inner(), dispute.bondOf(1), reason);
    }

    function testFuzz_joinInner_exactBond(uint256 value) external {
        (, bytes32 inner) = outerMatch(1, 0);
        uint256 bond = dispute.bondOf(1);
        value = bound(value, 0, 2 * bond);
        vm.assume(value != bond);
        bytes memory reason = abi.encodeWithSelector(Dispute.Dispute_WrongBond.selector, value, bond);
        _joinInner(inner, TinyMachine.inner(), value, reason);
    }

    function testFuzz_joinInner_wrongPath(bytes32 sibling) external {
        (, bytes32 inner) = outerMatch(1, 0);
        Run memory run = TinyMachine.inner();
        Children memory children = rootChildren(run);
        bytes32[] memory path = lastPath(run);
        vm.assume(sibling != path[3]);
        path[3] = sibling;
        uint256 bond = dispute.bondOf(1);
        vm.deal(bob, bond);
        vm.expectPartialRevert(Commitments.Commitment_WrongPath.selector);
        vm.prank(bob);
        dispute.joinInner{ value: bond }(inner, children, run.last(), path);
    }
}
