//! Prices: the operator's quote, which is all there is (there is no base fee, PAY-USER).

use alloy::primitives::{U64, U256};
use serde_json::{Value, json};

use super::{chain::Named, context::PaymentsContext, json};
use crate::rpc::{Params, RpcError, flag};

/// What the operator asks, in wei per gas.
pub fn gas_price(context: &PaymentsContext) -> Value {
    json!(U256::from(context.config.gas_price))
}

/// The gas that blocks used; base fees are zero, and every tip is the quote.
pub fn fee_history(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let count: U64 = params.required(0, "a number of blocks")?;
    let newest = params.required_number_or_tag(1)?;
    let percentiles: Vec<f64> = params.optional(2, "an array of percentiles")?.unwrap_or_default();
    let limit = context.limits.percentiles_max;
    if percentiles.len() > limit {
        return Err(RpcError::LimitExceeded { what: "percentiles", limit: limit as u64, flag: flag::PERCENTILES });
    }
    let newest = match context.named(newest.into())? {
        Some(Named::Number(number)) => number,
        Some(Named::Pending) => context.records.heads().latest,
        None => return Err(RpcError::UnknownBlock),
    };
    let count = count.to::<u64>().clamp(1, context.limits.fee_history_max).min(newest.saturating_add(1));
    let oldest = newest.saturating_add(1).saturating_sub(count);
    let mut used = Vec::new();
    for number in oldest..=newest {
        let block = context.closed(number)?.ok_or(RpcError::UnknownBlock)?;
        let gas: u64 = json::known(&block)?.iter().map(|transaction| transaction.gas).sum();
        used.push(gas as f64 / context.chain.block_gas_limit.max(1) as f64);
    }
    let rewards = vec![vec![gas_price(context); percentiles.len()]; used.len()];
    Ok(json!({
        "oldestBlock": U256::from(oldest),
        "baseFeePerGas": vec!["0x0"; used.len().saturating_add(1)],
        "gasUsedRatio": used,
        "reward": if percentiles.is_empty() { Value::Null } else { json!(rewards) },
    }))
}
