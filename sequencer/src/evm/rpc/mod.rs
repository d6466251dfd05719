//! Answers that depend on what the chain's blocks are: Ethereum's, from Ethereum's blocks, transactions and state.

mod call;
mod chain;
mod eth;
mod json;
mod logs;
mod messages;
mod pool;
mod prices;
mod proof;
mod unsigned;

use serde_json::Value;

use crate::rpc::{Methods, Params, RpcContext, RpcError};

/// An EVM chain's.
pub const METHODS: Methods = Methods { recover: pool::recover, read };

/// Methods that only read the store and the published pool, or execute on the store.
fn read(context: &RpcContext, method: &str, params: &Params) -> Result<Value, RpcError> {
    match method {
        "web3_sha3" => eth::sha3(params),
        "eth_gasPrice" => prices::gas_price(context),
        "eth_maxPriorityFeePerGas" => prices::max_priority_fee(),
        "eth_feeHistory" => prices::fee_history(context, params),
        "eth_getBalance" => eth::balance(context, params),
        "eth_getCode" => eth::code(context, params),
        "eth_getStorageAt" => eth::storage_at(context, params),
        "eth_getProof" => proof::get_proof(context, params),
        "eth_call" => call::call(context, params),
        "eth_createAccessList" => call::create_access_list(context, params),
        "eth_estimateGas" => call::estimate_gas(context, params),
        "eth_getBlockByNumber" | "eth_getBlockByHash" => eth::block(context, params),
        "eth_getBlockTransactionCountByNumber" | "eth_getBlockTransactionCountByHash" => {
            eth::block_transaction_count(context, params)
        }
        "eth_getTransactionByBlockNumberAndIndex" | "eth_getTransactionByBlockHashAndIndex" => {
            eth::transaction_by_index(context, params)
        }
        "eth_getTransactionCount" => pool::transaction_count(context, params),
        "eth_getTransactionByHash" => pool::transaction_by_hash(context, params),
        "txpool_status" => Ok(pool::status(context)),
        "txpool_content" => pool::content(context),
        "eth_getTransactionReceipt" => eth::receipt(context, params),
        "eth_getBlockReceipts" => eth::block_receipts(context, params),
        "eth_getUncleCountByBlockNumber" | "eth_getUncleCountByBlockHash" => Ok("0x0".into()),
        "eth_getLogs" => logs::logs(context, params),
        "rollup_transactionStatus" => pool::transaction_status(context, params),
        "rollup_getMessages" => messages::messages(context, params),
        "rollup_getMessageProof" => messages::message_proof(context, params),
        "rollup_estimateL1Fee" => prices::estimate_l1_fee(context, params),
        _ => Err(RpcError::UnknownMethod { method: method.to_owned() }),
    }
}
