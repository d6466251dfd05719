//! Runs of the fraud-proof machine as a dispute needs them: the commitments of both levels, the last state, and the witness of any step
//! (`docs/spec/dispute.md`, DISP-TREE-1; `docs/spec/vm.md`).
//!
//! ```text
//! EpochData (L1's batches) --native run--> Program (guest, inputs, pre-images)
//! Program --machine, stride by stride--> leaves, snapshots (on disk) --> commitment of level 0
//! snapshot + a stride --machine, step by step, on all cores--> commitment of level 1, witness of a step
//! ```
//!
//! * [`Program`] is what runs: guest, inputs, and every pre-image that the run asks for, found by running the same code natively.
//! * [`Store`] keeps leaves and snapshots by the state that a run starts in. A damaged file counts as absent.
//! * [`Trace`] is what a party says of a run. [`MachineTrace`] says what is so.
//!
//! Everything here blocks and takes cores: callers put it on threads of its own. Adversarial: batches and pre-images, in content, which the machine is
//! total over; files on disk, which are checked against hashes before they are used.

mod fine;
mod machine;
mod pages;
mod program;
mod run;
mod store;
mod trace;
mod witness;

pub use machine::MachineTrace;
pub use program::{EpochData, Program, ProgramError};
pub use run::{CoarseRun, Progress};
pub use store::Store;
pub use trace::{Halt, PackedState, Trace, TraceError};
