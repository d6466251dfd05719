//! `eth_getLogs`: an index by address and topic says which blocks to open.

use std::hash::Hash;

use alloy::{
    eips::BlockNumberOrTag,
    rpc::types::{Filter, FilterBlockOption, FilterSet},
};
use serde_json::Value;
use tandem_store::{LogTerm, Searched};

use super::{chain::TRIES, json};
use crate::rpc::{Params, RpcContext, RpcError, filters::filter, flag};

pub fn logs(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    find(context, &filter(&context.limits, params, 0)?)
}

/// The logs that fit a filter, in order.
pub fn find(context: &RpcContext, filter: &Filter) -> Result<Value, RpcError> {
    let respects = respects(filter);
    let mut found = Vec::new();
    for _ in 0..TRIES {
        let (first, last) = range(context, filter)?;
        // What is found is of one chain if the last block of the range stayed what it was.
        let before = context.store.block_hash(last)?;
        found = within(context, filter, &respects, first, last)?;
        if before.is_some() && context.store.block_hash(last)? == before {
            break;
        }
    }
    Ok(Value::Array(found))
}

fn within(
    context: &RpcContext,
    filter: &Filter,
    respects: &[Vec<LogTerm>],
    first: u64,
    last: u64,
) -> Result<Vec<Value>, RpcError> {
    let logs_max = context.limits.logs_max;
    let mut search = context.store.search_logs(respects, first..=last)?;
    let mut found = Vec::new();
    loop {
        context.turns.check_time()?;
        let number = match search.step()? {
            Searched::Found(number) => number,
            Searched::Nothing => continue,
            Searched::End => return Ok(found),
        };
        let Some(block) = context.block(number)? else { return Ok(found) };
        let mut position = 0;
        for (index, receipt) in block.receipts.iter().enumerate() {
            for log in &receipt.logs {
                if filter.matches(log) {
                    found.push(json::log(&block, index, position, log));
                }
                position += 1;
            }
        }
        if found.len() > logs_max {
            let (what, limit) = ("logs in one answer; ask for fewer blocks", logs_max as u64);
            return Err(RpcError::LimitExceeded { what, limit, flag: flag::LOGS });
        }
    }
}

/// What a log must have, each as the terms of the index of which one is enough.
fn respects(filter: &Filter) -> Vec<Vec<LogTerm>> {
    let addresses = alternatives(&filter.address, |address| LogTerm::Address(*address));
    let topics = (0u8..).zip(&filter.topics);
    let topics = topics.map(|(place, set)| alternatives(set, |topic| LogTerm::Topic { place, topic: *topic }));
    std::iter::once(addresses).chain(topics).filter(|alternatives| !alternatives.is_empty()).collect()
}

fn alternatives<T: Eq + Hash>(set: &FilterSet<T>, term: impl Fn(&T) -> LogTerm) -> Vec<LogTerm> {
    set.iter().map(term).collect()
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
