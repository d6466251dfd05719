//! `eth_getLogs`: the `Transfer` logs of tokens, block by block. A block whose transactions are not known is an error, and never a gap.

use alloy::{
    eips::BlockNumberOrTag,
    rpc::types::{Filter, FilterBlockOption},
};
use serde_json::Value;

use super::{
    blocks::known,
    context::{PaymentsContext, TRIES},
    json,
};
use crate::rpc::{Params, RpcError, filters, flag};

pub fn logs(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    find(context, &filters::filter(&context.limits, params, 0)?)
}

/// The logs that fit a filter, in order.
pub fn find(context: &PaymentsContext, filter: &Filter) -> Result<Value, RpcError> {
    let mut found = Vec::new();
    for _ in 0..TRIES {
        let (first, last) = range(context, filter)?;
        // What is found is of one chain if the last block of the range stayed what it was.
        let before = context.block(last)?.map(|block| block.hash);
        found = within(context, filter, first, last)?;
        if before.is_some() && context.block(last)?.map(|block| block.hash) == before {
            break;
        }
    }
    Ok(Value::Array(found))
}

fn within(context: &PaymentsContext, filter: &Filter, first: u64, last: u64) -> Result<Vec<Value>, RpcError> {
    let logs_max = context.limits.logs_max;
    let mut found = Vec::new();
    for number in first..=last {
        context.check_time()?;
        let Some(block) = context.block(number)? else { return Ok(found) };
        let logs = json::logs(&*known(block)?).into_iter();
        found.extend(logs.filter(|(log, _)| filter.matches(log)).map(|(_, shown)| shown));
        if found.len() > logs_max {
            let (what, limit) = ("logs in one answer; ask for fewer blocks", logs_max as u64);
            return Err(RpcError::LimitExceeded { what, limit, flag: flag::LOGS });
        }
    }
    Ok(found)
}

fn range(context: &PaymentsContext, filter: &Filter) -> Result<(u64, u64), RpcError> {
    // Asked first: what a tag means may have grown since, and is within the range then.
    let head = context.records.heads().latest;
    let number = |tag: Option<BlockNumberOrTag>| match tag.unwrap_or(BlockNumberOrTag::Latest) {
        BlockNumberOrTag::Latest | BlockNumberOrTag::Pending => Ok(head),
        BlockNumberOrTag::Number(number) if number > head => Err(RpcError::RangeBeyondHead),
        BlockNumberOrTag::Number(number) => Ok(number),
        tag => context.number(tag.into())?.ok_or(RpcError::UnknownBlock),
    };
    match filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let number = context.number(hash.into())?.ok_or(RpcError::UnknownBlock)?;
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
