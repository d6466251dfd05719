//! The dispatcher under questions that nobody means: every method with parameters of every type, depth, size and encoding. Always an answer, with a code that
//! callers know, never an error of the node's own. `TANDEM_FUZZ_SEED=n` repeats or varies a run, `TANDEM_FUZZ_QUESTIONS=n` makes it longer.

mod common;

use std::time::Duration;

use alloy::primitives::{Address, B256, Bytes, TxKind, U256, hex};
use common::{config, node::Node};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Map, Value, json};
use tandem_support::connection::{Connection, request as http};
use tokio::time::timeout;

const SEED: u64 = 12;
const QUESTIONS: usize = 3_000;
/// How long an answer may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Codes of JSON-RPC, of EIP-1474, of reverts (3), of EIP-7966 (4); simulations have their own.
const CODES: [i64; 8] = [-32700, -32600, -32601, -32602, -32000, -32005, 3, 4];
const SIMULATION_CODES: std::ops::RangeInclusive<i64> = -38099..=-38000;
/// Methods by the sources that name them: a new one is asked without being listed here.
const SOURCES: [&str; 4] = [
    include_str!("../src/rpc/common.rs"),
    include_str!("../src/rpc/dispatch.rs"),
    include_str!("../src/rpc/arity.rs"),
    include_str!("../src/evm/rpc/mod.rs"),
];

fn methods() -> Vec<String> {
    let is_method = |word: &&str| {
        word.split_once('_').is_some_and(|(space, name)| {
            ["eth", "web3", "net", "rpc", "debug", "trace", "txpool", "rollup"].contains(&space)
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    };
    let mut names: Vec<String> =
        SOURCES.iter().flat_map(|source| source.split('"')).filter(is_method).map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    assert!(names.len() > 70, "{} methods are named", names.len());
    names
}

/// A value that some method takes somewhere, or takes for one.
fn plausible(random: &mut StdRng) -> Value {
    let hash = B256::from(random.random::<[u8; 32]>());
    let address = Address::with_last_byte(random.random_range(0..20));
    let number = format!("{:#x}", random.random::<u64>() >> random.random_range(0..64));
    let code = Bytes::from((0..random.random_range(0..40)).map(|_| random.random()).collect::<Vec<u8>>());
    let call = json!({ "from": address, "to": address, "data": code, "gas": number, "value": number });
    let creation = json!({ "from": address, "data": code, "maxFeePerGas": number, "accessList": [] });
    let log_filter =
        json!({ "address": [address], "topics": [null, [hash]], "fromBlock": number, "toBlock": "latest" });
    let overridden =
        json!({ address.to_string(): { "balance": number, "code": code, "stateDiff": { hash.to_string(): hash } } });
    let simulation = json!({ "blockStateCalls": [{ "calls": [call, creation], "stateOverrides": overridden }] });
    let tags = ["latest", "pending", "earliest", "safe", "finalized"].map(|tag| json!(tag));
    let of_choice = [
        json!(hash),
        json!(address),
        json!(number),
        json!(code),
        call,
        creation,
        log_filter,
        overridden,
        simulation,
        json!({ "blockHash": hash }),
        json!({ "tracer": "callTracer" }),
        json!({ "tracer": "prestateTracer", "tracerConfig": { "diffMode": random.random::<bool>() } }),
        json!([hash]),
        json!([25, 50]),
        json!(random.random::<bool>()),
        json!("0x0"),
        json!("0x1"),
    ];
    let all: Vec<&Value> = of_choice.iter().chain(&tags).collect();
    (*all.choose(random).unwrap()).clone()
}

/// Any JSON at all.
fn anything(random: &mut StdRng, depth: usize) -> Value {
    match random.random_range(0..if depth == 0 { 9 } else { 11 }) {
        0 => Value::Null,
        1 => json!(random.random::<bool>()),
        2 => json!(random.random::<i64>()),
        3 => json!(random.random::<f64>() * 1e300),
        4 => json!(format!("0x{}", "f".repeat(random.random_range(0..200)))),
        5 => json!((0..random.random_range(0..20)).map(|_| random.random::<char>()).collect::<String>()),
        6 => json!("a".repeat(random.random_range(0..20_000))),
        7 => json!(U256::MAX),
        8 => plausible(random),
        9 => (0..random.random_range(0..6)).map(|_| anything(random, depth - 1)).collect(),
        _ => Value::Object(
            (0..random.random_range(0..6))
                .map(|key| (format!("key{key}"), anything(random, depth - 1)))
                .collect::<Map<_, _>>(),
        ),
    }
}

/// What is close to a value but not it.
fn bent(random: &mut StdRng, value: Value) -> Value {
    match value {
        Value::String(text) => {
            let mut bytes = text.into_bytes();
            match random.random_range(0..4) {
                0 => bytes.push(b'0'),
                1 => drop(bytes.pop()),
                2 => bytes.insert(0, b' '),
                _ => bytes.make_ascii_uppercase(),
            }
            json!(String::from_utf8_lossy(&bytes))
        }
        Value::Object(mut fields) => {
            let name = fields.keys().nth(random.random_range(0..fields.len().max(1))).cloned();
            fields.insert(name.unwrap_or_else(|| "unknown".into()), anything(random, 2));
            Value::Object(fields)
        }
        _ => anything(random, 3),
    }
}

fn params(random: &mut StdRng) -> Value {
    let count = random.random_range(0..5);
    let params: Vec<Value> = (0..count)
        .map(|_| match random.random_range(0..10) {
            0..6 => plausible(random),
            6..8 => {
                let value = plausible(random);
                bent(random, value)
            }
            _ => anything(random, 4),
        })
        .collect();
    if random.random_ratio(1, 40) { anything(random, 3) } else { json!(params) }
}

/// What must hold of an answer to a request with this id.
fn check(question: &str, id: &Value, answer: &Value) {
    assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), id), "{question}: {answer}");
    match (answer.get("result"), answer.get("error")) {
        (Some(_), None) => {}
        (None, Some(error)) => {
            let code = error["code"].as_i64().unwrap();
            assert!(CODES.contains(&code) || SIMULATION_CODES.contains(&code), "{question}: {error}");
            assert!(error["message"].is_string(), "{question}: {error}");
        }
        _ => panic!("{question}: {answer}"),
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_is_answered_with_a_code_that_callers_know() {
    let seed = setting("TANDEM_FUZZ_SEED").unwrap_or(SEED);
    let questions = setting("TANDEM_FUZZ_QUESTIONS").map_or(QUESTIONS, |count| count as usize);
    let mut random = StdRng::seed_from_u64(seed);
    let mut node = Node::start(config(3_600_000), [1_000_000_000, 1]).await;
    node.rich(1).await;
    let methods = methods();
    let mut caller = Connection::open(node.address()).await.unwrap();
    let mut errors = 0;
    for number in 0..questions {
        let method = match random.random_ratio(1, 50) {
            true => anything(&mut random, 1),
            false => json!(methods[number % methods.len()]),
        };
        let request = json!({ "jsonrpc": "2.0", "id": number, "method": method, "params": params(&mut random) });
        let question = request.to_string();
        let shown: String = format!("seed {seed}: {}", question.chars().take(600).collect::<String>());
        let (status, answer) = timeout(PATIENCE, caller.exchange(&http(question.as_bytes())))
            .await
            .unwrap_or_else(|_| panic!("{shown}: no answer within {PATIENCE:?}"))
            .unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert_eq!(status, 200, "{shown}");
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_else(|error| panic!("{shown}: {error}"));
        check(&shown, &json!(number), &answer);
        errors += usize::from(answer.get("error").is_some());
    }
    // Both kinds are common: the questions are neither all senseless nor all sound.
    assert!((questions / 10..questions).contains(&errors), "{errors} errors in {questions} answers");
    assert_eq!(node.ask("eth_chainId", json!([])).await, format!("{:#x}", common::chain().l2_chain_id));
    node.rig.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_request_are_answered_all_the_same() {
    let seed = setting("TANDEM_FUZZ_SEED").unwrap_or(SEED);
    let mut random = StdRng::seed_from_u64(seed);
    let node = Node::start(config(3_600_000), [1_000_000_000, 1]).await;
    let mut caller = Connection::open(node.address()).await.unwrap();
    let sound = br#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x0000000000000000000000000000000000000000","latest"]}"#;
    for number in 0..QUESTIONS {
        let mut bytes = sound.to_vec();
        for _ in 0..random.random_range(1..4) {
            let place = random.random_range(0..bytes.len());
            match random.random_range(0..4) {
                0 => bytes[place] = random.random(),
                1 => drop(bytes.remove(place)),
                2 => bytes.insert(place, *b"[]{}\",:0e".choose(&mut random).unwrap()),
                _ => bytes.truncate(place.max(1)),
            }
        }
        let shown = format!("seed {seed}, {number}: {}", String::from_utf8_lossy(&bytes));
        let (status, answer) = timeout(PATIENCE, caller.exchange(&http(&bytes)))
            .await
            .unwrap_or_else(|_| panic!("{shown}"))
            .unwrap_or_else(|error| panic!("{shown}: {error}"));
        match status {
            // A notification, since its id was bent.
            204 => assert!(answer.is_empty(), "{shown}"),
            200 => {
                let answer: Value = serde_json::from_slice(&answer).unwrap_or_else(|error| panic!("{shown}: {error}"));
                let answers = answer.as_array().cloned().unwrap_or_else(|| vec![answer]);
                answers.iter().for_each(|answer| check(&shown, &answer["id"].clone(), answer));
            }
            _ => panic!("{shown}: {status}"),
        }
    }
    node.rig.stop();
}

/// Does work only in a second that it has not seen: what an exchange's price oracle does.
const CLOCK: &[u8] = &hex!("600c8060095f395ff3 425f5414600a57425f555b00");

#[tokio::test(flavor = "multi_thread")]
async fn an_estimate_is_enough_for_code_that_works_once_a_second() {
    use alloy::{
        consensus::{SignableTransaction, TxEip1559},
        signers::SignerSync,
    };
    use tandem_evm::payload::SignedTransaction;

    let mut node = Node::start(config(3_600_000), [1_000_000_000, 1]).await;
    let alice = node.rich(1).await;
    // The deposit had nonce 0.
    let mut nonce = 1;
    let mut sent = async |node: &Node, to: TxKind, input: &[u8]| {
        let max_fee_per_gas = 1_000_000_000;
        let input = Bytes::copy_from_slice(input);
        let chain_id = common::chain().l2_chain_id;
        let transaction =
            TxEip1559 { chain_id, nonce, gas_limit: 400_000, max_fee_per_gas, to, input, ..Default::default() };
        nonce += 1;
        let signature = alice.sign_hash_sync(&transaction.signature_hash()).unwrap();
        let raw = SignedTransaction::Eip1559(transaction.into_signed(signature)).encode_2718();
        let hash = node.ask("eth_sendRawTransaction", json!([Bytes::from(raw)])).await;
        node.receipt("clock", serde_json::from_value(hash).unwrap()).await
    };
    let deployed = sent(&node, TxKind::Create, CLOCK).await;
    let clock: Address = serde_json::from_value(deployed["contractAddress"].clone()).unwrap();
    // From here on the clock's second is that of the newest block.
    let worked = sent(&node, clock.into(), &[]).await;
    let call = json!({ "from": alice.address(), "to": clock });
    let estimate = node.quantity("eth_estimateGas", json!([call])).await;
    assert!(estimate >= U256::from(26_000), "{estimate}: the next block's second is another");
    let block = node.ask("eth_getBlockByNumber", json!([worked["blockNumber"], false])).await;
    let within = json!([call, "latest", {}, { "time": block["timestamp"] }]);
    let spared = node.quantity("eth_estimateGas", within).await;
    assert!(spared < estimate, "{spared}: within the same second there is nothing to do");
    node.rig.stop();
}
