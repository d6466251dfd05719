//! The payments chain: everything of the sequencer that knows what its batches are.
//!
//! ```text
//!  wallet --JSON-RPC--> engine (pool, open batch, closed batches) <--gRPC--> prover
//!                         ^                   |
//!                      watcher             poster
//!                         |                   |
//!                         +------- L1 <-------+
//! ```
//! `records.rs` says what a batch is as a block, `view.rs` how everybody reads it, `draft.rs` how one is built. Nothing here uses the EVM, and nothing in `evm` uses this.

pub mod config;
pub mod draft;
pub mod dropped;
pub mod engine;
mod feed;
pub mod l1;
pub mod node;
pub mod pool;
pub mod poster;
pub mod proving;
pub mod records;
pub mod rpc;
pub mod signed;
pub mod view;
pub mod watcher;
