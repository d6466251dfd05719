//! The rules that every Tandem chain shares: what L1 orders, how it is hashed, and what a state claims to be.
//!
//! Rules: `docs/spec/l1.md` (L1-*). Twins: `contracts/src/l1`. No clock, no randomness, no I/O; builds without `std`.
//! Everything decoded here comes from L1 and is adversarial in content, never in order: L1 decides the order.
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

mod abi;
pub mod batch;
pub mod blob;
pub mod checkpoint;
pub mod config;
pub mod derive;
pub mod epoch;
pub mod machine;
pub mod message;
pub mod message_tree;
pub mod output;
pub mod work;

pub use batch::{BatchHeader, DataKind};
pub use checkpoint::Checkpoint;
pub use config::{ChainConfig, ChainKind};
pub use derive::{Derivation, DerivationError, L1Batch, L1Data};
pub use machine::{BatchInput, PreimageSource, Preimages, StateMachine, Transition, TransitionError};
pub use message::Message;
pub use message_tree::{L2Message, MessageTree};
pub use output::OutputFields;
