// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Test } from "../utils/Test.sol";
import { vm } from "../utils/Vm.sol";

/// @title The committed artifacts are what the sources give: `tandem deploy` deploys what is tested here.
contract ArtifactsTest is Test {
    function test_artifacts_areUpToDate() external view {
        string[7] memory names =
            ["Schedule", "Inbox", "FraudSettlement", "MessageExecutor", "Bridge", "UpgradeGate", "BridgeProxy"];
        for (uint256 i = 0; i < names.length; ++i) {
            string memory json = vm.readFile(string.concat("artifacts/", names[i], ".json"));
            vm.assertEq(
                keccak256(vm.parseJsonBytes(json, "$.bytecode.object")),
                keccak256(vm.getCode(string.concat(names[i], ".sol:", names[i]))),
                string.concat("stale: ", names[i], "; run ./artifacts.sh")
            );
        }
    }
}
