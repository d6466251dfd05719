//! Blocks, which are batches, with their transactions and receipts; what is open is the block at `pending`.

use std::sync::Arc;

use alloy::{
    eips::BlockId,
    primitives::{B256, U256},
};
use serde_json::{Value, json};

use super::{
    context::PaymentsContext,
    json::{self, Place},
    rollup,
};
use crate::{
    clock::Clock,
    payments::{
        records::{Block, Transaction},
        view::{Pending, Place as Where},
    },
    rpc::{Params, RpcError},
};

pub fn block(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let id = params.required_block(0)?;
    let full = params.optional(1, "true or false")?.unwrap_or(false);
    let shown = context.shown();
    if id == BlockId::pending() {
        let mut object = json::block(&pending(context)?, shown, full)?;
        hide(&mut object);
        return Ok(object);
    }
    let Some(block) = context.block_of(id)? else { return Ok(Value::Null) };
    // Whoever wants the transactions themselves is not told of none.
    let block = if full { known(block)? } else { block };
    json::block(&block, shown, full)
}

/// A block without what it holds.
pub fn header(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let id = params.required_block(0)?;
    if id == BlockId::pending() {
        let mut object = json::header(&pending(context)?, context.shown())?;
        hide(&mut object);
        return Ok(object);
    }
    context.block_of(id)?.map_or(Ok(Value::Null), |block| json::header(&block, context.shown()))
}

/// The open batch as the block that it would be, its hash and its state apart.
fn pending(context: &PaymentsContext) -> Result<Block, RpcError> {
    let last = context.block_of(BlockId::latest())?.ok_or(RpcError::UnknownBlock)?;
    let next = last.number.saturating_add(1);
    let now = || Clock::system().unix_s().max(last.timestamp);
    // A batch that was closed since is not open any more.
    let open = context.records.pending().filter(|open| open.number == next);
    let open = open.unwrap_or_else(|| Pending { number: next, timestamp: now(), transactions: Vec::new() });
    Ok(Block {
        number: open.number,
        hash: B256::ZERO,
        parent_hash: last.hash,
        timestamp: open.timestamp,
        operator: context.config.operator,
        root_before: last.state_root,
        state_root: B256::ZERO,
        leaf_count: last.leaf_count,
        queue_start: last.queue_end,
        queue_end: last.queue_end,
        queue_hash: last.queue_hash,
        transactions: Some(open.transactions),
    })
}

/// As other nodes show a block that is not built yet.
fn hide(object: &mut Value) {
    for field in ["hash", "nonce", "miner"] {
        object[field] = Value::Null;
    }
    if let Some(transactions) = object["transactions"].as_array_mut() {
        transactions.iter_mut().filter(|item| item.is_object()).for_each(|item| item["blockHash"] = Value::Null);
    }
}

/// The block that parameter 0 names, the open one at `pending`, with transactions that are known.
fn named(context: &PaymentsContext, params: &Params) -> Result<Option<Arc<Block>>, RpcError> {
    let id = params.required_block(0)?;
    if id == BlockId::pending() {
        return Ok(Some(Arc::new(pending(context)?)));
    }
    context.block_of(id)?.map(known).transpose()
}

/// A block whose transactions are known.
pub fn known(block: Arc<Block>) -> Result<Arc<Block>, RpcError> {
    match block.transactions {
        Some(_) => Ok(block),
        None => Err(RpcError::TransactionsUnknown { number: block.number }),
    }
}

pub fn transaction_count(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let block = named(context, params)?;
    Ok(block.map_or(Value::Null, |block| json!(U256::from(json::transactions(&block).len()))))
}

/// No block has uncles: their number is 0 if the block exists.
pub fn uncle_count(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    Ok(context.block_of(params.required_block(0)?)?.map_or(Value::Null, |_| "0x0".into()))
}

pub fn transaction_by_index(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let index = params.required_position(1)?;
    let Some(block) = named(context, params)? else { return Ok(Value::Null) };
    let Some(transaction) = json::transactions(&block).get(index) else { return Ok(Value::Null) };
    let is_pending = params.required_block(0)? == BlockId::pending();
    let place = Place::of(&block, index);
    let place = if is_pending { Place { block_hash: None, ..place } } else { place };
    json::transaction(transaction, context.chain.l2_chain_id, Some(place))
}

pub fn transaction_by_hash(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let hash: B256 = params.required(0, "a transaction hash")?;
    let chain_id = context.chain.l2_chain_id;
    let unplaced = |transaction: &Transaction| json::transaction(transaction, chain_id, None);
    match context.records.transaction(hash)? {
        Some(Where::Block(block, index)) => match json::transactions(&block).get(index) {
            Some(transaction) => json::transaction(transaction, chain_id, Some(Place::of(&block, index))),
            None => Ok(Value::Null),
        },
        Some(Where::Pending(transaction, _)) => unplaced(&transaction),
        Some(Where::Waiting(signed)) => unplaced(&signed.record(context.config.gas_price)),
        Some(Where::Dropped(_)) | None => Ok(Value::Null),
    }
}

/// The bytes of a transaction as they were sent; null of what was not sent: messages of L1.
pub fn raw_transaction_by_hash(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let hash: B256 = params.required(0, "a transaction hash")?;
    let raw = |transaction: &Transaction| json!(json::envelope(transaction));
    Ok(match context.records.transaction(hash)? {
        Some(Where::Block(block, index)) => json::transactions(&block).get(index).map_or(Value::Null, raw),
        Some(Where::Pending(transaction, _)) => raw(&transaction),
        Some(Where::Waiting(signed)) => json!(signed.envelope),
        Some(Where::Dropped(_)) | None => Value::Null,
    })
}

/// The receipt of a transaction; null if no closed batch has it.
pub fn receipt(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let hash: B256 = params.required(0, "a transaction hash")?;
    let Some(Where::Block(block, index)) = context.records.transaction(hash)? else { return Ok(Value::Null) };
    let Some(mut receipt) = json::receipt(&block, index)? else { return Ok(Value::Null) };
    receipt["rollupStatus"] = rollup::promise(context, block.number).into();
    Ok(receipt)
}

/// The receipts of a block; null of the open one: there are none until it is closed.
pub fn receipts(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let id = params.required_block(0)?;
    if id == BlockId::pending() {
        return Ok(Value::Null);
    }
    let Some(block) = context.block_of(id)?.map(known).transpose()? else { return Ok(Value::Null) };
    let mut found = Vec::new();
    for index in 0..json::transactions(&block).len() {
        context.turns.check_time()?;
        found.extend(json::receipt(&block, index)?);
    }
    Ok(Value::Array(found))
}
