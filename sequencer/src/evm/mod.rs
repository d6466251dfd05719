//! All that knows what the blocks of an EVM chain are.

pub(crate) mod rpc;
