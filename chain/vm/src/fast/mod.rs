//! The fast machine: pages, decoded instructions, and hashing only on request.
//!
//! Twins: [`crate::reference`], `contracts/src/vm/`. Only the program is adversarial here, and it may be anything.

mod code;
mod decode;
mod memory;
mod run;

use alloc::sync::Arc;

use alloy_primitives::B256;

pub use run::Stop;

use crate::{
    elf::Image,
    key::OracleKey,
    reference::{Reference, TreeMemory},
    state::State,
    tree::{Leaf, Siblings},
};

use code::CodeCache;
use memory::Memory;

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
        let mut memory = Memory::new();
        for segment in &image.segments {
            memory.write(segment.address, &segment.data);
        }
        let state = State::initial(memory.root(), image.entry, inputs);
        Self { state, memory, code: CodeCache::new(), stream: None }
    }

    /// The state now, with its memory root.
    pub fn state(&mut self) -> &State {
        self.state.memory_root = self.memory.root();
        &self.state
    }

    /// The state's hash.
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
        self.memory.page_count() * memory::PAGE_BYTES
    }

    /// The same machine for single steps with witnesses.
    pub fn reference(&mut self) -> Reference {
        let mut memory = TreeMemory::default();
        for (index, leaf) in self.memory.used_leaves() {
            memory.set_leaf(index, leaf);
        }
        Reference::resume(self.state().clone(), memory)
    }
}
