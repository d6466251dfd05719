//! The worst batches that the limits allow, in the machine, with the committed guest: their steps and memory, one JSON object per line,
//! the same in `target/bench/worst-vm.json`. Natively the same output, or it ends with an error.
//!
//! `cargo run --release -p tandem-vm --example worst` (or `make worst-vm`) takes an hour of one core and 12 GB of memory. Arguments choose cases by name; a number
//! among them takes that share of the gas and bytes, as in `16 gas`.

use std::{fs, io::Write, path::Path, time::Instant};

use anyhow::ensure;
use rand::{RngCore, SeedableRng, rngs::StdRng};
use tandem_chain::{blob, epoch::limits::EPOCH_STEPS_MAX};
use tandem_support::epochs::{Epoch, worst};

/// Bytes that the guest's program, heap and stack have between them.
const MEMORY_BYTES_MAX: usize = 0xf000_0000;

/// A name, and what makes the epoch.
type Case = (&'static str, Box<dyn Fn() -> Epoch>);

fn main() -> anyhow::Result<()> {
    let (shares, chosen): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.parse::<u64>().is_ok());
    let share = shares.first().map_or(Ok(1), |share| share.parse::<u64>())?;
    let mut noise = vec![0; (blob::capacity_bytes(6) - 2_000) / usize::try_from(share)?];
    StdRng::seed_from_u64(6).fill_bytes(&mut noise);
    let cases: [Case; 15] = [
        ("blocks", Box::new(move || worst::blocks(share))),
        ("message_count", Box::new(move || worst::message_count(share))),
        ("message_bytes", Box::new(move || worst::message_bytes(share))),
        ("payload_bytes", Box::new(move || worst::payload_bytes(&noise, share as usize))),
        ("compression_tables", Box::new(move || worst::compression_tables(share as usize))),
        ("table", Box::new(move || worst::table(share))),
        ("memory", Box::new(move || worst::memory(share))),
        ("transient", Box::new(move || worst::transient(share))),
        ("logs", Box::new(move || worst::logs(share))),
        ("slots", Box::new(move || worst::slots(share))),
        ("stores", Box::new(move || worst::stores(share))),
        ("codes", Box::new(move || worst::codes(share))),
        ("called_codes", Box::new(move || worst::called_codes(share))),
        ("code_lengths", Box::new(move || worst::code_lengths(share))),
        ("gas", Box::new(move || worst::gas(share))),
    ];
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
    fs::create_dir_all(&directory)?;
    let mut file = fs::File::create(directory.join("worst-vm.json"))?;
    for (name, epoch) in cases {
        if !chosen.is_empty() && !chosen.iter().any(|choice| choice == name) {
            continue;
        }
        let epoch = epoch();
        let start = Instant::now();
        let run = epoch.check();
        let (steps, memory) = (run.machine.steps(), run.machine.memory_bytes());
        for (figure, value, unit) in [
            ("steps", steps as f64, "steps"),
            ("share_of_steps", steps as f64 / EPOCH_STEPS_MAX as f64, "ratio"),
            ("gas", run.gas as f64, "gas"),
            ("steps_per_gas", steps as f64 / run.gas.max(1) as f64, "steps/gas"),
            ("memory", memory as f64, "bytes"),
            ("share_of_memory", memory as f64 / MEMORY_BYTES_MAX as f64, "ratio"),
            ("time", start.elapsed().as_secs_f64(), "s"),
        ] {
            let line = serde_json::json!({ "name": format!("vm.worst.{name}.{figure}"), "value": value, "unit": unit });
            println!("{line}");
            writeln!(file, "{line}")?;
        }
        ensure!(steps <= EPOCH_STEPS_MAX && memory <= MEMORY_BYTES_MAX, "{name} is past the machine's limits");
    }
    Ok(())
}
