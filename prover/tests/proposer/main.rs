//! The proposer against the real contracts on Anvil.

mod claims;
#[allow(dead_code, reason = "shared with the tests of tandem-l1, which use all of it")]
#[path = "../../../node/l1/tests/l1/harness.rs"]
mod harness;
mod node;
