//! What a chain of blocks in batches answers, by the methods' names: those that all kinds of chain answer alike are in `common.rs`, those that depend on the
//! kind's blocks come in [`Methods`](super::Methods).

use std::sync::Arc;

use alloy::rpc::types::Filter;
use serde_json::Value;
use tandem_chain::ChainConfig;
use tandem_evm::Recovered;
use tokio::sync::watch;

use super::{
    Filters, Hosts, News, Params, RpcContext, RpcError, RpcLimits, Service, common, json, l1_clock, rollup,
    send::{send_raw_transaction, send_raw_transaction_sync},
};
use crate::{engine::HeadInfo, sync_state::SyncState};

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

    fn watch_sync(&self) -> watch::Receiver<SyncState> {
        self.engine.watch_sync()
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
        "eth_sendRawTransactionSync" => send_raw_transaction_sync(context, &params).await,
        "evm_increaseTime" | "evm_mine" if context.l1_clock().is_some() => {
            l1_clock::answer(context, method, &params).await
        }
        _ => {
            let (context, method) = (context.clone(), method.to_owned());
            context.blocking(move |context| read(context, &method, &params)).await
        }
    }
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
