//! State root times: 1,000 changed accounts in a state of 10^5 and of 10^6 accounts, in memory.
//!
//! Every round opens the state at its root with nothing decoded, reads and changes 1,000 accounts
//! drawn at random, and computes the root: what a block costs without any cache. The baseline is
//! alloy-trie's `HashBuilder` over all accounts, which is linear in the state. Fails if the time
//! grows by more than `GROWTH_MAX` from 10^5 to 10^6 accounts (the depth grows by 1.2).
//!
//! Prints JSON lines and writes them to `target/bench/state.json`.

use alloy_primitives::{Address, U256, keccak256};
use alloy_trie::{HashBuilder, Nibbles};
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    time::{Duration, Instant},
};
use tandem_trie::{
    AccountChange, AccountInfo, EMPTY_ROOT_HASH, MemorySource, RecordingSource, StateChanges, StateTrie, TrieAccount,
};

const CHANGED: u64 = 1_000;
const ROUNDS: u64 = 15;
const GROWTH_MAX: f64 = 2.5;

fn main() {
    let mut lines = Vec::new();
    let (small_ms, rebuild_ms) = bench(100_000, "1e5", &mut lines);
    let (large_ms, _) = bench(1_000_000, "1e6", &mut lines);
    let growth = large_ms / small_ms;
    report(&mut lines, "state.root_time_growth_1e5_to_1e6", growth, "ratio");
    report(&mut lines, "state.root_time_vs_rebuild_1e5", small_ms / rebuild_ms, "ratio");

    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/bench");
    fs::create_dir_all(folder).expect("create target/bench");
    let mut file = fs::File::create(format!("{folder}/state.json")).expect("create state.json");
    file.write_all(lines.concat().as_bytes()).expect("write state.json");
    assert!(growth < GROWTH_MAX, "root time must grow with the logarithm of the state: {growth}");
}

fn report(lines: &mut Vec<String>, name: &str, value: f64, unit: &str) {
    let line = format!("{{\"name\":\"{name}\",\"value\":{value:.4},\"unit\":\"{unit}\"}}\n");
    print!("{line}");
    lines.push(line);
}

fn address(i: u64) -> Address {
    Address::from_slice(&keccak256(i.to_be_bytes())[..20])
}

fn change(nonce: u64, balance: u64) -> AccountChange {
    let info = AccountInfo { nonce, balance: U256::from(balance), ..Default::default() };
    AccountChange { info: Some(info), ..Default::default() }
}

/// Builds a state of `accounts` accounts; the median root time and the rebuild time, both in ms.
fn bench(accounts: u64, label: &str, lines: &mut Vec<String>) -> (f64, f64) {
    let mut source = MemorySource::default();
    let mut state = StateTrie::open(EMPTY_ROOT_HASH, MemorySource::default());
    for start in (0..accounts).step_by(50_000) {
        let end = accounts.min(start + 50_000);
        let batch = (start..end).map(|i| (address(i), change(1, i))).collect::<StateChanges>();
        source.extend(state.apply(&batch).expect("all in memory").new_nodes);
    }
    let mut root = state.root();
    drop(state);

    let mut times = Vec::new();
    let mut witness_bytes = 0;
    for round in 0..ROUNDS {
        let changes: StateChanges = (0..CHANGED)
            .map(|i| {
                let random = keccak256((round * CHANGED + i).to_le_bytes());
                let account = random.as_slice().iter().fold(0u64, |n, b| (n << 5) ^ n ^ u64::from(*b));
                (address(account % accounts), change(2 + round, i))
            })
            .collect();
        let started = Instant::now();
        let commit = StateTrie::open(root, &source).apply(&changes).expect("known nodes");
        times.push(started.elapsed());

        let recorder = RecordingSource::new(&source);
        StateTrie::open(root, &recorder).apply(&changes).expect("known nodes");
        witness_bytes = recorder.into_nodes().values().map(|node| node.len()).sum();
        source.extend(commit.new_nodes);
        root = commit.root;
    }
    times.sort();
    let median_ms = ms(times[times.len() / 2]);
    report(lines, &format!("state.root_time_per_1000_accounts_{label}"), median_ms, "ms");
    let witness_kib = witness_bytes as f64 / 1024.0;
    report(lines, &format!("state.witness_per_1000_accounts_{label}"), witness_kib, "KiB");

    let leaves: BTreeMap<_, _> = (0..accounts)
        .map(|i| {
            let (nonce, balance) = (1, U256::from(i));
            let (storage_root, code_hash) = (EMPTY_ROOT_HASH, tandem_trie::KECCAK_EMPTY);
            let leaf = TrieAccount { nonce, balance, storage_root, code_hash };
            (keccak256(address(i)), alloy_rlp::encode(leaf))
        })
        .collect();
    let started = Instant::now();
    let mut builder = HashBuilder::default();
    for (key, leaf) in &leaves {
        builder.add_leaf(Nibbles::unpack(key), leaf);
    }
    std::hint::black_box(builder.root());
    let rebuild_ms = ms(started.elapsed());
    report(lines, &format!("state.rebuild_time_{label}"), rebuild_ms, "ms");
    (median_ms, rebuild_ms)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
