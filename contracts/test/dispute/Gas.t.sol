// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { MatchRef } from "../../src/dispute/Match.sol";
import { TermsRules } from "../../src/dispute/Terms.sol";
import { Children } from "../../src/dispute/Tree.sol";
import { vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";
import { Run, Runs } from "./Runs.sol";
import { TinyMachine } from "./TinyMachine.sol";

/// @title What the acts of a dispute cost: `snapshots/dispute.json`.
/// @notice Every call is a transaction of its own, with its base cost and calldata, at a price that is refunded. Everybody acts for
/// both sides, so refunds go to an account that has credit already, as a challenger's does after his first move.
/// forge-config: default.isolate = true
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

    /// @notice The bytes of the contract.
    function test_gas_size() external {
        vm.snapshotValue("dispute", "bytes Dispute", address(dispute).code.length);
        vm.assertLe(address(dispute).code.length, 24_576);
    }
}
