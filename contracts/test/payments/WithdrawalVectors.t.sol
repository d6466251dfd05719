// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Records, Withdrawal } from "../../src/payments/Records.sol";
import { Test } from "../utils/Test.sol";
import { vm } from "../utils/Vm.sol";
import { WithdrawalTreeHarness } from "./Output.t.sol";

/// @title Withdrawals as the ledger writes them: records, trees, paths (PAY-WITHDRAWAL, PAY-WITHDRAWAL-ROOT).
contract WithdrawalVectorsTest is Test {
    string private constant FILE = "../tests/vectors/payments/withdrawals.json";

    function test_recordsRootsAndPathsAreTheLedgers() external {
        WithdrawalTreeHarness tree = new WithdrawalTreeHarness();
        string memory json = vm.readFile(FILE);
        uint256 cases = 0;
        uint256 withdrawals = 0;
        for (;; ++cases) {
            string memory path = string.concat(".cases[", vm.toString(cases), "]");
            if (!vm.keyExistsJson(json, path)) break;
            bytes32 root = vm.parseJsonBytes32(json, string.concat(path, ".root"));
            vm.assertEq(tree.rootOf(vm.parseJsonBytes(json, string.concat(path, ".segment"))), root, "root");
            for (uint256 position = 0;; ++position) {
                string memory one = string.concat(path, ".withdrawals[", vm.toString(position), "]");
                if (!vm.keyExistsJson(json, one)) break;
                bytes memory record = Records.withdrawal(
                    Withdrawal({
                        recipient: vm.parseJsonAddress(json, string.concat(one, ".recipient")),
                        token: vm.parseJsonAddress(json, string.concat(one, ".token")),
                        amount: uint128(vm.parseJsonUint(json, string.concat(one, ".amount")))
                    })
                );
                vm.assertEq(record, vm.parseJsonBytes(json, string.concat(one, ".record")), "record");
                bytes32[] memory siblings = vm.parseJsonBytes32Array(json, string.concat(one, ".siblings"));
                vm.assertEq(tree.rootFrom(position, keccak256(record), siblings), root, "path");
                ++withdrawals;
            }
        }
        vm.assertGt(cases, 4);
        vm.assertGt(withdrawals, 15);
    }
}
