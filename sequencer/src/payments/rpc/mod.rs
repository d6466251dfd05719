//! Answers of a payments chain: Ethereum's JSON-RPC as far as there is something to answer, from batches as blocks.
//!
//! What the chain cannot do (contracts, storage, traces) is told as an error and not as an empty answer. States are kept at three moments, `pending`, `latest` and
//! `safe`; a question for another is an error as well.

mod accounts;
mod call;
mod chain;
mod context;
mod json;
mod logs;
mod prices;
mod status;
mod transactions;

pub use context::PaymentsContext;

use std::sync::Arc;

use axum::{
    extract::ws::WebSocketUpgrade,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::Value;

use crate::rpc::{Hosts, Params, RpcError, RpcLimits, Service, json::quantity};

/// Methods that only read.
fn read(context: &PaymentsContext, method: &str, params: &Params) -> Result<Value, RpcError> {
    match method {
        "web3_clientVersion" => Ok(concat!("tandem/", env!("CARGO_PKG_VERSION")).into()),
        "net_version" => Ok(context.chain.l2_chain_id.to_string().into()),
        "eth_chainId" => quantity(context.chain.l2_chain_id),
        "eth_accounts" => Ok(Value::Array(Vec::new())),
        "eth_syncing" => Ok(status::syncing(context)),
        "eth_blockNumber" => quantity(context.records.heads().latest),
        "eth_gasPrice" | "eth_maxPriorityFeePerGas" => Ok(prices::gas_price(context)),
        "eth_feeHistory" => prices::fee_history(context, params),
        "eth_getBalance" => accounts::balance(context, params),
        "eth_getTransactionCount" => accounts::transaction_count(context, params),
        "eth_getCode" => accounts::code(context, params),
        "eth_getBlockByNumber" | "eth_getBlockByHash" => chain::block(context, params),
        "eth_getTransactionByHash" => transactions::by_hash(context, params),
        "eth_getTransactionReceipt" => transactions::receipt(context, params),
        "eth_getLogs" => logs::logs(context, params),
        "eth_call" => call::call(context, params),
        "eth_estimateGas" => call::estimate_gas(context, params),
        "rollup_config" => status::config(context),
        "rollup_status" => status::status(context),
        "rollup_blockStatus" => status::block_status(context, params),
        "rollup_transactionStatus" => transactions::status(context, params),
        "eth_getStorageAt" | "eth_getProof" | "eth_createAccessList" | "eth_simulateV1" => {
            Err(RpcError::NotHere("there are no contracts, and nothing but operations can be called"))
        }
        _ if method.starts_with("debug_") || method.starts_with("trace_") => {
            Err(RpcError::NotHere("there are no contracts, and so no traces"))
        }
        _ => Err(RpcError::UnknownMethod { method: method.to_owned() }),
    }
}

impl Service for PaymentsContext {
    fn limits(&self) -> &RpcLimits {
        &self.limits
    }

    fn hosts(&self) -> Arc<Hosts> {
        self.hosts.clone()
    }

    fn unready(&self) -> Vec<String> {
        self.readiness.reasons()
    }

    async fn dispatch(&self, method: &str, params: Params) -> Result<Value, RpcError> {
        if method == "eth_sendRawTransaction" {
            return self.send_raw_transaction(&params).await;
        }
        let (context, method) = (self.clone(), method.to_owned());
        self.questions.clone().take(self.limits, move |_| read(&context, &method, &params)).await
    }

    fn upgrade(self, _: WebSocketUpgrade) -> Response {
        let told = "a payments chain has no subscriptions yet: post requests over HTTP\n";
        (StatusCode::NOT_IMPLEMENTED, told).into_response()
    }
}
