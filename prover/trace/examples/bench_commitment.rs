//! What an honest party's part in a dispute takes: time and memory for the commitments of an epoch, for a stride's, and for a witness.
//!
//! One JSON object per line. The epoch spends a share of a batch's gas on ecrecover, the costliest for the machine; time and steps grow with gas, so a
//! full epoch's are these times the share. `-- SHARE` chooses it.

use std::{
    io::{self, Write},
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use tandem_evm::Evm;
use tandem_support::{
    chain::{Memory, TestChain},
    config,
    epochs::{guest, worst},
};
use tandem_trace::{CoarseRun, EpochData, Halt, MachineTrace, Program, Progress, Store, Trace};
use tandem_vm::{Machine, commit::COARSE_STRIDE};

fn main() -> io::Result<()> {
    let share = std::env::args().nth(1).and_then(|share| share.parse().ok()).unwrap_or(60);
    let threads = std::thread::available_parallelism()?.get() as u64;
    let (epoch, before) = (worst::gas(share), TestChain::new(config()).memory.0);
    let data = EpochData {
        previous: TestChain::new(config()).output,
        queue_hash: B256::ZERO,
        batches: epoch.batches().to_vec(),
    };
    let started = Instant::now();
    let (program, _) = Program::prepare(&Evm, Arc::new(guest()), &data, Memory(before)).map_err(io::Error::other)?;
    tell("dispute.native_time", started.elapsed().as_secs_f64(), "s")?;

    let mut machine: Machine = program.machine();
    let started = Instant::now();
    machine.run(u64::MAX, &mut program.clone());
    let plain = started.elapsed();
    let steps = machine.steps();

    let directory = std::env::temp_dir().join(format!("tandem-bench-commitment-{}", std::process::id()));
    let store = Store::new(&directory);
    let started = Instant::now();
    let mut run = CoarseRun::resume(program.clone(), store.clone())?;
    while let Progress::Running { .. } = run.advance(64).map_err(io::Error::other)? {}
    let committed = started.elapsed();
    let per_second = |time: Duration| steps as f64 / time.as_secs_f64();
    tell("dispute.epoch_gas", epoch.gas as f64, "gas")?;
    tell("dispute.epoch_steps", steps as f64, "steps")?;
    tell("dispute.epoch_memory", machine.memory_bytes() as f64, "bytes")?;
    tell("dispute.plain_steps_per_s", per_second(plain), "1/s")?;
    tell("dispute.coarse_steps_per_s", per_second(committed), "1/s")?;
    tell("dispute.coarse_time", committed.as_secs_f64(), "s")?;
    let epoch_time = |gas: f64| committed.as_secs_f64() * gas / epoch.gas as f64;
    tell("dispute.coarse_time_30m_gas", epoch_time(30e6), "s")?;
    tell("dispute.coarse_time_300m_gas", epoch_time(300e6), "s")?;

    let trace = MachineTrace::new(program, store, threads, Halt::default());
    let stride = steps / COARSE_STRIDE / 2;
    let started = Instant::now();
    trace.fine(stride).map_err(io::Error::other)?;
    tell("dispute.fine_time", started.elapsed().as_secs_f64(), "s")?;
    let started = Instant::now();
    let (witness, _) = trace.step(stride, COARSE_STRIDE / 2).map_err(io::Error::other)?;
    tell("dispute.witness_time", started.elapsed().as_secs_f64(), "s")?;
    tell("dispute.witness_size", witness.0.len() as f64, "bytes")?;
    tell("dispute.peak_memory", peak_memory_bytes(), "bytes")?;
    std::fs::remove_dir_all(directory)
}

/// The most memory that this process has had, as Linux tells it; 0 elsewhere.
fn peak_memory_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or_default() * 1024.0
}

fn tell(name: &str, value: f64, unit: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{{\"name\":\"{name}\",\"value\":{value},\"unit\":\"{unit}\"}}")
}
