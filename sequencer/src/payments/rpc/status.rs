//! What the node says of itself and of its promises.

use alloy::primitives::U256;
use serde_json::{Value, json};

use super::{chain::Named, context::PaymentsContext};
use crate::rpc::{Params, RpcError};

impl PaymentsContext {
    /// The strongest promise that holds for a block. What is on L1 is proven, and final in the settlement.
    pub(super) fn promise(&self, number: u64) -> &'static str {
        let heads = self.records.heads();
        if number <= heads.finalized {
            "finalized"
        } else if number <= heads.settled {
            "settled"
        } else {
            "latest"
        }
    }
}

/// False, or how far the node is while L1 is not read to its end.
pub fn syncing(context: &PaymentsContext) -> Value {
    if context.is_synced() {
        return false.into();
    }
    let latest = U256::from(context.records.heads().latest);
    json!({ "startingBlock": "0x0", "currentBlock": latest, "highestBlock": latest })
}

/// The chain's configuration with its hash.
pub fn config(context: &PaymentsContext) -> Result<Value, RpcError> {
    let config = serde_json::to_value(context.chain.as_ref()).map_err(|error| RpcError::Internal(error.to_string()))?;
    Ok(json!({ "config": config, "configHash": context.chain.hash() }))
}

/// How far each promise reaches, and what waits for it.
pub fn status(context: &PaymentsContext) -> Result<Value, RpcError> {
    let (heads, records) = (context.records.heads(), &context.records);
    let landed = records.landed(heads.settled);
    Ok(json!({
        "latest": { "number": heads.latest, "hash": heads.latest_hash },
        "safe": heads.settled,
        "settled": heads.settled,
        "finalized": heads.finalized,
        "batch": landed.map(|landed| json!({ "index": heads.settled, "output": landed.output, "l1Transaction": landed.transaction })),
        "closedBatches": heads.latest.saturating_sub(heads.settled),
        "unprovenBatches": heads.unproven,
        "pendingTransactions": records.pending().map_or(0, |pending| pending.transactions.len()),
        "waitingTransactions": records.waiting_count(),
        "l1Head": context.l1_heads.borrow().latest,
        "queueIndex": heads.queue_index,
    }))
}

/// What is promised of a block, and where on L1 its batch is if it is there.
pub fn block_status(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let Some(Named::Number(number)) = context.named(params.required_block(0)?)? else { return Ok(Value::Null) };
    let Some(hash) = context.records.hash(number)? else { return Ok(Value::Null) };
    let landed = context.records.landed(number).filter(|landed| landed.block.hash == hash);
    Ok(json!({
        "blockNumber": U256::from(number),
        "blockHash": hash,
        "promise": context.promise(number),
        "batchIndex": number,
        "l1Block": landed.as_ref().map(|landed| landed.l1_block.number),
        "l1Transaction": landed.map(|landed| landed.transaction),
    }))
}
