//! The commitment of level 0, as far as it is: one leaf per 2^20 steps, kept on disk from time to time, so that an end at any instruction costs little.

use std::{
    io,
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use tandem_vm::{
    Commitment, Machine,
    commit::{COARSE_STRIDE, LEAVES, next_leaf},
};

use crate::{
    Program, Store,
    trace::{PackedState, TraceError},
};

/// Leaves of a file.
const FILE_LEAVES: u64 = 1024;
/// A line in the log after so long.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(15);

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many strides are done.
    Running {
        /// Strides done, of 2^20 steps each.
        strides: u64,
    },
    /// The machine has halted, or all strides are done.
    Ended {
        /// Strides until then: leaves that differ from the rest.
        strides: u64,
    },
}

/// A run under way.
pub struct CoarseRun {
    program: Program,
    store: Store,
    start: B256,
    machine: Machine,
    leaves: Vec<B256>,
    /// Leaves that are on disk.
    kept: u64,
    /// The last state, once it is known.
    end: Option<PackedState>,
    snapshot_at: Instant,
    told_at: (Instant, u64),
}

impl CoarseRun {
    /// Goes on where an earlier process was, as far as what it left is undamaged.
    pub fn resume(program: Program, store: Store) -> io::Result<Self> {
        let mut machine = program.machine();
        let start = machine.hash();
        let mut leaves = store.leaves(start)?;
        let end = store.end(start, &leaves)?;
        if end.is_none() {
            let done = leaves.len() as u64;
            let stride = match store.snapshot(start, done, |index| leaves[index as usize])? {
                Some((stride, snapshot)) => {
                    machine = snapshot;
                    stride
                }
                None => 0,
            };
            // Files have their length: what is left of the last one is computed again, and compared.
            leaves.truncate(usize::try_from(stride).unwrap_or_default());
        }
        let kept = leaves.len() as u64;
        let now = Instant::now();
        Ok(Self { program, store, start, machine, leaves, kept, end, snapshot_at: now, told_at: (now, kept) })
    }

    /// The hash of the state before the first step.
    pub const fn start(&self) -> B256 {
        self.start
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let strides = self.leaves.len() as u64;
        if self.end.is_some() { Progress::Ended { strides } } else { Progress::Running { strides } }
    }

    /// Runs so many strides, or to the end.
    pub fn advance(&mut self, strides: u64) -> Result<Progress, TraceError> {
        for _ in 0..strides {
            if self.end.is_some() {
                break;
            }
            self.leaves.push(next_leaf(&mut self.machine, COARSE_STRIDE, &mut self.program)?);
            let done = self.leaves.len() as u64;
            if self.machine.exited() || done == LEAVES {
                self.keep()?;
                let end = self.machine.state().pack();
                self.store.put_end(self.start, done, &end)?;
                self.end = Some(end);
            } else if self.snapshot_at.elapsed() >= self.store.snapshot_interval() || done - self.kept == FILE_LEAVES {
                self.keep()?;
                self.store.put_snapshot(self.start, done, &mut self.machine)?;
                self.snapshot_at = Instant::now();
            }
            self.tell();
        }
        Ok(self.progress())
    }

    /// The commitment and the last state, if the run has ended.
    pub fn finish(self) -> Option<(Commitment, PackedState)> {
        let end = self.end?;
        Some((Commitment::new(self.leaves), end))
    }

    fn keep(&mut self) -> io::Result<()> {
        let new = usize::try_from(self.kept).ok().and_then(|kept| self.leaves.get(kept..)).unwrap_or_default();
        if !new.is_empty() {
            self.store.put_leaves(self.start, self.kept, new)?;
            self.kept = self.leaves.len() as u64;
        }
        Ok(())
    }

    fn tell(&mut self) {
        let ((since, before), strides) = (self.told_at, self.leaves.len() as u64);
        let elapsed = since.elapsed();
        if elapsed >= PROGRESS_INTERVAL {
            let steps_per_s = ((strides - before) * COARSE_STRIDE) as f64 / elapsed.as_secs_f64();
            let (run, mega) = (self.start, (steps_per_s / 1e6) as u64);
            let memory_mib = self.machine.memory_bytes() >> 20;
            tracing::info!(%run, strides, memory_mib, "computing a commitment, {mega} million steps a second");
            self.told_at = (Instant::now(), strides);
        }
    }
}
