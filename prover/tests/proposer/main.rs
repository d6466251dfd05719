//! The proposer against the real contracts on Anvil.

mod claims;
mod node;
