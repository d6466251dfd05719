//! Filters: what happened since somebody asked last (`eth_newFilter` and its family), for who has no WebSocket.
//!
//! A filter is a cursor into the news; nothing happens until it is asked. One that nobody asks for long goes, and so does one that was overtaken.

use alloy::{
    primitives::{B128, Log},
    rpc::types::{Filter, FilterBlockOption},
};
use serde_json::{Value, json};
use tandem_evm::Recovered;

use super::{
    Params, RpcContext, RpcError, RpcLimits, flag,
    installed::{Installed, Wanted},
    news::ChainEvent,
};

pub fn new_block_filter(context: &RpcContext) -> Result<Value, RpcError> {
    context.filters.install(Wanted::Blocks, context.news.chain().end())
}

pub fn new_pending_transaction_filter(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let full = params.optional(0, "true or false")?.unwrap_or(false);
    context.filters.install(Wanted::Transactions { full }, context.news.pool().end())
}

pub fn new_filter(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let filter = filter(&context.limits, params, 0)?;
    context.filters.install(Wanted::Logs(Box::new(filter)), context.news.chain().end())
}

pub fn uninstall_filter(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    match id(params) {
        Ok(id) => Ok(context.filters.remove(&id).into()),
        Err(RpcError::UnknownFilter) => Ok(false.into()),
        Err(error) => Err(error),
    }
}

/// The log filter that parameter `index` is.
pub(crate) fn filter(limits: &RpcLimits, params: &Params, index: usize) -> Result<Filter, RpcError> {
    let filter: Filter = params.required_object(index, "a log filter")?;
    let alternatives = filter.address.len().max(filter.topics.iter().map(|topic| topic.len()).max().unwrap_or(0));
    let limit = limits.filter_max;
    if alternatives > limit {
        let (what, limit) = ("addresses, or topics of one place, in a filter", limit as u64);
        return Err(RpcError::LimitExceeded { what, limit, flag: flag::FILTER });
    }
    Ok(filter)
}

/// Everything that fits a log filter, whenever it was.
pub fn filter_logs(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    match context.filters.ask(&id(params)?)?.wanted {
        Wanted::Logs(filter) => {
            let asked = Params::new(Some(json!([filter])))?;
            (context.methods.read)(context, "eth_getLogs", &asked)
        }
        Wanted::Blocks | Wanted::Transactions { .. } => Err(RpcError::UnknownFilter),
    }
}

/// What fits a filter and happened since it was asked last.
pub fn filter_changes(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let id = id(params)?;
    let Installed { wanted, mut cursor, .. } = context.filters.ask(&id)?;
    let changes = changes(context, &wanted, &mut cursor);
    match changes {
        Ok(changes) => {
            context.filters.advance(&id, cursor);
            Ok(Value::Array(changes))
        }
        Err(error) => {
            context.filters.remove(&id);
            Err(error)
        }
    }
}

/// About as many changes as an answer may have: the rest comes with the next question.
fn changes(context: &RpcContext, wanted: &Wanted, cursor: &mut u64) -> Result<Vec<Value>, RpcError> {
    let (news, count_max) = (&context.news, context.limits.logs_max);
    let mut found = Vec::new();
    if let Wanted::Transactions { full } = wanted {
        for transaction in news.pool().read(cursor, count_max).map_err(|_| RpcError::UnknownFilter)? {
            found.push(arrival(context, &transaction, *full)?);
        }
        return Ok(found);
    }
    while found.len() < count_max {
        let events = news.chain().read(cursor, 1).map_err(|_| RpcError::UnknownFilter)?;
        let Some(event) = events.first() else { break };
        match (wanted, event) {
            (Wanted::Blocks, ChainEvent::Added(block)) => found.push(json!(block.hash)),
            (Wanted::Logs(filter), event) => found.extend(matching(filter, event)),
            (Wanted::Blocks | Wanted::Transactions { .. }, _) => {}
        }
    }
    Ok(found)
}

/// A transaction that arrived: its hash, or all of it.
pub fn arrival(context: &RpcContext, transaction: &Recovered, full: bool) -> Result<Value, RpcError> {
    match full {
        true => (context.methods.waiting)(transaction),
        false => Ok(json!(transaction.transaction().hash())),
    }
}

/// The logs of an event that fit a filter, those of a block that was taken back marked so.
pub fn matching(filter: &Filter, event: &ChainEvent) -> Vec<Value> {
    let (block, removed) = match event {
        ChainEvent::Added(block) => (block, false),
        ChainEvent::Removed(block) => (block, true),
    };
    if !is_in_range(filter, block.number) || !filter.matches_bloom(block.bloom) {
        return Vec::new();
    }
    let fits = |(log, object): &(Log, Value)| {
        filter.matches(log).then(|| {
            let mut object = object.clone();
            object["removed"] = removed.into();
            object
        })
    };
    block.logs.iter().filter_map(fits).collect()
}

/// Whether a block lies where a filter looks, as far as it names numbers.
fn is_in_range(filter: &Filter, number: u64) -> bool {
    let FilterBlockOption::Range { from_block, to_block } = filter.block_option else { return false };
    let from = from_block.and_then(|from| from.as_number()).unwrap_or_default();
    let to = to_block.and_then(|to| to.as_number()).unwrap_or(u64::MAX);
    (from..=to).contains(&number)
}

/// Ids are words to callers: one that was never given out is unknown, whatever it looks like.
fn id(params: &Params) -> Result<B128, RpcError> {
    let id: String = params.required(0, "the id of a filter")?;
    id.parse().map_err(|_| RpcError::UnknownFilter)
}
