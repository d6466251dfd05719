// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Field } from "./Field.sol";
import { Poseidon } from "./Poseidon.sol";

/// @notice A leaf of the state tree (PAY-LEAF).
/// @param account whose it is
/// @param token the ERC-20 on L1; zero for ETH
/// @param nextAccount with `nextToken` the next key in order; both zero at the end
/// @param nonce operations that signatures have authorised
/// @param balance in base units
/// @param keyHash hash of the account's public key, zero if none
/// @param sessionHash hash of its session key, zero if none
struct Leaf {
    address account;
    address token;
    address nextAccount;
    address nextToken;
    uint64 nonce;
    uint128 balance;
    uint256 keyHash;
    uint256 sessionHash;
}

/// @title The state tree, as L1 reads it: sixteen levels of arity four over Poseidon.
/// @notice Rules: PAY-LEAF, PAY-NODE, PAY-TREE. A contract of its own for its size, which the settlement creates. Twins: `chain/payments/src/{leaf,tree,escape}.rs`.
/// Vectors: `tests/vectors/payments/state_tree.json`. Adversarial: everything.
contract StateTree {
    /// @notice Levels of nodes above the leaves.
    uint256 public constant LEVELS = 16;

    /// @dev The tags "tandem/leaf" and "tandem/node", as integers (PAY-TAG).
    uint256 private constant LEAF_TAG = uint256(uint88(bytes11("tandem/leaf")));
    uint256 private constant NODE_TAG = uint256(uint88(bytes11("tandem/node")));

    /// @notice The hash of a leaf. Reverts unless its key hashes are below the field's modulus: each leaf has one form.
    function hashOf(Leaf calldata leaf) public pure returns (uint256) {
        Field.requireCanonical(leaf.keyHash);
        Field.requireCanonical(leaf.sessionHash);
        uint256[20] memory state; // and the room that the permutation takes
        state[1] = LEAF_TAG;
        state[2] = uint256(uint160(leaf.account));
        state[3] = uint256(uint160(leaf.token));
        state[4] = uint256(uint160(leaf.nextAccount));
        state[5] = uint256(uint160(leaf.nextToken));
        state[6] = leaf.nonce;
        state[7] = leaf.balance;
        state[8] = leaf.keyHash;
        state[9] = leaf.sessionHash;
        return Poseidon.permute10(Poseidon.load10(), _pointer(state));
    }

    /// @notice Root of the tree in which `leaf` stands at `index`.
    /// @param siblings the other three children on each level, in the order of their places, from the leaf upwards; reverts unless each is below the field's
    /// modulus
    function rootOf(uint32 index, Leaf calldata leaf, uint256[3][16] calldata siblings)
        external
        pure
        returns (uint256 root)
    {
        root = hashOf(leaf);
        uint256 constants = Poseidon.load4();
        uint256[4] memory state;
        uint256 pointer;
        assembly ("memory-safe") {
            pointer := state
        }
        for (uint256 level = 0; level < LEVELS; ++level) {
            uint256 place = (index >> (2 * level)) & 3;
            for (uint256 i = 0; i < 3; ++i) {
                Field.requireCanonical(siblings[level][i]);
                state[i < place ? i : i + 1] = siblings[level][i];
            }
            state[place] = root;
            // The compression mode adds the first child again.
            uint256 first = state[0];
            state[0] = first + NODE_TAG;
            root = addmod(Poseidon.permute4(constants, pointer), first, Field.R);
        }
    }

    function _pointer(uint256[20] memory state) private pure returns (uint256 pointer) {
        assembly ("memory-safe") {
            pointer := state
        }
    }
}
