//! Positional parameters, read one by one with an error that names position and expectation.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::RpcError;

/// The `params` of a request.
#[derive(Clone, Debug, Default)]
pub struct Params(Vec<Value>);

impl Params {
    /// Parameters by position; absent means none.
    pub fn new(params: Option<Value>) -> Result<Self, RpcError> {
        match params {
            None | Some(Value::Null) => Ok(Self::default()),
            Some(Value::Array(values)) => Ok(Self(values)),
            Some(_) => Err(RpcError::NonArrayParams),
        }
    }

    /// Refuses more than `limit` parameters.
    pub fn at_most(self, limit: usize) -> Result<Self, RpcError> {
        match self.0.len() > limit {
            true => Err(RpcError::TooManyParams { limit }),
            false => Ok(self),
        }
    }

    /// Whether there is a parameter `index`.
    pub fn has(&self, index: usize) -> bool {
        self.0.get(index).is_some_and(|value| !value.is_null())
    }

    /// Parameter `index`, which must be there.
    pub fn required<T: DeserializeOwned>(&self, index: usize, expected: &'static str) -> Result<T, RpcError> {
        self.optional(index, expected)?.ok_or(RpcError::MissingParam { index, expected })
    }

    /// Parameter `index`, if it is there.
    pub fn optional<T: DeserializeOwned>(&self, index: usize, expected: &'static str) -> Result<Option<T>, RpcError> {
        match self.0.get(index) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::deserialize(value).map(Some).map_err(|_| RpcError::InvalidParam { index, expected }),
        }
    }
}
