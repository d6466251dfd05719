// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title The BN254 scalar field, and evaluation of posted data in it.
/// @notice Rules: PAY-EVAL. Twin: `chain/payments/src/data.rs`.
library Field {
    uint256 internal constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;

    /// @dev Bytes of an element of posted data: 248 bits, below R whatever they are.
    uint256 internal constant ELEMENT_BYTES = 31;

    error Field_NotCanonical(uint256 scalar);
    error Field_PartialElement(uint256 length);

    /// @notice Reverts unless `scalar` is below R: a public input has one form only.
    function requireCanonical(uint256 scalar) internal pure {
        if (scalar >= R) revert Field_NotCanonical(scalar);
    }

    /// @notice Elements in `data`. Reverts unless they are whole.
    function count(bytes calldata data) internal pure returns (uint256) {
        if (data.length % ELEMENT_BYTES != 0) revert Field_PartialElement(data.length);
        return data.length / ELEMENT_BYTES;
    }

    /// @notice `d1 z^(n-1) + ... + dn` of the elements in `data`, which must be whole.
    function evaluate(bytes calldata data, uint256 z) internal pure returns (uint256 sum) {
        assembly ("memory-safe") {
            let r := R
            let end := add(data.offset, data.length)
            let cursor := data.offset
            // Four elements at a time, which halves what the loop itself takes: a full batch has some 1,700.
            for { } lt(add(cursor, 93), end) { cursor := add(cursor, 124) } {
                sum := addmod(mulmod(sum, z, r), shr(8, calldataload(cursor)), r)
                sum := addmod(mulmod(sum, z, r), shr(8, calldataload(add(cursor, 31))), r)
                sum := addmod(mulmod(sum, z, r), shr(8, calldataload(add(cursor, 62))), r)
                sum := addmod(mulmod(sum, z, r), shr(8, calldataload(add(cursor, 93))), r)
            }
            for { } lt(cursor, end) { cursor := add(cursor, 31) } {
                sum := addmod(mulmod(sum, z, r), shr(8, calldataload(cursor)), r)
            }
        }
    }
}
