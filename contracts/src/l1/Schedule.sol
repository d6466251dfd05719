// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { Ownable2Step } from "@openzeppelin/contracts/access/Ownable2Step.sol";
import { Hashing } from "./Hashing.sol";
import { ChainConfig, Entry, Rules } from "./Types.sol";
import { ISchedule } from "./interfaces/ISchedule.sol";

/// @title Which rules hold for which batches.
/// @notice Rules: L1-SCHED-1 to L1-SCHED-4, L1-CFG-1. Append-only: an entry concerns future batches alone and comes into force with
/// the first batch after its delay, which is long enough to leave under the old rules. There is no way round the delay,
/// whoever the owner is. Immutable. Adversarial: the owner.
contract Schedule is ISchedule, Ownable2Step {
    using Hashing for *;

    /// @notice Hard floor of what a batch can hold: one message of the greatest size (L1-MSG-5).
    uint64 public constant MIN_MESSAGE_GAS_PER_BATCH = 8_000_000;

    struct Record {
        Entry entry;
        bytes32 entryHash;
        uint64 maturesAt; // seconds
        uint64 firstBatch; // zero until activated
    }

    address public immutable inbox;
    address public immutable settlement;
    address public immutable bridge;
    uint64 public immutable l2ChainId;
    uint8 public immutable kind;
    uint64 public immutable genesisTimestamp;
    /// @notice How long a message may wait before batches must take it, seconds. The same for ever.
    uint64 public immutable forcedInclusionWindowSeconds;
    /// @notice From scheduling to maturity, seconds. The same for ever.
    uint64 public immutable delaySeconds;

    Record[] private _records;
    /// @notice Id of the entry in force.
    uint64 public activeId;

    event EntryScheduled(
        uint64 indexed id, bytes32 indexed entryHash, uint64 maturesAt, Entry entry, ChainConfig config
    );
    event EntryCancelled(uint64 indexed id);
    event EntryActivated(uint64 indexed id, uint64 indexed firstBatch);

    error Schedule_NotInbox(address caller);
    error Schedule_WrongChainId(uint64 l1ChainId);
    error Schedule_WrongConfig(ChainConfig config);
    error Schedule_MessageLimitsTooSmall(uint64 messages, uint64 messageGas);
    error Schedule_EmptyEpoch(uint32 epochBatches, uint32 epochSeconds);
    error Schedule_ZeroWindow();
    error Schedule_DelayTooShort(uint64 delaySeconds, uint256 neededSeconds);
    error Schedule_NothingPending();
    error Schedule_NoSuchEntry(uint64 id);
    error Schedule_NoSuchBatch(uint64 batchIndex);

    /// @param owner_ who may schedule further entries
    /// @param forcedInclusionWindowSeconds_ see there
    /// @param delaySeconds_ see there; at least the forced-inclusion window plus the claim window of every entry
    /// @param config the chain at genesis: fixes for ever the addresses, chain ids, kind and genesis time
    /// @param rules what else holds at genesis
    constructor(
        address owner_,
        uint64 forcedInclusionWindowSeconds_,
        uint64 delaySeconds_,
        ChainConfig memory config,
        Rules memory rules
    ) Ownable(owner_) {
        inbox = config.inbox;
        settlement = config.settlement;
        bridge = config.bridge;
        l2ChainId = config.l2ChainId;
        kind = config.kind;
        genesisTimestamp = config.genesisTimestamp;
        forcedInclusionWindowSeconds = forcedInclusionWindowSeconds_;
        delaySeconds = delaySeconds_;
        if (config.l1ChainId != block.chainid) revert Schedule_WrongChainId(config.l1ChainId);

        Entry memory entry = _toEntry(config, rules);
        _checkRules(entry);
        _push(entry, config, uint64(block.timestamp));
        _records[0].firstBatch = 1;
        emit EntryActivated(0, 1);
    }

    /// @notice Appends an entry, which matures after the delay. Caller: the owner.
    /// @dev Reverts if the configuration moves what is fixed at genesis, or the rules break a bound.
    /// @return id of the entry
    function schedule(ChainConfig calldata config, Rules calldata rules) external onlyOwner returns (uint64 id) {
        if (
            config.l1ChainId != block.chainid || config.l2ChainId != l2ChainId || config.kind != kind
                || config.inbox != inbox || config.settlement != settlement || config.bridge != bridge
                || config.genesisTimestamp != genesisTimestamp
        ) revert Schedule_WrongConfig(config);
        Entry memory entry = _toEntry(config, rules);
        _checkRules(entry);
        return _push(entry, config, uint64(block.timestamp) + delaySeconds);
    }

    /// @notice Takes back the last entry while it has not matured. Caller: the owner.
    function cancel() external onlyOwner {
        uint64 id = uint64(_records.length - 1);
        if (id == activeId || block.timestamp >= _records[id].maturesAt) revert Schedule_NothingPending();
        _records.pop();
        emit EntryCancelled(id);
    }

    /// @inheritdoc ISchedule
    function enter(uint64 batchIndex) external returns (Entry memory entry, bool activated) {
        if (msg.sender != inbox) revert Schedule_NotInbox(msg.sender);
        uint64 id = activeId;
        uint64 next = id + 1;
        if (next < _records.length && block.timestamp >= _records[next].maturesAt) {
            id = next;
            activated = true;
            activeId = next;
            _records[next].firstBatch = batchIndex;
            emit EntryActivated(next, batchIndex);
        }
        entry = _records[id].entry;
    }

    /// @inheritdoc ISchedule
    function activeEntry() external view returns (Entry memory) {
        return _records[activeId].entry;
    }

    /// @inheritdoc ISchedule
    /// @dev For a batch that does not exist yet the answer may change.
    function entryOf(uint64 batchIndex) external view returns (Entry memory entry, bytes32 entryHash) {
        if (batchIndex == 0) revert Schedule_NoSuchBatch(batchIndex);
        uint64 low = 0; // holds: _records[low].firstBatch <= batchIndex
        uint64 high = activeId;
        while (low < high) {
            uint64 middle = high - (high - low) / 2;
            if (_records[middle].firstBatch <= batchIndex) low = middle;
            else high = middle - 1;
        }
        return (_records[low].entry, _records[low].entryHash);
    }

    /// @inheritdoc ISchedule
    function owner() public view override(ISchedule, Ownable) returns (address) {
        return Ownable.owner();
    }

    /// @notice Number of entries, pending ones included.
    function entryCount() external view returns (uint64) {
        return uint64(_records.length);
    }

    /// @notice An entry by id, with its hash, its maturity in seconds and its first batch (zero until activated).
    function record(uint64 id) external view returns (Record memory) {
        if (id >= _records.length) revert Schedule_NoSuchEntry(id);
        return _records[id];
    }

    function _push(Entry memory entry, ChainConfig memory config, uint64 maturesAt) private returns (uint64 id) {
        id = uint64(_records.length);
        bytes32 entryHash = entry.hash();
        _records.push(Record(entry, entryHash, maturesAt, 0));
        emit EntryScheduled(id, entryHash, maturesAt, entry, config);
    }

    function _checkRules(Entry memory entry) private view {
        Rules memory rules = entry.rules;
        if (entry.maxMessagesPerBatch == 0 || entry.maxMessageGasPerBatch < MIN_MESSAGE_GAS_PER_BATCH) {
            revert Schedule_MessageLimitsTooSmall(entry.maxMessagesPerBatch, entry.maxMessageGasPerBatch);
        }
        if (rules.epochBatches == 0 || rules.epochSeconds == 0) {
            revert Schedule_EmptyEpoch(rules.epochBatches, rules.epochSeconds);
        }
        if (rules.maxCheckpointAgeSeconds == 0 || rules.claimWindowSeconds == 0 || forcedInclusionWindowSeconds == 0) {
            revert Schedule_ZeroWindow();
        }
        uint256 neededSeconds = uint256(forcedInclusionWindowSeconds) + rules.claimWindowSeconds;
        if (delaySeconds < neededSeconds) revert Schedule_DelayTooShort(delaySeconds, neededSeconds);
    }

    function _toEntry(ChainConfig memory config, Rules memory rules) private pure returns (Entry memory) {
        return Entry(config.hash(), config.maxMessagesPerBatch, config.maxMessageGasPerBatch, rules);
    }
}
