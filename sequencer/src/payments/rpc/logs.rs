//! `eth_getLogs`: the `Transfer` logs of tokens, block by block. A block whose transactions are not known is an error, and never a gap.

use alloy::{
    eips::BlockNumberOrTag,
    rpc::types::{Filter, FilterBlockOption},
};
use serde_json::Value;

use super::{
    blocks::known,
    context::{PaymentsContext, TRIES},
    json::{self, TRANSFER_TOPIC},
    refusal::Refusal,
};
use crate::rpc::{Params, RpcError, filters, flag};

/// Blocks in the range of one request. There is no index: each of them is read.
const BLOCKS_MAX: u64 = 10_000;

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
    // No token has other logs.
    let [topic, ..] = &filter.topics;
    if !topic.matches(&TRANSFER_TOPIC) {
        return Ok(found);
    }
    for number in first..=last {
        context.turns.check_time()?;
        let Some(block) = context.block(number)? else { return Ok(found) };
        let logs = json::logs_that(&*known(block)?, |log| filter.matches(log));
        found.extend(logs.into_iter().map(|(_, shown)| shown));
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
            check_count(first, last, context.limits.log_blocks_max)?;
            Ok((first, last))
        }
    }
}

/// Refuses a range of more blocks than the operator's limit, or this chain's, whichever is less.
fn check_count(first: u64, last: u64, limit: u64) -> Result<(), RpcError> {
    let further = last.checked_sub(first).ok_or(RpcError::ReversedRange)?;
    if further < limit.min(BLOCKS_MAX) {
        return Ok(());
    }
    if limit < BLOCKS_MAX {
        return Err(RpcError::LimitExceeded { what: "blocks in one query", limit, flag: flag::LOG_BLOCKS });
    }
    Err(Refusal::LogRange { limit: BLOCKS_MAX }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_at_most_as_many_blocks_as_are_read_for_one_request() {
        let refused = |first, last, limit| check_count(first, last, limit).map_err(|error| error.to_string()).err();
        let flagged = "blocks in one query: at most 5 (--rpc-log-blocks-max)";
        let bound = "blocks in one query: at most 10000 on this chain; ask for the range in parts";
        for (first, last, limit, expected) in [
            (1, 10_000, 1_000_000, None),
            (0, 10_000, 1_000_000, Some(bound)),
            (0, u64::MAX, u64::MAX, Some(bound)),
            (7, 11, 5, None),
            (7, 12, 5, Some(flagged)),
            (8, 7, 5, Some("invalid block range params")),
        ] {
            assert_eq!(refused(first, last, limit).as_deref(), expected, "{first}..={last}, at most {limit}");
        }
    }
}
