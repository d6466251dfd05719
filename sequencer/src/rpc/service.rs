//! What the transport serves: the answers of one kind of chain.

use std::sync::Arc;

use alloy::rpc::types::Filter;
use serde_json::Value;
use tandem_chain::ChainConfig;
use tokio::sync::watch;

use super::{Hosts, Params, RpcError, RpcLimits, installed::Filters, news::News};
use crate::sync_state::SyncState;

/// Answers the requests that the transport brings, and tells of what happens. Cheap to clone.
pub trait Service: Clone + Send + Sync + 'static {
    /// A transaction as it arrives.
    type Arrival: Clone + Send + Sync + 'static;

    /// The chain's configuration.
    fn chain(&self) -> &ChainConfig;

    /// What callers may ask.
    fn limits(&self) -> &RpcLimits;

    /// The names that requests may come in.
    fn hosts(&self) -> Arc<Hosts>;

    /// Why the node is not ready; nothing if it is.
    fn unready(&self) -> Vec<String>;

    /// Whether L1 was read to its end.
    fn watch_sync(&self) -> watch::Receiver<SyncState>;

    /// The number of the newest block.
    fn head_number(&self) -> Result<u64, RpcError>;

    /// Prefixes of the methods that are answered.
    fn namespaces(&self) -> Vec<&'static str>;

    /// What subscriptions and filters are told.
    fn news(&self) -> &News<Self::Arrival>;

    /// The filters that callers installed.
    fn filters(&self) -> &Filters;

    /// Answers one request by its method.
    fn dispatch(&self, method: &str, params: Params) -> impl Future<Output = Result<Value, RpcError>> + Send;

    /// A transaction that arrived: its hash, or all of it.
    fn arrival(&self, arrival: &Self::Arrival, full: bool) -> Result<Value, RpcError>;

    /// Every log that fits a filter.
    fn logs(&self, filter: &Filter) -> Result<Value, RpcError>;

    /// What runs for as long as requests are served.
    fn accompany(self) -> impl Future<Output = ()> + Send;
}
