//! `rollup_` methods about promises and batches, for chains whose blocks travel to L1 in batches of many.
//!
//! `rollup_config`, which every chain answers alike, is in `common.rs`. What an EVM chain tells of transactions, messages and fees is in `evm/rpc`. A payments chain,
//! whose batches are its blocks, has `payments/rpc/rollup.rs` instead of all this.

use alloy::primitives::{U64, U256};
use serde_json::{Value, json};

use super::{Params, RpcContext, RpcError, json};

/// How far each promise reaches.
pub fn status(context: &RpcContext) -> Result<Value, RpcError> {
    let head = context.head()?;
    let last = context.store.last_batch()?;
    Ok(json!({
        "latest": { "number": head.number, "hash": head.hash },
        "safe": context.safe_number()?,
        "finalized": context.finalized_number()?,
        "settled": context.settled_number()?,
        "batch": last.map(|batch| json!({ "index": batch.header.index, "hash": batch.header.hash(), "output": batch.output.hash() })),
        "closedBatches": context.store.job_summaries()?.len(),
        "l1Head": context.l1_heads().latest,
        "queueIndex": context.store.queue_index_after(head.number)?,
        "messageCount": context.store.l2_message_count()?,
    }))
}

/// The strongest promise that holds for a block.
pub fn promise(context: &RpcContext, number: u64) -> Result<&'static str, RpcError> {
    Ok(if number <= context.settled_number()? {
        "settled"
    } else if number <= context.finalized_number()? {
        "finalized"
    } else if number <= context.safe_number()? {
        "safe"
    } else {
        "latest"
    })
}

/// A batch on L1 with its output.
pub fn batch(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let index: U64 = params.required(0, "a batch index")?;
    context.store.batch(index.to())?.map_or(Ok(Value::Null), |batch| describe(&batch))
}

/// The batch on L1 that holds a block.
pub fn batch_of_block(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let number: U64 = params.required(0, "a block number")?;
    context.store.batch_of_block(number.to())?.map_or(Ok(Value::Null), |batch| describe(&batch))
}

/// What is promised of a block, and where on L1 its batch is as far as it is there.
pub fn block_status(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let id = params.required_block(0)?;
    let Some(number) = context.number(id)? else { return Ok(Value::Null) };
    let Some(hash) = context.store.block_hash(number)? else { return Ok(Value::Null) };
    let batch = context.store.batch_of_block(number)?;
    Ok(json!({
        "blockNumber": U256::from(number),
        "blockHash": hash,
        "promise": promise(context, number)?,
        "batchIndex": batch.as_ref().map(|batch| batch.header.index),
        "l1Block": batch.as_ref().map(|batch| batch.l1_number),
        "l1Transaction": batch.map(|batch| batch.l1_tx),
    }))
}

fn describe(batch: &tandem_store::BatchRecord) -> Result<Value, RpcError> {
    Ok(json!({
        "header": json::value(&batch.header)?,
        "hash": batch.header.hash(),
        "fields": json::value(&batch.output)?,
        "output": batch.output.hash(),
        "firstBlock": batch.first_block,
        "lastBlock": batch.last_block,
        "l1Block": batch.l1_number,
        "l1Transaction": batch.l1_tx,
    }))
}
