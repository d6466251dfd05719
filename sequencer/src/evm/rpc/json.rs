//! Blocks, transactions and receipts as Ethereum's JSON-RPC shows them; deposits as the OP stack shows its type 0x7e, which tools know.

use alloy::{
    consensus::{Header, TxEnvelope},
    primitives::{Address, B256, Bloom, TxKind, U256},
    rlp::Encodable,
    rpc::types::Header as RpcHeader,
};
use serde_json::{Value, json};
use tandem_chain::Checkpoint;
use tandem_evm::{
    EvmBlock, Recovered, Transaction,
    fees::{BaseFee, DataCharge},
};

pub use crate::rpc::json::{quantity, value};
use crate::rpc::{BlockNews, RpcError};

/// Where a transaction stands.
#[derive(Clone, Copy, Debug)]
pub struct Inclusion {
    pub block_hash: B256,
    pub block_number: u64,
    /// The block's date, in seconds.
    pub block_timestamp: u64,
    pub index: usize,
    /// Paid, in wei per gas.
    pub gas_price: u128,
    /// The block's base fee, in wei per gas.
    pub base_fee: u64,
}

impl Inclusion {
    /// Of transaction `index` of a block that nobody pays for.
    pub fn unpriced(block: &EvmBlock, index: usize) -> Self {
        Self::priced(block, index, 0)
    }

    /// Of transaction `index`; `checkpoint` is the one of the block's batch.
    pub fn new(block: &EvmBlock, index: usize, checkpoint: &Checkpoint) -> Self {
        let gas_price = match block.transactions.get(index) {
            Some(Transaction::Signed(signed)) => {
                let charge = data_charge(block, signed, checkpoint);
                effective_price(block, signed, &charge, gas_used(block, index))
            }
            Some(Transaction::Deposit(_)) | None => 0,
        };
        Self::priced(block, index, gas_price)
    }

    fn priced(block: &EvmBlock, index: usize, gas_price: u128) -> Self {
        let Header { number: block_number, timestamp: block_timestamp, base_fee_per_gas, .. } = block.header;
        let base_fee = base_fee_per_gas.unwrap_or_default();
        Self { block_hash: block.hash, block_number, block_timestamp, index, gas_price, base_fee }
    }
}

/// Gas that a block's transaction `index` used.
pub fn gas_used(block: &EvmBlock, index: usize) -> u64 {
    let cumulative = |index: usize| block.receipts.get(index).map_or(0, |receipt| receipt.cumulative_gas_used);
    cumulative(index).saturating_sub(index.checked_sub(1).map_or(0, cumulative))
}

fn data_charge(block: &EvmBlock, signed: &Recovered, checkpoint: &Checkpoint) -> DataCharge {
    DataCharge::new(&signed.transaction().encode_2718(), checkpoint, BaseFee::of(&block.header))
}

/// What each gas cost the sender (EVM-FEE-5).
fn effective_price(block: &EvmBlock, signed: &Recovered, charge: &DataCharge, gas_used: u64) -> u128 {
    let bid = signed.transaction().fields().effective_gas_price(block.header.base_fee_per_gas);
    charge.effective_price(bid, gas_used)
}

/// A block, with transaction hashes; or with transaction objects, for whose prices `checkpoint` is the one of its batch.
pub fn block(block: &EvmBlock, checkpoint: Option<&Checkpoint>) -> Result<Value, RpcError> {
    let mut object = header(&block.header, block.hash, Some(encoded_block(block).len()))?;
    let transactions = block.transactions.iter().enumerate().map(|(index, item)| match checkpoint {
        Some(checkpoint) => transaction(item, Some(Inclusion::new(block, index, checkpoint))),
        None => Ok(json!(item.hash())),
    });
    object["transactions"] = transactions.collect::<Result<_, _>>()?;
    object["uncles"] = json!([]);
    object["withdrawals"] = json!([]);
    Ok(object)
}

/// A header; `size_bytes` is that of the block, for blocks.
pub fn header(header: &Header, hash: B256, size_bytes: Option<usize>) -> Result<Value, RpcError> {
    let size = size_bytes.map(U256::from);
    value(&RpcHeader { hash, inner: header.clone(), total_difficulty: None, size })
}

/// A block as subscribers are told of it.
pub fn announce(block: &EvmBlock) -> Result<BlockNews, RpcError> {
    let mut logs = Vec::new();
    for (index, receipt) in block.receipts.iter().enumerate() {
        for item in &receipt.logs {
            let object = log(block, index, logs.len(), item);
            logs.push((item.clone(), object));
        }
    }
    Ok(BlockNews {
        number: block.header.number,
        hash: block.hash,
        bloom: block.header.logs_bloom,
        head: header(&block.header, block.hash, None)?,
        logs: Some(logs),
    })
}

/// A block in RLP, as Ethereum's nodes exchange it: header, transactions, no uncles, no withdrawals.
pub fn encoded_block(block: &EvmBlock) -> Vec<u8> {
    let mut transactions = Vec::new();
    for transaction in &block.transactions {
        let bytes = transaction.encode_2718();
        match bytes.first() {
            // Legacy transactions are lists themselves; what begins with a type is a string in the list.
            Some(0xc0..) => transactions.extend_from_slice(&bytes),
            _ => bytes.as_slice().encode(&mut transactions),
        }
    }
    let list = |payload: &[u8], out: &mut Vec<u8>| {
        alloy::rlp::Header { list: true, payload_length: payload.len() }.encode(out);
        out.extend_from_slice(payload);
    };
    let mut payload = alloy::rlp::encode(&block.header);
    list(&transactions, &mut payload);
    list(&[], &mut payload);
    list(&[], &mut payload);
    let mut encoded = Vec::with_capacity(payload.len() + 9);
    list(&payload, &mut encoded);
    encoded
}

/// A transaction, waiting or in a block.
pub fn transaction(transaction: &Transaction, place: Option<Inclusion>) -> Result<Value, RpcError> {
    let mut object = match transaction {
        Transaction::Deposit(deposit) => json!({
            "type": "0x7e",
            "hash": transaction.hash(),
            "sourceHash": deposit.source_hash,
            "to": deposit.to,
            "mint": deposit.mint,
            "value": deposit.value,
            "gas": U256::from(deposit.gas_limit),
            "isSystemTx": deposit.is_system,
            "input": deposit.data,
            "nonce": "0x0",
            // Nobody pays it (the receipt says so): strategies that read the prices of blocks take it for what gas cost there.
            "gasPrice": U256::from(place.map_or(0, |place| place.base_fee)),
            "v": "0x0", "r": "0x0", "s": "0x0",
        }),
        Transaction::Signed(signed) => {
            let mut object = value(&TxEnvelope::from(signed.transaction().clone()))?;
            let fields = signed.transaction().fields();
            // Of the other types it is signed, and part of what the hash is of; what was paid is in the receipt alone.
            if fields.max_priority_fee_per_gas().is_some() {
                let price = place.map_or_else(|| fields.max_fee_per_gas(), |place| place.gas_price);
                object["gasPrice"] = json!(U256::from(price));
            }
            object
        }
    };
    object["from"] = json!(transaction.from());
    object["blockHash"] = json!(place.map(|place| place.block_hash));
    object["blockNumber"] = json!(place.map(|place| U256::from(place.block_number)));
    object["blockTimestamp"] = json!(place.map(|place| U256::from(place.block_timestamp)));
    object["transactionIndex"] = json!(place.map(|place| U256::from(place.index)));
    Ok(object)
}

/// The receipt of transaction `index`; `checkpoint` is the one of its batch.
pub fn receipt(block: &EvmBlock, index: usize, checkpoint: &Checkpoint) -> Option<Value> {
    let (transaction, receipt) = (block.transactions.get(index)?, block.receipts.get(index)?);
    let gas_used = gas_used(block, index);
    let logs_before: usize = block.receipts.iter().take(index).map(|receipt| receipt.logs.len()).sum();
    let (to, created): (Option<Address>, Option<Address>) = match transaction {
        Transaction::Deposit(deposit) => (Some(deposit.to), None),
        Transaction::Signed(signed) => {
            let fields = signed.transaction().fields();
            match fields.kind() {
                TxKind::Call(to) => (Some(to), None),
                TxKind::Create => (None, Some(signed.signer().create(fields.nonce()))),
            }
        }
    };
    let logs: Vec<Value> =
        (logs_before..).zip(&receipt.logs).map(|(position, item)| log(block, index, position, item)).collect();
    let mut object = json!({
        "type": U256::from(receipt.tx_type),
        "status": if receipt.success { "0x1" } else { "0x0" },
        "transactionHash": transaction.hash(),
        "transactionIndex": U256::from(index),
        "blockHash": block.hash,
        "blockNumber": U256::from(block.header.number),
        "from": transaction.from(),
        "to": to,
        "contractAddress": created,
        "cumulativeGasUsed": U256::from(receipt.cumulative_gas_used),
        "gasUsed": U256::from(gas_used),
        "effectiveGasPrice": "0x0",
        "logs": logs,
        "logsBloom": receipt.logs.iter().fold(Bloom::ZERO, |mut bloom, log| { bloom.accrue_log(log); bloom }),
    });
    if let Transaction::Signed(signed) = transaction {
        let charge = data_charge(block, signed, checkpoint);
        object["effectiveGasPrice"] = json!(U256::from(effective_price(block, signed, &charge, gas_used)));
        // A part of gasUsed * effectiveGasPrice, not beside it (EVM-FEE-5).
        object["l1Fee"] = json!(charge.paid(gas_used));
        object["l1GasPrice"] = json!(checkpoint.base_fee);
        object["l1BlobBaseFee"] = json!(checkpoint.blob_base_fee);
    }
    Some(object)
}

/// One log; `position` counts in the block.
pub fn log(block: &EvmBlock, transaction_index: usize, position: usize, log: &alloy::primitives::Log) -> Value {
    json!({
        "address": log.address,
        "topics": log.topics(),
        "data": log.data.data,
        "blockHash": block.hash,
        "blockNumber": U256::from(block.header.number),
        "blockTimestamp": U256::from(block.header.timestamp),
        "transactionHash": block.transactions.get(transaction_index).map(Transaction::hash),
        "transactionIndex": U256::from(transaction_index),
        "logIndex": U256::from(position),
        "removed": false,
    })
}
