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
//! The fraud-proof machine of `docs/spec/vm.md` (rules VM-1 to VM-8): a deterministic RV64IM computer whose every step
//! L1 can execute.
//!
//! Two of its three implementations live here and share no instruction semantics: [`fast`] runs whole epochs and commits to
//! strides, [`reference`] executes single steps over proven memory and makes and verifies their witnesses. The third is
//! `contracts/src/vm/`. Witnesses and packed states come from anybody; programs and pre-images are what the caller vouches for.

extern crate alloc;

pub mod asm;
pub mod commit;
pub mod elf;
pub mod fast;
pub mod key;
#[cfg(feature = "kzg")]
pub mod kzg;
pub mod oracle;
pub mod reference;
pub mod state;
pub mod tree;

pub use commit::{Commitment, RunError};
pub use elf::{ElfError, Image};
pub use fast::Machine;
pub use key::OracleKey;
pub use oracle::{NoPreimages, Oracle, PreimageMap};
pub use reference::{Reference, StepWitness, WitnessError, verify};
pub use state::{PACKED_SIZE, State, StateError};
