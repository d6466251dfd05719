//! Node and guest agree on every batch that the rulebook's own tests apply, on every payload of its vectors, in call data and in blobs, and
//! on payloads of every shape.

mod builder;
mod fees;
mod privileges;
// From where the payload's unit tests are, to which the crate's types are their own.
#[allow(dead_code, reason = "limits, which the payload's own tests need")]
#[path = "../src/payload/tests/samples.rs"]
mod samples;
mod transition;

use std::{fs, path::PathBuf};

use alloy_primitives::hex;
use proptest::prelude::*;
use rand::{Rng, SeedableRng, rngs::StdRng};
use tandem_chain::{DataKind, L1Data, blob};
// Where the samples look for the payload's types.
use tandem_evm::payload;
use tandem_support::{
    chain::{APPLIED, TestChain, deposit},
    config,
    epochs::{Epoch, check},
};

/// Batches of one epoch.
const EPOCH_BATCHES: usize = 24;

/// Runs a scenario of a suite, and then in the machine every batch that it applied.
macro_rules! in_the_machine {
    ($name:expr, $scenario:expr) => {
        APPLIED.take();
        $scenario;
        let applied = APPLIED.take();
        assert!(!applied.is_empty(), "{} applies batches", $name);
        for one in applied {
            let data = match one.batch.header.data_kind {
                DataKind::None => L1Data::None,
                _ => L1Data::Calldata(one.batch.payload.clone()),
            };
            println!("{}, batch {}", $name, one.batch.header.index);
            check(&one.previous, one.previous_queue_hash, one.before, &[(one.batch, data)], &one.output);
        }
    };
}

fn assert_all_run(suite: &str, scenarios: usize) {
    assert_eq!(suite.matches("#[test]").count(), scenarios, "every test of the suite runs here");
}

#[test]
fn batches_of_the_transition_suite() {
    let scenarios: [(&str, fn()); 16] = [
        ("ether", transition::ether_comes_by_deposit_moves_and_pays_fees_to_the_vault),
        ("refunds", transition::ether_of_a_failing_message_goes_to_its_refund_address),
        ("spending", transition::a_message_spends_what_its_sender_has_on_l2),
        ("everything", transition::everything_is_asked_for_whatever_a_censor_includes_first),
        ("not covered", transition::a_message_that_is_not_covered_moves_nothing_but_what_it_brought),
        ("skipped transactions", transition::what_cannot_be_executed_leaves_no_trace),
        ("garbage", transition::garbage_is_an_empty_payload_and_every_message_still_executes),
        ("messages left over", transition::messages_left_over_go_into_extra_blocks),
        ("block times", transition::block_times_are_bounded_by_rule),
        ("work budget", transition::the_work_budget_ends_execution_not_the_chain),
        ("declared work", transition::a_payload_beyond_its_declared_work_is_empty),
        ("headers", transition::headers_chain_and_carry_the_rules),
        ("missing pre-image", transition::a_missing_preimage_is_an_error_and_nothing_else),
        ("blockhash", transition::blockhash_reads_the_history_contract),
        ("fields", transition::a_block_is_what_the_rules_say_field_by_field),
        ("blob base fee", transition::the_blob_base_fee_is_one_whatever_l1s_is),
    ];
    assert_all_run(include_str!("transition.rs"), scenarios.len());
    for (name, scenario) in scenarios {
        in_the_machine!(name, scenario());
    }
}

#[test]
fn batches_of_the_suite_on_privileges() {
    let scenarios: [(&str, fn()); 7] = [
        ("users", privileges::a_user_calls_nothing_privileged),
        ("messages", privileges::a_message_calls_nothing_privileged_unless_it_is_the_bridges),
        ("reserved senders", privileges::a_message_from_a_reserved_address_only_gets_its_ether_back),
        ("signatures", privileges::no_signature_makes_a_reserved_address_or_a_contract_a_sender),
        ("delegations", privileges::delegating_to_a_predeploy_gives_its_code_and_none_of_its_powers),
        ("vault", privileges::the_vault_takes_what_it_is_given_and_gives_it_all_to_l1),
        ("burning", privileges::ether_burns_only_in_a_contract_that_leaves_it_to_itself),
    ];
    assert_all_run(include_str!("privileges.rs"), scenarios.len());
    for (name, scenario) in scenarios {
        in_the_machine!(name, scenario());
    }
}

#[test]
fn batches_of_the_suite_on_fees() {
    let scenarios: [(&str, fn()); 9] = [
        ("send everything", fees::all_of_a_balance_can_be_sent),
        ("a wei too little", fees::a_wei_less_than_gas_limit_times_fee_cap_is_too_little),
        ("data", fees::data_takes_the_gas_that_it_costs_to_post),
        ("full blocks", fees::blocks_full_of_data_stay_within_their_gas),
        ("what code sees", fees::code_sees_the_base_fee_and_what_was_taken_before),
        ("execution", fees::much_execution_does_not_pay_for_the_data_of_others),
        ("keyless", fees::a_keyless_transaction_needs_its_gas_times_its_price),
        ("spike", fees::the_base_fee_climbs_to_a_spike_and_falls_at_once),
        ("refunds", fees::gas_is_refunded_down_to_what_the_data_takes),
    ];
    assert_all_run(include_str!("fees.rs"), scenarios.len() + 2);
    for (name, scenario) in scenarios {
        in_the_machine!(name, scenario());
    }
    proptest!(cases(16), |(case in fees::case())| {
        in_the_machine!("any transaction", fees::one_transaction_pays_what_it_says(&case));
    });
}

#[test]
fn batches_of_the_builder_suite() {
    assert_all_run(include_str!("builder.rs"), 2);
    in_the_machine!("each wish and letter", builder::each_wish_and_letter_does_what_its_name_says());
    proptest!(cases(12), |(batches in builder::batches(), is_tight: bool)| {
        in_the_machine!("random batches", builder::build_post_and_derive_all(&batches, is_tight));
    });
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
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

/// Payloads of every shape, and the same with a few bytes changed; in call data.
#[test]
fn payloads_of_every_shape() {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    let payload = (samples::payload(), any::<bool>(), edits).prop_map(|(payload, compressed, edits)| {
        let encoded = payload::encode(&payload, samples::CHAIN_ID, |_| None).unwrap();
        let mut bytes = if compressed { encoded.compressed(3) } else { encoded.stored() };
        edits.into_iter().for_each(|(at, byte)| *at.get_mut(&mut bytes) = byte);
        (samples::CHAIN_ID, bytes)
    });
    proptest!(cases(4), |(payloads in prop::collection::vec(payload, EPOCH_BATCHES))| {
        run(&payloads, false);
    });
}
