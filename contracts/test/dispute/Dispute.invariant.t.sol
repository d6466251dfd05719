// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Commitment, CommitmentStatus } from "../../src/dispute/Commitment.sol";
import { Dispute } from "../../src/dispute/Dispute.sol";
import { Match, MatchRef, MatchStatus, Turn } from "../../src/dispute/Match.sol";
import { Moves } from "../../src/dispute/Moves.sol";
import { TournamentStatus } from "../../src/dispute/Tournament.sol";
import { IDispute } from "../../src/l1/interfaces/IDispute.sol";
import { vm, Vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";
import { Run, Runs } from "./Runs.sol";
import { TinyMachine } from "./TinyMachine.sol";

/// @title One honest party, who acts on every tick as a challenger does, and adversaries who act in any order at all.
/// @notice The numbered invariants of docs/spec/dispute.md. The adversary also delays the honest party, for seven days in all in a round.
/// Rules: DISP-PAIR-1, DISP-PAIR-4, DISP-BOND-3, DISP-BOND-4.
contract DisputeInvariantTest is Fixture {
    uint256 private constant JOINED_MAX = 12;
    uint32 private constant CENSORSHIP = 7 days;
    uint32 private constant MARGIN = 12 hours;

    /// @dev What is known of a joined commitment: its run.
    mapping(bytes32 tournament => mapping(bytes32 root => Run)) private _runs;
    mapping(bytes32 tournament => bytes32[]) private _joined;
    /// @dev For level 1: the state before the first leaf's, and the index of the stride.
    mapping(bytes32 tournament => uint256) private _stride;
    bytes32[] private _ids;
    MatchRef[] private _matches; // all that ever were
    mapping(bytes32 matchKey => uint32[2]) private _allowances; // last seen
    uint256 private _censored; // in this round
    uint256 private _salt;
    uint256 private _burned;
    uint256 private _ended;

    function setUp() public override {
        super.setUp();
        vm.fee(10 gwei);
        vm.txGasPrice(12 gwei);
        _ids.push(outerId);
        bytes4[] memory selectors = new bytes4[](6);
        selectors[0] = this.actJoin.selector;
        selectors[1] = this.actJoinInner.selector;
        selectors[2] = this.actMove.selector;
        selectors[3] = this.actWait.selector;
        selectors[4] = this.actCensor.selector;
        selectors[5] = this.actClean.selector;
        targetContract(address(this));
        // Not one of the fuzzer's own choice: it gives its senders ether, and may choose a contract whose balance counts.
        targetSender(address(0xf00d));
        targetSelector(address(this), selectors);
    }

    // ---- adversaries ----

    /// @dev A liar from any leaf on, or the right root for once.
    function actJoin(uint256 from, uint256 kind) external tracked {
        bytes32 id = _round();
        if (_joined[id].length >= JOINED_MAX || !isOpen(id)) return;
        if (kind % 8 == 0) return _honestJoins(mallory);
        from = bound(from, 0, 2 ** 20 - 1);
        if (kind % 3 == 0) from = from % 3;
        ++_salt;
        Run memory run = liar(_salt, from);
        try this.tryJoin(mallory, id, run, lie(_salt)) {
            _remember(id, run);
        } catch { }
    }

    /// @dev Into any inner tournament: for either side, by a trace that is wrong from any leaf on; or the right one.
    function actJoinInner(uint256 which, uint256 leaf, uint256 kind) external tracked {
        (bool found, MatchRef memory outer, bytes32 id) = _sealedOuter(which);
        if (!found || _joined[id].length >= JOINED_MAX) return;
        Match memory m = dispute.matchOf(outer);
        Run memory run = rightInner(m.turn.index);
        leaf = bound(leaf, 0, 2 ** 20 - 1);
        if (kind % 3 == 0) leaf = leaf % 8;
        bytes32 last = kind % 2 == 0 ? m.left : m.right;
        if (kind % 5 != 0) {
            ++_salt;
            if (leaf < 2 ** 20 - 1) run = run.then(leaf, keccak256(abi.encode("wrong", _salt)));
            run = run.then(leaf < 2 ** 20 - 1 ? leaf + 1 : leaf, last);
        }
        try this.tryJoinInner(mallory, id, run) {
            _remember(id, run);
        } catch { }
    }

    /// @dev The right next move in any match, for whoever's turn it is.
    function actMove(uint256 which) external tracked {
        if (_matches.length != 0) _move(_matches[which % _matches.length]);
    }

    /// @dev Everything that anyone may clean up in one match.
    function actClean(uint256 which) external tracked {
        if (_matches.length == 0) return;
        _clean(_matches[which % _matches.length]);
    }

    /// @dev Time passes, and the honest party acts in it, within a turn's grace.
    function actWait(uint256 seconds_) external tracked {
        warp(bound(seconds_, 1, TURN - 1));
        _honestActs();
    }

    /// @dev Time passes in which the honest party is not heard.
    function actCensor(uint256 seconds_) external tracked {
        seconds_ = bound(seconds_, 1, 2 days);
        if (_censored + seconds_ > CENSORSHIP) return;
        _honestActs();
        _censored += seconds_;
        warp(seconds_);
    }

    // ---- the honest party ----

    function _round() private view returns (bytes32) {
        return dispute.tournamentIdOf(SLOT, dispute.slotDisputeOf(SLOT).round);
    }

    function _honestRoot() private pure returns (bytes32) {
        return TinyMachine.outer().root();
    }

    function _honestJoins(address who) private {
        bytes32 id = _round();
        if (!isOpen(id) || statusOf(id, _honestRoot()) != CommitmentStatus.None) return;
        joinAs(who, id, TinyMachine.outer(), TinyMachine.state(6));
        _remember(id, TinyMachine.outer());
    }

    /// @dev Joins; joins inside its own matches; moves where it is its turn; cleans up.
    function _honestActs() private {
        _honestJoins(alice);
        for (uint256 i = 0; i < _matches.length; ++i) {
            MatchRef memory ref = _matches[i];
            Turn memory turn = turnOf(ref);
            if (turn.status == MatchStatus.None || !isOpen(ref.tournament)) continue;
            _clean(ref);
            turn = turnOf(ref);
            bool isOne = _isHonest(ref, ref.one);
            bool isTwo = _isHonest(ref, ref.two);
            if (turn.status == MatchStatus.None || (!isOne && !isTwo)) continue;
            if (turn.status == MatchStatus.Sealed && _level(ref.tournament) == 0) {
                _honestJoinsInner(ref);
            } else if (turn.status == MatchStatus.Sealed || turn.twoMoves == isTwo) {
                _move(ref);
            }
        }
        _decide();
    }

    function _honestJoinsInner(MatchRef memory outer) private {
        bytes32 id = dispute.innerIdOf(outer.tournament, matchIdOf(outer));
        Run memory run = rightInner(turnOf(outer).index);
        if (!isOpen(id) || statusOf(id, run.root()) != CommitmentStatus.None) return;
        joinInnerAs(alice, id, run);
        _remember(id, run);
    }

    function _isHonest(MatchRef memory ref, bytes32 root) private view returns (bool) {
        if (_level(ref.tournament) == 0) return root == _honestRoot();
        return root == rightInner(_stride[ref.tournament]).root() && _inHonestMatch(ref.tournament);
    }

    /// @dev Whether an inner tournament decides a match of the honest root: elsewhere even the right trace may back a wrong state.
    function _inHonestMatch(bytes32 id) private view returns (bool) {
        (,, bytes32 parent, bytes32 matchId,,,,) = dispute.tournamentOf(id);
        for (uint256 i = 0; i < _matches.length; ++i) {
            MatchRef memory ref = _matches[i];
            if (ref.tournament != parent || matchIdOf(ref) != matchId) continue;
            return ref.one == _honestRoot() || ref.two == _honestRoot();
        }
        return false;
    }

    // ---- acts of anybody ----

    function _move(MatchRef memory ref) private {
        Turn memory turn = turnOf(ref);
        if (turn.status == MatchStatus.None || !isOpen(ref.tournament)) return;
        if (turn.status == MatchStatus.Sealed) {
            if (_level(ref.tournament) == 1) _prove(ref);
            return;
        }
        if (_isOut(turn)) return;
        Run memory one = _runs[ref.tournament][ref.one];
        Run memory two = _runs[ref.tournament][ref.two];
        if (turn.height > 1) advance(ref, one, two);
        else _seal(ref, one, two);
    }

    function _seal(MatchRef memory ref, Run memory one, Run memory two) private {
        uint256 level = _level(ref.tournament);
        bytes32 start = TinyMachine.stateHash(level == 0 || _stride[ref.tournament] == 0 ? 0 : TinyMachine.STEPS);
        bytes32 inner = seal(ref, one, two, start);
        if (level == 1) return;
        _ids.push(inner);
        _stride[inner] = turnOf(ref).index;
    }

    /// @dev With the witness of the agreed state, if that is one of the machine.
    function _prove(MatchRef memory ref) private {
        bytes32 agreed = dispute.matchOf(ref).node;
        for (uint256 i = 0; i <= TinyMachine.STEPS; ++i) {
            if (TinyMachine.stateHash(i) != agreed) continue;
            try dispute.step(ref, TinyMachine.witness(i)) { } catch { }
            return;
        }
    }

    function _isOut(Turn memory turn) private view returns (bool) {
        uint32 left = turn.twoMoves ? turn.allowanceTwo : turn.allowanceOne;
        return block.timestamp >= uint256(turn.since) + TURN + left;
    }

    function _clean(MatchRef memory ref) private {
        try dispute.timeout(ref) { } catch { }
        bytes32 inner = dispute.innerIdOf(ref.tournament, matchIdOf(ref));
        try dispute.bye(inner) { } catch { }
        try dispute.propagate(ref) { } catch { }
        try dispute.bye(ref.tournament) { } catch { }
        _decide();
    }

    function _decide() private {
        uint32 round = dispute.slotDisputeOf(SLOT).round;
        try dispute.decide(SLOT) { } catch { }
        if (dispute.slotDisputeOf(SLOT).round != round) {
            _ids.push(_round());
            _censored = 0;
        }
    }

    // ---- what is known ----

    function tryJoin(address who, bytes32 id, Run memory run, bytes memory last) external {
        joinAs(who, id, run, last);
    }

    function tryJoinInner(address who, bytes32 id, Run memory run) external {
        joinInnerAs(who, id, run);
    }

    function _remember(bytes32 id, Run memory run) private {
        _runs[id][run.root()] = run;
        _joined[id].push(run.root());
    }

    function _level(bytes32 id) private view returns (uint8 level) {
        (, level,,,,,,) = dispute.tournamentOf(id);
    }

    function _sealedOuter(uint256 which) private view returns (bool, MatchRef memory ref, bytes32 inner) {
        for (uint256 i = 0; i < _matches.length; ++i) {
            ref = _matches[(which % _matches.length + i) % _matches.length];
            if (_level(ref.tournament) != 0 || turnOf(ref).status != MatchStatus.Sealed) continue;
            return (true, ref, dispute.innerIdOf(ref.tournament, matchIdOf(ref)));
        }
        return (false, ref, 0);
    }

    /// @dev Learns of matches from the log, and checks invariant 3 on the way: no allowance ever grows.
    modifier tracked() {
        vm.recordLogs();
        _;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == Moves.MatchBegan.selector) {
                (bytes32 one, bytes32 two,) = abi.decode(logs[i].data, (bytes32, bytes32, uint256));
                MatchRef memory ref = MatchRef(logs[i].topics[1], one, two);
                _matches.push(ref);
                vm.assertTrue(_allowances[_key(ref)][0] == 0, "a pair met twice");
                _allowances[_key(ref)] = [turnOf(ref).allowanceOne, turnOf(ref).allowanceTwo];
            } else if (logs[i].topics[0] == Moves.MatchEnded.selector) {
                (, uint256 burnedGwei) = abi.decode(logs[i].data, (uint8, uint256));
                uint256 bond = dispute.bondOf(_level(logs[i].topics[1]));
                vm.assertGe(burnedGwei * 1 gwei, bond / 4);
                _burned += burnedGwei * 1 gwei;
                ++_ended;
            }
        }
        for (uint256 i = 0; i < _matches.length; ++i) {
            Turn memory turn = turnOf(_matches[i]);
            if (turn.status == MatchStatus.None) continue;
            uint32[2] storage seen = _allowances[_key(_matches[i])];
            vm.assertTrue(turn.allowanceOne <= seen[0] || seen[0] == 0, "an allowance grew");
            vm.assertTrue(turn.allowanceTwo <= seen[1] || seen[1] == 0, "an allowance grew");
            (seen[0], seen[1]) = (turn.allowanceOne, turn.allowanceTwo);
        }
    }

    function _key(MatchRef memory ref) private pure returns (bytes32) {
        return keccak256(abi.encode(ref));
    }

    // ---- the invariants ----

    function invariant_dispute() external view {
        _everyRootIsSomewhere();
        _balance();
        _honestStands();
    }

    /// @dev 2: every joined root waits, plays, has fallen, or got its bond back; and the counts agree with the places.
    function _everyRootIsSomewhere() private view {
        for (uint256 i = 0; i < _ids.length; ++i) {
            (,,,,,, uint64 waitingRanks,) = dispute.tournamentOf(_ids[i]);
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
            vm.assertEq(counts[uint256(CommitmentStatus.Waiting)], isOpen(_ids[i]) ? waiting : waiting - returned);
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
        for (uint256 i = 0; i < 2_000; ++i) {
            (IDispute.Verdict verdict,,) = dispute.verdictOf(SLOT);
            if (verdict != IDispute.Verdict.None) break;
            this.actHonestTick();
        }
        _everyRootIsSomewhere();
        _balance();
        _honestStands();
        (IDispute.Verdict last, bytes32 output,) = dispute.verdictOf(SLOT);
        vm.assertTrue(last == IDispute.Verdict.Output, "no verdict");
        vm.assertEq(output, TinyMachine.OUTPUT);
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
            this.actMove(0);
        }
        this.actJoinInner(0, 4, 1);
        this.actWait(1);
        for (uint256 i = 0; i < 25; ++i) {
            this.actMove(1);
        }
        vm.assertEq(_matches.length, 2);
        vm.assertEq(_ended, 1);
        this.actCensor(2 days);
        _finish();
        vm.assertEq(_ended, 2);
        vm.assertTrue(_burned != 0);
        vm.assertEq(_ids.length, 2);
    }
}
