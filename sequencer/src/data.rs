//! How payloads travel to L1, and what that allows a batch to hold.

use tandem_chain::{
    Checkpoint,
    batch::{BLOBS_MAX, CALLDATA_BYTES_MAX},
    blob,
};

/// Bytes of calldata cost this much gas at most (EIP-7623), those of a blob one blob gas each.
const CALLDATA_GAS_PER_BYTE: u128 = 40;

/// Most payload bytes that the blobs of one append carry.
pub const BLOB_PAYLOAD_BYTES_MAX: usize = blob::capacity_bytes(BLOBS_MAX);

/// How payloads travel to L1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DataMode {
    /// In whichever way is cheaper when a batch closes.
    #[default]
    Auto,
    /// As calldata of the appending transaction, whatever blobs cost.
    Calldata,
    /// As blobs (EIP-4844), whatever calldata costs.
    Blobs,
}

impl DataMode {
    /// Whether so many bytes are posted as blobs at the prices of this checkpoint, L1's newest. What calldata cannot carry always is.
    pub fn is_blobs(self, bytes: usize, prices: Option<&Checkpoint>) -> bool {
        match self {
            _ if bytes > CALLDATA_BYTES_MAX => true,
            Self::Calldata => false,
            Self::Blobs => true,
            Self::Auto => prices.is_some_and(|prices| are_blobs_cheaper(bytes, prices)),
        }
    }

    /// Most payload bytes of a batch that holds so many already. In `auto` a batch outgrows calldata only while blobs are cheaper, so that it can
    /// be posted at a sane price when it closes; once it has outgrown calldata, blobs it is.
    pub fn payload_bytes_max(self, bytes: usize, prices: Option<&Checkpoint>) -> usize {
        let would_fill = bytes.max(CALLDATA_BYTES_MAX);
        if self.is_blobs(would_fill, prices) { BLOB_PAYLOAD_BYTES_MAX } else { CALLDATA_BYTES_MAX }
    }
}

fn are_blobs_cheaper(bytes: usize, prices: &Checkpoint) -> bool {
    let base_fee: u128 = prices.base_fee.saturating_to();
    let blob_base_fee: u128 = prices.blob_base_fee.saturating_to();
    let blobs = (bytes + 4).div_ceil(blob::capacity_bytes(1)).max(1) as u128;
    let calldata = base_fee.saturating_mul(CALLDATA_GAS_PER_BYTE * bytes as u128);
    blob_base_fee.saturating_mul(blobs * blob::BLOB_BYTES as u128) < calldata
}

#[cfg(test)]
mod tests {
    use alloy::primitives::U256;

    use super::*;

    fn prices(base_fee: u64, blob_base_fee: u64) -> Checkpoint {
        Checkpoint { base_fee: U256::from(base_fee), blob_base_fee: U256::from(blob_base_fee), ..Default::default() }
    }

    #[test]
    fn the_price_decides_in_auto_alone() {
        let (cheap, dear) = (prices(1_000_000_000, 1), prices(1, 1_000_000_000));
        for (mode, at_cheap, at_dear) in
            [(DataMode::Auto, true, false), (DataMode::Calldata, false, false), (DataMode::Blobs, true, true)]
        {
            assert_eq!(mode.is_blobs(100_000, Some(&cheap)), at_cheap, "{mode:?}");
            assert_eq!(mode.is_blobs(100_000, Some(&dear)), at_dear, "{mode:?}");
            assert!(mode.is_blobs(CALLDATA_BYTES_MAX + 1, Some(&dear)), "{mode:?}: nothing else carries it");
        }
        assert!(!DataMode::Auto.is_blobs(100_000, None), "without prices");
    }

    #[test]
    fn a_batch_holds_what_carries_it() {
        let (cheap, dear) = (prices(1_000_000_000, 1), prices(1, 1_000_000_000));
        let held = |mode: DataMode, bytes, prices| mode.payload_bytes_max(bytes, Some(prices));
        assert_eq!(held(DataMode::Auto, 0, &cheap), BLOB_PAYLOAD_BYTES_MAX);
        assert_eq!(
            held(DataMode::Auto, 100_000, &dear),
            CALLDATA_BYTES_MAX,
            "blobs became dear before they were needed"
        );
        assert_eq!(held(DataMode::Auto, 200_000, &dear), BLOB_PAYLOAD_BYTES_MAX, "and after");
        assert_eq!(held(DataMode::Calldata, 0, &cheap), CALLDATA_BYTES_MAX);
        assert_eq!(held(DataMode::Blobs, 0, &dear), BLOB_PAYLOAD_BYTES_MAX);
        assert_eq!(BLOB_PAYLOAD_BYTES_MAX, 761_852);
    }
}
