//! JSON-RPC over HTTP and WebSocket.
//!
//! Every byte that arrives is adversarial: sizes, counts and concurrent work are limited, and what exceeds a limit is refused at once.

mod call;
mod connections;
mod context;
mod error;
mod eth;
mod json;
mod limits;
mod logs;
mod params;
mod pool;
mod prices;
mod proof;
mod rollup;
mod server;
mod unsigned;

pub use context::RpcContext;
pub use error::RpcError;
pub use limits::{LimitTooSmall, RpcLimits, flag};
pub use server::serve;

use params::Params;
use serde_json::Value;

/// Answers one method.
async fn dispatch(context: &RpcContext, method: &str, params: Params) -> Result<Value, RpcError> {
    match method {
        "eth_sendRawTransaction" => pool::send_raw_transaction(context, &params).await,
        _ => {
            let (context, method) = (context.clone(), method.to_owned());
            context.blocking(move |context| read(context, &method, &params)).await
        }
    }
}

/// Methods that only read the store and the published pool, or execute on the store.
fn read(context: &RpcContext, method: &str, params: &Params) -> Result<Value, RpcError> {
    match method {
        "web3_clientVersion" => Ok(concat!("tandem/", env!("CARGO_PKG_VERSION")).into()),
        "web3_sha3" => eth::sha3(params),
        "net_version" => Ok(context.chain.l2_chain_id.to_string().into()),
        "net_listening" => Ok(true.into()),
        "net_peerCount" => Ok("0x0".into()),
        "eth_chainId" => json::quantity(context.chain.l2_chain_id),
        "eth_syncing" => Ok(false.into()),
        "eth_accounts" => Ok(Value::Array(Vec::new())),
        "eth_blockNumber" => json::quantity(context.head()?.number),
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
        "rollup_config" => rollup::config(context),
        "rollup_status" => rollup::status(context),
        "rollup_transactionStatus" => pool::transaction_status(context, params),
        "rollup_batch" => rollup::batch(context, params),
        "rollup_batchOfBlock" => rollup::batch_of_block(context, params),
        "rollup_getMessages" => rollup::messages(context, params),
        "rollup_getMessageProof" => rollup::message_proof(context, params),
        "rollup_estimateL1Fee" => rollup::estimate_l1_fee(context, params),
        _ => Err(RpcError::UnknownMethod { method: method.to_owned() }),
    }
}
