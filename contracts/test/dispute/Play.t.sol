// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { CommitmentStatus, Ending } from "../../src/dispute/Commitment.sol";
import { Dispute } from "../../src/dispute/Dispute.sol";
import { MatchRef } from "../../src/dispute/Match.sol";
import { IDispute } from "../../src/l1/interfaces/IDispute.sol";
import { vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";
import { Run } from "./Runs.sol";
import { TinyMachine } from "./TinyMachine.sol";

/// @title Whole disputes, to the step that the machine decides (DISP-TREE-1, DISP-MATCH-4).
contract DisputePlayTest is Fixture {
    /// @notice The tests' own machine is the real one.
    function test_tinyMachine_isWhatStepSays() external view {
        (bytes32 memoryRoot,) = TinyMachine.code();
        vm.assertEq(
            machine.initialState(
                memoryRoot, TinyMachine.PARENT_OUTPUT, TinyMachine.FIRST_BATCH, TinyMachine.LAST_BATCH
            ),
            TinyMachine.stateHash(0)
        );
        for (uint256 i = 0; i <= TinyMachine.STEPS; ++i) {
            vm.assertEq(machine.step(TinyMachine.stateHash(i), TinyMachine.witness(i)), TinyMachine.stateHash(i + 1));
        }
    }

    /// @notice Wherever the liar's run leaves the right one, the right output is the verdict and the honest bonds come back.
    function testFuzz_play_honestWins(uint256 from, uint256 leaf) external {
        from = bound(from, 0, 2 ** 20 - 1);
        leaf = bound(leaf, 0, 2 ** 20 - 1);
        _play(from, leaf);
    }

    function test_play_edges() external {
        uint256[5] memory edges = [uint256(0), 1, 5, 6, 2 ** 20 - 1];
        for (uint256 i = 0; i < edges.length; ++i) {
            for (uint256 j = 0; j < edges.length; ++j) {
                uint256 snapshot = vm.snapshotState();
                _play(edges[i], edges[j]);
                vm.revertToState(snapshot);
            }
        }
    }

    function _play(uint256 from, uint256 leaf) private {
        (MatchRef memory outer, bytes32 inner) = outerMatch(1, from);
        MatchRef memory ref = innerMatch(inner, 1, from, leaf);
        dispute.step(ref, witnessOf(from, leaf));
        assertStatus(inner, ref.one, CommitmentStatus.Waiting);
        assertStatus(inner, ref.two, CommitmentStatus.Fallen);
        close(inner);
        dispute.propagate(outer);
        assertStatus(outerId, outer.one, CommitmentStatus.Waiting);
        assertStatus(outerId, outer.two, CommitmentStatus.Fallen);
        close(outerId);
        dispute.decide(SLOT);
        (IDispute.Verdict verdict, bytes32 output, address champion) = dispute.verdictOf(SLOT);
        vm.assertTrue(verdict == IDispute.Verdict.Output);
        vm.assertEq(output, TinyMachine.OUTPUT);
        vm.assertEq(champion, alice);
        vm.assertEq(dispute.creditOf(alice), dispute.bondOf(0) + dispute.bondOf(1));
        vm.assertEq(dispute.creditOf(mallory), 0);
    }
}
