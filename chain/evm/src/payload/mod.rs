//! What a batch carries for the EVM chain: blocks of signed transactions, in columns, compressed.
//!
//! Rules: `docs/spec/payload.md` (EVM-PL-*). The decoder is part of the rules, the encoder is not: a
//! better encoder may be written at any time.
//!
//! Adversarial: every byte. [`decode`] is total (a payload or a typed error, which derivation reads as
//! the empty payload), its memory and time are bounded by [`PayloadLimits`], and it neither verifies
//! signatures nor looks at any state but the [`AddressBook`].

mod address;
mod calldata;
mod column;
mod compress;
mod decimal;
#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "lengths are those of slices in memory, times 64 at most; there is a column for every name of one, which is checked first"
)]
mod decode;
mod encode;
mod layout;
mod transaction;
mod weight;

#[cfg(test)]
mod tests;

pub use address::{AddressBook, NoAddressBook};
pub use decode::{Measured, decode, decode_measured};
pub use encode::{EncodeError, EncodedPayload, PayloadSizes, PayloadWriter, encode};
pub use layout::{NumberColumn, StreamColumn};
pub use transaction::{BlobTransaction, SignedTransaction};
pub use weight::bytes_max;

use alloc::vec::Vec;

/// The first byte of every payload that is not empty (EVM-PL-1).
pub const PAYLOAD_VERSION: u8 = 1;

/// A block as it is posted: everything else of it follows by rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PayloadBlock {
    /// Seconds since the Unix epoch.
    pub timestamp: u64,
    /// How many L1 messages this block consumes, executed before its transactions.
    pub message_count: u32,
    /// The transactions, in order of execution.
    pub transactions: Vec<SignedTransaction>,
}

/// What one batch carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    /// The blocks in order; timestamps never decrease.
    pub blocks: Vec<PayloadBlock>,
}

/// Caps of the decoder, part of the chain's rules (EVM-PL-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadLimits {
    /// Of the decompressed columns, and once more of what the transactions built from them occupy.
    pub decompressed_bytes_max: usize,
    /// Blocks in one payload.
    pub blocks_max: usize,
    /// Transactions in one payload.
    pub transactions_max: usize,
    /// What its blocks and bytes may take together of the work that the batch declares, in gas (EVM-WORK-1).
    pub work_gas_max: u64,
}

/// Why bytes are not a payload. Derivation treats all of these alike: the batch has an empty payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// The first byte names no known codec.
    #[error("unknown payload version {version}")]
    UnknownVersion {
        /// The version byte as posted.
        version: u8,
    },
    /// The second byte names no known compression method.
    #[error("unknown compression method {method}")]
    UnknownMethod {
        /// The method byte as posted.
        method: u8,
    },
    /// The payload ends inside its frame.
    #[error("payload ends early")]
    UnexpectedEnd,
    /// A variable-length integer is longer than 64 bits or not in its shortest form.
    #[error("malformed variable-length integer")]
    MalformedInteger,
    /// The compressed columns are not a valid sequence of Zstandard blocks of exactly that length.
    #[error("malformed compressed columns")]
    MalformedCompression,
    /// A cap of [`PayloadLimits`] is exceeded.
    #[error("{limit:?} exceeded")]
    LimitExceeded {
        /// The cap that is exceeded.
        limit: Limit,
    },
    /// A number column is malformed or holds too wide a number.
    #[error("number too wide in column {column:?}")]
    NumberTooWide {
        /// The column that holds the number.
        column: NumberColumn,
    },
    /// A number column has fewer entries than the blocks and transactions call for.
    #[error("column {column:?} ends early")]
    NumbersExhausted {
        /// The column that ends early.
        column: NumberColumn,
    },
    /// A number column has more entries than the blocks and transactions call for.
    #[error("column {column:?} has entries left over")]
    NumbersLeftOver {
        /// The column with entries left over.
        column: NumberColumn,
    },
    /// A byte stream is shorter than the blocks and transactions call for.
    #[error("stream {column:?} ends early")]
    StreamExhausted {
        /// The stream that ends early.
        column: StreamColumn,
    },
    /// A byte stream is longer than the blocks and transactions call for.
    #[error("stream {column:?} has bytes left over")]
    StreamLeftOver {
        /// The stream with bytes left over.
        column: StreamColumn,
    },
    /// Bytes follow the last column.
    #[error("bytes follow the columns")]
    ColumnsLeftOver,
    /// The part outside the compressor is not as long as the columns call for.
    #[error("addresses and signatures take {expected} bytes, not {actual}")]
    VerbatimLength {
        /// What the columns call for.
        expected: usize,
        /// What the payload has.
        actual: usize,
    },
    /// A byte of a stream has no meaning there.
    #[error("unknown code {code} in stream {column:?}")]
    UnknownCode {
        /// The stream that holds the byte.
        column: StreamColumn,
        /// The byte as posted.
        code: u8,
    },
    /// A reference names an entry that its dictionary does not have (yet).
    #[error("column {column:?} refers to a missing entry")]
    MissingEntry {
        /// The column that holds the reference.
        column: NumberColumn,
    },
    /// The address book has nothing at that index.
    #[error("no address has index {index}")]
    UnknownAddress {
        /// The index as posted.
        index: u64,
    },
    /// A sum, or a mantissa times its power of ten, does not fit.
    #[error("overflow in column {column:?}")]
    Overflow {
        /// The column whose number overflows.
        column: NumberColumn,
    },
}

/// The caps that a payload can exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// `decompressed_bytes_max`, of the columns.
    DecompressedBytes,
    /// `decompressed_bytes_max`, of the transactions.
    TransactionBytes,
    /// The cap `blocks_max`, of the blocks.
    Blocks,
    /// The cap `transactions_max`, of the transactions.
    Transactions,
    /// The transactions together may spend more than `work_gas_max`.
    WorkGas,
}

/// Why [`decode`] gives no payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError<E> {
    /// The bytes are at fault: by rule the payload is empty.
    #[error(transparent)]
    Invalid(#[from] PayloadError),
    /// The state behind the address book could not be read: nothing follows about the payload.
    #[error("address book: {0}")]
    AddressBook(E),
}
