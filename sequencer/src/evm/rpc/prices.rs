//! Methods about what gas and data cost: Ethereum's answers, from a base fee that has the data fee in it (EVM-FEE-3).

use alloy::{
    consensus::Header,
    primitives::{Bytes, U64},
    rpc::types::FeeHistory,
};
use serde_json::Value;
use tandem_evm::{EvmBlock, Transaction, fees, fees::BaseFee};

use super::json;
use crate::{
    clock::Clock,
    rpc::{Params, RpcContext, RpcError, percentiles},
};

/// Tip that blocks which are not full ask for, in wei: none is needed, one shows that tips work.
pub const TIP: u64 = 1_000_000;
/// Seconds for which a gas price is good while L1's price rises as fast as it can.
const QUOTE_S: u64 = 24;

/// What a transaction should offer that names one price: enough for the next block, and for as long as signing and sending may take while
/// the base fee climbs to the newest price that is known of L1, named by a batch or not.
pub fn gas_price(context: &RpcContext) -> Result<Value, RpcError> {
    let head = context.header(None)?;
    let now = Clock::system().unix_s();
    let (_, mut state) = context.state(Some(head.number.into()))?;
    let named = Some(state.checkpoint()?);
    let newest = context.store.checkpoint_at_or_before(u64::MAX)?;
    let min_base_fee = context.chain.min_base_fee;
    let quote = |checkpoint| BaseFee::within(QUOTE_S, &head, now, min_base_fee, &checkpoint).total();
    let base_fee = named.into_iter().chain(newest).map(quote).max().unwrap_or(min_base_fee);
    json::quantity(base_fee.saturating_add(TIP))
}

/// The base fee of the block after one, if the batch goes on; another batch's first block moves it no faster (EVM-FEE-2).
pub fn next_base_fee(context: &RpcContext, header: &Header) -> Result<u64, RpcError> {
    let (_, mut state) = context.state(Some(header.number.into()))?;
    let min_base_fee = context.chain.min_base_fee;
    Ok(BaseFee::after(header, header.timestamp, min_base_fee, &state.checkpoint()?).total())
}

/// What a signed transaction would pay for its data now, in wei.
pub fn estimate_l1_fee(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let bytes: Bytes = params.required(0, "a signed transaction")?;
    let (_, mut state) = context.state(None)?;
    json::quantity(fees::l1_data_fee(&bytes, &state.checkpoint()?))
}

pub fn max_priority_fee() -> Result<Value, RpcError> {
    json::quantity(TIP)
}

pub fn fee_history(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let count: U64 = params.required(0, "a number of blocks")?;
    let newest = params.required_number_or_tag(1)?;
    let percentiles = percentiles::wanted(params, &context.limits)?;
    let newest = context.number(newest.into())?.ok_or(RpcError::UnknownBlock)?;
    let count = count.to::<u64>().clamp(1, context.limits.fee_history_max).min(newest + 1);
    let oldest = newest + 1 - count;
    let mut history = FeeHistory { oldest_block: oldest, ..Default::default() };
    let mut rewards = Vec::new();
    for number in oldest..=newest {
        context.turns.check_time()?;
        let header = context.header(Some(number.into()))?;
        history.base_fee_per_gas.push(header.base_fee_per_gas.unwrap_or_default().into());
        history.gas_used_ratio.push(header.gas_used as f64 / header.gas_limit.max(1) as f64);
        history.base_fee_per_blob_gas.push(1);
        history.blob_gas_used_ratio.push(0.0);
        if !percentiles.is_empty() {
            let block = context.block(number)?.ok_or(RpcError::UnknownBlock)?;
            rewards.push(percentiles::tips(tips(&block), &percentiles));
        }
    }
    let next_base_fee = match context.store.header(newest.saturating_add(1))? {
        Some(next) => next.base_fee_per_gas.unwrap_or_default(),
        None => next_base_fee(context, &context.header(Some(newest.into()))?)?,
    };
    history.base_fee_per_gas.push(next_base_fee.into());
    history.base_fee_per_blob_gas.push(1);
    history.reward = (!percentiles.is_empty()).then_some(rewards);
    json::value(&history)
}

/// The tip that each paying transaction of a block gave for a gas, in wei, and how much gas it used.
fn tips(block: &EvmBlock) -> Vec<(u128, u64)> {
    let base_fee = block.header.base_fee_per_gas.unwrap_or_default();
    let mut paid: Vec<(u128, u64)> = Vec::new();
    for (index, transaction) in block.transactions.iter().enumerate() {
        if let Transaction::Signed(signed) = transaction {
            let tip = signed.transaction().fields().effective_tip_per_gas(base_fee);
            paid.push((tip.unwrap_or_default(), json::gas_used(block, index)));
        }
    }
    paid
}
