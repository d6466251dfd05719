// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Commitment, CommitmentStatus, Ending } from "../../src/dispute/Commitment.sol";
import { Match, MatchRef, MatchStatus, Turn } from "../../src/dispute/Match.sol";
import { TournamentStatus } from "../../src/dispute/Tournament.sol";
import { IDispute } from "../../src/l1/interfaces/IDispute.sol";
import { vm, Vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";

/// @title The simulated games of `tests/vectors/dispute`, which the tests of prover/dispute write, played by the contracts call by call.
/// @notice After every call the contracts and the model agree about the tournament, the match, the commitments and the credits.
contract DisputeGamesTest is Fixture {
    string private constant DIRECTORY = "../tests/vectors/dispute/";
    bytes32 private constant GAME_SLOT = 0x5151515151515151515151515151515151515151515151515151515151515151;
    address private constant HONEST = 0xaAaAaAaaAaAaAaaAaAAAAAAAAaaaAaAaAaaAaaAa;
    address private constant ADVERSARY = 0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB;

    struct Game {
        uint256[] times;
        bool[] honest;
        bool[] died;
        uint256[] bondsGwei;
        bytes[] calls;
        string[] errors;
        bytes32[] tournaments;
        bytes32[] ones;
        bytes32[] twos;
        bytes32[] digests;
    }

    function test_games_contractsAgreeWithTheModel() external {
        Vm.DirEntry[] memory files = vm.readDir(DIRECTORY);
        vm.assertGe(files.length, 19);
        for (uint256 i = 0; i < files.length; ++i) {
            uint256 snapshot = vm.snapshotState();
            this.play(files[i].path);
            vm.revertToState(snapshot);
        }
    }

    /// @dev Called from outside, so that its memory is given back.
    function play(string calldata path) external {
        string memory json = vm.readFile(path);
        bytes32[] memory inputs = vm.parseJsonBytes32Array(json, ".inputs");
        settlement.setRun(vm.parseJsonBytes32(json, ".guest_hash"), [inputs[0], inputs[1], inputs[2]]);
        settlement.contest(GAME_SLOT);
        dispute.open(GAME_SLOT);
        Game memory game = _read(json);
        vm.deal(HONEST, 1000 ether);
        vm.deal(ADVERSARY, 1000 ether);
        uint256 refused;
        for (uint256 i = 0; i < game.calls.length; ++i) {
            string memory where = string.concat(path, " call ", vm.toString(i));
            vm.warp(game.times[i]);
            if (game.died[i]) settlement.abandon(GAME_SLOT);
            vm.prank(game.honest[i] ? HONEST : ADVERSARY);
            (bool success, bytes memory result) =
                address(dispute).call{ value: game.bondsGwei[i] * 1 gwei }(game.calls[i]);
            if (bytes(game.errors[i]).length == 0) {
                vm.assertTrue(success, where);
            } else {
                ++refused;
                vm.assertFalse(success, where);
                vm.assertEq(bytes32(bytes4(result)), _word(game.errors[i]), where);
            }
            bytes32 digest = _digest(game.tournaments[i], game.ones[i], game.twos[i]);
            vm.assertEq(digest, game.digests[i], where);
        }
        vm.assertTrue(refused != 0 && refused < game.calls.length, path);
        // Everybody has been paid by now: what is left has burned.
        vm.assertEq(dispute.creditOf(HONEST) + dispute.creditOf(ADVERSARY), 0, path);
        vm.assertEq(address(dispute).balance, vm.parseJsonUint(json, ".burned_gwei") * 1 gwei, path);
        (IDispute.Verdict verdict, bytes32 output, address champion) = dispute.verdictOf(GAME_SLOT);
        if (game.died[game.died.length - 1]) {
            vm.assertTrue(verdict == IDispute.Verdict.None, path);
            return;
        }
        vm.assertTrue(verdict == IDispute.Verdict.Output && output != 0, path);
        vm.assertTrue(champion == HONEST || champion == ADVERSARY, path);
    }

    function _read(string memory json) private pure returns (Game memory game) {
        game.times = vm.parseJsonUintArray(json, ".times");
        game.died = abi.decode(vm.parseJson(json, ".died"), (bool[]));
        game.honest = abi.decode(vm.parseJson(json, ".honest"), (bool[]));
        game.bondsGwei = vm.parseJsonUintArray(json, ".bonds_gwei");
        game.calls = vm.parseJsonBytesArray(json, ".calls");
        game.errors = vm.parseJsonStringArray(json, ".errors");
        game.tournaments = vm.parseJsonBytes32Array(json, ".tournaments");
        game.ones = vm.parseJsonBytes32Array(json, ".ones");
        game.twos = vm.parseJsonBytes32Array(json, ".twos");
        game.digests = vm.parseJsonBytes32Array(json, ".digests");
        vm.assertGt(game.calls.length, 10);
        vm.assertEq(game.digests.length, game.calls.length);
    }

    /// @dev A selector in hexadecimal, as the first bytes of a word.
    function _word(string memory text) private pure returns (bytes32) {
        bytes memory letters = bytes(text);
        uint256 value;
        for (uint256 i = 2; i < letters.length; ++i) {
            uint8 letter = uint8(letters[i]);
            value = 16 * value + (letter < 58 ? letter - 48 : letter - 87);
        }
        return bytes32(value << 224);
    }

    /// @dev What holds at a place, as words. Twin: prover/dispute/tests/games.rs.
    function _digest(bytes32 id, bytes32 one, bytes32 two) private view returns (bytes32) {
        bytes memory credits = abi.encode(dispute.creditOf(HONEST) / 1 gwei, dispute.creditOf(ADVERSARY) / 1 gwei);
        return keccak256(
            bytes.concat(
                _tournament(id), _match(MatchRef(id, one, two)), _commitment(id, one), _commitment(id, two), credits
            )
        );
    }

    function _tournament(bytes32 id) private view returns (bytes memory) {
        (TournamentStatus status, uint8 level,,, uint256 startsAt, uint256 closesAt, uint64 waiting, uint64 live) =
            dispute.tournamentOf(id);
        return abi.encode(uint256(status), level, startsAt, closesAt, waiting, live);
    }

    function _match(MatchRef memory ref) private view returns (bytes memory) {
        Match memory m = dispute.matchOf(ref);
        Turn memory turn = m.turn;
        bytes memory state =
            abi.encode(uint256(turn.status), turn.height, turn.twoMoves ? 1 : 0, turn.index, turn.since);
        return
            bytes.concat(abi.encode(m.node, m.left, m.right), state, abi.encode(turn.allowanceOne, turn.allowanceTwo));
    }

    function _commitment(bytes32 id, bytes32 root) private view returns (bytes memory) {
        Commitment memory found = dispute.commitmentOf(id, root);
        return abi.encode(uint256(found.status), uint256(found.ending), found.rank, found.allowance, found.output);
    }
}
