// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import { Math } from "@openzeppelin/contracts/utils/math/Math.sol";
import { FastLz } from "./FastLz.sol";
import { Predeploys } from "./Predeploys.sol";

/// @title What this chain knows about L1: the checkpoint of the batch (PRE-INFO-*), and what its data costs (FEE-L1-*).
/// @dev Slot 0: number in bits 0 to 63, timestamp in bits 64 to 127. Slot 1: base fee. Slot 2: blob base fee.
/// The fee is charged by the rulebook; here it is only told. Twins: `chain/evm/src/fees.rs`, `chain/evm/src/fee_estimate.rs`.
contract L1Info {
    /// @notice The least that a transaction is charged for, in bytes.
    uint256 public constant ESTIMATE_BYTES_MIN = 86;
    /// @dev What each byte of FastLZ output posts, in millionths of a byte.
    uint256 private constant ESTIMATE_SLOPE_MICROBYTES = 940_000;
    /// @dev What every transaction repeats of others.
    uint256 private constant ESTIMATE_DISCOUNT_MICROBYTES = 60_000_000;
    /// @dev Weights of the two prices per estimated byte, in millionths.
    uint256 private constant L1_BASE_FEE_SCALAR = 100_000;
    uint256 private constant L1_BLOB_BASE_FEE_SCALAR = 1_100_000;
    /// @dev L1 gas of a byte of calldata.
    uint256 private constant CALLDATA_BYTE_GAS = 16;
    uint256 private constant SCALE = 1_000_000;

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

    /// @notice Wei that a transaction pays for its place on L1, on top of its gas, as long as this checkpoint stands (FEE-L1-3).
    /// @param signedTransaction the bytes that `eth_sendRawTransaction` takes
    function l1Fee(bytes calldata signedTransaction) external view returns (uint256) {
        return Math.saturatingMul(l1Price(), estimatePostedBytes(signedTransaction)) / SCALE;
    }

    /// @notice Bytes on L1 that a transaction is charged for, rounded up (FEE-L1-2).
    function estimatePostedBytes(bytes calldata signedTransaction) public pure returns (uint256) {
        uint256 slope = FastLz.compressedLength(signedTransaction) * ESTIMATE_SLOPE_MICROBYTES;
        uint256 microbytes = Math.saturatingSub(slope, ESTIMATE_DISCOUNT_MICROBYTES);
        return Math.max(Math.ceilDiv(microbytes, SCALE), ESTIMATE_BYTES_MIN);
    }

    /// @notice Millionths of a wei per estimated byte; saturates instead of failing.
    function l1Price() public view returns (uint256) {
        uint256 execution = Math.saturatingMul(baseFee, CALLDATA_BYTE_GAS * L1_BASE_FEE_SCALAR);
        return Math.saturatingAdd(execution, Math.saturatingMul(blobBaseFee, L1_BLOB_BASE_FEE_SCALAR));
    }
}
