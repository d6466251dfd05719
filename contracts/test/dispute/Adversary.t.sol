// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Clock } from "../../src/dispute/Clock.sol";
import { CommitmentStatus } from "../../src/dispute/Commitment.sol";
import { Dispute } from "../../src/dispute/Dispute.sol";
import { MatchRef } from "../../src/dispute/Match.sol";
import { Moves } from "../../src/dispute/Moves.sol";
import { Tournaments, TournamentStatus } from "../../src/dispute/Tournament.sol";
import { Children } from "../../src/dispute/Tree.sol";
import { IDispute } from "../../src/l1/interfaces/IDispute.sol";
import { vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";
import { Run, Runs } from "./Runs.sol";
import { TinyMachine } from "./TinyMachine.sol";

/// @title Attacks on the honest clock: all that censorship can take, spent at once; and what is left after it (DISP-CLOCK-3, DISP-CLOCK-4).
contract DisputeDelayTest is Fixture {
    uint32 private constant CENSORSHIP = 7 days;
    uint32 private constant MARGIN = 12 hours;

    /// @dev Honest against a liar to the end, every act at once but for the delays that are given: of joining, of an inner turn, and of
    /// the proof of the step, each beyond what is free.
    /// @return left on the honest clock at the end
    function _play(uint256 joining, uint256 inside, uint256 proof) private returns (uint256 left) {
        joinLiar(1, 0);
        warp(COMPUTE_0 + joining);
        bytes32 root = honest();
        MatchRef memory outer = MatchRef(outerId, liar(1, 0).root(), root);
        bytes32 inner = descendToInner(outer, liar(1, 0), TinyMachine.outer());
        Run memory right = TinyMachine.inner();
        Run memory wrong = wrongInner(1, 0, 3);
        MatchRef memory ref = MatchRef(inner, joinInnerAs(mallory, inner, wrong), joinInnerAs(alice, inner, right));
        advance(ref, wrong, right);
        warp(uint256(COMPUTE_1) + TURN + inside);
        descend(ref, wrong, right);
        seal(ref, wrong, right, TinyMachine.stateHash(0));
        warp(SEALED_TURN + proof);
        dispute.step(ref, TinyMachine.witness(3));
        close(inner);
        dispute.propagate(outer);
        left = dispute.commitmentOf(outerId, root).allowance;
        close(outerId);
        dispute.decide(SLOT);
        (IDispute.Verdict verdict, bytes32 output,) = dispute.verdictOf(SLOT);
        vm.assertTrue(verdict == IDispute.Verdict.Output);
        vm.assertEq(output, TinyMachine.OUTPUT);
    }

    /// @notice All censorship spent on joining, on one inner turn, or on the proof of the step: the margin is left, and the verdict right.
    function test_delay_allCensorshipAtOnce() external {
        for (uint256 i = 0; i < 3; ++i) {
            uint256 snapshot = vm.snapshotState();
            uint256 left = _play(i == 0 ? CENSORSHIP : 0, i == 1 ? CENSORSHIP : 0, i == 2 ? CENSORSHIP : 0);
            vm.assertEq(left, MARGIN);
            vm.revertToState(snapshot);
        }
    }

    /// @notice However delays are spread, they add up: the clock has the allowance without their sum, and wins while that is positive. So L1
    /// may be silent for the margin, less a second, on top of all censorship.
    function testFuzz_delay_addsUp(uint256 joining, uint256 inside, uint256 proof) external {
        joining = bound(joining, 0, ALLOWANCE - 1);
        inside = bound(inside, 0, ALLOWANCE - 1 - joining);
        proof = bound(proof, 0, ALLOWANCE - 1 - joining - inside);
        vm.assertEq(_play(joining, inside, proof), ALLOWANCE - joining - inside - proof);
    }

    /// @notice A second more, and the clock is out: the assumption is exact.
    function test_delay_oneSecondTooMuch() external {
        vm.assertEq(_play(CENSORSHIP, MARGIN - 1, 0), 1);
        vm.warp(vm.getBlockTimestamp() + 1);
        settlement.contest("another");
        dispute.open("another");
        outerId = dispute.tournamentIdOf("another", 0);
        MatchRef memory ref = MatchRef(outerId, honest(), joinLiar(1, 3));
        warp(uint256(COMPUTE_0) + TURN + ALLOWANCE);
        (uint8 height, Children memory opened, Children memory next) = answer(ref, TinyMachine.outer());
        vm.expectPartialRevert(Clock.Clock_Out.selector);
        dispute.advance(ref, height, opened, next);
    }

    /// @notice The adversary joins the honest root in the first second and sets an opponent on it, while its owner is not heard: he comes back
    /// after all censorship, and has the margin.
    function test_delay_rootJoinedInTheFirstSecond() external {
        bytes32 root = joinAs(mallory, outerId, TinyMachine.outer(), TinyMachine.state(6));
        bytes32 wrong = joinLiar(1, 0);
        MatchRef memory ref = MatchRef(outerId, root, wrong);
        warp(uint256(COMPUTE_0) + TURN + CENSORSHIP);
        advance(ref, TinyMachine.outer(), liar(1, 0));
        vm.assertEq(turnOf(ref).allowanceOne, MARGIN);
        warp(uint256(TURN) + ALLOWANCE);
        dispute.timeout(ref);
        vm.assertEq(dispute.commitmentOf(outerId, root).allowance, MARGIN);
    }

    /// @notice Nobody makes the honest root late who comes after its owner: it joins once, and its clock is that of the first.
    function test_delay_rootJoinedInTheLastSecond() external {
        warp(COMPUTE_0 + 1 hours);
        bytes32 root = honest();
        (,,,,, uint256 closesAt,,) = dispute.tournamentOf(outerId);
        vm.warp(closesAt - 1);
        Run memory run = TinyMachine.outer();
        Children memory children = rootChildren(run);
        bytes32[] memory path = lastPath(run);
        uint256 bond = dispute.bondOf(0);
        vm.deal(mallory, bond);
        vm.expectRevert(abi.encodeWithSelector(Dispute.Dispute_AlreadyJoined.selector, outerId, root));
        vm.prank(mallory);
        dispute.join{ value: bond }(outerId, children, TinyMachine.state(6), path);
        // A liar who comes now has a second on his clock, and a turn.
        bytes32 wrong = joinLiar(1, 3);
        MatchRef memory ref = MatchRef(outerId, root, wrong);
        vm.assertEq(turnOf(ref).allowanceOne, ALLOWANCE - 1 hours);
        vm.assertEq(turnOf(ref).allowanceTwo, 1);
        advance(ref, TinyMachine.outer(), liar(1, 3));
        warp(uint256(TURN) + 1);
        dispute.timeout(ref);
        assertStatus(outerId, root, CommitmentStatus.Waiting);
    }
}

/// @title Somebody who, when he is paid, asks for more.
contract GreedyJoiner {
    Dispute private immutable _dispute;
    bytes32 private immutable _slot;
    uint256 public refused;

    constructor(Dispute dispute, bytes32 slot) {
        (_dispute, _slot) = (dispute, slot);
    }

    function join(bytes32 id, Children calldata children, bytes calldata last, bytes32[] calldata path)
        external
        payable
    {
        _dispute.join{ value: msg.value }(id, children, last, path);
    }

    function withdraw() external {
        _dispute.withdraw(address(this));
    }

    receive() external payable {
        try _dispute.withdraw(address(this)) { }
        catch {
            ++refused;
        }
        try _dispute.decide(_slot) { }
        catch {
            ++refused;
        }
    }
}

/// @title Attacks on bonds and on pairing: DISP-BOND-*, DISP-DEAD-1, DISP-MATCH-4.
contract DisputeAttackTest is Fixture {
    /// @notice Gas at ten times what is refunded: every move is refunded at the cap, the winner's bond is whole, and of the loser's at least
    /// what the moves of one side cost burns. Nothing reverts for want of a bond.
    function test_attack_gasAtTenTimesTheCap() external {
        vm.fee(500 gwei);
        vm.txGasPrice(600 gwei);
        (MatchRef memory outer, bytes32 inner) = outerMatch(1, 0);
        MatchRef memory ref = innerMatch(inner, 1, 0, 3);
        // Data that nobody needs makes a call dear: the caps hold.
        bytes memory data = bytes.concat(abi.encodeCall(dispute.step, (ref, witnessOf(0, 3))), new bytes(200_000));
        uint256 before = dispute.creditOf(address(this));
        (bool success,) = address(dispute).call(data);
        vm.assertTrue(success);
        vm.assertEq(dispute.creditOf(address(this)) - before, 4_600_000 * 50 gwei);
        close(inner);
        dispute.propagate(outer);
        close(outerId);
        dispute.decide(SLOT);
        uint256 bonds = dispute.bondOf(0) + dispute.bondOf(1);
        vm.assertEq(dispute.creditOf(alice), bonds);
        uint256 refunds = dispute.creditOf(address(this));
        uint256 burned = address(dispute).balance - dispute.creditOf(alice) - refunds;
        vm.assertEq(burned + refunds, bonds);
        vm.assertGe(burned, (940_000 + 5_430_000) * 50 gwei);
    }

    /// @notice Everything that one side's moves and the closing can cost at the dearest, against one bond: R burns still (DISP-BOND-4).
    function test_attack_dearestMoves() external {
        vm.fee(500 gwei);
        vm.txGasPrice(600 gwei);
        MatchRef memory ref = MatchRef(outerId, honest(), joinLiar(1, 5));
        Run memory right = TinyMachine.outer();
        Run memory wrong = liar(1, 5);
        bytes memory padding = new bytes(20_000);
        while (turnOf(ref).height > 1) {
            (uint8 height, Children memory opened, Children memory next) =
                answer(ref, turnOf(ref).twoMoves ? wrong : right);
            bytes memory data = bytes.concat(abi.encodeCall(dispute.advance, (ref, height, opened, next)), padding);
            (bool success,) = address(dispute).call(data);
            vm.assertTrue(success);
        }
        vm.assertEq(turnOf(ref).spentOne, uint256(10 * 80_000) * 50);
        vm.assertEq(turnOf(ref).spentTwo, uint256(9 * 80_000) * 50);
        warp(uint256(COMPUTE_0) + TURN + ALLOWANCE);
        (bool closed,) = address(dispute).call(bytes.concat(abi.encodeCall(dispute.timeout, (ref)), padding));
        vm.assertTrue(closed);
        uint256 refunds = dispute.creditOf(address(this));
        vm.assertEq(refunds, uint256(19 * 80_000 + 350_000) * 50 gwei);
        close(outerId);
        dispute.decide(SLOT);
        vm.assertEq(dispute.creditOf(alice), dispute.bondOf(0));
        vm.assertGe(dispute.bondOf(0) - refunds, 940_000 * 50 gwei);
    }

    /// @notice Who comes back in while he is paid gets what is his, once, and nothing else.
    function test_attack_reentrancy() external {
        GreedyJoiner greedy = new GreedyJoiner(dispute, SLOT);
        Run memory run = TinyMachine.outer();
        uint256 bond = dispute.bondOf(0);
        vm.deal(address(this), bond);
        greedy.join{ value: bond }(outerId, rootChildren(run), TinyMachine.state(6), lastPath(run));
        joinLiar(1, 3);
        uint256 held = address(dispute).balance;
        warp(uint256(COMPUTE_0) + TURN + ALLOWANCE);
        MatchRef memory ref = MatchRef(outerId, run.root(), liar(1, 3).root());
        dispute.timeout(ref); // nobody moved for the greedy one's root
        dispute.decide(SLOT);
        vm.assertEq(dispute.creditOf(mallory), bond);
        vm.assertEq(dispute.creditOf(address(greedy)), 0);
        vm.assertEq(address(dispute).balance, held);
        // In a slot of its own he wins.
        settlement.contest("own");
        dispute.open("own");
        bytes32 id = dispute.tournamentIdOf("own", 0);
        vm.deal(address(this), bond);
        greedy.join{ value: bond }(id, rootChildren(run), TinyMachine.state(6), lastPath(run));
        close(id);
        dispute.decide("own");
        greedy.withdraw();
        vm.assertEq(address(greedy).balance, bond);
        vm.assertEq(greedy.refused(), 2);
        vm.assertEq(address(dispute).balance, held);
    }

    /// @notice A wrong run that ends in the right state backs the right side. It falls against the right run, and alone it harms nobody.
    function test_attack_rightStateOverWrongTrace() external {
        (MatchRef memory outer, bytes32 inner) = outerMatch(1, 0);
        Run memory wrong = TinyMachine.inner().then(3, "junk").then(4, TinyMachine.stateHash(6));
        bytes32 backer = joinInnerAs(mallory, inner, wrong);
        uint256 snapshot = vm.snapshotState();
        close(inner);
        dispute.propagate(outer);
        assertStatus(outerId, outer.one, CommitmentStatus.Waiting);
        vm.revertToState(snapshot);

        Run memory right = TinyMachine.inner();
        MatchRef memory ref = MatchRef(inner, backer, joinInnerAs(alice, inner, right));
        descend(ref, wrong, right);
        seal(ref, wrong, right, TinyMachine.stateHash(0));
        dispute.step(ref, TinyMachine.witness(3));
        assertStatus(inner, backer, CommitmentStatus.Fallen);
        close(inner);
        dispute.propagate(outer);
        assertStatus(outerId, outer.one, CommitmentStatus.Waiting);
        vm.assertEq(dispute.creditOf(alice), dispute.bondOf(1));
        vm.assertEq(dispute.creditOf(mallory), 0);
    }

    /// @notice Two liars agree on a state that nobody can witness. Nobody can decide between them, and time fells both; the honest root is
    /// not held up.
    function test_attack_unwitnessableAgreedState() external {
        bytes32 root = honest();
        Run memory first = TinyMachine.outer().then(2, "invented").then(3, keccak256(lie(1)));
        Run memory second = TinyMachine.outer().then(2, "invented").then(3, keccak256(lie(2)));
        MatchRef memory mine = MatchRef(outerId, root, joinAs(mallory, outerId, first, lie(1)));
        MatchRef memory theirs = MatchRef(
            outerId,
            joinAs(mallory, outerId, second, lie(2)),
            joinAs(mallory, outerId, first.then(9, keccak256(lie(3))), lie(3))
        );
        warp(COMPUTE_0);
        bytes32 inner = _descendWithin(theirs, second, first.then(9, keccak256(lie(3))));
        Run memory one = Runs.uniform("junk").then(5, keccak256(lie(2)));
        Run memory two = Runs.uniform("junk").then(5, keccak256(lie(1)));
        MatchRef memory ref = MatchRef(inner, joinInnerAs(mallory, inner, one), joinInnerAs(mallory, inner, two));
        descend(ref, one, two);
        seal(ref, one, two, "invented");
        vm.expectRevert();
        dispute.step(ref, TinyMachine.witness(6));
        warp(uint256(COMPUTE_1) + SEALED_TURN + ALLOWANCE);
        dispute.timeout(ref);
        assertStatus(inner, ref.one, CommitmentStatus.Fallen);
        assertStatus(inner, ref.two, CommitmentStatus.Fallen);
        dispute.propagate(theirs);
        assertStatus(outerId, theirs.one, CommitmentStatus.Fallen);
        assertStatus(outerId, theirs.two, CommitmentStatus.Fallen);
        vm.assertTrue(turnOf(mine).height == Runs.HEIGHT);
    }

    /// @dev Down to the tournament inside, whose start is the liars' own state.
    function _descendWithin(MatchRef memory ref, Run memory one, Run memory two) private returns (bytes32 inner) {
        descend(ref, one, two);
        inner = seal(ref, one, two, TinyMachine.stateHash(0));
        vm.assertEq(dispute.matchOf(ref).node, "invented");
    }

    /// @notice A slot dies when its tournament could be decided: whichever of the two calls comes first, the other is refused, and the bond
    /// goes back once.
    function test_attack_decideAgainstKill() external {
        honest();
        close(outerId);
        settlement.abandon(SLOT);
        uint256 snapshot = vm.snapshotState();
        dispute.decide(SLOT);
        vm.expectRevert(abi.encodeWithSelector(Moves.Dispute_NotOpen.selector, outerId, TournamentStatus.Over));
        dispute.kill(outerId);
        vm.expectPartialRevert(Dispute.Dispute_NotDead.selector);
        dispute.reclaimWaiting(outerId, 0);
        vm.assertEq(dispute.creditOf(alice), dispute.bondOf(0));
        vm.revertToState(snapshot);
        dispute.kill(outerId);
        vm.expectRevert(abi.encodeWithSelector(Moves.Dispute_NotOpen.selector, outerId, TournamentStatus.Dead));
        dispute.decide(SLOT);
        dispute.reclaimWaiting(outerId, 0);
        vm.expectRevert(abi.encodeWithSelector(Tournaments.Tournament_NobodyWaits.selector, 0));
        dispute.reclaimWaiting(outerId, 0);
        vm.assertEq(dispute.creditOf(alice), dispute.bondOf(0));
        (IDispute.Verdict verdict,,) = dispute.verdictOf(SLOT);
        vm.assertTrue(verdict == IDispute.Verdict.None);
    }

    /// @notice The outer tournament dies while the inner one is being played: until it is told, moves there are legal and useless, and the
    /// bonds come back from both levels without what the moves cost.
    function test_attack_playInsideTheDead() external {
        vm.fee(50 gwei);
        vm.txGasPrice(50 gwei);
        (MatchRef memory outer, bytes32 inner) = outerMatch(1, 0);
        Run memory right = TinyMachine.inner();
        Run memory wrong = wrongInner(1, 0, 4);
        MatchRef memory ref = MatchRef(inner, joinInnerAs(alice, inner, right), joinInnerAs(mallory, inner, wrong));
        settlement.abandon(SLOT);
        dispute.kill(outerId);
        dispute.reclaimMatch(outer);
        descend(ref, right, wrong);
        // The agreed state was the outer match's, which is gone: no start is taken for it.
        dispute.kill(inner);
        dispute.reclaimMatch(ref);
        uint256 bonds = 2 * (dispute.bondOf(0) + dispute.bondOf(1));
        uint256 refunds = dispute.creditOf(address(this));
        vm.assertEq(dispute.creditOf(alice) + dispute.creditOf(mallory) + refunds, bonds);
        vm.assertEq(address(dispute).balance, bonds);
        // Ten moves at the cap and no more are anybody's at each level, whoever makes them.
        vm.assertGe(dispute.creditOf(alice), bonds / 2 - uint256(20 * 80_000) * 50 gwei);
    }

    /// @notice L1 gives up blocks and orders joins otherwise: what was signed for the old match is refused, or does the same as before.
    function test_attack_replayAfterReorg() external {
        uint256 snapshot = vm.snapshotState();
        MatchRef memory old = MatchRef(outerId, honest(), joinLiar(1, 3));
        (uint8 height, Children memory opened, Children memory next) = answer(old, TinyMachine.outer());
        bytes memory move = abi.encodeCall(dispute.advance, (old, height, opened, next));
        (bool success,) = address(dispute).call(move);
        vm.assertTrue(success);
        vm.revertToState(snapshot);
        // The other order: other sides, another name.
        MatchRef memory swapped = MatchRef(outerId, joinLiar(1, 3), honest());
        bytes memory result;
        (success, result) = address(dispute).call(move);
        vm.assertFalse(success);
        vm.assertEq(result, abi.encodeWithSelector(Moves.Dispute_NoMatch.selector, outerId, matchIdOf(old)));
        vm.assertEq(turnOf(swapped).height, Runs.HEIGHT);
        vm.revertToState(snapshot);
        // The same order, later: the same move.
        warp(1 hours);
        honest();
        joinLiar(1, 3);
        (success,) = address(dispute).call(move);
        vm.assertTrue(success);
        vm.assertEq(turnOf(old).height, Runs.HEIGHT - 1);
        vm.assertEq(dispute.creditOf(address(this)), 0);
    }

    /// @notice However many come and whoever of them is silent, and though anybody asks for a bye after every act: the honest root meets no
    /// more than the logarithm of them.
    function testFuzz_attack_byesAreEarned(uint256 count, uint256 silent, uint256 place) external {
        count = bound(count, 1, 9);
        place = bound(place, 0, count);
        bytes32 root = TinyMachine.outer().root();
        bytes32[] memory roots = new bytes32[](count + 1);
        for (uint256 i = 0; i <= count; ++i) {
            roots[i] = i == place ? honest() : joinLiar(i + 1, i);
            _bye();
        }
        close(outerId);
        uint256 played;
        for (uint256 passes = 0; passes < 12; ++passes) {
            for (uint256 i = 0; i <= count; ++i) {
                for (uint256 j = 0; j <= count; ++j) {
                    MatchRef memory ref = MatchRef(outerId, roots[i], roots[j]);
                    if (turnOf(ref).height != Runs.HEIGHT) continue;
                    bool isHonest = ref.one == root || ref.two == root;
                    if (isHonest) ++played;
                    // One's silence fells him, or two's after one move.
                    bool oneFalls = isHonest ? ref.two == root : (silent >> (passes + i + j)) & 1 == 0;
                    if (!oneFalls) advance(ref, _runOf(i, place), _runOf(j, place));
                }
            }
            warp(uint256(TURN) + ALLOWANCE);
            for (uint256 i = 0; i <= count; ++i) {
                for (uint256 j = 0; j <= count; ++j) {
                    try dispute.timeout(MatchRef(outerId, roots[i], roots[j])) {
                        _bye();
                    } catch { }
                }
            }
            _bye();
        }
        uint256 rounds;
        while (1 << rounds < count + 1) ++rounds;
        vm.assertLe(played, rounds);
        dispute.decide(SLOT);
        (IDispute.Verdict verdict, bytes32 output,) = dispute.verdictOf(SLOT);
        vm.assertTrue(verdict == IDispute.Verdict.Output);
        vm.assertEq(output, TinyMachine.OUTPUT);
    }

    function _runOf(uint256 index, uint256 place) private pure returns (Run memory) {
        return index == place ? TinyMachine.outer() : liar(index + 1, index);
    }

    function _bye() private {
        try dispute.bye(outerId) { } catch { }
    }
}
