//! Sending, and sending that waits for inclusion.

use std::time::Duration;

use alloy::primitives::{B256, Bytes, U64};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::{Params, RpcContext, RpcError, json};

/// Time that `eth_sendRawTransactionSync` waits when it is told none (EIP-7966 leaves it to the node).
const SYNC_WAIT: Duration = Duration::from_secs(5);

/// Offers a signed transaction to the engine, and answers its hash once it is journaled.
pub async fn send_raw_transaction(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let bytes: Bytes = params.required(0, "a signed transaction")?;
    let recovered = context.clone().offering(move |context| (context.methods.recover)(&bytes)).await?;
    // Before its nonce is looked at: what is for another chain has no account here.
    if recovered.transaction().fields().chain_id().is_some_and(|chain_id| chain_id != context.chain.l2_chain_id) {
        return Err(RpcError::RefusedTransaction("invalid chain id: transaction is signed for another chain id"));
    }
    json::value(&context.engine.submit(recovered).await?)
}

/// Sends, and waits for the receipt (EIP-7966).
pub async fn send_raw_transaction_sync(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let wait: Option<U64> = params.optional(1, "a time in milliseconds")?;
    let wait = wait.map_or(SYNC_WAIT, |wait| Duration::from_millis(wait.to()));
    let wait = wait.min(context.limits.request_time_max() / 2);
    let deadline = Instant::now() + wait;
    let mut head = context.engine.head();
    let hash = send_raw_transaction(context, params).await?;
    loop {
        head.borrow_and_update();
        let asked = Params::new(Some(json!([hash])))?;
        let read = context.methods.read;
        let receipt =
            context.clone().offering(move |context| read(context, "eth_getTransactionReceipt", &asked)).await?;
        if !receipt.is_null() {
            return Ok(receipt);
        }
        if !matches!(timeout_at(deadline, head.changed()).await, Ok(Ok(()))) {
            let hash: B256 = serde_json::from_value(hash).map_err(|error| RpcError::Internal(error.to_string()))?;
            return Err(RpcError::NotIncludedYet { hash, wait_ms: wait.as_millis() });
        }
    }
}
