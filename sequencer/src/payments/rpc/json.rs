//! Blocks, transactions, receipts and logs as Ethereum's JSON-RPC shows them, in the fields that an EVM chain's have.
//!
//! What a batch has no use for is what Ethereum shows of an empty block. There is no base fee (PAY-GAS): what the operator asks is a tip. Roots of lists are zero, which is
//! the root of none, since a block's hash commits to what is on L1 and to nothing else; those of blocks without transactions are Ethereum's empty ones.

use alloy::{
    consensus::{
        Header,
        constants::{EMPTY_OMMER_ROOT_HASH, EMPTY_ROOT_HASH},
    },
    eips::eip7685::EMPTY_REQUESTS_HASH,
    primitives::{Address, B256, Bloom, Bytes, Log, LogData, U256, b256},
    rlp::{Buf, Decodable, Encodable, Header as RlpHeader},
    rpc::types::Header as RpcHeader,
};
use serde_json::{Value, json};
use tandem_payments::{
    batch::{BatchLimits, Circuits},
    kind::Kind,
    withdrawals,
};

use super::form::Form;
pub use crate::rpc::json::{quantity, value};
use crate::{
    payments::records::{Block, MESSAGE_TYPE, Origin, Transaction},
    rpc::RpcError,
};

/// `Transfer(address,address,uint256)` of ERC-20.
pub const TRANSFER_TOPIC: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

/// The first byte of an operation's envelope.
const SESSION_TYPE: u8 = tandem_payments::eddsa::SESSION_TX_TYPE;

/// Where a transaction is shown to be.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The hash of its block; none while that is open.
    pub block_hash: Option<B256>,
    pub block_number: u64,
    /// The block's time, in seconds.
    pub block_timestamp: u64,
    pub index: usize,
}

impl Place {
    /// The place with this index in a block.
    pub fn of(block: &Block, index: usize) -> Self {
        Self { block_hash: Some(block.hash), block_number: block.number, block_timestamp: block.timestamp, index }
    }
}

/// What a block holds; nothing if this node does not know it.
pub fn transactions(block: &Block) -> &[Transaction] {
    block.transactions.as_deref().unwrap_or_default()
}

/// What is shown of the chain with each of its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The chain's id.
    pub chain_id: u64,
    /// The most gas that a block can use, as batches are built now.
    pub gas_limit: u64,
}

/// A block, with transaction hashes or with transactions.
pub fn block(block: &Block, chain: Shown, full: bool) -> Result<Value, RpcError> {
    let transactions = transactions(block);
    let bytes: usize = transactions.iter().map(|transaction| posted(transaction).len()).sum();
    let header = header_of(block, chain.gas_limit);
    let mut object = show(block, &header, Some(header.length().saturating_add(bytes)))?;
    let shown = transactions.iter().enumerate().map(|(index, item)| match full {
        true => transaction(item, chain.chain_id, Some(Place::of(block, index))),
        false => Ok(json!(item.hash)),
    });
    object["transactions"] = shown.collect::<Result<_, _>>()?;
    object["uncles"] = json!([]);
    object["withdrawals"] = json!([]);
    Ok(object)
}

/// A block without what it holds.
pub fn header(block: &Block, chain: Shown) -> Result<Value, RpcError> {
    show(block, &header_of(block, chain.gas_limit), None)
}

/// A block's header, which says so if what the block holds is not known.
fn show(block: &Block, header: &Header, size_bytes: Option<usize>) -> Result<Value, RpcError> {
    let size = size_bytes.map(U256::from);
    let mut object = value(&RpcHeader { hash: block.hash, inner: header.clone(), total_difficulty: None, size })?;
    if block.transactions.is_none() {
        object["transactionsUnknown"] = true.into();
    }
    Ok(object)
}

/// The bloom of a block's logs. All ones if they are not known: a bloom may name logs that are not there, and never hides one that is.
pub fn bloom(block: &Block) -> Bloom {
    let Some(transactions) = &block.transactions else { return Bloom::repeat_byte(0xff) };
    let mut bloom = Bloom::ZERO;
    transactions.iter().filter_map(log_of).for_each(|log| bloom.accrue_log(&log));
    bloom
}

/// The most gas that a block can use that is cut for these circuits: with as many slots as it may have, each the dearest operation of one slot (PAY-GAS, PAY-LIMITS).
pub fn gas_limit(circuits: &Circuits) -> u64 {
    let [_, large] = circuits.apply;
    let slots = BatchLimits::default().apply_proofs_max.saturating_mul(large.slots as u64);
    slots.saturating_mul(Kind::WithdrawToken.gas())
}

/// The gas that a block's operations were charged for. Zero if they are not known, since L1 does not tell it: the least that it can be.
pub fn gas_used(block: &Block) -> u64 {
    transactions(block).iter().fold(0, |sum, transaction| sum.saturating_add(transaction.gas))
}

fn header_of(block: &Block, gas_limit: u64) -> Header {
    let is_empty = block.transactions.as_ref().is_some_and(Vec::is_empty);
    let list_root = if is_empty { EMPTY_ROOT_HASH } else { B256::ZERO };
    Header {
        parent_hash: block.parent_hash,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: block.operator,
        state_root: block.state_root,
        transactions_root: list_root,
        receipts_root: list_root,
        logs_bloom: bloom(block),
        number: block.number,
        // One that was built for larger circuits than there are now had a higher limit.
        gas_limit: gas_limit.max(gas_used(block)),
        gas_used: gas_used(block),
        timestamp: block.timestamp,
        base_fee_per_gas: Some(0),
        withdrawals_root: Some(EMPTY_ROOT_HASH),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        ..Default::default()
    }
}

/// The envelope of an operation, the record of a message.
fn posted(transaction: &Transaction) -> &Bytes {
    match &transaction.origin {
        Origin::Operation { envelope, .. } => envelope,
        Origin::Message { record, .. } => record,
    }
}

/// The bytes that a sender signed; none of a message.
pub fn envelope(transaction: &Transaction) -> Option<&Bytes> {
    match &transaction.origin {
        Origin::Operation { envelope, .. } => Some(envelope),
        Origin::Message { .. } => None,
    }
}

/// A transaction, in a block or on its way into one.
pub fn transaction(transaction: &Transaction, chain_id: u64, place: Option<Place>) -> Result<Value, RpcError> {
    let Form { to, value, input } = Form::of(transaction);
    let mut object = match &transaction.origin {
        Origin::Operation { envelope, price, nonce } => {
            let Terms { gas_limit, max_fee_per_gas, expiry } = Terms::of(envelope).unwrap_or_default();
            json!({
                "type": quantity(SESSION_TYPE)?,
                "chainId": quantity(chain_id)?,
                "nonce": quantity(*nonce)?,
                "gas": quantity(gas_limit)?,
                "gasPrice": quantity(if place.is_some() { *price } else { max_fee_per_gas })?,
                "maxFeePerGas": quantity(max_fee_per_gas)?,
                "maxPriorityFeePerGas": quantity(max_fee_per_gas)?,
                "accessList": [],
                "expiry": quantity(expiry)?,
            })
        }
        // The fields of the OP stack's deposits, which tools know by this type.
        Origin::Message { index, .. } => json!({
            "type": quantity(MESSAGE_TYPE)?,
            "sourceHash": transaction.hash,
            "mint": minted(transaction),
            "isSystemTx": false,
            "nonce": "0x0",
            "gas": "0x0",
            "gasPrice": "0x0",
            "queueIndex": quantity(*index)?,
        }),
    };
    object["hash"] = json!(transaction.hash);
    object["operation"] = name(transaction.kind()).into();
    object["from"] = json!(transaction.from);
    object["to"] = json!(to);
    object["value"] = json!(value);
    object["input"] = json!(input);
    for part in ["v", "r", "s"] {
        object[part] = "0x0".into();
    }
    object["blockHash"] = json!(place.and_then(|place| place.block_hash));
    object["blockNumber"] = json!(place.map(|place| U256::from(place.block_number)));
    object["blockTimestamp"] = json!(place.map(|place| U256::from(place.block_timestamp)));
    object["transactionIndex"] = json!(place.map(|place| U256::from(place.index)));
    Ok(object)
}

/// The ether that a message brought, in wei: that of a deposit that was credited. One that was refunded brought none, and a forced withdrawal takes some away.
fn minted(transaction: &Transaction) -> U256 {
    let is_deposit = transaction.token.is_zero() && transaction.kind() == Some(Kind::Deposit);
    if is_deposit && transaction.took_effect { U256::from(transaction.amount) } else { U256::ZERO }
}

/// What a transaction does, in a word.
fn name(kind: Option<Kind>) -> &'static str {
    match kind {
        Some(Kind::Transfer) => "transfer",
        Some(Kind::TokenTransfer) => "tokenTransfer",
        Some(Kind::WithdrawEth) => "withdrawEth",
        Some(Kind::WithdrawToken) => "withdrawToken",
        Some(Kind::SetSession) => "setSessionKey",
        Some(Kind::Register) => "registerKey",
        Some(Kind::Deposit) => "deposit",
        Some(Kind::Forced) => "forcedWithdrawal",
        Some(Kind::L1Key) => "sessionKeyFromL1",
        _ => "unknown",
    }
}

/// What a sender signed about the price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Terms {
    gas_limit: u64,
    max_fee_per_gas: u64,
    expiry: u64,
}

impl Terms {
    /// Out of an envelope that was taken (PAY-SESSION-TX); its key is not looked at again, which takes long.
    fn of(envelope: &[u8]) -> Option<Self> {
        let mut items = RlpHeader::decode_bytes(&mut envelope.get(1..)?, true).ok()?;
        // Chain, sender, nonce, kind, token, recipient, amount.
        for _ in 0..7 {
            let RlpHeader { payload_length, .. } = RlpHeader::decode(&mut items).ok()?;
            items.has_remaining().then(|| items.advance(payload_length.min(items.remaining())))?;
        }
        let mut next = || u64::decode(&mut items).ok();
        Some(Self { gas_limit: next()?, max_fee_per_gas: next()?, expiry: next()? })
    }
}

/// The receipt of a block's transaction `index`.
pub fn receipt(block: &Block, index: usize) -> Result<Option<Value>, RpcError> {
    let transactions = transactions(block);
    let Some(transaction) = transactions.get(index) else { return Ok(None) };
    let (before, _) = transactions.split_at(index);
    let gas_before = before.iter().fold(0_u64, |sum, earlier| sum.saturating_add(earlier.gas));
    let position = before.iter().filter(|earlier| earlier.token_transfer().is_some()).count();
    let found = log_of(transaction);
    let mut bloom = Bloom::ZERO;
    found.iter().for_each(|log| bloom.accrue_log(log));
    let logs: Vec<Value> = found.iter().map(|found| log(block, index, position, found)).collect();
    let (kind, price) = match transaction.origin {
        Origin::Operation { price, .. } => (SESSION_TYPE, price),
        Origin::Message { .. } => (MESSAGE_TYPE, 0),
    };
    let mut object = json!({
        "type": quantity(kind)?,
        "status": if transaction.took_effect { "0x1" } else { "0x0" },
        "transactionHash": transaction.hash,
        "transactionIndex": U256::from(index),
        "blockHash": block.hash,
        "blockNumber": U256::from(block.number),
        "from": transaction.from,
        "to": Form::of(transaction).to,
        "contractAddress": null,
        "cumulativeGasUsed": U256::from(gas_before.saturating_add(transaction.gas)),
        "gasUsed": U256::from(transaction.gas),
        "effectiveGasPrice": U256::from(price),
        "logs": logs,
        "logsBloom": bloom,
    });
    if let Some(index) = transaction.withdrawal.and_then(|place| withdrawals::index(block.number, place)) {
        // By this index it is claimed on L1 once the batch is there (PAY-CLAIM).
        object["withdrawal"] = json!({
            "index": U256::from(index),
            "recipient": transaction.to,
            "token": transaction.token,
            "amount": U256::from(transaction.amount),
        });
    }
    Ok(Some(object))
}

/// The log of a transaction: that of the token that it moved, at the token's address on L1.
pub fn log_of(transaction: &Transaction) -> Option<Log> {
    let (from, to, amount) = transaction.token_transfer()?;
    let topic = |address: Address| address.into_word();
    let topics = vec![TRANSFER_TOPIC, topic(from), topic(to)];
    let data = LogData::new_unchecked(topics, U256::from(amount).to_be_bytes_vec().into());
    Some(Log { address: transaction.token, data })
}

/// A block's logs with how they are shown, in order.
pub fn logs(block: &Block) -> Vec<(Log, Value)> {
    logs_that(block, |_| true)
}

/// Those of a block's logs that fit. The others are counted, and nothing is made of them that would be shown.
pub fn logs_that(block: &Block, fits: impl Fn(&Log) -> bool) -> Vec<(Log, Value)> {
    let found = transactions(block).iter().enumerate().filter_map(|(index, item)| Some((index, log_of(item)?)));
    found
        .enumerate()
        .filter(|(_, (_, found))| fits(found))
        .map(|(position, (index, found))| {
            let shown = log(block, index, position, &found);
            (found, shown)
        })
        .collect()
}

/// One log; `position` counts in the block.
fn log(block: &Block, index: usize, position: usize, log: &Log) -> Value {
    json!({
        "address": log.address,
        "topics": log.topics(),
        "data": log.data.data,
        "blockHash": block.hash,
        "blockNumber": U256::from(block.number),
        "blockTimestamp": U256::from(block.timestamp),
        "transactionHash": transactions(block).get(index).map(|transaction| transaction.hash),
        "transactionIndex": U256::from(index),
        "logIndex": U256::from(position),
        "removed": false,
    })
}

#[cfg(test)]
mod tests;
