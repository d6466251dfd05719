//! Figures of the machine: one JSON object per line, the same in `target/bench/vm.json`.
//!
//! `cargo run --release -p tandem-vm --example bench` from the root. Speeds are taken on the committed `bench.elf`, beside qemu-user's
//! on the same program; with `-- --worst-cases` also the guest's costliest EVM work; gas comes from the snapshot that `forge test --match-path 'test/vm/*'` writes.

mod guest;

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use anyhow::{Context, ensure};
use tandem_vm::{Commitment, Image, Machine, NoPreimages, OracleKey, commit::COARSE_STRIDE};

const RUNS: usize = 5;

fn main() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let program = root.join("prover/guest/elf/bench.elf");
    let image = Image::from_elf(&fs::read(&program)?)?;
    let machine = Machine::new(&image, OracleKey(B256::ZERO));

    let mut steps = 0;
    let mut exit_code = 0;
    let mut memory_bytes = 0;
    let plain = fastest(|| {
        let mut machine = machine.clone();
        let start = Instant::now();
        machine.run(u64::MAX, &mut NoPreimages);
        let time = start.elapsed();
        (steps, exit_code, memory_bytes) = (machine.steps(), machine.state().exit_code, machine.memory_bytes());
        Ok(time)
    })?;
    let committed = fastest(|| {
        let mut machine = machine.clone();
        let start = Instant::now();
        Commitment::run(&mut machine, COARSE_STRIDE, &mut NoPreimages)?;
        Ok(start.elapsed())
    })?;
    let mut machine = machine;
    machine.run(steps / 2, &mut NoPreimages);
    let start = Instant::now();
    Commitment::run(&mut machine, 1, &mut NoPreimages)?;
    let fine = start.elapsed();
    let qemu = fastest(|| {
        let start = Instant::now();
        let status = Command::new("qemu-riscv64").arg(&program).status().context("qemu-riscv64")?;
        ensure!(status.code() == i32::try_from(exit_code).ok(), "qemu's exit code differs: {status}");
        Ok(start.elapsed())
    })?;

    let per_second = |time: Duration| steps as f64 / time.as_secs_f64();
    let mut figures = vec![
        ("vm.instructions_per_s".to_owned(), per_second(plain), "1/s"),
        ("vm.qemu_user_instructions_per_s".to_owned(), per_second(qemu), "1/s"),
        ("vm.speed_vs_qemu_user".to_owned(), qemu.as_secs_f64() / plain.as_secs_f64(), "ratio"),
        ("vm.commit_overhead".to_owned(), committed.as_secs_f64() / plain.as_secs_f64(), "ratio"),
        ("vm.fine_commitment_time".to_owned(), fine.as_secs_f64(), "s"),
        ("vm.bench_program_steps".to_owned(), steps as f64, "steps"),
        ("vm.bench_program_memory".to_owned(), memory_bytes as f64, "bytes"),
    ];
    let snapshot: BTreeMap<String, String> =
        serde_json::from_str(&fs::read_to_string(root.join("contracts/snapshots/vm.json"))?)?;
    let mut per_gas = guest::traffic();
    // Minutes rather than seconds: what the chain's limits are set by.
    if std::env::args().any(|argument| argument == "--worst-cases") {
        per_gas.extend(guest::worst_cases());
    }
    figures.extend(per_gas.into_iter().map(|(name, steps)| (format!("vm.steps_per_gas.{name}"), steps, "steps/gas")));
    for (name, gas) in snapshot {
        figures.push((format!("vm.{name}"), gas.parse()?, "gas"));
    }
    report(&root.join("target/bench"), &figures)
}

/// The least time of some runs: what else the computer does only adds to it.
fn fastest(mut run: impl FnMut() -> anyhow::Result<Duration>) -> anyhow::Result<Duration> {
    (0..RUNS).map(|_| run()).try_fold(Duration::MAX, |least, time| Ok(least.min(time?)))
}

fn report(directory: &PathBuf, figures: &[(String, f64, &str)]) -> anyhow::Result<()> {
    fs::create_dir_all(directory)?;
    let mut file = fs::File::create(directory.join("vm.json"))?;
    for (name, value, unit) in figures {
        let line = serde_json::json!({ "name": name, "value": value, "unit": unit }).to_string();
        println!("{line}");
        writeln!(file, "{line}")?;
    }
    Ok(())
}
