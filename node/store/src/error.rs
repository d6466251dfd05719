//! Why the store cannot do what is asked.

use crate::{CodecError, Identity};
use alloy_primitives::{B256, Bytes};
use std::path::PathBuf;
use tandem_payments::state::NoState;

/// An error of the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// RocksDB failed: disk full, input or output error, directory in use by another process.
    #[error("rocksdb: {0}")]
    Rocks(#[from] rocksdb::Error),
    /// The directory holds a database that is no Tandem store.
    #[error("{path} holds another kind of database")]
    NotAStore {
        /// The directory that was to be opened.
        path: PathBuf,
    },
    /// The directory was written by a version with another schema.
    #[error(
        "the store has schema version {found}, this program needs {expected}: let the version that wrote it post its last batch, then delete the data \
         directory; L1 has everything"
    )]
    SchemaVersion {
        /// Version in the directory.
        found: u64,
        /// Version of this program.
        expected: u64,
    },
    /// The directory belongs to another chain.
    #[error("the store belongs to {found}, not to {expected}")]
    OtherChain {
        /// The chain in the directory.
        found: Identity,
        /// The chain that was asked for.
        expected: Identity,
    },
    /// The configuration is of a chain kind whose blocks this store does not hold.
    #[error("the store holds EVM chains only")]
    NotAnEvmChain,
    /// The configuration is of a chain kind whose batches this store does not hold.
    #[error("the store holds the batches of payments chains only")]
    NotAPaymentsChain,
    /// The genesis block of the configuration cannot be built.
    #[error("genesis cannot be built")]
    Genesis,
    /// A value does not decode.
    #[error("corrupt value in {table} at {key}: {reason}")]
    Corrupt {
        /// The table that holds the row.
        table: &'static str,
        /// The row's key as it is stored.
        key: Bytes,
        /// What is wrong with its bytes.
        reason: CodecError,
    },
    /// A key does not decode.
    #[error("corrupt key in {table}: {key}")]
    CorruptKey {
        /// The table that holds the row.
        table: &'static str,
        /// The row's key as it is stored.
        key: Bytes,
    },
    /// RocksDB does not know a table of the schema.
    #[error("table {table} is missing")]
    MissingTable {
        /// The table that the directory lacks.
        table: &'static str,
    },
    /// A row that must be there because another one is.
    #[error("no row {number} in {table}")]
    MissingRow {
        /// The table that lacks the row.
        table: &'static str,
        /// The key of the missing row.
        number: u64,
    },
    /// The rows of a ledger are no state.
    #[error("the ledger's rows are no state: {0}; delete the ledger's directory, L1 has everything")]
    NoState(#[from] NoState),
    /// The rows of a ledger are another state than the one after its last batch.
    #[error(
        "the ledger's rows have root {found}, batch {index} has {expected}; delete the ledger's directory, L1 has everything"
    )]
    OtherRoot {
        /// Index of the last batch that was applied; 0 for genesis.
        index: u64,
        /// The root that the batch's output has.
        expected: B256,
        /// The root of what is stored.
        found: B256,
    },
    /// A message of a ledger does not lead to the queue's hash that is kept with it (L1-MSG-2).
    #[error(
        "the ledger's message {index} does not hash to what is kept with it; delete the ledger's directory, L1 has everything"
    )]
    OtherMessage {
        /// The message's position in the queue.
        index: u64,
    },
    /// What a ledger has of a batch does not hash to its output (PAY-OUTPUT).
    #[error("the ledger's batch {index} does not hash to its output; delete the ledger's directory, L1 has everything")]
    OtherOutput {
        /// Index of the batch.
        index: u64,
    },
    /// The block is not the one after the head.
    #[error("block {number} does not follow the head {head}")]
    NotNextBlock {
        /// Number of the head.
        head: u64,
        /// Number of the block given.
        number: u64,
    },
    /// The block has another parent than the head.
    #[error("block {number} has parent {found}, the head is {expected}")]
    ParentMismatch {
        /// Number of the block given.
        number: u64,
        /// Hash of the head.
        expected: B256,
        /// The block's parent hash.
        found: B256,
    },
    /// The block to unwind to is above the head.
    #[error("cannot unwind to block {target}, the head is {head}")]
    UnwindsForward {
        /// The block to unwind to.
        target: u64,
        /// Number of the head.
        head: u64,
    },
    /// Unwinding would remove blocks of a batch that is on L1.
    #[error("cannot unwind to block {target}: batch {batch} on L1 ends with block {last_block}")]
    UnwindsBatch {
        /// The block to unwind to.
        target: u64,
        /// The last batch on L1.
        batch: u64,
        /// Number of the last block of that batch.
        last_block: u64,
    },
}

/// A state node, code or header cannot be had from the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MissingPreimage {
    /// Nothing is stored under this hash.
    #[error("no pre-image of {0}")]
    Absent(B256),
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}
