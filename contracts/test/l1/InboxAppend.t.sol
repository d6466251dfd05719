// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Hashing } from "../../src/l1/Hashing.sol";
import { Inbox } from "../../src/l1/Inbox.sol";
import { AppendArgs, BatchContent, BatchHeader, Checkpoint } from "../../src/l1/Types.sol";
import { vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";

abstract contract AppendFixture is Fixture {
    using Hashing for *;

    function header(AppendArgs memory args, uint8 dataKind, bytes32 dataHash)
        internal
        view
        returns (BatchHeader memory)
    {
        return BatchHeader({
            content: BatchContent({
                index: args.index,
                parentContentHash: args.parentContentHash,
                dataKind: dataKind,
                dataHash: dataHash,
                queueEnd: args.queueEnd,
                queueHash: args.queueHash,
                checkpointHash: keccak256(abi.encode(args.checkpoint)),
                configHash: deployedConfig().hash(),
                workGas: args.workGas
            }),
            parentHash: inbox.batchHashOf(args.index - 1),
            postedAt: uint64(vm.getBlockTimestamp())
        });
    }

    function expectAppended(AppendArgs memory args, uint8 dataKind, bytes32 dataHash) internal returns (bytes32) {
        BatchHeader memory expected = header(args, dataKind, dataHash);
        bytes32 contentHash = keccak256(abi.encode(expected.content));
        bytes32 batchHash = keccak256(abi.encode(contentHash, expected.parentHash, expected.postedAt));
        vm.expectEmit(address(inbox));
        emit Inbox.BatchAppended(args.index, batchHash, expected, args.checkpoint);
        return batchHash;
    }

    function overdue() internal {
        enqueue(100_000);
        skipTime(FORCED_SECONDS + 1);
        storeCheckpoint();
    }
}

/// @title `Inbox.appendCalldata`: L1-BATCH-1, L1-BATCH-2, L1-BATCH-4, L1-BATCH-5, L1-BATCH-6, L1-BATCH-8, L1-CP-2.
contract InboxAppendCalldataTest is AppendFixture {
    function testFuzz_appendCalldata_hashesChunks(uint256 length, bytes32 seed) external {
        length = bound(length, 0, 122_880);
        bytes memory payload = new bytes(length);
        for (uint256 i = 0; i + 32 <= length; i += 4096) {
            assembly {
                mstore(add(add(payload, 32), i), xor(seed, i))
            }
        }
        bytes memory chunkHashes;
        if (length > 0) chunkHashes = bytes.concat(keccak256(_slice(payload, 0, 65_536)));
        if (length > 65_536) {
            chunkHashes = bytes.concat(chunkHashes, keccak256(_slice(payload, 65_536, length)));
        }
        AppendArgs memory args = appendArgs(0);
        bytes32 batchHash = expectAppended(args, 1, keccak256(chunkHashes));
        vm.prank(sequencer, sequencer);
        inbox.appendCalldata(args, payload);
        vm.assertEq(inbox.batchHashOf(1), batchHash);
        vm.assertEq(inbox.batchCount(), 1);
    }

    function _slice(bytes memory data, uint256 start, uint256 end) private pure returns (bytes memory part) {
        if (end > data.length) end = data.length;
        part = new bytes(end - start);
        for (uint256 i = 0; i < part.length; i += 32) {
            assembly {
                mstore(add(add(part, 32), i), mload(add(add(add(data, 32), start), i)))
            }
        }
        assembly {
            // The last word may have run over the end of `part`.
            mstore(0x40, add(mload(0x40), 32))
        }
    }

    function test_appendCalldata_chainsAndStoresCheckpoint() external {
        bytes32 first = append(0);
        uint256 number = vm.getBlockNumber();
        vm.assertTrue(inbox.checkpointHashOf(uint64(number)) != 0);
        bytes32 second = append(0);
        vm.assertNotEq(first, second);
        vm.assertEq(inbox.batchHashOf(1), first);
    }

    function testFuzz_appendCalldata_revertsUnlessSequencer(address caller) external {
        vm.assume(caller != sequencer);
        AppendArgs memory args = appendArgs(0);
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_NotSequencer.selector, caller));
        vm.prank(caller, caller);
        inbox.appendCalldata(args, "");
    }

    function testFuzz_appendCalldata_revertsFromContract(address origin) external {
        vm.assume(origin != sequencer);
        AppendArgs memory args = appendArgs(0);
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_NotPlainAccount.selector, sequencer));
        vm.prank(sequencer, origin);
        inbox.appendCalldata(args, "");
    }

    /// @notice A delegated account (EIP-7702) could call from inside, with a payload that is not the transaction's input.
    function test_appendCalldata_revertsFromDelegatedAccount() external {
        vm.etch(sequencer, abi.encodePacked(hex"ef0100", alice));
        AppendArgs memory args = appendArgs(0);
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_NotPlainAccount.selector, sequencer));
        vm.prank(sequencer, sequencer);
        inbox.appendCalldata(args, "");
    }

    function testFuzz_appendCalldata_revertsOnLongPayload(uint256 excess) external {
        uint256 length = 122_880 + bound(excess, 1, 1000);
        AppendArgs memory args = appendArgs(0);
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_PayloadTooLong.selector, length, 122_880));
        vm.prank(sequencer, sequencer);
        inbox.appendCalldata(args, new bytes(length));
    }

    function _expectRefused(AppendArgs memory args, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(sequencer, sequencer);
        inbox.appendCalldata(args, "");
    }

    function testFuzz_appendCalldata_revertsOnWrongIndex(uint64 index) external {
        vm.assume(index != 1);
        AppendArgs memory args = appendArgs(0);
        args.index = index;
        _expectRefused(args, abi.encodeWithSelector(Inbox.Inbox_WrongIndex.selector, 1, index));
    }

    function testFuzz_appendCalldata_revertsOnWrongParent(bytes32 parentContentHash) external {
        append(0);
        bytes32 expected = inbox.lastContentHash();
        vm.assume(parentContentHash != expected);
        storeCheckpoint();
        AppendArgs memory args = appendArgs(0);
        args.parentContentHash = parentContentHash;
        _expectRefused(args, abi.encodeWithSelector(Inbox.Inbox_WrongParent.selector, expected, parentContentHash));
    }

    function testFuzz_appendCalldata_revertsOnQueueEndOutOfRange(uint64 queueEnd) external {
        enqueue(100_000);
        append(1);
        enqueue(100_000);
        storeCheckpoint();
        vm.assume(queueEnd < 1 || queueEnd > 2);
        AppendArgs memory args = appendArgs(1);
        args.queueEnd = queueEnd;
        _expectRefused(args, abi.encodeWithSelector(Inbox.Inbox_QueueEndOutOfRange.selector, queueEnd, 1, 2));
    }

    function testFuzz_appendCalldata_revertsOnWrongQueueHash(bytes32 queueHash) external {
        enqueue(100_000);
        AppendArgs memory args = appendArgs(1);
        vm.assume(queueHash != args.queueHash);
        bytes32 expected = args.queueHash;
        args.queueHash = queueHash;
        _expectRefused(args, abi.encodeWithSelector(Inbox.Inbox_WrongQueueHash.selector, expected, queueHash));
    }

    function testFuzz_appendCalldata_revertsOnTooManyMessages(uint64 excess) external {
        uint64 count = MAX_MESSAGES + uint64(bound(excess, 1, 8));
        for (uint64 i = 0; i < count; ++i) {
            enqueue(100_000);
        }
        _expectRefused(
            appendArgs(count), abi.encodeWithSelector(Inbox.Inbox_TooManyMessages.selector, count, MAX_MESSAGES)
        );
        append(MAX_MESSAGES);
    }

    function testFuzz_appendCalldata_revertsOnTooMuchGas(uint64 gasLimit) external {
        gasLimit = uint64(bound(gasLimit, 100_000, 8_000_000));
        enqueue(8_000_000);
        enqueue(8_000_000);
        nextBlock();
        enqueue(gasLimit);
        uint256 total = 16_000_000 + uint256(gasLimit);
        _expectRefused(
            appendArgs(3), abi.encodeWithSelector(Inbox.Inbox_TooMuchMessageGas.selector, total, MAX_MESSAGE_GAS)
        );
        append(2);
    }

    /// @notice L1-BATCH-6: a batch must take every overdue message that fits.
    function testFuzz_appendCalldata_revertsIfOverdueMessageLeft(uint64 count, uint64 end, uint256 late) external {
        count = uint64(bound(count, 1, MAX_MESSAGES));
        end = uint64(bound(end, 0, count - 1));
        late = bound(late, 1, CHECKPOINT_AGE_SECONDS);
        for (uint64 i = 0; i < count; ++i) {
            enqueue(100_000);
        }
        skipTime(FORCED_SECONDS + late);
        storeCheckpoint();
        _expectRefused(appendArgs(end), abi.encodeWithSelector(Inbox.Inbox_OverdueMessageLeft.selector, end));
        append(count);
    }

    /// @notice L1-BATCH-6: capacity by count or by gas is the only excuse, and the window is exclusive.
    function test_appendCalldata_overdueMessagesBeyondCapacityWait() external {
        for (uint64 i = 0; i <= MAX_MESSAGES; ++i) {
            enqueue(100_000);
        }
        skipTime(FORCED_SECONDS + 1);
        append(MAX_MESSAGES);
        vm.assertTrue(inbox.isForcible());
        append(MAX_MESSAGES + 1);

        enqueue(8_000_000);
        enqueue(4_000_000);
        nextBlock();
        enqueue(4_000_001);
        skipTime(FORCED_SECONDS + 1);
        append(inbox.queueConsumed() + 2);
        append(inbox.queueConsumed() + 1);
    }

    function test_appendCalldata_windowIsExclusive() external {
        storeCheckpoint();
        enqueue(100_000);
        vm.warp(vm.getBlockTimestamp() + FORCED_SECONDS);
        nextBlock();
        vm.warp(vm.getBlockTimestamp() - 12);
        AppendArgs memory args = appendArgs(0);
        vm.prank(sequencer, sequencer);
        inbox.appendCalldata(args, "");
    }

    function testFuzz_appendCalldata_revertsOnUnknownCheckpoint(uint256 which, uint64 wrong) external {
        AppendArgs memory args = appendArgs(0);
        which = bound(which, 0, 3);
        wrong = uint64(bound(wrong, 1, 1000));
        if (which == 0) args.checkpoint.number -= wrong;
        if (which == 1) args.checkpoint.timestamp += wrong;
        if (which == 2) args.checkpoint.baseFee += wrong;
        if (which == 3) args.checkpoint.blobBaseFee += wrong;
        _expectRefused(args, abi.encodeWithSelector(Inbox.Inbox_UnknownCheckpoint.selector, args.checkpoint.number));
    }

    function testFuzz_appendCalldata_revertsOnCheckpointOfThisBlockOrLater(uint64 ahead) external {
        storeCheckpoint();
        AppendArgs memory args = appendArgs(0);
        args.checkpoint.number = uint64(vm.getBlockNumber()) + uint64(bound(ahead, 0, 1e18));
        _expectRefused(args, abi.encodeWithSelector(Inbox.Inbox_CheckpointNotEarlier.selector, args.checkpoint.number));
    }

    function test_appendCalldata_revertsOnCheckpointOfThisBlock() external {
        inbox.checkpoint();
        AppendArgs memory args = appendArgs(0);
        args.checkpoint =
            Checkpoint(uint64(vm.getBlockNumber()), uint64(vm.getBlockTimestamp()), block.basefee, block.blobbasefee);
        _expectRefused(args, abi.encodeWithSelector(Inbox.Inbox_CheckpointNotEarlier.selector, args.checkpoint.number));
    }

    function testFuzz_appendCalldata_revertsOnCheckpointBeforeLast(uint256 between, uint256 age) external {
        Checkpoint memory old = named;
        vm.roll(vm.getBlockNumber() + bound(between, 0, 1e6));
        vm.warp(vm.getBlockTimestamp() + bound(age, 0, CHECKPOINT_AGE_SECONDS - 100));
        append(0);
        AppendArgs memory args = appendArgs(0);
        uint64 last = args.checkpoint.number;
        args.checkpoint = old;
        _expectRefused(args, abi.encodeWithSelector(Inbox.Inbox_CheckpointBeforeLast.selector, old.number, last));
        args.checkpoint = named; // the same again is allowed
        vm.prank(sequencer, sequencer);
        inbox.appendCalldata(args, "");
    }

    function testFuzz_appendCalldata_revertsOnOldCheckpoint(uint256 late) external {
        AppendArgs memory args = appendArgs(0);
        vm.warp(named.timestamp + CHECKPOINT_AGE_SECONDS + bound(late, 1, 1e9));
        _expectRefused(
            args, abi.encodeWithSelector(Inbox.Inbox_CheckpointTooOld.selector, named.timestamp, CHECKPOINT_AGE_SECONDS)
        );
        vm.warp(named.timestamp + CHECKPOINT_AGE_SECONDS);
        vm.prank(sequencer, sequencer);
        inbox.appendCalldata(args, "");
    }
}

/// @title `Inbox.appendBlobs`: L1-BATCH-2, L1-BATCH-5.
contract InboxAppendBlobsTest is AppendFixture {
    function _blobs(uint256 count) private pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            hashes[i] = bytes32((uint256(1) << 248) | (uint256(keccak256(abi.encode(i))) >> 8));
        }
    }

    function testFuzz_appendBlobs_hashesAllBlobs(uint256 count) external {
        bytes32[] memory hashes = _blobs(bound(count, 1, 6));
        AppendArgs memory args = appendArgs(0);
        bytes memory joined;
        for (uint256 i = 0; i < hashes.length; ++i) {
            joined = bytes.concat(joined, hashes[i]);
        }
        bytes32 batchHash = expectAppended(args, 2, keccak256(joined));
        vm.blobhashes(hashes);
        vm.prank(sequencer, sequencer);
        inbox.appendBlobs(args);
        vm.assertEq(inbox.batchHashOf(1), batchHash);
    }

    function test_appendBlobs_revertsWithoutBlobs() external {
        AppendArgs memory args = appendArgs(0);
        vm.expectRevert(Inbox.Inbox_NoBlobs.selector);
        vm.prank(sequencer, sequencer);
        inbox.appendBlobs(args);
    }

    function testFuzz_appendBlobs_revertsOnTooManyBlobs(uint256 count) external {
        AppendArgs memory args = appendArgs(0);
        vm.blobhashes(_blobs(bound(count, 7, 20)));
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_TooManyBlobs.selector, 6));
        vm.prank(sequencer, sequencer);
        inbox.appendBlobs(args);
    }

    function testFuzz_appendBlobs_revertsUnlessSequencer(address caller) external {
        vm.assume(caller != sequencer);
        AppendArgs memory args = appendArgs(0);
        vm.blobhashes(_blobs(1));
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_NotSequencer.selector, caller));
        vm.prank(caller, caller);
        inbox.appendBlobs(args);
    }
}

/// @title `Inbox.appendForced`: L1-BATCH-6, L1-BATCH-7.
contract InboxAppendForcedTest is AppendFixture {
    function testFuzz_appendForced_byAnyone(address caller) external {
        overdue();
        AppendArgs memory args = appendArgs(1);
        bytes32 batchHash = expectAppended(args, 0, 0);
        vm.prank(caller);
        inbox.appendForced(args);
        vm.assertEq(inbox.batchHashOf(1), batchHash);
        vm.assertEq(inbox.queueConsumed(), 1);
        vm.assertFalse(inbox.isForcible());
    }

    function testFuzz_appendForced_revertsBeforeTheWindow(uint256 age) external {
        enqueue(100_000);
        vm.warp(vm.getBlockTimestamp() + bound(age, 0, FORCED_SECONDS));
        AppendArgs memory args = appendArgs(1);
        vm.expectRevert(Inbox.Inbox_NothingOverdue.selector);
        inbox.appendForced(args);
    }

    function test_appendForced_revertsOnEmptyQueue() external {
        skipTime(FORCED_SECONDS * 2);
        storeCheckpoint();
        AppendArgs memory args = appendArgs(0);
        vm.expectRevert(Inbox.Inbox_NothingOverdue.selector);
        inbox.appendForced(args);
    }

    function test_appendForced_mustConsume() external {
        overdue();
        AppendArgs memory args = appendArgs(0);
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_OverdueMessageLeft.selector, 0));
        inbox.appendForced(args);
    }

    /// @notice What has no data does no work but the messages', which the queue's meter bounds.
    function testFuzz_appendForced_revertsOnDeclaredWork(uint64 workGas) external {
        overdue();
        AppendArgs memory args = appendArgs(1);
        args.workGas = uint64(bound(workGas, 1, type(uint64).max));
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_WorkWithoutData.selector, args.workGas));
        inbox.appendForced(args);
    }

    /// @notice The loser of a race re-sequences: the sequencer's append reverts after a forced one.
    function test_appendForced_displacesTheSequencer() external {
        overdue();
        AppendArgs memory args = appendArgs(1);
        inbox.appendForced(args);
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_WrongIndex.selector, 2, 1));
        vm.prank(sequencer, sequencer);
        inbox.appendCalldata(args, "");
    }

    /// @notice After a month of silence two plain transactions suffice.
    function test_appendForced_afterLongSilence() external {
        enqueue(100_000);
        skipTime(30 days);
        storeCheckpoint();
        inbox.appendForced(appendArgs(1));
        vm.assertEq(inbox.queueConsumed(), 1);
    }
}
