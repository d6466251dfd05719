//! Methods that concern waiting transactions.

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::{Address, B256, Bytes, U256},
};
use serde_json::{Map, Value, json};
use tandem_chain::ChainConfig;
use tandem_evm::{Recovered, Transaction, fee_estimate::estimate_posted_bytes, payload::SignedTransaction};

use super::{Params, RpcContext, RpcError, eth, json};

pub async fn send_raw_transaction(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let bytes: Bytes = params.required(0, "a signed transaction")?;
    let recovered = context.clone().blocking(move |context| recover(&bytes, &context.chain)).await?;
    json::value(&context.engine.submit(recovered).await?)
}

/// Decodes, checks what can be checked without state, and recovers the signer.
fn recover(bytes: &[u8], chain: &ChainConfig) -> Result<Recovered, RpcError> {
    let transaction =
        SignedTransaction::decode_2718(bytes).map_err(|error| RpcError::BadTransaction(error.to_string()))?;
    let fields = transaction.fields();
    if fields.chain_id().is_some_and(|id| id != chain.l2_chain_id) {
        return Err(RpcError::RefusedTransaction("transaction is signed for another chain id"));
    }
    if fields.gas_limit() < transaction.intrinsic_gas() {
        return Err(RpcError::RefusedTransaction("intrinsic gas too low: eth_estimateGas counts what the data takes"));
    }
    // Their signatures are posted whole; the fee pays for what is left of the transaction after compression.
    let verbatim = SIGNATURE_BYTES * (1 + fields.authorization_list().map_or(0, <[_]>::len) as u64);
    if 2 * estimate_posted_bytes(bytes) < verbatim {
        return Err(RpcError::RefusedTransaction(
            "authorizations compress better than they are posted: sign them with random nonces",
        ));
    }
    if fields.gas_limit() > TX_GAS_MAX {
        return Err(RpcError::RefusedTransaction("gas limit exceeds 2^24 (EIP-7825)"));
    }
    if fields.max_fee_per_gas() < u128::from(chain.min_base_fee) {
        return Err(RpcError::RefusedTransaction(
            "transaction underpriced: max fee per gas is below the chain's least base fee",
        ));
    }
    if fields.max_priority_fee_per_gas().is_some_and(|tip| tip > fields.max_fee_per_gas()) {
        return Err(RpcError::RefusedTransaction("max priority fee per gas higher than max fee per gas"));
    }
    Recovered::new(transaction).map_err(|_| RpcError::RefusedTransaction("invalid signature"))
}

/// Bytes of a signature as batches carry it.
const SIGNATURE_BYTES: u64 = 64;
/// Transactions of one `txpool_content`.
const CONTENT_MAX: usize = 2_000;
/// Most gas of one transaction (EIP-7825).
const TX_GAS_MAX: u64 = 1 << 24;

pub async fn transaction_count(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let address: Address = params.required(0, "an address")?;
    let id: Option<BlockId> = params.optional(1, "a block")?;
    if id == Some(BlockId::Number(BlockNumberOrTag::Pending)) {
        return json::quantity(context.engine.pending_nonce(address).await?);
    }
    context
        .clone()
        .blocking(move |context| {
            let (_, mut state) = context.state(id)?;
            json::quantity(state.account(address)?.map_or(0, |info| info.nonce))
        })
        .await
}

pub async fn transaction_by_hash(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let hash: B256 = params.required(0, "a transaction hash")?;
    let included = context.clone().blocking(move |context| included(context, hash)).await?;
    if included != Value::Null {
        return Ok(included);
    }
    match context.engine.waiting(hash).await? {
        Some(waiting) => json::transaction(&Transaction::Signed(waiting), None),
        None => Ok(Value::Null),
    }
}

fn included(context: &RpcContext, hash: B256) -> Result<Value, RpcError> {
    let Some(place) = context.store.transaction_place(hash)? else { return Ok(Value::Null) };
    let Some(block) = context.store.block(place.block_number)? else { return Ok(Value::Null) };
    let index = usize::try_from(place.index).unwrap_or(usize::MAX);
    match block.transactions.get(index) {
        Some(transaction) => json::transaction(transaction, Some(eth::place(context, &block, index)?)),
        None => Ok(Value::Null),
    }
}

pub async fn status(context: &RpcContext) -> Result<Value, RpcError> {
    let counts = context.engine.pool_counts().await?;
    Ok(json!({ "pending": U256::from(counts.pending), "queued": U256::from(counts.queued) }))
}

pub async fn content(context: &RpcContext) -> Result<Value, RpcError> {
    let counts = context.engine.pool_counts().await?;
    if counts.pending + counts.queued > CONTENT_MAX {
        return Err(RpcError::LimitExceeded { what: "transactions in one answer", limit: CONTENT_MAX as u64 });
    }
    let content = context.engine.pool_content().await?;
    context.clone().blocking(move |_| grouped(content)).await
}

/// By executability, sender and nonce.
fn grouped(content: Vec<(Recovered, bool)>) -> Result<Value, RpcError> {
    let (mut pending, mut queued) = (Map::new(), Map::new());
    for (transaction, executable) in content {
        let group = if executable { &mut pending } else { &mut queued };
        let sender = group.entry(transaction.signer().to_checksum(None)).or_insert_with(|| json!({}));
        let nonce = transaction.transaction().fields().nonce().to_string();
        sender[nonce] = json::transaction(&Transaction::Signed(transaction), None)?;
    }
    Ok(json!({ "pending": pending, "queued": queued }))
}
