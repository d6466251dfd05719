//! Golden vectors, `tests/vectors/`: valid payloads, must-reject ones, estimates. Files are what this module
//! would write today; `TANDEM_WRITE_VECTORS=1 cargo test -p tandem-evm vectors` writes them.

use std::{env, format, fs, path::PathBuf, string::String, vec, vec::Vec};

use alloy_consensus::{Signed, TxEip1559, TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use serde_json::{Value, json};

use super::{
    adversarial::forgeries,
    samples::{CHAIN_ID, LIMITS},
};
use crate::{
    fee_estimate::{estimate_posted_bytes, fastlz_length},
    payload::{DecodeError, NoAddressBook, Payload, PayloadBlock, SignedTransaction, decode, encode},
};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors").join(name)
}

/// The committed file, after checking that writing it again would change nothing.
fn committed(name: &str, today: &Value) -> Vec<Value> {
    if env::var_os("TANDEM_WRITE_VECTORS").is_some() {
        fs::create_dir_all(path(name).parent().unwrap()).unwrap();
        fs::write(path(name), format!("{}\n", serde_json::to_string_pretty(today).unwrap())).unwrap();
    }
    let committed: Value = serde_json::from_str(&fs::read_to_string(path(name)).unwrap()).unwrap();
    assert!(committed == *today, "{name} would change");
    let cases = committed.as_array().unwrap().clone();
    assert!(!cases.is_empty());
    cases
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn derived(name: &str) -> U256 {
    keccak256(name).into()
}

fn signature(name: &str, odd_y: bool) -> Signature {
    Signature::new(derived(&format!("r {name}")), derived(&format!("s {name}")) >> 1usize, odd_y)
}

fn address(name: &str) -> Address {
    Address::from_word(keccak256(name))
}

fn call(signature: &str, words: &[U256]) -> Bytes {
    let words = words.iter().flat_map(|word| word.to_be_bytes::<32>());
    keccak256(signature)[..4].iter().copied().chain(words).collect::<Vec<u8>>().into()
}

const CAP: u128 = 1_500_000_000;
const TIP: u128 = 10_000_000;

/// As wallets sign it.
fn eip1559(nonce: u64, to: TxKind, value: U256, input: Bytes) -> SignedTransaction {
    let tx = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: if input.is_empty() { 21_000 } else { 65_000 },
        max_fee_per_gas: CAP,
        max_priority_fee_per_gas: TIP,
        to,
        value,
        access_list: AccessList::default(),
        input,
    };
    SignedTransaction::Eip1559(Signed::new_unhashed(tx, signature(&format!("1559 {nonce}"), nonce % 2 == 1)))
}

fn legacy(chain_id: Option<u64>) -> SignedTransaction {
    let to = TxKind::Call(address("alice"));
    let tx =
        TxLegacy { chain_id, nonce: 300, gas_price: CAP, gas_limit: 21_000, to, value: U256::ONE, input: Bytes::new() };
    SignedTransaction::Legacy(Signed::new_unhashed(tx, signature("legacy", chain_id.is_some())))
}

fn access_list() -> AccessList {
    let storage_keys = vec![B256::ZERO, B256::with_last_byte(7), keccak256("slot")];
    AccessList(vec![
        AccessListItem { address: address("token"), storage_keys },
        AccessListItem { address: address("bob"), storage_keys: Vec::new() },
    ])
}

fn eip2930() -> SignedTransaction {
    let tx = TxEip2930 {
        chain_id: CHAIN_ID,
        nonce: 0,
        gas_price: u128::MAX,
        gas_limit: u64::MAX,
        to: TxKind::Create,
        value: U256::MAX,
        access_list: access_list(),
        input: (0..=255u8).collect::<Vec<u8>>().into(),
    };
    SignedTransaction::Eip2930(Signed::new_unhashed(tx, signature("2930", true)))
}

fn eip7702() -> SignedTransaction {
    let authorization = |chain_id, y_parity, r, s| {
        let inner = Authorization { chain_id, address: address("delegate"), nonce: 9 };
        SignedAuthorization::new_unchecked(inner, y_parity, r, s)
    };
    let tx = TxEip7702 {
        chain_id: CHAIN_ID,
        nonce: u64::MAX - 1,
        gas_limit: 200_000,
        max_fee_per_gas: CAP,
        max_priority_fee_per_gas: TIP,
        to: address("bob"),
        value: U256::ZERO,
        access_list: access_list(),
        authorization_list: vec![
            authorization(U256::ZERO, 0, derived("r"), derived("s")),
            authorization(U256::from(CHAIN_ID), 1, derived("r"), U256::MAX),
            authorization(U256::MAX, 255, U256::ZERO, U256::ZERO),
        ],
        input: call("run()", &[]),
    };
    SignedTransaction::Eip7702(Signed::new_unhashed(tx, signature("7702", false)))
}

fn transactions() -> Vec<(&'static str, SignedTransaction)> {
    let ether = |digits: u64| U256::from(digits) * U256::from(10).pow(U256::from(15));
    let to = |name| TxKind::Call(address(name));
    let transfer = |amount| call("transfer(address,uint256)", &[address("alice").into_word().into(), amount]);
    let approve = call("approve(address,uint256)", &[address("bob").into_word().into(), U256::MAX]);
    let odd = call("odd(bytes32,uint256,uint256)", &[derived("word"), U256::ZERO, U256::from(160)]);
    vec![
        ("transfer", eip1559(0, to("alice"), ether(1234), Bytes::new())),
        ("transfer again", eip1559(1, to("alice"), ether(5), Bytes::new())),
        ("token transfer", eip1559(2, to("token"), U256::ZERO, transfer(ether(2500)))),
        ("token transfer again", eip1559(70_000, to("token"), U256::ZERO, transfer(U256::from(u64::MAX)))),
        ("unlimited approval", eip1559(3, to("token"), U256::ZERO, approve)),
        ("odd words", eip1559(4, to("token"), U256::from(3), odd)),
        ("odd calldata", eip1559(5, to("bob"), U256::ZERO, vec![1, 2, 3].into())),
        ("deployment", eip1559(6, TxKind::Create, U256::ZERO, vec![0x60; 300].into())),
        ("legacy", legacy(Some(CHAIN_ID))),
        ("legacy without chain id", legacy(None)),
        ("EIP-2930", eip2930()),
        ("EIP-7702", eip7702()),
    ]
}

fn payloads() -> Vec<(&'static str, Payload)> {
    let all: Vec<SignedTransaction> = transactions().into_iter().map(|(_, transaction)| transaction).collect();
    let block = |timestamp, message_count, transactions: &[SignedTransaction]| PayloadBlock {
        timestamp,
        message_count,
        transactions: transactions.to_vec(),
    };
    let heartbeats = vec![block(0, 0, &[]), block(5, u32::MAX, &[]), block(u64::MAX, 1, &[])];
    let many = (0..40).map(|nonce| eip1559(nonce, TxKind::Call(address("alice")), U256::from(nonce), Bytes::new()));
    let many: Vec<SignedTransaction> = many.collect();
    vec![
        ("no blocks", Payload::default()),
        ("empty blocks", Payload { blocks: heartbeats }),
        ("one transfer", Payload { blocks: vec![block(1_770_000_000, 0, &all[..1])] }),
        (
            "every type",
            Payload { blocks: vec![block(1_770_000_000, 2, &all[..6]), block(1_770_000_001, 0, &all[6..])] },
        ),
        ("many transfers", Payload { blocks: vec![block(1_770_000_000, 0, &many)] }),
    ]
}

fn block_json(block: &PayloadBlock) -> Value {
    let transactions: Vec<String> = block.transactions.iter().map(|tx| hex::encode(tx.encode_2718())).collect();
    json!({ "timestamp": block.timestamp, "message_count": block.message_count, "transactions": transactions })
}

/// Tests EVM-PL-1, EVM-PL-2, EVM-PL-3, EVM-PL-4, EVM-PL-5, EVM-PL-6.
#[test]
fn valid_payloads() {
    let mut cases = Vec::new();
    for (name, payload) in payloads() {
        let encoded = encode(&payload, CHAIN_ID, |_| None).unwrap();
        let blocks: Vec<Value> = payload.blocks.iter().map(block_json).collect();
        for (method, posted) in [("stored", encoded.stored()), ("compressed", encoded.compressed(19))] {
            cases.push(json!({ "name": format!("{name}, {method}"), "chain_id": CHAIN_ID, "posted": hex::encode(posted), "blocks": blocks }));
        }
    }
    for case in committed("payload/valid.json", &Value::Array(cases)) {
        let payload =
            decode(&bytes(&case["posted"]), &LIMITS, case["chain_id"].as_u64().unwrap(), &NoAddressBook).unwrap();
        let blocks: Vec<Value> = payload.blocks.iter().map(block_json).collect();
        assert_eq!(Value::Array(blocks), case["blocks"], "{}", case["name"]);
    }
}

#[test]
fn invalid_payloads() {
    let cases = forgeries().into_iter().map(|(name, posted, error)| {
        json!({ "name": name, "chain_id": CHAIN_ID, "posted": hex::encode(posted), "error": format!("{error:?}") })
    });
    for case in committed("payload/invalid.json", &cases.collect()) {
        let error = decode(&bytes(&case["posted"]), &LIMITS, CHAIN_ID, &NoAddressBook).unwrap_err();
        let DecodeError::Invalid(error) = error;
        assert_eq!(format!("{error:?}"), case["error"].as_str().unwrap(), "{}", case["name"]);
    }
}

/// Tests EVM-DA-1, FEE-L1-2.
#[test]
fn estimates() {
    let inputs = transactions().into_iter().map(|(name, transaction)| (name, transaction.encode_2718()));
    let edges = [0usize, 1, 13, 14, 15, 16, 17, 31, 32, 33, 64, 300, 600].map(|length| ("zeros", vec![0; length]));
    let random = [100usize, 1000].map(|length| {
        let words = (0..length.div_ceil(32)).flat_map(|index| keccak256(format!("random {index}")).0);
        ("random", words.take(length).collect::<Vec<u8>>())
    });
    let cases = inputs.chain(edges).chain(random).map(|(name, input)| {
        json!({ "name": name, "bytes": hex::encode(&input), "fastlz_length": fastlz_length(&input),
            "estimate_bytes": estimate_posted_bytes(&input) })
    });
    for case in committed("fee_estimate.json", &cases.collect()) {
        let input = bytes(&case["bytes"]);
        assert_eq!(fastlz_length(&input), case["fastlz_length"].as_u64().unwrap(), "{}", case["name"]);
        assert_eq!(estimate_posted_bytes(&input), case["estimate_bytes"].as_u64().unwrap(), "{}", case["name"]);
    }
}
