//! The reference machine: one step at a time over a fully hashed memory, with a witness for each step, and the verifier of
//! such witnesses. Both run the same step function ([`step`]) over different memories.
//!
//! Twins: [`crate::fast`], `contracts/src/vm/`.

mod alu;
mod memory;
mod step;
mod witness;

pub use memory::TreeMemory;
pub use step::{Bus, step};
pub use witness::{PointEvaluation, StepWitness, WitnessError, verify};

use alloy_primitives::B256;
use thiserror::Error;

use crate::{
    elf::Image,
    key::{KeyKind, OracleKey},
    oracle::{Oracle, stream_word},
    state::State,
    tree::Leaf,
};
use witness::{Accesses, Preimage};

/// A step that cannot be taken: its pre-image, or the proof of it, is not at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no pre-image for {:?}", key.0)]
pub struct MissingPreimage {
    /// The key asked for.
    pub key: OracleKey,
}

/// A machine that can be stepped and can prove its steps.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The machine's state as it is now.
    pub state: State,
    memory: TreeMemory,
}

impl Image {
    /// The memory before the first step.
    pub fn memory(&self) -> TreeMemory {
        let mut memory = TreeMemory::default();
        for segment in &self.segments {
            memory.write(segment.address, &segment.data);
        }
        memory
    }
}

impl Reference {
    /// A guest before its first step.
    pub fn new(image: &Image, inputs: OracleKey) -> Self {
        let memory = image.memory();
        let state = State::initial(memory.root(), inputs);
        Self { state, memory }
    }

    /// A machine in the middle of a run. The memory must be the one that the state's root names.
    pub fn resume(state: State, memory: TreeMemory) -> Self {
        assert_eq!(state.memory_root, memory.root(), "memory and state belong together");
        Self { state, memory }
    }

    /// Takes a step, and returns what proves it. Without the pre-image it needs nothing changes.
    pub fn step(&mut self, oracle: &mut impl Oracle) -> Result<StepWitness, MissingPreimage> {
        let before = self.state.clone();
        let mut bus = Recorder { memory: &mut self.memory, oracle, accesses: Accesses::default() };
        match step(&mut self.state, &mut bus) {
            Ok(()) => Ok(StepWitness::new(&before, bus.accesses)),
            Err(missing) => {
                self.state = before;
                Err(missing)
            }
        }
    }

    /// The memory, for looking.
    pub const fn memory(&self) -> &TreeMemory {
        &self.memory
    }
}

struct Recorder<'a, O> {
    memory: &'a mut TreeMemory,
    oracle: &'a mut O,
    accesses: Accesses,
}

impl<O: Oracle> Bus for Recorder<'_, O> {
    type Error = MissingPreimage;

    fn code(&mut self, index: u32) -> Result<Leaf, MissingPreimage> {
        let leaf = self.memory.leaf(index);
        self.accesses.code = Some((leaf, self.memory.siblings(index)));
        Ok(leaf)
    }

    fn data(&mut self, index: u32) -> Result<Leaf, MissingPreimage> {
        let leaf = self.memory.leaf(index);
        self.accesses.data = Some((leaf, self.memory.siblings(index)));
        Ok(leaf)
    }

    fn replace(&mut self, index: u32, leaf: Leaf) -> Result<B256, MissingPreimage> {
        self.memory.set_leaf(index, leaf);
        Ok(self.memory.root())
    }

    fn preimage(&mut self, key: OracleKey, kind: KeyKind, offset: u64) -> Result<u64, MissingPreimage> {
        let (preimage, word) = match kind {
            KeyKind::Keccak => {
                let data = self.oracle.preimage(key).ok_or(MissingPreimage { key })?;
                let word = stream_word(&data, offset);
                (Preimage::Keccak(data), word)
            }
            KeyKind::Blob => {
                let proof = self.oracle.blob_proof(key).ok_or(MissingPreimage { key })?;
                let word = stream_word(proof.value.as_slice(), offset);
                (Preimage::Blob(proof), word)
            }
        };
        self.accesses.preimage = Some(preimage);
        Ok(word)
    }
}
