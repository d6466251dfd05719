// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { AppendArgs, Message } from "../Types.sol";

/// @title What the other contracts use of the Inbox.
interface IInbox {
    /// @notice The schedule whose entries hold for the batches.
    function schedule() external view returns (address);

    /// @notice The only caller of `enqueue`.
    function bridge() external view returns (address);

    /// @notice Puts a message into the queue and burns gas for what it makes L2 do (L1-MSG-5).
    /// @return index its position in the queue
    function enqueue(Message calldata message) external returns (uint64 index);

    /// @notice Puts a message of a payments chain into the queue, as the bytes that its circuits know (PAY-MESSAGE).
    /// @param gasLimit what the message costs on L2, by the slots that it may take (PAY-MESSAGE-GAS)
    /// @return index its position in the queue
    function enqueueRecord(bytes calldata record, uint64 gasLimit) external returns (uint64 index);

    /// @notice Appends a batch of a payments chain that its settlement has seen proven (L1-BATCH-9).
    /// @param dataHash what commits to environment and segments (PAY-CONTENT)
    function appendProven(AppendArgs calldata args, bytes32 dataHash) external returns (bytes32 batchHash);

    /// @notice Who may append batches with data.
    function sequencer() external view returns (address);

    /// @notice Number of messages ever queued.
    function queueLength() external view returns (uint64);

    /// @notice Number of messages that batches have consumed.
    function queueConsumed() external view returns (uint64);

    /// @notice The queue hash after `end` messages (L1-MSG-2); zero for none, and for messages that do not exist.
    function queueHashOf(uint64 end) external view returns (bytes32);

    /// @notice When a message was queued, in seconds; zero if it does not exist.
    function enqueuedAt(uint64 index) external view returns (uint64);

    /// @notice Whether the first message that no batch has consumed is overdue.
    function isForcible() external view returns (bool);

    /// @notice Index of the last batch.
    function batchCount() external view returns (uint64);

    /// @notice Number of closed epochs.
    function epochCount() external view returns (uint64);

    /// @notice Hash of an appended batch; zero for genesis and for batches that do not exist.
    function batchHashOf(uint64 batchIndex) external view returns (bytes32);

    /// @notice Index of the last batch of a closed epoch; zero while it is open.
    function epochEnd(uint64 epoch) external view returns (uint64);
}
