// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Hashing } from "./Hashing.sol";
import { MessageMeter } from "./MessageMeter.sol";
import { AppendArgs, BatchHeader, Checkpoint, Entry, Message } from "./Types.sol";
import { IInbox } from "./interfaces/IInbox.sol";
import { ISchedule } from "./interfaces/ISchedule.sol";

/// @title The order: messages from L1 and batches, both permanent.
/// @notice Rules: L1-MSG-2 to L1-MSG-6, L1-CP-*, L1-BATCH-*, L1-EPOCH-1. Immutable; nothing stops it. The sequencer decides the order of
/// L2 transactions and nothing else: batches must take overdue messages, and when they are overdue anyone may append.
/// Adversarial: senders of messages, the sequencer, whoever appends forced batches.
contract Inbox is IInbox {
    using Hashing for *;
    using MessageMeter for MessageMeter.Meter;

    uint256 public constant MAX_MESSAGE_BYTES = 32_768;
    uint64 public constant MAX_MESSAGE_GAS = 8_000_000;
    uint64 public constant BASE_MESSAGE_GAS = 100_000;
    uint64 public constant MESSAGE_GAS_PER_BYTE = 40;
    uint256 public constant MAX_CALLDATA_BYTES = 122_880;
    uint256 public constant MAX_BLOBS = 6;

    uint8 private constant KIND_NONE = 0;
    uint8 private constant KIND_CALLDATA = 1;
    uint8 private constant KIND_BLOBS = 2;

    address public immutable schedule;
    address public immutable bridge;
    /// @notice How long a message may wait before batches must take it, seconds.
    uint64 public immutable forcedInclusionWindowSeconds;

    /// @notice Who may append batches with data. It has no other power.
    address public sequencer;

    /// @notice Index of the last batch.
    uint64 public batchCount;
    /// @notice Number of messages ever queued.
    uint64 public queueLength;
    /// @notice Number of messages that batches have consumed.
    uint64 public queueConsumed;
    /// @notice L1 block of the checkpoint that the last batch names.
    uint64 public lastCheckpointNumber;

    /// @notice Number of closed epochs; the next one may hold batches already.
    uint64 public epochCount;
    /// @notice First batch of the open epoch, if it is not beyond the last batch.
    uint64 public epochFirstBatch;
    /// @notice When that batch was posted, seconds.
    uint64 public epochFirstPostedAt;

    MessageMeter.Meter private _meter;

    struct QueueEntry {
        bytes32 queueHash; // after the message
        uint64 enqueuedAt; // seconds
        uint128 gasBefore; // L2 gas of all messages before it
    }

    mapping(uint64 index => QueueEntry) private _queue;
    /// @notice Hash of the checkpoint stored in an L1 block; zero if there is none.
    mapping(uint64 number => bytes32) public checkpointHashOf;
    /// @inheritdoc IInbox
    mapping(uint64 batchIndex => bytes32) public batchHashOf;
    /// @inheritdoc IInbox
    mapping(uint64 epoch => uint64) public epochEnd;

    event MessageEnqueued(uint64 indexed index, bytes32 queueHash, bytes message);
    event CheckpointStored(uint64 indexed number, Checkpoint checkpoint);
    event BatchAppended(uint64 indexed index, bytes32 indexed batchHash, BatchHeader header, Checkpoint checkpoint);
    event EpochClosed(uint64 indexed epoch, uint64 lastBatch);
    event SequencerChanged(address indexed previous, address indexed current);

    error Inbox_WrongAddress(address expected, address actual);
    error Inbox_NotBridge(address caller);
    error Inbox_NotOwner(address caller);
    error Inbox_NotSequencer(address caller);
    error Inbox_NotPlainAccount(address caller);
    error Inbox_MessageTooLong(uint256 length, uint256 max);
    error Inbox_MessageGasOutOfRange(uint64 gasLimit, uint64 min, uint64 max);
    error Inbox_WrongIndex(uint64 expected, uint64 actual);
    error Inbox_WrongParent(bytes32 expected, bytes32 actual);
    error Inbox_QueueEndOutOfRange(uint64 queueEnd, uint64 min, uint64 max);
    error Inbox_WrongQueueHash(bytes32 expected, bytes32 actual);
    error Inbox_TooManyMessages(uint64 count, uint64 max);
    error Inbox_TooMuchMessageGas(uint256 gas, uint64 max);
    error Inbox_OverdueMessageLeft(uint64 index);
    error Inbox_NothingOverdue();
    error Inbox_UnknownCheckpoint(uint64 number);
    error Inbox_CheckpointNotEarlier(uint64 number);
    error Inbox_CheckpointBeforeLast(uint64 number, uint64 last);
    error Inbox_CheckpointTooOld(uint64 timestamp, uint64 maxAgeSeconds);
    error Inbox_PayloadTooLong(uint256 length, uint256 max);
    error Inbox_NoBlobs();
    error Inbox_TooManyBlobs(uint256 max);
    error Inbox_EpochNotClosable(uint64 epoch);

    /// @param schedule_ names this contract, its Bridge and its rules
    /// @param sequencer_ first holder of the sequencer role
    constructor(address schedule_, address sequencer_) {
        if (ISchedule(schedule_).inbox() != address(this)) {
            revert Inbox_WrongAddress(ISchedule(schedule_).inbox(), address(this));
        }
        schedule = schedule_;
        bridge = ISchedule(schedule_).bridge();
        forcedInclusionWindowSeconds = ISchedule(schedule_).forcedInclusionWindowSeconds();
        sequencer = sequencer_;
        emit SequencerChanged(address(0), sequencer_);
        epochFirstBatch = 1;
        checkpoint();
    }

    /// @inheritdoc IInbox
    /// @dev Caller: the Bridge. Reverts beyond the caps of L1-MSG-5. Burns gas; see `messageBurnGas`.
    function enqueue(Message calldata message) external returns (uint64 index) {
        if (msg.sender != bridge) revert Inbox_NotBridge(msg.sender);
        uint256 length = message.data.length;
        if (length > MAX_MESSAGE_BYTES) revert Inbox_MessageTooLong(length, MAX_MESSAGE_BYTES);
        uint64 minGas = BASE_MESSAGE_GAS + MESSAGE_GAS_PER_BYTE * uint64(length);
        if (message.gasLimit < minGas || message.gasLimit > MAX_MESSAGE_GAS) {
            revert Inbox_MessageGasOutOfRange(message.gasLimit, minGas, MAX_MESSAGE_GAS);
        }
        _burnGas(_meter.take(message.gasLimit));

        index = queueLength++;
        bytes memory encoded = message.encodeMessage();
        bytes32 queueHash = queueHashOf(index).extendQueue(keccak256(encoded));
        QueueEntry storage entry = _queue[index];
        entry.queueHash = queueHash;
        entry.enqueuedAt = uint64(block.timestamp);
        // The gas of this message is read from the next entry, which therefore exists before it is queued.
        _queue[index + 1].gasBefore = entry.gasBefore + message.gasLimit;
        emit MessageEnqueued(index, queueHash, encoded);
    }

    /// @notice Stores this block's checkpoint, if it is not there yet. Caller: anyone.
    function checkpoint() public {
        uint64 number = uint64(block.number);
        if (checkpointHashOf[number] != 0) return;
        Checkpoint memory current = Checkpoint(number, uint64(block.timestamp), block.basefee, block.blobbasefee);
        checkpointHashOf[number] = current.hash();
        emit CheckpointStored(number, current);
    }

    /// @notice Appends a batch whose payload is in this call. Caller: the sequencer, calling directly (L1-BATCH-5).
    function appendCalldata(AppendArgs calldata args, bytes calldata payload) external {
        _checkSequencer();
        if (payload.length > MAX_CALLDATA_BYTES) revert Inbox_PayloadTooLong(payload.length, MAX_CALLDATA_BYTES);
        _append(args, KIND_CALLDATA, payload.hashCalldata());
    }

    /// @notice Appends a batch whose payload is all blobs of this transaction. Caller: the sequencer, calling directly.
    function appendBlobs(AppendArgs calldata args) external {
        _checkSequencer();
        uint256 count = 0;
        while (blobhash(count) != 0) ++count;
        if (count == 0) revert Inbox_NoBlobs();
        if (count > MAX_BLOBS) revert Inbox_TooManyBlobs(MAX_BLOBS);
        bytes32[] memory versionedHashes = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            versionedHashes[i] = blobhash(i);
        }
        _append(args, KIND_BLOBS, versionedHashes.hashBlobs());
    }

    /// @notice Appends a batch without sequencer data. Caller: anyone, once the first unconsumed message is overdue (L1-BATCH-7).
    function appendForced(AppendArgs calldata args) external {
        if (!_isOverdue(queueConsumed)) revert Inbox_NothingOverdue();
        _append(args, KIND_NONE, 0);
    }

    /// @notice Closes the open epoch if its time is over. Caller: anyone.
    function closeEpoch() external {
        if (!_isEpochOver(ISchedule(schedule).activeEntry().rules.epochSeconds)) {
            revert Inbox_EpochNotClosable(epochCount + 1);
        }
        _closeEpoch();
    }

    /// @notice Hands the sequencer role over. Caller: the owner of the schedule, or the sequencer itself.
    function setSequencer(address next) external {
        if (msg.sender != ISchedule(schedule).owner() && msg.sender != sequencer) revert Inbox_NotOwner(msg.sender);
        emit SequencerChanged(sequencer, next);
        sequencer = next;
    }

    /// @notice The queue hash after `end` messages (L1-MSG-2); zero for none, and for messages that do not exist.
    function queueHashOf(uint64 end) public view returns (bytes32) {
        return end == 0 ? bytes32(0) : _queue[end - 1].queueHash;
    }

    /// @notice When a message was queued, in seconds; zero if it does not exist.
    function enqueuedAt(uint64 index) external view returns (uint64) {
        return _queue[index].enqueuedAt;
    }

    /// @notice L2 gas of the messages from `start` to before `end`.
    function queuedGas(uint64 start, uint64 end) public view returns (uint256) {
        return _queue[end].gasBefore - _queue[start].gasBefore;
    }

    /// @notice Whether anyone may append a forced batch now.
    function isForcible() external view returns (bool) {
        return _isOverdue(queueConsumed);
    }

    /// @notice L1 gas that a message with this gas limit would burn in this block, beside what the call itself costs.
    function messageBurnGas(uint64 gasLimit) external view returns (uint256) {
        return uint256(gasLimit) * MessageMeter.priceAt(_meter.drained().levelGas) / 1_000_000;
    }

    /// @notice L2 gas that messages can still queue in this L1 block.
    function messageGasLeft() external view returns (uint256) {
        return MessageMeter.MAX_GAS_PER_BLOCK - _meter.drained().blockGas;
    }

    function _append(AppendArgs calldata args, uint8 dataKind, bytes32 dataHash) private {
        uint64 index = batchCount + 1;
        bytes32 parentHash = batchHashOf[index - 1];
        if (args.index != index) revert Inbox_WrongIndex(index, args.index);
        if (args.parentHash != parentHash) revert Inbox_WrongParent(parentHash, args.parentHash);

        (Entry memory entry, bool activated) = ISchedule(schedule).enter(index);
        _checkQueue(args, entry);
        _checkCheckpoint(args.checkpoint, entry.rules.maxCheckpointAgeSeconds);
        _enterEpoch(index, activated, entry);

        BatchHeader memory header = BatchHeader({
            index: index,
            parentHash: parentHash,
            dataKind: dataKind,
            dataHash: dataHash,
            queueEnd: args.queueEnd,
            queueHash: args.queueHash,
            checkpointHash: args.checkpoint.hash(),
            configHash: entry.configHash,
            postedAt: uint64(block.timestamp)
        });
        bytes32 batchHash = header.hash();
        batchHashOf[index] = batchHash;
        batchCount = index;
        queueConsumed = args.queueEnd;
        lastCheckpointNumber = args.checkpoint.number;
        emit BatchAppended(index, batchHash, header, args.checkpoint);

        if (index + 1 - epochFirstBatch == entry.rules.epochBatches) _closeEpoch();
        checkpoint();
    }

    /// @dev L1-BATCH-4, L1-BATCH-6.
    function _checkQueue(AppendArgs calldata args, Entry memory entry) private view {
        uint64 start = queueConsumed;
        uint64 end = args.queueEnd;
        if (end < start || end > queueLength) revert Inbox_QueueEndOutOfRange(end, start, queueLength);
        bytes32 queueHash = queueHashOf(end);
        if (args.queueHash != queueHash) revert Inbox_WrongQueueHash(queueHash, args.queueHash);

        uint64 count = end - start;
        if (count > entry.maxMessagesPerBatch) revert Inbox_TooManyMessages(count, entry.maxMessagesPerBatch);
        uint256 messageGas = queuedGas(start, end);
        if (messageGas > entry.maxMessageGasPerBatch) {
            revert Inbox_TooMuchMessageGas(messageGas, entry.maxMessageGasPerBatch);
        }
        if (
            _isOverdue(end) && count < entry.maxMessagesPerBatch
                && queuedGas(start, end + 1) <= entry.maxMessageGasPerBatch
        ) {
            revert Inbox_OverdueMessageLeft(end);
        }
    }

    /// @dev L1-CP-2.
    function _checkCheckpoint(Checkpoint calldata named, uint64 maxAgeSeconds) private view {
        if (named.number >= block.number) revert Inbox_CheckpointNotEarlier(named.number);
        if (checkpointHashOf[named.number] != named.hash()) revert Inbox_UnknownCheckpoint(named.number);
        if (named.number < lastCheckpointNumber) {
            revert Inbox_CheckpointBeforeLast(named.number, lastCheckpointNumber);
        }
        if (block.timestamp - named.timestamp > maxAgeSeconds) {
            revert Inbox_CheckpointTooOld(named.timestamp, maxAgeSeconds);
        }
    }

    /// @dev L1-EPOCH-1: a batch that comes after the epoch's time, or under a new entry, is the first of the next epoch.
    function _enterEpoch(uint64 index, bool activated, Entry memory entry) private {
        if (index > epochFirstBatch && (activated || _isEpochOver(entry.rules.epochSeconds))) _closeEpoch();
        if (index == epochFirstBatch) epochFirstPostedAt = uint64(block.timestamp);
    }

    /// @dev Closes the open epoch with the last batch appended.
    function _closeEpoch() private {
        uint64 epoch = ++epochCount;
        uint64 lastBatch = batchCount;
        epochEnd[epoch] = lastBatch;
        epochFirstBatch = lastBatch + 1;
        emit EpochClosed(epoch, lastBatch);
    }

    /// @dev Whether the open epoch holds a batch and its time is over.
    function _isEpochOver(uint64 epochSeconds) private view returns (bool) {
        return batchCount >= epochFirstBatch && block.timestamp - epochFirstPostedAt >= epochSeconds;
    }

    /// @dev Whether message `index` exists and is older than the window.
    function _isOverdue(uint64 index) private view returns (bool) {
        return index < queueLength && block.timestamp - _queue[index].enqueuedAt > forcedInclusionWindowSeconds;
    }

    /// @dev L1-BATCH-5: an account without code calls only directly, so the payload is the transaction's own input.
    function _checkSequencer() private view {
        if (msg.sender != sequencer) revert Inbox_NotSequencer(msg.sender);
        if (msg.sender != tx.origin || msg.sender.code.length != 0) revert Inbox_NotPlainAccount(msg.sender);
    }

    function _burnGas(uint256 amount) private view {
        uint256 startGas = gasleft();
        while (startGas - gasleft() < amount) { }
    }
}
