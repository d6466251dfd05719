//! What the transport serves: the answers of one kind of chain.

use std::sync::Arc;

use axum::{extract::ws::WebSocketUpgrade, response::Response};
use serde_json::Value;

use super::{Hosts, Params, RpcError, RpcLimits};

/// Answers the requests that the transport brings. Cheap to clone.
pub trait Service: Clone + Send + Sync + 'static {
    /// What callers may ask.
    fn limits(&self) -> &RpcLimits;

    /// The names that requests may come in.
    fn hosts(&self) -> Arc<Hosts>;

    /// Why the node is not ready; nothing if it is.
    fn unready(&self) -> Vec<String>;

    /// Answers one request by its method.
    fn dispatch(&self, method: &str, params: Params) -> impl Future<Output = Result<Value, RpcError>> + Send;

    /// Answers a request for a WebSocket.
    fn upgrade(self, upgrade: WebSocketUpgrade) -> Response;

    /// What runs for as long as requests are served.
    fn accompany(self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}
