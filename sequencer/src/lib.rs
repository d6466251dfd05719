//! The sequencer: one process that takes transactions, builds blocks, and brings them to L1 in batches.
//!
//! ```text
//! RPC -> admission -> engine (mempool, builder, batches) -> store -> poster -> L1
//!                        ^                                             |
//!                        +---------------- watcher <-------------------+
//! ```
//! Every part owns its state and talks through bounded channels. What several parts read is the store, and what the engine publishes for whoever answers: the head, and
//! the pool behind a lock (`mempool/view.rs`). A payments chain has parts of its own in [`payments`], and publishes blocks, states and pool likewise (`payments/view.rs`).

pub mod batch;
pub mod clock;
pub mod commands;
pub mod config;
pub mod data;
pub mod engine;
pub mod evm;
pub mod feed;
pub mod follow;
pub mod mempool;
pub mod node;
pub mod payments;
pub mod poster;
pub mod ring;
pub mod rpc;
pub mod settled;
pub mod signals;
pub mod sync_state;
pub mod watcher;

pub use config::SequencerFlags;
pub use node::{Node, NodeError};
