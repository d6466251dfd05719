//! When batches close, and how large they may become. What a batch is made of is its chain kind's own ([`crate::evm`]).

use std::time::Duration;

use alloy::primitives::U256;
use tandem_chain::{ChainConfig, Checkpoint};

use crate::data::{BLOB_PAYLOAD_BYTES_MAX, DataMode};

/// Bytes that a payload costs at most beside its blocks: version, lengths, column headers, dictionaries.
pub(crate) const PAYLOAD_OVERHEAD_BYTES: usize = 1_024;

/// Name of the flag of [`BatchPolicy::payload_bytes_max`].
pub const BATCH_BYTES_FLAG: &str = "batch-bytes-max";

/// When batches close, and what they hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchPolicy {
    /// How payloads travel to L1.
    pub data: DataMode,
    /// Most payload bytes, within what carries them; the codec's output, framing included.
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
        Self::DEFAULT
    }
}

impl BatchPolicy {
    /// What the flags have by default.
    pub const DEFAULT: Self = Self {
        data: DataMode::Auto,
        payload_bytes_max: BLOB_PAYLOAD_BYTES_MAX,
        age_min_ms: 60_000,
        age_max_ms: 600_000,
        price_percent: 80,
    };

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

    /// Most payload bytes of a batch that holds so many already, at these prices.
    pub fn bytes_max(&self, bytes: usize, prices: Option<&Checkpoint>) -> usize {
        self.data.payload_bytes_max(bytes, prices).min(self.payload_bytes_max)
    }

    /// Most bytes of a transaction ([`bytes_max`]) that an empty batch takes at any price.
    pub fn transaction_bytes_max(&self, config: &ChainConfig) -> usize {
        let cap = usize::try_from(config.max_payload_bytes).unwrap_or(usize::MAX);
        // Twice, for the batch's own margin.
        self.blob_bytes_max().min(cap).saturating_sub(2 * PAYLOAD_OVERHEAD_BYTES)
    }

    /// Most payload bytes of a batch that blobs carry, whatever they cost.
    pub fn blob_bytes_max(&self) -> usize {
        BLOB_PAYLOAD_BYTES_MAX.min(self.payload_bytes_max)
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
