//! Writes `tests/vectors/payments/withdrawals.json`, which the contracts read: records, the root over them, and the siblings of each
//! (PAY-WITHDRAWAL-ROOT). `TANDEM_WRITE_VECTORS=1` writes the file; otherwise it must be what is written.

use alloy_primitives::{Address, hex, keccak256};
use serde_json::{Value, json};
use std::{fs, path::PathBuf};
use tandem_payments::{
    data::{Withdrawal, bytes},
    withdrawals::{leaf, proof, root, root_from},
};

fn withdrawal(i: usize) -> Withdrawal {
    let word = keccak256((i as u64).to_be_bytes());
    Withdrawal {
        recipient: Address::from_slice(&word[..20]),
        token: if i.is_multiple_of(2) { Address::ZERO } else { Address::repeat_byte(0xa1) },
        amount: match i {
            0 => u128::MAX,
            1 => 0,
            _ => u128::from_be_bytes(word[16..].try_into().unwrap()) >> (8 * i),
        },
    }
}

fn case(count: usize) -> Value {
    let withdrawals: Vec<_> = (0..count).map(withdrawal).collect();
    let segment = bytes(&withdrawals.iter().flat_map(Withdrawal::encode).collect::<Vec<_>>());
    let items: Vec<_> = withdrawals
        .iter()
        .enumerate()
        .map(|(position, withdrawal)| {
            let siblings = proof(&withdrawals, position).unwrap();
            assert_eq!(root_from(position as u32, leaf(withdrawal), &siblings), Some(root(&withdrawals)));
            json!({
                "record": hex::encode_prefixed(bytes(&withdrawal.encode())),
                "leaf": leaf(withdrawal).to_string(),
                "recipient": hex::encode_prefixed(withdrawal.recipient),
                "token": hex::encode_prefixed(withdrawal.token),
                "amount": withdrawal.amount.to_string(),
                "siblings": siblings.iter().map(ToString::to_string).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({ "segment": hex::encode_prefixed(segment), "root": root(&withdrawals).to_string(), "withdrawals": items })
}

#[test]
fn the_withdrawal_vectors_are_what_is_committed() {
    let cases: Vec<_> = [0, 1, 2, 3, 5, 8].map(case).into();
    let rendered = serde_json::to_string_pretty(&json!({ "cases": cases })).unwrap() + "\n";
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/payments/withdrawals.json");
    if std::env::var_os("TANDEM_WRITE_VECTORS").is_some() {
        fs::write(&path, &rendered).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == rendered, "TANDEM_WRITE_VECTORS=1 cargo test -p tandem-payments --test withdrawal_vectors");
}
