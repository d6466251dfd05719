// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Hashing } from "../../src/l1/Hashing.sol";
import { OutputFields } from "../../src/l1/Types.sol";
import { Withdrawal } from "../../src/payments/Records.sol";
import { BatchEnv, ValiditySettlement } from "../../src/payments/ValiditySettlement.sol";
import { WithdrawalTree } from "../../src/payments/WithdrawalTree.sol";
import { vm } from "../utils/Vm.sol";
import { Batch, Chain } from "./Chain.sol";

/// @title The library as a contract.
contract WithdrawalTreeHarness {
    function rootOf(bytes calldata segment) external pure returns (bytes32) {
        return WithdrawalTree.rootOf(segment);
    }

    function rootFrom(uint256 position, bytes32 leaf, bytes32[] memory siblings) external pure returns (bytes32) {
        return WithdrawalTree.rootFrom(position, leaf, siblings);
    }
}

abstract contract OutputFixture is Chain {
    using Hashing for *;

    /// @dev `count` withdrawals, each of another amount.
    function segmentOf(uint256 count) internal view returns (bytes memory segment) {
        for (uint256 i = 0; i < count; ++i) {
            segment = bytes.concat(segment, withdrawalRecord(paidAt(i)));
        }
    }

    function paidAt(uint256 position) internal view returns (Withdrawal memory) {
        return Withdrawal(bob, ETH, uint128(position + 1));
    }

    function verified(uint64 ofBatch, uint64 index, bytes32 leaf, bytes memory proof) internal view returns (bool) {
        return settlement.verifyMessage(fieldsOf[ofBatch].hash(), index, leaf, proof);
    }

    function leafAt(uint64 ofBatch, uint256 position) internal view returns (bytes32) {
        return leavesOf(withdrawalsOf[ofBatch])[position];
    }
}

/// @title What a batch leaves: PAY-OUTPUT, and when it is final.
contract OutputTest is OutputFixture {
    using Hashing for *;

    function test_genesis_hasAnOutput() external view {
        OutputFields memory fields = OutputFields({
            configHash: deployedConfig().hash(),
            batchHash: 0,
            lastBlockHash: keccak256(abi.encode(GENESIS_SECONDS, uint64(1))),
            stateRoot: bytes32(settlement.GENESIS_ROOT()),
            messageRoot: 0,
            queueIndex: 0
        });
        vm.assertEq(settlement.outputOf(0), fields.hash());
        (uint64 epoch, uint64 finalAt) = settlement.finality(0);
        vm.assertEq(epoch, 0);
        vm.assertEq(finalAt, GENESIS_SECONDS);
        vm.assertEq(settlement.failedFrom(), 0);
        vm.assertFalse(settlement.isFrozen());
    }

    /// @notice Every field, by the rule; and the event that tells of it.
    function testFuzz_append_outputIsOfWhatWasProven(uint256 root, uint40 leafCount, uint256 count, uint64 age)
        external
    {
        deposit(alice, 5);
        storeCheckpoint();
        proofs.set(root, leafCount);
        Batch memory made = batch(1, segmentOf(bound(count, 0, 9)));
        made.env.timestamp -= uint64(bound(age, 0, 24));
        post(sequencer, made);
        OutputFields memory fields = OutputFields({
            configHash: deployedConfig().hash(),
            batchHash: inbox.batchHashOf(1),
            lastBlockHash: keccak256(abi.encode(uint256(made.env.timestamp), uint256(leafCount))),
            stateRoot: bytes32(root),
            messageRoot: treeRoot(made.segments[1]),
            queueIndex: 1
        });
        vm.assertEq(settlement.outputOf(1), fields.hash());
        vm.assertEq(settlement.outputOf(2), bytes32(0));
        (uint64 epoch, uint64 finalAt) = settlement.finality(bytes32(uint256(1)));
        vm.assertEq(epoch, 1);
        vm.assertEq(finalAt, vm.getBlockTimestamp());
    }

    function test_append_tellsOfTheBatch() external {
        proofs.set(77, 3);
        Batch memory made = batch(0, segmentOf(3));
        uint256 state = vm.snapshotState();
        post(sequencer, made);
        OutputFields memory fields = fieldsOf[1];
        vm.revertToState(state);
        vm.expectEmit(address(settlement));
        emit ValiditySettlement.BatchProven(1, fields.hash(), fields, BatchEnv(made.env.timestamp, operator), 3);
        post(sequencer, made);
    }

    function testFuzz_finality_revertsUnlessFinal(bytes32 claimId) external {
        vm.assume(claimId != 0);
        vm.expectRevert(abi.encodeWithSelector(ValiditySettlement.ValiditySettlement_NotFinal.selector, claimId));
        settlement.finality(claimId);
        append();
        bytes32 aliased = bytes32(uint256(1) | uint256(claimId) << 64);
        vm.assume(aliased != bytes32(uint256(1)));
        vm.expectRevert(abi.encodeWithSelector(ValiditySettlement.ValiditySettlement_NotFinal.selector, aliased));
        settlement.finality(aliased);
    }

    /// @notice Whoever has to leave a frozen chain has the grace from its end on, for every batch.
    function testFuzz_finality_countsFromTheFreeze(uint256 late) external {
        append();
        skipTime(bound(late, 1, 100 days));
        append();
        freeze();
        for (uint256 i = 0; i < 3; ++i) {
            (uint64 epoch, uint64 finalAt) = settlement.finality(bytes32(i));
            vm.assertEq(epoch, i);
            vm.assertEq(finalAt, vm.getBlockTimestamp());
        }
        uint256 frozenAt = vm.getBlockTimestamp();
        skipTime(1 days);
        (, uint64 later) = settlement.finality(bytes32(uint256(2)));
        vm.assertEq(later, frozenAt);
    }
}

/// @title The tree of withdrawals, beside its naive twin: PAY-WITHDRAWAL-ROOT.
contract WithdrawalTreeTest is OutputFixture {
    WithdrawalTreeHarness private _harness;

    function setUp() public override {
        _harness = new WithdrawalTreeHarness();
        super.setUp();
    }

    function test_rootOf_agreesWithTheTwin() external view {
        for (uint256 count = 0; count <= 33; ++count) {
            bytes memory segment = segmentOf(count);
            bytes32 root = _harness.rootOf(segment);
            vm.assertEq(root, treeRoot(segment));
            for (uint256 i = 0; i < count; ++i) {
                vm.assertEq(_harness.rootFrom(i, leavesOf(segment)[i], siblingsOf(segment, i)), root);
            }
        }
    }

    function test_rootOf_byHand() external view {
        bytes memory one = withdrawalRecord(Withdrawal(alice, ETH, 1));
        bytes memory two = withdrawalRecord(Withdrawal(bob, address(bridge), type(uint128).max));
        bytes memory three = withdrawalRecord(Withdrawal(mallory, ETH, 3));
        vm.assertEq(_harness.rootOf(""), bytes32(0));
        vm.assertEq(_harness.rootOf(one), keccak256(one));
        bytes32 left = keccak256(abi.encode(keccak256(one), keccak256(two)));
        vm.assertEq(_harness.rootOf(bytes.concat(one, two)), left);
        bytes32 right = keccak256(abi.encode(keccak256(three), bytes32(0)));
        vm.assertEq(_harness.rootOf(bytes.concat(one, two, three)), keccak256(abi.encode(left, right)));
    }

    function testFuzz_rootFrom_refusesPositionsBeyondThePath(uint256 position, uint256 length, bytes32 leaf)
        external
        view
    {
        length = bound(length, 0, 40);
        bytes32[] memory siblings = new bytes32[](length);
        if (length <= 32) position = bound(position, 2 ** length, type(uint256).max);
        vm.assertEq(_harness.rootFrom(position, leaf, siblings), bytes32(0));
        if (length != 0 && length <= 32) {
            vm.assertTrue(_harness.rootFrom(2 ** length - 1, leaf, siblings) != 0);
        }
    }
}

/// @title What can be claimed of a batch, and nothing else: L1-WD-2, PAY-WITHDRAWAL-ROOT.
contract VerifyMessageTest is OutputFixture {
    using Hashing for *;

    function setUp() public override {
        super.setUp();
        append(segmentOf(7));
        append(); // nothing to claim
        append(segmentOf(8));
        append(segmentOf(1));
    }

    function testFuzz_verifyMessage_takesEveryWithdrawal(uint256 position) external view {
        uint256 third = bound(position, 0, 7);
        vm.assertTrue(verified(3, indexOf(3, third), leafAt(3, third), proofOf(3, third)));
        uint256 first = bound(position, 0, 6);
        vm.assertTrue(verified(1, indexOf(1, first), leafAt(1, first), proofOf(1, first)));
        vm.assertTrue(verified(4, indexOf(4, 0), leafAt(4, 0), proofOf(4, 0)));
    }

    /// @notice A withdrawal has one index: else it would be paid under each.
    function testFuzz_verifyMessage_refusesEveryOtherIndex(uint256 position, uint64 other) external view {
        position = bound(position, 0, 6);
        for (uint64 ofBatch = 1; ofBatch <= 3; ofBatch += 2) {
            vm.assume(other != indexOf(ofBatch, position));
            bytes32 leaf = leafAt(ofBatch, position);
            bytes memory proof = proofOf(ofBatch, position);
            vm.assertFalse(verified(ofBatch, other, leaf, proof));
            vm.assertFalse(verified(ofBatch, indexOf(ofBatch, other % 8 == position ? 8 : other % 8), leaf, proof));
            for (uint256 bit = 0; bit < 64; ++bit) {
                uint64 changed = indexOf(ofBatch, position) ^ uint64(1 << bit);
                vm.assertFalse(verified(ofBatch, changed, leaf, proof));
            }
        }
    }

    function testFuzz_verifyMessage_refusesEveryOtherLeaf(uint256 position, bytes32 leaf) external view {
        position = bound(position, 0, 6);
        vm.assume(leaf != leafAt(1, position));
        vm.assertFalse(verified(1, indexOf(1, position), leaf, proofOf(1, position)));
        vm.assertFalse(verified(1, indexOf(1, position), 0, proofOf(1, position)));
    }

    /// @notice The place beyond the last record is filled with nothing, which nobody can claim.
    function test_verifyMessage_refusesThePadding() external view {
        bytes32[] memory leaves = leavesOf(withdrawalsOf[1]);
        bytes32[] memory siblings = siblingsOf(withdrawalsOf[1], 7);
        vm.assertEq(treeNode(leaves, 0, 7), bytes32(0));
        bytes memory proof = abi.encode(fieldsOf[1], siblings);
        vm.assertFalse(verified(1, indexOf(1, 7), 0, proof));
    }

    /// @notice An inner node is no leaf, and a path does not go through a leaf.
    function test_verifyMessage_refusesShorterAndLongerPaths() external view {
        bytes32[] memory leaves = leavesOf(withdrawalsOf[3]);
        bytes32[] memory whole = siblingsOf(withdrawalsOf[3], 5);
        for (uint256 length = 0; length <= 6; ++length) {
            bytes32[] memory siblings = new bytes32[](length);
            for (uint256 i = 0; i < length && i < 3; ++i) {
                siblings[i] = whole[i];
            }
            bytes memory proof = abi.encode(fieldsOf[3], siblings);
            vm.assertTrue(verified(3, indexOf(3, 5), leaves[5], proof) == (length == 3));
        }
        bytes32[] memory upper = new bytes32[](2);
        (upper[0], upper[1]) = (whole[1], whole[2]);
        // What `messageHash` is, only the Bridge bounds: it hashes 62 bytes, and a node is the hash of 64.
        vm.assertTrue(verified(3, indexOf(3, 2), treeNode(leaves, 1, 2), abi.encode(fieldsOf[3], upper)));
    }

    function testFuzz_verifyMessage_refusesOtherSiblings(uint256 level, bytes32 other) external view {
        bytes32[] memory siblings = siblingsOf(withdrawalsOf[3], 5);
        level = bound(level, 0, 2);
        vm.assume(siblings[level] != other);
        siblings[level] = other;
        vm.assertFalse(verified(3, indexOf(3, 5), leafAt(3, 5), abi.encode(fieldsOf[3], siblings)));
    }

    /// @notice Batch and output belong together, and to a batch that there is.
    function test_verifyMessage_refusesOtherBatches() external view {
        bytes32 leaf = leafAt(3, 5); // the same record as in batch 1
        vm.assertEq(leaf, leafAt(1, 5));
        for (uint64 ofBatch = 0; ofBatch <= 6; ++ofBatch) {
            for (uint64 ofIndex = 0; ofIndex <= 6; ++ofIndex) {
                for (uint64 ofProof = 1; ofProof <= 3; ofProof += 2) {
                    bool right = ofBatch == ofIndex && ofIndex == ofProof;
                    bool answer = settlement.verifyMessage(
                        settlement.outputOf(ofBatch), indexOf(ofIndex, 5), leaf, proofOf(ofProof, 5)
                    );
                    vm.assertTrue(answer == right);
                }
            }
        }
    }

    function testFuzz_verifyMessage_refusesInventedOutputs(bytes32 stateRoot, uint256 count) external view {
        OutputFields memory invented = fieldsOf[3];
        invented.stateRoot = stateRoot;
        bytes memory segment = segmentOf(bound(count, 1, 9));
        invented.messageRoot = treeRoot(segment);
        bytes memory proof = abi.encode(invented, siblingsOf(segment, 0));
        bytes32 leaf = leavesOf(segment)[0];
        vm.assume(invented.hash() != fieldsOf[3].hash());
        vm.assertFalse(settlement.verifyMessage(invented.hash(), indexOf(3, 0), leaf, proof));
        vm.assertFalse(settlement.verifyMessage(fieldsOf[3].hash(), indexOf(3, 0), leaf, proof));
        // A batch that there is not has the output zero, which is none.
        vm.assertFalse(settlement.verifyMessage(0, indexOf(9, 0), leaf, proof));
    }

    function testFuzz_verifyMessage_refusesEveryOtherField(bytes32 other) external view {
        for (uint256 field = 0; field < 6; ++field) {
            OutputFields memory fields = fieldsOf[3];
            bytes32 before = fields.hash();
            if (field == 0) fields.configHash = other;
            if (field == 1) fields.batchHash = other;
            if (field == 2) fields.lastBlockHash = other;
            if (field == 3) fields.stateRoot = other;
            if (field == 4) fields.messageRoot = other;
            if (field == 5) fields.queueIndex = uint64(uint256(other));
            if (fields.hash() == before) continue;
            bytes memory proof = abi.encode(fields, siblingsOf(withdrawalsOf[3], 0));
            vm.assertFalse(verified(3, indexOf(3, 0), leafAt(3, 0), proof));
        }
    }

    /// @notice A batch without withdrawals has the root zero, which no path leads to.
    function testFuzz_verifyMessage_refusesEverythingOfAnEmptyBatch(bytes32 leaf, uint32 position, uint256 length)
        external
        view
    {
        vm.assertEq(fieldsOf[2].messageRoot, bytes32(0));
        bytes32[] memory siblings = new bytes32[](bound(length, 0, 40));
        vm.assertFalse(verified(2, indexOf(2, position), leaf, abi.encode(fieldsOf[2], siblings)));
        vm.assertFalse(verified(2, indexOf(2, 0), 0, abi.encode(fieldsOf[2], new bytes32[](0))));
    }

    /// @notice Withdrawals of a frozen chain can be claimed as ever.
    function test_verifyMessage_holdsForFrozenChains() external {
        freeze();
        vm.assertTrue(verified(3, indexOf(3, 5), leafAt(3, 5), proofOf(3, 5)));
    }
}
