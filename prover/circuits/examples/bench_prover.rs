//! `make bench-prover`: how fast chunks are proven on this machine.
//!
//! One JSON object per line, the same in `target/bench/prover.json`. Keys come from `target/devnet-keys` and are made there
//! on the first run. Fails if fewer session transactions are proven per second than [`TX_PER_S_MIN`].

use alloy_primitives::{Address, B256, U256};
use ark_bn254::{Bn254, Fr, G1Projective};
use ark_ec::{CurveGroup, PrimeGroup, VariableBaseMSM};
use ark_ff::{Field, One, PrimeField, UniformRand, Zero};
use ark_groth16::Groth16;
use ark_relations::{
    gr1cs::{ConstraintSynthesizer, ConstraintSystem, ConstraintSystemRef, SynthesisError, SynthesisMode, Variable},
    lc,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, path::PathBuf, process::ExitCode, time::Instant};
use tandem_circuits::{
    any::AnyChunk,
    authorise::session::{Authorisation, SessionChunk},
    circuit::{Chunk, CircuitId},
    groth16::{DevnetKeys, Header, Key, PreparedBatch, Prover, ProverConfig, msm},
};
use tandem_payments::{
    batch::{ApplyCircuit, AuthoriseCircuit, Batch, BatchBuilder, Circuits},
    data::Message,
    eddsa::SecretKey,
    field::integer,
    leaf::Key as LeafKey,
    ledger::Env,
    operation::{Call, Operation},
    state::State,
};

/// Target: session transactions per second on two cores, at least.
const TX_PER_S_MIN: f64 = 2.3;
const PRICE: u64 = 1_000_000_000;
const ENV: Env = Env { operator: Address::repeat_byte(0x0f), timestamp: 1_800_000_000 };

fn main() -> ExitCode {
    let mut figures = Figures::default();
    let prover = Prover::new(ProverConfig::default()).expect("threads");
    let target = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let cache = DevnetKeys::new(31337, target.join("devnet-keys")).expect("a devnet");

    let mut keys = BTreeMap::new();
    for circuit in CircuitId::STANDARD {
        let started = Instant::now();
        let key = load(&cache, circuit);
        figures.add(&format!("prover.key_ready_s.{}", circuit.name()), started.elapsed().as_secs_f64(), "s");
        let bytes = fs::metadata(cache.path(circuit, key.shape())).map_or(0, |file| file.len());
        figures.add(&format!("prover.key_bytes.{}", circuit.name()), bytes as f64, "bytes");
        figures.add(&format!("constraints.{}", circuit.name()), key.shape().constraints() as f64, "constraints");
        keys.insert(circuit, key);
    }
    first_proof(&mut figures, &prover, &cache);
    let tx_per_s = throughput(&mut figures, &prover, &keys);
    per_constraint(&mut figures, &prover, &keys[&CircuitId::SessionLarge]);
    multi_scalar(&mut figures);
    figures.add("prover.memory_bytes_peak", peak_memory_bytes(), "bytes");
    figures.write(&target.join("bench"));
    if tx_per_s < TX_PER_S_MIN {
        eprintln!("{tx_per_s:.2} session transactions per second, at least {TX_PER_S_MIN}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn load(cache: &DevnetKeys, circuit: CircuitId) -> Key {
    cache.key(&AnyChunk::blank(circuit)).expect("a key")
}

/// From files on disk to the proof of the smallest batch.
fn first_proof(figures: &mut Figures, prover: &Prover, cache: &DevnetKeys) {
    let (header, batch, authorisations) = transfers(1);
    let started = Instant::now();
    let circuits = [CircuitId::ApplySmall, CircuitId::SessionSmall];
    let keys: BTreeMap<_, _> = circuits.map(|circuit| (circuit, load(cache, circuit))).into();
    let prepared = PreparedBatch::new(header, &batch, &authorisations, &Circuits::STANDARD).expect("an honest batch");
    prepared.prove(prover, &keys, &mut |_, _| ()).expect("a proof");
    figures.add("prover.first_proof_s", started.elapsed().as_secs_f64(), "s");
}

/// Transfers between existing accounts that fill a large Apply chunk: how many of them are proven per second.
fn throughput(figures: &mut Figures, prover: &Prover, keys: &BTreeMap<CircuitId, Key>) -> f64 {
    let count = ApplyCircuit::LARGE.slots - 1; // the last slot credits the fee
    let (header, batch, authorisations) = transfers(count);
    let (started, cpu) = (Instant::now(), cpu_seconds());
    let prepared = PreparedBatch::new(header, &batch, &authorisations, &Circuits::STANDARD).expect("an honest batch");
    let prepared_s = started.elapsed().as_secs_f64();
    let circuits: Vec<_> = prepared.circuits().map(CircuitId::name).collect();
    let proven = prepared.prove(prover, keys, &mut |_, _| ()).expect("a proof");
    let seconds = started.elapsed().as_secs_f64();
    let slots = authorisations.len() as f64;
    let constraints: usize = proven.proofs.iter().map(|proof| keys[&proof.circuit].shape().constraints()).sum();
    figures.add_with(
        "prover.session_tx_per_s",
        slots / seconds,
        "tx/s",
        json!({ "chunks": circuits, "transfers": count }),
    );
    figures.add("prover.batch_s", seconds, "s");
    // Of these: signatures checked, chunks cut, challenges drawn.
    figures.add("prover.batch_prepared_s", prepared_s, "s");
    // Beside the wall clock, for machines that do other work: what the batch takes of one core, and how many cores it used.
    let cpu = cpu_seconds() - cpu;
    figures.add("prover.batch_cpu_s", cpu, "s");
    figures.add("prover.batch_cores", cpu / seconds, "cores");
    figures.add("constraints.session_transfer.batch", constraints as f64 / slots, "constraints/tx");
    slots / seconds
}

fn transfers(count: usize) -> (Header, Batch, Vec<Authorisation>) {
    let dom = Fr::from(0xbe9cu64);
    let eth = |address| LeafKey { address, token: Address::ZERO };
    let account = |i: usize| Address::repeat_byte(0x10 + i as u8);
    let session = |i: usize| SecretKey::from_seed(B256::repeat_byte(i as u8));
    let mut setup = BatchBuilder::new(State::default(), ENV, dom, 0);
    for i in 0..3 {
        setup.message(&Message::Deposit { key: eth(account(i)), amount: 1 << 80 }).expect("a deposit");
        let key = integer(session(i).public().hash());
        setup.message(&Message::L1Key { account: account(i), key }).expect("a key");
    }
    setup.message(&Message::Deposit { key: eth(ENV.operator), amount: 1 }).expect("a deposit");
    let (_, state) = setup.finish();
    let mut header = Header {
        config_hash: B256::ZERO,
        key_set_hash: B256::ZERO,
        index: 0,
        root_in: state.root(),
        leaf_count_in: state.leaf_count(),
        queue_start: 7,
        queue_hash_start: B256::ZERO,
        queue_end: 7,
        queue_hash_end: B256::ZERO,
        env: U256::ZERO,
        dom,
    };
    header.env = ENV.pack();
    let mut builder = BatchBuilder::new(state, ENV, dom, 7);
    let authorisations = (0..count)
        .map(|n| {
            let (from, to) = (n % 3, (n + 1) % 3);
            let operation = Operation {
                sender: account(from),
                nonce: (n / 3) as u64,
                call: Call::Transfer { recipient: account(to), amount: 1000 },
                gas_limit: 21_000,
                max_fee_per_gas: PRICE,
                expiry: u64::MAX,
            };
            let (key, operation_hash) = (session(from), operation.hash(dom));
            let (key, signature) = (key.public(), key.sign(operation_hash));
            let authorisation = Authorisation { operation_hash, key, signature };
            builder.user(&operation, authorisation.authority().signer(), PRICE).expect("a transfer");
            authorisation
        })
        .collect();
    (header, builder.finish().0, authorisations)
}

/// Time per constraint of a full session chunk beside plain ark-groth16 on a synthetic circuit of the same numbers of
/// constraints and of values that are bits.
fn per_constraint(figures: &mut Figures, prover: &Prover, key: &Key) {
    let (_, _, mut authorisations) = transfers(26);
    authorisations.extend_from_within(..9);
    let chunk = SessionChunk::of(AuthoriseCircuit::SESSION_LARGE, authorisations, Fr::from(5u64)).expect("signatures");
    let constraints = key.shape().constraints();
    let started = Instant::now();
    prover.prove(key, chunk.clone(), &mut |_| ()).expect("a proof");
    let ours = started.elapsed().as_secs_f64() * 1e6 / constraints as f64;

    let bits = share_of_bits(chunk);
    let synthetic = Synthetic { constraints, bits: (bits * constraints as f64) as usize };
    let mut rng = ark_std::test_rng();
    let theirs_key = Groth16::<Bn254>::generate_random_parameters_with_reduction(synthetic, &mut rng).expect("a key");
    let started = Instant::now();
    Groth16::<Bn254>::create_random_proof_with_reduction(synthetic, &theirs_key, &mut rng).expect("a proof");
    let theirs = started.elapsed().as_secs_f64() * 1e6 / constraints as f64;
    figures.add("prover.us_per_constraint", ours, "us");
    figures.add_with("baseline.ark_groth16.us_per_constraint", theirs, "us", json!({ "share_of_bits": bits }));
    figures.add("prover.time_per_constraint_vs_ark_groth16", ours / theirs, "ratio");
}

/// Time of a multi-scalar multiplication in G1 as large as the largest circuit's beside `ark_ec`'s, by the share of scalars that are bits: the best of three runs, in turns.
fn multi_scalar(figures: &mut Figures) {
    let mut rng = ark_std::test_rng();
    let step = G1Projective::generator() * Fr::rand(&mut rng);
    let points: Vec<_> = std::iter::successors(Some(step), |point| Some(*point + step)).take(1 << 19).collect();
    let points = G1Projective::normalize_batch(&points);
    for percent in [0, 60, 85] {
        let value = |i| if i % 100 < percent { Fr::from((i % 2) as u64) } else { Fr::rand(&mut rng) };
        let scalars: Vec<_> = (0..points.len()).map(value).map(Fr::into_bigint).collect();
        let [mut ours, mut theirs] = [f64::INFINITY; 2];
        for _ in 0..3 {
            let (started, sum) = (Instant::now(), msm(&points, &scalars));
            ours = ours.min(started.elapsed().as_secs_f64());
            let (started, expected) = (Instant::now(), G1Projective::msm_bigint(&points, &scalars));
            theirs = theirs.min(started.elapsed().as_secs_f64());
            assert_eq!(sum, expected);
        }
        figures.add(&format!("prover.msm_time_vs_ark_ec.{percent}_percent_bits"), ours / theirs, "ratio");
    }
}

fn share_of_bits(chunk: impl Chunk) -> f64 {
    let cs = ConstraintSystem::new_ref();
    cs.set_mode(SynthesisMode::Prove { construct_matrices: false, generate_lc_assignments: false });
    chunk.generate_constraints(cs.clone()).expect("a circuit");
    let witness = cs.witness_assignment().expect("values");
    witness.iter().filter(|x| x.is_zero() || x.is_one()).count() as f64 / witness.len() as f64
}

/// Booleans, and a chain of squares of full size.
#[derive(Clone, Copy)]
struct Synthetic {
    constraints: usize,
    bits: usize,
}

impl ConstraintSynthesizer<Fr> for Synthetic {
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let mut rng = ark_std::test_rng();
        for _ in 0..self.bits {
            let bit = if Fr::rand(&mut rng) < -Fr::from(2u64).inverse().expect("odd") { Fr::one() } else { Fr::zero() };
            let bit = cs.new_witness_variable(|| Ok(bit))?;
            cs.enforce_r1cs_constraint(|| bit.into(), || lc!() + Variable::One - bit, || lc!())?;
        }
        let mut value = Fr::rand(&mut rng);
        let mut last = cs.new_input_variable(|| Ok(value))?;
        for _ in self.bits..self.constraints {
            value.square_in_place();
            let next = cs.new_witness_variable(|| Ok(value))?;
            cs.enforce_r1cs_constraint(|| last.into(), || last.into(), || next.into())?;
            last = next;
        }
        Ok(())
    }
}

/// Processor time of this process so far, all threads together.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// The most memory this process has had, in bytes.
fn peak_memory_bytes() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) * 1024.0
}

#[derive(Default)]
struct Figures {
    lines: Vec<String>,
}

impl Figures {
    fn add(&mut self, name: &str, value: f64, unit: &str) {
        self.add_with(name, value, unit, json!({}));
    }

    fn add_with(&mut self, name: &str, value: f64, unit: &str, more: Value) {
        let mut line = json!({ "name": name, "value": value, "unit": unit });
        if let (Some(line), Value::Object(more)) = (line.as_object_mut(), more) {
            line.extend(more);
        }
        println!("{line}");
        self.lines.push(line.to_string());
    }

    fn write(&self, directory: &std::path::Path) {
        fs::create_dir_all(directory).expect("target/bench");
        fs::write(directory.join("prover.json"), self.lines.join("\n") + "\n").expect("the figures' file");
    }
}
