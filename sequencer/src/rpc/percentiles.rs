//! Percentiles of what transactions paid, as `eth_feeHistory` asks for them.

use super::{Params, RpcError, RpcLimits, flag};

/// The percentiles that parameter 2 names, from 0 to 100 in rising order.
pub(crate) fn wanted(params: &Params, limits: &RpcLimits) -> Result<Vec<f64>, RpcError> {
    let percentiles: Vec<f64> = params.optional(2, "an array of percentiles")?.unwrap_or_default();
    let are_valid = percentiles.iter().all(|percentile| (0.0..=100.0).contains(percentile)) && percentiles.is_sorted();
    if !are_valid {
        return Err(RpcError::InvalidParam { index: 2, expected: "percentiles from 0 to 100 in rising order" });
    }
    let limit = limits.percentiles_max;
    if percentiles.len() > limit {
        return Err(RpcError::LimitExceeded { what: "percentiles", limit: limit as u64, flag: flag::PERCENTILES });
    }
    Ok(percentiles)
}

/// Tips per gas, in wei, at percentiles of the gas that transactions used; zeros if there were none. Each is a tip with the gas it was paid for.
pub(crate) fn tips(mut paid: Vec<(u128, u64)>, percentiles: &[f64]) -> Vec<u128> {
    paid.sort_unstable();
    let gas_total: u64 = paid.iter().fold(0, |sum, (_, gas)| sum.saturating_add(*gas));
    let at = |percentile: &f64| {
        let threshold = (gas_total as f64 * percentile / 100.0) as u64;
        let mut gas_so_far: u64 = 0;
        let reached = paid.iter().find(|(_, gas)| {
            gas_so_far = gas_so_far.saturating_add(*gas);
            gas_so_far >= threshold
        });
        reached.map_or(0, |(tip, _)| *tip)
    };
    percentiles.iter().map(at).collect()
}
