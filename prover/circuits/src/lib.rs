//! Circuits of the payments chain, their keys and their prover.

pub mod any;
pub mod apply;
pub mod authorise;
pub mod circuit;
pub mod figures;
pub mod gadgets;
pub mod groth16;
#[cfg(test)]
pub(crate) mod testing;
