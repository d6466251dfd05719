//! Positional parameters, read one by one with an error that names position and expectation.

use alloy::eips::{BlockId, BlockNumberOrTag};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    RpcError,
    written::{self, Misspelt},
};

/// A block as most methods take it, in words for people.
const BLOCK: &str = "a block number, tag or hash";

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

    /// Parameter `index` as an object, if it is there: a call, overrides, a filter, options.
    pub fn object<T: DeserializeOwned>(&self, index: usize, expected: &'static str) -> Result<Option<T>, RpcError> {
        if let Some(value) = self.0.get(index).filter(|value| !value.is_null()) {
            let fields = value.as_object().ok_or(RpcError::InvalidParam { index, expected })?;
            written::check(fields).map_err(|Misspelt { field, expected }| RpcError::InvalidField {
                index,
                field,
                expected,
            })?;
        }
        self.optional(index, expected)
    }

    /// Parameter `index` as an object, which must be there.
    pub fn required_object<T: DeserializeOwned>(&self, index: usize, expected: &'static str) -> Result<T, RpcError> {
        self.object(index, expected)?.ok_or(RpcError::MissingParam { index, expected })
    }

    /// The block that parameter `index` names, if it is there.
    pub fn block(&self, index: usize) -> Result<Option<BlockId>, RpcError> {
        self.read(index, BLOCK, written::block_id)
    }

    /// The block that parameter `index` names, which must be there.
    pub fn required_block(&self, index: usize) -> Result<BlockId, RpcError> {
        self.block(index)?.ok_or(RpcError::MissingParam { index, expected: BLOCK })
    }

    /// The block that parameter `index` names by number or tag, which must be there.
    pub fn required_number_or_tag(&self, index: usize) -> Result<BlockNumberOrTag, RpcError> {
        const EXPECTED: &str = "a block number or tag";
        let named = self.read(index, EXPECTED, written::number_or_tag)?;
        named.ok_or(RpcError::MissingParam { index, expected: EXPECTED })
    }

    /// Parameter `index` as a position in a list, which must be there.
    pub fn required_position(&self, index: usize) -> Result<usize, RpcError> {
        const EXPECTED: &str = "an index";
        let position = self.read(index, EXPECTED, |value| written::quantity(value)?.try_into().ok())?;
        position.ok_or(RpcError::MissingParam { index, expected: EXPECTED })
    }

    /// Parameter `index` as `reader` reads it, if it is there.
    fn read<T>(
        &self,
        index: usize,
        expected: &'static str,
        reader: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, RpcError> {
        match self.0.get(index).filter(|value| !value.is_null()) {
            None => Ok(None),
            Some(value) => reader(value).map(Some).ok_or(RpcError::InvalidParam { index, expected }),
        }
    }
}
