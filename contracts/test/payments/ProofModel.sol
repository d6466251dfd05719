// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { PaymentsProof } from "../../src/payments/PaymentsProof.sol";
import { Transcript } from "../../src/payments/Transcript.sol";
import { ValiditySettlement } from "../../src/payments/ValiditySettlement.sol";

/// @title Stands in the place of the circuits: says what a test tells it to say of any batch.
/// @notice The settlement asks it by a call, so that tests can expect exactly what was to be proven.
contract ProofModel {
    error ProofModel_Invalid();

    uint256 private _root;
    uint256 private _leafCount;
    bool public isValid;

    /// @notice The state after the next batches.
    function set(uint256 root, uint256 leafCount) external {
        (_root, _leafCount, isValid) = (root, leafCount, true);
    }

    /// @notice What comes next is not proven.
    function refuse() external {
        isValid = false;
    }

    function verify(
        Transcript.Header calldata,
        bytes[3] calldata,
        PaymentsProof.ApplyChunk[] calldata,
        PaymentsProof.AuthoriseChunk[] calldata,
        address
    ) external view returns (PaymentsProof.Result memory) {
        if (!isValid) revert ProofModel_Invalid();
        return PaymentsProof.Result(_root, _leafCount);
    }
}

/// @title The settlement around a model of the proofs.
contract ModelSettlement is ValiditySettlement {
    ProofModel private immutable _MODEL;

    constructor(address schedule_, uint64 escapeDelaySeconds_, ProofModel model)
        ValiditySettlement(schedule_, escapeDelaySeconds_)
    {
        _MODEL = model;
    }

    function _verify(
        Transcript.Header memory header,
        bytes[3] calldata segments,
        PaymentsProof.ApplyChunk[] calldata applied,
        PaymentsProof.AuthoriseChunk[] calldata authorised,
        address keySet
    ) internal view override returns (PaymentsProof.Result memory) {
        return _MODEL.verify(header, segments, applied, authorised, keySet);
    }
}
