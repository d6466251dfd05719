//! The fast machine: pages, decoded instructions, and hashing only on request.
//!
//! Twins: [`crate::reference`], `contracts/src/vm/`. Only the program is adversarial here, and it may be anything.

mod code;
mod decode;
mod memory;
mod run;

use alloc::sync::Arc;

use alloy_primitives::B256;
use thiserror::Error;

pub use run::Stop;

use crate::{
    elf::{Image, Segment},
    key::OracleKey,
    reference::{Reference, TreeMemory},
    state::State,
    tree::{Leaf, Siblings},
};

use code::CodeCache;
use memory::Memory;

/// A memory that is not the one of the state beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("memory has root {actual}, the state says {expected}")]
pub struct MemoryMismatch {
    /// The state's memory root.
    pub expected: B256,
    /// The root that the memory given has.
    pub actual: B256,
}

/// A machine that runs.
#[derive(Clone)]
pub struct Machine {
    /// Its memory root is that of the last [`Machine::state`] or [`Machine::hash`].
    state: State,
    memory: Memory,
    code: CodeCache,
    /// The pre-image being read.
    stream: Option<(OracleKey, Arc<[u8]>)>,
}

impl Machine {
    /// A guest before its first step (VM-3).
    pub fn new(image: &Image, inputs: OracleKey) -> Self {
        let mut memory = load(image);
        let state = State::initial(memory.root(), inputs);
        Self { state, memory, code: CodeCache::new(), stream: None }
    }

    /// A machine in the middle of a run, from what [`Machine::state`] and [`Machine::image`] gave.
    pub fn resume(state: State, image: &Image) -> Result<Self, MemoryMismatch> {
        let mut memory = load(image);
        let actual = memory.root();
        if actual != state.memory_root {
            return Err(MemoryMismatch { expected: state.memory_root, actual });
        }
        Ok(Self { state, memory, code: CodeCache::new(), stream: None })
    }

    /// The state now, with its memory root.
    pub fn state(&mut self) -> &State {
        self.state.memory_root = self.memory.root();
        &self.state
    }

    /// The hash of the state as it is now (VM-1).
    pub fn hash(&mut self) -> B256 {
        self.state().hash()
    }

    /// Whether the machine has halted.
    pub const fn exited(&self) -> bool {
        self.state.exited
    }

    /// Steps executed so far.
    pub const fn steps(&self) -> u64 {
        self.state.step
    }

    /// Address of the next instruction, and registers; cheaper than [`Machine::state`].
    pub const fn registers(&self) -> (u64, &[u64; 32]) {
        (self.state.pc, &self.state.registers)
    }

    /// Which pre-image the next read is from, and where in its stream.
    pub const fn oracle(&self) -> (OracleKey, u64) {
        (self.state.oracle_key, self.state.oracle_offset)
    }

    /// A leaf of memory.
    pub fn leaf(&self, index: u32) -> Leaf {
        self.memory.leaf(index)
    }

    /// A leaf's proof against the root of the state now.
    pub fn siblings(&mut self, index: u32) -> Siblings {
        self.memory.root();
        self.memory.siblings(index)
    }

    /// Bytes of memory in use, in whole pages.
    pub const fn memory_bytes(&self) -> usize {
        self.memory.page_count().saturating_mul(memory::PAGE_BYTES)
    }

    /// The memory now, as a program to load.
    pub fn image(&self) -> Image {
        let segments = self.memory.pages().map(|(address, data)| Segment { address, data }).collect();
        Image { segments }
    }

    /// The same machine for single steps with witnesses.
    pub fn reference(&mut self) -> Reference {
        let memory = TreeMemory::from_leaves(self.memory.used_leaves());
        Reference::resume(self.state().clone(), memory)
    }
}

impl Image {
    /// Root of the memory before the first step.
    pub fn memory_root(&self) -> B256 {
        load(self).root()
    }
}

fn load(image: &Image) -> Memory {
    let mut memory = Memory::new();
    for segment in &image.segments {
        memory.write(segment.address, &segment.data);
    }
    memory
}
