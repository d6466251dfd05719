//! What a game is about: the right run and the lies about it.

use alloy_primitives::{B256, keccak256};

use crate::{
    Ending, HEIGHT, Run, Tree,
    strategy::{Knowledge, Shown},
};

/// A run that halts within the first stride, by its state hashes, and last states that liars claim instead.
#[derive(Clone, Debug)]
pub struct Machine {
    /// From the start to the state that repeats.
    pub states: Vec<B256>,
    /// What the right run ends in.
    pub ending: Ending,
    /// By liar: the hash of the last state, and what it says.
    pub lies: Vec<(B256, Ending)>,
    outer: (Run, B256),
    inner: (Run, B256),
}

impl Machine {
    /// There must be two states at least, and at most 2^20.
    pub fn new(states: Vec<B256>, ending: Ending, lies: Vec<(B256, Ending)>) -> Self {
        let rooted = |run: Run| {
            let root = run.root();
            (run, root)
        };
        let outer = rooted(Run::uniform(states[states.len() - 1]));
        let inner = rooted(Run::list(&states[1..]));
        Self { states, ending, lies, outer, inner }
    }

    /// One that nobody can execute, for games in which L1's part is played as well.
    pub fn synthetic(liars: u64) -> Self {
        let word = |tag: &str, index: u64| keccak256([tag.as_bytes(), &index.to_be_bytes()].concat());
        let states = (0..24).map(|index| word("state", index)).collect();
        let lies = (0..liars).map(|liar| (word("lie", liar), Ending::Output(word("wrong output", liar)))).collect();
        Self::new(states, Ending::Output(word("output", 0)), lies)
    }

    /// The state before the first step.
    pub fn start(&self) -> B256 {
        self.states[0]
    }

    /// The right commitment of level 0.
    pub fn outer(&self) -> &Run {
        &self.outer.0
    }

    /// Root of the right commitment of level 0.
    pub fn outer_root(&self) -> B256 {
        self.outer.1
    }

    /// The right commitment of level 1 within a stride.
    pub fn inner(&self, stride: u64) -> &Run {
        if stride == 0 { &self.inner.0 } else { &self.outer.0 }
    }

    /// Root of the right commitment of level 1 within a stride.
    pub fn inner_root(&self, stride: u64) -> B256 {
        if stride == 0 { self.inner.1 } else { self.outer.1 }
    }

    /// A liar's commitment of level 0: right up to a leaf.
    pub fn lie(&self, liar: usize, from: u64) -> Run {
        self.outer().then(from, self.lies[liar].0)
    }

    /// A commitment of level 1 that is wrong from a leaf on and ends in `last`; the leaf is below 2^20.
    pub fn wrong_inner(&self, stride: u64, from: u64, junk: B256, last: B256) -> Run {
        let end = (1 << HEIGHT) - 1;
        let right = self.inner(stride);
        if from < end { right.then(from, junk).then(from + 1, last) } else { right.then(end, last) }
    }

    /// What L1 computes for a state, if that is one of the machine's.
    pub fn successor_of(&self, state: B256) -> Option<B256> {
        let index = self.states.iter().position(|known| *known == state)?;
        Some(*self.states.get(index + 1).unwrap_or(&state))
    }
}

/// What is so: the simulated honest party has computed it by the time that it acts.
impl<'a> Knowledge for &'a Machine {
    type Tree = &'a Run;

    fn outer(&self) -> Option<(Shown<&'a Run>, Ending)> {
        let machine: &'a Machine = self;
        Some((Shown { root: machine.outer_root(), tree: machine.outer() }, machine.ending))
    }

    fn inner(&self, stride: u64) -> Option<Shown<&'a Run>> {
        let machine: &'a Machine = self;
        Some(Shown { root: machine.inner_root(stride), tree: machine.inner(stride) })
    }

    fn successor(&self, stride: u64, step: u64) -> Option<B256> {
        let machine: &'a Machine = self;
        Some(machine.inner(stride).leaf(step))
    }
}
