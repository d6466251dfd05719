//! Writes `tests/vectors/payments/state_tree.json`, which the contracts read: nodes, and a state with the paths of its leaves (PAY-LEAF, PAY-NODE, PAY-TREE,
//! PAY-ESCAPE). `TANDEM_WRITE_VECTORS=1` writes the file; otherwise it must be what is written.

use alloy_primitives::{Address, U256};
use ark_bn254::Fr;
use ark_ff::Field;
use serde_json::{Value, json};
use std::{fs, path::Path};
use tandem_payments::{
    data::Message,
    escape::others,
    field::integer,
    leaf::{self, Key, Leaf},
    ledger::{Env, Ledger},
    state::State,
    tags,
    tree::{Tree, node},
};

fn hex(element: Fr) -> String {
    format!("{:#066x}", integer(element))
}

fn leaf_json(leaf: &Leaf) -> Value {
    json!({
        "account": leaf.key.address.to_string(),
        "token": leaf.key.token.to_string(),
        "nextAccount": leaf.next.address.to_string(),
        "nextToken": leaf.next.token.to_string(),
        "nonce": leaf.nonce,
        "balance": leaf.balance.to_string(),
        "keyHash": hex(leaf.key_hash),
        "sessionHash": hex(leaf.session_hash),
    })
}

/// Twenty accounts, some with tokens and session keys: leaves on both sides of nodes' borders.
fn populated() -> State {
    let env = Env { operator: Address::repeat_byte(0xee), timestamp: 1_700_000_000 };
    let mut ledger = Ledger::new(State::default(), env, Fr::from(1u64));
    for i in 1..=20 {
        let account = Address::repeat_byte(i);
        let mut message = |message: Message| ledger.message(&message).unwrap();
        message(Message::Deposit { key: Key::eth(account), amount: u128::from(i) * 1_000_000_000_000_000_000 });
        if i % 3 == 0 {
            let token = Address::repeat_byte(0xa1);
            message(Message::Deposit { key: Key { address: account, token }, amount: 1000 + u128::from(i) });
            message(Message::L1Key { account, key: U256::from(0x5e55_0000 + u64::from(i)) });
        }
    }
    ledger.into_state()
}

/// Leaves with the least and the greatest fields, and ones between.
fn extreme_leaves() -> [Leaf; 5] {
    let greatest = Key { address: Address::repeat_byte(0xff), token: Address::repeat_byte(0xff) };
    let last = -Fr::from(1u64);
    let full =
        Leaf { key: greatest, next: greatest, nonce: u64::MAX, balance: u128::MAX, key_hash: last, session_hash: last };
    let mixed = Leaf { key: Key::eth(greatest.address), next: Key::ZERO, key_hash: Fr::from(7u64), ..full };
    [Leaf::default(), full, mixed, Leaf { nonce: 1, ..Leaf::default() }, Leaf { key_hash: last, ..Leaf::default() }]
}

/// A tree with leaves at the borders of subtrees and at both ends, and the path of each. No history makes it: leaves stand wherever they are put.
fn borders() -> Value {
    let indices = [0, 1, 2, 3, 4, 15, 16, 63, 64, (1 << 28) - 1, 1 << 28, 3 << 30, u32::MAX - 1, u32::MAX];
    let leaves = extreme_leaves();
    let placed: Vec<(u32, &Leaf)> = indices.into_iter().zip(leaves.iter().cycle()).collect();
    let mut tree = Tree::default();
    for (index, leaf) in &placed {
        tree.set(*index, leaf.hash());
    }
    let leaves = placed.iter().map(|(index, leaf)| entry(*index, leaf, &tree));
    json!({ "root": hex(tree.root()), "leaves": leaves.collect::<Vec<_>>() })
}

fn entry(index: u32, leaf: &Leaf, tree: &Tree) -> Value {
    json!({
        "index": index,
        "leaf": leaf_json(leaf),
        "hash": hex(leaf.hash()),
        "siblings": others(&tree.full_path(index), index).map(|level| level.map(hex)),
    })
}

#[test]
fn the_vectors_of_the_state_tree_are_these() {
    let state = populated();
    let count = u32::try_from(state.leaf_count()).unwrap();
    let leaves = (0..count).map(|index| entry(index, state.leaf(index).unwrap(), state.tree()));
    let numbers = [0u64, 1, 2, 3].map(Fr::from);
    let last = [-Fr::from(1u64); 4];
    let large = [3u64, 5, 7, 11].map(|x| Fr::from(x).pow([1 << 40]));
    // The third lane that L1 has before the partial rounds must be reduced: else the first of them overflows for these children.
    let overflowing = [5908u64, 0, 0, 0].map(Fr::from);
    let nodes = [numbers, last, [leaf::empty(); 4], large, overflowing]
        .map(|children| json!({ "children": children.map(hex), "hash": hex(node(&children)) }));
    let json = json!({
        "genesisRoot": hex(State::default().root()),
        "leafTag": hex(tags::LEAF.to_fr()),
        "nodeTag": hex(tags::NODE.to_fr()),
        "nodes": nodes,
        "root": hex(state.root()),
        "leaves": leaves.collect::<Vec<_>>(),
        "borders": borders(),
    });
    assert_committed("tests/vectors/payments/state_tree.json", &(serde_json::to_string_pretty(&json).unwrap() + "\n"));
}

fn assert_committed(path: &str, rendered: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if std::env::var_os("TANDEM_WRITE_VECTORS").is_some() {
        fs::write(&path, rendered).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == rendered,
        "{} is stale: TANDEM_WRITE_VECTORS=1 cargo test -p tandem-payments --test escape_vectors",
        path.display()
    );
}
