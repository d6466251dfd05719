//! The prover: what convinces L1 of the chain's state. The proposer claims what derivation from L1 yields; the challenger plays every dispute about
//! it for the right run. On a payments chain batches come with proofs instead: [`validity`].
//!
//! Proposer and challenger never talk to the sequencer: a replica inside derives the chain from L1, and only its outputs are claimed and defended. Provers of a
//! payments chain ask the sequencer for closed batches and bring the proofs back to it; what a batch does they derive themselves, on the state that L1 gives.

pub mod challenger;
pub mod flags;
pub mod health;
pub mod node;
pub mod proposer;
mod sender;
pub mod store;
pub mod validity;

pub use challenger::{Challenger, ChallengerConfig, ChallengerError, ChallengerStatus};
pub use node::{NodeError, ProverNode};
pub use proposer::{Alarm, DerivedOutputs, Proposer, ProposerConfig, ProposerError, ProposerStatus};
pub use sender::Sender;
