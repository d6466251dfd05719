use serde::Deserialize;
use tandem_payments::{
    data::Message,
    leaf::Key,
    operation::{Call, Operation, SignatureKind, Signer},
};

use super::*;
use crate::payments::{records::of_message, signed::Signed};

/// The vectors that the SDK reads too.
const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/payments/session.json");

/// What a vector says of a transaction.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    envelope: Bytes,
    hash: B256,
    chain_id: u64,
    kind: u8,
    sender: Address,
    token: Address,
    recipient: Address,
    #[serde(flatten)]
    numbers: std::collections::BTreeMap<String, Value>,
}

impl Vector {
    fn number(&self, name: &str) -> Value {
        json!(self.numbers[name].as_str().unwrap().parse::<U256>().unwrap())
    }
}

#[test]
fn what_the_sdk_signs_is_shown_as_it_was_signed() {
    let file: Value = serde_json::from_str(&std::fs::read_to_string(VECTORS).unwrap()).unwrap();
    let vectors: Vec<Vector> = serde_json::from_value(file["transactions"].clone()).unwrap();
    assert!(vectors.len() >= 4);
    for vector in vectors {
        let signed = Signed::known(&vector.envelope).unwrap();
        let shown = transaction(&signed.record(7), vector.chain_id, None).unwrap();
        assert_eq!((&shown["hash"], &shown["from"]), (&json!(vector.hash), &json!(vector.sender)));
        assert_eq!(shown["chainId"], json!(U256::from(vector.chain_id)));
        for (shown, name) in [
            (&shown["nonce"], "nonce"),
            (&shown["gas"], "gasLimit"),
            (&shown["maxFeePerGas"], "maxFeePerGas"),
            (&shown["gasPrice"], "maxFeePerGas"),
            (&shown["expiry"], "expiry"),
        ] {
            assert_eq!(*shown, vector.number(name), "{name}");
        }
        let (to, value) = match vector.kind {
            2 => (vector.recipient, vector.number("amount")),
            3 => (vector.token, json!("0x0")),
            5 => (tandem_payments::ethereum::BRIDGE, vector.number("amount")),
            6 => (tandem_payments::ethereum::BRIDGE, json!("0x0")),
            kind => panic!("kind {kind}"),
        };
        assert_eq!((&shown["to"], &shown["value"]), (&json!(to), &value));
    }
}

#[test]
fn terms_of_whatever_bytes_are_read_without_a_panic() {
    let envelope = std::iter::once(0x73).chain(std::iter::repeat_n(0xff, 40)).collect::<Vec<u8>>();
    for length in 0..envelope.len() {
        assert_eq!(Terms::of(&envelope[..length]), None);
    }
    for first in 0..=255 {
        assert_eq!(Terms::of(&[0x73, 0xc3, first, first, first]), None);
    }
}

const SHOWN: Shown = Shown { chain_id: 1, gas_limit: 100_000 };

fn block(transactions: Option<Vec<Transaction>>) -> Block {
    Block {
        number: 3,
        hash: B256::repeat_byte(3),
        parent_hash: B256::repeat_byte(2),
        timestamp: 9,
        operator: Address::repeat_byte(0x0e),
        root_before: B256::ZERO,
        state_root: B256::repeat_byte(5),
        leaf_count: 1,
        queue_start: 0,
        queue_end: 0,
        queue_hash: B256::ZERO,
        transactions,
    }
}

fn transfer(token: Address) -> Transaction {
    let call = Call::TokenTransfer { token, recipient: Address::repeat_byte(0xb0), amount: 5 };
    let sender = Address::repeat_byte(0xa1);
    let operation = Operation { sender, nonce: 0, call, gas_limit: 0, max_fee_per_gas: 0, expiry: 0 };
    let signer = Signer { kind: SignatureKind::Session, key_hash: tandem_payments::Fr::from(1u64) };
    let signed = Signed { hash: B256::repeat_byte(1), envelope: Bytes::new(), operation, signer };
    Transaction { took_effect: true, ..signed.record(7) }
}

#[test]
fn logs_are_numbered_through_the_block_and_its_bloom_has_them() {
    let (gold, silver) = (Address::repeat_byte(0x70), Address::repeat_byte(0x71));
    let refunded = of_message(0, &Message::Deposit { key: Key { address: Address::ZERO, token: gold }, amount: 5 });
    let block = block(Some(vec![transfer(gold), refunded, transfer(silver)]));
    let positions: Vec<(Value, Value)> =
        logs(&block).into_iter().map(|(_, log)| (log["transactionIndex"].clone(), log["logIndex"].clone())).collect();
    assert_eq!(positions, [("0x0".into(), "0x0".into()), ("0x2".into(), "0x1".into())]);
    for (index, status, count) in [(0, "0x1", 1), (1, "0x0", 0), (2, "0x1", 1)] {
        let receipt = receipt(&block, index).unwrap().unwrap();
        assert_eq!((&receipt["status"], receipt["logs"].as_array().unwrap().len()), (&json!(status), count));
    }
    assert_eq!(receipt(&block, 3).unwrap(), None);
    let bloom = bloom(&block);
    for (log, _) in logs(&block) {
        assert!(bloom.contains_raw_log(log.address, log.topics()));
    }
    assert_eq!(header(&block, SHOWN).unwrap()["logsBloom"], json!(bloom));
}

#[test]
fn a_block_of_unknown_transactions_has_not_the_root_of_none() {
    let shown = |transactions| super::block(&block(transactions), SHOWN, true).unwrap();
    let (none, unknown) = (shown(Some(Vec::new())), shown(None));
    assert_eq!((&none["transactionsRoot"], &none["transactionsUnknown"]), (&json!(EMPTY_ROOT_HASH), &Value::Null));
    assert_eq!((&unknown["transactionsRoot"], &unknown["transactionsUnknown"]), (&json!(B256::ZERO), &json!(true)));
}

/// A client that trusts blooms passes over a block whose bloom does not have what it looks for.
#[test]
fn a_bloom_of_unknown_logs_denies_none() {
    let (none, unknown) = (block(Some(Vec::new())), block(None));
    let log = log_of(&transfer(Address::repeat_byte(0x70))).unwrap();
    let denies = |block| !bloom(block).contains_raw_log(log.address, log.topics());
    assert_eq!((denies(&none), denies(&unknown)), (true, false));
    for (block, blooms, flag) in [(&none, Bloom::ZERO, Value::Null), (&unknown, bloom(&unknown), json!(true))] {
        for shown in [header(block, SHOWN).unwrap(), super::block(block, SHOWN, false).unwrap()] {
            assert_eq!((&shown["logsBloom"], &shown["transactionsUnknown"]), (&json!(blooms), &flag));
        }
    }
}

/// A batch of huge chunks holds more than one of large ones, and one that is left from before a change of circuits more than one of now.
#[test]
fn no_block_uses_more_than_its_limit() {
    let huge = Circuits::among(|id| [2, 4, 9, 10].contains(&id)).unwrap();
    let limit = gas_limit(&huge);
    assert_eq!((gas_limit(&Circuits::STANDARD), limit), (64 * 27 * 32_000, 64 * 112 * 32_000));
    let withdrawal = Transaction { gas: Kind::WithdrawToken.gas(), ..transfer(Address::repeat_byte(0x70)) };
    for count in [1, 64 * 27, 64 * 27 + 1] {
        let full = block(Some(vec![withdrawal.clone(); count]));
        for gas_limit in [gas_limit(&Circuits::STANDARD), limit] {
            let shown = header(&full, Shown { gas_limit, ..SHOWN }).unwrap();
            let field = |name: &str| shown[name].as_str().unwrap().parse::<U256>().unwrap();
            assert_eq!(field("gasUsed"), U256::from(count as u64 * 32_000));
            assert!(field("gasUsed") <= field("gasLimit"), "{count} of {gas_limit}");
        }
    }
}
