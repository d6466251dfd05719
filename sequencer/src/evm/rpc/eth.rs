//! `eth_` methods that read blocks and state.

use alloy::{
    consensus::Header,
    eips::BlockId,
    primitives::{Address, B256, U256},
};
use serde_json::{Value, json};
use tandem_chain::Checkpoint;
use tandem_evm::{EvmBlock, WorldState};

use super::{json, pending};
use crate::rpc::{Params, RpcContext, RpcError, Slot, rollup};

pub fn balance(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let address: Address = params.required(0, "an address")?;
    let (_, mut state) = context.state(params.block(1)?)?;
    json::quantity(state.balance(address)?)
}

pub fn code(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let address: Address = params.required(0, "an address")?;
    let (_, mut state) = context.state(params.block(1)?)?;
    json::value(&state.code(address)?)
}

pub fn storage_at(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let address: Address = params.required(0, "an address")?;
    let Slot(slot) = params.required(1, "a storage slot")?;
    let (_, mut state) = context.state(params.block(2)?)?;
    let value = revm::Database::storage(&mut state, address, slot)?;
    json::value(&B256::from(value))
}

/// The header of the block that parameter 0 names, which must exist; its transactions are not read.
pub fn named_header(context: &RpcContext, params: &Params) -> Result<Header, RpcError> {
    context.header(Some(params.required_block(0)?))
}

/// Whether parameter 0 names the block that is not built yet.
fn is_pending(params: &Params) -> Result<bool, RpcError> {
    Ok(params.required_block(0)? == BlockId::pending())
}

/// The block that parameter 0 names, by id or hash.
pub fn named_block(context: &RpcContext, params: &Params) -> Result<Option<EvmBlock>, RpcError> {
    Ok(match context.number(params.required_block(0)?)? {
        Some(number) => context.block(number)?,
        None => None,
    })
}

pub fn block(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let full = params.optional(1, "true or false")?.unwrap_or(false);
    if is_pending(params)? {
        return pending::show(context, full);
    }
    match named_block(context, params)? {
        Some(block) if full => json::block(&block, Some(&checkpoint_of(context, &block)?)),
        Some(block) => json::block(&block, None),
        None => Ok(Value::Null),
    }
}

/// A block without its transactions.
pub fn header(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    if is_pending(params)? {
        return pending::show_header(context);
    }
    match named_header(context, params) {
        Ok(header) => json::header(&header, header.hash_slow(), None),
        Err(RpcError::UnknownBlock) => Ok(Value::Null),
        Err(error) => Err(error),
    }
}

pub fn block_transaction_count(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let block = match is_pending(params)? {
        true => Some(pending::build(context)?.0),
        false => named_block(context, params)?,
    };
    Ok(block.map_or(Value::Null, |block| json!(U256::from(block.transactions.len()))))
}

pub fn transaction_by_index(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let index = params.required_position(1)?;
    let Some(block) = named_block(context, params)? else { return Ok(Value::Null) };
    match block.transactions.get(index) {
        Some(transaction) => json::transaction(transaction, Some(place(context, &block, index)?)),
        None => Ok(Value::Null),
    }
}

/// Where a transaction of `block` stands, and what its gas cost.
pub fn place(context: &RpcContext, block: &EvmBlock, index: usize) -> Result<json::Inclusion, RpcError> {
    Ok(json::Inclusion::new(block, index, &checkpoint_of(context, block)?))
}

pub fn receipt(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    receipt_of(context, params.required(0, "a transaction hash")?)
}

/// The receipt of a transaction; null if no block has it.
pub fn receipt_of(context: &RpcContext, hash: B256) -> Result<Value, RpcError> {
    let Some((block, index)) = context.included(hash)? else { return Ok(Value::Null) };
    let checkpoint = checkpoint_of(context, &block)?;
    let Some(mut receipt) = json::receipt(&block, index, &checkpoint) else { return Ok(Value::Null) };
    receipt["rollupStatus"] = json!(rollup::promise(context, block.header.number)?);
    Ok(receipt)
}

pub fn block_receipts(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let Some(block) = named_block(context, params)? else { return Ok(Value::Null) };
    let checkpoint = checkpoint_of(context, &block)?;
    Ok((0..block.transactions.len()).filter_map(|index| json::receipt(&block, index, &checkpoint)).collect())
}

/// The checkpoint that priced a block's data: what the checkpoint predeploy held after it.
pub fn checkpoint_of(context: &RpcContext, block: &EvmBlock) -> Result<Checkpoint, RpcError> {
    let mut state = WorldState::open(block.header.state_root, context.store.clone());
    Ok(state.checkpoint()?)
}
