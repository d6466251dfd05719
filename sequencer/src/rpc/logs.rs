//! `eth_getLogs`: blooms in headers say which blocks to open.

use alloy::{
    eips::BlockNumberOrTag,
    rpc::types::{Filter, FilterBlockOption},
};
use serde_json::Value;

use super::{Params, RpcContext, RpcError, json};

/// Blocks of one query.
const BLOCKS_MAX: u64 = 100_000;
/// Addresses of one filter, and topics of each place in it.
const ALTERNATIVES_MAX: usize = 256;
/// Logs of one answer.
const LOGS_MAX: usize = 10_000;

pub fn logs(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let filter: Filter = params.required(0, "a log filter")?;
    let alternatives = filter.address.len().max(filter.topics.iter().map(|topic| topic.len()).max().unwrap_or(0));
    if alternatives > ALTERNATIVES_MAX {
        let limit = ALTERNATIVES_MAX as u64;
        return Err(RpcError::LimitExceeded { what: "addresses, or topics of one place, in a filter", limit });
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
        if found.len() > LOGS_MAX {
            return Err(RpcError::LimitExceeded {
                what: "logs in one answer; ask for fewer blocks",
                limit: LOGS_MAX as u64,
            });
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
            if last.saturating_sub(first) >= BLOCKS_MAX {
                return Err(RpcError::LimitExceeded { what: "blocks in one query", limit: BLOCKS_MAX });
            }
            Ok((first, last))
        }
    }
}
