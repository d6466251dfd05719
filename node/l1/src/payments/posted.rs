//! The segments of a proven batch: the input of the transaction that appended it (PAY-APPEND). A plain account calls the settlement directly, so that they are there.

use super::BatchEvent;
use crate::{
    bindings::{
        ValiditySettlement,
        payments::{AppendArgs, BatchEnv},
    },
    client::{L1Client, RpcFailure},
};
use alloy::{
    primitives::{Address, Bytes, TxHash, U256},
    sol_types::{SolCall, SolValue},
};
use tandem_payments::ledger::Env;

/// The three segments, as posted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segments {
    /// Effect records, of 31 or 62 bytes each.
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
    /// Effects, withdrawals and messages, as posted.
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
        /// Hash of the appending transaction.
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

/// The segments in the input of a transaction. Read as Solidity reads them, which has made the batch final: only the words that lead to the segments count, and what else the input holds,
/// padding, overlaps, bytes behind, is the appender's affair (PAY-APPEND).
pub(super) fn decode(event: &BatchEvent, input: &[u8]) -> Result<Posted, PostedError> {
    let transaction = event.transaction;
    let not_append = PostedError::NotAppend(transaction);
    let (selector, arguments) = input.split_first_chunk::<4>().ok_or(PostedError::NotAppend(transaction))?;
    if *selector != ValiditySettlement::appendCall::SELECTOR {
        return Err(not_append);
    }
    let read = || {
        let head = arguments.get(..HEAD_BYTES)?;
        let (args, env) = <(AppendArgs, BatchEnv)>::abi_decode_params(head).ok()?;
        let array = offset_at(arguments, HEAD_BYTES)?;
        Some((args, env, [segment(arguments, array, 0)?, segment(arguments, array, 1)?, segment(arguments, array, 2)?]))
    };
    let (args, env, [effects, withdrawals, messages]) = read().ok_or(not_append)?;
    if args.index != event.index || env != event.env {
        return Err(PostedError::OtherBatch { transaction, found: args.index });
    }
    Ok(Posted {
        args,
        env: Env { operator: env.operator, timestamp: env.timestamp },
        segments: Segments { effects, withdrawals, messages },
    })
}

/// Bytes of the arguments before the offsets: nine words of where the batch lands, two of time and operator.
const HEAD_BYTES: usize = 11 * 32;

/// The word at a place, as an offset.
fn offset_at(bytes: &[u8], place: usize) -> Option<usize> {
    let (word, _) = bytes.get(place..)?.split_first_chunk::<32>()?;
    usize::try_from(U256::from_be_bytes(*word)).ok()
}

/// A segment of the array at `array`: its offset counts from there, its length stands before it.
fn segment(arguments: &[u8], array: usize, number: usize) -> Option<Bytes> {
    let place = array.checked_add(offset_at(arguments, array.checked_add(number.checked_mul(32)?)?)?)?;
    let length = offset_at(arguments, place)?;
    let start = place.checked_add(32)?;
    arguments.get(start..start.checked_add(length)?).map(Bytes::copy_from_slice)
}
