// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Field } from "./Field.sol";
import { KEY_SLOTS, VerifyingKeys } from "./VerifyingKeys.sol";

/// @title Verification of Groth16 proofs under several keys with one pairing call.
/// @notice With coefficients c_j, all proofs hold if the product over proofs of e(-c_j A_j, B_j) and over keys of
/// e(sum c_j alpha, beta) e(sum c_j L_j, gamma) e(sum c_j C_j, delta) is one, L_j being a proof's combination of its
/// inputs. Keys with the same beta or gamma, as those of one ceremony have, share that pair: e(X, Q) e(Y, Q) = e(X + Y, Q).
/// The coefficients must have been drawn after all proofs and inputs, else errors can be shifted from one proof
/// to another. Twins: `prover/circuits/src/groth16/verify.rs`; `test/payments/NaiveProof.sol`, which has the equation without the
/// layout below. Adversarial: proofs and inputs.
/// @dev `start`, `add` for every proof, `finish`. Nothing is collected: a proof goes from calldata into the pairing's input, which is laid out once and
/// written in place, and into its key's sums. The precompiles work in place too, on words that lie where they want them. The assembly moves words and
/// calls precompiles; every pointer in it is one that `start` allocated, or the caller's to `inputs`.
///
///     a pair: A times -c (2 words), B (4)
///     a key's sums: of c C (2), c C of the last proof, to be added (2), c (1), sum of c (1), sums of c times each input
library Groth16Batch {
    /// @dev The modulus of the base field, for negation.
    uint256 private constant P = 21888242871839275222246405745257275088696311157297823662689037894645226208583;

    /// @dev Bytes of a pair: a point of G1 and one of G2.
    uint256 private constant PAIR_BYTES = 0xc0;
    /// @dev Offsets in a key's sums, in bytes: what is added to the sum of C, the sum of coefficients, behind which the sums of inputs begin.
    uint256 private constant ADDEND = 0x40;
    uint256 private constant COEFFICIENTS = 0xa0;
    uint256 private constant INPUTS = 0xc0;

    error Groth16_Empty();
    error Groth16_NoKey(uint256 circuit);
    error Groth16_WrongInputCount(uint256 circuit, uint256 found);
    error Groth16_ZeroCoefficient(uint256 index);
    error Groth16_PrecompileFailed(uint256 precompile);
    error Groth16_InvalidProof();

    /// @notice A batch that is being verified. All but the first three are pointers into memory.
    /// @param transcript hash that all proofs and inputs entered; coefficient i is the low half of keccak(transcript, i)
    /// @param proofs number of proofs that the batch was started for
    /// @param added number of proofs added to it
    /// @param pairs first pair
    /// @param cursor where the next pair goes
    /// @param keys keys by circuit; 0 where the set has none
    /// @param sums sums of the circuits that the batch uses; 0 for the others
    struct Batch {
        bytes32 transcript;
        uint256 proofs;
        uint256 added;
        uint256 pairs;
        uint256 cursor;
        uint256[KEY_SLOTS] keys;
        uint256[KEY_SLOTS] sums;
    }

    /// @notice Begins a batch. Reverts without proofs, and on a circuit without a key.
    /// @param keys a checked key set
    /// @param circuits the circuits of all proofs: bit i for circuit i
    /// @param proofs how many proofs will be added
    function start(bytes memory keys, uint256 circuits, uint256 proofs, bytes32 transcript)
        internal
        pure
        returns (Batch memory batch)
    {
        if (proofs == 0) revert Groth16_Empty();
        batch.keys = VerifyingKeys.index(keys);
        (batch.transcript, batch.proofs) = (transcript, proofs);
        uint256 pairs = proofs;
        for (uint256 circuit = 0; circuits >> circuit != 0; ++circuit) {
            if ((circuits >> circuit) & 1 == 0) continue;
            if (circuit >= KEY_SLOTS || batch.keys[circuit] == 0) revert Groth16_NoKey(circuit);
            batch.sums[circuit] =
                _allocate(INPUTS + VerifyingKeys.word(batch.keys[circuit], VerifyingKeys.INPUTS) * 0x20);
            pairs += 3;
        }
        batch.pairs = _allocate(pairs * PAIR_BYTES);
        batch.cursor = batch.pairs;
    }

    /// @notice Adds the pair (-c A, B), and C and the inputs to the sums of the circuit's key. Inputs must be canonical, which is not checked here.
    /// @param inputs pointer to the constant one, with the `count` inputs behind it
    /// @param proof A (2 words), B (4), C (2) in the precompiles' encoding
    function add(Batch memory batch, uint256 circuit, uint256 inputs, uint256 count, uint256[8] calldata proof)
        internal
        view
    {
        (uint256 pair, uint256 sums) = (batch.cursor, batch.sums[circuit]);
        // Else the circuit was not among those that `start` made room for.
        assert(sums != 0);
        if (count != VerifyingKeys.word(batch.keys[circuit], VerifyingKeys.INPUTS)) {
            revert Groth16_WrongInputCount(circuit, count);
        }
        uint256 coefficient = _coefficient(batch.transcript, batch.added);
        unchecked {
            // The cursor stays within what was allocated.
            ++batch.added;
            batch.cursor = pair + PAIR_BYTES;
            _addA(pair, coefficient, proof);
            _addC(sums, coefficient, proof);
            _fold(sums + COEFFICIENTS, inputs, count + 1, coefficient);
        }
    }

    function _addA(uint256 pair, uint256 coefficient, uint256[8] calldata proof) private view {
        assembly ("memory-safe") {
            calldatacopy(pair, proof, 0x40)
            mstore(add(pair, 0x40), coefficient)
        }
        _multiply(pair);
        assembly ("memory-safe") {
            // -(x, y) = (x, P - y), and (0, 0) is the identity.
            mstore(add(pair, 0x20), mod(sub(P, mload(add(pair, 0x20))), P))
            calldatacopy(add(pair, 0x40), add(proof, 0x40), 0x80)
        }
    }

    function _addC(uint256 sums, uint256 coefficient, uint256[8] calldata proof) private view {
        uint256 addend;
        assembly ("memory-safe") {
            addend := add(sums, ADDEND)
            calldatacopy(addend, add(proof, 0xc0), 0x40)
            mstore(add(addend, 0x40), coefficient)
        }
        _multiply(addend);
        _add(sums);
    }

    /// @notice Adds the keys' pairs. Reverts unless as many proofs were added as were announced, and all hold.
    function finish(Batch memory batch) internal view {
        // More would have been written over what lies behind the pairs.
        assert(batch.added == batch.proofs);
        _addKeys(batch, VerifyingKeys.BETA);
        _addKeys(batch, VerifyingKeys.GAMMA);
        _addKeys(batch, VerifyingKeys.DELTA);
        (uint256 pairs, uint256 cursor) = (batch.pairs, batch.cursor);
        bool ok;
        bool isOne;
        assembly ("memory-safe") {
            ok := staticcall(gas(), 0x08, pairs, sub(cursor, pairs), 0x00, 0x20)
            ok := and(ok, eq(returndatasize(), 0x20))
            isOne := eq(mload(0x00), 1)
        }
        if (!ok) revert Groth16_PrecompileFailed(8);
        if (!isOne) revert Groth16_InvalidProof();
    }

    /// @dev 128 bits: what a sum of false claims escapes with is then 2^-128.
    function _coefficient(bytes32 transcript, uint256 index) private pure returns (uint256 coefficient) {
        assembly ("memory-safe") {
            mstore(0x00, transcript)
            mstore(0x20, index)
            coefficient := and(keccak256(0x00, 0x40), 0xffffffffffffffffffffffffffffffff)
        }
        if (coefficient == 0) revert Groth16_ZeroCoefficient(index);
    }

    /// @dev Adds the products of the coefficient with the constant one and the inputs, `count` words from `inputs` on, to the sums from `sum` on. Four at a
    /// time, as the circuits have 19 or 3 inputs and the constant.
    function _fold(uint256 sum, uint256 inputs, uint256 count, uint256 coefficient) private pure {
        uint256 r = Field.R;
        assembly ("memory-safe") {
            let end := add(inputs, mul(count, 0x20))
            for { } lt(add(inputs, 0x60), end) { } {
                mstore(sum, addmod(mload(sum), mulmod(coefficient, mload(inputs), r), r))
                mstore(
                    add(sum, 0x20),
                    addmod(mload(add(sum, 0x20)), mulmod(coefficient, mload(add(inputs, 0x20)), r), r)
                )
                mstore(
                    add(sum, 0x40),
                    addmod(mload(add(sum, 0x40)), mulmod(coefficient, mload(add(inputs, 0x40)), r), r)
                )
                mstore(
                    add(sum, 0x60),
                    addmod(mload(add(sum, 0x60)), mulmod(coefficient, mload(add(inputs, 0x60)), r), r)
                )
                sum := add(sum, 0x80)
                inputs := add(inputs, 0x80)
            }
            for { } lt(inputs, end) { inputs := add(inputs, 0x20) } {
                mstore(sum, addmod(mload(sum), mulmod(coefficient, mload(inputs), r), r))
                sum := add(sum, 0x20)
            }
        }
    }

    /// @dev Adds the pairs of all keys that have the point of G2 at `offset`, one for all keys with the same point.
    function _addKeys(Batch memory batch, uint256 offset) private view {
        uint256 first = batch.cursor;
        for (uint256 circuit = 0; circuit < KEY_SLOTS; ++circuit) {
            uint256 sums = batch.sums[circuit];
            if (sums == 0) continue;
            (uint256 key, uint256 pair) = (batch.keys[circuit], batch.cursor);
            if (offset == VerifyingKeys.BETA) _product(pair, key + VerifyingKeys.ALPHA, sums + COEFFICIENTS);
            else if (offset == VerifyingKeys.GAMMA) _placeInputs(pair, key, sums + COEFFICIENTS);
            else _copy(pair, sums, 0x40);
            if (!_joins(first, pair, key + offset)) {
                _copy(pair + 0x40, key + offset, 0x80);
                batch.cursor = pair + PAIR_BYTES;
            }
        }
    }

    /// @dev Adds the point at `pair` to that of an earlier pair, from `first` on, that has the same point of G2; false if there is none.
    function _joins(uint256 first, uint256 pair, uint256 g2) private view returns (bool) {
        uint256 other = first;
        assembly ("memory-safe") {
            let wanted := keccak256(g2, 0x80)
            for { } lt(other, pair) { other := add(other, PAIR_BYTES) } {
                if eq(keccak256(add(other, 0x40), 0x80), wanted) { break }
            }
        }
        if (other == pair) return false;
        _copy(pair + 0x40, other, 0x40);
        _add(pair);
        _copy(other, pair, 0x40);
        return true;
    }

    /// @dev The points of the constant and of the inputs times their sums, added up, to the five words at `place`.
    function _placeInputs(uint256 place, uint256 key, uint256 sum) private view {
        uint256 point = key + VerifyingKeys.POINTS;
        uint256 end = key + VerifyingKeys.length(VerifyingKeys.word(key, VerifyingKeys.INPUTS));
        _product(place, point, sum);
        // Pointers into a key and its sums, neither of which is near the end of memory.
        unchecked {
            uint256 addend = place + 0x40;
            for (point += 0x40; point < end; point += 0x40) {
                sum += 0x20;
                _product(addend, point, sum);
                _add(place);
            }
        }
    }

    /// @dev The point at `point` times the scalar at `scalar`, to the three words at `place`.
    function _product(uint256 place, uint256 point, uint256 scalar) private view {
        assembly ("memory-safe") {
            mcopy(place, point, 0x40)
            mstore(add(place, 0x40), mload(scalar))
        }
        _multiply(place);
    }

    /// @dev Replaces a point by its product with the scalar behind it. The precompile checks that coordinates are below P and the point on the curve.
    function _multiply(uint256 point) private view {
        bool ok;
        assembly ("memory-safe") {
            ok := staticcall(gas(), 0x07, point, 0x60, point, 0x40)
            ok := and(ok, eq(returndatasize(), 0x40))
        }
        if (!ok) revert Groth16_PrecompileFailed(7);
    }

    /// @dev Replaces a point by its sum with the point behind it.
    function _add(uint256 point) private view {
        bool ok;
        assembly ("memory-safe") {
            ok := staticcall(gas(), 0x06, point, 0x80, point, 0x40)
            ok := and(ok, eq(returndatasize(), 0x40))
        }
        if (!ok) revert Groth16_PrecompileFailed(6);
    }

    function _copy(uint256 to, uint256 from, uint256 size) private pure {
        assembly ("memory-safe") {
            mcopy(to, from, size)
        }
    }

    /// @dev Zeros, this many bytes, a multiple of 32: the memory may have been scratch before.
    function _allocate(uint256 size) private pure returns (uint256 pointer) {
        assembly ("memory-safe") {
            pointer := mload(0x40)
            mstore(0x40, add(pointer, size))
            calldatacopy(pointer, calldatasize(), size)
        }
    }
}
