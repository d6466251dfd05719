// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import { Predeploys } from "./Predeploys.sol";

/// @title What this chain knows about L1: the checkpoint of the batch (PRE-INFO-*).
/// @dev Slot 0: number in bits 0 to 63, timestamp in bits 64 to 127. Slot 1: base fee. Slot 2: blob base fee.
contract L1Info {
    /// @notice Number of the L1 block.
    uint64 public number;
    /// @notice Its time, in seconds.
    uint64 public timestamp;
    /// @notice Its base fee, in wei per gas.
    uint256 public baseFee;
    /// @notice Its blob base fee, in wei per blob gas.
    uint256 public blobBaseFee;

    error L1Info_NotSystem(address sender);

    /// @notice Stores a checkpoint. Only the rulebook's system call, once per block, before any transaction.
    function set(uint64 number_, uint64 timestamp_, uint256 baseFee_, uint256 blobBaseFee_) external {
        if (msg.sender != Predeploys.SYSTEM) revert L1Info_NotSystem(msg.sender);
        number = number_;
        timestamp = timestamp_;
        baseFee = baseFee_;
        blobBaseFee = blobBaseFee_;
    }
}
