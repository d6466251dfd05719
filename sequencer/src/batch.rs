//! The batch under construction: what it holds, how large it will be, and when it closes.
//!
//! Size is bounded from above at all times, so that a closed batch always fits L1: what was measured by really encoding, plus the
//! bounds of everything added since. Measuring is repeated while it gains room. All bounds together stay below the decoder's cap: what compresses
//! well would else grow into a batch that fits L1 and that no node decodes.

use std::time::Duration;

use alloy::primitives::{Address, U256};
use tandem_chain::{ChainConfig, Checkpoint};
use tandem_evm::{
    EvmBlock, Transaction,
    block::MIN_WORK_GAS,
    payload::{self, EncodeError, Payload, PayloadBlock},
};

/// Raw bytes that a block costs at most beside its transactions.
const BLOCK_OVERHEAD_BYTES: usize = 24;
/// Bytes that a payload costs at most beside its blocks: version, lengths, column headers, dictionaries.
const PAYLOAD_OVERHEAD_BYTES: usize = 1_024;
/// A transaction that the open batch has no room for must fit the next one even behind so many blocks.
const BLOCKS_BEFORE_CLOSE: usize = 4;
/// Encoding again is worth it once this share of the capacity was added since.
const MEASURE_SHARE: usize = 8;
/// Compression levels of Zstandard: quick while measuring, thorough when it counts.
const LEVEL_MEASURE: i32 = 3;
const LEVEL_POST: i32 = 19;

/// When a batch closes.
#[derive(Clone, Copy, Debug, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchPolicy {
    /// Most payload bytes; the codec's output, framing included.
    pub payload_bytes_max: usize,
    /// A batch younger than this stays open unless it is full, in milliseconds.
    pub age_min_ms: u64,
    /// A batch closes at this age whatever L1 costs, in milliseconds.
    pub age_max_ms: u64,
    /// Between the two ages it closes when L1's base fee is at most this many percent of its recent average; the bound rises linearly to twice that.
    pub price_percent: u64,
}

impl Default for BatchPolicy {
    fn default() -> Self {
        Self { payload_bytes_max: 120_000, age_min_ms: 60_000, age_max_ms: 600_000, price_percent: 80 }
    }
}

impl BatchPolicy {
    /// Whether a batch of this age should be posted at this price, both base fees in wei.
    pub fn is_due(&self, age: Duration, base_fee: u128, base_fee_average: u128) -> bool {
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        if age_ms >= self.age_max_ms {
            return true;
        }
        let Some(waited_ms) = age_ms.checked_sub(self.age_min_ms) else { return false };
        let span_ms = (self.age_max_ms - self.age_min_ms).max(1);
        let percent = u128::from(self.price_percent) * u128::from(span_ms + waited_ms) / u128::from(span_ms);
        base_fee.saturating_mul(100) <= base_fee_average.saturating_mul(percent)
    }
}

/// A batch that still takes blocks.
#[derive(Clone, Debug)]
pub struct OpenBatch {
    /// Its checkpoint, fixed before the first block.
    pub checkpoint: Checkpoint,
    /// Number of its first block.
    pub first_block: u64,
    /// Messages that its blocks consumed.
    pub message_count: u64,
    /// Gas limits of those messages.
    pub message_gas: u64,
    /// Left of the work budget (EVM-WORK-1).
    pub work_gas_left: u64,
    /// Transactions signed by users.
    pub transaction_count: u64,
    payload: Payload,
    bound_bytes: usize,
    /// Upper bound of the payload before compression, and of what the decoder charges for it.
    raw_bytes: usize,
    unmeasured_bytes: usize,
}

impl OpenBatch {
    /// A batch without blocks.
    pub fn new(config: &ChainConfig, checkpoint: Checkpoint, first_block: u64) -> Self {
        Self {
            checkpoint,
            first_block,
            message_count: 0,
            message_gas: 0,
            work_gas_left: config.max_work_gas_per_batch,
            transaction_count: 0,
            payload: Payload::default(),
            bound_bytes: PAYLOAD_OVERHEAD_BYTES,
            raw_bytes: PAYLOAD_OVERHEAD_BYTES,
            unmeasured_bytes: 0,
        }
    }

    /// Takes the next block.
    pub fn push(&mut self, block: &EvmBlock) {
        let mut gas_before = 0;
        let mut transactions = Vec::new();
        for (transaction, receipt) in block.transactions.iter().zip(&block.receipts) {
            let gas_used = receipt.cumulative_gas_used - gas_before;
            gas_before = receipt.cumulative_gas_used;
            match transaction {
                Transaction::Signed(signed) => {
                    self.add_bytes(payload::bytes_max(signed.transaction()));
                    self.work_gas_left = self.work_gas_left.saturating_sub(gas_used.max(MIN_WORK_GAS));
                    transactions.push(signed.transaction().clone());
                }
                Transaction::Deposit(deposit) if deposit.is_system => {}
                Transaction::Deposit(deposit) => self.message_gas += deposit.gas_limit,
            }
        }
        self.add_bytes(BLOCK_OVERHEAD_BYTES);
        self.message_count += block.message_count;
        self.transaction_count += transactions.len() as u64;
        self.payload.blocks.push(PayloadBlock {
            timestamp: block.header.timestamp,
            message_count: u32::try_from(block.message_count).unwrap_or(u32::MAX),
            transactions,
        });
    }

    fn add_bytes(&mut self, bytes: usize) {
        self.bound_bytes += bytes;
        self.raw_bytes += bytes;
        self.unmeasured_bytes += bytes;
    }

    /// Blocks so far.
    pub fn block_count(&self) -> u64 {
        self.payload.blocks.len() as u64
    }

    /// Most bytes of a transaction that an empty batch can take.
    pub fn transaction_bytes_max(config: &ChainConfig, policy: &BatchPolicy) -> usize {
        let raw_capacity = usize::try_from(config.max_payload_bytes).unwrap_or(usize::MAX);
        let fixed = PAYLOAD_OVERHEAD_BYTES + BLOCK_OVERHEAD_BYTES * BLOCKS_BEFORE_CLOSE;
        policy.payload_bytes_max.min(raw_capacity).saturating_sub(fixed)
    }

    /// Bytes added since the last measurement below which another is not worth it.
    pub fn measured_bytes_min(policy: &BatchPolicy) -> usize {
        policy.payload_bytes_max / MEASURE_SHARE
    }

    /// Payload bytes left, by the upper bound; encodes what there is if that may gain room.
    pub fn bytes_left(&mut self, config: &ChainConfig, policy: &BatchPolicy) -> usize {
        let capacity = policy.payload_bytes_max;
        if self.bound_bytes + capacity / MEASURE_SHARE > capacity
            && self.unmeasured_bytes > capacity / MEASURE_SHARE
            && let Ok(encoded) = payload::encode(&self.payload, config.l2_chain_id, |_| None)
        {
            self.bound_bytes = encoded.compressed(LEVEL_MEASURE).len() + PAYLOAD_OVERHEAD_BYTES;
            self.unmeasured_bytes = 0;
        }
        let raw_capacity = usize::try_from(config.max_payload_bytes).unwrap_or(usize::MAX);
        capacity.saturating_sub(self.bound_bytes).min(raw_capacity.saturating_sub(self.raw_bytes))
    }

    /// Whether the next block must open another batch: a cap of the rules, or of the payload, is near.
    pub fn is_full(&mut self, config: &ChainConfig, policy: &BatchPolicy) -> bool {
        self.block_count() >= config.max_blocks_per_batch
            || self.transaction_count >= config.max_transactions_per_batch
            || self.work_gas_left < MIN_WORK_GAS
            || self.bytes_left(config, policy) < policy.payload_bytes_max / 50
    }

    /// The payload as it is posted.
    pub fn encode(
        &self,
        config: &ChainConfig,
        index_of: impl Fn(&Address) -> Option<u64>,
    ) -> Result<Vec<u8>, EncodeError> {
        Ok(payload::encode(&self.payload, config.l2_chain_id, index_of)?.compressed(LEVEL_POST))
    }
}

/// An average that follows L1's base fee over about a hundred blocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct PriceAverage(u128);

impl PriceAverage {
    /// Takes one more observation, in wei.
    pub fn observe(&mut self, base_fee: U256) -> u128 {
        let price: u128 = base_fee.saturating_to();
        self.0 = if self.0 == 0 { price } else { (self.0.saturating_mul(99).saturating_add(price)) / 100 };
        self.0
    }

    /// The average in wei.
    pub fn get(&self) -> u128 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_and_price_decide() {
        let policy = BatchPolicy { age_min_ms: 100, age_max_ms: 300, price_percent: 50, ..Default::default() };
        let due = |age_ms, price| policy.is_due(Duration::from_millis(age_ms), price, 1_000);
        assert!(!due(99, 0), "too young, whatever the price");
        assert!(due(100, 500) && !due(100, 501));
        assert!(due(200, 750) && !due(200, 751), "patience wears");
        assert!(due(300, u128::MAX), "too old, whatever the price");
    }
}
