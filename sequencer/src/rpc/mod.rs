//! JSON-RPC over HTTP and WebSocket.
//!
//! Every byte that arrives is adversarial: sizes, counts and concurrent work are limited, and what exceeds a limit is refused at once.

mod arity;
mod bodies;
mod connections;
mod context;
mod error;
pub(crate) mod filters;
mod hosts;
mod installed;
pub(crate) mod json;
mod l1_clock;
mod limits;
mod news;
mod node_info;
mod params;
mod reverts;
pub(crate) mod rollup;
mod server;
mod service;
mod subscriptions;
mod turns;
mod websocket;
mod written;

pub use context::RpcContext;
pub use error::RpcError;
pub use hosts::{HOSTS_FLAG, Host, Hosts};
pub use limits::{LimitTooSmall, RpcLimits, flag};
pub use server::serve;
pub use service::Service;
pub use turns::Turns;

pub use news::BlockNews;
pub use params::Params;
pub(crate) use written::Slot;

use std::sync::Arc;

use alloy::primitives::Bytes;
use axum::{extract::ws::WebSocketUpgrade, response::Response};
use serde_json::Value;
use tandem_evm::{EvmBlock, Recovered};

/// What a chain kind answers: all that depends on what its blocks and transactions are.
#[derive(Clone, Copy)]
pub struct Methods {
    /// Decodes a transaction that is offered, and recovers its signer.
    pub recover: fn(&[u8]) -> Result<Recovered, RpcError>,
    /// A block as subscribers are told of it.
    pub announce: fn(&EvmBlock) -> Result<BlockNews, RpcError>,
    /// A waiting transaction as answers show it.
    pub waiting: fn(&Recovered) -> Result<Value, RpcError>,
    /// Answers a method that only reads; [`RpcError::UnknownMethod`] if the kind has none of this name.
    pub read: fn(&RpcContext, &str, &Params) -> Result<Value, RpcError>,
}

impl Service for RpcContext {
    fn limits(&self) -> &RpcLimits {
        &self.limits
    }

    fn hosts(&self) -> Arc<Hosts> {
        self.hosts.clone()
    }

    fn unready(&self) -> Vec<String> {
        self.reasons()
    }

    async fn dispatch(&self, method: &str, params: Params) -> Result<Value, RpcError> {
        dispatch(self, method, params).await
    }

    fn upgrade(self, upgrade: WebSocketUpgrade) -> Response {
        let upgrade = upgrade.max_message_size(self.limits.body_bytes_max);
        upgrade.on_upgrade(|socket| websocket::serve(socket, self))
    }

    async fn accompany(self) {
        let (store, head) = (self.store.clone(), self.engine.head());
        self.news.clone().follow(self.methods, store, head).await;
    }
}

/// Answers one request by its method.
async fn dispatch(context: &RpcContext, method: &str, params: Params) -> Result<Value, RpcError> {
    match method {
        "eth_sendRawTransaction" => send_raw_transaction(context, &params).await,
        "eth_sendRawTransactionSync" => node_info::send_raw_transaction_sync(context, &params).await,
        "evm_increaseTime" | "evm_mine" if context.l1_clock().is_some() => {
            l1_clock::answer(context, method, &params).await
        }
        _ => {
            let (context, method) = (context.clone(), method.to_owned());
            context.blocking(move |context| read(context, &method, &params)).await
        }
    }
}

async fn send_raw_transaction(context: &RpcContext, params: &Params) -> Result<Value, RpcError> {
    let bytes: Bytes = params.required(0, "a signed transaction")?;
    let recovered = context.clone().offering(move |context| (context.methods.recover)(&bytes)).await?;
    // Before its nonce is looked at: what is for another chain has no account here.
    if recovered.transaction().fields().chain_id().is_some_and(|chain_id| chain_id != context.chain.l2_chain_id) {
        return Err(RpcError::RefusedTransaction("invalid chain id: transaction is signed for another chain id"));
    }
    json::value(&context.engine.submit(recovered).await?)
}

/// Methods that only read. Here are those that every chain kind answers alike; all others are the kind's own.
fn read(context: &RpcContext, method: &str, params: &Params) -> Result<Value, RpcError> {
    match method {
        "web3_clientVersion" => Ok(concat!("tandem/", env!("CARGO_PKG_VERSION")).into()),
        "net_version" => Ok(context.chain.l2_chain_id.to_string().into()),
        "net_listening" => Ok(true.into()),
        "net_peerCount" => Ok("0x0".into()),
        "eth_chainId" => json::quantity(context.chain.l2_chain_id),
        "eth_syncing" => node_info::syncing(context),
        "rpc_modules" => Ok(node_info::modules(context)),
        "eth_newFilter" => filters::new_filter(context, params),
        "eth_newBlockFilter" => filters::new_block_filter(context),
        "eth_newPendingTransactionFilter" => filters::new_pending_transaction_filter(context, params),
        "eth_getFilterChanges" => filters::filter_changes(context, params),
        "eth_getFilterLogs" => filters::filter_logs(context, params),
        "eth_uninstallFilter" => filters::uninstall_filter(context, params),
        // Over a WebSocket these are answered where the connection is.
        "eth_subscribe" | "eth_unsubscribe" => Err(RpcError::NoNotifications),
        "eth_accounts" => Ok(Value::Array(Vec::new())),
        "eth_blockNumber" => json::quantity(context.head()?.number),
        "rollup_config" => rollup::config(context),
        "rollup_status" => rollup::status(context),
        "rollup_batch" => rollup::batch(context, params),
        "rollup_batchOfBlock" => rollup::batch_of_block(context, params),
        "rollup_blockStatus" => rollup::block_status(context, params),
        _ => (context.methods.read)(context, method, params),
    }
}
