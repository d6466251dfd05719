// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @dev One more than the highest circuit id (PAY-CIRCUIT).
uint256 constant KEY_SLOTS = 11;

/// @title A set of verifying keys, held as the code of a data contract.
/// @notice A key is `circuit id, number of inputs, alpha (2), beta (4), gamma (4), delta (4)` and one point (2) for the
/// constant and each input, all words in the precompiles' encoding. A set has its keys in ascending order of id. Twin:
/// `prover/circuits/src/groth16/solidity.rs`. Adversarial: whoever deploys a set, until the schedule names its hash.
library VerifyingKeys {
    /// @dev Offsets in a key, in bytes.
    uint256 internal constant ID = 0x00;
    uint256 internal constant INPUTS = 0x20;
    uint256 internal constant ALPHA = 0x40;
    uint256 internal constant BETA = 0x80;
    uint256 internal constant GAMMA = 0x100;
    uint256 internal constant DELTA = 0x180;
    uint256 internal constant POINTS = 0x200;

    /// @dev The generator of G2 (EIP-197), imaginary parts first. That of G1 is (1, 2).
    uint256 private constant GENERATOR_X1 = 0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2;
    uint256 private constant GENERATOR_X0 = 0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed;
    uint256 private constant GENERATOR_Y1 = 0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b;
    uint256 private constant GENERATOR_Y0 = 0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa;
    /// @dev The modulus of the coordinates, less 2.
    uint256 private constant MINUS_2 = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd45;

    error Keys_Truncated();
    error Keys_NotAscending(uint256 circuit);
    error Keys_UnknownCircuit(uint256 circuit);
    error Keys_WrongInputCount(uint256 circuit, uint256 inputs);
    error Keys_Identity(uint256 circuit);
    error Keys_InvalidPoint(uint256 circuit);
    error Keys_NotDistinct(uint256 circuit);
    error Keys_IsGenerator(uint256 circuit);
    error Keys_SharedDelta(uint256 first, uint256 second);
    error Keys_NoApply();
    error Keys_NotStored();

    /// @notice Public inputs of a circuit; 0 if there is no such circuit (PAY-PUBLIC).
    function inputCount(uint256 circuit) internal pure returns (uint256) {
        if (isApply(circuit)) return 19;
        if (isAuthorise(circuit)) return 3;
        return 0;
    }

    /// @notice Whether a circuit applies operations (PAY-CIRCUIT).
    function isApply(uint256 circuit) internal pure returns (bool) {
        return circuit == 1 || circuit == 2 || circuit == 9;
    }

    /// @notice Whether a circuit authorises them (PAY-CIRCUIT).
    function isAuthorise(uint256 circuit) internal pure returns (bool) {
        return circuit == 3 || circuit == 4 || circuit == 10;
    }

    /// @notice Checks a set and stores it (PAY-KEY). Reverts on a malformed one, on points off the curve or outside the subgroup, and on
    /// identities: among the inputs' points one would leave that input free, and two that are equal or opposite, on which it reverts too,
    /// all but their sum or difference. Reverts unless alpha, beta, gamma and delta differ pairwise up to sign, and on alpha, beta or delta
    /// the generator: with any of these anybody could forge proofs (the last three with the powers of tau: keys to which phase 1 or phase 2
    /// contributed nothing). Reverts on a delta that is a secret of another key up to sign, so that no proof mixes two circuits.
    /// @return set address of the data contract
    function store(bytes memory keys) internal returns (address set) {
        check(keys);
        // Creation code that returns what follows it; the leading STOP makes the data uncallable.
        bytes memory code = abi.encodePacked(hex"600b5981380380925939f300", keys);
        assembly ("memory-safe") {
            set := create(0, add(code, 0x20), mload(code))
        }
        if (set == address(0)) revert Keys_NotStored();
    }

    /// @notice The bytes of a stored set.
    function load(address set) internal view returns (bytes memory keys) {
        uint256 size = set.code.length;
        if (size <= 1) revert Keys_NotStored();
        keys = new bytes(size - 1);
        assembly ("memory-safe") {
            extcodecopy(set, add(keys, 0x20), 1, sub(size, 1))
        }
    }

    /// @notice Memory pointers to the keys by circuit id; 0 where there is none. The set must have been checked.
    function index(bytes memory keys) internal pure returns (uint256[KEY_SLOTS] memory pointers) {
        uint256 offset = 0;
        while (offset < keys.length) {
            uint256 key = pointerTo(keys) + offset;
            pointers[word(key, ID)] = key;
            offset += length(word(key, INPUTS));
        }
    }

    /// @notice Bytes of a key with this many inputs.
    function length(uint256 inputs) internal pure returns (uint256) {
        return POINTS + (inputs + 1) * 0x40;
    }

    function check(bytes memory keys) internal view {
        uint256 offset = 0;
        uint256 last = 0;
        bool hasApply = false;
        if (keys.length == 0) revert Keys_Truncated();
        while (offset < keys.length) {
            if (keys.length - offset < POINTS) revert Keys_Truncated();
            uint256 key = pointerTo(keys) + offset;
            uint256 circuit = word(key, ID);
            uint256 inputs = word(key, INPUTS);
            if (circuit <= last) revert Keys_NotAscending(circuit);
            if (inputCount(circuit) == 0) revert Keys_UnknownCircuit(circuit);
            if (inputCount(circuit) != inputs) revert Keys_WrongInputCount(circuit, inputs);
            if (keys.length - offset < length(inputs)) revert Keys_Truncated();
            _checkPoints(key, circuit, inputs);
            _checkDelta(keys, key, circuit);
            hasApply = hasApply || isApply(circuit);
            last = circuit;
            offset += length(inputs);
        }
        // Every batch has an Apply chunk: under a set without such a key none could be proven.
        if (!hasApply) revert Keys_NoApply();
    }

    function _checkPoints(uint256 key, uint256 circuit, uint256 inputs) private view {
        if (_isZero(key, ALPHA, 2)) revert Keys_Identity(circuit);
        for (uint256 cursor = BETA; cursor <= DELTA; cursor += 0x80) {
            if (_isZero(key, cursor, 4)) revert Keys_Identity(circuit);
            if (!_isG2(key + cursor)) revert Keys_InvalidPoint(circuit);
        }
        if (!_isG1(key + ALPHA)) revert Keys_InvalidPoint(circuit);
        for (uint256 i = 0; i <= inputs; ++i) {
            if (_isZero(key, POINTS + i * 0x40, 2)) revert Keys_Identity(circuit);
            if (!_isG1(key + POINTS + i * 0x40)) revert Keys_InvalidPoint(circuit);
        }
        if (_hasX(key, BETA, word(key, GAMMA), word(key, GAMMA + 0x20))) revert Keys_NotDistinct(circuit);
        if (_hasX(key, BETA, word(key, DELTA), word(key, DELTA + 0x20))) revert Keys_NotDistinct(circuit);
        if (_hasX(key, GAMMA, word(key, DELTA), word(key, DELTA + 0x20))) revert Keys_NotDistinct(circuit);
        if (_hasX(key, BETA, GENERATOR_X1, GENERATOR_X0)) revert Keys_IsGenerator(circuit);
        if (_hasX(key, DELTA, GENERATOR_X1, GENERATOR_X0)) revert Keys_IsGenerator(circuit);
        if (word(key, ALPHA) == 1) revert Keys_IsGenerator(circuit);
        for (uint256 cursor = BETA; cursor <= DELTA; cursor += 0x80) {
            if (_isAlpha(key, cursor, 2) || _isAlpha(key, cursor, MINUS_2)) revert Keys_NotDistinct(circuit);
        }
        uint256 end = key + length(inputs);
        for (uint256 point = key + POINTS; point < end; point += 0x40) {
            for (uint256 other = key + POINTS; other < point; other += 0x40) {
                if (word(other, 0) == word(point, 0)) revert Keys_NotDistinct(circuit);
            }
        }
    }

    /// @dev Neither this key nor one before it in the set has as its delta a secret of the other, or the opposite: where beta and tau are the same too, as in keys
    /// of one ceremony, whoever proves could take what is private in one circuit for what is private, or an input, in the other.
    function _checkDelta(bytes memory keys, uint256 key, uint256 circuit) private pure {
        for (uint256 other = pointerTo(keys); other < key; other += length(word(other, INPUTS))) {
            if (_hasDelta(key, other) || _hasDelta(other, key)) revert Keys_SharedDelta(word(other, ID), circuit);
        }
    }

    /// @dev Whether the delta of another key is beta, gamma or delta of a key, or the opposite.
    function _hasDelta(uint256 key, uint256 other) private pure returns (bool) {
        (uint256 x1, uint256 x0) = (word(other, DELTA), word(other, DELTA + 0x20));
        return _hasX(key, BETA, x1, x0) || _hasX(key, GAMMA, x1, x0) || _hasX(key, DELTA, x1, x0);
    }

    /// @dev Whether alpha is the same multiple of its generator as a point of G2 (y = -2), or the opposite one (y = 2):
    /// whether e(alpha, generator of G2) e((1, y), point) = 1.
    function _isAlpha(uint256 key, uint256 offset, uint256 y) private view returns (bool ok) {
        assembly ("memory-safe") {
            let input := mload(0x40)
            mcopy(input, add(key, ALPHA), 0x40)
            mstore(add(input, 0x40), GENERATOR_X1)
            mstore(add(input, 0x60), GENERATOR_X0)
            mstore(add(input, 0x80), GENERATOR_Y1)
            mstore(add(input, 0xa0), GENERATOR_Y0)
            mstore(add(input, 0xc0), 1)
            mstore(add(input, 0xe0), y)
            mcopy(add(input, 0x100), add(key, offset), 0x80)
            ok := staticcall(gas(), 0x08, input, 0x180, input, 0x20)
            ok := and(ok, and(eq(returndatasize(), 0x20), eq(mload(input), 1)))
        }
    }

    /// @dev Whether a point of G2 has these coordinates x, and so is a given point or its opposite.
    function _hasX(uint256 key, uint256 offset, uint256 x1, uint256 x0) private pure returns (bool) {
        return word(key, offset) == x1 && word(key, offset + 0x20) == x0;
    }

    /// @dev The pairing precompile checks coordinates, curve and subgroup of both points.
    function _isG2(uint256 pointer) private view returns (bool ok) {
        assembly ("memory-safe") {
            let input := mload(0x40)
            mstore(input, 0)
            mstore(add(input, 0x20), 0)
            mcopy(add(input, 0x40), pointer, 0x80)
            ok := staticcall(gas(), 0x08, input, 0xc0, input, 0x20)
            ok := and(ok, and(eq(returndatasize(), 0x20), eq(mload(input), 1)))
        }
    }

    function _isG1(uint256 pointer) private view returns (bool ok) {
        assembly ("memory-safe") {
            let input := mload(0x40)
            mcopy(input, pointer, 0x40)
            mstore(add(input, 0x40), 0)
            mstore(add(input, 0x60), 0)
            ok := staticcall(gas(), 0x06, input, 0x80, input, 0x40)
            ok := and(ok, eq(returndatasize(), 0x40))
        }
    }

    function _isZero(uint256 key, uint256 offset, uint256 words) private pure returns (bool) {
        for (uint256 i = 0; i < words; ++i) {
            if (word(key, offset + i * 0x20) != 0) return false;
        }
        return true;
    }

    function pointerTo(bytes memory keys) internal pure returns (uint256 pointer) {
        assembly ("memory-safe") {
            pointer := add(keys, 0x20)
        }
    }

    function word(uint256 key, uint256 offset) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(key, offset))
        }
    }
}
