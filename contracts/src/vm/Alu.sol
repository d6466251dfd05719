// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Arithmetic and branch conditions (VM-5)
/// @dev Twin: chain/vm/src/reference/alu.rs. Functions also say whether the encoding is defined at all. Everything is modulo 2^64.
library Alu {
    function signExtend(uint256 value, uint256 bits) internal pure returns (uint64) {
        return uint64(uint256(_signed(value, bits)));
    }

    function branchTaken(uint256 f3, uint64 a, uint64 b) internal pure returns (bool defined, bool taken) {
        if (f3 == 0) return (true, a == b);
        if (f3 == 1) return (true, a != b);
        if (f3 == 4) return (true, int64(a) < int64(b));
        if (f3 == 5) return (true, int64(a) >= int64(b));
        if (f3 == 6) return (true, a < b);
        if (f3 == 7) return (true, a >= b);
    }

    /// @dev Opcode 0x13; `f6` matters for shifts only, whose amount is in the low bits of `imm`.
    function immediate(uint256 f3, uint256 f6, uint64 a, uint64 imm) internal pure returns (bool, uint64) {
        if (f3 == 1) return (f6 == 0, a << (imm & 63));
        if (f3 == 5) return _shiftRight(f6 << 1, a, imm & 63, 64);
        return register(f3, 0, a, imm);
    }

    /// @dev Computes an instruction of opcode 0x1b (VM-5): 32 bits in, the result sign-extended.
    function immediateWord(uint256 f3, uint256 f7, uint64 a, uint64 imm) internal pure returns (bool, uint64) {
        if (f3 == 0) return registerWord(0, 0, a, imm);
        // Divisions share f3 with shifts, and have no immediate form.
        if ((f3 != 1 && f3 != 5) || f7 == 1) return (false, 0);
        return registerWord(f3, f7, a, imm & 31);
    }

    /// @dev Computes an instruction of opcode 0x33 (VM-5).
    function register(uint256 f3, uint256 f7, uint64 a, uint64 b) internal pure returns (bool, uint64) {
        if (f7 == 1) return (true, _multiplyDivide(f3, a, b));
        if (f3 == 5) return _shiftRight(f7, a, b & 63, 64);
        if (f7 == 0x20) {
            unchecked {
                return (f3 == 0, a - b);
            }
        }
        return (f7 == 0, _plain(f3, a, b));
    }

    /// @dev Opcode 0x3b: 32 bits in, the result sign-extended.
    function registerWord(uint256 f3, uint256 f7, uint64 a, uint64 b) internal pure returns (bool, uint64) {
        unchecked {
            uint32 x = uint32(a);
            uint32 y = uint32(b);
            if (f7 == 1) return _multiplyDivideWord(f3, x, y);
            if (f3 == 5) return _shiftRight(f7, x, y & 31, 32);
            if (f3 == 0 && f7 == 0) return (true, signExtend(x + y, 32));
            if (f3 == 0 && f7 == 0x20) return (true, signExtend(x - y, 32));
            return (f3 == 1 && f7 == 0, signExtend(x << (y & 31), 32));
        }
    }

    function _plain(uint256 f3, uint64 a, uint64 b) private pure returns (uint64) {
        unchecked {
            if (f3 == 0) return a + b;
            if (f3 == 1) return a << (b & 63);
            if (f3 == 2) return int64(a) < int64(b) ? 1 : 0;
            if (f3 == 3) return a < b ? 1 : 0;
            if (f3 == 4) return a ^ b;
            if (f3 == 6) return a | b;
            return a & b;
        }
    }

    /// @dev Logical for f7 0, arithmetic for f7 0x20, of a number of `bits` bits.
    function _shiftRight(uint256 f7, uint64 a, uint64 shift, uint256 bits) private pure returns (bool, uint64) {
        if (f7 == 0) return (true, signExtend(a >> shift, bits));
        return (f7 == 0x20, uint64(uint256(_signed(a, bits) >> shift)));
    }

    function _multiplyDivide(uint256 f3, uint64 a, uint64 b) private pure returns (uint64) {
        unchecked {
            int256 sa = int64(a);
            int256 sb = int64(b);
            if (f3 == 0) return a * b;
            if (f3 == 1) return uint64(uint256((sa * sb) >> 64));
            if (f3 == 2) return uint64(uint256((sa * int256(uint256(b))) >> 64));
            if (f3 == 3) return uint64((uint256(a) * uint256(b)) >> 64);
            if (f3 == 4) return b == 0 ? type(uint64).max : uint64(uint256(sa / sb));
            if (f3 == 5) return b == 0 ? type(uint64).max : a / b;
            if (f3 == 6) return b == 0 ? a : uint64(uint256(sa % sb));
            return b == 0 ? a : a % b;
        }
    }

    function _multiplyDivideWord(uint256 f3, uint32 a, uint32 b) private pure returns (bool, uint64) {
        unchecked {
            int256 sa = int32(a);
            int256 sb = int32(b);
            if (f3 == 0) return (true, signExtend(a * b, 32));
            if (f3 == 4) return (true, b == 0 ? type(uint64).max : signExtend(uint256(sa / sb), 32));
            if (f3 == 5) return (true, b == 0 ? type(uint64).max : signExtend(a / b, 32));
            if (f3 == 6) return (true, signExtend(b == 0 ? uint256(sa) : uint256(sa % sb), 32));
            return (f3 == 7, signExtend(b == 0 ? a : a % b, 32));
        }
    }

    function _signed(uint256 value, uint256 bits) private pure returns (int256) {
        return int256(value << (256 - bits)) >> (256 - bits);
    }
}
