//! `eth_simulateV1`: calls that build on one another, in blocks that nobody builds.

mod common;

use alloy::primitives::{Address, B256, Bytes, TxKind, U256, address, b256, hex};
use common::{
    config, execute,
    node::{Node, quantity},
};
use serde_json::{Value, json};

/// Adds one to slot 0 and returns the count.
const COUNTER: &[u8] = &hex!("600e80 60095f395ff3 5f54600101805f55 5f5260205ff3");
const ALICE: Address = address!("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
const BOB: Address = address!("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");

#[tokio::test]
async fn calls_build_on_one_another() {
    let mut node = Node::start(config(3_600_000), [1_000_000_000, 1]).await;
    let user = node.rich(1).await;
    let hash = node.rig.engine.submit(execute(&user, 1, TxKind::Create, COUNTER)).await.unwrap();
    let counter: Address = serde_json::from_value(node.receipt("it", hash).await["contractAddress"].clone()).unwrap();
    let head = node.quantity("eth_blockNumber", json!([])).await;
    let rich = json!({ ALICE.to_string(): { "balance": "0x64" } });
    let pays = json!({ "from": ALICE, "to": BOB, "value": "0xa" });
    let counts = json!({ "from": ALICE, "to": counter });
    let again = json!({ "from": ALICE, "to": BOB, "value": "0x1", "input": "0x" });
    let simulation = json!({
        "blockStateCalls": [
            { "stateOverrides": rich, "calls": [counts, pays] },
            { "blockOverrides": { "number": U256::from(head) + U256::from(4) }, "calls": [counts, again] },
        ],
        "traceTransfers": true,
    });
    let blocks = node.ask("eth_simulateV1", json!([simulation, "latest"])).await;
    let blocks = blocks.as_array().unwrap();
    assert_eq!(blocks.len(), 4, "with the two that were left out");
    for (offset, pair) in (1u64..).zip(blocks.windows(2)) {
        assert_eq!(quantity(&pair[0]["number"]), head + U256::from(offset));
        assert_eq!(pair[1]["parentHash"], pair[0]["hash"]);
        assert!(quantity(&pair[1]["timestamp"]) > quantity(&pair[0]["timestamp"]));
    }
    assert_eq!(quantity(&blocks[0]["calls"][0]["returnData"]), U256::from(1));
    assert_eq!(quantity(&blocks[3]["calls"][0]["returnData"]), U256::from(2));
    let log = &blocks[0]["calls"][1]["logs"][0];
    assert_eq!(log["address"], json!(Address::repeat_byte(0xee)));
    let transfer = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
    assert_eq!(log["topics"], json!([transfer, ALICE.into_word(), BOB.into_word()]));
    assert_eq!((&log["blockHash"], &log["logIndex"]), (&blocks[0]["hash"], &json!("0x0")));
    assert_eq!(blocks[0]["calls"][1]["gasUsed"], "0x5208");
    assert_eq!(node.quantity("eth_blockNumber", json!([])).await, head, "nothing of it happened");
    assert_eq!(node.balance(BOB).await, U256::ZERO);
    node.rig.stop();
}

#[tokio::test]
async fn what_cannot_be_simulated_says_why() {
    let node = Node::start(config(3_600_000), [1_000_000_000, 1]).await;
    let fail = async |blocks: Value, validation: bool| {
        let simulation = json!({ "blockStateCalls": blocks, "validation": validation });
        node.try_ask("eth_simulateV1", json!([simulation, "latest"])).await.unwrap_err()
    };
    assert_eq!(fail(json!([]), false).await, "empty input");
    assert!(fail(json!([{ "blockOverrides": { "number": "0x0" } }]), false).await.contains("must be in order"));
    assert!(
        fail(json!([{ "blockOverrides": { "time": "0x0" } }]), false).await.contains("timestamps must be in order")
    );
    assert_eq!(fail(json!([{ "blockOverrides": { "number": "0xffff" } }]), false).await, "too many blocks");
    let pays = json!([{ "calls": [{ "from": ALICE, "to": BOB, "value": "0x1" }] }]);
    assert!(fail(pays, false).await.contains("insufficient funds"));
    let nonce = json!([{ "calls": [{ "from": ALICE, "to": BOB, "nonce": "0x5", "maxFeePerGas": "0x3b9aca00" }] }]);
    assert!(fail(nonce.clone(), true).await.contains("nonce"));
    let gas = json!([{ "calls": [{ "from": ALICE, "to": BOB, "gas": "0xfffffffff" }] }]);
    assert!(fail(gas, false).await.contains("block gas limit reached"));

    // A call that fails is an answer like others.
    let code = json!({ BOB.to_string(): { "code": "0x5f5ffd" } });
    let reverts = json!({ "blockStateCalls": [{ "stateOverrides": code, "calls": [{ "from": ALICE, "to": BOB }] }] });
    let blocks = node.ask("eth_simulateV1", json!([reverts])).await;
    let call = &blocks[0]["calls"][0];
    assert_eq!((&call["status"], &call["error"]["code"]), (&json!("0x0"), &json!(3)));
    assert_eq!(serde_json::from_value::<Bytes>(call["returnData"].clone()).unwrap(), Bytes::new());
    assert_ne!(blocks[0]["hash"], json!(B256::ZERO));
    node.rig.stop();
}
