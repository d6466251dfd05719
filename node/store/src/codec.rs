//! How keys and values are written.

use alloy_primitives::{B256, Bytes};
use alloy_rlp::{Decodable, Encodable};
use serde::{Serialize, de::DeserializeOwned};

/// A table's key, ordered as its bytes are.
pub trait RowKey: Sized {
    /// The key's bytes as they are stored.
    fn encode(&self) -> Vec<u8>;
    /// The key, if the bytes are one.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

impl RowKey for u64 {
    fn encode(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

impl RowKey for u32 {
    fn encode(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

/// Level and position of a node in the state tree of a payments chain.
impl RowKey for tandem_payments::tree::Place {
    fn encode(&self) -> Vec<u8> {
        let (level, position) = self;
        [[*level].as_slice(), &position.to_be_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (level, position) = bytes.split_first()?;
        Some((*level, <u32 as RowKey>::decode(position)?))
    }
}

impl RowKey for B256 {
    fn encode(&self) -> Vec<u8> {
        self.to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Self::try_from(bytes).ok()
    }
}

/// Why a value does not decode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Not the RLP of the type.
    #[error("not the RLP of the type: {0}")]
    Rlp(#[from] alloy_rlp::Error),
    /// Not the JSON of the type.
    #[error("not the JSON of the type, at line {line}, column {column}")]
    Json {
        /// Line of the error.
        line: usize,
        /// Column of the error.
        column: usize,
    },
    /// Not a transaction, or not as many senders as transactions.
    #[error("not the transactions of a block")]
    Transaction,
    /// Something where a row's key says all.
    #[error("{bytes} bytes where none belong")]
    NotNothing {
        /// Bytes of the value.
        bytes: usize,
    },
    /// Not as many bytes as a row of fixed width has.
    #[error("{bytes} bytes, which are no row of this width")]
    Width {
        /// Bytes of the value.
        bytes: usize,
    },
    /// An integer that is no element of the scalar field.
    #[error("an integer that is not below the modulus")]
    NotAnElement,
    /// A byte that says neither that something was there nor that nothing was.
    #[error("byte {byte:#04x}, which says neither that there was a value nor that there was none")]
    Presence {
        /// The byte that was found.
        byte: u8,
    },
    /// Not a message of the L1 queue.
    #[error("not a message: {0}")]
    Message(#[from] tandem_chain::message::MessageTooShort),
}

/// A way of writing values of type `T`.
pub trait Codec<T> {
    /// The bytes of a value.
    fn encode(value: &T) -> Vec<u8>;
    /// The value that the bytes stand for.
    fn decode(bytes: &[u8]) -> Result<T, CodecError>;
}

/// RLP: what every block needs.
#[derive(Debug, Clone, Copy)]
pub enum Rlp {}

impl<T: Encodable + Decodable> Codec<T> for Rlp {
    fn encode(value: &T) -> Vec<u8> {
        alloy_rlp::encode(value)
    }

    fn decode(bytes: &[u8]) -> Result<T, CodecError> {
        Ok(alloy_rlp::decode_exact(bytes)?)
    }
}

/// JSON: records of batches and jobs, few and useful to read.
#[derive(Debug, Clone, Copy)]
pub enum Json {}

impl<T: Serialize + DeserializeOwned> Codec<T> for Json {
    fn encode(value: &T) -> Vec<u8> {
        serde_json::to_vec(value).expect("records have string keys and derived implementations")
    }

    fn decode(bytes: &[u8]) -> Result<T, CodecError> {
        serde_json::from_slice(bytes).map_err(|error| CodecError::Json { line: error.line(), column: error.column() })
    }
}

/// Bytes as they are.
#[derive(Debug, Clone, Copy)]
pub enum Raw {}

impl Codec<Bytes> for Raw {
    fn encode(value: &Bytes) -> Vec<u8> {
        value.to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Bytes, CodecError> {
        Ok(Bytes::copy_from_slice(bytes))
    }
}

/// No bytes, for rows whose key says all.
#[derive(Debug, Clone, Copy)]
pub enum Nothing {}

impl Codec<()> for Nothing {
    fn encode((): &()) -> Vec<u8> {
        Vec::new()
    }

    fn decode(bytes: &[u8]) -> Result<(), CodecError> {
        if bytes.is_empty() { Ok(()) } else { Err(CodecError::NotNothing { bytes: bytes.len() }) }
    }
}
