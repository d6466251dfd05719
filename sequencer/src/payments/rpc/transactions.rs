//! Transactions and receipts.

use alloy::primitives::{B256, U256};
use serde_json::{Value, json};

use super::{
    context::PaymentsContext,
    json::{self, Position},
};
use crate::{
    payments::view::{Moment, Place},
    rpc::{Params, RpcError},
};

/// A transaction by hash, in a block or not.
pub fn by_hash(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let hash: B256 = params.required(0, "a transaction hash")?;
    match context.records.transaction(hash)? {
        Some(Place::Block(block, index)) => match json::known(&block)?.get(index) {
            Some(transaction) => json::transaction(context, transaction, Some(Position { block: Some(&block), index })),
            None => Ok(Value::Null),
        },
        Some(Place::Pending(transaction, _)) => json::transaction(context, &transaction, None),
        Some(Place::Waiting(signed)) => json::transaction(context, &signed.record(context.config.gas_price), None),
        Some(Place::Dropped(_)) | None => Ok(Value::Null),
    }
}

/// The receipt of a transaction that is in a closed batch.
pub fn receipt(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let hash: B256 = params.required(0, "a transaction hash")?;
    let Some(Place::Block(block, index)) = context.records.transaction(hash)? else { return Ok(Value::Null) };
    Ok(json::receipt(&block, json::known(&block)?, index).unwrap_or_default())
}

/// Where a transaction is, or why it is nowhere.
pub fn status(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let hash: B256 = params.required(0, "a transaction hash")?;
    Ok(match context.records.transaction(hash)? {
        Some(Place::Block(block, index)) => {
            let landed = context.records.landed(block.number).filter(|landed| landed.block.hash == block.hash);
            json!({
                "status": "included",
                "blockHash": block.hash,
                "blockNumber": U256::from(block.number),
                "transactionIndex": U256::from(index),
                "promise": context.promise(block.number),
                "l1Transaction": landed.map(|landed| landed.transaction),
            })
        }
        Some(Place::Pending(..)) => json!({ "status": "waiting", "waitsFor": "block" }),
        Some(Place::Waiting(signed)) => {
            let next = context.records.nonce(signed.sender(), Moment::Pending);
            json!({ "status": "waiting", "waitsFor": if signed.nonce() >= next { "nonce" } else { "prover" } })
        }
        Some(Place::Dropped(reason)) => json!({ "status": "dropped", "reason": "refused", "message": reason }),
        None => json!({ "status": "unknown" }),
    })
}
