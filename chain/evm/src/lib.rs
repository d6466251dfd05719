//! The EVM chain: blocks, deposits, fees, batch payloads and the transition that fraud proofs settle.
//!
//! Rules: `docs/spec/evm.md` (EVM-*), `docs/spec/payload.md` (EVM-PL-*), `docs/spec/predeploys.md` (PRE-*, FEE-L1). The same code runs in the
//! sequencer, in replicas and in the fraud-proof machine; without `std` it builds for a bare target.
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing
    )
)]

extern crate alloc;

pub mod block;
pub mod cryptography;
mod env;
pub mod execute;
pub mod fee_estimate;
pub mod fees;
pub mod genesis;
pub mod nodes;
pub mod payload;
pub mod predeploys;
pub mod receipt;
mod rejected;
pub mod state;
pub mod transaction;
pub mod transition;
pub mod validity;

pub use block::{BlockAttributes, BlockBuilder, EvmBlock, Rejected};
pub use receipt::Receipt;
pub use state::{StateError, WorldState};
pub use transaction::{DepositTransaction, Recovered, Transaction};
pub use transition::{Evm, Genesis, genesis};
