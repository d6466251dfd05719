// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Commitment, CommitmentStatus } from "../../src/dispute/Commitment.sol";
import { Dispute } from "../../src/dispute/Dispute.sol";
import { Match, MatchRef, MatchStatus, Turn } from "../../src/dispute/Match.sol";
import { Terms } from "../../src/dispute/Terms.sol";
import { TournamentStatus } from "../../src/dispute/Tournament.sol";
import { Children } from "../../src/dispute/Tree.sol";
import { Step } from "../../src/vm/Step.sol";
import { Test } from "../utils/Test.sol";
import { vm } from "../utils/Vm.sol";
import { Run, Runs } from "./Runs.sol";
import { SettlementModel } from "./SettlementModel.sol";
import { TinyMachine } from "./TinyMachine.sol";

/// @title A contested slot about the tiny machine's run, and the acts of those who dispute it.
abstract contract Fixture is Test {
    uint32 internal constant ALLOWANCE = 7 days + 12 hours;
    uint32 internal constant COMPUTE_0 = 6 hours;
    uint32 internal constant COMPUTE_1 = 1 hours;
    uint32 internal constant TURN = 30 minutes;
    uint32 internal constant SEALED_TURN = 3 hours;
    uint16 internal constant PRICE_CAP_GWEI = 50;
    bytes32 internal constant SLOT = keccak256("slot");

    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");
    address internal mallory = makeAddr("mallory");

    SettlementModel internal settlement;
    Step internal machine;
    Dispute internal dispute;
    /// @dev The level-0 tournament of the first round.
    bytes32 internal outerId;

    function setUp() public virtual {
        vm.warp(1_700_000_000);
        settlement = new SettlementModel();
        machine = new Step();
        dispute = new Dispute(address(settlement), address(machine), terms());
        settlement.setDispute(address(dispute));
        settlement.contest(SLOT);
        dispute.open(SLOT);
        outerId = dispute.tournamentIdOf(SLOT, 0);
    }

    function terms() internal pure returns (Terms memory) {
        return Terms(ALLOWANCE, COMPUTE_0, COMPUTE_1, TURN, SEALED_TURN, PRICE_CAP_GWEI);
    }

    function warp(uint256 seconds_) internal {
        vm.warp(vm.getBlockTimestamp() + seconds_);
    }

    // ---- joining ----

    function rootChildren(Run memory run) internal pure returns (Children memory) {
        return run.children(Runs.HEIGHT, 0);
    }

    function lastPath(Run memory run) internal pure returns (bytes32[] memory) {
        return run.path(2 ** Runs.HEIGHT - 1, Runs.HEIGHT - 1);
    }

    /// @dev For a run of level 0, whose last leaf is the hash of `lastState`.
    function joinAs(address who, bytes32 id, Run memory run, bytes memory lastState) internal returns (bytes32 root) {
        root = run.root();
        Children memory children = rootChildren(run);
        bytes32[] memory path = lastPath(run);
        uint256 bond = dispute.bondOf(0);
        vm.deal(who, who.balance + bond);
        vm.prank(who);
        dispute.join{ value: bond }(id, children, lastState, path);
    }

    function joinInnerAs(address who, bytes32 id, Run memory run) internal returns (bytes32 root) {
        root = run.root();
        Children memory children = rootChildren(run);
        bytes32[] memory path = lastPath(run);
        uint256 bond = dispute.bondOf(1);
        vm.deal(who, who.balance + bond);
        vm.prank(who);
        dispute.joinInner{ value: bond }(id, children, run.last(), path);
    }

    function honest() internal returns (bytes32) {
        return joinAs(alice, outerId, TinyMachine.outer(), TinyMachine.state(TinyMachine.STEPS));
    }

    /// @dev The last state of a liar's run, whose output is wrong.
    function lie(uint256 salt) internal pure returns (bytes memory) {
        return TinyMachine.invented(salt, true, 0, keccak256(abi.encode("wrong output", salt)));
    }

    /// @dev Right up to leaf `from`, then an invented state.
    function liar(uint256 salt, uint256 from) internal pure returns (Run memory) {
        return TinyMachine.outer().then(from, keccak256(lie(salt)));
    }

    function joinLiar(uint256 salt, uint256 from) internal returns (bytes32) {
        return joinAs(mallory, outerId, liar(salt, from), lie(salt));
    }

    // ---- moves ----

    function statusOf(bytes32 id, bytes32 root) internal view returns (CommitmentStatus) {
        return dispute.commitmentOf(id, root).status;
    }

    function assertStatus(bytes32 id, bytes32 root, CommitmentStatus expected) internal view {
        vm.assertEq(uint256(statusOf(id, root)), uint256(expected));
    }

    function turnOf(MatchRef memory ref) internal view returns (Turn memory) {
        return dispute.matchOf(ref).turn;
    }

    function isOpen(bytes32 id) internal view returns (bool) {
        (TournamentStatus status,,,,,,,) = dispute.tournamentOf(id);
        return status == TournamentStatus.Open;
    }

    /// @dev What the side whose turn it is has to say: the node's children, and those of the child in which the sides differ.
    function answer(MatchRef memory ref, Run memory mover)
        internal
        view
        returns (uint8 height, Children memory opened, Children memory next)
    {
        Match memory m = dispute.matchOf(ref);
        height = m.turn.height;
        opened = mover.children(height, m.turn.index);
        uint256 child = 2 * uint256(m.turn.index) + (m.left == opened.left ? 1 : 0);
        if (height > 1) next = mover.children(height - 1, child);
    }

    function advance(MatchRef memory ref, Run memory one, Run memory two) internal {
        Run memory mover = turnOf(ref).twoMoves ? two : one;
        (uint8 height, Children memory opened, Children memory next) = answer(ref, mover);
        dispute.advance(ref, height, opened, next);
    }

    function descend(MatchRef memory ref, Run memory one, Run memory two) internal {
        while (turnOf(ref).height > 1) advance(ref, one, two);
    }

    /// @dev What `seal` takes, of the side whose turn it is.
    function sealing(MatchRef memory ref, Run memory mover, bytes32 start)
        internal
        view
        returns (Children memory opened, bytes32 agreed, bytes32[] memory path)
    {
        Match memory m = dispute.matchOf(ref);
        (, opened,) = answer(ref, mover);
        bool goesRight = m.left == opened.left;
        uint256 index = 2 * uint256(m.turn.index) + (goesRight ? 1 : 0);
        agreed = index == 0 ? start : mover.leaf(index - 1);
        path = goesRight || index == 0 ? new bytes32[](0) : mover.path(index - 1, Runs.HEIGHT);
    }

    function seal(MatchRef memory ref, Run memory one, Run memory two, bytes32 start) internal returns (bytes32 inner) {
        Run memory mover = turnOf(ref).twoMoves ? two : one;
        (Children memory opened, bytes32 agreed, bytes32[] memory path) = sealing(ref, mover, start);
        dispute.seal(ref, opened, agreed, path);
        return keccak256(abi.encode("inner", ref.tournament, matchIdOf(ref)));
    }

    function matchIdOf(MatchRef memory ref) internal pure returns (bytes32) {
        return keccak256(abi.encode(ref.one, ref.two));
    }

    /// @dev Down to the inner tournament of a match of level 0.
    function descendToInner(MatchRef memory ref, Run memory one, Run memory two) internal returns (bytes32 inner) {
        descend(ref, one, two);
        return seal(ref, one, two, TinyMachine.stateHash(0));
    }

    /// @dev Honest against a liar of level 0 who lies from leaf `from` on; both have joined.
    function outerMatch(uint256 salt, uint256 from) internal returns (MatchRef memory ref, bytes32 inner) {
        bytes32 one = honest();
        bytes32 two = joinLiar(salt, from);
        ref = MatchRef(outerId, one, two);
        inner = descendToInner(ref, TinyMachine.outer(), liar(salt, from));
    }

    /// @dev The right run of level 1 within stride `from`.
    function rightInner(uint256 from) internal pure returns (Run memory) {
        return from == 0 ? TinyMachine.inner() : TinyMachine.outer();
    }

    /// @dev A wrong one, from leaf `leaf` on, ending as the liar of level 0 says.
    function wrongInner(uint256 salt, uint256 from, uint256 leaf) internal pure returns (Run memory) {
        return rightInner(from).then(leaf, keccak256(lie(salt)));
    }

    /// @dev Down to the contested step, which is proven; honest is one.
    function innerMatch(bytes32 inner, uint256 salt, uint256 from, uint256 leaf)
        internal
        returns (MatchRef memory ref)
    {
        Run memory right = rightInner(from);
        Run memory wrong = wrongInner(salt, from, leaf);
        ref = MatchRef(inner, joinInnerAs(alice, inner, right), joinInnerAs(mallory, inner, wrong));
        descend(ref, right, wrong);
        seal(ref, right, wrong, from == 0 ? TinyMachine.stateHash(0) : TinyMachine.stateHash(TinyMachine.STEPS));
    }

    /// @dev The witness of the step that leads to leaf `leaf` of the right run within stride `from`.
    function witnessOf(uint256 from, uint256 leaf) internal pure returns (bytes memory) {
        return TinyMachine.witness(from == 0 ? leaf : TinyMachine.STEPS);
    }

    /// @dev Everything up to the end of joining in a tournament, and a second.
    function close(bytes32 id) internal {
        (,,,,, uint256 closesAt,,) = dispute.tournamentOf(id);
        if (vm.getBlockTimestamp() < closesAt) vm.warp(closesAt);
    }
}
