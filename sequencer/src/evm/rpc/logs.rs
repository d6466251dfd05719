//! `eth_getLogs`: blooms in headers say which blocks to open.

use alloy::{
    eips::BlockNumberOrTag,
    rpc::types::{Filter, FilterBlockOption},
};
use serde_json::Value;

use super::json;
use crate::rpc::{Params, RpcContext, RpcError, flag};

pub fn logs(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let filter: Filter = params.required(0, "a log filter")?;
    let alternatives = filter.address.len().max(filter.topics.iter().map(|topic| topic.len()).max().unwrap_or(0));
    let limits = &context.limits;
    if alternatives > limits.filter_max {
        let (what, limit) = ("addresses, or topics of one place, in a filter", limits.filter_max as u64);
        return Err(RpcError::LimitExceeded { what, limit, flag: flag::FILTER });
    }
    let (first, last) = range(context, &filter)?;
    let mut found = Vec::new();
    for number in first..=last {
        let Some(header) = context.store.header(number)? else { break };
        if header.logs_bloom.is_zero() || !filter.matches_bloom(header.logs_bloom) {
            continue;
        }
        let Some(block) = context.block(number)? else { break };
        let mut position = 0;
        for (index, receipt) in block.receipts.iter().enumerate() {
            for log in &receipt.logs {
                if filter.matches(log) {
                    found.push(json::log(&block, index, position, log));
                }
                position += 1;
            }
        }
        if found.len() > limits.logs_max {
            let (what, limit) = ("logs in one answer; ask for fewer blocks", limits.logs_max as u64);
            return Err(RpcError::LimitExceeded { what, limit, flag: flag::LOGS });
        }
    }
    Ok(Value::Array(found))
}

fn range(context: &RpcContext, filter: &Filter) -> Result<(u64, u64), RpcError> {
    let number = |tag: Option<BlockNumberOrTag>| {
        let tag = tag.unwrap_or(BlockNumberOrTag::Latest);
        match tag {
            // A range may end in the future; it may not begin there.
            BlockNumberOrTag::Number(number) => Ok(number),
            tag => context.number(tag.into())?.ok_or(RpcError::UnknownBlock),
        }
    };
    match filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let number = context.store.block_number(hash)?.ok_or(RpcError::UnknownBlock)?;
            Ok((number, number))
        }
        FilterBlockOption::Range { from_block, to_block } => {
            let (first, last) = (number(from_block)?, number(to_block)?.min(context.head()?.number));
            let limit = context.limits.log_blocks_max;
            if last.saturating_sub(first) >= limit {
                return Err(RpcError::LimitExceeded { what: "blocks in one query", limit, flag: flag::LOG_BLOCKS });
            }
            Ok((first, last))
        }
    }
}
