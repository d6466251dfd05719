//! Node and guest agree on every batch that the rulebook's own tests apply, and on every payload of its vectors, in call data and in blobs.
#![allow(clippy::duplicate_mod, reason = "the suite brings its own copy of what epochs are made with")]

mod epochs;
#[path = "../../evm/tests/transition.rs"]
mod transition;

use std::{fs, path::PathBuf};

use alloy_primitives::hex;
use epochs::{
    Epoch,
    chain::{TestChain, config, deposit},
    check,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tandem_chain::{DataKind, L1Data, blob};
use transition::common::APPLIED;

/// Batches of one epoch.
const EPOCH_BATCHES: usize = 24;

#[test]
fn batches_of_the_transition_suite() {
    let scenarios: [(&str, fn()); 11] = [
        ("ether", transition::ether_comes_by_deposit_moves_and_pays_fees_to_the_vault),
        ("refunds", transition::ether_of_a_failing_message_goes_to_its_refund_address),
        ("skipped transactions", transition::what_cannot_be_executed_leaves_no_trace),
        ("data fee", transition::a_sender_without_ether_for_the_data_fee_is_skipped),
        ("garbage", transition::garbage_is_an_empty_payload_and_every_message_still_executes),
        ("messages left over", transition::messages_left_over_go_into_extra_blocks),
        ("block times", transition::block_times_are_bounded_by_rule),
        ("work budget", transition::the_work_budget_ends_execution_not_the_chain),
        ("headers", transition::headers_chain_and_carry_the_rules),
        ("missing pre-image", transition::a_missing_preimage_is_an_error_and_nothing_else),
        ("blockhash", transition::blockhash_reads_the_history_contract),
    ];
    let tests = include_str!("../../evm/tests/transition.rs").matches("#[test]").count();
    assert_eq!(tests, scenarios.len(), "every test of the suite runs here");
    for (name, scenario) in scenarios {
        APPLIED.take();
        scenario();
        let applied = APPLIED.take();
        assert!(!applied.is_empty(), "{name} applies batches");
        for one in applied {
            let data = match one.batch.header.data_kind {
                DataKind::None => L1Data::None,
                _ => L1Data::Calldata(one.batch.payload.clone()),
            };
            println!("{name}, batch {}", one.batch.header.index);
            check(&one.previous, one.previous_queue_hash, one.before, &[(one.batch, data)], &one.output);
        }
    }
}

/// The payloads of a file, with the chain that they are for.
fn vectors(name: &str) -> Vec<(u64, Vec<u8>)> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../tests/vectors/payload", name].iter().collect();
    let cases: Vec<serde_json::Value> = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let case = |case: &serde_json::Value| {
        (case["chain_id"].as_u64().unwrap(), hex::decode(case["posted"].as_str().unwrap()).unwrap())
    };
    cases.iter().map(case).collect()
}

/// Each payload as a batch, in call data or in blobs, with a message now and then.
fn run(payloads: &[(u64, Vec<u8>)], in_blobs: bool) {
    assert!(!payloads.is_empty());
    for payloads in payloads.chunks(EPOCH_BATCHES) {
        let chain_id = payloads[0].0;
        let mut epoch = Epoch::after(TestChain::new(tandem_chain::ChainConfig { l2_chain_id: chain_id, ..config() }));
        for (number, (id, payload)) in (0..).zip(payloads) {
            assert_eq!(*id, chain_id, "all are for one chain");
            let messages =
                if number % 5 == 0 { vec![deposit(alloy_primitives::Address::repeat_byte(number), 7)] } else { vec![] };
            if in_blobs {
                epoch.blobs(messages, payload.clone(), blob::pack(payload));
            } else {
                epoch.calldata(messages, payload.clone());
            }
        }
        epoch.check();
    }
}

#[test]
fn payload_vectors_in_call_data() {
    run(&vectors("valid.json"), false);
    run(&vectors("invalid.json"), false);
}

/// Blobs take millions of steps each, so a part.
#[test]
fn payload_vectors_in_blobs() {
    let part = |name| vectors(name).into_iter().step_by(4).collect::<Vec<_>>();
    run(&part("valid.json"), true);
    run(&part("invalid.json"), true);
}

/// Valid payloads with bits changed, bytes cut off, put in, doubled or put together.
#[test]
fn mutated_payloads() {
    let mut rng = StdRng::seed_from_u64(21);
    let sources = vectors("valid.json");
    let mut mutated = Vec::new();
    for _ in 0..96 {
        let (id, mut payload) = sources[rng.random_range(0..sources.len())].clone();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..payload.len().max(1));
            match rng.random_range(0..5) {
                0..2 if !payload.is_empty() => payload[at] ^= 1 << rng.random_range(0..8),
                2 => payload.truncate(at),
                3 => payload.insert(at.min(payload.len()), rng.random()),
                _ => payload.extend(sources[rng.random_range(0..sources.len())].1.clone()),
            }
        }
        mutated.push((id, payload));
    }
    run(&mutated, false);
}
