//! The commitment of level 1: one leaf per step of a stride. Hashing is all of its cost, so every core takes a part of the stride.

use std::thread;

use alloy_primitives::B256;
use tandem_vm::{
    Machine,
    commit::{COARSE_STRIDE, next_leaf},
};

use crate::{
    Program,
    trace::{Halt, TraceError},
};

/// Between looks at whether to go on: well below a second.
const STEPS_AT_ONCE: u64 = 1 << 14;

/// The state hashes of the stride that the machine stands before, up to where it halts; at least one.
pub(crate) fn leaves(
    mut machine: Machine,
    program: &Program,
    threads: u64,
    halt: &Halt,
) -> Result<Vec<B256>, TraceError> {
    // A memory that is hashed already costs each part only what it changes.
    machine.hash();
    let part_steps = COARSE_STRIDE.div_ceil(threads.max(1));
    let parts = thread::scope(|scope| {
        let mut parts = Vec::new();
        let mut left = COARSE_STRIDE;
        loop {
            let steps = left.min(part_steps);
            let (mut part, mut oracle) = (machine.clone(), program.clone());
            parts.push(scope.spawn(move || run(&mut part, steps, &mut oracle, halt)));
            left -= steps;
            if left == 0 {
                break;
            }
            program.run(&mut machine, steps)?;
            if machine.exited() {
                break;
            }
            machine.hash();
        }
        Ok::<_, TraceError>(parts.into_iter().map(|part| part.join()).collect::<Vec<_>>())
    })?;
    let mut leaves = Vec::new();
    for part in parts {
        match part {
            Ok(part) => leaves.extend(part?),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
    Ok(leaves)
}

fn run(machine: &mut Machine, steps: u64, oracle: &mut Program, halt: &Halt) -> Result<Vec<B256>, TraceError> {
    let mut leaves = Vec::new();
    for step in 0..steps {
        if step.is_multiple_of(STEPS_AT_ONCE) {
            halt.check()?;
        }
        leaves.push(next_leaf(machine, 1, oracle)?);
        if machine.exited() {
            break;
        }
    }
    Ok(leaves)
}
