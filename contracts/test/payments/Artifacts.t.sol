// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { PaymentsBridge } from "../../src/payments/PaymentsBridge.sol";
import { ValiditySettlement } from "../../src/payments/ValiditySettlement.sol";
import { Test } from "../utils/Test.sol";
import { vm } from "../utils/Vm.sol";

/// @title The committed artifacts of a payments chain are what the sources give.
contract PaymentsArtifactsTest is Test {
    function test_artifacts_areUpToDate() external view {
        _check("ValiditySettlement", type(ValiditySettlement).creationCode);
        _check("PaymentsBridge", type(PaymentsBridge).creationCode);
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
