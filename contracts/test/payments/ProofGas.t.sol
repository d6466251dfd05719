// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Field } from "../../src/payments/Field.sol";
import { Groth16Batch } from "../../src/payments/Groth16Batch.sol";
import { vm } from "../utils/Vm.sol";
import { LargeBatches } from "./LargeBatches.sol";

/// @title What a further proof of a batch costs, and what a batch costs beside its proofs; `snapshots/payments.json` holds the figures.
/// @notice The pairing refuses these batches, but it has been paid for by then: what the call has taken is what it takes. Calldata counts 16 for a byte that is
/// not zero and 4 for one that is; the transaction, the segments and what the settlement does besides are not in the figures.
contract PaymentsProofGasTest is LargeBatches {
    /// @dev A full batch: 1,728 slots of Apply, signatures for all of them.
    uint256 private constant APPLIED = 64;
    uint256 private constant AUTHORISED = 50;
    /// @dev How many proofs fewer the other batch has, against which a further one is measured.
    uint256 private constant FEWER = 32;

    /// @dev Four keys that share nothing, as the devnet's are.
    address private _distinct;
    /// @dev Four keys with the same alpha, beta and gamma, as powers of tau give them.
    address private _related;

    function setUp() public override {
        super.setUp();
        _distinct = harness.store(fourKeys());
        _related = harness.store(relatedKeys());
    }

    function test_gas_ofFurtherProofs() external {
        uint256 full = _gasOf(APPLIED, AUTHORISED, _distinct);
        uint256 applied = (full - _gasOf(APPLIED - FEWER, AUTHORISED, _distinct)) / FEWER;
        uint256 authorised = (full - _gasOf(APPLIED, AUTHORISED - FEWER, _distinct)) / FEWER;
        vm.snapshotValue("payments", "gas PaymentsProof.verify 114 proofs 4 keys", full);
        vm.snapshotValue("payments", "gas PaymentsProof.verify further Apply proof", applied);
        vm.snapshotValue("payments", "gas PaymentsProof.verify further Authorise proof", authorised);
    }

    /// @notice What there is without any proof, which is what the least batch takes beside its four.
    function test_gas_ofKeys() external {
        vm.snapshotValue("payments", "gas PaymentsProof.verify 4 keys besides proofs", _gasOfKeys(_distinct));
        vm.snapshotValue(
            "payments", "gas PaymentsProof.verify 4 keys of one ceremony besides proofs", _gasOfKeys(_related)
        );
    }

    /// @notice PAY-EVAL, of as many elements as a full batch has transfers.
    function test_gas_ofEvaluation() external {
        bytes memory data = new bytes(1_727 * Field.ELEMENT_BYTES);
        harness.evaluate(data, 2);
        vm.snapshotGasLastCall("payments", "gas Field.evaluate 1,727 elements");
    }

    function _gasOfKeys(address keySet) private view returns (uint256) {
        uint256 least = _gasOf(2, 2, keySet);
        return least - (_gasOf(4, 2, keySet) - least) - (_gasOf(2, 4, keySet) - least);
    }

    function _gasOf(uint256 applied, uint256 authorised, address keySet) private view returns (uint256) {
        Batch memory batch = largeBatch(applied, authorised);
        bytes memory input =
            abi.encodeCall(harness.verify, (batch.header, batch.segments, batch.applied, batch.authorised, keySet));
        (address target, bytes32 reason) = (address(harness), 0);
        uint256 gasUsed;
        // A call of Solidity's own would copy the calldata within memory first, and measure that too.
        assembly ("memory-safe") {
            gasUsed := gas()
            let ok := staticcall(gas(), target, add(input, 0x20), mload(input), 0x00, 0x04)
            gasUsed := sub(gasUsed, gas())
            if and(iszero(ok), eq(returndatasize(), 0x04)) { reason := mload(0x00) }
        }
        vm.assertTrue(
            bytes4(reason) == Groth16Batch.Groth16_InvalidProof.selector, "a check before the pairing refused"
        );
        return gasUsed + _calldataGas(input);
    }

    function _calldataGas(bytes memory data) private pure returns (uint256 gas_) {
        for (uint256 i = 0; i < data.length; ++i) {
            gas_ += data[i] == 0 ? 4 : 16;
        }
    }
}
