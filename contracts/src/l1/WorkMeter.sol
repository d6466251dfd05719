// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title How much a batch makes others do, and how fast the sequencer may make them do it.
/// @notice Rules: L1-WORK-1 to L1-WORK-3. A batch's weight bounds the steps that it takes in the fraud-proof machine (VM-9), and epochs are
/// measured in it. A bucket fills with the work that batches with data declare and with the bytes that they post, and drains with
/// L1's time. Twin: `chain/src/work.rs`. Adversarial: the sequencer, who wants to outrun execution and claims.
library WorkMeter {
    /// @notice Weight of a message beside its gas, in gas: it can come to a block of its own.
    uint256 internal constant GAS_PER_MESSAGE = 1_200;
    /// @notice Weight of a posted byte, in gas.
    uint256 internal constant GAS_PER_POSTED_BYTE = 13;
    /// @notice Weight of a batch beside everything that it holds, in gas.
    uint256 internal constant GAS_PER_BATCH = 100_000;
    /// @notice What a blob carries, whatever is in it (L1-BATCH-3).
    uint256 internal constant BYTES_PER_BLOB = 126_976;

    /// @notice Declared work that drains in a second: 300,000,000 gas in twelve.
    uint256 internal constant WORK_GAS_PER_SECOND = 25_000_000;
    /// @notice Posted bytes that drain in a second: six blobs in twelve.
    uint256 internal constant BYTES_PER_SECOND = 63_488;
    /// @notice What an empty bucket takes: four times what drains in twelve seconds.
    uint256 internal constant MAX_WORK_GAS = 1_200_000_000;
    uint256 internal constant MAX_BYTES = 3_047_424;

    /// @dev Small, so that the Inbox can keep it in one word with what it writes anyway.
    struct Meter {
        uint40 updatedAt; // seconds
        uint32 workGas; // in the bucket
        uint32 postedBytes; // in the bucket
    }

    error WorkMeter_WorkGasFull(uint256 workGas, uint256 left);
    error WorkMeter_BytesFull(uint256 postedBytes, uint256 left);

    /// @notice The meter after a batch with data, which reverts while the bucket is too full for it: it has to wait.
    function take(Meter memory self, uint256 workGas, uint256 postedBytes) internal view returns (Meter memory) {
        (uint256 workGasLeft, uint256 bytesLeft) = left(self);
        if (workGas > workGasLeft) revert WorkMeter_WorkGasFull(workGas, workGasLeft);
        if (postedBytes > bytesLeft) revert WorkMeter_BytesFull(postedBytes, bytesLeft);
        return Meter({
            updatedAt: uint40(block.timestamp),
            workGas: uint32(MAX_WORK_GAS - (workGasLeft - workGas)),
            postedBytes: uint32(MAX_BYTES - (bytesLeft - postedBytes))
        });
    }

    /// @notice What the bucket still takes in this L1 block.
    function left(Meter memory self) internal view returns (uint256 workGas, uint256 postedBytes) {
        uint256 elapsedSeconds = block.timestamp - self.updatedAt;
        workGas = _left(MAX_WORK_GAS, self.workGas, elapsedSeconds * WORK_GAS_PER_SECOND);
        postedBytes = _left(MAX_BYTES, self.postedBytes, elapsedSeconds * BYTES_PER_SECOND);
    }

    /// @notice The weight of a batch, in gas (L1-WORK-2).
    function weightOf(uint256 workGas, uint256 messages, uint256 messageGas, uint256 postedBytes)
        internal
        pure
        returns (uint256)
    {
        return GAS_PER_BATCH + workGas + messageGas + GAS_PER_MESSAGE * messages + GAS_PER_POSTED_BYTE * postedBytes;
    }

    function _left(uint256 max, uint256 level, uint256 drained) private pure returns (uint256) {
        return drained < level ? max - (level - drained) : max;
    }
}
