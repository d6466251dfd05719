//! `rollup_` methods: what is peculiar to a rollup.

use alloy::primitives::{B256, Bytes, U64};
use serde_json::{Value, json};
use tandem_chain::{MessageTree, message_tree::TREE_DEPTH};
use tandem_evm::fees;

use super::{Params, RpcContext, RpcError, json};

/// The chain's configuration with its hash.
pub fn config(context: &RpcContext) -> Result<Value, RpcError> {
    Ok(json!({ "config": json::value(context.chain.as_ref())?, "configHash": context.chain.hash() }))
}

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

/// L2-to-L1 messages from an index on.
pub fn messages(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let first: U64 = params.required(0, "a message index")?;
    let count: Option<U64> = params.optional(1, "a count")?;
    let limit = context.limits.messages_max;
    let (first, count) = (first.to::<u64>(), count.map_or(limit, |count| count.to()).min(limit));
    let mut found = Vec::new();
    for index in first..first.saturating_add(count) {
        let Some((message, block_number)) = context.store.l2_message(index)? else { break };
        found.push(json!({ "message": json::value(&message)?, "hash": message.hash(), "blockNumber": block_number }));
    }
    Ok(Value::Array(found))
}

/// A message with its proof against the output of a batch: the one given, or the first that contains it.
pub fn message_proof(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let index: U64 = params.required(0, "a message index")?;
    let batch_index: Option<U64> = params.optional(1, "a batch index")?;
    let index = index.to::<u64>();
    let Some((message, block_number)) = context.store.l2_message(index)? else { return Ok(Value::Null) };
    let batch = match batch_index {
        Some(batch_index) => context.store.batch(batch_index.to())?,
        None => context.store.batch_of_block(block_number)?,
    };
    let Some(batch) = batch.filter(|batch| batch.last_block >= block_number) else { return Ok(Value::Null) };
    let count = messages_up_to(context, batch.last_block)?;
    let tree = MessageTree::new(context.store.l2_message_hashes(count)?);
    let siblings: Vec<B256> = tree.prove(index).unwrap_or_default();
    if siblings.len() != TREE_DEPTH || tree.root() != batch.output.message_root {
        return Err(RpcError::internal(
            "message index is damaged; its tree is not that of output",
            batch.output.hash(),
        ));
    }
    Ok(json!({
        "message": json::value(&message)?,
        "hash": message.hash(),
        "blockNumber": block_number,
        "batchIndex": batch.header.index,
        "output": batch.output.hash(),
        "fields": json::value(&batch.output)?,
        "siblings": siblings,
    }))
}

/// Messages sent up to and including a block.
fn messages_up_to(context: &RpcContext, block_number: u64) -> Result<u64, RpcError> {
    let (_, mut state) = context.state(Some(block_number.into()))?;
    Ok(state.message_count()?)
}

/// What a signed transaction would pay for its data now, in wei.
pub fn estimate_l1_fee(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let bytes: Bytes = params.required(0, "a signed transaction")?;
    let (_, mut state) = context.state(None)?;
    json::quantity(fees::l1_data_fee(&bytes, &state.checkpoint()?))
}
