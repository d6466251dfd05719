//! `trace_` methods, as indexers use them: the calls inside transactions, one by one.

use alloy::{
    primitives::B256,
    rpc::types::{
        TransactionInfo,
        trace::{filter::TraceFilter, parity::LocalizedTransactionTrace},
    },
};
use revm_inspectors::tracing::{TracingInspector, TracingInspectorConfig};
use serde_json::Value;
use tandem_evm::{EvmBlock, WorldState, execute::inspect};
use tandem_store::Store;

use super::{
    call, eth,
    inspector::{Bounded, Steps},
    json,
    replay::{Execution, Replayed, replay},
};
use crate::rpc::{Params, RpcContext, RpcError, flag};

/// The traces of one transaction; null if there is none.
pub fn trace_transaction(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let hash: B256 = params.required(0, "a transaction hash")?;
    let Some((block, index)) = context.included(hash)? else { return Ok(Value::Null) };
    let mut traces = Traces::new(context);
    traces.add(context, &block, Some(index))?;
    json::value(&traces.found)
}

/// The traces of one block; null if there is none.
pub fn trace_block(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let Some(block) = eth::named_block(context, params)? else { return Ok(Value::Null) };
    let mut traces = Traces::new(context);
    if block.header.number > 0 {
        traces.add(context, &block, None)?;
    }
    json::value(&traces.found)
}

/// The traces of a range of blocks that concern these accounts.
pub fn trace_filter(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let filter: TraceFilter = params.required_object(0, "a trace filter")?;
    let head = context.head()?.number;
    let (first, last) = (filter.from_block.unwrap_or(head), filter.to_block.unwrap_or(head));
    if last > head || first > head {
        return Err(RpcError::RangeBeyondHead);
    }
    let count = last.checked_sub(first).ok_or(RpcError::ReversedRange)?;
    let limit = context.limits.trace_blocks_max;
    if count >= limit {
        return Err(RpcError::LimitExceeded { what: "blocks in one trace_filter", limit, flag: flag::TRACE_BLOCKS });
    }
    let matcher = filter.matcher();
    let wanted = filter.count.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
    let mut skip = usize::try_from(filter.after.unwrap_or_default()).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    let mut traces = Traces::new(context);
    for number in first.max(1)..=last {
        let Some(block) = context.block(number)? else { break };
        traces.add(context, &block, None)?;
        for trace in traces.found.drain(..) {
            if found.len() < wanted && matcher.matches(&trace.trace) {
                match skip.checked_sub(1) {
                    Some(left) => skip = left,
                    None => found.push(trace),
                }
            }
        }
        if found.len() >= wanted {
            break;
        }
    }
    json::value(&found)
}

/// Traces of one answer.
struct Traces {
    found: Vec<LocalizedTransactionTrace>,
    bytes_left: usize,
}

impl Traces {
    fn new(context: &RpcContext) -> Self {
        Self { found: Vec::new(), bytes_left: context.limits.trace_bytes_max }
    }

    /// Adds those of a block's transactions, or of one of them.
    fn add(&mut self, context: &RpcContext, block: &EvmBlock, only: Option<usize>) -> Result<(), RpcError> {
        let count = only.map_or(block.transactions.len(), |only| only.saturating_add(1));
        replay(context, block, count, |index, replayed, state| match replayed {
            Replayed::Executed(execution) if only.is_none_or(|only| only == index) => {
                self.trace(context, block, index, *execution, state)
            }
            Replayed::Executed(_) | Replayed::NotExecuted => Ok(()),
        })
    }

    fn trace(
        &mut self,
        context: &RpcContext,
        block: &EvmBlock,
        index: usize,
        execution: Execution,
        state: &mut WorldState<Store>,
    ) -> Result<(), RpcError> {
        let Execution { block: env, cfg, tx, charge } = execution;
        let inner = TracingInspector::new(TracingInspectorConfig::default_parity());
        let mut inspector = Bounded::new(inner, Steps::None, self.bytes_left);
        let outcome = inspect(state, env, cfg, tx, charge, &mut inspector);
        self.bytes_left = inspector.bytes_left();
        let Some(inspector) = inspector.complete() else {
            let limit = context.limits.trace_bytes_max as u64;
            return Err(RpcError::LimitExceeded { what: "bytes of one trace", limit, flag: flag::TRACE_BYTES });
        };
        outcome.map_err(call::refused)?;
        let info = TransactionInfo {
            hash: block.transactions.get(index).map(|transaction| transaction.hash()),
            index: Some(index as u64),
            block_hash: Some(block.hash),
            block_number: Some(block.header.number),
            base_fee: block.header.base_fee_per_gas,
            ..TransactionInfo::default()
        };
        let builder = inspector.clone().into_parity_builder();
        self.found.extend(builder.into_localized_transaction_traces_iter(info));
        Ok(())
    }
}
