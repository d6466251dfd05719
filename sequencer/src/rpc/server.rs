//! The transport: HTTP (single requests and batches), WebSocket, health.

use std::time::Duration;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{
        DefaultBodyLimit, State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::{HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Params, RpcContext, RpcError, connections::Bounded, dispatch};

/// Bytes of one request.
const BODY_BYTES_MAX: usize = 2 << 20;
/// Time for one request to arrive and be answered.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(30);
/// Connections at a time; a process may open 1,024 files unless told otherwise, and the database has half of them.
const CONNECTIONS_MAX: usize = 256;
/// Time after which a connection that says and is told nothing is closed.
const SILENCE_MAX: Duration = Duration::from_secs(120);
/// Requests in one batch.
const BATCH_MAX: usize = 100;

/// Serves until `cancel`.
pub async fn serve(listener: TcpListener, context: RpcContext, cancel: CancellationToken) -> std::io::Result<()> {
    let router = Router::new()
        .route("/", post(http).get(upgrade))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(cross_origin))
        .with_state(context);
    let listener = Bounded::new(listener, CONNECTIONS_MAX, SILENCE_MAX);
    axum::serve(listener, router).with_graceful_shutdown(cancel.cancelled_owned()).await
}

/// Lets pages of any origin ask: everything here is public, and no cookie means anything.
async fn cross_origin(request: axum::extract::Request, next: Next) -> Response {
    let mut response = if request.method() == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        bounded(request, next).await
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

/// Refuses bodies that announce too much without waiting for them, and gives up on requests that take too long to arrive or to answer.
async fn bounded(request: axum::extract::Request, next: Next) -> Response {
    let announced =
        request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > BODY_BYTES_MAX) {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    match tokio::time::timeout(REQUEST_TIME_MAX, next.run(request)).await {
        Ok(response) => response,
        Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
    }
}

/// Ready when L1 was seen, the head can be read, and nothing keeps the node from its work; else it says why.
async fn ready(State(context): State<RpcContext>) -> (StatusCode, String) {
    let mut reasons = context.unready();
    if context.l1_heads().latest.number == 0 {
        reasons.push("L1 is not reached yet".into());
    }
    if context.head().is_err() {
        reasons.push("database does not answer".into());
    }
    match reasons.is_empty() {
        true => (StatusCode::OK, "ready\n".into()),
        false => (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n"),
    }
}

async fn http(State(context): State<RpcContext>, body: Bytes) -> Response {
    match answer(&context, &body).await {
        Some(answer) => Json(answer).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

async fn upgrade(State(context): State<RpcContext>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.max_message_size(BODY_BYTES_MAX).on_upgrade(|socket| websocket(socket, context))
}

async fn websocket(mut socket: WebSocket, context: RpcContext) {
    while let Some(Ok(message)) = socket.recv().await {
        let body = match message {
            Message::Text(text) => Bytes::from(text),
            Message::Binary(bytes) => bytes,
            Message::Close(_) => return,
            Message::Ping(_) | Message::Pong(_) => continue,
        };
        if let Some(answer) = answer(&context, &body).await
            && socket.send(Message::Text(answer.to_string().into())).await.is_err()
        {
            return;
        }
    }
}

/// The answer to one body; none if it held only notifications.
async fn answer(context: &RpcContext, body: &[u8]) -> Option<Value> {
    match serde_json::from_slice(body) {
        Err(_) => Some(failure(Value::Null, &RpcError::Parse)),
        Ok(Value::Array(requests)) if requests.is_empty() => Some(failure(Value::Null, &RpcError::InvalidRequest)),
        Ok(Value::Array(requests)) if requests.len() > BATCH_MAX => {
            Some(failure(Value::Null, &RpcError::BatchTooLong { length: requests.len(), limit: BATCH_MAX }))
        }
        Ok(Value::Array(requests)) => {
            let mut answers = Vec::with_capacity(requests.len());
            for request in requests {
                answers.extend(single(context, request).await);
            }
            (!answers.is_empty()).then_some(Value::Array(answers))
        }
        Ok(request) => single(context, request).await,
    }
}

async fn single(context: &RpcContext, mut request: Value) -> Option<Value> {
    let id = request.get("id").cloned();
    let outcome = match (
        request.get("method").and_then(Value::as_str).map(str::to_owned),
        request.get_mut("params").map(Value::take),
    ) {
        (Some(method), params) => match Params::new(params) {
            Ok(params) => dispatch(context, &method, params).await,
            Err(error) => Err(error),
        },
        (None, _) => return Some(failure(id.unwrap_or_default(), &RpcError::InvalidRequest)),
    };
    let id = id?;
    Some(match outcome {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(error) => failure(id, &error),
    })
}

fn failure(id: Value, error: &RpcError) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": error.to_json() })
}
