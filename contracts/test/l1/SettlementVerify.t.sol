// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ClaimId } from "../../src/l1/FraudSettlement.sol";
import { Hashing } from "../../src/l1/Hashing.sol";
import { MessageTree } from "../../src/l1/MessageTree.sol";
import { L2Message, OutputFields } from "../../src/l1/Types.sol";
import { vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";
import { MessageTreeModel } from "./MessageTreeModel.sol";

/// @title `FraudSettlement.verifyMessage`: L1-WD-1, L1-WD-2, L1-WD-3.
contract SettlementVerifyTest is Fixture {
    using Hashing for *;
    using MessageTreeModel for bytes32[];

    OutputFields internal fields;

    function setUp() public override {
        super.setUp();
        for (uint256 i = 0; i < 7; ++i) {
            sendFromL2(alice, bob, i, 100_000, abi.encode(i));
        }
        (fields,) = settle();
    }

    function _verify(bytes32 output, uint64 index, bytes32 messageHash, bytes memory proof)
        private
        view
        returns (bool)
    {
        return settlement.verifyMessage(output, index, messageHash, proof);
    }

    function testFuzz_verifyMessage_takesEveryLeaf(uint64 index) external view {
        index = uint64(bound(index, 0, leaves.length - 1));
        vm.assertTrue(_verify(fields.hash(), index, leaves[index], proofOf(fields, index)));
    }

    function testFuzz_verifyMessage_agreesWithModel(uint256 count, bytes32 seed, uint256 pick) external pure {
        count = bound(count, 1, 40);
        bytes32[] memory tree = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            tree[i] = keccak256(abi.encode(seed, i));
        }
        uint64 index = uint64(bound(pick, 0, count - 1));
        vm.assertEq(
            MessageTree.rootOf(index, tree[index], MessageTreeModel.siblings(tree, index)), MessageTreeModel.root(tree)
        );
    }

    function testFuzz_verifyMessage_refusesOtherIndex(uint64 index, uint64 other) external view {
        index = uint64(bound(index, 0, leaves.length - 1));
        vm.assume(other != index);
        vm.assertFalse(_verify(fields.hash(), other, leaves[index], proofOf(fields, index)));
    }

    /// @notice The same leaf must not be known under a second index.
    function testFuzz_verifyMessage_refusesHighIndex(uint64 index, uint64 high) external view {
        index = uint64(bound(index, 0, leaves.length - 1));
        high = uint64(bound(high, 1, type(uint32).max));
        vm.assertFalse(_verify(fields.hash(), index | (high << 32), leaves[index], proofOf(fields, index)));
    }

    function testFuzz_verifyMessage_refusesOtherHash(uint64 index, bytes32 messageHash) external view {
        index = uint64(bound(index, 0, leaves.length - 1));
        vm.assume(messageHash != leaves[index]);
        vm.assertFalse(_verify(fields.hash(), index, messageHash, proofOf(fields, index)));
    }

    /// @notice The empty leaf is a leaf of every tree that is not full.
    function testFuzz_verifyMessage_refusesZeroHash(uint64 index) external view {
        index = uint64(bound(index, leaves.length, type(uint32).max));
        bytes memory proof = proofOf(fields, index);
        vm.assertEq(MessageTree.rootOf(index, 0, leaves.siblings(index)), fields.messageRoot);
        vm.assertFalse(_verify(fields.hash(), index, 0, proof));
    }

    /// @notice Inner nodes are no messages: the path has always 32 steps.
    function test_verifyMessage_refusesInnerNode() external view {
        bytes32[32] memory path = leaves.siblings(0);
        bytes32 inner = keccak256(abi.encode(leaves[0], leaves[1]));
        for (uint256 i = 0; i < 31; ++i) {
            path[i] = path[i + 1];
        }
        path[31] = 0;
        vm.assertFalse(_verify(fields.hash(), 0, inner, abi.encode(fields, path)));
    }

    function testFuzz_verifyMessage_refusesAnyFlippedBit(uint64 index, uint256 bit) external view {
        index = uint64(bound(index, 0, leaves.length - 1));
        bytes memory proof = proofOf(fields, index);
        bit = bound(bit, 0, proof.length * 8 - 1);
        proof[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        try settlement.verifyMessage(fields.hash(), index, leaves[index], proof) returns (bool accepted) {
            vm.assertFalse(accepted);
        } catch { } // a word beyond its type does not decode
    }

    function testFuzz_verifyMessage_refusesOtherLength(uint256 length, uint64 index) external view {
        index = uint64(bound(index, 0, leaves.length - 1));
        bytes memory proof = proofOf(fields, index);
        length = bound(length, 0, 2 * proof.length);
        vm.assume(length != proof.length);
        bytes memory changed = new bytes(length);
        for (uint256 i = 0; i < length && i < proof.length; ++i) {
            changed[i] = proof[i];
        }
        vm.assertFalse(_verify(fields.hash(), index, leaves[index], changed));
    }

    function testFuzz_verifyMessage_refusesUnknownOutput(bytes32 output) external view {
        vm.assume(output != fields.hash());
        vm.assertFalse(_verify(output, 0, leaves[0], proofOf(fields, 0)));
    }

    /// @notice A claim alone proves nothing, and neither do fields that hash to another output.
    function test_verifyMessage_refusesPendingOutput() external {
        L2Message memory forged = sendFromL2(mallory, mallory, 100 ether, 0, "");
        append();
        OutputFields memory pending = fieldsOf(inbox.epochCount());
        claimAs(mallory, settlement.lastFinalClaim(), pending);
        vm.assertFalse(_verify(pending.hash(), forged.index, forged.hash(), proofOf(pending, forged.index)));
        vm.assertFalse(_verify(fields.hash(), forged.index, forged.hash(), proofOf(pending, forged.index)));
        skipTime(WINDOW_SECONDS - 24);
        vm.assertFalse(_verify(pending.hash(), forged.index, forged.hash(), proofOf(pending, forged.index)));
    }

    /// @notice Later outputs contain earlier messages too: the tree is cumulative.
    function test_verifyMessage_laterOutputProvesOlderMessage() external {
        sendFromL2(alice, bob, 9, 100_000, "");
        (OutputFields memory later,) = settle();
        vm.assertTrue(_verify(later.hash(), 3, leaves[3], proofOf(later, 3)));
        vm.assertTrue(_verify(later.hash(), 7, leaves[7], proofOf(later, 7)));
    }

    /// @notice A final output whose root is zero, which only a broken guest could give, proves nothing, whatever the path.
    function testFuzz_verifyMessage_refusesZeroRoot(uint64 index, bytes32 messageHash, bytes32[32] memory path)
        external
    {
        append();
        OutputFields memory rootless = fieldsOf(inbox.epochCount());
        rootless.messageRoot = 0;
        ClaimId claimId = claimAs(alice, settlement.lastFinalClaim(), rootless);
        skipTime(WINDOW_SECONDS);
        settlement.finalize(claimId);
        vm.assertTrue(settlement.isFinal(rootless.hash()));
        vm.assertFalse(_verify(rootless.hash(), index, messageHash, abi.encode(rootless, path)));
        bytes32[32] memory zeros;
        vm.assertFalse(_verify(rootless.hash(), index, 0, abi.encode(rootless, zeros)));
    }

    function test_emptyRoot_isTheModels() external pure {
        vm.assertEq(MessageTree.emptyRoot(), MessageTreeModel.root(new bytes32[](0)));
    }
}
