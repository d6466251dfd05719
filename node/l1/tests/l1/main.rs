//! The library against a real Anvil with the real contracts.

mod append;
mod artifacts;
mod checkpoint;
mod deploy;
mod payload;
mod payments;
mod pool;
mod pools;
mod reader;
mod reorg;
mod replay;
mod replica;
mod submit;
