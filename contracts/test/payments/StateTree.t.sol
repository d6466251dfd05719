// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Field } from "../../src/payments/Field.sol";
import { Poseidon } from "../../src/payments/Poseidon.sol";
import { Leaf, StateTree } from "../../src/payments/StateTree.sol";
import { Test } from "../utils/Test.sol";
import { vm } from "../utils/Vm.sol";

/// @title A node of four given children.
contract NodeHarness {
    function node(bytes32[] calldata children) external pure returns (uint256) {
        uint256[4] memory state;
        for (uint256 i = 0; i < 4; ++i) {
            state[i] = uint256(children[i]);
        }
        state[0] += uint256(uint88(bytes11("tandem/node")));
        uint256 pointer;
        assembly ("memory-safe") {
            pointer := state
        }
        return addmod(Poseidon.permute4(Poseidon.load4(), pointer), uint256(children[0]), Field.R);
    }
}

/// @title The state tree against what the ledger says (PAY-LEAF, PAY-NODE, PAY-TREE, PAY-ESCAPE).
contract StateTreeTest is Test {
    string private constant FILE = "../tests/vectors/payments/state_tree.json";
    uint256 private constant LEAVES = 27;

    StateTree private tree;
    string private json;

    function setUp() external {
        tree = new StateTree();
        json = vm.readFile(FILE);
    }

    function _at(uint256 i) private pure returns (string memory) {
        return string.concat(".leaves[", vm.toString(i), "]");
    }

    function _leaf(uint256 i) private view returns (Leaf memory) {
        return _leafAt(_at(i));
    }

    function _leafAt(string memory place) private view returns (Leaf memory) {
        string memory path = string.concat(place, ".leaf");
        return Leaf({
            account: vm.parseJsonAddress(json, string.concat(path, ".account")),
            token: vm.parseJsonAddress(json, string.concat(path, ".token")),
            nextAccount: vm.parseJsonAddress(json, string.concat(path, ".nextAccount")),
            nextToken: vm.parseJsonAddress(json, string.concat(path, ".nextToken")),
            nonce: uint64(vm.parseJsonUint(json, string.concat(path, ".nonce"))),
            balance: uint128(vm.parseJsonUint(json, string.concat(path, ".balance"))),
            keyHash: uint256(vm.parseJsonBytes32(json, string.concat(path, ".keyHash"))),
            sessionHash: uint256(vm.parseJsonBytes32(json, string.concat(path, ".sessionHash")))
        });
    }

    function _siblings(uint256 i) private view returns (uint256[3][16] memory) {
        return _siblingsAt(_at(i));
    }

    function _siblingsAt(string memory place) private view returns (uint256[3][16] memory siblings) {
        for (uint256 level = 0; level < 16; ++level) {
            string memory key = string.concat(place, ".siblings[", vm.toString(level), "]");
            bytes32[] memory three = vm.parseJsonBytes32Array(json, key);
            for (uint256 k = 0; k < 3; ++k) {
                siblings[level][k] = uint256(three[k]);
            }
        }
    }

    function _root() private view returns (uint256) {
        return uint256(vm.parseJsonBytes32(json, ".root"));
    }

    /// A leaf's hash is width ten, a path sixteen permutations of width four.
    function test_everyLeafClimbsToTheRoot() external view {
        for (uint256 i = 0; i < LEAVES; ++i) {
            Leaf memory leaf = _leaf(i);
            vm.assertEq(
                tree.hashOf(leaf), uint256(vm.parseJsonBytes32(json, string.concat(_at(i), ".hash"))), "leaf hash"
            );
            vm.assertEq(tree.rootOf(uint32(i), leaf, _siblings(i)), _root(), "root");
        }
        vm.assertFalse(vm.keyExistsJson(json, _at(LEAVES)));
    }

    /// Leaves with the least and the greatest fields, at the borders of subtrees and at both ends of the tree.
    function test_leavesAtBordersClimbToTheRoot() external view {
        uint256 root = uint256(vm.parseJsonBytes32(json, ".borders.root"));
        uint256 count;
        for (; vm.keyExistsJson(json, string.concat(".borders.leaves[", vm.toString(count), "]")); ++count) {
            string memory place = string.concat(".borders.leaves[", vm.toString(count), "]");
            uint32 index = uint32(vm.parseJsonUint(json, string.concat(place, ".index")));
            Leaf memory leaf = _leafAt(place);
            vm.assertEq(tree.hashOf(leaf), uint256(vm.parseJsonBytes32(json, string.concat(place, ".hash"))));
            vm.assertEq(tree.rootOf(index, leaf, _siblingsAt(place)), root);
        }
        vm.assertEq(count, 14);
    }

    /// The ABI has no place for an index beyond the tree, and the contract reads no bits above it.
    function test_indicesBeyondTheTreeAreRefused() external {
        bytes memory data = abi.encodeCall(StateTree.rootOf, (3, _leaf(3), _siblings(3)));
        (bool accepted,) = address(tree).staticcall(data);
        vm.assertTrue(accepted);
        assembly ("memory-safe") {
            mstore(add(data, 0x24), add(mload(add(data, 0x24)), shl(32, 1)))
        }
        (accepted,) = address(tree).staticcall(data);
        vm.assertFalse(accepted);
    }

    function test_anotherLeafIndexOrPathGivesAnotherRoot() external view {
        uint256 root = _root();
        uint256 i = 9;
        uint256[3][16] memory siblings = _siblings(i);
        for (uint256 bit = 0; bit < 32; ++bit) {
            vm.assertTrue(tree.rootOf(uint32(i ^ (1 << bit)), _leaf(i), siblings) != root, "index");
        }
        for (uint256 level = 0; level < 16; ++level) {
            for (uint256 k = 0; k < 3; ++k) {
                siblings[level][k] ^= 1;
                vm.assertTrue(tree.rootOf(uint32(i), _leaf(i), siblings) != root, "sibling");
                siblings[level][k] ^= 1;
            }
        }
        for (uint256 field = 0; field < 8; ++field) {
            Leaf memory leaf = _leaf(i);
            if (field == 0) leaf.account = address(uint160(leaf.account) ^ 1);
            if (field == 1) leaf.token = address(uint160(leaf.token) ^ 1);
            if (field == 2) leaf.nextAccount = address(uint160(leaf.nextAccount) ^ 1);
            if (field == 3) leaf.nextToken = address(uint160(leaf.nextToken) ^ 1);
            if (field == 4) leaf.nonce ^= 1;
            if (field == 5) leaf.balance ^= 1;
            if (field == 6) leaf.keyHash ^= 1;
            if (field == 7) leaf.sessionHash ^= 1;
            vm.assertTrue(tree.rootOf(uint32(i), leaf, siblings) != root, "field");
        }
    }

    function test_numbersAtOrAboveTheModulusAreRefused() external {
        Leaf memory leaf = _leaf(3);
        uint256[3][16] memory siblings = _siblings(3);
        for (uint256 level = 0; level < 16; ++level) {
            uint256 k = level % 3;
            siblings[level][k] += Field.R; // the same element in another form
            vm.expectRevert(abi.encodeWithSelector(Field.Field_NotCanonical.selector, siblings[level][k]));
            tree.rootOf(3, leaf, siblings);
            siblings[level][k] -= Field.R;
        }
        leaf.keyHash = Field.R;
        vm.expectRevert(abi.encodeWithSelector(Field.Field_NotCanonical.selector, Field.R));
        tree.hashOf(leaf);
        leaf.keyHash = 0;
        leaf.sessionHash += Field.R;
        vm.expectRevert(abi.encodeWithSelector(Field.Field_NotCanonical.selector, leaf.sessionHash));
        tree.hashOf(leaf);
    }

    /// Lanes sum without overflow where they are greatest; the last node needs the one reduction before the partial rounds.
    function test_nodesOfTheGreatestAndTheLeastElements() external {
        NodeHarness harness = new NodeHarness();
        for (uint256 i = 0; i < 5; ++i) {
            string memory path = string.concat(".nodes[", vm.toString(i), "]");
            bytes32[] memory children = vm.parseJsonBytes32Array(json, string.concat(path, ".children"));
            if (i == 1) vm.assertEq(uint256(children[0]), Field.R - 1);
            vm.assertEq(harness.node(children), uint256(vm.parseJsonBytes32(json, string.concat(path, ".hash"))));
        }
    }

    function test_gas() external {
        Leaf memory leaf = _leaf(9);
        tree.hashOf(leaf);
        vm.snapshotGasLastCall("payments", "gas StateTree.hashOf");
        tree.rootOf(9, leaf, _siblings(9));
        vm.snapshotGasLastCall("payments", "gas StateTree.rootOf");
        vm.snapshotValue("payments", "bytes StateTree", address(tree).code.length);
    }
}
