//! The prover: what convinces L1 of the chain's state. For now the proposer, which claims what derivation from L1 yields.
//!
//! Nothing here talks to the sequencer: a replica inside derives the chain from L1, and only its outputs are claimed.

pub mod flags;
pub mod health;
pub mod node;
pub mod proposer;
pub mod store;

pub use node::{NodeError, ProverNode};
pub use proposer::{Alarm, DerivedOutputs, Proposer, ProposerConfig, ProposerError, ProposerStatus};
