//! `debug_` methods: what happened inside transactions and calls, as geth's tracers tell it, and blocks as they are encoded.

use alloy::{
    consensus::Header,
    primitives::{B256, Bytes},
    rlp::Decodable,
    rpc::types::{
        TransactionRequest,
        trace::geth::{
            GethDebugBuiltInTracerType, GethDebugTracerType, GethDebugTracingCallOptions, GethDebugTracingOptions,
        },
    },
};
use revm::context::result::ResultAndState;
use revm_inspectors::tracing::{DebugInspector, DebugInspectorError, TransactionContext};
use serde_json::{Value, json};
use tandem_evm::{EvmBlock, WorldState, execute::inspect};
use tandem_store::Store;

use super::{
    call::{self, Simulation},
    eth,
    inspector::{Bounded, Steps},
    json,
    overrides::Overrides,
    pool,
    replay::{Execution, Replayed, Shared, replay},
};
use crate::rpc::{Params, RpcContext, RpcError, flag};

pub fn trace_transaction(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let hash: B256 = params.required(0, "a transaction hash")?;
    let tracer = Tracer::new(context, options(params, 1)?)?;
    let (block, wanted) = context.included(hash)?.ok_or(RpcError::UnknownTransaction)?;
    let mut traced = Err(RpcError::UnknownTransaction);
    replay(context, &block, wanted.saturating_add(1), |index, replayed, state| {
        if index == wanted {
            traced = tracer.trace(replayed, state, Some(place(&block, index)));
        }
        Ok(())
    })?;
    traced
}

/// Each transaction of a block by itself: its trace, or why there is none.
pub fn trace_block(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let block = eth::named_block(context, params)?.ok_or(RpcError::UnknownBlock)?;
    trace_all(context, &block, options(params, 1)?)
}

/// Likewise, of a block that is given as its RLP; it must be one of this chain.
pub fn trace_encoded_block(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    const EXPECTED: RpcError = RpcError::InvalidParam { index: 0, expected: "the RLP of a block" };
    let bytes: Bytes = params.required(0, "the RLP of a block")?;
    let mut rest = bytes.as_ref();
    let list = alloy::rlp::Header::decode(&mut rest).map_err(|_| EXPECTED)?;
    let header = Header::decode(&mut rest).map_err(|_| EXPECTED)?;
    let number = context.store.block_number(header.hash_slow())?.filter(|_| list.list).ok_or(RpcError::UnknownBlock)?;
    let block = context.block(number)?.ok_or(RpcError::UnknownBlock)?;
    trace_all(context, &block, options(params, 1)?)
}

fn trace_all(context: &RpcContext, block: &EvmBlock, options: GethDebugTracingOptions) -> Result<Value, RpcError> {
    let tracer = Tracer::new(context, options)?;
    let mut bytes_left = tracer.bytes_max;
    let mut traces = Vec::with_capacity(block.transactions.len());
    replay(context, block, block.transactions.len(), |index, replayed, state| {
        let hash = block.transactions.get(index).map(|transaction| transaction.hash());
        traces.push(match tracer.trace_within(&mut bytes_left, replayed, state, Some(place(block, index))) {
            Ok(trace) => json!({ "txHash": hash, "result": trace }),
            Err(RpcError::NotExecuted) => json!({ "txHash": hash, "error": RpcError::NotExecuted.to_string() }),
            Err(error) => return Err(error),
        });
        Ok(())
    })?;
    Ok(Value::Array(traces))
}

/// A call that nobody sends, on the state after a block, or before one of its transactions.
pub fn trace_call(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let request: TransactionRequest = params.required_object(0, "a call")?;
    let id = params.block(1)?;
    let GethDebugTracingCallOptions { tracing_options, state_overrides, block_overrides, tx_index } =
        params.object(2, "tracing options")?.unwrap_or_default();
    let tracer = Tracer::new(context, tracing_options)?;
    let overrides = Overrides { state: state_overrides, block: block_overrides };
    let Some(wanted) = tx_index else {
        let mut simulation = Simulation::of(context, request, id, overrides, context.limits.call_gas_max)?;
        let execution = simulation.execution()?;
        return tracer.trace(Replayed::Executed(Box::new(execution)), &mut simulation.state, None);
    };
    let number = context.number(id.unwrap_or_default())?.ok_or(RpcError::UnknownBlock)?;
    let block = context.block(number)?.ok_or(RpcError::UnknownBlock)?;
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    if wanted >= block.transactions.len() {
        return Err(RpcError::UnknownTransaction);
    }
    let mut traced = Err(RpcError::UnknownTransaction);
    replay(context, &block, wanted.saturating_add(1), |index, _, state| {
        if index == wanted {
            let state = std::mem::replace(state, WorldState::open(block.header.state_root, context.store.clone()));
            let header = block.header.clone();
            let gas_max = context.limits.call_gas_max;
            traced = Simulation::on(context, request.clone(), &header, state, overrides.clone(), gas_max).and_then(
                |mut simulation| {
                    let execution = simulation.execution()?;
                    tracer.trace(Replayed::Executed(Box::new(execution)), &mut simulation.state, None)
                },
            );
        }
        Ok(())
    })?;
    traced
}

fn options(params: &Params, index: usize) -> Result<GethDebugTracingOptions, RpcError> {
    Ok(params.object(index, "tracing options")?.unwrap_or_default())
}

fn place(block: &EvmBlock, index: usize) -> TransactionContext {
    let tx_hash = block.transactions.get(index).map(|transaction| transaction.hash());
    TransactionContext { block_hash: Some(block.hash), tx_index: Some(index), tx_hash }
}

/// A tracer as it was asked for.
struct Tracer {
    options: GethDebugTracingOptions,
    steps: Steps,
    bytes_max: usize,
}

impl Tracer {
    fn new(context: &RpcContext, options: GethDebugTracingOptions) -> Result<Self, RpcError> {
        let steps = match &options.tracer {
            None => Steps::Recorded { memory: options.config.is_memory_enabled() },
            // It records every step to tell which opcodes ran.
            Some(GethDebugTracerType::BuiltInTracer(GethDebugBuiltInTracerType::Erc7562Tracer)) => {
                Steps::Recorded { memory: false }
            }
            Some(_) => Steps::None,
        };
        // Refused before anything runs.
        DebugInspector::new(options.clone()).map_err(refusal)?;
        Ok(Self { options, steps, bytes_max: context.limits.trace_bytes_max })
    }

    fn trace(
        &self,
        replayed: Replayed,
        state: &mut WorldState<Store>,
        place: Option<TransactionContext>,
    ) -> Result<Value, RpcError> {
        self.trace_within(&mut self.bytes_max.clone(), replayed, state, place)
    }

    /// Traces, and takes what that recorded from `bytes_left`.
    fn trace_within(
        &self,
        bytes_left: &mut usize,
        replayed: Replayed,
        state: &mut WorldState<Store>,
        place: Option<TransactionContext>,
    ) -> Result<Value, RpcError> {
        let Replayed::Executed(execution) = replayed else { return Err(RpcError::NotExecuted) };
        let Execution { block, cfg, tx, charge } = *execution;
        let inner = DebugInspector::new(self.options.clone()).map_err(refusal)?;
        let mut inspector = Bounded::new(inner, self.steps, *bytes_left);
        let outcome = inspect(state, block.clone(), cfg, tx.clone(), charge, &mut inspector);
        *bytes_left = inspector.bytes_left();
        let limit = self.bytes_max as u64;
        let Some(tracer) = inspector.complete() else {
            let what = "bytes of one trace: ask for fewer transactions, or without stack and memory";
            return Err(RpcError::LimitExceeded { what, limit, flag: flag::TRACE_BYTES });
        };
        let outcome: ResultAndState = outcome.map_err(call::refused)?;
        let trace = tracer.get_result(place, &tx, &block, &outcome, &mut Shared::new(state));
        json::value(&trace.map_err(|error| RpcError::Execution(error.to_string()))?)
    }
}

/// Why there is no such tracer.
fn refusal(error: DebugInspectorError) -> RpcError {
    match error {
        DebugInspectorError::JsTracerNotEnabled => RpcError::JavaScriptTracer,
        error => RpcError::BadTracer(error.to_string()),
    }
}

pub fn raw_header(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    json::value(&Bytes::from(alloy::rlp::encode(eth::named_header(context, params)?)))
}

pub fn raw_block(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let block = eth::named_block(context, params)?.ok_or(RpcError::UnknownBlock)?;
    json::value(&Bytes::from(json::encoded_block(&block)))
}

pub fn raw_receipts(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let block = eth::named_block(context, params)?.ok_or(RpcError::UnknownBlock)?;
    let receipts: Vec<Bytes> = block.receipts.iter().map(|receipt| receipt.encode_2718().into()).collect();
    json::value(&receipts)
}

/// The EIP-2718 bytes of a transaction, in a block or waiting; none of one that is unknown.
pub fn raw_transaction(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let hash: B256 = params.required(0, "a transaction hash")?;
    Ok(match pool::find(context, hash)? {
        Some((transaction, _)) => json!(Bytes::from(transaction.encode_2718())),
        None => Value::Null,
    })
}
