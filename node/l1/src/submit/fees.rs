//! What to bid. Amounts are wei per gas or blob gas.
//!
//! Replacement: pools want 10% more for a plain transaction and 100% more for one with blobs, in every field (geth's `txpool` and
//! `blobpool`). Suggestions of the endpoint are adversarial; [`FeeLimits`] bounds them.

use crate::client::{L1Client, RpcFailure};
use alloy::providers::Provider;

/// Least tip, so that replacements grow.
const PRIORITY_FEE_MIN: u128 = 1_000_000;

/// A suggested tip counts up to this, or to the base fee if that is more: whoever suggests does not pay.
const SUGGESTED_TIP_MAX: u128 = 5_000_000_000;

/// What a transaction bids, in wei.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fees {
    /// Most per gas, tip included.
    pub max_fee_per_gas: u128,
    /// The part of it that goes to the block's producer, per gas.
    pub max_priority_fee_per_gas: u128,
    /// Most per blob gas; none for a transaction without blobs.
    pub max_fee_per_blob_gas: Option<u128>,
}

/// The most that may be bid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeLimits {
    /// The most per gas, in wei.
    pub max_fee_per_gas: u128,
    /// The most per blob gas, in wei.
    pub max_fee_per_blob_gas: u128,
}

impl Default for FeeLimits {
    /// A limit of 1,000 gwei for each.
    fn default() -> Self {
        Self { max_fee_per_gas: 1_000_000_000_000, max_fee_per_blob_gas: 1_000_000_000_000 }
    }
}

impl FeeLimits {
    /// Whether a bid stays within.
    pub fn allow(&self, fees: Fees) -> bool {
        fees.max_fee_per_gas <= self.max_fee_per_gas
            && fees.max_fee_per_blob_gas.is_none_or(|fee| fee <= self.max_fee_per_blob_gas)
    }
}

impl Fees {
    /// A bid that survives a doubling of both base fees. `blob_base_fee` only for a transaction with blobs.
    pub fn over(base_fee: u128, tip: u128, blob_base_fee: Option<u128>) -> Self {
        let tip = tip.min(base_fee.max(SUGGESTED_TIP_MAX)).max(PRIORITY_FEE_MIN);
        Self {
            max_fee_per_gas: base_fee.saturating_mul(2).saturating_add(tip),
            max_priority_fee_per_gas: tip,
            max_fee_per_blob_gas: blob_base_fee.map(|fee| fee.saturating_mul(2).max(1)),
        }
    }

    /// The cheapest bid that is not below this one and that a pool takes in place of all of `held`.
    pub fn outbidding(self, held: impl IntoIterator<Item = Self>) -> Self {
        held.into_iter().fold(self, |bid, held| held.replaced_by(bid))
    }

    /// The cheapest bid that a pool takes in place of this one and that is not below `fresh`, whose kind it has.
    fn replaced_by(self, fresh: Self) -> Self {
        let has_blobs = self.max_fee_per_blob_gas.or(fresh.max_fee_per_blob_gas).is_some();
        let raise = |fee: u128| match has_blobs {
            true => fee.saturating_mul(2),
            false => fee.saturating_mul(11).div_ceil(10),
        };
        let max_priority_fee_per_gas = raise(self.max_priority_fee_per_gas).max(fresh.max_priority_fee_per_gas);
        Self {
            max_fee_per_gas: raise(self.max_fee_per_gas).max(fresh.max_fee_per_gas).max(max_priority_fee_per_gas),
            max_priority_fee_per_gas,
            max_fee_per_blob_gas: fresh
                .max_fee_per_blob_gas
                .map(|fee| fee.max(raise(self.max_fee_per_blob_gas.unwrap_or_default()))),
        }
    }
}

/// What L1 asks now.
pub(crate) async fn suggest(client: &L1Client, has_blobs: bool) -> Result<Fees, RpcFailure> {
    let base_fee = client.latest().await?.base_fee;
    let tip = client.request(client.provider().get_max_priority_fee_per_gas()).await?;
    let blob_base_fee = match has_blobs {
        true => Some(client.request(client.provider().get_blob_base_fee()).await?),
        false => None,
    };
    Ok(Fees::over(base_fee.into(), tip, blob_base_fee))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacements_pass_the_pools_rules() {
        for (base_fee, tip) in [(0, 0), (7, 3), (1_000_000_000, 1), (1, 1_000_000_001)] {
            let plain = Fees::over(base_fee, tip, None);
            let next = plain.replaced_by(plain);
            assert!(next.max_fee_per_gas * 100 >= plain.max_fee_per_gas * 110, "{plain:?}");
            assert!(next.max_priority_fee_per_gas * 100 >= plain.max_priority_fee_per_gas * 110, "{plain:?}");
            assert!(next.max_fee_per_gas >= next.max_priority_fee_per_gas);
            assert_eq!(next.max_fee_per_blob_gas, None);

            let blob = Fees::over(base_fee, tip, Some(0));
            let next = blob.replaced_by(blob);
            assert!(next.max_fee_per_gas >= blob.max_fee_per_gas * 2, "{blob:?}");
            assert!(next.max_priority_fee_per_gas >= blob.max_priority_fee_per_gas * 2, "{blob:?}");
            assert!(next.max_fee_per_blob_gas >= Some(2), "{blob:?}");
        }
    }

    #[test]
    fn one_kind_in_place_of_the_other_bids_for_its_own_gas_alone() {
        let (plain, blob) = (Fees::over(7, 3, None), Fees::over(7, 3, Some(5)));
        let next = plain.outbidding([blob]);
        assert!(next.max_fee_per_gas >= blob.max_fee_per_gas * 2 && next.max_fee_per_blob_gas.is_none());
        let next = blob.outbidding([plain, blob]);
        assert!(next.max_fee_per_gas >= plain.max_fee_per_gas * 2 && next.max_fee_per_blob_gas >= Some(20));
        assert_eq!(plain.outbidding([]), plain);
    }

    #[test]
    fn replacements_follow_the_market() {
        let market = Fees::over(1_000_000_000_000, 5_000_000_000, None);
        assert_eq!(Fees::over(1, 1, None).replaced_by(market), market);
    }

    #[test]
    fn absurd_suggestions_neither_overflow_nor_pass() {
        let absurd = Fees::over(u128::MAX, u128::MAX, Some(u128::MAX));
        assert!(!FeeLimits::default().allow(absurd.replaced_by(absurd)));
        let dear_blobs = Fees { max_fee_per_blob_gas: Some(u128::MAX), ..Fees::default() };
        assert!(!FeeLimits::default().allow(dear_blobs));
        assert!(FeeLimits::default().allow(Fees::over(1, 1, Some(1))));
        let tip = |base_fee, suggested| Fees::over(base_fee, suggested, None).max_priority_fee_per_gas;
        assert_eq!((tip(1, 900_000_000_000), tip(1, 3)), (SUGGESTED_TIP_MAX, PRIORITY_FEE_MIN));
        assert_eq!(tip(20_000_000_000, 900_000_000_000), 20_000_000_000);
    }
}
