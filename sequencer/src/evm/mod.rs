//! All that knows what the blocks of an EVM chain are: whether a transaction may wait, how a block and a batch are made, what a batch of another author
//! derives to, and what callers are told.
//!
//! ```text
//!   engine (order, promises, L1's word)          rpc (transport, limits)
//!     |  Execution: account, validate, build       |  METHODS: recover, read
//!     |  OpenBatch: take, size, encode             |
//!     v  derive, output_at                         v
//!   +----------------------- evm -------------------------+
//! ```
//! What is in here reads the mempool that it is handed, or what the engine publishes of it ([`crate::mempool::PoolView`]), and names neither engine nor
//! poster nor watcher. Outside of here a transaction and a block are types that the pool and the engine hand on, and little else of the EVM is named
//! (`sequencer/tests/layers.rs` holds both sides to that). The payments chain is a folder beside this one and no second implementation of the functions
//! in here: it has an engine, a pool, a poster and a watcher of its own.

mod admission;
mod assemble;
mod batch;
mod derive;
mod error;
mod execution;
mod feed;
pub mod rpc;

pub(crate) use admission::{NotAdmitted, cost_max, posted_bytes_max};
pub(crate) use assemble::{Built, authorities, is_empty, message_gas_max, senders, signed};
pub(crate) use batch::OpenBatch;
pub(crate) use derive::{derive, encode, genesis_output, message_hash, output_at};
pub use error::ExecutionError;
pub(crate) use execution::Execution;
