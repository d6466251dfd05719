// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { AppendArgs } from "../../src/l1/Types.sol";
import { Hashing } from "../../src/l1/Hashing.sol";
import { vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";

/// @title Nobody can keep a message out: L1-MSG-2, L1-BATCH-6, L1-BATCH-7, beside a naive model of the queue.
/// @notice The sequencer appends whatever it likes; messages of all sizes arrive; time passes.
contract QueueInvariantTest is Fixture {
    struct Queued {
        uint64 gasLimit;
        uint256 enqueuedAt;
    }

    Queued[] private _queue;
    bytes32[] private _queueHashes;
    uint256 private _forced;

    function setUp() public override {
        super.setUp();
        _queueHashes.push(0);
        bytes4[] memory selectors = new bytes4[](4);
        selectors[0] = this.actEnqueue.selector;
        selectors[1] = this.actWait.selector;
        selectors[2] = this.actAppend.selector;
        selectors[3] = this.actForce.selector;
        targetContract(address(this));
        targetSelector(address(this), selectors);
    }

    function actEnqueue(uint64 gasLimit, bytes calldata data, uint8 repeat) external {
        gasLimit = uint64(bound(gasLimit, 100_000 + 40 * data.length, 8_000_000));
        for (uint256 i = 0; i <= repeat % 4; ++i) {
            nextBlock();
            vm.prank(address(bridge));
            inbox.enqueue(message(gasLimit, data));
            _queue.push(Queued(gasLimit, vm.getBlockTimestamp()));
            bytes32 messageHash = keccak256(Hashing.encodeMessage(message(gasLimit, data)));
            _queueHashes.push(keccak256(abi.encode(_queueHashes[_queueHashes.length - 1], messageHash)));
        }
    }

    function actWait(uint256 seconds_) external {
        skipTime(bound(seconds_, 1, FORCED_SECONDS));
    }

    /// @dev The sequencer tries any queue end; the contract and the model must agree on whether it may.
    function actAppend(uint64 queueEnd) external {
        storeCheckpoint();
        uint64 start = inbox.queueConsumed();
        uint64 last = inbox.queueLength();
        queueEnd = uint64(bound(queueEnd, start, last < start + MAX_MESSAGES + 1 ? last : start + MAX_MESSAGES + 1));
        AppendArgs memory args = appendArgs(queueEnd);
        bool allowed = _mayAppend(start, queueEnd);
        vm.prank(sequencer, sequencer);
        try inbox.appendCalldata(args, "any") {
            vm.assertTrue(allowed, "appended against the rules");
        } catch {
            vm.assertFalse(allowed, "refused against the rules");
        }
    }

    function actForce() external {
        _tryForce();
    }

    /// @dev Overdue means that anyone can append, now, and at least one message is consumed.
    function invariant_overdueMessagesCanBeForced() external {
        _tryForce();
    }

    function invariant_queueIsTheModels() external view {
        vm.assertEq(inbox.queueLength(), _queue.length);
        vm.assertLe(inbox.queueConsumed(), _queue.length);
        for (uint64 i = 0; i < _queueHashes.length; ++i) {
            vm.assertEq(inbox.queueHashOf(i), _queueHashes[i]);
        }
    }

    /// @notice The actions reach forced batches: a run by hand, until nothing is overdue.
    function test_queue_forcedToTheEnd() external {
        for (uint256 i = 0; i < 6; ++i) {
            this.actEnqueue(5_000_000, "abc", 3);
        }
        skipTime(FORCED_SECONDS + 1);
        uint256 rounds;
        while (inbox.isForcible()) {
            _tryForce();
            ++rounds;
        }
        vm.assertEq(_forced, rounds);
        vm.assertEq(rounds, 8); // 24 messages, three of which fit into a batch
        vm.assertEq(inbox.queueConsumed(), 24);
    }

    function _tryForce() private {
        storeCheckpoint();
        uint64 before = inbox.queueConsumed();
        bool overdue = _isOverdue(before);
        vm.assertEq(inbox.isForcible(), overdue);
        AppendArgs memory args = appendArgs(consumable());
        vm.prank(mallory, alice);
        if (!overdue) vm.expectRevert();
        inbox.appendForced(args);
        if (!overdue) return;
        vm.assertGt(inbox.queueConsumed(), before);
        ++_forced;
    }

    function _isOverdue(uint64 index) private view returns (bool) {
        return index < _queue.length && vm.getBlockTimestamp() > _queue[index].enqueuedAt + FORCED_SECONDS;
    }

    function _mayAppend(uint64 start, uint64 end) private view returns (bool) {
        uint256 messageGas;
        for (uint64 i = start; i < end; ++i) {
            messageGas += _queue[i].gasLimit;
        }
        if (end - start > MAX_MESSAGES || messageGas > MAX_MESSAGE_GAS) return false;
        if (!_isOverdue(end)) return true;
        return end - start == MAX_MESSAGES || messageGas + _queue[end].gasLimit > MAX_MESSAGE_GAS;
    }
}
