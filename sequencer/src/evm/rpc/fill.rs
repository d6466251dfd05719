//! `eth_fillTransaction`: a transaction with everything that its sender left open, to be signed.

use alloy::{
    consensus::{Signed, TxEnvelope, TypedTransaction},
    eips::{BlockId, Encodable2718},
    primitives::{Bytes, Signature, U256},
    rpc::types::TransactionRequest,
};
use serde_json::{Value, json};

use super::{call, json as shown, pool, prices};
use crate::rpc::{Params, RpcContext, RpcError};

pub fn fill(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let mut request: TransactionRequest = params.required_object(0, "a transaction")?;
    check(context, &request)?;
    call::one_input(&mut request)?;
    if request.to.is_none() && request.input.input().is_none_or(|input| input.is_empty()) {
        return Err(RpcError::Execution("contract creation without any data provided".into()));
    }
    let sender = request.from.unwrap_or_default();
    request.to.get_or_insert(alloy::primitives::TxKind::Create);
    request.chain_id = Some(context.chain.l2_chain_id);
    request.value.get_or_insert(U256::ZERO);
    if request.nonce.is_none() {
        request.nonce = Some(pool::nonce(context, sender, Some(BlockId::pending()))?);
    }
    if request.gas.is_none() {
        // What it costs is not asked: whoever cannot pay yet may still fill.
        let plain = TransactionRequest {
            gas_price: None,
            max_fee_per_gas: None,
            max_priority_fee_per_gas: None,
            ..request.clone()
        };
        let asked = Params::new(Some(json!([plain])))?;
        request.gas = Some(quantity(call::estimate_gas(context, &asked)?)?);
    }
    if request.gas_price.is_none() {
        let tip = *request.max_priority_fee_per_gas.get_or_insert(u128::from(prices::TIP));
        let base_fee = prices::next_base_fee(context, &context.header(None)?)?;
        request.max_fee_per_gas.get_or_insert(u128::from(base_fee).saturating_mul(2).saturating_add(tip));
    }
    if request.max_fee_per_gas < request.max_priority_fee_per_gas {
        let (fee, tip) =
            (request.max_fee_per_gas.unwrap_or_default(), request.max_priority_fee_per_gas.unwrap_or_default());
        return Err(RpcError::Execution(format!("maxFeePerGas ({fee}) < maxPriorityFeePerGas ({tip})")));
    }
    request.transaction_type = None;
    let unsigned =
        request.build_typed_tx().map_err(|_| RpcError::Execution("transaction cannot be completed".into()))?;
    let envelope = without_signature(unsigned)?;
    let raw = Bytes::from(envelope.encoded_2718());
    Ok(json!({ "raw": raw, "tx": shown::value(&envelope)? }))
}

/// Refuses what contradicts itself or is not of this chain.
fn check(context: &RpcContext, request: &TransactionRequest) -> Result<(), RpcError> {
    let (own, asked) = (context.chain.l2_chain_id, request.chain_id.unwrap_or(context.chain.l2_chain_id));
    if asked != own {
        return Err(RpcError::Execution(format!("chainId does not match node's (have={asked}, want={own})")));
    }
    call::one_price(request)?;
    let has_blobs = request.blob_versioned_hashes.is_some() || request.max_fee_per_blob_gas.is_some();
    if has_blobs || request.sidecar.is_some() {
        return Err(RpcError::RefusedTransaction("transaction type not supported"));
    }
    Ok(())
}

fn quantity(value: Value) -> Result<u64, RpcError> {
    let number: U256 = serde_json::from_value(value).map_err(|error| RpcError::Internal(error.to_string()))?;
    Ok(number.saturating_to())
}

/// With zeros for the signature, as unsigned transactions are shown.
fn without_signature(unsigned: TypedTransaction) -> Result<TxEnvelope, RpcError> {
    let none = Signature::new(U256::ZERO, U256::ZERO, false);
    Ok(match unsigned {
        TypedTransaction::Legacy(tx) => Signed::new_unhashed(tx, none).into(),
        TypedTransaction::Eip2930(tx) => Signed::new_unhashed(tx, none).into(),
        TypedTransaction::Eip1559(tx) => Signed::new_unhashed(tx, none).into(),
        TypedTransaction::Eip7702(tx) => Signed::new_unhashed(tx, none).into(),
        TypedTransaction::Eip4844(_) => return Err(RpcError::RefusedTransaction("transaction type not supported")),
    })
}
