//! `eth_getLogs`: blooms in headers say which blocks to open.

use alloy::{
    eips::BlockNumberOrTag,
    rpc::types::{Filter, FilterBlockOption},
};
use serde_json::Value;

use super::json;
use crate::rpc::{Params, RpcContext, RpcError, filters::filter, flag};

pub fn logs(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    find(context, &filter(context, params, 0)?)
}

/// The logs that fit a filter, in order.
pub fn find(context: &RpcContext, filter: &Filter) -> Result<Value, RpcError> {
    let limits = &context.limits;
    let (first, last) = range(context, filter)?;
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
    // Asked first: what a tag means may have grown since, and is within the range then.
    let head = context.head()?.number;
    let number = |tag: Option<BlockNumberOrTag>| match tag.unwrap_or(BlockNumberOrTag::Latest) {
        BlockNumberOrTag::Latest | BlockNumberOrTag::Pending => Ok(head),
        BlockNumberOrTag::Number(number) if number > head => Err(RpcError::RangeBeyondHead),
        BlockNumberOrTag::Number(number) => Ok(number),
        tag => context.number(tag.into())?.ok_or(RpcError::UnknownBlock),
    };
    match filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let number = context.store.block_number(hash)?.ok_or(RpcError::UnknownBlock)?;
            Ok((number, number))
        }
        FilterBlockOption::Range { from_block, to_block } => {
            let (first, last) = (number(from_block)?, number(to_block)?);
            let count = last.checked_sub(first).ok_or(RpcError::ReversedRange)?;
            let limit = context.limits.log_blocks_max;
            if count >= limit {
                return Err(RpcError::LimitExceeded { what: "blocks in one query", limit, flag: flag::LOG_BLOCKS });
            }
            Ok((first, last))
        }
    }
}
