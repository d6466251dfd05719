// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// forge-lint: disable-next-line(unaliased-plain-import)
import "./PoseidonConstants.sol";

/// @title Circomlib's Poseidon permutation over BN254, in widths four and ten.
/// @notice x^5, eight full rounds, 56 and 60 partial ones. These are a recurrence with the same numbers in every round: where they come from is told and tested in
/// `chain/payments/tests/poseidon_constants.rs`. Twin: `chain/payments/src/poseidon`. Vectors: `tests/vectors/payments/state_tree.json`.
/// @dev Sums are reduced late: five numbers below R sum to less than 2^256, and products reduce whatever they are given.
library Poseidon {
    /// @dev The BN254 scalar field's modulus; also `Field.R`, which assembly cannot name.
    uint256 private constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;

    /// @notice The constants of width four, for `permute4`: loaded once for many permutations.
    /// @return constants memory pointer to the constants of the rounds
    function load4() internal pure returns (uint256 constants) {
        return _pointer(NARROW);
    }

    /// @notice The constants of width ten, for `permute10`.
    /// @return constants memory pointer to the three matrices, which the constants of the rounds follow
    function load10() internal pure returns (uint256 constants) {
        return _pointer(WIDE);
    }

    /// @notice The first lane after the permutation of width four.
    /// @param constants from `load4`
    /// @param state memory pointer to four lanes, each below 4R
    function permute4(uint256 constants, uint256 state) internal pure returns (uint256 first) {
        assembly ("memory-safe") {
            let r := R
            let s0 := mload(state)
            let s1 := mload(add(state, 0x20))
            let s2 := mload(add(state, 0x40))
            let s3 := mload(add(state, 0x60))
            for { let round := 0 } lt(round, 8) { round := add(round, 1) } {
                s0 := add(s0, mload(constants))
                let square := mulmod(s0, s0, r)
                s0 := mulmod(mulmod(square, square, r), s0, r)
                s1 := add(s1, mload(add(constants, 0x20)))
                square := mulmod(s1, s1, r)
                s1 := mulmod(mulmod(square, square, r), s1, r)
                s2 := add(s2, mload(add(constants, 0x40)))
                square := mulmod(s2, s2, r)
                s2 := mulmod(mulmod(square, square, r), s2, r)
                s3 := add(s3, mload(add(constants, 0x60)))
                square := mulmod(s3, s3, r)
                s3 := mulmod(mulmod(square, square, r), s3, r)
                constants := add(constants, 0x80)
                switch round
                case 3 {
                    let n0 :=
                        add(add(mulmod(s0, E00, r), mulmod(s1, E01, r)), add(mulmod(s2, E02, r), mulmod(s3, E03, r)))
                    let n1 :=
                        add(add(mulmod(s0, E10, r), mulmod(s1, E11, r)), add(mulmod(s2, E12, r), mulmod(s3, E13, r)))
                    let n2 :=
                        add(add(mulmod(s0, E20, r), mulmod(s1, E21, r)), add(mulmod(s2, E22, r), mulmod(s3, E23, r)))
                    s3 := mulmod(s0, E30, r)
                    s2 := mod(n2, r)
                    s1 := n1
                    s0 := n0
                    // The 56 partial rounds. A lane gains 2R where it takes its neighbour's place.
                    for { let end := add(constants, 0x700) } lt(constants, end) { constants := add(constants, 0x20) } {
                        let raised := add(s0, mload(constants))
                        square := mulmod(raised, raised, r)
                        raised := mulmod(mulmod(square, square, r), raised, r)
                        n0 := s0
                        s0 := addmod(s1, add(mulmod(n0, NC1, r), mulmod(raised, ND1, r)), r)
                        s1 := add(s2, add(mulmod(n0, NC2, r), mulmod(raised, ND2, r)))
                        s2 := add(s3, add(mulmod(n0, NC3, r), mulmod(raised, ND3, r)))
                        s3 := mulmod(raised, ND4, r)
                    }
                    n1 := add(add(mulmod(s0, X10, r), mulmod(s1, X11, r)), add(mulmod(s2, X12, r), mulmod(s3, X13, r)))
                    n2 := add(add(mulmod(s0, X20, r), mulmod(s1, X21, r)), add(mulmod(s2, X22, r), mulmod(s3, X23, r)))
                    s3 := add(add(mulmod(s0, X30, r), mulmod(s1, X31, r)), add(mulmod(s2, X32, r), mulmod(s3, X33, r)))
                    s2 := n2
                    s1 := n1
                }
                default {
                    let n0 :=
                        add(add(mulmod(s0, M00, r), mulmod(s1, M01, r)), add(mulmod(s2, M02, r), mulmod(s3, M03, r)))
                    let n1 :=
                        add(add(mulmod(s0, M10, r), mulmod(s1, M11, r)), add(mulmod(s2, M12, r), mulmod(s3, M13, r)))
                    let n2 :=
                        add(add(mulmod(s0, M20, r), mulmod(s1, M21, r)), add(mulmod(s2, M22, r), mulmod(s3, M23, r)))
                    s3 := add(add(mulmod(s0, M30, r), mulmod(s1, M31, r)), add(mulmod(s2, M32, r), mulmod(s3, M33, r)))
                    s2 := n2
                    s1 := n1
                    s0 := n0
                }
            }
            first := mod(s0, r)
        }
    }

    /// @notice The first lane after the permutation of width ten.
    /// @param constants from `load10`
    /// @param state memory pointer to ten lanes below R, with room for ten more behind them; both are overwritten
    function permute10(uint256 constants, uint256 state) internal pure returns (uint256 first) {
        assembly ("memory-safe") {
            let r := R
            let cursor := add(constants, 0x2580)
            let next := add(state, 0x140)
            // Four full rounds, the partial ones in one step, four full rounds.
            for { let step := 0 } lt(step, 9) { step := add(step, 1) } {
                let matrix := constants
                switch step
                case 4 {
                    // The 60 partial rounds. A lane gains 2R where it takes its neighbour's place, and is reduced at every third.
                    for { let end := add(cursor, 0x780) } lt(cursor, end) { cursor := add(cursor, 0x20) } {
                        let x := mload(state)
                        let raised := add(x, mload(cursor))
                        let square := mulmod(raised, raised, r)
                        raised := mulmod(mulmod(square, square, r), raised, r)
                        mstore(
                            state,
                            addmod(mload(add(state, 0x20)), add(mulmod(x, WC1, r), mulmod(raised, WD1, r)), r)
                        )
                        mstore(
                            add(state, 0x20),
                            add(mload(add(state, 0x40)), add(mulmod(x, WC2, r), mulmod(raised, WD2, r)))
                        )
                        mstore(
                            add(state, 0x40),
                            add(mload(add(state, 0x60)), add(mulmod(x, WC3, r), mulmod(raised, WD3, r)))
                        )
                        mstore(
                            add(state, 0x60),
                            addmod(mload(add(state, 0x80)), add(mulmod(x, WC4, r), mulmod(raised, WD4, r)), r)
                        )
                        mstore(
                            add(state, 0x80),
                            add(mload(add(state, 0xa0)), add(mulmod(x, WC5, r), mulmod(raised, WD5, r)))
                        )
                        mstore(
                            add(state, 0xa0),
                            add(mload(add(state, 0xc0)), add(mulmod(x, WC6, r), mulmod(raised, WD6, r)))
                        )
                        mstore(
                            add(state, 0xc0),
                            addmod(mload(add(state, 0xe0)), add(mulmod(x, WC7, r), mulmod(raised, WD7, r)), r)
                        )
                        mstore(
                            add(state, 0xe0),
                            add(mload(add(state, 0x100)), add(mulmod(x, WC8, r), mulmod(raised, WD8, r)))
                        )
                        mstore(
                            add(state, 0x100),
                            add(mload(add(state, 0x120)), add(mulmod(x, WC9, r), mulmod(raised, WD9, r)))
                        )
                        mstore(add(state, 0x120), mulmod(raised, WD10, r))
                    }
                    matrix := add(constants, 0x1900)
                }
                default {
                    for { let lane := 0 } lt(lane, 0x140) { lane := add(lane, 0x20) } {
                        let value := add(mload(add(state, lane)), mload(add(cursor, lane)))
                        let square := mulmod(value, value, r)
                        mstore(add(state, lane), mulmod(mulmod(square, square, r), value, r))
                    }
                    cursor := add(cursor, 0x140)
                    if eq(step, 3) { matrix := add(constants, 0xc80) }
                }
                for { let end := add(next, 0x140) } lt(next, end) { next := add(next, 0x20) } {
                    let low := mulmod(mload(state), mload(matrix), r)
                    low := add(low, mulmod(mload(add(state, 0x20)), mload(add(matrix, 0x20)), r))
                    low := add(low, mulmod(mload(add(state, 0x40)), mload(add(matrix, 0x40)), r))
                    low := add(low, mulmod(mload(add(state, 0x60)), mload(add(matrix, 0x60)), r))
                    low := add(low, mulmod(mload(add(state, 0x80)), mload(add(matrix, 0x80)), r))
                    let high := mulmod(mload(add(state, 0xa0)), mload(add(matrix, 0xa0)), r)
                    high := add(high, mulmod(mload(add(state, 0xc0)), mload(add(matrix, 0xc0)), r))
                    high := add(high, mulmod(mload(add(state, 0xe0)), mload(add(matrix, 0xe0)), r))
                    high := add(high, mulmod(mload(add(state, 0x100)), mload(add(matrix, 0x100)), r))
                    high := add(high, mulmod(mload(add(state, 0x120)), mload(add(matrix, 0x120)), r))
                    mstore(next, addmod(low, high, r))
                    matrix := add(matrix, 0x140)
                }
                let written := sub(next, 0x140)
                next := state
                state := written
            }
            first := mload(state)
        }
    }

    function _pointer(bytes memory constants) private pure returns (uint256 pointer) {
        assembly ("memory-safe") {
            pointer := add(constants, 0x20)
        }
    }
}
