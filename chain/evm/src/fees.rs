//! What users pay: EIP-1559's base fee, suited to short blocks, and the fee for the data that L1 carries.
//!
//! Rules: EVM-FEE-1 (`docs/spec/evm.md`), FEE-L1 (`docs/spec/predeploys.md`); twin of the latter: `L1Info.sol`.

use alloy_consensus::Header;
use alloy_primitives::U256;
use tandem_chain::Checkpoint;

use crate::fee_estimate::estimate_posted_bytes;

/// A block's gas target is its limit divided by this.
pub const ELASTICITY: u64 = 2;
/// A block moves the base fee by at most one part in this many: 13% in 12 seconds of full 250 ms blocks, as on Ethereum.
pub const BASE_FEE_CHANGE_DENOMINATOR: u64 = 390;
/// Blocks per second on which the base fee is modelled: quiet seconds count as that many empty blocks.
const BLOCKS_PER_SECOND: u64 = 4;
/// Empty blocks accounted for at most: ten minutes' worth, in which the base fee falls by more than 95%.
const EMPTY_BLOCKS_MAX: u64 = 600 * BLOCKS_PER_SECOND;

/// Weight of L1's base fee per estimated byte, in millionths (FEE-L1): a blob byte needs almost no execution gas.
pub const L1_BASE_FEE_SCALAR: u64 = 100_000;
/// Weight of L1's blob base fee per estimated byte, in millionths (FEE-L1).
pub const L1_BLOB_BASE_FEE_SCALAR: u64 = 1_100_000;

/// Base fee in wei of a block at `timestamp` after `parent`; never below `min_base_fee` (EVM-FEE-1).
///
/// The parent's use moves it as EIP-1559 says; then every second without a block lowers it as empty blocks would.
pub fn base_fee(parent: &Header, timestamp: u64, min_base_fee: u64) -> u64 {
    let target = (parent.gas_limit / ELASTICITY).max(1);
    let parent_fee = parent.base_fee_per_gas.unwrap_or(min_base_fee);
    let mut fee = step(parent_fee, parent.gas_used, target);
    let quiet_seconds = timestamp.saturating_sub(parent.timestamp).saturating_sub(1);
    for _ in 0..quiet_seconds.saturating_mul(BLOCKS_PER_SECOND).min(EMPTY_BLOCKS_MAX) {
        if fee <= min_base_fee {
            break;
        }
        fee = step(fee, 0, target);
    }
    fee.max(min_base_fee)
}

/// One EIP-1559 step. Rises by at least 1 wei, falls rounded towards less change.
fn step(fee: u64, gas_used: u64, target: u64) -> u64 {
    let change = |gas: u64| {
        let change = u128::from(fee) * u128::from(gas) / u128::from(target) / u128::from(BASE_FEE_CHANGE_DENOMINATOR);
        u64::try_from(change).unwrap_or(u64::MAX)
    };
    match gas_used.checked_sub(target) {
        Some(0) => fee,
        Some(above) => fee.saturating_add(change(above).max(1)),
        None => fee.saturating_sub(change(target - gas_used)),
    }
}

/// Wei that a transaction pays for its place on L1 (FEE-L1): estimated bytes times a price from the batch's checkpoint, 16 gas a byte.
pub fn l1_data_fee(signed_bytes: &[u8], checkpoint: &Checkpoint) -> U256 {
    l1_price(checkpoint).saturating_mul(U256::from(estimate_posted_bytes(signed_bytes))) / U256::from(1_000_000)
}

/// Millionths of a wei per estimated byte.
pub fn l1_price(checkpoint: &Checkpoint) -> U256 {
    let execution = checkpoint.base_fee.saturating_mul(U256::from(16 * L1_BASE_FEE_SCALAR));
    let blob = checkpoint.blob_base_fee.saturating_mul(U256::from(L1_BLOB_BASE_FEE_SCALAR));
    execution.saturating_add(blob)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parent(fee: u64, gas_used: u64) -> Header {
        Header { gas_limit: 30_000_000, gas_used, base_fee_per_gas: Some(fee), timestamp: 100, ..Default::default() }
    }

    #[test]
    fn the_base_fee_follows_use() {
        let fee = 1_000_000_000;
        assert_eq!(base_fee(&parent(fee, 15_000_000), 100, 1), fee);
        assert_eq!(base_fee(&parent(fee, 30_000_000), 100, 1), fee + fee / BASE_FEE_CHANGE_DENOMINATOR);
        assert_eq!(base_fee(&parent(fee, 0), 100, 1), fee - fee / BASE_FEE_CHANGE_DENOMINATOR);
        assert_eq!(base_fee(&parent(1, 15_000_001), 100, 1), 2, "rises by at least one wei");
    }

    #[test]
    fn quiet_time_lowers_it_to_the_floor_and_no_further() {
        let fee = 1_000_000_000;
        let soon = base_fee(&parent(fee, 15_000_000), 101, 1);
        let later = base_fee(&parent(fee, 15_000_000), 130, 1);
        assert_eq!(soon, fee);
        assert!(later < fee * 8 / 10, "{later}");
        assert_eq!(base_fee(&parent(fee, 15_000_000), u64::MAX, 7_000_000), 7_000_000);
    }

    #[test]
    fn extremes_saturate() {
        assert_eq!(base_fee(&parent(u64::MAX, 30_000_000), 100, 1), u64::MAX);
        let checkpoint = Checkpoint { base_fee: U256::MAX, blob_base_fee: U256::MAX, ..Default::default() };
        assert!(l1_data_fee(&[0; 100], &checkpoint) > U256::ZERO);
    }
}
