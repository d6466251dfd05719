//! Answers that depend on what the chain's blocks are: Ethereum's, from Ethereum's blocks, transactions and state.

mod call;
mod capabilities;
mod chain;
mod debug;
mod eth;
mod fill;
mod halts;
mod inspector;
mod json;
mod logs;
mod messages;
mod overrides;
mod parity;
mod pending;
mod pool;
mod precompiles;
mod prices;
mod proof;
mod replay;
mod simulate;
mod small;
mod unsigned;

use serde_json::Value;

use crate::rpc::{Methods, Params, RpcContext, RpcError};

/// What an EVM chain answers.
pub const METHODS: Methods = Methods { recover: pool::recover, announce: json::announce, waiting: pool::whole, read };

/// Methods that only read the store and the published pool, or execute on the store.
fn read(context: &RpcContext, method: &str, params: &Params) -> Result<Value, RpcError> {
    match method {
        "eth_gasPrice" => prices::gas_price(context),
        "eth_maxPriorityFeePerGas" => prices::max_priority_fee(),
        "eth_feeHistory" => prices::fee_history(context, params),
        "eth_getBalance" => eth::balance(context, params),
        "eth_getCode" => eth::code(context, params),
        "eth_getStorageAt" => eth::storage_at(context, params),
        "eth_getProof" => proof::get_proof(context, params),
        "eth_call" => call::call(context, params),
        "eth_createAccessList" => call::create_access_list(context, params),
        "eth_simulateV1" => simulate::simulate(context, params),
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
        "txpool_contentFrom" => pool::content_from(context, params),
        "txpool_inspect" => pool::inspect(context),
        "eth_getTransactionReceipt" => eth::receipt(context, params),
        "eth_getBlockReceipts" => eth::block_receipts(context, params),
        "eth_getUncleCountByBlockNumber" | "eth_getUncleCountByBlockHash" => small::uncle_count(context, params),
        "eth_getUncleByBlockNumberAndIndex" | "eth_getUncleByBlockHashAndIndex" => Ok(Value::Null),
        "eth_getHeaderByNumber" | "eth_getHeaderByHash" => eth::header(context, params),
        "eth_getRawTransactionByBlockNumberAndIndex" | "eth_getRawTransactionByBlockHashAndIndex" => {
            small::raw_transaction_by_index(context, params)
        }
        "eth_getStorageValues" => small::storage_values(context, params),
        "eth_blobBaseFee" => small::blob_base_fee(),
        "eth_config" => capabilities::config(context),
        "eth_capabilities" => capabilities::capabilities(context),
        "eth_fillTransaction" => fill::fill(context, params),
        "eth_baseFee" => small::base_fee(context),
        "eth_coinbase" => Ok(small::coinbase()),
        "eth_protocolVersion" => small::protocol_version(),
        "eth_getLogs" => logs::logs(context, params),
        "debug_traceTransaction" => debug::trace_transaction(context, params),
        "debug_traceCall" => debug::trace_call(context, params),
        "debug_traceBlockByNumber" | "debug_traceBlockByHash" => debug::trace_block(context, params),
        "debug_traceBlock" => debug::trace_encoded_block(context, params),
        "debug_getRawHeader" => debug::raw_header(context, params),
        "debug_getRawBlock" => debug::raw_block(context, params),
        "debug_getRawReceipts" => debug::raw_receipts(context, params),
        "debug_getRawTransaction" | "eth_getRawTransactionByHash" => debug::raw_transaction(context, params),
        "trace_transaction" => parity::trace_transaction(context, params),
        "trace_block" => parity::trace_block(context, params),
        "trace_filter" => parity::trace_filter(context, params),
        "rollup_transactionStatus" => pool::transaction_status(context, params),
        "rollup_getMessages" => messages::messages(context, params),
        "rollup_getMessageProof" => messages::message_proof(context, params),
        "rollup_estimateL1Fee" => prices::estimate_l1_fee(context, params),
        _ => Err(RpcError::UnknownMethod { method: method.to_owned() }),
    }
}
