//! Chunks four times as large: whether an ordinary machine proves them.

use std::{fs, path::Path, time::Instant};

use alloy::primitives::Address;
use ark_bn254::Fr;
use serde_json::Value;
use tandem_circuits::{
    apply::Apply,
    groth16::{DevnetKeys, Prover, ProverConfig},
};
use tandem_payments::{
    batch::{ApplyCircuit, BatchBuilder, BatchLimits, Challenges, Circuits},
    data::Message,
    leaf::Key as LeafKey,
    ledger::Env,
    state::State,
};

use crate::add;

/// The most slots that fit 2^21 constraints.
const SLOTS: usize = 111;
const ENV: Env = Env { operator: Address::repeat_byte(0x0f), timestamp: 1_800_000_000 };

/// Time and memory of an Apply chunk of 2^21 constraints. Nothing but its size is another than the large circuit's.
pub fn measure(target: &Path, figures: &mut Vec<Value>) {
    let circuit = ApplyCircuit { slots: SLOTS, ..ApplyCircuit::LARGE };
    let cache = DevnetKeys::new(31_337, target.join("devnet-keys")).expect("a devnet");
    let prover = Prover::new(ProverConfig { memory_bytes_max: 1 << 34, ..ProverConfig::default() }).expect("threads");
    for (name, circuit) in [("large", ApplyCircuit::LARGE), ("third", circuit)] {
        eprintln!("making or reading the key of {} slots", circuit.slots);
        let started = Instant::now();
        let key = cache.key(&Apply::blank(circuit)).expect("a key");
        let mut figure = |figure: &str, value: f64, unit: &str| {
            add(figures, &format!("validity.{name}.{figure}"), value, unit);
        };
        figure("key_ready_s", started.elapsed().as_secs_f64(), "s");
        figure("constraints", key.shape().constraints() as f64, "constraints");
        figure("key_memory_bytes", key.memory_bytes() as f64, "bytes");
        figure("proof_memory_bytes", key.proof_memory_bytes() as f64, "bytes");
        reset_peak();
        let chunk = full(circuit);
        let started = Instant::now();
        prover.prove(&key, chunk, &mut |_| ()).expect("a proof");
        let seconds = started.elapsed().as_secs_f64();
        figure("proof_s", seconds, "s");
        figure("proof_s_per_slot", seconds / circuit.slots as f64, "s");
        figure("peak_memory_bytes", peak_memory_bytes(), "bytes");
    }
}

/// A chunk whose slots are deposits.
fn full(circuit: ApplyCircuit) -> Apply {
    let circuits = Circuits { apply: [circuit; 2], ..Circuits::STANDARD };
    let limits = BatchLimits::default();
    let key = LeafKey { address: Address::repeat_byte(1), token: Address::ZERO };
    let mut builder = BatchBuilder::with(State::default(), ENV, Fr::from(1u64), 0, circuits, limits);
    for _ in 1..circuit.slots {
        builder.message(&Message::Deposit { key, amount: 1 }).expect("a deposit");
    }
    let (batch, _) = builder.finish();
    let challenges = Challenges { data: Fr::from(3u64), values: Fr::from(5u64) };
    Apply::new(batch.chunks[0].clone(), challenges, [Fr::from(0u64); 3])
}

/// The greatest resident set since the last reset.
fn peak_memory_bytes() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    kilobytes.map_or(0.0, |kilobytes: f64| kilobytes * 1_024.0)
}

fn reset_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}
