// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Message } from "../Types.sol";

/// @title What the other contracts use of the Inbox.
interface IInbox {
    /// @notice The schedule whose entries hold for the batches.
    function schedule() external view returns (address);

    /// @notice The only caller of `enqueue`.
    function bridge() external view returns (address);

    /// @notice Puts a message into the queue and burns gas for what it makes L2 do (L1-MSG-5).
    /// @return index its position in the queue
    function enqueue(Message calldata message) external returns (uint64 index);

    /// @notice Index of the last batch.
    function batchCount() external view returns (uint64);

    /// @notice Number of closed epochs.
    function epochCount() external view returns (uint64);

    /// @notice Hash of an appended batch; zero for genesis and for batches that do not exist.
    function batchHashOf(uint64 batchIndex) external view returns (bytes32);

    /// @notice Index of the last batch of a closed epoch; zero while it is open.
    function epochEnd(uint64 epoch) external view returns (uint64);
}
