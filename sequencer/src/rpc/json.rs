//! What every answer is made of.

use alloy::primitives::U256;
use serde::Serialize;
use serde_json::{Value, json};

use super::RpcError;

/// A number as JSON-RPC writes it.
pub fn quantity(value: impl TryInto<U256>) -> Result<Value, RpcError> {
    let value = value.try_into().map_err(|_| RpcError::Internal("number out of range".into()))?;
    Ok(json!(value))
}

/// Anything with a serde form.
pub fn value(value: &impl Serialize) -> Result<Value, RpcError> {
    serde_json::to_value(value).map_err(|error| RpcError::Internal(error.to_string()))
}
