//! Blocks, transactions and receipts as Ethereum's JSON-RPC shows them. Operations take the forms that Ethereum transactions have for them (PAY-PREDEPLOY), messages
//! of the queue the type 0x7e of deposits.

use alloy::{
    consensus::constants::EMPTY_OMMER_ROOT_HASH,
    primitives::{Address, B64, B256, Bloom, BloomInput, Bytes, Log, U256},
    sol,
    sol_types::{SolCall, SolEvent},
};
use serde_json::{Value, json};
use tandem_payments::{
    eddsa::{SESSION_TX_TYPE, SessionTransaction},
    ethereum::BRIDGE,
    kind::Kind,
    withdrawals,
};

use super::context::PaymentsContext;
use crate::{
    payments::records::{Block, MESSAGE_TYPE, Origin, Transaction},
    rpc::RpcError,
};

sol! {
    event Transfer(address indexed from, address indexed to, uint256 value);

    function transfer(address to, uint256 amount) external returns (bool);
    function withdrawETH(address to) external;
    function withdraw(address token, address to, uint256 amount) external;
}

/// Where a transaction stands: its block, if it is closed, and its index.
#[derive(Clone, Copy, Debug)]
pub struct Position<'a> {
    /// None for what is pending.
    pub block: Option<&'a Block>,
    /// Its index in the block, from 0.
    pub index: usize,
}

/// What a transaction looks like as a call: callee, wei, input.
fn as_call(transaction: &Transaction) -> (Address, U256, Bytes) {
    let Transaction { to, token, amount, .. } = *transaction;
    let units = U256::from(amount);
    match transaction.kind() {
        Some(Kind::TokenTransfer) => (token, U256::ZERO, transferCall { to, amount: units }.abi_encode().into()),
        Some(Kind::WithdrawEth) => (BRIDGE, units, withdrawETHCall { to }.abi_encode().into()),
        Some(Kind::WithdrawToken) => {
            (BRIDGE, U256::ZERO, withdrawCall { token, to, amount: units }.abi_encode().into())
        }
        Some(Kind::Deposit) if !token.is_zero() => (to, U256::ZERO, Bytes::new()),
        _ => (to, units, Bytes::new()),
    }
}

/// A transaction, in a block or pending.
pub fn transaction(
    context: &PaymentsContext,
    transaction: &Transaction,
    position: Option<Position<'_>>,
) -> Result<Value, RpcError> {
    let (to, value, input) = as_call(transaction);
    let block = position.and_then(|position| position.block);
    let mut object = json!({
        "hash": transaction.hash,
        "blockHash": block.map(|block| block.hash),
        "blockNumber": block.map(|block| U256::from(block.number)),
        "blockTimestamp": block.map(|block| U256::from(block.timestamp)),
        "transactionIndex": position.map(|position| U256::from(position.index)),
        "chainId": U256::from(context.chain.l2_chain_id),
        "from": transaction.from,
        "to": to,
        "value": value,
        "input": input,
        // Signed with another curve's key, which has no place here.
        "r": "0x0",
        "s": "0x0",
        "v": "0x0",
    });
    match &transaction.origin {
        Origin::Operation { envelope, price, nonce } => {
            let signed = SessionTransaction::decode(envelope)
                .map_err(|error| RpcError::Internal(format!("transaction {}: {error}", transaction.hash)))?;
            object["type"] = json!(U256::from(SESSION_TX_TYPE));
            object["nonce"] = json!(U256::from(*nonce));
            object["gas"] = json!(U256::from(signed.operation.gas_limit));
            object["gasPrice"] = json!(U256::from(*price));
            object["maxFeePerGas"] = json!(U256::from(signed.operation.max_fee_per_gas));
            object["maxPriorityFeePerGas"] = json!(U256::from(signed.operation.max_fee_per_gas));
            object["expiry"] = json!(U256::from(signed.operation.expiry));
        }
        Origin::Message { index, record } => {
            object["type"] = json!(U256::from(MESSAGE_TYPE));
            object["nonce"] = json!(U256::ZERO);
            object["gas"] = json!(U256::ZERO);
            object["gasPrice"] = json!(U256::ZERO);
            object["input"] = json!(record);
            object["queueIndex"] = json!(U256::from(*index));
        }
    }
    Ok(object)
}

/// The ERC-20 transfer of a transaction as a log.
fn log_of(transaction: &Transaction) -> Option<Log> {
    let (from, to, amount) = transaction.token_transfer()?;
    let event = Transfer { from, to, value: U256::from(amount) };
    Some(Log { address: transaction.token, data: event.encode_log_data() })
}

/// Every log of a block: the index of its transaction, and the log. Its position in the block is its position here.
pub fn logs(transactions: &[Transaction]) -> Vec<(usize, Log)> {
    transactions.iter().enumerate().filter_map(|(index, transaction)| Some((index, log_of(transaction)?))).collect()
}

/// A log of a block as an object.
pub fn log(block: &Block, transaction: &Transaction, index: usize, position: usize, log: &Log) -> Value {
    json!({
        "address": log.address,
        "topics": log.topics(),
        "data": log.data.data,
        "blockHash": block.hash,
        "blockNumber": U256::from(block.number),
        "blockTimestamp": U256::from(block.timestamp),
        "transactionHash": transaction.hash,
        "transactionIndex": U256::from(index),
        "logIndex": U256::from(position),
        "removed": false,
    })
}

fn bloom(logs: &[(usize, Log)]) -> Bloom {
    let mut bloom = Bloom::ZERO;
    for (_, log) in logs {
        bloom.accrue(BloomInput::Raw(log.address.as_slice()));
        log.topics().iter().for_each(|topic| bloom.accrue(BloomInput::Raw(topic.as_slice())));
    }
    bloom
}

/// The receipt of a transaction of a block.
pub fn receipt(block: &Block, transactions: &[Transaction], index: usize) -> Option<Value> {
    let transaction = transactions.get(index)?;
    let (to, _, _) = as_call(transaction);
    let (kind, price) = match transaction.origin {
        Origin::Operation { price, .. } => (SESSION_TX_TYPE, price),
        Origin::Message { .. } => (MESSAGE_TYPE, 0),
    };
    let cumulative = transactions.iter().take(index.saturating_add(1)).map(|earlier| earlier.gas).sum::<u64>();
    let own: Vec<_> = logs(transactions).into_iter().enumerate().filter(|(_, (of, _))| *of == index).collect();
    let shown = own.iter().map(|(position, (_, item))| log(block, transaction, index, *position, item));
    let withdrawal = transaction.withdrawal.and_then(|position| withdrawals::index(block.number, position));
    Some(json!({
        "transactionHash": transaction.hash,
        "transactionIndex": U256::from(index),
        "blockHash": block.hash,
        "blockNumber": U256::from(block.number),
        "blockTimestamp": U256::from(block.timestamp),
        "from": transaction.from,
        "to": to,
        "contractAddress": null,
        "cumulativeGasUsed": U256::from(cumulative),
        "gasUsed": U256::from(transaction.gas),
        "effectiveGasPrice": U256::from(price),
        "logs": shown.collect::<Vec<_>>(),
        "logsBloom": bloom(&own.iter().map(|(_, item)| item.clone()).collect::<Vec<_>>()),
        "status": if transaction.took_effect { "0x1" } else { "0x0" },
        "type": U256::from(kind),
        // By this index it is claimed on L1 once the batch is proven (PAY-CLAIM).
        "withdrawal": withdrawal.map(|index| json!({
            "index": U256::from(index),
            "recipient": transaction.to,
            "token": transaction.token,
            "amount": U256::from(transaction.amount),
        })),
    }))
}

/// A block; its transactions as hashes, or whole.
pub fn block(context: &PaymentsContext, block: &Block, is_whole: bool) -> Result<Value, RpcError> {
    let transactions = known(block)?;
    let mut object = header(context, block.number, block.timestamp, block.operator, transactions);
    object["hash"] = json!(block.hash);
    object["parentHash"] = json!(block.parent_hash);
    object["stateRoot"] = json!(block.state_root);
    object["queueIndex"] = json!(U256::from(block.queue_end));
    object["transactions"] = listed(context, transactions, is_whole, Some(block))?;
    Ok(object)
}

/// The transactions of a block in order.
pub fn listed(
    context: &PaymentsContext,
    transactions: &[Transaction],
    is_whole: bool,
    block: Option<&Block>,
) -> Result<Value, RpcError> {
    let shown = transactions.iter().enumerate().map(|(index, item)| match is_whole {
        true => transaction(context, item, Some(Position { block, index })),
        false => Ok(json!(item.hash)),
    });
    Ok(Value::Array(shown.collect::<Result<_, _>>()?))
}

/// What every block has, closed or not. What only Ethereum's blocks have is as empty as it is there.
pub fn header(
    context: &PaymentsContext,
    number: u64,
    timestamp: u64,
    operator: Address,
    transactions: &[Transaction],
) -> Value {
    let gas_used = transactions.iter().map(|transaction| transaction.gas).sum::<u64>();
    json!({
        "number": U256::from(number),
        "hash": null,
        "timestamp": U256::from(timestamp),
        "miner": operator,
        "gasLimit": U256::from(context.chain.block_gas_limit),
        "gasUsed": U256::from(gas_used),
        "baseFeePerGas": "0x0",
        "logsBloom": bloom(&logs(transactions)),
        "sha3Uncles": EMPTY_OMMER_ROOT_HASH,
        "transactionsRoot": B256::ZERO,
        "receiptsRoot": B256::ZERO,
        "mixHash": B256::ZERO,
        "nonce": B64::ZERO,
        "difficulty": "0x0",
        "extraData": "0x",
        "size": "0x0",
        "uncles": [],
        "withdrawals": [],
    })
}

/// The transactions of a block.
///
/// # Errors
/// If L1 has the batch, and this node never saw who signed what in it.
pub fn known(block: &Block) -> Result<&[Transaction], RpcError> {
    let unknown = RpcError::NotHere(
        "this node has rebuilt the batch from L1, which tells what it did and not the transactions: ask a node that saw them",
    );
    block.transactions.as_deref().ok_or(unknown)
}
