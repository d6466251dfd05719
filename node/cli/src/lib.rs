//! The `tandem` command: deploy a chain, move money in and out, look at it.
//!
//! * [`spec`], [`deploy`]: a chain specification file becomes contracts on L1 and a deployment file.
//! * [`preinstalls`]: contracts that dApps expect at their usual addresses.
//! * [`bridge`], [`status`]: what users and operators ask of a running chain.
//! * [`payments`]: the same questions on a payments chain, its ledger from L1 alone, and the way out of one that has ended.
//! * [`session`]: session keys of the payments chain, and what they sign.
//! * [`devnet_info`]: the file by which a devnet tells these commands where it is.

pub mod bridge;
pub mod chain;
pub mod contracts;
pub mod deploy;
pub mod devnet_info;
pub mod payments;
pub mod preinstalls;
pub mod session;
pub mod spec;
pub mod spec_error;
pub mod status;
pub mod wallet;
