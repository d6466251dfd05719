// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Match, MatchStatus, Turn } from "../../src/dispute/Match.sol";
import { Test } from "../utils/Test.sol";
import { vm } from "../utils/Vm.sol";

/// @title The word in which a turn is stored, against the compiler's own layout.
contract MatchTurnTest is Test {
    Match private _match;

    function _assertStored(Turn memory turn) private {
        _match.put(turn);
        Turn memory stored = _match.turn;
        vm.assertEq(keccak256(abi.encode(stored)), keccak256(abi.encode(turn)));
        vm.assertEq(_match.right, "right"); // the word before it
    }

    /// @notice Every member comes back as it was, beside any others.
    function testFuzz_put_isTheCompilersLayout(
        uint8 status,
        uint8 height,
        bool twoMoves,
        uint32 index,
        uint40 since,
        uint32[2] calldata allowances,
        uint48[2] calldata spent
    ) external {
        _match.right = "right";
        Turn memory turn = Turn(
            MatchStatus(status % 3), height, twoMoves, index, since, allowances[0], allowances[1], spent[0], spent[1]
        );
        _assertStored(turn);
        uint48 max = type(uint48).max;
        _assertStored(Turn(MatchStatus.Sealed, 255, true, uint32(max), uint40(max), uint32(max), uint32(max), max, max));
        _assertStored(turn);
    }
}
