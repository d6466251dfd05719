// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { Ownable2Step } from "@openzeppelin/contracts/access/Ownable2Step.sol";
import { Hashing } from "./Hashing.sol";
import { Notice, Notices } from "./Notice.sol";
import { ChainConfig, ChainKind, Entry, Rules } from "./Types.sol";
import { IDispute } from "./interfaces/IDispute.sol";
import { IFailure } from "./interfaces/IFailure.sol";
import { IKeySets } from "./interfaces/IKeySets.sol";
import { ClaimTerms, ISchedule } from "./interfaces/ISchedule.sol";

/// @title Which rules hold for which batches.
/// @notice Rules: L1-SCHED-1 to L1-SCHED-7, L1-NOTICE-1, L1-NOTICE-2, L1-CFG-1. Append-only: an entry concerns future batches alone and
/// comes into force with the first batch after its delay; one at a time waits for that. Only if the settlement shows that a
/// program failed may program and dispute contract be replaced from there on. There is no way round the delay, whoever the owner
/// is. Immutable. Adversarial: the owner.
contract Schedule is ISchedule, Ownable2Step {
    using Hashing for *;

    /// @notice Hard floor of what a batch can hold: one message of the greatest size (L1-MSG-5).
    uint64 public constant MIN_MESSAGE_GAS_PER_BATCH = 8_000_000;
    /// @notice Hard floor of a block: one transaction of the greatest size (EIP-7825) beside the checkpoint's.
    uint64 public constant MIN_BLOCK_GAS_LIMIT = 18_000_000;
    /// @notice Hard floor: appends name a checkpoint of an earlier L1 block, and must find one.
    uint32 public constant MIN_CHECKPOINT_AGE_SECONDS = 1 hours;
    /// @notice Hard floor off the devnets: epochs cost claimants money, so they must cost the sequencer work.
    uint64 public constant MIN_EPOCH_WEIGHT_GAS = 100_000_000;
    /// @notice Hard ceiling: claims wait for the end of their epoch.
    uint32 public constant MAX_EPOCH_SECONDS = 7 days;
    /// @notice Hard ceiling: what is claimed rightly must become final.
    uint32 public constant MAX_CLAIM_WINDOW_SECONDS = 30 days;
    /// @notice Hard ceiling: claims are for everybody.
    uint128 public constant MAX_CLAIM_BOND = 1_000 ether;

    /// @notice Hard ceiling of what a batch of a payments chain holds, in gas of messages: 400 slots (PAY-MESSAGE-GAS), so that whoever proves a forced
    /// batch, which must take what is overdue, can post it in one transaction (EIP-7825).
    uint64 public constant MAX_PROVEN_MESSAGE_GAS_PER_BATCH = 40_000_000;
    /// @notice Hard floor there: with a proof for every one or two messages a prover would fall behind what the queue takes at its lowest price; from
    /// here on one that does 70,400 constraints a second keeps ahead of it, whatever the number, if there are keys of the small and the large
    /// circuits and no others. Else it takes more messages, or a faster prover (PAY-MESSAGE-GAS).
    uint64 public constant MIN_PROVEN_MESSAGES_PER_BATCH = 8;
    /// @notice Hard ceiling there of how old a batch's time may be: an expired signature lives so much longer (PAY-TIME).
    uint32 public constant MAX_PROVEN_AGE_SECONDS = 1 days;

    struct Record {
        Entry entry;
        bytes32 entryHash;
        uint64 maturesAt; // seconds
        uint64 firstBatch; // zero until activated
    }

    /// @notice What holds instead of an entry from one of its batches on, once it has matured.
    struct Replacement {
        Entry entry;
        bytes32 entryHash;
        uint64 id; // of the entry replaced
        uint64 maturesAt; // seconds
        uint64 firstBatch;
    }

    address public immutable inbox;
    address public immutable settlement;
    address public immutable bridge;
    address public immutable l1FeeRecipient;
    uint64 public immutable l2ChainId;
    uint8 public immutable kind;
    uint64 public immutable genesisTimestamp;
    /// @notice How long a message may wait before batches must take it, seconds. The same for ever.
    uint64 public immutable forcedInclusionWindowSeconds;
    /// @notice From scheduling to maturity, seconds. The same for ever.
    uint64 public immutable delaySeconds;
    /// @notice From the finality of an entry's last epoch to that of the next entry's first, seconds. The same for ever.
    uint64 public immutable graceSeconds;

    Record[] private _records;
    Replacement[] private _replacements;
    /// @notice Id of the entry in force.
    uint64 public activeId;
    /// @inheritdoc ISchedule
    uint64 public waitingMaturesAt = type(uint64).max;

    /// @notice A whole entry, and the configuration whose hash it has (L1-SCHED-4).
    event EntryScheduled(
        uint64 indexed id, bytes32 indexed entryHash, uint64 maturesAt, Entry entry, ChainConfig config
    );
    event EntryCancelled(uint64 indexed id);
    event EntryActivated(uint64 indexed id, uint64 indexed firstBatch);
    event EntryReplaced(
        uint64 indexed id, bytes32 indexed entryHash, uint64 indexed firstBatch, uint64 maturesAt, Entry entry
    );

    error Schedule_NotInbox(address caller);
    error Schedule_WrongChainId(uint64 l1ChainId);
    error Schedule_WrongConfig(ChainConfig config);
    error Schedule_UnknownKind(uint8 kind);
    error Schedule_RulesOfOtherKind(Rules rules);
    error Schedule_NoKeys(bytes32 keysHash);
    error Schedule_MessageLimitTooLarge(uint64 messageGas);
    error Schedule_CheckpointAgeTooLong(uint32 maxCheckpointAgeSeconds);
    error Schedule_MessageLimitsTooSmall(uint64 messages, uint64 messageGas);
    error Schedule_BlockGasLimitTooSmall(uint64 blockGasLimit);
    error Schedule_CheckpointAgeTooShort(uint32 maxCheckpointAgeSeconds);
    error Schedule_EmptyEpoch(uint64 epochWeightGas, uint32 epochSeconds);
    error Schedule_EpochTooLight(uint64 epochWeightGas);
    error Schedule_EpochTooSlow(uint32 epochSeconds);
    error Schedule_BondTooHigh(uint128 claimBond);
    error Schedule_BondTooLow(uint128 claimBond, uint128 min);
    error Schedule_ClaimWindowOutOfRange(uint32 claimWindowSeconds, uint32 min, uint32 max);
    error Schedule_NoDispute();
    error Schedule_OtherSettlement(address dispute, address settlement);
    error Schedule_EntryWaiting(uint64 id);
    error Schedule_NothingPending();
    error Schedule_NothingMature();
    error Schedule_NothingFailed();
    error Schedule_NothingReplaced(bytes32 entryHash);
    error Schedule_NoSuchEntry(uint64 id);
    error Schedule_NoSuchBatch(uint64 batchIndex);

    /// @param owner_ who may schedule further entries
    /// @param notice see there
    /// @param config the chain at genesis: fixes for ever the addresses, chain ids, kind and genesis time
    /// @param rules what else holds at genesis
    constructor(address owner_, Notice memory notice, ChainConfig memory config, Rules memory rules) Ownable(owner_) {
        inbox = config.inbox;
        settlement = config.settlement;
        bridge = config.bridge;
        l1FeeRecipient = config.l1FeeRecipient;
        l2ChainId = config.l2ChainId;
        kind = config.kind;
        if (kind > ChainKind.PAYMENTS) revert Schedule_UnknownKind(kind);
        genesisTimestamp = config.genesisTimestamp;
        notice.check();
        forcedInclusionWindowSeconds = notice.forcedInclusionWindowSeconds;
        delaySeconds = notice.delaySeconds;
        graceSeconds = notice.graceSeconds;
        if (config.l1ChainId != block.chainid) revert Schedule_WrongChainId(config.l1ChainId);

        Entry memory entry = _checkedEntry(config, rules);
        _push(entry, config, uint64(block.timestamp));
        _records[0].firstBatch = 1;
        emit EntryActivated(0, 1);
    }

    /// @notice Appends an entry, which matures after the delay. Caller: the owner.
    /// @dev Reverts if the configuration moves what is fixed at genesis, or the rules break a bound, or another entry is not active
    /// yet: many that waited could be activated batch by batch, and a grace would follow each.
    /// @return id of the entry
    function schedule(ChainConfig calldata config, Rules calldata rules) external onlyOwner returns (uint64 id) {
        if (
            config.l1ChainId != block.chainid || config.l2ChainId != l2ChainId || config.kind != kind
                || config.inbox != inbox || config.settlement != settlement || config.bridge != bridge
                || config.l1FeeRecipient != l1FeeRecipient || config.genesisTimestamp != genesisTimestamp
        ) revert Schedule_WrongConfig(config);
        if (_records.length - 1 > activeId) revert Schedule_EntryWaiting(activeId + 1);
        Entry memory entry = _checkedEntry(config, rules);
        waitingMaturesAt = uint64(block.timestamp) + delaySeconds;
        return _push(entry, config, waitingMaturesAt);
    }

    /// @notice Takes back the last entry while it has not matured. Caller: the owner.
    function cancel() external onlyOwner {
        uint64 id = uint64(_records.length - 1);
        if (id == activeId || block.timestamp >= _records[id].maturesAt) revert Schedule_NothingPending();
        _records.pop();
        waitingMaturesAt = type(uint64).max;
        emit EntryCancelled(id);
    }

    /// @notice Has another program, or another dispute contract, judge the epoch that failed and what follows it under the same
    /// entry, after the delay. Caller: the owner.
    /// @dev Reverts unless the settlement reports a failure under a final parent, which stays one until the replacement matures.
    /// Called again before that, it puts another in its place. Nothing that L2 computes with can change: configuration, limits,
    /// windows and bond stay.
    function replace(bytes32 guestHash, address dispute) external onlyOwner {
        uint64 firstBatch = IFailure(settlement).failedFrom();
        if (firstBatch == 0) revert Schedule_NothingFailed();
        uint256 count = _replacements.length;
        if (count != 0 && block.timestamp < _replacements[count - 1].maturesAt) _replacements.pop();

        (uint64 id, Entry storage failed, bytes32 failedHash,) = _find(firstBatch);
        Entry memory entry = failed;
        entry.rules.guestHash = guestHash;
        entry.rules.dispute = dispute;
        _checkDispute(entry.rules);
        bytes32 entryHash = entry.hash();
        if (entryHash == failedHash) revert Schedule_NothingReplaced(entryHash);
        uint64 maturesAt = uint64(block.timestamp) + delaySeconds;
        _replacements.push(Replacement(entry, entryHash, id, maturesAt, firstBatch));
        emit EntryReplaced(id, entryHash, firstBatch, maturesAt, entry);
    }

    /// @inheritdoc ISchedule
    function enter(uint64 batchIndex) external returns (Entry memory) {
        if (msg.sender != inbox) revert Schedule_NotInbox(msg.sender);
        if (block.timestamp < waitingMaturesAt) revert Schedule_NothingMature();
        waitingMaturesAt = type(uint64).max;
        uint64 id = ++activeId;
        _records[id].firstBatch = batchIndex;
        emit EntryActivated(id, batchIndex);
        return _records[id].entry;
    }

    /// @inheritdoc ISchedule
    /// @dev What an append obeys; `entryOf` tells of a replaced program.
    function activeEntry() external view returns (Entry memory) {
        return _records[activeId].entry;
    }

    /// @inheritdoc ISchedule
    /// @dev For a batch that does not exist yet the answer may change, and for one that is not settled if its epoch fails.
    function entryOf(uint64 batchIndex) external view returns (Entry memory entry, bytes32 entryHash) {
        (, entry, entryHash,) = _find(batchIndex);
    }

    /// @inheritdoc ISchedule
    function claimTermsOf(uint64 batchIndex) external view returns (ClaimTerms memory terms) {
        (, Entry storage entry, bytes32 entryHash, uint64 since) = _find(batchIndex);
        terms.entryHash = entryHash;
        terms.configHash = entry.configHash;
        terms.dispute = entry.rules.dispute;
        terms.claimWindowSeconds = entry.rules.claimWindowSeconds;
        terms.claimBond = entry.rules.claimBond;
        terms.since = since;
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

    /// @dev The entry that holds for a batch, its id, and the first batch for which it holds instead of another.
    function _find(uint64 batchIndex)
        private
        view
        returns (uint64 id, Entry storage entry, bytes32 entryHash, uint64 since)
    {
        if (batchIndex == 0) revert Schedule_NoSuchBatch(batchIndex);
        uint64 low = 0; // holds: _records[low].firstBatch <= batchIndex
        uint64 high = activeId;
        while (low < high) {
            uint64 middle = high - (high - low) / 2;
            if (_records[middle].firstBatch <= batchIndex) low = middle;
            else high = middle - 1;
        }
        // First batches never fall from one replacement to the next, and few are not matured or lie beyond the batch.
        for (uint256 i = _replacements.length; i > 0; --i) {
            Replacement storage last = _replacements[i - 1];
            if (block.timestamp < last.maturesAt || batchIndex < last.firstBatch) continue;
            if (last.id != low) break;
            return (low, last.entry, last.entryHash, last.firstBatch);
        }
        Record storage found = _records[low];
        return (low, found.entry, found.entryHash, low == 0 ? 0 : found.firstBatch);
    }

    function _push(Entry memory entry, ChainConfig memory config, uint64 maturesAt) private returns (uint64 id) {
        id = uint64(_records.length);
        bytes32 entryHash = entry.hash();
        _records.push(Record(entry, entryHash, maturesAt, 0));
        emit EntryScheduled(id, entryHash, maturesAt, entry, config);
    }

    /// @dev The entry, if it keeps the bounds of L1-SCHED-5.
    function _checkedEntry(ChainConfig memory config, Rules memory rules) private view returns (Entry memory) {
        if (config.maxMessagesPerBatch == 0 || config.maxMessageGasPerBatch < MIN_MESSAGE_GAS_PER_BATCH) {
            revert Schedule_MessageLimitsTooSmall(config.maxMessagesPerBatch, config.maxMessageGasPerBatch);
        }
        if (rules.maxCheckpointAgeSeconds < MIN_CHECKPOINT_AGE_SECONDS) {
            revert Schedule_CheckpointAgeTooShort(rules.maxCheckpointAgeSeconds);
        }
        if (kind == ChainKind.PAYMENTS) {
            if (config.maxMessageGasPerBatch > MAX_PROVEN_MESSAGE_GAS_PER_BATCH) {
                revert Schedule_MessageLimitTooLarge(config.maxMessageGasPerBatch);
            }
            if (config.maxMessagesPerBatch < MIN_PROVEN_MESSAGES_PER_BATCH) {
                revert Schedule_MessageLimitsTooSmall(config.maxMessagesPerBatch, config.maxMessageGasPerBatch);
            }
            _checkProven(rules);
        } else {
            if (config.blockGasLimit < MIN_BLOCK_GAS_LIMIT) {
                revert Schedule_BlockGasLimitTooSmall(config.blockGasLimit);
            }
            _checkClaimed(rules);
        }
        return Entry(config.hash(), config.maxMessagesPerBatch, config.maxMessageGasPerBatch, rules);
    }

    /// @dev What settlement by claims needs: epochs that cost the sequencer work, claims for everybody.
    function _checkClaimed(Rules memory rules) private view {
        if (rules.epochWeightGas == 0 || rules.epochSeconds == 0) {
            revert Schedule_EmptyEpoch(rules.epochWeightGas, rules.epochSeconds);
        }
        if (rules.epochWeightGas < MIN_EPOCH_WEIGHT_GAS && !Notices.isDevnet()) {
            revert Schedule_EpochTooLight(rules.epochWeightGas);
        }
        if (rules.epochSeconds > MAX_EPOCH_SECONDS) revert Schedule_EpochTooSlow(rules.epochSeconds);
        if (rules.claimBond > MAX_CLAIM_BOND) revert Schedule_BondTooHigh(rules.claimBond);
        _checkDispute(rules);
    }

    /// @dev What settlement by validity proofs needs: keys that its settlement has checked, without which no batch could be appended any more:
    /// another entry begins with a batch. At genesis the settlement does not exist yet, and stores them before the first batch.
    function _checkProven(Rules memory rules) private view {
        if (
            rules.guestHash != 0 || rules.dispute != address(0) || rules.epochWeightGas != 0 || rules.epochSeconds != 0
                || rules.claimWindowSeconds != 0 || rules.claimBond != 0
        ) revert Schedule_RulesOfOtherKind(rules);
        if (rules.maxCheckpointAgeSeconds > MAX_PROVEN_AGE_SECONDS) {
            revert Schedule_CheckpointAgeTooLong(rules.maxCheckpointAgeSeconds);
        }
        bool isGenesis = _records.length == 0;
        if (rules.keysHash == 0 || (!isGenesis && IKeySets(settlement).keySetOf(rules.keysHash) == address(0))) {
            revert Schedule_NoKeys(rules.keysHash);
        }
    }

    /// @dev Contested slots can be decided, and claims rivalled in time and for enough (L1-SCHED-5): a dispute contract made for another
    /// settlement never knows these slots, and the first contested one would end finality. On a devnet there may be nobody to decide.
    function _checkDispute(Rules memory rules) private view {
        uint32 min = 1;
        if (rules.dispute != address(0)) {
            if (rules.dispute.code.length == 0) revert Schedule_NoDispute();
            address judged = IDispute(rules.dispute).settlement();
            if (judged != settlement) revert Schedule_OtherSettlement(rules.dispute, judged);
            min = IDispute(rules.dispute).claimWindowSecondsMin();
            uint128 minBond = IDispute(rules.dispute).claimBondMin();
            if (rules.claimBond < minBond) revert Schedule_BondTooLow(rules.claimBond, minBond);
        } else if (!Notices.isDevnet()) {
            revert Schedule_NoDispute();
        }
        uint32 windowSeconds = rules.claimWindowSeconds;
        if (windowSeconds == 0 || windowSeconds < min || windowSeconds > MAX_CLAIM_WINDOW_SECONDS) {
            revert Schedule_ClaimWindowOutOfRange(windowSeconds, min, MAX_CLAIM_WINDOW_SECONDS);
        }
    }
}
