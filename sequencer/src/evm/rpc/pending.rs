//! The block that would be built now: what waits, executed on the head with the rulebook's own builder, and kept by nobody.
//!
//! What L1 will have brought by then is not in it. Execution ends where the block is full, and where the request may not work any longer.

use std::sync::Arc;

use serde_json::{Value, json};
use tandem_evm::{BlockAttributes, BlockBuilder, EvmBlock, WorldState, block::MIN_WORK_GAS};

use super::json as shown;
use crate::{
    clock::Clock,
    mempool::{Mempool, MempoolLimits},
    rpc::{RpcContext, RpcError},
};

/// The block, with the checkpoint that it charges by.
pub fn build(context: &RpcContext) -> Result<(EvmBlock, tandem_chain::Checkpoint), RpcError> {
    let head = context.header(None)?;
    let head_hash = context.store.block_hash(head.number)?.ok_or(RpcError::UnknownBlock)?;
    let mut state = WorldState::open(head.state_root, context.store.clone());
    let checkpoint = state.checkpoint()?;
    let pool = waiting(context, &mut state)?;
    let now = Clock::system().unix_s();
    let timestamp = now.max(head.timestamp).max(checkpoint.timestamp);
    let attributes = BlockAttributes { timestamp, checkpoint, first_of_batch: false };
    let mut builder = BlockBuilder::begin(&context.chain, &head, head_hash, attributes, &mut state)?;
    let mut best = pool.best(builder.base_fee());
    while let Some(transaction) = best.next() {
        if builder.gas_left() < MIN_WORK_GAS || context.turns.check_time().is_err() {
            break;
        }
        // What cannot be executed now waits on, or is dropped by who may.
        if builder.push_transaction(transaction.as_ref().clone(), u64::MAX).is_ok() {
            best.follow(&transaction);
        }
    }
    let (block, _) = builder.seal()?;
    Ok((block, checkpoint))
}

/// What waits, in a pool of its own that knows the order.
fn waiting(context: &RpcContext, state: &mut WorldState<tandem_store::Store>) -> Result<Mempool, RpcError> {
    let mut pool = Mempool::new(MempoolLimits::DEFAULT);
    let waiting = context.pool().content(usize::MAX).unwrap_or_default();
    for (transaction, is_executable) in waiting {
        context.turns.check_time()?;
        if is_executable {
            let nonce = state.account(transaction.signer())?.map_or(0, |info| info.nonce);
            pool.restore(Arc::clone(&transaction), nonce, Default::default());
        }
    }
    Ok(pool)
}

/// As other nodes show it: who built it, its hash and its nonce are not known yet.
pub fn show(context: &RpcContext, full: bool) -> Result<Value, RpcError> {
    let (block, checkpoint) = build(context)?;
    let mut object = shown::block(&block, full.then_some(&checkpoint))?;
    hide(&mut object);
    if let Some(transactions) = object["transactions"].as_array_mut() {
        for transaction in transactions.iter_mut().filter(|transaction| transaction.is_object()) {
            transaction["blockHash"] = Value::Null;
        }
    }
    Ok(object)
}

/// Likewise without transactions.
pub fn show_header(context: &RpcContext) -> Result<Value, RpcError> {
    let (block, _) = build(context)?;
    let mut object = shown::header(&block.header, block.hash, None)?;
    hide(&mut object);
    Ok(object)
}

fn hide(object: &mut Value) {
    for field in ["hash", "nonce", "miner"] {
        object[field] = json!(null);
    }
}
