//! Bodies of JSON-RPC, whichever transport brings them: one request or a batch, and what is answered.

use serde_json::{Value, json};

use super::{Params, RpcError, RpcLimits, Service, arity::parameters_max, flag};

/// The answer to one body; none if it held only notifications.
pub async fn answer(service: &impl Service, body: &[u8]) -> Option<Value> {
    match read(service.limits(), body) {
        Ok(Body::Single(request)) => answer_one(service, request).await,
        Ok(Body::Batch(requests)) => answer_all(service, requests).await,
        Err(error) => Some(failure(Value::Null, &error)),
    }
}

/// What a caller sent.
pub enum Body {
    Single(Value),
    Batch(Vec<Value>),
}

/// Parses a body; a batch within the limit, no request looked at yet.
pub fn read(limits: &RpcLimits, body: &[u8]) -> Result<Body, RpcError> {
    match serde_json::from_slice(body).map_err(|_| RpcError::Parse)? {
        Value::Array(requests) if requests.is_empty() => Err(RpcError::InvalidRequest),
        Value::Array(requests) if requests.len() > limits.batch_max => {
            Err(RpcError::BatchTooLong { length: requests.len(), limit: limits.batch_max })
        }
        Value::Array(requests) => Ok(Body::Batch(requests)),
        request => Ok(Body::Single(request)),
    }
}

/// The answers to a batch; none if it held only notifications.
pub async fn answer_all(service: &impl Service, requests: Vec<Value>) -> Option<Value> {
    let mut answers = Vec::with_capacity(requests.len());
    for request in requests {
        answers.extend(answer_one(service, request).await);
    }
    (!answers.is_empty()).then_some(Value::Array(answers))
}

/// The answer to one request; none if it is a notification.
pub async fn answer_one(service: &impl Service, request: Value) -> Option<Value> {
    match Call::new(request) {
        Ok(Call { id, method, params: Ok(params) }) => reply(id, service.dispatch(&method, params).await),
        Ok(Call { id, params: Err(error), .. }) => reply(id, Err(error)),
        Err(invalid) => Some(invalid),
    }
}

/// One request of a body, its method not looked up yet.
pub struct Call {
    /// What the answer repeats; none for a notification, which gets no answer.
    pub id: Option<Value>,
    pub method: String,
    pub params: Result<Params, RpcError>,
}

impl Call {
    /// Or what is answered to something that is no request.
    pub fn new(mut request: Value) -> Result<Self, Value> {
        let id = request.get("id").cloned();
        let Some(method) = request.get("method").and_then(Value::as_str).map(str::to_owned) else {
            return Err(failure(id.unwrap_or_default(), &RpcError::InvalidRequest));
        };
        let params = Params::new(request.get_mut("params").map(Value::take));
        let params = match parameters_max(&method) {
            Some(limit) => params.and_then(|params| params.at_most(limit)),
            None => params,
        };
        Ok(Self { id, method, params })
    }
}

/// What is answered to a request; none to a notification.
pub fn reply(id: Option<Value>, outcome: Result<Value, RpcError>) -> Option<Value> {
    let id = id?;
    Some(match outcome {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(error) => failure(id, &error),
    })
}

/// What a request is told that has more bytes than are taken.
pub fn too_large(limits: &RpcLimits) -> RpcError {
    RpcError::LimitExceeded {
        what: "bytes in one request",
        limit: limits.body_bytes_max as u64,
        flag: flag::BODY_BYTES,
    }
}

/// The answer to a request that failed.
pub fn failure(id: Value, error: &RpcError) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": error.to_json() })
}
