//! What the tests of several packages share, once.
//!
//! * [`config`]: the configuration of a chain, for a test to change what it is about.
//! * [`chain`]: an EVM chain in memory whose L1 is the test; users who sign for it; what they paid.
//! * [`supply`]: all the wei of a state.
//! * [`machine`]: programs, instructions and proofs for the fraud-proof machine, and its implementations in lockstep.
//! * [`epochs`]: epochs of a chain in memory, natively and in the machine; the worst among them.
//! * `connection`: one HTTP connection to a node.
//! * `callers`: connections that ask a node again as soon as it has answered.
//! * `l1`: Anvil with the real contracts and a chain on them.
//! * `payments`: a payments chain's keys, what is deployed for it, and a batch of it.
//! * `nats`: the engine of a prover farm, which can be killed.
//!
//! A package takes this as a dev-dependency, and this takes the package: tests in `tests/` can use all of it, unit tests only what
//! needs no type of their own package, which are other types to them.
#![allow(missing_docs, reason = "what a fixture is for its name says; the modules say the rest")]

#[cfg(feature = "services")]
pub mod callers;
pub mod chain;
mod config;
#[cfg(feature = "services")]
pub mod connection;
pub mod epochs;
#[cfg(feature = "services")]
pub mod l1;
pub mod machine;
#[cfg(feature = "services")]
pub mod nats;
#[cfg(feature = "services")]
pub mod payments;
mod supply;

pub use config::config;
pub use supply::supply;
