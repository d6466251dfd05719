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

use crate::clock::Moment;

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
    /// When it was opened.
    pub opened: Moment,
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
    pub fn new(config: &ChainConfig, checkpoint: Checkpoint, first_block: u64, opened: Moment) -> Self {
        Self {
            checkpoint,
            first_block,
            opened,
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
    use alloy::{
        consensus::{SignableTransaction, TxEip1559},
        primitives::{Signature, TxKind, keccak256},
    };
    use tandem_evm::payload::SignedTransaction;

    use super::*;

    /// A transfer to an account that the batch has not seen.
    fn transfer(nonce: u64) -> SignedTransaction {
        let tx = TxEip1559 {
            chain_id: 1,
            nonce,
            gas_limit: 21_000,
            max_fee_per_gas: 1_000_000_000,
            max_priority_fee_per_gas: 1,
            to: TxKind::Call(Address::from_word(keccak256(nonce.to_be_bytes()))),
            value: U256::from(1_000_000 + nonce),
            ..Default::default()
        };
        let word = |seed: u64| U256::from_be_bytes(keccak256(seed.to_be_bytes()).0) >> 1;
        SignedTransaction::Eip1559(tx.into_signed(Signature::new(word(nonce + 1_000), word(nonce + 2_000), false)))
    }

    #[test]
    fn empty_blocks_cost_next_to_nothing() {
        const TRANSACTIONS: u64 = 100;
        const EMPTY_BLOCKS: u64 = 12;
        let payload_bytes = |empty_blocks: u64| {
            let mut timestamp = 1_800_000_000;
            let mut blocks = Vec::new();
            for nonce in 0..TRANSACTIONS {
                // A transaction now and then, after pauses of no regular length.
                timestamp += 40 + nonce * nonce % 97;
                blocks.push(PayloadBlock { timestamp, message_count: 0, transactions: vec![transfer(nonce)] });
                for empty in 1..=empty_blocks {
                    blocks.push(PayloadBlock { timestamp: timestamp + empty, ..Default::default() });
                }
            }
            payload::encode(&Payload { blocks }, 1, |_| None).unwrap().compressed(LEVEL_POST).len()
        };
        let (without, with) = (payload_bytes(0), payload_bytes(EMPTY_BLOCKS));
        let per_block = (with - without) as f64 / (TRANSACTIONS * EMPTY_BLOCKS) as f64;
        println!("{per_block:.3} bytes per empty block beside {} bytes per transaction", without as u64 / TRANSACTIONS);
        assert!(per_block < 1.0, "{per_block}");
    }

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
