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
//! Nothing in here knows the engine. Outside of here only the type of a transaction and of a block are known, as the pool and the engine hand them
//! on (`sequencer/tests/layers.rs`). A second chain kind is a folder beside this one with the same parts; the functions that the engine and the RPC
//! call here are then what the two have in common.

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
