//! `eth_getLogs`: ERC-20 transfers of bridged tokens, looked for block by block within bounds.

use alloy::{
    eips::BlockNumberOrTag,
    rpc::types::{Filter, FilterBlockOption},
};
use serde_json::Value;

use super::{chain::Named, context::PaymentsContext, json};
use crate::rpc::{Params, RpcError, filters::filter, flag};

/// The logs that fit a filter, in order.
pub fn logs(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let filter = filter(&context.limits, params, 0)?;
    let (first, last) = range(context, &filter)?;
    let (logs_max, mut found) = (context.limits.logs_max, Vec::new());
    for number in first..=last {
        // A reorganisation of L1 took it back meanwhile.
        let Some(block) = context.closed(number)? else { break };
        let transactions = json::known(&block)?;
        for (position, (index, log)) in json::logs(transactions).into_iter().enumerate() {
            if let Some(transaction) = transactions.get(index).filter(|_| filter.matches(&log)) {
                found.push(json::log(&block, transaction, index, position, &log));
            }
        }
        if found.len() > logs_max {
            let (what, limit) = ("logs in one answer; ask for fewer blocks", logs_max as u64);
            return Err(RpcError::LimitExceeded { what, limit, flag: flag::LOGS });
        }
    }
    Ok(Value::Array(found))
}

fn range(context: &PaymentsContext, filter: &Filter) -> Result<(u64, u64), RpcError> {
    let head = context.records.heads().latest;
    let number = |tag: Option<BlockNumberOrTag>| match tag.unwrap_or(BlockNumberOrTag::Latest) {
        BlockNumberOrTag::Number(number) if number > head => Err(RpcError::RangeBeyondHead),
        tag => match context.named(tag.into())?.ok_or(RpcError::UnknownBlock)? {
            Named::Number(number) => Ok(number),
            Named::Pending => Ok(head),
        },
    };
    let (first, last) = match filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let number = context.records.number(hash)?.ok_or(RpcError::UnknownBlock)?;
            (number, number)
        }
        FilterBlockOption::Range { from_block, to_block } => (number(from_block)?, number(to_block)?),
    };
    let (count, limit) = (last.checked_sub(first).ok_or(RpcError::ReversedRange)?, context.limits.log_blocks_max);
    if count >= limit {
        return Err(RpcError::LimitExceeded { what: "blocks in one query", limit, flag: flag::LOG_BLOCKS });
    }
    Ok((first, last))
}
