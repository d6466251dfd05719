//! `make bench-circuits`: constraints per operation, everything included.
//!
//! A chunk's constraints divided by its slots, times the slots that the operation takes: in the large Apply circuit, and for
//! what is signed one slot of the large Authorise circuit. One JSON object per line, the same in `target/bench/circuits.json`.

use ark_bn254::Fr;
use ark_ff::Zero;
use ark_relations::gr1cs::{ConstraintSynthesizer, ConstraintSystem, SynthesisMode};
use serde_json::json;
use std::{fs, path::PathBuf};
use tandem_circuits::apply::Apply;
use tandem_circuits::authorise::session::{LARGE_SLOTS, SessionChunk};
use tandem_payments::batch::ApplyCircuit;

fn main() {
    let apply = constraints(Apply::blank(ApplyCircuit::LARGE));
    let small = constraints(Apply::blank(ApplyCircuit::SMALL));
    let session = constraints(SessionChunk::large(vec![], Fr::zero()).expect("an empty chunk"));
    let apply_slot = apply as f64 / ApplyCircuit::LARGE.slots as f64;
    let session_slot = session as f64 / LARGE_SLOTS as f64;

    let mut lines = Vec::new();
    let mut add = |name: &str, value: f64| {
        let line = json!({ "name": name, "value": value.round(), "unit": "constraints" });
        println!("{line}");
        lines.push(line.to_string());
    };
    add("constraints.apply_large", apply as f64);
    add("constraints.apply_small", small as f64);
    add("constraints.session_large", session as f64);
    add("constraints.apply_slot", apply_slot);
    add("constraints.session_slot", session_slot);
    // (slots of Apply, signatures)
    for (name, slots, signatures) in [
        ("session_transfer", 1, 1),
        ("session_transfer_new_account", 2, 1),
        ("session_token_transfer", 2, 1),
        ("session_token_transfer_new_account", 3, 1),
        ("session_withdrawal", 1, 1),
        ("deposit", 1, 0),
        ("deposit_new_account", 2, 0),
        ("forced_withdrawal", 1, 0),
    ] {
        let value = f64::from(slots) * apply_slot + f64::from(signatures) * session_slot;
        add(&format!("constraints.{name}"), value);
    }
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
    fs::create_dir_all(&directory).expect("target/bench");
    fs::write(directory.join("circuits.json"), lines.join("\n") + "\n").expect("the figures' file");
}

/// How many constraints a circuit has.
fn constraints(circuit: impl ConstraintSynthesizer<Fr>) -> usize {
    let cs = ConstraintSystem::new_ref();
    cs.set_mode(SynthesisMode::Prove { construct_matrices: false, generate_lc_assignments: false });
    circuit.generate_constraints(cs.clone()).expect("a blank circuit");
    cs.num_constraints()
}
