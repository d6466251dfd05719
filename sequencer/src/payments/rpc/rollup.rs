//! `rollup_` methods: what is promised of a block and of a transaction, and where on L1 a batch is.
//!
//! A batch is on L1 only with its proof, which is why `safe` and `settled` are the same here: what is stronger is that L1 has finalised the block that it is in.

use alloy::primitives::{B256, U64, U256};
use serde_json::{Value, json};

use super::context::PaymentsContext;
use crate::{
    payments::{
        l1::Landed,
        records::Block,
        signed::Signed,
        view::{Heads, Moment, Place},
    },
    rpc::{Params, RpcError},
};

/// How far each promise reaches, under which entry of the schedule the next batch falls, and whether the chain has ended. While L1 is not read to its end the numbers mean nothing,
/// and `syncing` says so.
pub fn status(context: &PaymentsContext) -> Result<Value, RpcError> {
    let Heads { latest, latest_hash, settled, finalized, unproven, queue_index } = context.records.heads();
    let hash = if latest == 0 { context.chain.hash() } else { latest_hash };
    let last = context.records.landed(settled).filter(|_| settled > 0);
    let entry = context.records.next_rules().map(|next| next.entry);
    Ok(json!({
        "syncing": !context.is_synced(),
        "latest": { "number": latest, "hash": hash },
        "safe": settled,
        "finalized": finalized,
        "settled": settled,
        "batch": last.map(|landed| json!({ "index": settled, "hash": landed.block.hash, "output": landed.output })),
        "closedBatches": latest.saturating_sub(settled),
        "unprovenBatches": unproven,
        "pendingTransactions": context.records.pending().map_or(0, |pending| pending.transactions.len()),
        "waitingTransactions": context.records.waiting_count(),
        "l1Head": context.l1_heads.borrow().latest,
        "queueIndex": queue_index,
        "entry": entry.map(|entry| json!({ "configHash": entry.config_hash, "keysHash": entry.keys_hash })),
        "frozenAt": context.records.frozen_at(),
    }))
}

/// The strongest promise that holds for a block.
pub fn promise(context: &PaymentsContext, number: u64) -> &'static str {
    let Heads { settled, finalized, .. } = context.records.heads();
    if number <= finalized {
        "finalized"
    } else if number <= settled {
        "settled"
    } else {
        "latest"
    }
}

/// A batch on L1.
pub fn batch(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let index: U64 = params.required(0, "a batch index, which is a block's number")?;
    let index: u64 = index.to();
    let landed = context.records.landed(index).filter(|_| index > 0);
    Ok(landed.map_or(Value::Null, |landed| {
        let Landed { block, l1_block, transaction, output } = landed;
        let Block { number, hash, timestamp, operator, root_before, state_root, .. } = *block;
        json!({
            "index": number,
            "hash": hash,
            "output": output,
            "firstBlock": number,
            "lastBlock": number,
            "timestamp": timestamp,
            "operator": operator,
            "rootBefore": root_before,
            "stateRoot": state_root,
            "leafCount": block.leaf_count,
            "queueStart": block.queue_start,
            "queueEnd": block.queue_end,
            "queueHash": block.queue_hash,
            "l1Block": l1_block.number,
            "l1Transaction": transaction,
        })
    }))
}

/// What is promised of a block, and where on L1 it is as far as it is there.
pub fn block_status(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let Some(block) = context.block_of(params.required_block(0)?)? else { return Ok(Value::Null) };
    let number = block.number;
    let landed = context.records.landed(number).filter(|landed| number > 0 && landed.block.hash == block.hash);
    Ok(json!({
        "blockNumber": U256::from(number),
        "blockHash": block.hash,
        "promise": promise(context, number),
        "batchIndex": landed.as_ref().map(|_| number),
        "l1Block": landed.as_ref().map(|landed| landed.l1_block.number),
        "l1Transaction": landed.map(|landed| landed.transaction),
    }))
}

/// Where a transaction is, or why it is nowhere.
pub fn transaction_status(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let hash: B256 = params.required(0, "a transaction hash")?;
    Ok(match context.records.transaction(hash)? {
        Some(Place::Block(block, index)) => json!({
            "status": "included",
            "blockHash": block.hash,
            "blockNumber": U256::from(block.number),
            "transactionIndex": U256::from(index),
            "promise": promise(context, block.number),
        }),
        // In the open batch, which has yet to close.
        Some(Place::Pending(..)) => json!({ "status": "waiting", "waitsFor": "block" }),
        Some(Place::Waiting(signed)) => json!({ "status": "waiting", "waitsFor": waits_for(context, &signed) }),
        Some(Place::Dropped(why)) => {
            json!({ "status": "dropped", "reason": why.code(), "message": why.to_string() })
        }
        None => json!({ "status": "unknown" }),
    })
}

/// What stands between an operation and the open batch: that the chain has ended, a nonce before its own, provers, who are behind, or L1, if all that is closed is proven.
fn waits_for(context: &PaymentsContext, signed: &Signed) -> &'static str {
    if context.records.frozen_at().is_some() {
        return "nothing";
    }
    if signed.nonce() >= context.records.nonce(signed.sender(), Moment::Pending) {
        return "nonce";
    }
    let Heads { latest, settled, unproven, .. } = context.records.heads();
    if unproven == 0 && latest > settled { "l1" } else { "prover" }
}
