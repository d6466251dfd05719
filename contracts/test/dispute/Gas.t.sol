// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { MatchRef } from "../../src/dispute/Match.sol";
import { TermsRules } from "../../src/dispute/Terms.sol";
import { Children } from "../../src/dispute/Tree.sol";
import { vm } from "../utils/Vm.sol";
import { StepTest } from "../vm/StepTest.sol";
import { Fixture } from "./Fixture.sol";
import { Run, Runs } from "./Runs.sol";
import { TinyMachine } from "./TinyMachine.sol";

/// @title What the acts of a dispute cost: `snapshots/dispute.json`.
/// @notice Every call is a transaction of its own, with its base cost and calldata, at a price that is refunded. Everybody acts for
/// both sides, so refunds go to an account that has credit already, as a challenger's does after his first move.
/// forge-config: default.isolate = true
/// forge-config: dispute.isolate = true
contract DisputeGasTest is Fixture {
    function setUp() public override {
        super.setUp();
        vm.txGasPrice(1 gwei);
    }

    function test_gas_wholeDispute() external {
        uint256 total;
        bytes32 one = honest();
        total += vm.snapshotGasLastCall("dispute", "gas join, first");
        Run memory right = TinyMachine.outer();
        Run memory wrong = liar(1, 2 ** 19 + 2);
        bytes32 two = joinLiar(1, 2 ** 19 + 2);
        total += vm.snapshotGasLastCall("dispute", "gas join, paired");
        MatchRef memory outer = MatchRef(outerId, one, two);
        total += _descend(outer, right, wrong, "gas advance");
        bytes32 inner = seal(outer, right, wrong, TinyMachine.stateHash(0));
        total += vm.snapshotGasLastCall("dispute", "gas seal, level 0");

        Run memory wrongInside = wrongInner(1, 2 ** 19 + 2, 2 ** 19 + 2);
        one = joinInnerAs(alice, inner, right);
        total += vm.snapshotGasLastCall("dispute", "gas joinInner, first");
        two = joinInnerAs(mallory, inner, wrongInside);
        total += vm.snapshotGasLastCall("dispute", "gas joinInner, paired");
        MatchRef memory ref = MatchRef(inner, one, two);
        total += _descend(ref, right, wrongInside, "gas advance, level 1");
        seal(ref, right, wrongInside, 0);
        total += vm.snapshotGasLastCall("dispute", "gas seal, level 1");
        dispute.step(ref, TinyMachine.witness(TinyMachine.STEPS));
        total += vm.snapshotGasLastCall("dispute", "gas step, halted machine");
        close(inner);
        dispute.propagate(outer);
        total += vm.snapshotGasLastCall("dispute", "gas propagate");
        close(outerId);
        dispute.decide(SLOT);
        total += vm.snapshotGasLastCall("dispute", "gas decide");
        vm.snapshotValue("dispute", "dispute.gas_total", total);
        vm.assertLe(total, 5_000_000, "a whole dispute");
    }

    /// @dev All nineteen, of which the dearest is told: but for the first, which gives this account its first credit.
    function _descend(MatchRef memory ref, Run memory one, Run memory two, string memory name)
        private
        returns (uint256 total)
    {
        uint256 most;
        while (turnOf(ref).height > 1) {
            advance(ref, one, two);
            uint256 gas = vm.lastCallGas().gasTotalUsed;
            total += gas;
            bool isFirst = turnOf(ref).height == 19 && ref.tournament == outerId;
            if (!isFirst && gas > most) most = gas;
        }
        vm.snapshotValue("dispute", name, most);
        vm.assertLe(most, 60_000, name);
    }

    /// @notice The dearest calls stay below what is refunded for them.
    function test_gas_capsSuffice() external {
        Run memory right = TinyMachine.outer();
        bytes32[] memory joined = new bytes32[](4);
        joined[0] = honest();
        for (uint256 i = 1; i < 4; ++i) {
            joined[i] = joinLiar(i, i);
        }
        MatchRef memory ref = MatchRef(outerId, joined[0], joined[1]);
        bytes32 inner = descendToInner(ref, right, liar(1, 1));
        uint256 gas = vm.snapshotGasLastCall("dispute", "gas seal, level 0, no path");
        vm.assertLe(gas, TermsRules.SEAL_OUTER_GAS);
        joinInnerAs(alice, inner, right);
        warp(uint256(COMPUTE_0) + TURN + ALLOWANCE);
        dispute.timeout(MatchRef(outerId, joined[2], joined[3]));
        gas = vm.snapshotGasLastCall("dispute", "gas timeout");
        vm.assertLe(gas, TermsRules.CLOSE_GAS);
        close(inner);
        dispute.propagate(ref);
        gas = vm.snapshotGasLastCall("dispute", "gas propagate, winner meets who waits");
        vm.assertLe(gas, TermsRules.CLOSE_GAS);
        vm.assertTrue(turnOf(MatchRef(outerId, joined[3], joined[0])).height == Runs.HEIGHT);
    }

    /// @notice The bytes of the contract.
    function test_gas_size() external {
        vm.snapshotValue("dispute", "bytes Dispute", address(dispute).code.length);
        vm.assertLe(address(dispute).code.length, 24_576);
    }
}

/// @title Proving a step, beside the step alone: the witnesses of `snapshots/vm.json`.
/// forge-config: default.isolate = true
/// forge-config: dispute.isolate = true
contract DisputeStepGasTest is Fixture, StepTest {
    uint256 private constant OVERHEAD_MAX = 40_000;

    function setUp() public override {
        super.setUp();
        vm.txGasPrice(1 gwei);
    }

    function test_gas_stepAlu() external {
        _prove("gas step, alu", instructionWitness(0x02628533, type(uint64).max, 1 << 63));
    }

    function test_gas_stepLoad() external {
        _prove("gas step, load", _named("step-memory.json", "load 3 at 16, step 0"));
    }

    function test_gas_stepStore() external {
        _prove("gas step, store", _named("step-memory.json", "store 3 at 16, step 0"));
    }

    function test_gas_stepOracle() external {
        _prove("gas step, oracle", _named("step-system.json", "read element 4095 at 32, step 0"));
    }

    /// @notice The dearest step there is, and its winner meets who waits: still refunded in full.
    function test_gas_stepDearest() external {
        bytes memory data = new bytes(100_000);
        for (uint256 i = 0; i < data.length; ++i) {
            data[i] = bytes1(uint8(i % 255 + 1));
        }
        bytes32 key = bytes32((uint256(1) << 248) | ((uint256(keccak256(data)) << 8) >> 8));
        bytes memory witness = instructionWitness(0x73, 0, 0);
        for (uint256 i = 0; i < 32; ++i) {
            witness[32 + i] = key[i];
        }
        put(witness, 96, 50_000);
        put(witness, REGISTERS + 8 * 17, 1003);
        witness = abi.encodePacked(witness, data);
        (MatchRef memory ref, bytes32 waiting) = _contest(witness, true);
        dispute.step(ref, witness);
        uint256 gas = vm.snapshotGasLastCall("dispute", "gas step, pre-image of 100 kB, winner meets who waits");
        vm.assertLe(gas, TermsRules.STEP_GAS);
        vm.assertTrue(turnOf(MatchRef(ref.tournament, waiting, ref.one)).height == Runs.HEIGHT);
    }

    function _prove(string memory name, bytes memory witness) private {
        (, uint256 alone) = this.stepGas(stateHash(witness), witness);
        (MatchRef memory ref,) = _contest(witness, false);
        dispute.step(ref, witness);
        uint256 gas = vm.snapshotGasLastCall("dispute", name);
        vm.assertLe(gas, alone + OVERHEAD_MAX, name);
        vm.assertLe(gas, TermsRules.STEP_GAS);
    }

    /// @dev A match of level 1 about the step that the witness shows, to its second leaf; honest is one.
    /// @param crowded whether another has won in that tournament and waits
    function _contest(bytes memory witness, bool crowded) private returns (MatchRef memory ref, bytes32 waiting) {
        (, bytes32 inner) = outerMatch(1, 0);
        bytes32 before = stateHash(witness);
        bytes32[] memory leaves = new bytes32[](3);
        (leaves[0], leaves[1], leaves[2]) = (before, machine.step(before, witness), TinyMachine.stateHash(6));
        Run memory right = Runs.list(leaves);
        Run memory wrong = right.then(1, keccak256(lie(1)));
        ref = MatchRef(inner, joinInnerAs(alice, inner, right), joinInnerAs(mallory, inner, wrong));
        if (!crowded) {
            descend(ref, right, wrong);
            seal(ref, right, wrong, 0);
            return (ref, 0);
        }
        bytes32 silent = joinInnerAs(mallory, inner, wrong.then(7, keccak256("junk")).then(8, keccak256(lie(1))));
        waiting = joinInnerAs(mallory, inner, wrong.then(9, keccak256("junk")).then(10, keccak256(lie(1))));
        warp(uint256(COMPUTE_1) + TURN + ALLOWANCE - 1);
        descend(ref, right, wrong);
        warp(1);
        dispute.timeout(MatchRef(inner, silent, waiting));
        seal(ref, right, wrong, 0);
    }

    function _named(string memory file, string memory name) private view returns (bytes memory) {
        Vectors memory vectors = readVectors(readFile(file));
        for (uint256 i = 0; i < vectors.names.length; ++i) {
            if (keccak256(bytes(vectors.names[i])) == keccak256(bytes(name))) return vectors.witnesses[i];
        }
        revert(name);
    }
}
