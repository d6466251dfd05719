// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import { AddressTable } from "../../src/l2/AddressTable.sol";
import { BridgedToken } from "../../src/l2/BridgedToken.sol";
import { FeeVault } from "../../src/l2/FeeVault.sol";
import { L1Info } from "../../src/l2/L1Info.sol";
import { L2Bridge } from "../../src/l2/L2Bridge.sol";
import { MessagePasser } from "../../src/l2/MessagePasser.sol";
import { Predeploys } from "../../src/l2/Predeploys.sol";
import { Test } from "../utils/Test.sol";
import { vm } from "../utils/Vm.sol";

/// @title The tree as it is defined, all leaves at once: a naive twin of the one in `MessagePasser`.
library NaiveTree {
    function root(bytes32[] memory leaves) internal pure returns (bytes32) {
        return rootAt(leaves, 0, 32);
    }

    /// @dev Root of the subtree of `height` whose first leaf is `first`.
    function rootAt(bytes32[] memory leaves, uint256 first, uint256 height) private pure returns (bytes32) {
        if (first >= leaves.length) return emptyRoot(height);
        if (height == 0) return leaves[first];
        bytes32 left = rootAt(leaves, first, height - 1);
        bytes32 right = rootAt(leaves, first + 2 ** (height - 1), height - 1);
        return keccak256(bytes.concat(left, right));
    }

    function emptyRoot(uint256 height) internal pure returns (bytes32 node) {
        for (uint256 i; i < height; ++i) {
            node = keccak256(bytes.concat(node, node));
        }
    }
}

/// @title The predeploys where genesis puts them, with the storage that genesis gives them.
abstract contract L2Test is Test {
    MessagePasser internal constant PASSER = MessagePasser(Predeploys.MESSAGE_PASSER);
    L2Bridge internal constant BRIDGE = L2Bridge(Predeploys.L2_BRIDGE);
    L1Info internal constant INFO = L1Info(Predeploys.L1_INFO);
    FeeVault internal constant VAULT = FeeVault(payable(Predeploys.FEE_VAULT));
    AddressTable internal constant TABLE = AddressTable(Predeploys.ADDRESS_TABLE);

    address internal immutable L1_BRIDGE = makeAddr("L1 bridge");
    address internal immutable FEE_RECIPIENT = makeAddr("L1 fee recipient");

    function setUp() public virtual {
        vm.etch(Predeploys.MESSAGE_PASSER, type(MessagePasser).runtimeCode);
        vm.etch(Predeploys.L2_BRIDGE, type(L2Bridge).runtimeCode);
        vm.etch(Predeploys.L1_INFO, type(L1Info).runtimeCode);
        vm.etch(Predeploys.FEE_VAULT, type(FeeVault).runtimeCode);
        vm.etch(Predeploys.BRIDGED_TOKEN, type(BridgedToken).runtimeCode);
        vm.etch(Predeploys.ADDRESS_TABLE, type(AddressTable).runtimeCode);
        vm.store(Predeploys.MESSAGE_PASSER, bytes32(0), NaiveTree.emptyRoot(32));
        vm.store(Predeploys.MESSAGE_PASSER, bytes32(uint256(34)), bytes32(uint256(uint160(L1_BRIDGE))));
        vm.store(Predeploys.L2_BRIDGE, bytes32(0), bytes32(uint256(uint160(L1_BRIDGE))));
        vm.store(Predeploys.FEE_VAULT, bytes32(0), bytes32(uint256(uint160(FEE_RECIPIENT))));
    }

    /// @dev The hash of a message, as the specification writes it (L1-WD-1).
    function hashOf(uint64 index, address sender, address target, uint256 value, uint64 gasLimit, bytes memory data)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(index, sender, target, value, gasLimit, data));
    }
}
