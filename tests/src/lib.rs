//! End-to-end scenarios are made of the actions in here: a whole devnet as child processes, driven from outside, as users do.
//!
//! * [`world`]: one devnet in a directory of its own, and the commands and queries that users have.
//! * [`money`]: sums that must come out to the wei.
//! * [`payments`]: a payments chain on an L1 node, whose batches are really proven.
//! * [`proving`]: its prover and its sequencer as processes, and a sequencer that closes batches for a prover and lies about them.
//! * [`derivation`]: the chain derived from L1 alone, compared with what the sequencer says.
//! * [`guest`]: the same batches in the fraud-proof machine.
//! * [`proxy`]: an L1 endpoint that leaves things out, or is not there.
//! * [`wait`]: what must come within a time.
//! * [`traffic`]: users who send without pause and remember what was acknowledged.
//! * [`flood`]: users of a payments chain who send as fast as they are admitted.
//! * [`faults`]: kills, reorganisations, outages and wrong clocks, and how long recovery takes.
//! * [`adversary`]: what others can do to the chain.
//! * [`fraud`]: what others can claim about the chain, and what becomes of it.

pub mod adversary;
pub mod derivation;
pub mod faults;
pub mod flood;
pub mod fraud;
pub mod guest;
pub mod money;
pub mod payments;
pub mod proving;
pub mod proxy;
pub mod traffic;
pub mod wait;
pub mod world;

pub use world::{World, WorldOptions};
