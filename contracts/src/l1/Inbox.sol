// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Hashing } from "./Hashing.sol";
import { MessageMeter } from "./MessageMeter.sol";
import { AppendArgs, BatchContent, BatchHeader, ChainKind, Checkpoint, Entry, Message } from "./Types.sol";
import { WorkMeter } from "./WorkMeter.sol";
import { IInbox } from "./interfaces/IInbox.sol";
import { ISchedule } from "./interfaces/ISchedule.sol";

/// @title The order: messages from L1 and batches, both permanent.
/// @notice Rules: L1-MSG-2 to L1-MSG-6, L1-CP-*, L1-BATCH-*, L1-WORK-*, L1-EPOCH-1. Immutable; nothing stops it. The sequencer decides the
/// order of L2 transactions and nothing else: batches must take overdue messages, and when they are overdue anyone may append.
/// On a payments chain the settlement alone appends, what it has just seen proven (L1-BATCH-9), and every batch is an epoch.
/// Adversarial: senders of messages, the sequencer, whoever appends forced batches.
contract Inbox is IInbox {
    using Hashing for *;
    using MessageMeter for MessageMeter.Meter;
    using WorkMeter for WorkMeter.Meter;

    uint256 public constant MAX_MESSAGE_BYTES = 32_768;
    uint64 public constant MAX_MESSAGE_GAS = 8_000_000;
    uint64 public constant BASE_MESSAGE_GAS = 100_000;
    uint64 public constant MESSAGE_GAS_PER_BYTE = 40;
    uint256 public constant MAX_CALLDATA_BYTES = 122_880;
    uint256 public constant MAX_BLOBS = 6;

    uint8 private constant KIND_NONE = 0;
    uint8 private constant KIND_CALLDATA = 1;
    uint8 private constant KIND_BLOBS = 2;
    uint8 private constant KIND_PROVEN = 3;

    address public immutable schedule;
    address public immutable bridge;
    /// @notice Who appends batches on a payments chain; nobody on another.
    address public immutable validitySettlement;
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

    uint64 private _epochCount;
    // One word, which every append writes: the open epoch, and the bucket of L1-WORK-3.
    uint48 private _epochFirstBatch;
    uint40 private _epochFirstPostedAt;
    /// @notice What the batches of the open epoch weigh together, gas (L1-WORK-2).
    uint64 public epochWeightGas;
    uint40 private _workUpdatedAt;
    uint32 private _workGas;
    uint32 private _postedBytes;

    /// @notice Content hash of the last batch; zero before the first.
    bytes32 public lastContentHash;

    MessageMeter.Meter private _meter;

    /// @dev What appends need of the entry in force, in two words, so that it need not be asked for.
    struct Terms {
        bytes32 configHash;
        uint64 maxMessagesPerBatch;
        uint64 maxMessageGasPerBatch;
        uint64 epochWeightGas;
        uint32 epochSeconds;
        uint32 maxCheckpointAgeSeconds;
    }

    Terms private _terms;

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
    mapping(uint64 epoch => uint64) private _epochEnd;

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
    error Inbox_WorkWithoutData(uint64 workGas);
    error Inbox_NoBlobs();
    error Inbox_TooManyBlobs(uint256 max);
    error Inbox_EpochNotClosable(uint64 epoch);
    error Inbox_OtherChainKind();
    error Inbox_NotSettlement(address caller);

    /// @param schedule_ names this contract, its Bridge and its rules
    /// @param sequencer_ first holder of the sequencer role
    constructor(address schedule_, address sequencer_) {
        if (ISchedule(schedule_).inbox() != address(this)) {
            revert Inbox_WrongAddress(ISchedule(schedule_).inbox(), address(this));
        }
        schedule = schedule_;
        bridge = ISchedule(schedule_).bridge();
        validitySettlement =
            ISchedule(schedule_).kind() == ChainKind.PAYMENTS ? ISchedule(schedule_).settlement() : address(0);
        forcedInclusionWindowSeconds = ISchedule(schedule_).forcedInclusionWindowSeconds();
        sequencer = sequencer_;
        emit SequencerChanged(address(0), sequencer_);
        _epochFirstBatch = 1;
        _setTerms(ISchedule(schedule_).activeEntry());
        checkpoint();
    }

    /// @inheritdoc IInbox
    /// @dev Caller: the Bridge. Reverts beyond the caps of L1-MSG-5. Burns gas; see `messageBurnGas`.
    function enqueue(Message calldata message) external returns (uint64 index) {
        if (_isProven()) revert Inbox_OtherChainKind();
        uint256 length = message.data.length;
        if (length > MAX_MESSAGE_BYTES) revert Inbox_MessageTooLong(length, MAX_MESSAGE_BYTES);
        return _enqueue(message.encodeMessage(), length, message.gasLimit);
    }

    /// @inheritdoc IInbox
    /// @dev Caller: the Bridge of a payments chain. Reverts beyond the caps of L1-MSG-5. Burns gas; see `messageBurnGas`.
    function enqueueRecord(bytes calldata record, uint64 gasLimit) external returns (uint64 index) {
        if (!_isProven()) revert Inbox_OtherChainKind();
        return _enqueue(record, 0, gasLimit);
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
    /// @dev Reverts while the bucket of L1-WORK-3 is too full for it; so does `appendBlobs`.
    function appendCalldata(AppendArgs calldata args, bytes calldata payload) external {
        _checkSequencer();
        if (payload.length > MAX_CALLDATA_BYTES) revert Inbox_PayloadTooLong(payload.length, MAX_CALLDATA_BYTES);
        _takeWork(args.workGas, payload.length);
        _append(args, KIND_CALLDATA, payload.hashCalldata(), payload.length);
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
        uint256 postedBytes = count * WorkMeter.BYTES_PER_BLOB;
        _takeWork(args.workGas, postedBytes);
        _append(args, KIND_BLOBS, versionedHashes.hashBlobs(), postedBytes);
    }

    /// @notice Appends a batch without sequencer data. Caller: anyone, once the first unconsumed message is overdue (L1-BATCH-7).
    function appendForced(AppendArgs calldata args) external {
        if (_isProven()) revert Inbox_OtherChainKind();
        if (!_isOverdue(queueConsumed)) revert Inbox_NothingOverdue();
        if (args.workGas != 0) revert Inbox_WorkWithoutData(args.workGas);
        _append(args, KIND_NONE, 0, 0);
    }

    /// @inheritdoc IInbox
    /// @dev Caller: the settlement of a payments chain (L1-BATCH-9), which has seen to who calls it and to what is proven.
    function appendProven(AppendArgs calldata args, bytes32 dataHash) external returns (bytes32 batchHash) {
        if (!_isProven()) revert Inbox_OtherChainKind();
        if (msg.sender != validitySettlement) revert Inbox_NotSettlement(msg.sender);
        if (args.workGas != 0) revert Inbox_WorkWithoutData(args.workGas);
        _append(args, KIND_PROVEN, dataHash, 0);
        return batchHashOf[args.index];
    }

    /// @notice Closes the open epoch if its time is over. Caller: anyone.
    function closeEpoch() external {
        if (_isProven() || !_isEpochOver(_terms.epochSeconds)) revert Inbox_EpochNotClosable(epochCount() + 1);
        _closeEpoch();
    }

    /// @notice Hands the sequencer role over. Caller: the owner of the schedule, or the sequencer itself.
    function setSequencer(address next) external {
        if (msg.sender != ISchedule(schedule).owner() && msg.sender != sequencer) revert Inbox_NotOwner(msg.sender);
        emit SequencerChanged(sequencer, next);
        sequencer = next;
    }

    /// @notice Number of closed epochs; the next one may hold batches already. On a payments chain every batch is one.
    function epochCount() public view returns (uint64) {
        return _isProven() ? batchCount : _epochCount;
    }

    /// @inheritdoc IInbox
    function epochEnd(uint64 epoch) external view returns (uint64) {
        if (_isProven()) return epoch <= batchCount ? epoch : 0;
        return _epochEnd[epoch];
    }

    /// @notice First batch of the open epoch, if it is not beyond the last batch.
    function epochFirstBatch() external view returns (uint64) {
        return _epochFirstBatch;
    }

    /// @notice When that batch was posted, seconds.
    function epochFirstPostedAt() external view returns (uint64) {
        return _epochFirstPostedAt;
    }

    /// @notice The queue hash after `end` messages (L1-MSG-2); zero for none, and for messages that do not exist.
    function queueHashOf(uint64 end) public view returns (bytes32) {
        return end == 0 ? bytes32(0) : _queue[end - 1].queueHash;
    }

    /// @notice When a message was queued, in seconds; zero if it does not exist.
    function enqueuedAt(uint64 index) external view returns (uint64) {
        return _queue[index].enqueuedAt;
    }

    /// @notice L2 gas of the messages from `start` to before `end`. Reverts unless they exist, in this order.
    function queuedGas(uint64 start, uint64 end) external view returns (uint256) {
        if (end < start || end > queueLength) revert Inbox_QueueEndOutOfRange(end, start, queueLength);
        return _queuedGas(start, end);
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

    /// @notice Declared work, in gas, and bytes that batches with data can still post in this L1 block (L1-WORK-3).
    function workLeft() external view returns (uint256 workGas, uint256 postedBytes) {
        return _workMeter().left();
    }

    function _workMeter() private view returns (WorkMeter.Meter memory) {
        return WorkMeter.Meter(_workUpdatedAt, _workGas, _postedBytes);
    }

    /// @dev Fills the bucket of declared work and posted bytes (L1-WORK-3).
    function _takeWork(uint256 workGas, uint256 postedBytes) private {
        WorkMeter.Meter memory meter = _workMeter().take(workGas, postedBytes);
        (_workUpdatedAt, _workGas, _postedBytes) = (meter.updatedAt, meter.workGas, meter.postedBytes);
    }

    /// @dev Puts the bytes of a message into the queue; `length` of them have a price in gas.
    function _enqueue(bytes memory encoded, uint256 length, uint64 gasLimit) private returns (uint64 index) {
        if (msg.sender != bridge) revert Inbox_NotBridge(msg.sender);
        uint64 minGas = BASE_MESSAGE_GAS + MESSAGE_GAS_PER_BYTE * uint64(length);
        if (gasLimit < minGas || gasLimit > MAX_MESSAGE_GAS) {
            revert Inbox_MessageGasOutOfRange(gasLimit, minGas, MAX_MESSAGE_GAS);
        }
        _burnGas(_meter.take(gasLimit));

        index = queueLength++;
        bytes32 queueHash = queueHashOf(index).extendQueue(keccak256(encoded));
        QueueEntry storage entry = _queue[index];
        entry.queueHash = queueHash;
        entry.enqueuedAt = uint64(block.timestamp);
        // The gas of this message is read from the next entry, which therefore exists before it is queued.
        _queue[index + 1].gasBefore = entry.gasBefore + gasLimit;
        emit MessageEnqueued(index, queueHash, encoded);
    }

    /// @dev Whether batches come proven: a payments chain.
    function _isProven() private view returns (bool) {
        return validitySettlement != address(0);
    }

    function _append(AppendArgs calldata args, uint8 dataKind, bytes32 dataHash, uint256 postedBytes) private {
        uint64 index = batchCount + 1;
        if (args.index != index) revert Inbox_WrongIndex(index, args.index);
        if (args.parentContentHash != lastContentHash) {
            revert Inbox_WrongParent(lastContentHash, args.parentContentHash);
        }
        bytes32 checkpointHash = keccak256(abi.encode(args.checkpoint)); // L1-CP-1, without a copy in memory
        _checkCheckpoint(args.checkpoint, checkpointHash);
        Terms memory terms = _enter(args, postedBytes);

        BatchHeader memory header = BatchHeader({
            content: BatchContent({
                index: index,
                parentContentHash: args.parentContentHash,
                dataKind: dataKind,
                dataHash: dataHash,
                queueEnd: args.queueEnd,
                queueHash: args.queueHash,
                checkpointHash: checkpointHash,
                configHash: terms.configHash,
                workGas: args.workGas
            }),
            parentHash: batchHashOf[index - 1],
            postedAt: uint64(block.timestamp)
        });
        bytes32 contentHash = header.content.hash();
        bytes32 batchHash = contentHash.postedHash(header.parentHash, header.postedAt);
        lastContentHash = contentHash;
        batchHashOf[index] = batchHash;
        batchCount = index;
        queueConsumed = args.queueEnd;
        lastCheckpointNumber = args.checkpoint.number;
        emit BatchAppended(index, batchHash, header, args.checkpoint);

        // Nothing else fits.
        if (!_isProven() && epochWeightGas + WorkMeter.GAS_PER_BATCH > terms.epochWeightGas) _closeEpoch();
        checkpoint();
    }

    /// @dev Finds what the batch has to obey, which may begin with it (L1-SCHED-3), checks it against that, and puts it into an epoch.
    function _enter(AppendArgs calldata args, uint256 postedBytes) private returns (Terms memory terms) {
        bool activated = block.timestamp >= ISchedule(schedule).waitingMaturesAt();
        if (activated) _setTerms(ISchedule(schedule).enter(args.index));
        terms = _terms;
        (uint64 messages, uint256 messageGas) = _checkQueue(args, terms);
        if (block.timestamp - args.checkpoint.timestamp > terms.maxCheckpointAgeSeconds) {
            revert Inbox_CheckpointTooOld(args.checkpoint.timestamp, terms.maxCheckpointAgeSeconds);
        }
        if (_isProven()) return terms;
        _enterEpoch(args.index, activated, WorkMeter.weightOf(args.workGas, messages, messageGas, postedBytes), terms);
    }

    function _setTerms(Entry memory entry) private {
        _terms = Terms({
            configHash: entry.configHash,
            maxMessagesPerBatch: entry.maxMessagesPerBatch,
            maxMessageGasPerBatch: entry.maxMessageGasPerBatch,
            epochWeightGas: entry.rules.epochWeightGas,
            epochSeconds: entry.rules.epochSeconds,
            maxCheckpointAgeSeconds: entry.rules.maxCheckpointAgeSeconds
        });
    }

    /// @dev L1-BATCH-4, L1-BATCH-6. Tells the messages that the batch takes, and their gas.
    function _checkQueue(AppendArgs calldata args, Terms memory terms)
        private
        view
        returns (uint64 count, uint256 messageGas)
    {
        uint64 start = queueConsumed;
        uint64 end = args.queueEnd;
        uint64 length = queueLength;
        if (end < start || end > length) revert Inbox_QueueEndOutOfRange(end, start, length);
        bytes32 queueHash = queueHashOf(end);
        if (args.queueHash != queueHash) revert Inbox_WrongQueueHash(queueHash, args.queueHash);

        count = end - start;
        if (count > terms.maxMessagesPerBatch) revert Inbox_TooManyMessages(count, terms.maxMessagesPerBatch);
        if (count != 0) messageGas = _queuedGas(start, end);
        if (messageGas > terms.maxMessageGasPerBatch) {
            revert Inbox_TooMuchMessageGas(messageGas, terms.maxMessageGasPerBatch);
        }
        if (
            end != length && _isOverdue(end) && count < terms.maxMessagesPerBatch
                && _queuedGas(start, end + 1) <= terms.maxMessageGasPerBatch
        ) {
            revert Inbox_OverdueMessageLeft(end);
        }
    }

    /// @dev L1-CP-2, but for the age.
    function _checkCheckpoint(Checkpoint calldata named, bytes32 hash) private view {
        if (named.number >= block.number) revert Inbox_CheckpointNotEarlier(named.number);
        if (checkpointHashOf[named.number] != hash) revert Inbox_UnknownCheckpoint(named.number);
        if (named.number < lastCheckpointNumber) {
            revert Inbox_CheckpointBeforeLast(named.number, lastCheckpointNumber);
        }
    }

    /// @dev L1-EPOCH-1: a batch that comes after the epoch's time, or under a new entry, or is too heavy for what the epoch holds, is the
    /// first of the next one, however short the epoch was: no batch is refused for that (L1-EPOCH-2).
    function _enterEpoch(uint64 index, bool activated, uint256 weightGas, Terms memory terms) private {
        if (
            index > _epochFirstBatch
                && (activated || _isEpochOver(terms.epochSeconds) || epochWeightGas + weightGas > terms.epochWeightGas)
        ) _closeEpoch();
        if (index == _epochFirstBatch) {
            _epochFirstPostedAt = uint40(block.timestamp);
            epochWeightGas = uint64(weightGas);
        } else {
            epochWeightGas += uint64(weightGas);
        }
    }

    /// @dev Closes the open epoch with the last batch appended.
    function _closeEpoch() private {
        uint64 epoch = ++_epochCount;
        uint64 lastBatch = batchCount;
        _epochEnd[epoch] = lastBatch;
        _epochFirstBatch = uint48(lastBatch + 1);
        emit EpochClosed(epoch, lastBatch);
    }

    function _queuedGas(uint64 start, uint64 end) private view returns (uint256) {
        return _queue[end].gasBefore - _queue[start].gasBefore;
    }

    /// @dev Whether the open epoch holds a batch and its time is over.
    function _isEpochOver(uint64 epochSeconds) private view returns (bool) {
        return batchCount >= _epochFirstBatch && block.timestamp - _epochFirstPostedAt >= epochSeconds;
    }

    /// @dev Whether message `index` exists and is older than the window.
    function _isOverdue(uint64 index) private view returns (bool) {
        return index < queueLength && block.timestamp - _queue[index].enqueuedAt > forcedInclusionWindowSeconds;
    }

    /// @dev L1-BATCH-5: an account without code calls only directly, so the payload is the transaction's own input.
    function _checkSequencer() private view {
        if (_isProven()) revert Inbox_OtherChainKind();
        if (msg.sender != sequencer) revert Inbox_NotSequencer(msg.sender);
        if (msg.sender != tx.origin || msg.sender.code.length != 0) revert Inbox_NotPlainAccount(msg.sender);
    }

    function _burnGas(uint256 amount) private view {
        uint256 startGas = gasleft();
        while (startGas - gasleft() < amount) { }
    }
}
