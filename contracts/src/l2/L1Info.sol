// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import { Math } from "@openzeppelin/contracts/utils/math/Math.sol";
import { FastLz } from "./FastLz.sol";
import { Predeploys } from "./Predeploys.sol";

/// @title What this chain knows about L1: the checkpoint of the batch (PRE-INFO-*), and what its data costs (FEE-L1-*).
/// @dev Slot 0: number in bits 0 to 63, timestamp in bits 64 to 127. Slot 1: base fee. Slot 2: blob base fee.
/// The fee is charged by the rulebook, within the price of gas (EVM-FEE-2, EVM-FEE-4, EVM-FEE-5); here it is only told (FEE-L1-4).
/// Twins: `chain/evm/src/fees.rs`, `chain/evm/src/fee_estimate.rs`.
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
    /// @notice Least gas that a transaction uses for each byte that it is estimated to post (EVM-FEE-4).
    uint256 public constant GAS_PER_POSTED_BYTE = 200;

    /// @notice Number of the L1 block.
    uint64 public number;
    /// @notice Its time, in seconds.
    uint64 public timestamp;
    /// @notice Its base fee, in wei per gas.
    uint256 public baseFee;
    /// @notice Its blob base fee, in wei per blob gas.
    uint256 public blobBaseFee;

    error L1Info_NotSystem(address sender);

    /// @notice Stores a checkpoint. Only the rulebook's system call, once per batch, before any transaction.
    function set(uint64 number_, uint64 timestamp_, uint256 baseFee_, uint256 blobBaseFee_) external {
        if (msg.sender != Predeploys.SYSTEM) revert L1Info_NotSystem(msg.sender);
        number = number_;
        timestamp = timestamp_;
        baseFee = baseFee_;
        blobBaseFee = blobBaseFee_;
    }

    /// @notice Wei that a transaction's place on L1 is worth, as long as this checkpoint stands (FEE-L1-3). It is no charge beside gas: the
    /// price of gas contains it, and no part of it is paid twice (`l1FeePaid`).
    /// @param signedTransaction the bytes that `eth_sendRawTransaction` takes
    function l1Fee(bytes calldata signedTransaction) public view returns (uint256) {
        return Math.saturatingMul(l1Price(), estimatePostedBytes(signedTransaction)) / SCALE;
    }

    /// @notice Wei of `gasUsed * effectiveGasPrice` that pay for a transaction's data, if it uses so much gas: `l1Fee` of its receipt
    /// (EVM-FEE-5, FEE-L1-4). It pays less while the base fee still climbs towards `l1BaseFee`, and never more.
    /// @param signedTransaction the bytes that `eth_sendRawTransaction` takes
    /// @param gasUsed gas that it will use; below `dataGas`, that is taken
    function l1FeePaid(bytes calldata signedTransaction, uint256 gasUsed) external view returns (uint256) {
        uint256 gas = Math.max(gasUsed, dataGas(signedTransaction));
        uint256 price = Math.ceilDiv(l1Fee(signedTransaction), gas);
        return Math.saturatingMul(gas, Math.min(price, l1BaseFee()));
    }

    /// @notice Gas that a transaction must allow for, and uses at least, because of its data (EVM-FEE-4).
    function dataGas(bytes calldata signedTransaction) public pure returns (uint256) {
        return GAS_PER_POSTED_BYTE * estimatePostedBytes(signedTransaction);
    }

    /// @notice Wei per gas that the base fee contains for data, or climbs towards (EVM-FEE-2).
    function l1BaseFee() public view returns (uint256) {
        return Math.min(Math.ceilDiv(l1Price(), GAS_PER_POSTED_BYTE * SCALE), type(uint64).max);
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
