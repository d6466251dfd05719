//! Small questions of Ethereum's that no other module owns.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, Bytes};
use serde_json::{Value, json};
use tandem_evm::{Transaction, predeploys::FEE_VAULT};

use super::{eth, json, prices};
use crate::rpc::{Params, RpcContext, RpcError, Slot, flag};

/// Wei that BLOBBASEFEE gives: no transaction here carries blobs (EVM-ENV-1).
const BLOB_BASE_FEE: u64 = 1;
/// The version of Ethereum's wire protocol that nodes of its kind speak. This one has no peers.
const PROTOCOL_VERSION: u64 = 68;

pub fn blob_base_fee() -> Result<Value, RpcError> {
    json::quantity(BLOB_BASE_FEE)
}

/// What the next block asks for each gas, in wei.
pub fn base_fee(context: &RpcContext) -> Result<Value, RpcError> {
    json::quantity(prices::next_base_fee(context, &context.header(None)?)?)
}

/// The account that gets the fees: the vault, on every chain.
pub fn coinbase() -> Value {
    json!(FEE_VAULT)
}

pub fn protocol_version() -> Result<Value, RpcError> {
    json::quantity(PROTOCOL_VERSION)
}

/// No block has uncles: their number is 0 if the block exists, and each of them is nothing.
pub fn uncle_count(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    Ok(eth::named_block(context, params)?.map_or(Value::Null, |_| "0x0".into()))
}

/// Many slots of many accounts at once, answered in the order in which they were asked for.
pub fn storage_values(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let wanted: BTreeMap<Address, Vec<Slot>> = params.required(0, "slots by address")?;
    let limit = context.limits.proof_slots_max;
    if wanted.values().map(Vec::len).fold(0, usize::saturating_add) > limit {
        let limit = limit as u64;
        return Err(RpcError::LimitExceeded { what: "slots in one question", limit, flag: flag::PROOF_SLOTS });
    }
    let (_, mut state) = context.state(params.block(1)?)?;
    let mut found: BTreeMap<Address, Vec<B256>> = BTreeMap::new();
    for (address, slots) in wanted {
        let values =
            slots.into_iter().map(|Slot(slot)| revm::Database::storage(&mut state, address, slot).map(B256::from));
        found.insert(address, values.collect::<Result<_, _>>()?);
    }
    json::value(&found)
}

/// The EIP-2718 bytes of a transaction by its place; null if there is none.
pub fn raw_transaction_by_index(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let index = params.required_position(1)?;
    let block = eth::named_block(context, params)?;
    let transaction = block.as_ref().and_then(|block| block.transactions.get(index));
    Ok(transaction.map(Transaction::encode_2718).map_or(Value::Null, |bytes| json!(Bytes::from(bytes))))
}
