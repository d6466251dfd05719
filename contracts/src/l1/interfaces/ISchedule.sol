// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Entry } from "../Types.sol";

/// @notice The part of an entry that claims obey.
/// @param entryHash of the whole entry (L1-SCHED-1)
/// @param since the first batch for which the entry holds instead of another; zero for the first entry
struct ClaimTerms {
    bytes32 entryHash;
    bytes32 configHash;
    address dispute;
    uint32 claimWindowSeconds;
    uint128 claimBond;
    uint64 since;
}

/// @title What the other contracts read from the schedule.
interface ISchedule {
    /// @notice The Inbox, whose batches activate entries.
    function inbox() external view returns (address);

    /// @notice The settlement of the chain.
    function settlement() external view returns (address);

    /// @notice The Bridge of the chain.
    function bridge() external view returns (address);

    /// @notice The kind of the chain (`ChainKind`).
    function kind() external view returns (uint8);

    /// @notice The chain's own id.
    function l2ChainId() external view returns (uint64);

    /// @notice Time of the genesis block, seconds.
    function genesisTimestamp() external view returns (uint64);

    /// @notice Who schedules entries and names the sequencer.
    function owner() external view returns (address);

    /// @notice How long a message may wait before batches must take it, seconds.
    function forcedInclusionWindowSeconds() external view returns (uint64);

    /// @notice From an owner's decision to its maturity, seconds.
    function delaySeconds() external view returns (uint64);

    /// @notice From the finality of the last epoch under old rules to what follows under new ones, seconds.
    function graceSeconds() external view returns (uint64);

    /// @notice When the entry that waits matures, seconds; the greatest value if none waits.
    function waitingMaturesAt() external view returns (uint64);

    /// @notice Activates the entry that waits, which has matured, with batch `batchIndex`, which is being appended.
    /// @return what holds from this batch on
    function enter(uint64 batchIndex) external returns (Entry memory);

    /// @notice The entry in force for the next batch if it were appended without activation.
    function activeEntry() external view returns (Entry memory);

    /// @notice The entry of an appended batch and its hash.
    function entryOf(uint64 batchIndex) external view returns (Entry memory entry, bytes32 entryHash);

    /// @notice What a claim needs to know of the entry of an appended batch.
    function claimTermsOf(uint64 batchIndex) external view returns (ClaimTerms memory);
}
