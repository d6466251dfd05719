//! What is so: the machine's own word for a run.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use alloy_primitives::B256;
use tandem_vm::{
    Commitment, Machine, StepWitness,
    commit::{COARSE_STRIDE, LEAVES},
};

use crate::{
    Program, Store, fine,
    run::{CoarseRun, Progress},
    trace::{Halt, PackedState, Trace, TraceError},
    witness,
};

/// Commitments of level 1 that are kept in memory: 64 MB each.
const FINE_KEPT_MAX: usize = 4;
/// Between looks at whether to go on: about a second.
const STRIDES_AT_ONCE: u64 = 64;

/// What is so: computed by the machine when it is asked for, and kept.
pub struct MachineTrace {
    program: Program,
    store: Store,
    threads: u64,
    halt: Halt,
    start: B256,
    /// Whoever computes holds the lock: who asks meanwhile needs the same answer.
    coarse: Mutex<Option<(Arc<Commitment>, PackedState)>>,
    /// By stride, newest last; locked while one is computed, since that takes all cores.
    fine: Mutex<BTreeMap<u64, Arc<Commitment>>>,
}

impl MachineTrace {
    /// A trace that takes so many threads for a commitment of level 1.
    pub fn new(program: Program, store: Store, threads: u64, halt: Halt) -> Self {
        let start = program.machine().hash();
        Self { program, store, threads, halt, start, coarse: Mutex::new(None), fine: Mutex::new(BTreeMap::new()) }
    }

    fn coarse_and_end(&self) -> Result<(Arc<Commitment>, PackedState), TraceError> {
        let mut known = lock(&self.coarse);
        if let Some(known) = &*known {
            return Ok(known.clone());
        }
        let mut run = CoarseRun::resume(self.program.clone(), self.store.clone())?;
        while let Progress::Running { .. } = run.advance(STRIDES_AT_ONCE)? {
            self.halt.check()?;
        }
        let (commitment, end) = run.finish().ok_or(TraceError::Halted)?;
        Ok(known.insert((Arc::new(commitment), end)).clone())
    }

    /// The machine before a stride; none if it has halted before.
    fn machine_before(&self, stride: u64) -> Result<Machine, TraceError> {
        let (coarse, _) = self.coarse_and_end()?;
        let snapshot = self.store.snapshot(self.start, stride, |index| coarse.leaf(index))?;
        let (mut at, mut machine) = snapshot.unwrap_or_else(|| (0, self.program.machine()));
        while at < stride {
            self.halt.check()?;
            let strides = (stride - at).min(STRIDES_AT_ONCE);
            self.program.run(&mut machine, strides * COARSE_STRIDE)?;
            at += strides;
        }
        let expected = stride.checked_sub(1).map_or(self.start, |last| coarse.leaf(last));
        if machine.hash() == expected { Ok(machine) } else { Err(TraceError::Differs { stride }) }
    }
}

impl Trace for MachineTrace {
    fn start(&self) -> B256 {
        self.start
    }

    fn coarse(&self) -> Result<Arc<Commitment>, TraceError> {
        Ok(self.coarse_and_end()?.0)
    }

    fn last_state(&self) -> Result<PackedState, TraceError> {
        Ok(self.coarse_and_end()?.1)
    }

    fn fine(&self, stride: u64) -> Result<Arc<Commitment>, TraceError> {
        let (coarse, _) = self.coarse_and_end()?;
        let mut known = lock(&self.fine);
        if let Some(commitment) = known.get(&stride) {
            return Ok(commitment.clone());
        }
        let end = coarse.leaf(stride);
        let kept = self
            .store
            .fine(self.start, stride)?
            .filter(|leaves| leaves.len() as u64 <= LEAVES && leaves.last() == Some(&end));
        let leaves = match kept {
            Some(leaves) => leaves,
            None => {
                let leaves = fine::leaves(self.machine_before(stride)?, &self.program, self.threads, &self.halt)?;
                if leaves.last() != Some(&end) {
                    return Err(TraceError::Differs { stride });
                }
                self.store.put_fine(self.start, stride, &leaves)?;
                leaves
            }
        };
        let commitment = Arc::new(Commitment::new(leaves));
        while known.len() >= FINE_KEPT_MAX {
            known.pop_first();
        }
        known.insert(stride, commitment.clone());
        Ok(commitment)
    }

    fn step(&self, stride: u64, step: u64) -> Result<(StepWitness, B256), TraceError> {
        let mut machine = self.machine_before(stride)?;
        self.program.run(&mut machine, step)?;
        witness::of(&mut machine, &mut self.program.clone())
    }
}

/// Every change is one insertion, so that a panic elsewhere leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
