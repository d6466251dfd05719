//! Wrong runs of the machine: what is so up to some step, and something else from there on.
//!
//! A liar cannot invent states whose hashes he can open, nor need he: until the step that L1 executes only hashes are compared. The last
//! state alone must be shown, and there he puts the output that he wants.

use std::sync::Arc;

use alloy::primitives::{B256, keccak256};
use anyhow::{Context, bail};
use tandem_trace::{PackedState, Program, Trace, TraceError};
use tandem_vm::{
    Commitment, State, StepWitness,
    commit::{COARSE_STRIDE, LEAVES},
    fast::Stop,
    key::KeyKind,
};

/// Where a wrong run leaves the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Divergence {
    /// Nowhere: the run is right.
    Never,
    /// With the first step.
    FirstStep,
    /// Half-way to where the machine halts.
    Middle,
    /// With a read of a pre-image that a keccak hash names.
    KeccakRead,
    /// With a read of a blob's element.
    BlobRead,
    /// With a write to memory.
    MemoryWrite,
    /// With the step by which the machine halts.
    LastStep,
    /// After the machine has halted, when its state repeats.
    Padding,
    /// With the very last leaf, which alone shows another output.
    OutputAlone,
}

impl Divergence {
    /// All but the right run.
    pub const WRONG: [Self; 8] = [
        Self::FirstStep,
        Self::Middle,
        Self::KeccakRead,
        Self::BlobRead,
        Self::MemoryWrite,
        Self::LastStep,
        Self::Padding,
        Self::OutputAlone,
    ];

    /// The number of the first wrong step in a run of `program`, of which `honest` tells what is so.
    pub fn step(self, program: &Program, honest: &impl Trace) -> anyhow::Result<Option<u64>> {
        let steps = State::unpack(&honest.last_state()?)?.step;
        Ok(Some(match self {
            Self::Never => return Ok(None),
            Self::FirstStep => 0,
            Self::Middle => steps / 2,
            Self::KeccakRead => find_read(program, KeyKind::Keccak)?,
            Self::BlobRead => find_read(program, KeyKind::Blob)?,
            Self::MemoryWrite => find_write(program, steps / 3)?,
            Self::LastStep => steps - 1,
            Self::Padding => steps + COARSE_STRIDE,
            Self::OutputAlone => LEAVES * COARSE_STRIDE - 1,
        }))
    }
}

/// The first step that reads from a pre-image of this kind, in the middle of it.
fn find_read(program: &Program, kind: KeyKind) -> anyhow::Result<u64> {
    let (mut machine, mut oracle) = (program.machine(), program.clone());
    loop {
        let (step, (_, before)) = (machine.steps(), machine.oracle());
        match machine.run(1, &mut oracle) {
            Stop::MissingPreimage(key) => bail!("no pre-image for {key:?}"),
            Stop::Exited => bail!("the program reads nothing of this kind"),
            Stop::Budget => {}
        }
        let (key, after) = machine.oracle();
        // The first read tells the length; the next one is of data.
        if key.kind() == Some(kind) && before != 0 && after == before + 8 {
            return Ok(step);
        }
    }
}

/// The first store from a step on.
fn find_write(program: &Program, from: u64) -> anyhow::Result<u64> {
    const STORE: u32 = 0b010_0011;
    let (mut machine, mut oracle) = (program.machine(), program.clone());
    machine.run(from, &mut oracle);
    loop {
        let (pc, _) = machine.registers();
        let leaf = machine.leaf(u32::try_from(pc / 32).context("the program counter is beyond memory")?);
        let at = usize::try_from(pc % 32)?;
        let word = leaf.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
        if word.is_some_and(|word| word & 0x7f == STORE) {
            return Ok(machine.steps());
        }
        if machine.run(1, &mut oracle) != Stop::Budget {
            bail!("the program stores nothing");
        }
    }
}

/// A run that is right up to a step and wrong from there on. Every lie with another name has other states.
pub struct LyingTrace<T> {
    honest: Arc<T>,
    /// The first wrong step; none: all of it is right.
    from: Option<u64>,
    /// What it comes to.
    last: PackedState,
    coarse: Arc<Commitment>,
}

impl<T: Trace> LyingTrace<T> {
    /// The right run, but from step `from` on another, which ends in `output`. `name` tells lies apart that begin alike.
    pub fn new(honest: Arc<T>, from: Option<u64>, output: B256, name: u64) -> Result<Self, TraceError> {
        let mut last = honest.last_state()?;
        let coarse = honest.coarse()?;
        let Some(from_step) = from else { return Ok(Self { honest, from, last, coarse }) };
        if let Ok(mut state) = State::unpack(&last) {
            state.output = output;
            // No machine counts so far: states of different lies differ though their outputs do not.
            state.step = state.step.wrapping_add(1 + name);
            last = state.pack();
        }
        let stride = from_step / COARSE_STRIDE;
        let leaves = (0..stride).map(|index| coarse.leaf(index)).chain([keccak256(last)]).collect();
        Ok(Self { honest, from, last, coarse: Arc::new(Commitment::new(leaves)) })
    }

    /// The first wrong step.
    pub fn from(&self) -> Option<u64> {
        self.from
    }
}

impl<T: Trace> Trace for LyingTrace<T> {
    fn start(&self) -> B256 {
        self.honest.start()
    }

    fn coarse(&self) -> Result<Arc<Commitment>, TraceError> {
        Ok(self.coarse.clone())
    }

    fn last_state(&self) -> Result<PackedState, TraceError> {
        Ok(self.last)
    }

    fn fine(&self, stride: u64) -> Result<Arc<Commitment>, TraceError> {
        let Some(from) = self.from else { return self.honest.fine(stride) };
        let wrong = keccak256(self.last);
        if stride < from / COARSE_STRIDE {
            return self.honest.fine(stride);
        }
        if stride > from / COARSE_STRIDE {
            // Behind his own first lie there is nothing that could be right.
            return Ok(Arc::new(Commitment::new(vec![wrong])));
        }
        let honest = self.honest.fine(stride)?;
        let leaves = (0..from % COARSE_STRIDE).map(|index| honest.leaf(index)).chain([wrong]).collect();
        Ok(Arc::new(Commitment::new(leaves)))
    }

    fn step(&self, stride: u64, step: u64) -> Result<(StepWitness, B256), TraceError> {
        self.honest.step(stride, step)
    }
}
