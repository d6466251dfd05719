//! `rollup_` methods about messages from L2 to L1, which one cumulative tree holds.

use alloy::primitives::U64;
use serde_json::{Value, json};
use tandem_store::MessageProof;

use super::json;
use crate::rpc::{Params, RpcContext, RpcError};

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
    let proof = context.store.message_proof(index, count)?;
    let Some(MessageProof { siblings, .. }) = proof.filter(|proof| proof.root == batch.output.message_root) else {
        return Err(RpcError::internal(
            "message index is damaged; its tree is not that of output",
            batch.output.hash(),
        ));
    };
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
