//! What a party says of a run.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use alloy_primitives::B256;
use tandem_vm::{Commitment, OracleKey, RunError, StepWitness, state::PACKED_SIZE};

/// A packed state (VM-1).
pub type PackedState = [u8; PACKED_SIZE];

/// Why something about a run cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The machine asks for a pre-image that the native run did not read.
    #[error("no pre-image for {:?}", key.0)]
    MissingPreimage {
        /// The key asked for.
        key: OracleKey,
    },
    /// What is kept of the run cannot be read or written.
    #[error("commitments on disk: {0}")]
    Io(#[from] io::Error),
    /// It was told to end.
    #[error("computing was stopped")]
    Halted,
    /// The machine does not come to the state that it came to before: this computer, or its memory, is faulty.
    #[error("stride {stride} comes out differently: this computer is faulty")]
    Differs {
        /// The stride that was run again.
        stride: u64,
    },
}

impl From<RunError> for TraceError {
    fn from(RunError::MissingPreimage { key, .. }: RunError) -> Self {
        Self::MissingPreimage { key }
    }
}

/// A party's word for a run: everything that a dispute makes it show. Methods block, for hours if nothing is known yet.
///
/// Places: strides of level 0 count from 0, each 2^20 steps; steps within a stride likewise. A liar wraps what is so and changes leaves; the
/// last leaf of a stride of level 1 must be that of the stride at level 0, and the hash of the last state the last leaf of level 0, or nobody lets it join.
pub trait Trace: Send + Sync {
    /// The state before the first step.
    fn start(&self) -> B256;
    /// The commitment of level 0.
    fn coarse(&self) -> Result<Arc<Commitment>, TraceError>;
    /// The state behind the last leaf of level 0.
    fn last_state(&self) -> Result<PackedState, TraceError>;
    /// The commitment of level 1 within a stride.
    fn fine(&self, stride: u64) -> Result<Arc<Commitment>, TraceError>;
    /// What proves the step with this number within a stride, and the successor's hash.
    fn step(&self, stride: u64, step: u64) -> Result<(StepWitness, B256), TraceError>;
}

/// Told to end by somebody who waits for no answer. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Halt(Arc<AtomicBool>);

impl Halt {
    /// Ends what looks at it.
    pub fn halt(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn check(&self) -> Result<(), TraceError> {
        if self.0.load(Ordering::Relaxed) { Err(TraceError::Halted) } else { Ok(()) }
    }
}
