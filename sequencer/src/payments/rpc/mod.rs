//! Answers of a payments chain: Ethereum's, from batches, operations and leaves.
//!
//! Block n is batch n. `latest` is the last closed batch, the sequencer's word; `safe` is proven and on L1, final in the settlement; `finalized` is what L1 has finalised of
//! that; `pending` is the open batch. What wallets read and send has the form of an EVM chain's (PAY-PREDEPLOY); what takes contracts is refused, with the reason. Until L1 was
//! read to its end once nothing is known of the chain, and questions about it are refused too: an account that is not read yet is none that has nothing.

mod accounts;
mod blocks;
mod call;
mod context;
mod form;
mod json;
mod logs;
mod news;
mod prices;
mod refusal;
mod rollup;
mod tokens;

pub use context::PaymentsContext;

use std::sync::Arc;

use alloy::{primitives::Bytes, rpc::types::Filter};
use serde_json::Value;
use tandem_chain::ChainConfig;
use tokio::sync::watch;

use self::refusal::Refusal;
use crate::{
    payments::signed::Signed,
    rpc::{Filters, Hosts, News, Params, RpcError, RpcLimits, Service, common},
    sync_state::SyncState,
};

/// Characters of a method's name that are repeated to whoever asked for it.
const METHOD_CHARACTERS_MAX: usize = 100;
/// Methods that ask nothing of the chain, and so are answered before L1 was read.
const KNOWN_FROM_START: [&str; 20] = [
    "eth_accounts",
    "eth_chainId",
    "eth_gasPrice",
    "eth_getFilterChanges",
    "eth_maxPriorityFeePerGas",
    "eth_newBlockFilter",
    "eth_newFilter",
    "eth_newPendingTransactionFilter",
    "eth_subscribe",
    "eth_syncing",
    "eth_uninstallFilter",
    "eth_unsubscribe",
    "net_listening",
    "net_peerCount",
    "net_version",
    "rollup_config",
    "rollup_status",
    "rpc_modules",
    "web3_clientVersion",
    "web3_sha3",
];
/// Bytes that an operation takes among those that arrived lately, about.
const ARRIVAL_BYTES: usize = 1_024;

impl Service for PaymentsContext {
    type Arrival = Arc<Signed>;

    fn chain(&self) -> &ChainConfig {
        &self.chain
    }

    fn limits(&self) -> &RpcLimits {
        &self.limits
    }

    fn hosts(&self) -> Arc<Hosts> {
        self.hosts.clone()
    }

    fn unready(&self) -> Vec<String> {
        self.readiness.reasons()
    }

    fn watch_sync(&self) -> watch::Receiver<SyncState> {
        self.sync.subscribe()
    }

    fn head_number(&self) -> Result<u64, RpcError> {
        Ok(self.records.heads().latest)
    }

    fn namespaces(&self) -> Vec<&'static str> {
        ["eth", "net", "rollup", "rpc", "web3"].into()
    }

    fn news(&self) -> &News<Arc<Signed>> {
        &self.news
    }

    fn filters(&self) -> &Filters {
        &self.filters
    }

    async fn dispatch(&self, method: &str, params: Params) -> Result<Value, RpcError> {
        if !KNOWN_FROM_START.contains(&method) {
            self.check_synced()?;
        }
        match method {
            "eth_sendRawTransaction" => send_raw_transaction(self, &params).await,
            // These may ask L1.
            "eth_call" => call::call(self, params).await,
            "eth_getCode" => accounts::code(self, &params).await,
            _ => {
                let method = method.to_owned();
                self.clone().blocking(move |context| read(context, &method, &params)).await
            }
        }
    }

    fn arrival(&self, arrival: &Arc<Signed>, full: bool) -> Result<Value, RpcError> {
        news::arrival(self, arrival, full)
    }

    fn logs(&self, filter: &Filter) -> Result<Value, RpcError> {
        self.check_synced()?;
        logs::find(self, filter)
    }

    async fn accompany(self) {
        news::follow(self).await;
    }
}

async fn send_raw_transaction(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let bytes: Bytes = params.required(0, "a signed transaction")?;
    let read = move |context: &PaymentsContext| Ok(Signed::read(&context.chain, &bytes).map_err(Refusal::from)?);
    let signed = context.clone().offering(read).await?;
    let hash = context.engine.submit(signed.clone()).await.map_err(Refusal::from)?.map_err(Refusal::from)?;
    context.news.pool().push(Arc::new(signed), ARRIVAL_BYTES);
    json::value(&hash)
}

/// Methods that only read what is published and stored.
fn read(context: &PaymentsContext, method: &str, params: &Params) -> Result<Value, RpcError> {
    if let Some(answer) = common::answer(context, method, params) {
        return answer;
    }
    match method {
        "eth_gasPrice" | "eth_maxPriorityFeePerGas" => prices::gas_price(context),
        "eth_feeHistory" => prices::fee_history(context, params),
        "eth_getBalance" => accounts::balance(context, params),
        "eth_getTransactionCount" => accounts::nonce(context, params),
        "eth_getStorageAt" => accounts::storage_at(context, params),
        "eth_estimateGas" => call::estimate_gas(context, params),
        "eth_getBlockByNumber" | "eth_getBlockByHash" => blocks::block(context, params),
        "eth_getHeaderByNumber" | "eth_getHeaderByHash" => blocks::header(context, params),
        "eth_getBlockTransactionCountByNumber" | "eth_getBlockTransactionCountByHash" => {
            blocks::transaction_count(context, params)
        }
        "eth_getTransactionByBlockNumberAndIndex" | "eth_getTransactionByBlockHashAndIndex" => {
            blocks::transaction_by_index(context, params)
        }
        "eth_getTransactionByHash" => blocks::transaction_by_hash(context, params),
        "eth_getRawTransactionByHash" => blocks::raw_transaction_by_hash(context, params),
        "eth_getTransactionReceipt" => blocks::receipt(context, params),
        "eth_getBlockReceipts" => blocks::receipts(context, params),
        "eth_getUncleCountByBlockNumber" | "eth_getUncleCountByBlockHash" => blocks::uncle_count(context, params),
        "eth_getUncleByBlockNumberAndIndex" | "eth_getUncleByBlockHashAndIndex" => Ok(Value::Null),
        "eth_getLogs" => logs::logs(context, params),
        "rollup_status" => rollup::status(context),
        "rollup_transactionStatus" => rollup::transaction_status(context, params),
        "rollup_blockStatus" => rollup::block_status(context, params),
        "rollup_batch" | "rollup_batchOfBlock" => rollup::batch(context, params),
        "rollup_account" => accounts::account(context, params),
        "eth_getProof" | "eth_createAccessList" | "eth_simulateV1" | "eth_getStorageValues" => no_method(method),
        _ if method.starts_with("debug_") || method.starts_with("trace_") => no_method(method),
        _ => Err(RpcError::UnknownMethod { method: method.to_owned() }),
    }
}

/// Refuses a method that an EVM chain has.
fn no_method(method: &str) -> Result<Value, RpcError> {
    Err(Refusal::NoMethod { method: method.chars().take(METHOD_CHARACTERS_MAX).collect() }.into())
}
