//! Writes `tests/vectors/payments/segments.json`, which the contracts read: posted segments and their evaluations (PAY-EVAL), and
//! bytes that are no segment. `TANDEM_WRITE_VECTORS=1` writes the file; otherwise it must be what is written.

use alloy_primitives::{Address, B256, U256, hex, keccak256};
use ark_bn254::Fr;
use serde_json::{Value, json};
use std::{fs, path::PathBuf};
use tandem_payments::{
    batch::BatchBuilder,
    data::{self, ELEMENT_BYTES, Element, Message},
    field::{MODULUS, fr, integer},
    leaf::Key,
    ledger::Env,
    state::State,
};

/// The three segments of a batch with each kind of message, refunds among them.
fn posted() -> [Vec<Element>; 3] {
    let env = Env { operator: Address::repeat_byte(0x0f), timestamp: 1_800_000_000 };
    let mut builder = BatchBuilder::new(State::default(), env, Fr::from(1u64), 7);
    let key = |account, token| Key { address: Address::repeat_byte(account), token: Address::repeat_byte(token) };
    for message in [
        Message::Deposit { key: key(0xff, 0), amount: u128::MAX },
        Message::Deposit { key: key(0xff, 0), amount: 1 },
        Message::Deposit { key: key(1, 0xff), amount: 1 << 64 },
        Message::Deposit { key: key(0, 0), amount: u128::MAX },
        Message::Forced { key: key(1, 0xff) },
        Message::L1Key { account: Address::repeat_byte(0xff), key: U256::MAX },
        Message::L1Key { account: Address::repeat_byte(0xff), key: MODULUS - U256::from(1) },
    ] {
        builder.message(&message).unwrap();
    }
    let (batch, _) = builder.finish();
    [batch.effects, batch.withdrawals, batch.messages]
}

fn cases() -> Vec<Value> {
    let largest = Element::new((U256::from(1) << 248) - U256::from(1)).unwrap();
    let zero = Element::default();
    let [effects, withdrawals, messages] = posted();
    assert!(effects.len() > 6 && withdrawals.len() == 6 && messages.len() == 14);
    let segments = [
        vec![],
        vec![zero],
        vec![largest],
        vec![zero, largest],
        vec![largest, zero],
        vec![largest; 5],
        effects,
        withdrawals,
        messages,
    ];
    let points =
        [U256::ZERO, U256::from(1), MODULUS - U256::from(1), integer(fr(U256::from_be_bytes(keccak256("z").0)))];
    let mut cases = Vec::new();
    for elements in &segments {
        for z in points {
            let bytes = data::bytes(elements);
            assert_eq!(data::elements(&bytes).as_ref(), Ok(elements));
            cases.push(json!({
                "data": hex::encode_prefixed(&bytes),
                "elements": elements.len(),
                "z": B256::from(z).to_string(),
                "evaluation": B256::from(integer(data::evaluate_all(fr(z), elements))).to_string(),
            }));
        }
    }
    cases
}

/// Bytes that end inside an element.
fn partial() -> Vec<Value> {
    [1, ELEMENT_BYTES - 1, ELEMENT_BYTES + 1, 2 * ELEMENT_BYTES - 1]
        .map(|length| {
            let bytes = vec![1; length];
            assert!(data::elements(&bytes).is_err());
            json!(hex::encode_prefixed(bytes))
        })
        .into()
}

#[test]
fn the_segment_vectors_are_what_is_committed() {
    let vectors = json!({ "cases": cases(), "partial": partial() });
    let rendered = serde_json::to_string_pretty(&vectors).unwrap() + "\n";
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/payments/segments.json");
    if std::env::var_os("TANDEM_WRITE_VECTORS").is_some() {
        fs::write(&path, &rendered).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == rendered, "TANDEM_WRITE_VECTORS=1 cargo test -p tandem-payments --test segment_vectors");
}
