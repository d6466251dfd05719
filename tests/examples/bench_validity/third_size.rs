//! The huge circuits, whose chunks are four times as large: whether an ordinary machine proves them, and what they save on L1.

use std::{fs, path::Path, time::Instant};

use alloy::primitives::Address;
use ark_bn254::Fr;
use serde_json::Value;
use tandem_circuits::{
    apply::Apply,
    groth16::{DevnetKeys, Prover, ProverConfig},
};
use tandem_payments::{
    batch::{ApplyCircuit, AuthoriseCircuit, BatchBuilder, BatchLimits, Challenges, Circuits},
    data::Message,
    leaf::Key as LeafKey,
    ledger::Env,
    state::State,
};

use tandem_tests::payments::Proving;

use crate::{add, post, with_accounts};

/// The circuits of a chain with huge ones.
const CIRCUITS: Circuits = Circuits {
    apply: [ApplyCircuit::LARGE, ApplyCircuit::HUGE],
    session: Some([AuthoriseCircuit::SESSION_LARGE, AuthoriseCircuit::SESSION_HUGE]),
    ..Circuits::STANDARD
};
/// Transfers that fill one huge Apply chunk, and five, with the four huge chunks of their signatures: the last slot credits the fee, and two of the first batch make the
/// operator's leaf.
const TRANSFERS: [usize; 2] = [109, 559];
const ENV: Env = Env { operator: Address::repeat_byte(0x0f), timestamp: 1_800_000_000 };

/// Measures the huge circuits: their proofs alone, and batches of them on L1.
pub async fn measure(target: &Path, figures: &mut Vec<Value>) {
    alone(target, figures);
    on_l1(target, figures).await;
}

/// Batches of full chunks on L1, as [`post`] measures them.
async fn on_l1(target: &Path, figures: &mut Vec<Value>) {
    let proving: &'static Proving = Box::leak(Box::new(Proving::new(CIRCUITS, target.join("devnet-keys"))));
    reset_peak();
    let mut chain = with_accounts(proving, |_| ()).await;
    let mut posted = Vec::new();
    for transfers in TRANSFERS {
        eprintln!("proving {transfers} transfers");
        posted.push(post(&mut chain, transfers).await);
    }
    let [small, large] = posted.as_slice() else { unreachable!("as many as there are sizes") };
    large.add_per_transfer(figures, "validity.huge.l1_gas_per_transfer");
    large.beyond(small).add_per_transfer(figures, "validity.huge.l1_gas_per_transfer.at_full_chunks");
    add(figures, "validity.huge.batch_gas", large.gas, "gas");
    add(figures, "validity.huge.batch_gas_bound", large.gas_bound, "gas");
    add(figures, "validity.huge.batch_proofs", large.chunks as f64, "proofs");
    add(figures, "validity.huge.batch_proven_s", large.seconds, "s");
    add(figures, "validity.huge.peak_memory_bytes", peak_memory_bytes("self"), "bytes");
}

/// Time and memory of an Apply chunk of 2^21 constraints. Nothing but its size is another than the large circuit's.
fn alone(target: &Path, figures: &mut Vec<Value>) {
    let cache = DevnetKeys::new(31_337, target.join("devnet-keys")).expect("a devnet");
    let prover = Prover::new(ProverConfig { memory_bytes_max: 1 << 34, ..ProverConfig::default() }).expect("threads");
    for (name, circuit) in [("large", ApplyCircuit::LARGE), ("huge", ApplyCircuit::HUGE)] {
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
        figure("peak_memory_bytes", peak_memory_bytes("self"), "bytes");
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

/// The greatest resident set of a process, by its number or `self`, since the last reset.
pub fn peak_memory_bytes(process: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let kilobytes =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    kilobytes.map_or(0.0, |kilobytes: f64| kilobytes * 1_024.0)
}

fn reset_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}
