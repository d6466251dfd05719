// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Hashing } from "../../src/l1/Hashing.sol";
import { Inbox } from "../../src/l1/Inbox.sol";
import { MessageMeter } from "../../src/l1/MessageMeter.sol";
import { Checkpoint, Message } from "../../src/l1/Types.sol";
import { vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";

/// @title `Inbox.enqueue`: L1-MSG-1, L1-MSG-2, L1-MSG-3, L1-MSG-5, L1-MSG-6.
contract InboxEnqueueTest is Fixture {
    function testFuzz_enqueue_chainsHashes(Message memory first, bytes memory data) external {
        if (first.data.length > 32_768) first.data = "";
        first.gasLimit = uint64(bound(first.gasLimit, 100_000 + 40 * first.data.length, 8_000_000));
        bytes memory encoded = abi.encodePacked(
            first.kind, first.sender, first.to, first.mint, first.value, first.gasLimit, first.refund, first.data
        );
        vm.assertEq(encoded.length, 133 + first.data.length);
        bytes32 hashAfterFirst = keccak256(abi.encode(bytes32(0), keccak256(encoded)));
        vm.expectEmit(address(inbox));
        emit Inbox.MessageEnqueued(0, hashAfterFirst, encoded);
        vm.prank(address(bridge));
        vm.assertEq(inbox.enqueue(first), 0);

        nextBlock();
        Message memory second = message(100_000 + 40 * uint64(data.length), data);
        vm.prank(address(bridge));
        vm.assertEq(inbox.enqueue(second), 1);
        bytes32 secondHash = keccak256(Hashing.encodeMessage(second));
        vm.assertEq(inbox.queueHashOf(0), bytes32(0));
        vm.assertEq(inbox.queueHashOf(1), hashAfterFirst);
        vm.assertEq(inbox.queueHashOf(2), keccak256(abi.encode(hashAfterFirst, secondHash)));
        vm.assertEq(inbox.queueLength(), 2);
        vm.assertEq(inbox.queuedGas(0, 2), uint256(first.gasLimit) + second.gasLimit);
        vm.assertEq(inbox.queuedGas(1, 2), second.gasLimit);
        vm.assertEq(inbox.enqueuedAt(1), vm.getBlockTimestamp());
    }

    /// @notice Gas is told of messages that exist, in their order.
    function testFuzz_queuedGas_revertsOutOfRange(uint64 start, uint64 end) external {
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(address(bridge));
            inbox.enqueue(message(100_000, ""));
        }
        for (uint256 i = 0; i < 2; ++i) {
            (uint64 first, uint64 last) =
                i == 0 ? (start % 4, end % 4) : (start, uint64(bound(end, 4, type(uint64).max)));
            bool isIn = first <= last && last <= 3;
            if (!isIn) {
                vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_QueueEndOutOfRange.selector, last, first, 3));
            }
            uint256 gas = inbox.queuedGas(first, last);
            if (isIn) vm.assertEq(gas, uint256(last - first) * 100_000);
        }
    }

    function testFuzz_enqueue_revertsUnlessBridge(address caller) external {
        vm.assume(caller != address(bridge));
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_NotBridge.selector, caller));
        vm.prank(caller);
        inbox.enqueue(message(100_000, ""));
    }

    function testFuzz_enqueue_revertsOnLongData(uint256 excess) external {
        uint256 length = 32_768 + bound(excess, 1, 1000);
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_MessageTooLong.selector, length, 32_768));
        vm.prank(address(bridge));
        inbox.enqueue(message(8_000_000, new bytes(length)));
    }

    function test_enqueue_takesLongestData() external {
        vm.prank(address(bridge));
        inbox.enqueue(message(1_410_720, new bytes(32_768)));
    }

    function testFuzz_enqueue_revertsOnGasOutOfRange(uint64 gasLimit, uint256 length) external {
        length = bound(length, 0, 32_768);
        uint64 minGas = 100_000 + 40 * uint64(length);
        vm.assume(gasLimit < minGas || gasLimit > 8_000_000);
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_MessageGasOutOfRange.selector, gasLimit, minGas, 8_000_000));
        vm.prank(address(bridge));
        inbox.enqueue(message(gasLimit, new bytes(length)));
    }

    function testFuzz_enqueue_revertsBeyondBlock(uint64 gasLimit) external {
        gasLimit = uint64(bound(gasLimit, 100_000, 8_000_000));
        enqueue(8_000_000);
        enqueue(8_000_000 - gasLimit < 100_000 ? 7_000_000 : 8_000_000 - gasLimit);
        uint256 left = inbox.messageGasLeft();
        uint64 tooMuch = uint64(left + 1 > 100_000 ? left + 1 : 100_000);
        vm.expectRevert(
            abi.encodeWithSelector(
                MessageMeter.MessageMeter_BlockFull.selector, 16_000_000 - left + tooMuch, 16_000_000
            )
        );
        vm.prank(address(bridge));
        inbox.enqueue(message(tooMuch, ""));
        nextBlock();
        enqueue(tooMuch);
    }

    function testFuzz_enqueue_burnsWhatItSays(uint64 gasLimit, uint256 messagesBefore) external {
        gasLimit = uint64(bound(gasLimit, 100_000, 8_000_000));
        messagesBefore = bound(messagesBefore, 0, 12);
        enqueue(100_000); // warms nothing across calls, but makes the queue non-empty
        for (uint256 i = 0; i < messagesBefore; ++i) {
            if (i % 2 == 0) nextBlock();
            enqueue(8_000_000);
        }
        nextBlock();
        uint256 burn = inbox.messageBurnGas(gasLimit);
        vm.assertGe(burn, uint256(gasLimit) / 20);
        vm.prank(address(bridge));
        uint256 before = gasleft();
        inbox.enqueue(message(gasLimit, ""));
        uint256 used = before - gasleft();
        vm.assertGe(used, burn);
        vm.assertLe(used, burn + 150_000, "more burned than told");
    }

    /// @notice A flood at the cap makes the price rise by e about every five blocks, and it falls again.
    function test_enqueue_priceRisesAndFalls() external {
        uint256 previous = inbox.messageBurnGas(1_000_000);
        vm.assertEq(previous, 50_000);
        for (uint256 i = 0; i < 10; ++i) {
            enqueue(8_000_000);
            enqueue(8_000_000);
            nextBlock();
            uint256 burn = inbox.messageBurnGas(1_000_000);
            vm.assertGt(burn, previous);
            previous = burn;
        }
        // level = 10 blocks of 14 million, e^(140/64) = 8.91
        vm.assertGt(previous, 445_000);
        vm.assertLt(previous, 446_000);
        vm.roll(vm.getBlockNumber() + 70);
        vm.assertEq(inbox.messageBurnGas(1_000_000), 50_000);
    }

    function testFuzz_priceAt_isMonotoneAndBounded(uint256 low, uint256 high) external pure {
        (low, high) = low < high ? (low, high) : (high, low);
        uint256 price = MessageMeter.priceAt(low);
        vm.assertGe(price, 50_000);
        vm.assertLe(price, MessageMeter.priceAt(high));
        vm.assertLe(MessageMeter.priceAt(high), 50_000 * uint256(485_165_196));
    }
}

/// @title `Inbox.checkpoint`: L1-CP-1, L1-CP-3.
contract InboxCheckpointTest is Fixture {
    function testFuzz_checkpoint_storesTheBlock(uint64 number, uint64 timestamp, uint64 baseFee, uint64 blobBaseFee)
        external
    {
        number = uint64(bound(number, 20_000_100, 20_100_000));
        vm.roll(number);
        vm.warp(timestamp);
        vm.fee(baseFee);
        vm.blobBaseFee(bound(blobBaseFee, 1, 1000));
        Checkpoint memory expected = Checkpoint(number, timestamp, baseFee, block.blobbasefee);
        vm.expectEmit(address(inbox));
        emit Inbox.CheckpointStored(number, expected);
        inbox.checkpoint();
        vm.assertEq(
            inbox.checkpointHashOf(number),
            keccak256(abi.encode(number, timestamp, uint256(baseFee), block.blobbasefee))
        );
    }

    function test_checkpoint_onlyOncePerBlock() external {
        inbox.checkpoint();
        vm.recordLogs();
        inbox.checkpoint();
        vm.assertEq(vm.getRecordedLogs().length, 0);
    }

    function test_constructor_storesOne() external view {
        vm.assertTrue(inbox.checkpointHashOf(20_000_000) != 0);
    }
}

/// @title `Inbox.setSequencer`: the role orders and nothing else.
contract InboxSetSequencerTest is Fixture {
    function test_setSequencer_byOwnerOrSelf() external {
        vm.expectEmit(address(inbox));
        emit Inbox.SequencerChanged(sequencer, alice);
        vm.prank(owner);
        inbox.setSequencer(alice);
        vm.prank(alice);
        inbox.setSequencer(bob);
        vm.assertEq(inbox.sequencer(), bob);
    }

    function testFuzz_setSequencer_revertsForOthers(address caller) external {
        vm.assume(caller != owner && caller != sequencer);
        vm.expectRevert(abi.encodeWithSelector(Inbox.Inbox_NotOwner.selector, caller));
        vm.prank(caller);
        inbox.setSequencer(caller);
    }
}
