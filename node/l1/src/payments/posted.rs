//! The segments of a proven batch: the input of the transaction that appended it (PAY-APPEND). A plain account calls the settlement directly, so that they are there.

use super::BatchEvent;
use crate::{
    bindings::{ValiditySettlement, payments::AppendArgs},
    client::{L1Client, RpcFailure},
};
use alloy::{
    primitives::{Address, Bytes, TxHash},
    sol_types::SolCall,
};
use tandem_payments::ledger::Env;

/// The three segments, as posted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segments {
    /// Effect records.
    pub effects: Bytes,
    /// Withdrawal records, 62 bytes each.
    pub withdrawals: Bytes,
    /// Message records, 62 bytes each.
    pub messages: Bytes,
}

/// What the appending transaction carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// Where the batch landed.
    pub args: AppendArgs,
    /// Time and operator.
    pub env: Env,
    /// The segments.
    pub segments: Segments,
}

/// Why a batch's segments cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PostedError {
    /// The endpoint did not answer.
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    /// The endpoint does not know the transaction.
    #[error("the L1 endpoint does not have transaction {0}: use one with full history")]
    Unknown(TxHash),
    /// Another block, or none, has it now.
    #[error("transaction {0} moved to another block while it was read; run it again")]
    Moved(TxHash),
    /// It calls something else.
    #[error("transaction {0} does not call the settlement: the L1 endpoint is broken")]
    NotAppend(TxHash),
    /// The call appends another batch.
    #[error("transaction {transaction} appends batch {found}: the L1 endpoint is broken")]
    OtherBatch {
        /// The transaction.
        transaction: TxHash,
        /// The batch that it appends.
        found: u64,
    },
}

/// Fetches the transaction that appended a batch.
pub async fn posted(client: &L1Client, settlement: Address, event: &BatchEvent) -> Result<Posted, PostedError> {
    let hash = event.transaction;
    let transaction = client.transaction(hash).await?.ok_or(PostedError::Unknown(hash))?;
    if transaction.block_hash != Some(event.block_hash) {
        return Err(PostedError::Moved(hash));
    }
    if transaction.to != Some(settlement) {
        return Err(PostedError::NotAppend(hash));
    }
    decode(event, &transaction.input)
}

/// The segments in the input of a transaction.
pub(super) fn decode(event: &BatchEvent, input: &[u8]) -> Result<Posted, PostedError> {
    let transaction = event.transaction;
    let call = ValiditySettlement::appendCall::abi_decode(input).map_err(|_| PostedError::NotAppend(transaction))?;
    if call.args.index != event.index || call.env != event.env {
        return Err(PostedError::OtherBatch { transaction, found: call.args.index });
    }
    let [effects, withdrawals, messages] = call.segments;
    Ok(Posted {
        args: call.args,
        env: Env { operator: call.env.operator, timestamp: call.env.timestamp },
        segments: Segments { effects, withdrawals, messages },
    })
}
