//! JSON-RPC over HTTP and WebSocket.
//!
//! Every byte that arrives is adversarial: sizes, counts and concurrent work are limited, and what exceeds a limit is refused at once.

mod arity;
mod bodies;
pub(crate) mod common;
pub(crate) mod connections;
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
pub(crate) mod percentiles;
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

pub(crate) use installed::Filters;
pub use news::{BlockNews, News};
pub use params::Params;
pub(crate) use written::Slot;

use std::sync::Arc;

use alloy::{primitives::Bytes, rpc::types::Filter};
use serde_json::Value;
use tandem_chain::ChainConfig;
use tandem_evm::{EvmBlock, Recovered};
use tokio::sync::watch;

use crate::engine::HeadInfo;

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
    type Arrival = Arc<Recovered>;

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
        self.reasons()
    }

    fn watch_synced(&self) -> watch::Receiver<bool> {
        self.engine.watch_synced()
    }

    fn head_number(&self) -> Result<u64, RpcError> {
        Ok(self.head()?.number)
    }

    fn namespaces(&self) -> Vec<&'static str> {
        let names = ["debug", "eth", "net", "rollup", "rpc", "trace", "txpool", "web3"];
        names.into_iter().chain(self.l1_clock().map(|_| "evm")).collect()
    }

    fn news(&self) -> &News<Arc<Recovered>> {
        &self.news
    }

    fn filters(&self) -> &Filters {
        &self.filters
    }

    async fn dispatch(&self, method: &str, params: Params) -> Result<Value, RpcError> {
        dispatch(self, method, params).await
    }

    fn arrival(&self, arrival: &Arc<Recovered>, full: bool) -> Result<Value, RpcError> {
        match full {
            true => (self.methods.waiting)(arrival),
            false => json::value(arrival.transaction().hash()),
        }
    }

    fn logs(&self, filter: &Filter) -> Result<Value, RpcError> {
        (self.methods.read)(self, "eth_getLogs", &Params::new(Some(Value::Array(vec![json::value(filter)?])))?)
    }

    async fn accompany(self) {
        let changes = self.engine.head();
        let HeadInfo { number, hash } = *changes.borrow();
        self.news.follow(self.store, (number, hash), |block| (self.methods.announce)(block), changes).await;
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

/// Methods that only read: those that all chains answer alike, those of chains of blocks in batches, and the kind's own.
fn read(context: &RpcContext, method: &str, params: &Params) -> Result<Value, RpcError> {
    if let Some(answer) = common::answer(context, method, params) {
        return answer;
    }
    match method {
        "rollup_status" => rollup::status(context),
        "rollup_batch" => rollup::batch(context, params),
        "rollup_batchOfBlock" => rollup::batch_of_block(context, params),
        "rollup_blockStatus" => rollup::block_status(context, params),
        _ => (context.methods.read)(context, method, params),
    }
}
