//! A batch proven for real, written to `tests/vectors/payments/batch.json` for the contracts.
//!
//! Everything in it is deterministic: regenerating changes nothing. `TANDEM_WRITE_VECTORS=1` writes the file.

use alloy_primitives::{Address, B256, U256, hex, keccak256};
use alloy_sol_types::SolValue;
use ark_bn254::Fr;
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::PathBuf};
use tandem_circuits::{
    apply::Apply,
    authorise::session::{Authorisation, SessionChunk},
    circuit::CircuitId,
    groth16::{
        ApplyTurn, AuthoriseTurn, Calldata, DevnetKeys, Header, Key, PreparedBatch, ProvenBatch, Prover, ProverConfig,
        Segment, Transcript, key_set_hash, key_words, render_key_library, verify_batch,
    },
};
use tandem_payments::{
    batch::{ApplyCircuit, Batch, BatchBuilder, BatchLimits, Challenges, Circuits},
    data::{self, Message},
    eddsa::SecretKey,
    field::integer,
    leaf::Key as LeafKey,
    ledger::Env,
    operation::{Call, Operation},
    state::State,
};

const ETHER: u128 = 1_000_000_000_000_000_000;
const PRICE: u64 = 1_000_000_000;
const ENV: Env = Env { operator: Address::repeat_byte(0x0f), timestamp: 1_800_000_000 };
const TOKEN: Address = Address::repeat_byte(0x70);

fn account(i: u8) -> Address {
    Address::repeat_byte(i)
}

fn session_key(i: u8) -> SecretKey {
    SecretKey::from_seed(B256::repeat_byte(i))
}

fn dom() -> Fr {
    Fr::from(0xd0d0u64)
}

fn eth(account: Address) -> LeafKey {
    LeafKey { address: account, token: Address::ZERO }
}

fn builder(state: State, message_index: u64) -> BatchBuilder {
    let circuits = Circuits { apply: [ApplyCircuit::SMALL; 2], ..Circuits::STANDARD };
    BatchBuilder::with(state, ENV, dom(), message_index, circuits, BatchLimits::default())
}

/// Accounts 1 and 2 with ETH, a token and a session key; the operator.
fn funded() -> State {
    let mut builder = builder(State::default(), 0);
    for i in 1..=2 {
        builder.message(&Message::Deposit { key: eth(account(i)), amount: 10 * ETHER }).unwrap();
        let token = LeafKey { address: account(i), token: TOKEN };
        builder.message(&Message::Deposit { key: token, amount: 5000 }).unwrap();
        let key = integer(session_key(i).public().hash());
        builder.message(&Message::L1Key { account: account(i), key }).unwrap();
    }
    builder.message(&Message::Deposit { key: eth(ENV.operator), amount: 1 }).unwrap();
    builder.finish().1
}

/// Two small chunks: a deposit, a transfer, a token transfer, two withdrawals, a transfer to a new account, the fee.
fn batch(state: State) -> (Batch, Vec<Authorisation>) {
    let mut builder = builder(state, 7);
    let mut authorisations = Vec::new();
    builder.message(&Message::Deposit { key: eth(account(2)), amount: ETHER }).unwrap();
    let (recipient, token) = (account(2), TOKEN);
    for (i, call) in [
        (1, Call::Transfer { recipient, amount: ETHER }),
        (1, Call::TokenTransfer { token, recipient, amount: 77 }),
        (2, Call::WithdrawEth { recipient: account(0xaa), amount: 3 * ETHER }),
        (2, Call::WithdrawToken { token, recipient: account(0xaa), amount: 5077 }),
        (1, Call::Transfer { recipient: account(9), amount: 1 }),
    ] {
        let nonce = builder.ledger().state().get(eth(account(i))).unwrap().nonce;
        let operation = Operation {
            sender: account(i),
            nonce,
            call,
            gas_limit: 100_000,
            max_fee_per_gas: 2 * PRICE,
            expiry: ENV.timestamp,
        };
        let key = session_key(i);
        let operation_hash = operation.hash(dom());
        let signature = key.sign_checked(operation_hash).unwrap();
        let authorisation = Authorisation { operation_hash, key: key.public(), signature };
        builder.user(&operation, authorisation.authority().signer(), PRICE).unwrap();
        authorisations.push(authorisation);
    }
    // Authorise chunks may come in any order.
    authorisations.reverse();
    (builder.finish().0, authorisations)
}

fn header(state: &State, batch: &Batch, keys: &BTreeMap<CircuitId, Key>) -> Header {
    let verifying = keys.iter().map(|(circuit, key)| (*circuit, key.verifying().clone())).collect();
    let counts = batch.chunks[0].counts_in;
    Header {
        config_hash: keccak256("configuration"),
        key_set_hash: key_set_hash(&verifying),
        index: 4,
        root_in: state.root(),
        leaf_count_in: counts.leaf_count,
        queue_start: counts.message_index,
        queue_hash_start: keccak256("queue before"),
        queue_end: counts.message_index + batch.messages.len() as u64 / 2,
        queue_hash_end: keccak256("queue after"),
        env: ENV.pack(),
        dom: dom(),
    }
}

fn keys() -> BTreeMap<CircuitId, Key> {
    let cache = DevnetKeys::new(31337, PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("keys")).unwrap();
    let apply = cache.key(&Apply::blank(ApplyCircuit::SMALL)).unwrap();
    let session = cache.key(&SessionChunk::small(vec![], Fr::from(0u64)).unwrap()).unwrap();
    [apply, session].into_iter().map(|key| (key.circuit(), key)).collect()
}

fn encode(words: impl IntoIterator<Item = U256>) -> String {
    hex::encode_prefixed(words.into_iter().flat_map(|word| word.to_be_bytes::<32>()).collect::<Vec<_>>())
}

fn describe(proven: &ProvenBatch, keys: &BTreeMap<CircuitId, Key>, root_out: Fr, leaf_count_out: u64) -> Value {
    let header = proven.header;
    let t0 = Transcript::new(
        &header,
        &proven.segments.each_ref().map(|bytes| Segment::of(bytes)),
        proven.apply.len(),
        proven.authorise.len(),
    );
    let t1 = t0.chunks(&proven.apply, &proven.authorise);
    let t2 = t1.proofs(&proven.proofs);
    let coefficients = (0..proven.proofs.len()).map(|i| integer(t2.coefficient(i).unwrap()));
    let Calldata { env, segments, applied, authorised } = proven.calldata();
    assert_eq!((env.timestamp, env.operator), (ENV.timestamp, ENV.operator));
    let word = |hash: B256| U256::from_be_bytes(hash.0);
    let header_words = [
        word(header.config_hash),
        U256::from(header.index),
        integer(header.root_in),
        U256::from(header.leaf_count_in),
        U256::from(header.queue_start),
        word(header.queue_hash_start),
        U256::from(header.queue_end),
        word(header.queue_hash_end),
        header.env,
        integer(header.dom),
    ];
    serde_json::json!({
        "keys": encode(keys.iter().flat_map(|(circuit, key)| key_words(*circuit, key.verifying()))),
        "keySetHash": header.key_set_hash.to_string(),
        "header": encode(header_words),
        "segments": segments.map(hex::encode_prefixed),
        "apply": hex::encode_prefixed(applied.abi_encode()),
        "authorise": hex::encode_prefixed(authorised.abi_encode()),
        "z": encode([integer(t1.z())]),
        "zJoin": encode([integer(t1.z_join())]),
        "coefficients": encode(coefficients),
        "rootOut": encode([integer(root_out)]),
        "leafCountOut": leaf_count_out,
    })
}

#[test]
fn the_batch_fixture_is_what_the_prover_makes() {
    let prover = Prover::new(ProverConfig::default()).unwrap();
    let keys = keys();
    let state = funded();
    let (batch, authorisations) = batch(state.clone());
    let header = header(&state, &batch, &keys);
    let prepared = PreparedBatch::new(header, &batch, &authorisations, &Circuits::STANDARD).unwrap();
    let mut stages = 0;
    let proven = prepared.prove(&prover, &keys, &mut |_, _| stages += 1).unwrap();
    assert_eq!((proven.apply.len(), proven.authorise.len(), stages), (2, 1, 18));

    let verifying: BTreeMap<_, _> = keys.iter().map(|(circuit, key)| (*circuit, key.verifying().clone())).collect();
    let segments = proven.segments.each_ref().map(|bytes| Segment::of(bytes));
    let t1 = Transcript::new(&header, &segments, 2, 1).chunks(&proven.apply, &proven.authorise);
    verify_batch(&verifying, &proven.proofs, &t1.proofs(&proven.proofs)).unwrap();

    let last = batch.chunks.last().unwrap();
    let root_out = last.inputs_before()[1];
    let json = describe(&proven, &keys, root_out, last.counts_out.leaf_count);
    assert_committed("tests/vectors/payments/batch.json", &(serde_json::to_string_pretty(&json).unwrap() + "\n"));
    assert_committed("contracts/test/payments/FixtureKeys.sol", &render_key_library("FixtureKeys", &verifying));
}

/// What a malicious prover changes of a batch, everything else redrawn and proven anew: each proof holds.
struct Attack {
    name: &'static str,
    batch: fn(State) -> (Batch, Vec<Authorisation>),
    header: fn(&mut Header),
    segments: fn(&mut [Vec<u8>; 3]),
    authorisations: fn(&mut Vec<Authorisation>),
}

const ATTACKS: [Attack; 6] = [
    Attack {
        name: "other data than proven",
        batch: short_batch,
        header: |_| (),
        segments: |segments| segments[0][20] ^= 1,
        authorisations: |_| (),
    },
    Attack {
        name: "an element of zero before the data",
        batch: short_batch,
        header: |_| (),
        segments: |segments| drop(segments[1].splice(0..0, [0; 31])),
        authorisations: |_| (),
    },
    Attack {
        name: "a message claimed and not applied",
        batch: short_batch,
        header: |header| header.queue_end += 1,
        segments: |_| (),
        authorisations: |_| (),
    },
    Attack {
        name: "another operation authorised",
        batch: short_batch,
        header: |_| (),
        segments: |_| (),
        authorisations: |given| {
            let operation_hash = given[0].operation_hash + Fr::from(1u64);
            let key = session_key(1);
            given[0] = Authorisation { operation_hash, key: key.public(), signature: key.sign(operation_hash) };
        },
    },
    Attack {
        name: "fees that nobody was credited",
        batch: unsettled_batch,
        header: |_| (),
        segments: |_| (),
        authorisations: |_| (),
    },
    Attack {
        name: "a message of zeros before the messages",
        batch: short_batch,
        header: |_| (),
        segments: |segments| drop(segments[2].splice(0..0, [0; 62])),
        authorisations: |_| (),
    },
];

/// One small chunk: a deposit, a withdrawal, the fee.
fn short_batch(state: State) -> (Batch, Vec<Authorisation>) {
    batch_of(state, 1)
}

/// A chunk that deposits and a withdrawal fill, without the one after it, which credits the fee.
fn unsettled_batch(state: State) -> (Batch, Vec<Authorisation>) {
    let (mut batch, authorisations) = batch_of(state, ApplyCircuit::SMALL.slots - 1);
    assert_eq!(batch.chunks.len(), 2);
    batch.chunks.pop();
    batch.effects.pop();
    (batch, authorisations)
}

fn batch_of(state: State, deposits: usize) -> (Batch, Vec<Authorisation>) {
    let mut builder = builder(state, 7);
    for _ in 0..deposits {
        builder.message(&Message::Deposit { key: eth(account(2)), amount: ETHER }).unwrap();
    }
    let operation = Operation {
        sender: account(1),
        nonce: 0,
        call: Call::WithdrawEth { recipient: account(0xaa), amount: ETHER },
        gas_limit: 100_000,
        max_fee_per_gas: PRICE,
        expiry: u64::MAX,
    };
    let (key, operation_hash) = (session_key(1), operation.hash(dom()));
    let signature = key.sign(operation_hash);
    let authorisation = Authorisation { operation_hash, key: key.public(), signature };
    builder.user(&operation, authorisation.authority().signer(), PRICE).unwrap();
    (builder.finish().0, vec![authorisation])
}

/// Proves a batch as the attack has it; what `PreparedBatch` would refuse to do.
fn attack(attack: &Attack, prover: &Prover, keys: &BTreeMap<CircuitId, Key>) -> ProvenBatch {
    let state = funded();
    let (batch, mut authorisations) = (attack.batch)(state.clone());
    let mut header = header(&state, &batch, keys);
    let mut segments = [&batch.effects, &batch.withdrawals, &batch.messages].map(|elements| data::bytes(elements));
    (attack.header)(&mut header);
    (attack.segments)(&mut segments);
    (attack.authorisations)(&mut authorisations);

    let [chunk] = batch.chunks.as_slice() else { panic!("one chunk") };
    let [_, root_out, _, counts_out, _, fee_out, data_digest, value_digest, _, _] = chunk.inputs_before();
    let circuit = CircuitId::ApplySmall;
    let apply = vec![ApplyTurn { circuit, root_out, counts_out, fee_out, data_digest, value_digest }];
    let session = SessionChunk::small(authorisations, Fr::from(0u64)).unwrap();
    let authorise = vec![AuthoriseTurn { circuit: CircuitId::SessionSmall, value_digest: session.value_digest() }];
    let posted = segments.each_ref().map(|bytes| Segment::of(bytes));
    let t1 = Transcript::new(&header, &posted, 1, 1).chunks(&apply, &authorise);
    let challenges = Challenges { data: t1.z(), values: t1.z_join() };
    let applied = Apply::new(chunk.clone(), challenges, [Fr::from(0u64); 3]);
    let proofs = vec![
        prover.prove(&keys[&circuit], applied, &mut |_| ()).unwrap(),
        prover.prove(&keys[&CircuitId::SessionSmall], session.with_challenge(t1.z_join()), &mut |_| ()).unwrap(),
    ];
    ProvenBatch { header, segments, apply, authorise, proofs }
}

/// Batches whose proofs all hold and which L1 must refuse for what they are together.
#[test]
fn the_attack_fixtures_are_what_a_malicious_prover_makes() {
    let prover = Prover::new(ProverConfig::default()).unwrap();
    let keys = keys();
    let verifying: BTreeMap<_, _> = keys.iter().map(|(circuit, key)| (*circuit, key.verifying().clone())).collect();
    let honest = Attack { name: "none", batch: short_batch, header: |_| (), segments: |_| (), authorisations: |_| () };
    for (i, given) in [&honest].into_iter().chain(&ATTACKS).enumerate() {
        let proven = attack(given, &prover, &keys);
        let segments = proven.segments.each_ref().map(|bytes| Segment::of(bytes));
        let t1 = Transcript::new(&proven.header, &segments, 1, 1).chunks(&proven.apply, &proven.authorise);
        verify_batch(&verifying, &proven.proofs, &t1.proofs(&proven.proofs)).unwrap();
        let mut json = describe(&proven, &keys, proven.apply[0].root_out, 0);
        json["attack"] = given.name.into();
        let rendered = serde_json::to_string_pretty(&json).unwrap() + "\n";
        assert_committed(&format!("tests/vectors/payments/attack-{i}.json"), &rendered);
    }
}

fn assert_committed(path: &str, rendered: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if std::env::var_os("TANDEM_WRITE_VECTORS").is_some() {
        fs::write(&path, rendered).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == rendered,
        "the circuits changed: TANDEM_WRITE_VECTORS=1 cargo test -p tandem-circuits --test l1_fixture"
    );
}

#[test]
fn signatures_that_are_not_the_batchs_are_refused_before_anything_is_proven() {
    let (batch, authorisations) = batch(funded());
    let header = header(&funded(), &batch, &BTreeMap::new());
    let refused = |authorisations: &[Authorisation]| {
        PreparedBatch::new(header, &batch, authorisations, &Circuits::STANDARD).is_err()
    };
    assert!(!refused(&authorisations));
    assert!(refused(&authorisations[1..]), "applied and not authorised");
    let mut twice = authorisations.clone();
    twice.push(twice[0]);
    assert!(refused(&twice), "authorised twice");
    let mut other = authorisations.clone();
    other[0] = other[1];
    assert!(refused(&other), "another operation");
}
