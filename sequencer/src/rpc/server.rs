//! The transport: HTTP (single requests and batches), WebSocket, health.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{
        DefaultBodyLimit, State,
        rejection::BytesRejection,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    Hosts, RpcError, RpcLimits, Service,
    bodies::{answer, failure, too_large},
    connections::Bounded,
    flag, websocket,
};

/// Serves until `cancel` is cancelled.
pub async fn serve<S: Service>(listener: TcpListener, service: S, cancel: CancellationToken) -> std::io::Result<()> {
    let limits = *service.limits();
    let gate = Gate { limits, hosts: service.hosts() };
    // Ends with the server.
    let mut company = JoinSet::new();
    company.spawn(service.clone().accompany());
    let router = Router::new()
        .route("/", post(http::<S>).get(upgrade::<S>))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready::<S>))
        .layer(DefaultBodyLimit::max(limits.body_bytes_max))
        .layer(middleware::from_fn_with_state(gate, cross_origin))
        .with_state(service);
    let listener = Bounded::new(listener, limits.connections_max, limits.silence_max(), flag::CONNECTIONS);
    axum::serve(listener, router).with_graceful_shutdown(cancel.cancelled_owned()).await
}

/// What is looked at before a request is read.
#[derive(Clone)]
struct Gate {
    limits: RpcLimits,
    hosts: Arc<Hosts>,
}

/// A page of the wide web asks whether it may ask a node at home (Private Network Access).
const ASKS_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");
/// What such a page is answered: it may.
const ALLOWS_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");

/// Lets pages of any origin ask, in the name of a host that this one is: everything here is public, and no cookie means anything.
async fn cross_origin(State(gate): State<Gate>, request: axum::extract::Request, next: Next) -> Response {
    let asks_private_network = request.headers().contains_key(ASKS_PRIVATE_NETWORK);
    let mut response = if !gate.allows(&request) {
        refusal(StatusCode::FORBIDDEN, &RpcError::InvalidHost)
    } else if request.method() == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        bounded(&gate.limits, request, next).await
    };
    let headers = response.headers_mut();
    if asks_private_network {
        headers.insert(ALLOWS_PRIVATE_NETWORK, HeaderValue::from_static("true"));
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

impl Gate {
    /// Whether a request comes in a name that is ours; whether the node lives may be asked in any.
    fn allows(&self, request: &axum::extract::Request) -> bool {
        let host = request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or_default());
        request.uri().path() != "/" || self.hosts.allow(host)
    }
}

/// Refuses bodies that announce too much without waiting for them, and gives up on requests that take too long to arrive or to answer.
async fn bounded(limits: &RpcLimits, request: axum::extract::Request, next: Next) -> Response {
    let announced =
        request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limits.body_bytes_max) {
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, &too_large(limits));
    }
    match tokio::time::timeout(limits.request_time_max(), next.run(request)).await {
        Ok(response) => response,
        Err(_) => refusal(StatusCode::REQUEST_TIMEOUT, &RpcError::TooSlow { limit_s: limits.request_time_max_s }),
    }
}

/// Ready when nothing keeps the node from its work; else it says why.
async fn ready<S: Service>(State(service): State<S>) -> (StatusCode, String) {
    let reasons = service.unready();
    match reasons.is_empty() {
        true => (StatusCode::OK, "ready\n".into()),
        false => (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n"),
    }
}

async fn http<S: Service>(State(service): State<S>, body: Result<Bytes, BytesRejection>) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            return refusal(rejection.status(), &too_large(service.limits()));
        }
        Err(rejection) => return rejection.into_response(),
    };
    match answer(&service, &body).await {
        Some(answer) => Json(answer).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

/// A WebSocket; or, to a GET that wants none, that there is somebody, as load balancers ask.
async fn upgrade<S: Service>(
    State(service): State<S>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) if headers.contains_key(header::UPGRADE) => return rejection.into_response(),
        Err(_) => return "JSON-RPC: post a request, or open a WebSocket\n".into_response(),
    };
    let upgrade = upgrade.max_message_size(service.limits().body_bytes_max);
    upgrade.on_upgrade(|socket| websocket::serve(socket, service))
}

/// An answer to a request that was not even read.
fn refusal(status: StatusCode, error: &RpcError) -> Response {
    (status, Json(failure(Value::Null, error))).into_response()
}
