// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Dispute } from "../../src/dispute/Dispute.sol";
import { Step } from "../../src/vm/Step.sol";
import { Test } from "../utils/Test.sol";
import { vm } from "../utils/Vm.sol";

/// @title The committed artifacts of the dispute and its machine are what the sources give.
contract DisputeArtifactsTest is Test {
    function test_artifacts_areUpToDate() external view {
        _check("Dispute", type(Dispute).creationCode);
        _check("Step", type(Step).creationCode);
    }

    function _check(string memory name, bytes memory code) private view {
        string memory json = vm.readFile(string.concat("artifacts/", name, ".json"));
        vm.assertEq(
            keccak256(vm.parseJsonBytes(json, "$.bytecode.object")),
            keccak256(code),
            string.concat("stale: ", name, "; run ./artifacts.sh")
        );
    }
}
