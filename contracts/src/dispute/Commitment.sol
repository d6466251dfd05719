// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Children, Tree } from "./Tree.sol";

/// @notice None -> Waiting <-> Playing -> Fallen. Returned: the bond went back, since it has won or the tournament is dead.
enum CommitmentStatus {
    None,
    Waiting,
    Playing,
    Fallen,
    Returned
}

/// @notice What a commitment's last state says (DISP-JOIN-2). At level 0 one of the first three, inside one of the last two.
enum Ending {
    Output, // exited with 0: `output` is the run's result
    Trapped, // exited otherwise
    Unhalted, // still running after all steps
    BacksOne, // ends in the contested state of the outer match's side one
    BacksTwo
}

/// @notice Somebody's word for a run of the machine: the root of its state hashes, which is its key.
/// @param left, right the children of the root: pairing needs nobody's data
/// @param output word of the last state; zero unless the ending is Output
/// @param joiner who locked the bond, and gets it back if the root wins; it has no owner otherwise
/// @param allowance seconds left on its clock, when it last waited
struct Commitment {
    bytes32 left;
    bytes32 right;
    bytes32 output;
    address joiner;
    uint32 allowance;
    uint8 rank;
    CommitmentStatus status;
    Ending ending;
}

/// @title What joining checks (DISP-JOIN-1)
library Commitments {
    /// @notice The last leaf is not the one that the root commits to.
    error Commitment_WrongPath(bytes32 expected, bytes32 actual);

    /// @notice Reverts unless `last` is the last leaf below the root's right child.
    /// @param path siblings of the last leaf and of what is above it, 19 in all
    function checkLast(Children calldata children, bytes32 last, bytes32[] calldata path) internal pure {
        bytes32 actual = Tree.ancestor(last, type(uint256).max, path, Tree.HEIGHT - 1);
        if (actual != children.right) revert Commitment_WrongPath(children.right, actual);
    }
}
