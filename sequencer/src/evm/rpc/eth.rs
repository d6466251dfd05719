//! `eth_` methods that read blocks and state.

use alloy::{
    consensus::Header,
    eips::BlockId,
    primitives::{Address, B256, Bytes, U64, U256, keccak256},
};
use serde_json::{Value, json};
use tandem_chain::Checkpoint;
use tandem_evm::{EvmBlock, WorldState};

use super::{json, pending};
use crate::rpc::{Params, RpcContext, RpcError, rollup};

pub fn sha3(params: &Params) -> Result<Value, RpcError> {
    let data: Bytes = params.required(0, "hex data")?;
    json::value(&keccak256(data))
}

pub fn balance(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let address: Address = params.required(0, "an address")?;
    let (_, mut state) = context.state(params.optional(1, "a block")?)?;
    json::quantity(state.balance(address)?)
}

pub fn code(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let address: Address = params.required(0, "an address")?;
    let (_, mut state) = context.state(params.optional(1, "a block")?)?;
    json::value(&state.code(address)?)
}

pub fn storage_at(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let address: Address = params.required(0, "an address")?;
    let slot: U256 = params.required(1, "a storage slot")?;
    let (_, mut state) = context.state(params.optional(2, "a block")?)?;
    let value = revm::Database::storage(&mut state, address, slot)?;
    json::value(&B256::from(value))
}

/// Parameter 0 as the name of a block.
fn block_id(params: &Params) -> Result<BlockId, RpcError> {
    params.required(0, "a block number, tag or hash")
}

/// The header of the block that parameter 0 names, which must exist; its transactions are not read.
pub fn named_header(context: &RpcContext, params: &Params) -> Result<Header, RpcError> {
    context.header(Some(block_id(params)?))
}

/// Whether parameter 0 names the block that is not built yet.
fn is_pending(params: &Params) -> Result<bool, RpcError> {
    Ok(block_id(params)? == BlockId::pending())
}

/// The block that parameter 0 names, by id or hash.
pub fn named_block(context: &RpcContext, params: &Params) -> Result<Option<EvmBlock>, RpcError> {
    Ok(match context.number(block_id(params)?)? {
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
    let index: U64 = params.required(1, "an index")?;
    let Some(block) = named_block(context, params)? else { return Ok(Value::Null) };
    let index = index.to::<usize>();
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
