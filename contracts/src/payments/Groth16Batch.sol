// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Field } from "./Field.sol";
import { KEY_SLOTS, VerifyingKeys } from "./VerifyingKeys.sol";

/// @title Verification of Groth16 proofs under several keys with one pairing call.
/// @notice With coefficients c_j, all proofs hold if the product over proofs of e(-c_j A_j, B_j) and over keys of
/// e(sum c_j alpha, beta) e(sum c_j L_j, gamma) e(sum c_j C_j, delta) is one, L_j being a proof's combination of its
/// inputs. The coefficients must have been drawn after all proofs and inputs, else errors can be shifted from one proof
/// to another. Twin: `prover/circuits/src/groth16/verify.rs`. Adversarial: proofs and inputs.
library Groth16Batch {
    /// @dev The modulus of the base field, for negation.
    uint256 private constant P = 21888242871839275222246405745257275088696311157297823662689037894645226208583;

    error Groth16_Empty();
    error Groth16_NoKey(uint256 circuit);
    error Groth16_WrongInputCount(uint256 circuit, uint256 found);
    error Groth16_ZeroCoefficient(uint256 index);
    error Groth16_PrecompileFailed(uint256 precompile);
    error Groth16_InvalidProof();

    /// @notice A proof with its public inputs: A (2 words), B (4), C (2) in the precompiles' encoding.
    struct Claim {
        uint256 circuit;
        uint256[] inputs;
        uint256[8] proof;
    }

    /// @dev What the claims of one key add up to.
    struct Sums {
        uint256 coefficient;
        uint256[] inputs;
        uint256[2] c;
    }

    /// @notice Reverts unless every claim holds. Inputs must be canonical, which is not checked here.
    /// @param keys a checked key set
    /// @param transcript hash that all proofs and inputs entered; coefficient i is the low half of keccak(transcript, i)
    function verify(bytes memory keys, Claim[] memory claims, bytes32 transcript) internal view {
        if (claims.length == 0) revert Groth16_Empty();
        uint256[KEY_SLOTS] memory pointers = VerifyingKeys.index(keys);
        Sums[KEY_SLOTS] memory sums;
        uint256 used = 0;
        for (uint256 i = 0; i < claims.length; ++i) {
            uint256 circuit = claims[i].circuit;
            if (circuit >= KEY_SLOTS || pointers[circuit] == 0) revert Groth16_NoKey(circuit);
            if (claims[i].inputs.length != VerifyingKeys.word(pointers[circuit], VerifyingKeys.INPUTS)) {
                revert Groth16_WrongInputCount(circuit, claims[i].inputs.length);
            }
            if (sums[circuit].inputs.length == 0) {
                sums[circuit].inputs = new uint256[](claims[i].inputs.length);
                ++used;
            }
        }
        uint256[] memory pairs = new uint256[]((claims.length + 3 * used) * 6);
        uint256 cursor = 0;
        for (uint256 i = 0; i < claims.length; ++i) {
            cursor = _addClaim(claims[i], sums[claims[i].circuit], _coefficient(transcript, i), pairs, cursor);
        }
        for (uint256 circuit = 0; circuit < KEY_SLOTS; ++circuit) {
            if (sums[circuit].inputs.length != 0) cursor = _addKey(pointers[circuit], sums[circuit], pairs, cursor);
        }
        if (!_pairsToOne(pairs)) revert Groth16_InvalidProof();
    }

    function _coefficient(bytes32 transcript, uint256 index) private pure returns (uint256 coefficient) {
        coefficient = uint128(uint256(keccak256(abi.encode(transcript, index))));
        if (coefficient == 0) revert Groth16_ZeroCoefficient(index);
    }

    /// @dev Appends the pair (-c A, B) and adds inputs and C to the sums.
    function _addClaim(Claim memory claim, Sums memory sum, uint256 coefficient, uint256[] memory pairs, uint256 cursor)
        private
        view
        returns (uint256)
    {
        uint256[8] memory proof = claim.proof;
        uint256[2] memory a = _multiply([proof[0], proof[1]], coefficient);
        _append(pairs, cursor, [a[0], a[1] == 0 ? 0 : P - a[1]], [proof[2], proof[3], proof[4], proof[5]]);
        sum.coefficient = addmod(sum.coefficient, coefficient, Field.R);
        for (uint256 i = 0; i < claim.inputs.length; ++i) {
            sum.inputs[i] = addmod(sum.inputs[i], mulmod(coefficient, claim.inputs[i], Field.R), Field.R);
        }
        sum.c = _add(sum.c, _multiply([proof[6], proof[7]], coefficient));
        return cursor + 6;
    }

    /// @dev Appends the three pairs of a key.
    function _addKey(uint256 key, Sums memory sum, uint256[] memory pairs, uint256 cursor)
        private
        view
        returns (uint256)
    {
        uint256[2] memory combined = _multiply(_g1(key, VerifyingKeys.POINTS), sum.coefficient);
        for (uint256 i = 0; i < sum.inputs.length; ++i) {
            uint256[2] memory point = _g1(key, VerifyingKeys.POINTS + (i + 1) * 0x40);
            combined = _add(combined, _multiply(point, sum.inputs[i]));
        }
        _append(pairs, cursor, _multiply(_g1(key, VerifyingKeys.ALPHA), sum.coefficient), _g2(key, VerifyingKeys.BETA));
        _append(pairs, cursor + 6, combined, _g2(key, VerifyingKeys.GAMMA));
        _append(pairs, cursor + 12, sum.c, _g2(key, VerifyingKeys.DELTA));
        return cursor + 18;
    }

    function _append(uint256[] memory pairs, uint256 cursor, uint256[2] memory g1, uint256[4] memory g2) private pure {
        (pairs[cursor], pairs[cursor + 1]) = (g1[0], g1[1]);
        (pairs[cursor + 2], pairs[cursor + 3], pairs[cursor + 4], pairs[cursor + 5]) = (g2[0], g2[1], g2[2], g2[3]);
    }

    function _g1(uint256 key, uint256 offset) private pure returns (uint256[2] memory point) {
        return [VerifyingKeys.word(key, offset), VerifyingKeys.word(key, offset + 0x20)];
    }

    function _g2(uint256 key, uint256 offset) private pure returns (uint256[4] memory point) {
        for (uint256 i = 0; i < 4; ++i) {
            point[i] = VerifyingKeys.word(key, offset + i * 0x20);
        }
    }

    /// @dev The precompiles check that coordinates are below P and points on the curve.
    function _add(uint256[2] memory a, uint256[2] memory b) private view returns (uint256[2] memory sum) {
        uint256[4] memory input = [a[0], a[1], b[0], b[1]];
        bool ok;
        assembly ("memory-safe") {
            ok := staticcall(gas(), 0x06, input, 0x80, sum, 0x40)
            ok := and(ok, eq(returndatasize(), 0x40))
        }
        if (!ok) revert Groth16_PrecompileFailed(6);
    }

    function _multiply(uint256[2] memory point, uint256 scalar) private view returns (uint256[2] memory product) {
        uint256[3] memory input = [point[0], point[1], scalar];
        bool ok;
        assembly ("memory-safe") {
            ok := staticcall(gas(), 0x07, input, 0x60, product, 0x40)
            ok := and(ok, eq(returndatasize(), 0x40))
        }
        if (!ok) revert Groth16_PrecompileFailed(7);
    }

    function _pairsToOne(uint256[] memory pairs) private view returns (bool) {
        uint256[1] memory result;
        bool ok;
        assembly ("memory-safe") {
            ok := staticcall(gas(), 0x08, add(pairs, 0x20), mul(mload(pairs), 0x20), result, 0x20)
            ok := and(ok, eq(returndatasize(), 0x20))
        }
        if (!ok) revert Groth16_PrecompileFailed(8);
        return result[0] == 1;
    }
}
