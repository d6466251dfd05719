// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { CommitmentStatus } from "../../src/dispute/Commitment.sol";
import { Match, MatchRef, MatchStatus, Turn } from "../../src/dispute/Match.sol";
import { Moves } from "../../src/dispute/Moves.sol";
import { vm, Vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";
import { Run, Runs } from "./Runs.sol";
import { TinyMachine } from "./TinyMachine.sol";

/// @title One honest party, who acts on every tick as a challenger does, and adversaries who act in any order at all.
/// @notice The adversary also delays the honest party, for seven days in all in a round, and now and then the slot's parent dies.
abstract contract Actors is Fixture {
    uint256 internal constant JOINED_MAX = 12;
    uint32 internal constant CENSORSHIP = 7 days;

    /// @dev What is known of a joined commitment: its run.
    mapping(bytes32 tournament => mapping(bytes32 root => Run)) internal _runs;
    mapping(bytes32 tournament => bytes32[]) internal _joined;
    /// @dev For level 1: the state before the first leaf's, and the index of the stride.
    mapping(bytes32 tournament => uint256) internal _stride;
    bytes32[] internal _ids;
    MatchRef[] internal _matches; // all that ever were
    mapping(bytes32 matchKey => uint32[2]) internal _allowances; // last seen
    uint256 internal _censored; // in this round
    uint256 internal _salt;
    uint256 internal _burned;
    uint256 internal _ended;
    bool internal _isDead;

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

    /// @dev The right next moves in any match, for whoever's turn it is.
    function actMove(uint256 which, uint256 times) external tracked {
        if (_matches.length == 0) return;
        for (uint256 i = 0; i <= times % 21; ++i) {
            _move(_matches[which % _matches.length]);
        }
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

    /// @dev Rarely: the slot's parent turns out to be wrong, and play stops, at some levels or at all.
    function actDie(uint256 kind) external tracked {
        if (kind % 24 != 0) return;
        _isDead = true;
        settlement.abandon(SLOT);
        try dispute.kill(_round()) { } catch { }
        if (kind % 48 == 0) _killAll();
    }

    // ---- the honest party ----

    function _round() internal view returns (bytes32) {
        return dispute.tournamentIdOf(SLOT, dispute.slotDisputeOf(SLOT).round);
    }

    function _honestRoot() internal pure returns (bytes32) {
        return TinyMachine.outer().root();
    }

    function _honestJoins(address who) internal {
        bytes32 id = _round();
        if (_isDead || !isOpen(id) || statusOf(id, _honestRoot()) != CommitmentStatus.None) return;
        joinAs(who, id, TinyMachine.outer(), TinyMachine.state(6));
        _remember(id, TinyMachine.outer());
    }

    /// @dev Joins; joins inside its own matches; moves where it is its turn; cleans up.
    function _honestActs() internal {
        if (_isDead) return _killAll();
        _honestJoins(alice);
        for (uint256 i = 0; i < _ids.length; ++i) {
            if (isOpen(_ids[i])) try dispute.bye(_ids[i]) { } catch { }
        }
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

    /// @dev Ends all that lives, outer ones first, and has the bonds go back.
    function _killAll() internal {
        for (uint256 i = 0; i < _ids.length; ++i) {
            try dispute.kill(_ids[i]) { } catch { }
            for (uint8 rank = 0; rank < 8; ++rank) {
                try dispute.reclaimWaiting(_ids[i], rank) { } catch { }
            }
        }
        for (uint256 i = 0; i < _matches.length; ++i) {
            try dispute.reclaimMatch(_matches[i]) { } catch { }
        }
    }

    function _honestJoinsInner(MatchRef memory outer) internal {
        bytes32 id = dispute.innerIdOf(outer.tournament, matchIdOf(outer));
        Run memory run = rightInner(turnOf(outer).index);
        if (!isOpen(id) || statusOf(id, run.root()) != CommitmentStatus.None) return;
        joinInnerAs(alice, id, run);
        _remember(id, run);
    }

    function _isHonest(MatchRef memory ref, bytes32 root) internal view returns (bool) {
        if (_level(ref.tournament) == 0) return root == _honestRoot();
        return root == rightInner(_stride[ref.tournament]).root() && _inHonestMatch(ref.tournament);
    }

    /// @dev Whether an inner tournament decides a match of the honest root: elsewhere even the right trace may back a wrong state.
    function _inHonestMatch(bytes32 id) internal view returns (bool) {
        (,, bytes32 parent, bytes32 matchId,,,,) = dispute.tournamentOf(id);
        for (uint256 i = 0; i < _matches.length; ++i) {
            MatchRef memory ref = _matches[i];
            if (ref.tournament != parent || matchIdOf(ref) != matchId) continue;
            return ref.one == _honestRoot() || ref.two == _honestRoot();
        }
        return false;
    }

    // ---- acts of anybody ----

    function _move(MatchRef memory ref) internal {
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

    function _seal(MatchRef memory ref, Run memory one, Run memory two) internal {
        uint256 level = _level(ref.tournament);
        if (_isDead && level == 1) return;
        bytes32 inner = seal(ref, one, two, _startOf(ref.tournament));
        if (level == 1) return;
        _ids.push(inner);
        _stride[inner] = turnOf(ref).index;
    }

    function _startOf(bytes32 id) internal view returns (bytes32) {
        return TinyMachine.stateHash(_level(id) == 0 || _stride[id] == 0 ? 0 : TinyMachine.STEPS);
    }

    /// @dev With the witness of the agreed state, if that is one of the machine.
    function _prove(MatchRef memory ref) internal {
        bytes32 agreed = dispute.matchOf(ref).node;
        for (uint256 i = 0; i <= TinyMachine.STEPS; ++i) {
            if (TinyMachine.stateHash(i) != agreed) continue;
            try dispute.step(ref, TinyMachine.witness(i)) { } catch { }
            return;
        }
    }

    function _isOut(Turn memory turn) internal view returns (bool) {
        uint32 left = turn.twoMoves ? turn.allowanceTwo : turn.allowanceOne;
        return block.timestamp >= uint256(turn.since) + TURN + left;
    }

    function _clean(MatchRef memory ref) internal {
        try dispute.timeout(ref) { } catch { }
        bytes32 inner = dispute.innerIdOf(ref.tournament, matchIdOf(ref));
        try dispute.bye(inner) { } catch { }
        try dispute.propagate(ref) { } catch { }
        try dispute.bye(ref.tournament) { } catch { }
        _decide();
    }

    function _decide() internal {
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

    function _remember(bytes32 id, Run memory run) internal {
        _runs[id][run.root()] = run;
        _joined[id].push(run.root());
    }

    function _level(bytes32 id) internal view returns (uint8 level) {
        (, level,,,,,,) = dispute.tournamentOf(id);
    }

    function _sealedOuter(uint256 which) internal view returns (bool, MatchRef memory ref, bytes32 inner) {
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

    function _key(MatchRef memory ref) internal pure returns (bytes32) {
        return keccak256(abi.encode(ref));
    }
}
