//! Filters: what happened since somebody asked last (`eth_newFilter` and its family), for who has no WebSocket.
//!
//! A filter is a cursor into the news; nothing happens until it is asked. One that nobody asks for long goes, and so does one that was overtaken.

use alloy::{
    primitives::{B128, Log},
    rpc::types::{Filter, FilterBlockOption},
};
use serde_json::{Value, json};

use super::{
    Params, RpcError, RpcLimits, Service, flag,
    installed::{Installed, Wanted},
    news::ChainEvent,
};

pub fn new_block_filter(service: &impl Service) -> Result<Value, RpcError> {
    service.filters().install(Wanted::Blocks, service.news().chain().end())
}

pub fn new_pending_transaction_filter(service: &impl Service, params: &Params) -> Result<Value, RpcError> {
    let full = params.optional(0, "true or false")?.unwrap_or(false);
    service.filters().install(Wanted::Transactions { full }, service.news().pool().end())
}

pub fn new_filter(service: &impl Service, params: &Params) -> Result<Value, RpcError> {
    let filter = filter(service.limits(), params, 0)?;
    service.filters().install(Wanted::Logs(Box::new(filter)), service.news().chain().end())
}

pub fn uninstall_filter(service: &impl Service, params: &Params) -> Result<Value, RpcError> {
    match id(params) {
        Ok(id) => Ok(service.filters().remove(&id).into()),
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
pub fn filter_logs(service: &impl Service, params: &Params) -> Result<Value, RpcError> {
    match service.filters().ask(&id(params)?)?.wanted {
        Wanted::Logs(filter) => service.logs(&filter),
        Wanted::Blocks | Wanted::Transactions { .. } => Err(RpcError::UnknownFilter),
    }
}

/// What fits a filter and happened since it was asked last.
pub fn filter_changes(service: &impl Service, params: &Params) -> Result<Value, RpcError> {
    let id = id(params)?;
    let Installed { wanted, mut cursor, .. } = service.filters().ask(&id)?;
    let changes = changes(service, &wanted, &mut cursor);
    match changes {
        Ok(changes) => {
            service.filters().advance(&id, cursor);
            Ok(Value::Array(changes))
        }
        Err(error) => {
            service.filters().remove(&id);
            Err(error)
        }
    }
}

/// About as many changes as an answer may have: the rest comes with the next question.
fn changes(service: &impl Service, wanted: &Wanted, cursor: &mut u64) -> Result<Vec<Value>, RpcError> {
    let (news, count_max) = (service.news(), service.limits().logs_max);
    let mut found = Vec::new();
    if let Wanted::Transactions { full } = wanted {
        for transaction in news.pool().read(cursor, count_max).map_err(|_| RpcError::UnknownFilter)? {
            found.push(service.arrival(&transaction, *full)?);
        }
        return Ok(found);
    }
    while found.len() < count_max {
        let events = news.chain().read(cursor, 1).map_err(|_| RpcError::UnknownFilter)?;
        let Some(event) = events.first() else { break };
        match (wanted, event) {
            (Wanted::Blocks, ChainEvent::Added(block)) => found.push(json!(block.hash)),
            (Wanted::Logs(filter), event) => found.extend(matching(filter, event)?),
            (Wanted::Blocks | Wanted::Transactions { .. }, _) => {}
        }
    }
    Ok(found)
}

/// The logs of an event that fit a filter, those of a block that was taken back marked so. An error if a block was added whose logs are not known, so that nobody
/// takes them for none; when such a block goes, nothing was told of it that would have to be taken back.
pub fn matching(filter: &Filter, event: &ChainEvent) -> Result<Vec<Value>, RpcError> {
    let (block, removed) = match event {
        ChainEvent::Added(block) => (block, false),
        ChainEvent::Removed(block) => (block, true),
    };
    if !is_in_range(filter, block.number) {
        return Ok(Vec::new());
    }
    let Some(logs) = &block.logs else {
        return if removed { Ok(Vec::new()) } else { Err(RpcError::TransactionsUnknown { number: block.number }) };
    };
    if !filter.matches_bloom(block.bloom) {
        return Ok(Vec::new());
    }
    let fits = |(log, object): &(Log, Value)| {
        filter.matches(log).then(|| {
            let mut object = object.clone();
            object["removed"] = removed.into();
            object
        })
    };
    Ok(logs.iter().filter_map(fits).collect())
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
