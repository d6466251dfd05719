//! What an account has, at the three moments whose states are kept.

use alloy::primitives::{Address, B256, Bytes, U256};
use serde_json::{Value, json};
use tandem_payments::{
    ethereum::{ACCOUNTS, BRIDGE},
    field::integer,
    leaf::{Key, Leaf},
};

use super::{context::PaymentsContext, json};
use crate::{
    payments::view::Moment,
    rpc::{Params, RpcError, Slot},
};

/// What stands for code where wallets look whether there is any: the instruction that does nothing but fail. Nothing executes it.
const CODE: Bytes = Bytes::from_static(&[0xfe]);

/// The ether of an account, in wei.
pub fn balance(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let account: Address = params.required(0, "an address")?;
    let leaf = context.at(params.block(1)?, |records, moment| records.leaf(Key::eth(account), moment))?;
    json::quantity(leaf.map_or(0, |leaf| leaf.balance))
}

/// The nonce of an account's next operation; at `pending` what waits is counted.
pub fn nonce(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let account: Address = params.required(0, "an address")?;
    json::quantity(context.at(params.block(1)?, |records, moment| records.nonce(account, moment))?)
}

/// Code at the addresses that calls are for: the bridge, the accounts, and tokens of L1 as far as L1 is asked. There is none elsewhere, and never any other. Whoever has a session
/// key is an account and no token: the key was set by itself, on L1, and wallets look at the code of everybody whom they pay.
pub async fn code(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let account: Address = params.required(0, "an address")?;
    // What stands here does so at every block that there is.
    context.check_block(params.block(1)?)?;
    let leaf = context.records.leaf(Key::eth(account), Moment::Pending);
    let signs = leaf.is_some_and(|leaf| !integer(leaf.session_hash).is_zero());
    let is_called = account == BRIDGE || account == ACCOUNTS || !signs && context.tokens.is_token(account).await?;
    json::value(&if is_called { CODE } else { Bytes::new() })
}

/// Nothing is stored anywhere.
pub fn storage_at(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let _: Address = params.required(0, "an address")?;
    let Slot(_) = params.required(1, "a storage slot")?;
    context.check_block(params.block(2)?)?;
    json::value(&B256::ZERO)
}

/// An account with the hashes of its keys; null if there is none.
pub fn account(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let account: Address = params.required(0, "an address")?;
    let leaf = context.at(params.block(1)?, |records, moment| records.leaf(Key::eth(account), moment))?;
    let hash = |element| Some(B256::from(integer(element))).filter(|hash| !hash.is_zero());
    Ok(leaf.map_or(Value::Null, |Leaf { nonce, balance, session_hash, key_hash, .. }| {
        json!({
            "nonce": U256::from(nonce),
            "balance": U256::from(balance),
            "sessionKeyHash": hash(session_hash),
            "publicKeyHash": hash(key_hash),
        })
    }))
}
