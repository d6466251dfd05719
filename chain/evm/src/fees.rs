//! What users pay: one price per gas, as on Ethereum, in which the place on L1 is paid too.
//!
//! Rules: EVM-FEE-* (`docs/spec/evm.md`), FEE-L1 (`docs/spec/predeploys.md`); twin of the latter and of EVM-FEE-2 and EVM-FEE-4: `L1Info.sol`.
//! Adversarial: signed bytes, and the prices of checkpoints. Everything saturates.

use alloy_consensus::Header;
use alloy_primitives::{Bytes, U256};
use tandem_chain::Checkpoint;

use crate::fee_estimate::estimate_posted_bytes;

/// A block's gas target is its limit divided by this.
pub const ELASTICITY: u64 = 2;
/// A block moves the base fee by at most one part in this many: by 12.5% in 12 seconds of 250 ms blocks, as one block does on Ethereum.
pub const BASE_FEE_CHANGE_DENOMINATOR: u64 = 408;
/// Blocks per second on which the base fee is modelled: quiet seconds count as that many empty blocks.
const BLOCKS_PER_SECOND: u64 = 4;
/// Empty blocks accounted for at most: ten minutes' worth, in which the base fee falls by more than 95%.
const EMPTY_BLOCKS_MAX: u64 = 600 * BLOCKS_PER_SECOND;

/// Weight of 16 times L1's base fee per estimated byte, in millionths (FEE-L1): 1.6 gas, the fixed gas of a batch spread over its bytes.
pub const L1_BASE_FEE_SCALAR: u64 = 100_000;
/// Weight of L1's blob base fee per estimated byte, in millionths (FEE-L1).
pub const L1_BLOB_BASE_FEE_SCALAR: u64 = 1_100_000;
/// Millionths, in which L1's price is counted.
const PRICE_SCALE: u64 = 1_000_000;
/// Least gas that a transaction uses for each byte that it is estimated to post (EVM-FEE-4): 105 bytes are the 21,000 gas of a transfer.
pub const GAS_PER_POSTED_BYTE: u64 = 200;

/// A block's base fee, in wei per gas: what its header says, in its two parts (EVM-FEE-1 to 3). The sum is below 2^64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BaseFee {
    /// For execution: rises and falls with use (EVM-FEE-1).
    pub execution: u64,
    /// For data: follows L1's price (EVM-FEE-2). What a transaction does not need of it is not charged (EVM-FEE-5).
    pub data: u64,
}

impl BaseFee {
    /// The parts of a header's base fee (EVM-FEE-3). Genesis has no data part, nor has a header that is not of this chain.
    pub fn of(header: &Header) -> Self {
        let total = header.base_fee_per_gas.unwrap_or_default();
        let stated = <[u8; 8]>::try_from(header.extra_data.as_ref()).map_or(total, u64::from_be_bytes);
        let execution = stated.min(total);
        Self { execution, data: total.saturating_sub(execution) }
    }

    /// The base fee of a block at `timestamp` after `parent`, in a batch with this checkpoint.
    pub fn after(parent: &Header, timestamp: u64, min_base_fee: u64, checkpoint: &Checkpoint) -> Self {
        let execution = execution_fee(parent, timestamp, min_base_fee);
        let steps = quiet_blocks(parent, timestamp).saturating_add(1);
        Self { execution, data: data_part(parent, execution, steps, checkpoint) }
    }

    /// The most that L1's price alone can make of the base fee within `seconds` after `timestamp`, if `checkpoint` is named at once: what a
    /// wallet should bid that signs now.
    pub fn within(seconds: u64, parent: &Header, timestamp: u64, min_base_fee: u64, checkpoint: &Checkpoint) -> Self {
        let execution = execution_fee(parent, parent.timestamp, min_base_fee);
        let steps = quiet_blocks(parent, timestamp.saturating_add(seconds)).saturating_add(BLOCKS_PER_SECOND);
        Self { execution, data: data_part(parent, execution, steps, checkpoint) }
    }

    /// What the header says.
    pub fn total(self) -> u64 {
        self.execution.saturating_add(self.data)
    }

    /// What the header says besides, so that the parts can be told (EVM-FEE-3).
    pub fn extra_data(self) -> Bytes {
        Bytes::copy_from_slice(&self.execution.to_be_bytes())
    }
}

/// The part for execution; never below `min_base_fee` (EVM-FEE-1).
///
/// The parent's use moves it as EIP-1559 says; then every second without a block lowers it as empty blocks would.
fn execution_fee(parent: &Header, timestamp: u64, min_base_fee: u64) -> u64 {
    let target = (parent.gas_limit / ELASTICITY).max(1);
    let mut fee = step(BaseFee::of(parent).execution, parent.gas_used, target);
    for _ in 0..quiet_blocks(parent, timestamp) {
        if fee <= min_base_fee {
            break;
        }
        fee = step(fee, 0, target);
    }
    fee.max(min_base_fee)
}

/// Empty blocks that the time since the parent stands for.
fn quiet_blocks(parent: &Header, timestamp: u64) -> u64 {
    let quiet_seconds = timestamp.saturating_sub(parent.timestamp).saturating_sub(1);
    quiet_seconds.saturating_mul(BLOCKS_PER_SECOND).min(EMPTY_BLOCKS_MAX)
}

/// The part for data: L1's price, as far as the sum with the part for execution rises by no more than so many steps allow (EVM-FEE-2).
///
/// It falls at once. The first block takes the price as it is: nobody has signed anything by an earlier one.
fn data_part(parent: &Header, execution: u64, steps: u64, checkpoint: &Checkpoint) -> u64 {
    let price = data_price(checkpoint).min(u64::MAX.saturating_sub(execution));
    if parent.number == 0 {
        return price;
    }
    let enough = execution.saturating_add(price);
    let mut total = BaseFee::of(parent).total();
    for _ in 0..steps {
        if total >= enough {
            break;
        }
        total = total.saturating_add((total / BASE_FEE_CHANGE_DENOMINATOR).max(1));
    }
    price.min(total.saturating_sub(execution))
}

/// Wei per gas that carry the data of a transaction which uses no more gas than its data takes; rounded up (EVM-FEE-2).
fn data_price(checkpoint: &Checkpoint) -> u64 {
    l1_price(checkpoint).div_ceil(U256::from(GAS_PER_POSTED_BYTE * PRICE_SCALE)).saturating_to()
}

/// One EIP-1559 step. Rises by at least 1 wei, falls rounded towards less change.
fn step(fee: u64, gas_used: u64, target: u64) -> u64 {
    let change = |gas: u64| {
        let product = u128::from(fee).saturating_mul(u128::from(gas));
        let per_target = product.checked_div(target.into()).unwrap_or(0);
        let change = per_target.checked_div(BASE_FEE_CHANGE_DENOMINATOR.into()).unwrap_or(0);
        u64::try_from(change).unwrap_or(u64::MAX)
    };
    match gas_used.checked_sub(target) {
        Some(0) => fee,
        Some(above) => fee.saturating_add(change(above).max(1)),
        None => fee.saturating_sub(change(target.saturating_sub(gas_used))),
    }
}

/// Wei that a transaction's place on L1 is worth (FEE-L1): estimated bytes times a price from the batch's checkpoint, 16 gas a byte.
pub fn l1_data_fee(signed_bytes: &[u8], checkpoint: &Checkpoint) -> U256 {
    data_fee(estimate_posted_bytes(signed_bytes), checkpoint)
}

fn data_fee(posted_bytes: u64, checkpoint: &Checkpoint) -> U256 {
    let scaled = l1_price(checkpoint).saturating_mul(U256::from(posted_bytes));
    scaled.checked_div(U256::from(PRICE_SCALE)).unwrap_or_default()
}

/// Gas that a transaction must allow for, and uses at least, because of its data (EVM-FEE-4).
pub fn data_gas(signed_bytes: &[u8]) -> u64 {
    estimate_posted_bytes(signed_bytes).saturating_mul(GAS_PER_POSTED_BYTE)
}

/// What a transaction's data does to its gas and to the price of it (EVM-FEE-4, EVM-FEE-5). By default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataCharge {
    /// Least gas limit, and least gas used.
    pub gas: u64,
    /// The data fee in wei (FEE-L1-3).
    pub fee: U256,
    /// The data part of the block's base fee, in wei per gas: the most that goes towards the fee.
    pub price_max: u64,
}

impl DataCharge {
    /// Of a transaction with these EIP-2718 bytes in a block.
    pub fn new(signed_bytes: &[u8], checkpoint: &Checkpoint, base_fee: BaseFee) -> Self {
        let posted_bytes = estimate_posted_bytes(signed_bytes);
        Self {
            gas: posted_bytes.saturating_mul(GAS_PER_POSTED_BYTE),
            fee: data_fee(posted_bytes, checkpoint),
            price_max: base_fee.data,
        }
    }

    /// Wei per gas that pay for the data, of a transaction that used so much gas; rounded up.
    pub fn price(&self, gas_used: u64) -> u64 {
        self.fee.div_ceil(U256::from(gas_used.max(1))).saturating_to::<u64>().min(self.price_max)
    }

    /// Wei that it pays for its data.
    pub fn paid(&self, gas_used: u64) -> U256 {
        U256::from(gas_used).saturating_mul(U256::from(self.price(gas_used)))
    }

    /// `effectiveGasPrice`: `bid`, which is base fee and tip, without what the data does not need of the base fee (EVM-FEE-5).
    pub fn effective_price(&self, bid: u128, gas_used: u64) -> u128 {
        bid.saturating_sub(self.price_max.saturating_sub(self.price(gas_used)).into())
    }
}

/// Millionths of a wei per estimated byte.
pub fn l1_price(checkpoint: &Checkpoint) -> U256 {
    let execution = checkpoint.base_fee.saturating_mul(U256::from(16 * L1_BASE_FEE_SCALAR));
    let blob = checkpoint.blob_base_fee.saturating_mul(U256::from(L1_BLOB_BASE_FEE_SCALAR));
    execution.saturating_add(blob)
}

#[cfg(test)]
mod tests;
