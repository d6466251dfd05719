//! Circuits of the payments chain, their keys and their prover.

pub mod gadgets;
#[cfg(test)]
pub(crate) mod testing;
