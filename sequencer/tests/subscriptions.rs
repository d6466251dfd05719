//! Subscriptions and filters: what is told, in which order, to whom, and what happens to those who do not listen.

mod common;

use std::time::Duration;

use alloy::{
    primitives::{Address, B256, TxKind, U256, hex},
    providers::{Provider, ProviderBuilder, WsConnect},
    rpc::types::Filter,
    signers::local::PrivateKeySigner,
};
use common::{
    DEADLINE, config, execute,
    node::Node,
    user,
    wire::{CLOSE, PING, PONG, Wire},
};
use futures::StreamExt;
use serde_json::{Value, json};
use tandem_sequencer::rpc::RpcLimits;

/// Logs its calldata's first word as topic and nothing else.
const LOGGER: &[u8] = &hex!("600680 60095f395ff3 5f355f5fa100");

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("{what}: nothing in time"))
}

/// A node, a user with an ether, and a contract that logs.
async fn node() -> (Node, PrivateKeySigner, Address) {
    node_with(RpcLimits::default()).await
}

async fn node_with(limits: RpcLimits) -> (Node, PrivateKeySigner, Address) {
    let mut node = Node::start_limited(config(3_600_000), [1_000_000_000, 1], limits).await;
    let alice = node.rich(1).await;
    let created = execute(&alice, 1, TxKind::Create, LOGGER);
    let hash = node.rig.engine.submit(created).await.unwrap();
    let receipt = node.receipt("the contract", hash).await;
    assert_eq!(receipt["status"], "0x1");
    let logger = serde_json::from_value(receipt["contractAddress"].clone()).unwrap();
    (node, alice, logger)
}

async fn log(node: &Node, alice: &PrivateKeySigner, nonce: u64, logger: Address, topic: u64) -> B256 {
    let call = execute(alice, nonce, TxKind::Call(logger), B256::from(U256::from(topic)).as_slice());
    node.rig.engine.submit(call).await.unwrap()
}

#[tokio::test]
async fn a_wallet_library_follows_heads_logs_and_the_pool() {
    let (node, alice, logger) = node().await;
    let provider = ProviderBuilder::new().connect_ws(WsConnect::new(node.ws_url())).await.unwrap();
    let mut heads = provider.subscribe_blocks().await.unwrap().into_stream();
    let mut arrivals = provider.subscribe_pending_transactions().await.unwrap().into_stream();
    let mut full = provider.subscribe_full_pending_transactions().await.unwrap().into_stream();
    let wanted = Filter::new().address(logger).event_signature(B256::from(U256::from(7)));
    let mut logs = provider.subscribe_logs(&wanted).await.unwrap().into_stream();

    let unwanted = log(&node, &alice, 2, logger, 6).await;
    let hash = log(&node, &alice, 3, logger, 7).await;
    for expected in [unwanted, hash] {
        assert_eq!(soon("an arrival", arrivals.next()).await, Some(expected));
        let transaction = soon("an arrival", full.next()).await.unwrap();
        assert_eq!((*transaction.inner.hash(), transaction.block_number), (expected, None));
    }
    let found = soon("a log", logs.next()).await.unwrap();
    assert_eq!((found.transaction_hash, found.removed), (Some(hash), false));
    // What is announced can be read at once, and is what stays.
    let mut number = None;
    while number != found.block_number {
        let head = soon("a head", heads.next()).await.unwrap();
        let block = node.ask("eth_getBlockByHash", json!([head.hash, false])).await;
        assert_eq!(block["stateRoot"], json!(head.state_root));
        assert!(number.is_none_or(|number| head.number == number + 1), "one after the other");
        number = Some(head.number);
    }
    node.rig.stop();
}

#[tokio::test]
async fn what_a_reorganisation_takes_back_is_told() {
    let (mut node, alice, logger) = node().await;
    let mut wire = Wire::connect(node.address()).await;
    let subscribed = wire.ask("eth_subscribe", json!(["logs", { "address": logger }])).await["result"].clone();
    let filter = node.ask("eth_newFilter", json!([{ "address": logger }])).await;
    let blocks = node.ask("eth_newBlockFilter", json!([])).await;

    // A deposit, and a log in or after its block; then L1 has another deposit in its place.
    let (fork, before) = (node.rig.l1_number, node.rig.messages.len());
    node.rig.deposit(user(8).address(), 5).await;
    let hash = log(&node, &alice, 2, logger, 9).await;
    let told = wire.hear().await;
    assert_eq!(told["params"]["subscription"], subscribed);
    let first = told["params"]["result"].clone();
    assert_eq!((&first["transactionHash"], &first["removed"]), (&json!(hash), &json!(false)));
    assert_eq!(node.ask("eth_getFilterChanges", json!([filter])).await, json!([first]));
    assert_eq!(node.ask("eth_getFilterChanges", json!([filter])).await, json!([]));
    node.rig.replace_deposit(fork, before, user(9).address(), 6).await;

    let taken_back = wire.hear().await["params"]["result"].clone();
    let mut expected = first.clone();
    expected["removed"] = true.into();
    assert_eq!(taken_back, expected);
    let again = wire.hear().await["params"]["result"].clone();
    assert_eq!((&again["transactionHash"], &again["removed"]), (&json!(hash), &json!(false)));
    assert_ne!(again["blockHash"], first["blockHash"]);
    assert_eq!(node.ask("eth_getFilterChanges", json!([filter])).await, json!([taken_back, again]));
    assert_eq!(node.ask("eth_getFilterLogs", json!([filter])).await, json!([again]));
    let hashes = node.ask("eth_getFilterChanges", json!([blocks])).await;
    for block in [&first["blockHash"], &again["blockHash"]] {
        assert!(hashes.as_array().unwrap().contains(block), "{block} of {hashes}");
    }
    node.rig.stop();
}

#[tokio::test]
async fn filters_tell_what_came_since_they_were_asked() {
    let (node, alice, logger) = node().await;
    let pool = node.ask("eth_newPendingTransactionFilter", json!([])).await;
    let blocks = node.ask("eth_newBlockFilter", json!([])).await;
    let hash = log(&node, &alice, 2, logger, 1).await;
    let receipt = node.receipt("the log", hash).await;
    assert_eq!(node.ask("eth_getFilterChanges", json!([pool])).await, json!([hash]));
    assert_eq!(node.ask("eth_getFilterChanges", json!([pool])).await, json!([]));
    let told = node.ask("eth_getFilterChanges", json!([blocks])).await;
    assert_eq!(told.as_array().unwrap().last(), Some(&receipt["blockHash"]));
    assert_eq!(node.try_ask("eth_getFilterLogs", json!([blocks])).await.unwrap_err(), "filter not found");
    assert_eq!(node.ask("eth_uninstallFilter", json!([blocks])).await, json!(true));
    assert_eq!(node.ask("eth_uninstallFilter", json!([blocks])).await, json!(false));
    assert_eq!(node.try_ask("eth_getFilterChanges", json!([blocks])).await.unwrap_err(), "filter not found");
    assert_eq!(node.try_ask("eth_getFilterChanges", json!(["0x1"])).await.unwrap_err(), "filter not found");
    for malformed in [json!([5]), json!([])] {
        assert!(node.try_ask("eth_getFilterChanges", malformed).await.unwrap_err().contains("the id of a filter"));
    }
    node.rig.stop();
}

#[tokio::test]
async fn wrong_subscriptions_get_the_answers_tools_know() {
    let limits = RpcLimits { subscriptions_max: 2, ..RpcLimits::default() };
    let (node, ..) = node_with(limits).await;
    assert_eq!(node.try_ask("eth_subscribe", json!(["newHeads"])).await.unwrap_err(), "notifications not supported");
    let mut wire = Wire::connect(node.address()).await;
    let error = |answer: Value| (answer["error"]["code"].as_i64(), answer["error"]["message"].to_string());
    let (code, message) = error(wire.ask("eth_subscribe", json!(["weather"])).await);
    assert!(code == Some(-32601) && message.contains("no \\\"weather\\\" subscription in eth namespace"), "{message}");
    let (code, message) = error(wire.ask("eth_unsubscribe", json!(["0x00000000000000000000000000000001"])).await);
    assert!(code == Some(-32000) && message.contains("subscription not found"), "{message}");
    for params in
        [json!([]), json!([7]), json!(["logs", { "address": "0x1" }]), json!(["logs", { "fromBlock": "0x0" }])]
    {
        assert_eq!(error(wire.ask("eth_subscribe", params).await).0, Some(-32602));
    }
    let id = wire.ask("eth_subscribe", json!(["syncing"])).await["result"].clone();
    wire.ask("eth_subscribe", json!(["newPendingTransactions"])).await;
    let (code, message) = error(wire.ask("eth_subscribe", json!(["newHeads"])).await);
    assert!(code == Some(-32005) && message.contains("--rpc-subscriptions-max"), "{message}");
    assert_eq!(wire.ask("eth_unsubscribe", json!([id])).await["result"], true);

    // In a batch, the answer that names a subscription comes before anything that it tells.
    let request = |id: u64, method: &str, params: Value| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    wire.say(&json!([request(1, "eth_subscribe", json!(["newHeads"])), request(2, "eth_chainId", json!([]))])).await;
    let answers = wire.hear().await;
    assert_eq!((&answers[0]["id"], &answers[1]["result"]), (&json!(1), &json!("0x1092")));
    node.rig.stop();
}

#[tokio::test]
async fn a_quiet_connection_lives_and_a_dead_one_does_not() {
    let limits = RpcLimits { silence_max_s: 1, ..RpcLimits::default() };
    let (node, ..) = node_with(limits).await;
    let (mut alive, mut dead) = (Wire::connect(node.address()).await, Wire::connect(node.address()).await);
    let started = tokio::time::Instant::now();
    while started.elapsed() < Duration::from_secs(3) {
        let (opcode, payload) = alive.frame().await.expect("open as long as pings are answered");
        assert_eq!(opcode, PING);
        alive.send(PONG, &payload).await;
    }
    while let Some((opcode, _)) = dead.frame().await {
        assert!(opcode == PING || opcode == CLOSE);
    }
    assert_eq!(alive.ask("eth_chainId", json!([])).await["result"], "0x1092");
    node.rig.stop();
}

#[tokio::test]
async fn a_slow_question_holds_up_no_notification() {
    let (node, alice, logger) = node().await;
    let mut wire = Wire::connect(node.address()).await;
    wire.ask("eth_subscribe", json!(["newPendingTransactions"])).await;
    // Loops until its gas is used up: JUMPDEST, PUSH0, JUMP.
    let endless = json!({ "to": Address::repeat_byte(0xee), "gas": "0xffffff" });
    let code = json!({ Address::repeat_byte(0xee).to_string(): { "code": "0x5b5f56" } });
    for id in 0..4 {
        wire.say(&json!({ "jsonrpc": "2.0", "id": id, "method": "eth_call", "params": [endless, "latest", code] }))
            .await;
    }
    let hash = log(&node, &alice, 2, logger, 1).await;
    let mut answers = 0;
    loop {
        let heard = wire.hear().await;
        if heard["params"]["result"] == json!(hash) {
            break;
        }
        answers += 1;
    }
    assert!(answers < 4, "told before all are answered");
    node.rig.stop();
}
