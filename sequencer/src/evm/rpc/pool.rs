//! Methods that concern waiting transactions.

use std::sync::Arc;

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::{Address, B256, U256},
};
use serde_json::{Map, Value, json};
use tandem_evm::{Recovered, Transaction, fee_estimate::estimate_posted_bytes, payload::SignedTransaction};

use super::{chain::Located, eth, json, prices};
use crate::{
    mempool::Dropped,
    rpc::{Params, RpcContext, RpcError, flag, rollup},
};

/// The greatest type that a transaction can have (EIP-2718); other first bytes begin the list of one without a type.
const TYPE_MAX: u8 = 0x7f;
/// The types that are taken: with an access list, with a priority fee, with authorizations.
const TYPES: [u8; 3] = [1, 2, 4];
/// Bytes of a signature as batches carry it.
const SIGNATURE_BYTES: u64 = 64;

/// Decodes, recovers the signer, and refuses what would be posted for less than it takes. All other rules are the engine's to apply.
pub fn recover(bytes: &[u8]) -> Result<Recovered, RpcError> {
    if bytes.first().is_some_and(|first| *first <= TYPE_MAX && !TYPES.contains(first)) {
        return Err(RpcError::RefusedTransaction("transaction type not supported"));
    }
    let transaction =
        SignedTransaction::decode_2718(bytes).map_err(|error| RpcError::BadTransaction(error.to_string()))?;
    // Their signatures are posted whole; the fee pays for what is left of the transaction after compression.
    let authorizations = transaction.fields().authorization_list().map_or(0, <[_]>::len) as u64;
    if 2 * estimate_posted_bytes(bytes) < SIGNATURE_BYTES * (1 + authorizations) {
        return Err(RpcError::RefusedTransaction(
            "authorizations compress better than they are posted: sign them with random nonces",
        ));
    }
    Recovered::new(transaction).map_err(|_| RpcError::RefusedTransaction("invalid signature"))
}

pub fn transaction_count(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let address: Address = params.required(0, "an address")?;
    json::quantity(nonce(context, address, params.block(1)?)?)
}

/// The nonce of an account after a block; at `pending` what waits is counted, so that it is the one to use next.
pub fn nonce(context: &RpcContext, address: Address, id: Option<BlockId>) -> Result<u64, RpcError> {
    // Asked before the head is: what has left the pool by then is in the head's state.
    let is_pending = id == Some(BlockId::Number(BlockNumberOrTag::Pending));
    let pending = if is_pending { context.pool().pending_nonce(&address) } else { None };
    let (_, mut state) = context.state(id)?;
    let nonce = state.account(address)?.map_or(0, |info| info.nonce);
    Ok(nonce.max(pending.unwrap_or_default()))
}

/// A transaction, in a block or waiting, and where.
pub fn find(context: &RpcContext, hash: B256) -> Result<Option<(Transaction, Option<json::Inclusion>)>, RpcError> {
    Ok(match context.locate(hash)? {
        Located::Included { block, index } => match block.transactions.get(index) {
            Some(transaction) => Some((transaction.clone(), Some(eth::place(context, &block, index)?))),
            None => None,
        },
        Located::Waiting { transaction, .. } => Some((Transaction::Signed(transaction.as_ref().clone()), None)),
        Located::Dropped(_) | Located::Unknown => None,
    })
}

pub fn transaction_by_hash(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let hash: B256 = params.required(0, "a transaction hash")?;
    match find(context, hash)? {
        Some((transaction, place)) => json::transaction(&transaction, place),
        None => Ok(Value::Null),
    }
}

/// Where a transaction is, or why it is nowhere.
pub fn transaction_status(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let hash: B256 = params.required(0, "a transaction hash")?;
    Ok(match context.locate(hash)? {
        Located::Included { block, index } => json!({
            "status": "included",
            "blockHash": block.hash,
            "blockNumber": U256::from(block.header.number),
            "transactionIndex": U256::from(index),
            "promise": rollup::promise(context, block.header.number)?,
        }),
        Located::Waiting { transaction, pending_nonce } => {
            json!({ "status": "waiting", "waitsFor": waits_for(context, &transaction, pending_nonce)? })
        }
        Located::Dropped(reason) => {
            let mut object = json!({ "status": "dropped", "reason": reason.code(), "message": reason.to_string() });
            if let Dropped::Replaced { by } | Dropped::Displaced { by } = reason {
                object["by"] = json!(by);
            }
            object
        }
        Located::Unknown => json!({ "status": "unknown" }),
    })
}

/// What stands between a waiting transaction and a block.
fn waits_for(context: &RpcContext, transaction: &Recovered, pending_nonce: u64) -> Result<&'static str, RpcError> {
    let fields = transaction.transaction().fields();
    let head = context.header(None)?;
    let base_fee = prices::next_base_fee(context, &head)?;
    Ok(if fields.nonce() >= pending_nonce {
        "nonce"
    } else if fields.max_fee_per_gas() < u128::from(base_fee) {
        "baseFee"
    } else {
        "block"
    })
}

pub fn status(context: &RpcContext) -> Value {
    let counts = context.pool().counts();
    json!({ "pending": U256::from(counts.pending), "queued": U256::from(counts.queued) })
}

/// What waits, by executability.
type Content = (Vec<Arc<Recovered>>, Vec<Arc<Recovered>>);

/// What waits, as far as `wants` it: what is executable, and what is behind a gap, both by sender and nonce.
fn waiting(context: &RpcContext, wants: impl Fn(&Recovered) -> bool) -> Result<Content, RpcError> {
    let (what, limit) = ("transactions in one answer", context.limits.content_max);
    let too_many = |_| RpcError::LimitExceeded { what, limit: limit as u64, flag: flag::CONTENT };
    let mut content = context.pool().content(limit).map_err(too_many)?;
    content.retain(|(transaction, _)| wants(transaction));
    content.sort_by_key(|(transaction, _)| (transaction.signer(), transaction.transaction().fields().nonce()));
    let (pending, queued): (Vec<_>, Vec<_>) = content.into_iter().partition(|(_, executable)| *executable);
    let transactions =
        |group: Vec<(Arc<Recovered>, bool)>| group.into_iter().map(|(transaction, _)| transaction).collect();
    Ok((transactions(pending), transactions(queued)))
}

/// By sender and nonce, each told by `tell`.
fn by_sender(
    group: &[Arc<Recovered>],
    tell: impl Fn(&Recovered) -> Result<Value, RpcError>,
) -> Result<Value, RpcError> {
    let mut senders = Map::new();
    for transaction in group {
        let sender = senders.entry(transaction.signer().to_checksum(None)).or_insert_with(|| json!({}));
        sender[transaction.transaction().fields().nonce().to_string()] = tell(transaction)?;
    }
    Ok(senders.into())
}

/// A waiting transaction with all its fields, those of its place in a block null.
pub fn whole(transaction: &Recovered) -> Result<Value, RpcError> {
    json::transaction(&Transaction::Signed(transaction.clone()), None)
}

/// By executability, sender and nonce.
pub fn content(context: &RpcContext) -> Result<Value, RpcError> {
    let (pending, queued) = waiting(context, |_| true)?;
    Ok(json!({ "pending": by_sender(&pending, whole)?, "queued": by_sender(&queued, whole)? }))
}

/// One account's, by executability and nonce.
pub fn content_from(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let address: Address = params.required(0, "an address")?;
    let (pending, queued) = waiting(context, |transaction| transaction.signer() == address)?;
    let by_nonce = |group: &[Arc<Recovered>]| -> Result<Value, RpcError> {
        let named = |transaction: &Arc<Recovered>| {
            Ok((transaction.transaction().fields().nonce().to_string(), whole(transaction)?))
        };
        Ok(group.iter().map(named).collect::<Result<Map<_, _>, RpcError>>()?.into())
    };
    Ok(json!({ "pending": by_nonce(&pending)?, "queued": by_nonce(&queued)? }))
}

/// Likewise, each as a line for people.
pub fn inspect(context: &RpcContext) -> Result<Value, RpcError> {
    let line = |transaction: &Recovered| {
        let fields = transaction.transaction().fields();
        let to = fields.to().map_or_else(|| "contract creation".to_owned(), |to| to.to_checksum(None));
        let (value, gas, price) = (fields.value(), fields.gas_limit(), fields.max_fee_per_gas());
        Ok(json!(format!("{to}: {value} wei + {gas} gas × {price} wei")))
    };
    let (pending, queued) = waiting(context, |_| true)?;
    Ok(json!({ "pending": by_sender(&pending, line)?, "queued": by_sender(&queued, line)? }))
}
