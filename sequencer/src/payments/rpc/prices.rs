//! What gas costs: the operator's price, which is the same for everybody, and a tip as Ethereum knows it, since there is no base fee (PAY-GAS).

use alloy::{primitives::U64, rpc::types::FeeHistory};
use serde_json::Value;

use super::{context::PaymentsContext, json};
use crate::{
    payments::records::{Block, Origin},
    rpc::{Params, RpcError, percentiles},
};

/// What the operator asks for each gas, in wei.
pub fn gas_price(context: &PaymentsContext) -> Result<Value, RpcError> {
    json::quantity(context.config.gas_price)
}

/// Fees of blocks up to the newest one that is asked for. A block whose transactions are not known ends them: like other nodes' this answer may begin later than it was asked
/// to, and `oldestBlock` says where. It is an error if the newest is such a block, of which nothing could be told.
pub fn fee_history(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let count: U64 = params.required(0, "a number of blocks")?;
    let newest = params.required_number_or_tag(1)?;
    let wanted = percentiles::wanted(params, &context.limits)?;
    let newest = context.number(newest.into())?.ok_or(RpcError::UnknownBlock)?;
    let end = newest.saturating_add(1);
    let count = count.to::<u64>().clamp(1, context.limits.fee_history_max).min(end);
    let limit = context.shown().gas_limit;
    let oldest = end.saturating_sub(count);
    let mut history = FeeHistory { oldest_block: oldest, ..Default::default() };
    let mut rewards = Vec::new();
    for number in oldest..end {
        context.turns.check_time()?;
        let block = context.block(number)?.ok_or(RpcError::UnknownBlock)?;
        if block.transactions.is_none() {
            history = FeeHistory { oldest_block: number.saturating_add(1), ..Default::default() };
            rewards.clear();
            continue;
        }
        history.base_fee_per_gas.push(0);
        let used = json::gas_used(&block);
        history.gas_used_ratio.push(used as f64 / limit.max(used) as f64);
        history.base_fee_per_blob_gas.push(1);
        history.blob_gas_used_ratio.push(0.0);
        rewards.push(percentiles::tips(paid(&block), &wanted));
    }
    if history.oldest_block == end {
        return Err(RpcError::TransactionsUnknown { number: newest });
    }
    history.base_fee_per_gas.push(0);
    history.base_fee_per_blob_gas.push(1);
    history.reward = (!wanted.is_empty()).then_some(rewards);
    json::value(&history)
}

/// What each operation of a block paid for a gas, in wei, and how much gas it took.
fn paid(block: &Block) -> Vec<(u128, u64)> {
    let paid = json::transactions(block).iter().filter_map(|transaction| match transaction.origin {
        Origin::Operation { price, .. } => Some((price.into(), transaction.gas)),
        Origin::Message { .. } => None,
    });
    paid.collect()
}
