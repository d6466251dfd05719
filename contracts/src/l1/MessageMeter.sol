// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title What a message costs on L1, and how many fit.
/// @notice Rules: L1-MSG-5. A bucket fills with the L2 gas queued and drains at a fixed rate per L1 block; the price is exponential
/// in its level. Adversarial: senders who want to outrun execution and proving, or to crowd out others.
library MessageMeter {
    /// @notice L2 gas that the queue takes per L1 block without the price rising.
    uint64 internal constant TARGET_GAS_PER_BLOCK = 2_000_000;
    /// @notice L2 gas that one L1 block may queue.
    uint64 internal constant MAX_GAS_PER_BLOCK = 16_000_000;
    /// @notice Each so much L2 gas in the bucket raises the price by the factor e.
    uint256 internal constant RISE_GAS = 64_000_000;
    /// @notice L1 gas burned per million L2 gas when the bucket is empty.
    uint256 internal constant MIN_PRICE = 50_000;
    /// @dev Beyond 20 rises no block can pay the price; it rises no further, so that nothing overflows.
    uint256 private constant MAX_LEVEL_GAS = 20 * RISE_GAS;

    struct Meter {
        uint64 blockNumber; // L1 block of the last message
        uint64 blockGas; // L2 gas queued in that block
        uint128 levelGas; // L2 gas in the bucket
    }

    error MessageMeter_BlockFull(uint256 blockGas, uint256 maxGas);

    /// @notice Takes `gasLimit` L2 gas into the bucket.
    /// @return burnGas L1 gas that the sender has to burn, rounded down
    function take(Meter storage self, uint64 gasLimit) internal returns (uint256 burnGas) {
        Meter memory meter = drained(self);
        uint256 blockGas = uint256(meter.blockGas) + gasLimit;
        if (blockGas > MAX_GAS_PER_BLOCK) revert MessageMeter_BlockFull(blockGas, MAX_GAS_PER_BLOCK);
        burnGas = uint256(gasLimit) * priceAt(meter.levelGas) / 1_000_000;
        self.blockNumber = meter.blockNumber;
        self.blockGas = uint64(blockGas);
        self.levelGas = meter.levelGas + gasLimit;
    }

    /// @notice The meter as it stands in this L1 block.
    function drained(Meter storage self) internal view returns (Meter memory meter) {
        meter = self;
        uint256 elapsedBlocks = block.number - meter.blockNumber;
        if (elapsedBlocks == 0) return meter;
        uint256 drainedGas = elapsedBlocks * TARGET_GAS_PER_BLOCK;
        meter.levelGas = drainedGas < meter.levelGas ? uint128(meter.levelGas - drainedGas) : 0;
        meter.blockGas = 0;
        meter.blockNumber = uint64(block.number);
    }

    /// @notice L1 gas per million L2 gas at this level: MIN_PRICE * e^(level / RISE_GAS), as a truncated Taylor sum.
    function priceAt(uint256 levelGas) internal pure returns (uint256 price) {
        if (levelGas > MAX_LEVEL_GAS) levelGas = MAX_LEVEL_GAS;
        uint256 term = MIN_PRICE * RISE_GAS;
        for (uint256 i = 1; term > 0; ++i) {
            price += term;
            term = term * levelGas / (RISE_GAS * i);
        }
        price /= RISE_GAS;
    }
}
