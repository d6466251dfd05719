//! Writes `tests/vectors/payments/transcript.json`, which the contracts read: headers and segments, and the challenges drawn from
//! them. `TANDEM_WRITE_VECTORS=1` writes the file; otherwise it must be what is written. (What chunks and proofs add is in `batch.json`.)

use alloy_primitives::{B256, U256, hex, keccak256};
use ark_bn254::Fr;
use serde_json::{Value, json};
use std::{fs, path::PathBuf};
use tandem_circuits::groth16::{Header, Segment, Transcript};
use tandem_payments::field::{fr, integer};

fn word(case: u8, field: &str) -> B256 {
    keccak256([&[case], field.as_bytes()].concat())
}

fn word_text(element: Fr) -> String {
    B256::from(integer(element)).to_string()
}

fn u64_of(hash: B256) -> u64 {
    u64::from_be_bytes(core::array::from_fn(|i| hash[i]))
}

fn describe(header: &Header, segments: [Vec<u8>; 3], counts: [usize; 2]) -> Value {
    let posted = segments.each_ref().map(|bytes| Segment::of(bytes));
    let t1 = Transcript::new(header, &posted, counts[0], counts[1]).chunks(&[], &[]);
    let words = [
        U256::from_be_bytes(header.config_hash.0),
        U256::from(header.index),
        integer(header.root_in),
        U256::from(header.leaf_count_in),
        U256::from(header.queue_start),
        U256::from_be_bytes(header.queue_hash_start.0),
        U256::from(header.queue_end),
        U256::from_be_bytes(header.queue_hash_end.0),
        header.env,
        integer(header.dom),
    ];
    json!({
        "header": hex::encode_prefixed(words.map(|word| word.to_be_bytes::<32>()).concat()),
        "keySetHash": header.key_set_hash.to_string(),
        "segments": segments.map(hex::encode_prefixed),
        "applyCount": counts[0],
        "authoriseCount": counts[1],
        "z": word_text(t1.z()),
        "zJoin": word_text(t1.z_join()),
    })
}

fn cases() -> Vec<Value> {
    let drawn = (0..6u8).map(|case| {
        let number = |field| u64_of(word(case, field));
        let header = Header {
            config_hash: word(case, "config"),
            key_set_hash: word(case, "keys"),
            index: number("index"),
            root_in: fr(word(case, "root").into()),
            leaf_count_in: number("leaves") >> 24,
            queue_start: number("start"),
            queue_hash_start: word(case, "hash start"),
            queue_end: number("end"),
            queue_hash_end: word(case, "hash end"),
            env: U256::from_be_bytes(word(case, "env").0) >> 32,
            dom: fr(U256::from_be_bytes(word(case, "dom").0) >> 8),
        };
        let segment =
            |name: &str, elements: u8| word(case, name).repeat(elements.into())[..31 * usize::from(elements)].to_vec();
        let segments =
            [segment("effects", case), segment("withdrawals", 2 * (case / 2)), segment("messages", 2 * (case / 3))];
        describe(&header, segments, [1 + usize::from(case), 300 * usize::from(case)])
    });
    let zero = Header {
        config_hash: B256::ZERO,
        key_set_hash: B256::ZERO,
        index: 0,
        root_in: Fr::from(0u64),
        leaf_count_in: 0,
        queue_start: 0,
        queue_hash_start: B256::ZERO,
        queue_end: 0,
        queue_hash_end: B256::ZERO,
        env: U256::ZERO,
        dom: Fr::from(0u64),
    };
    drawn.chain([describe(&zero, [vec![], vec![], vec![]], [0, 0])]).collect()
}

#[test]
fn the_transcript_vectors_are_what_is_committed() {
    let rendered = serde_json::to_string_pretty(&json!({ "cases": cases() })).unwrap() + "\n";
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/payments/transcript.json");
    if std::env::var_os("TANDEM_WRITE_VECTORS").is_some() {
        fs::write(&path, &rendered).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == rendered, "TANDEM_WRITE_VECTORS=1 cargo test -p tandem-circuits --test transcript_vectors");
}
