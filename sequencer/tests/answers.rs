//! Answers about logs, the block that is not built yet, what a node runs and holds, and in whose name it may be asked.

mod common;

use std::time::{Duration, Instant};

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEip7702, TxEnvelope},
    eips::{Decodable2718, eip7702::Authorization},
    primitives::{Address, B256, Bytes, TxKind, U256, hex},
    signers::{SignerSync, local::PrivateKeySigner},
};
use common::{
    DEADLINE, START_S, chain, config, execute,
    node::{Node, quantity},
    steps::Steps,
    transfer, user,
};
use serde_json::{Value, json};
use tandem_evm::{Recovered, payload::SignedTransaction};
use tandem_l1::{
    L1Client, L1Header,
    anvil::{Anvil, AnvilOptions},
};
use tandem_sequencer::{
    clock::ManualClock,
    engine::{EngineConfig, L1Tip},
    mempool::{Dropped, Fate},
    rpc::{RpcContext, RpcLimits},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Logs its calldata's first word as topic and nothing else.
const LOGGER: &[u8] = &hex!("600680 60095f395ff3 5f355f5fa100");
/// Runs until its gas is used up.
const LOOP: &str = "0x5b5f56";

/// A node with two contracts that log, and a user who has called them.
async fn logged(topics: u64) -> (Node, [Address; 2]) {
    let mut node = Node::start(config(3_600_000), [1_000_000_000, 1]).await;
    let alice = node.rich(1).await;
    let mut loggers = [Address::ZERO; 2];
    for (nonce, logger) in (1..).zip(&mut loggers) {
        let hash = node.rig.engine.submit(execute(&alice, nonce, TxKind::Create, LOGGER)).await.unwrap();
        *logger = serde_json::from_value(node.receipt("it", hash).await["contractAddress"].clone()).unwrap();
    }
    for call in 0..12 {
        let (to, topic) = (TxKind::Call(loggers[call as usize % 2]), B256::from(U256::from(call % topics)));
        let hash = node.rig.engine.submit(execute(&alice, 3 + call, to, topic.as_slice())).await.unwrap();
        if call % 3 == 2 {
            node.receipt("a call", hash).await;
        }
    }
    let last = transfer(&alice, 15, Address::ZERO, 1);
    let hash = node.rig.engine.submit(last).await.unwrap();
    node.receipt("the last", hash).await;
    (node, loggers)
}

#[tokio::test]
async fn logs_are_those_of_the_receipts_that_fit() {
    let (node, [first, second]) = logged(5).await;
    let head = node.quantity("eth_blockNumber", json!([])).await.to::<u64>();
    let mut all = Vec::new();
    for number in 0..=head {
        let receipts = node.ask("eth_getBlockReceipts", json!([U256::from(number)])).await;
        all.extend(receipts.as_array().unwrap().iter().flat_map(|receipt| receipt["logs"].as_array().unwrap().clone()));
    }
    assert!(all.len() >= 12, "{}", all.len());
    let topic = |topic: u64| json!(B256::from(U256::from(topic)));
    let one_of = |value: &Value, wanted: &[Value]| wanted.is_empty() || wanted.contains(value);
    let every: &[Value] = &[];
    let cases: [(&[Value], &[Value]); 7] = [
        (every, every),
        (&[json!(first)], every),
        (&[json!(first), json!(second)], every),
        (every, &[topic(3)]),
        (every, &[topic(1), topic(4)]),
        (&[json!(second)], &[topic(1), topic(2)]),
        (&[json!(Address::repeat_byte(9))], &[topic(1)]),
    ];
    for (addresses, topics) in cases {
        for from in [0, head / 2] {
            let fits = |log: &&Value| {
                one_of(&log["address"], addresses)
                    && (topics.is_empty() || one_of(&log["topics"][0], topics))
                    && quantity(&log["blockNumber"]) >= U256::from(from)
            };
            let expected: Vec<Value> = all.iter().filter(fits).cloned().collect();
            let mut filter = json!({ "fromBlock": U256::from(from), "toBlock": "latest" });
            if !addresses.is_empty() {
                filter["address"] = json!(addresses);
            }
            if !topics.is_empty() {
                filter["topics"] = json!([topics]);
            }
            let found = node.ask("eth_getLogs", json!([filter])).await;
            assert_eq!(found, json!(expected), "{filter}");
        }
    }
    node.rig.stop();
}

#[tokio::test]
async fn the_pending_block_is_what_would_be_built() {
    let slow = EngineConfig { block_time_ms: 1_000, ..config(3_600_000) };
    let mut node = Node::start(slow, [1_000_000_000, 1]).await;
    let alice = node.rich(1).await;
    let deadline = Instant::now() + DEADLINE;
    for nonce in 1.. {
        assert!(Instant::now() < deadline, "never pending");
        let hash = node.rig.engine.submit(transfer(&alice, nonce, Address::repeat_byte(7), 1)).await.unwrap();
        let pending = node.ask("eth_getBlockByNumber", json!(["pending", true])).await;
        let parent = node.ask("eth_getBlockByHash", json!([pending["parentHash"], false])).await;
        for unknown in ["hash", "nonce", "miner"] {
            assert!(pending.get(unknown).is_some_and(Value::is_null), "{unknown}");
        }
        assert_eq!(quantity(&pending["number"]), quantity(&parent["number"]) + U256::from(1));
        assert!(quantity(&pending["timestamp"]) >= quantity(&parent["timestamp"]));
        let transactions = pending["transactions"].as_array().unwrap();
        let Some(transaction) = transactions.iter().find(|transaction| transaction["hash"] == json!(hash)) else {
            // A block came between.
            node.receipt("a transfer", hash).await;
            continue;
        };
        assert_eq!((&transaction["blockHash"], &transaction["blockNumber"]), (&Value::Null, &pending["number"]));
        assert_eq!(pending["gasUsed"], "0x5208");
        assert_ne!(pending["transactionsRoot"], parent["transactionsRoot"]);
        let count = node.ask("eth_getBlockTransactionCountByNumber", json!(["latest"])).await;
        assert!(count.is_string());
        let header = node.ask("eth_getHeaderByNumber", json!(["pending"])).await;
        assert!(header["hash"].is_null() && header.get("transactions").is_none());
        break;
    }
    node.rig.stop();
}

#[tokio::test]
async fn what_a_sender_leaves_open_is_filled_in() {
    let mut node = Node::start(config(3_600_000), [1_000_000_000, 1]).await;
    let alice = node.rich(1).await;
    let to = Address::repeat_byte(7);
    let call = json!({ "from": alice.address(), "to": to, "value": "0x5" });
    let filled = node.ask("eth_fillTransaction", json!([call])).await;
    let raw: Bytes = serde_json::from_value(filled["raw"].clone()).unwrap();
    let TxEnvelope::Eip1559(unsigned) = TxEnvelope::decode_2718(&mut raw.as_ref()).unwrap() else { panic!("{filled}") };
    let transaction: TxEip1559 = unsigned.tx().clone();
    let (chain_id, gas) = (chain().l2_chain_id, node.quantity("eth_estimateGas", json!([call])).await);
    assert_eq!((transaction.nonce, transaction.to, transaction.chain_id), (1, TxKind::Call(to), chain_id));
    assert_eq!(U256::from(transaction.gas_limit), gas);
    assert_eq!(
        (&filled["tx"]["nonce"], &filled["tx"]["r"], &filled["tx"]["type"]),
        (&json!("0x1"), &json!("0x0"), &json!("0x2"))
    );
    // What is filled in is enough.
    let signature = alice.sign_hash_sync(&transaction.signature_hash()).unwrap();
    let signed = Recovered::new(SignedTransaction::Eip1559(transaction.into_signed(signature))).unwrap();
    let hash = node.rig.engine.submit(signed).await.unwrap();
    assert_eq!(node.receipt("it", hash).await["status"], "0x1");

    let fail = async |call: Value| node.try_ask("eth_fillTransaction", json!([call])).await.unwrap_err();
    for (field, value, words) in [
        ("chainId", json!("0x1"), "chainId does not match node's"),
        ("maxFeePerGas", json!("0x1"), "maxFeePerGas (1) < maxPriorityFeePerGas"),
        ("data", json!("0x12"), r#"both "data" and "input""#),
    ] {
        let mut wrong = json!({ "from": alice.address(), "to": to, "input": "0x" });
        wrong[field] = value;
        let error = fail(wrong).await;
        assert!(error.contains(words), "{field}: {error}");
    }
    let error = fail(json!({ "from": alice.address() })).await;
    assert!(error.contains("contract creation without any data"), "{error}");
    let legacy =
        json!({ "from": alice.address(), "to": to, "gasPrice": "0x3b9aca00", "gas": "0x5208", "nonce": "0x9" });
    let filled = node.ask("eth_fillTransaction", json!([legacy])).await;
    let expected = (json!("0x0"), json!("0x9"), json!("0x3b9aca00"));
    assert_eq!(
        (filled["tx"]["type"].clone(), filled["tx"]["nonce"].clone(), filled["tx"]["gasPrice"].clone()),
        expected
    );
    node.rig.stop();
}

#[tokio::test]
async fn a_node_says_what_it_runs_and_holds() {
    let node = Node::start(config(3_600_000), [1_000_000_000, 1]).await;
    let answer = node.ask("eth_config", json!([])).await;
    let current = &answer["current"];
    assert_eq!((&answer["next"], &answer["last"]), (&Value::Null, &Value::Null));
    assert_eq!((&current["chainId"], &current["activationTime"]), (&json!(U256::from(chain().l2_chain_id)), &json!(0)));
    let precompiles = current["precompiles"].as_object().unwrap();
    assert_eq!(precompiles.len(), 18, "{precompiles:?}");
    assert_eq!(precompiles["P256VERIFY"], "0x0000000000000000000000000000000000000100");
    let history = &current["systemContracts"]["HISTORY_STORAGE_ADDRESS"];
    assert_ne!(node.ask("eth_getCode", json!([history, "latest"])).await, "0x", "what is named is there");
    let held = node.ask("eth_capabilities", json!([])).await;
    for resource in ["state", "tx", "logs", "receipts", "blocks", "stateproofs"] {
        assert_eq!(held[resource], json!({ "disabled": false, "oldestBlock": "0x0" }));
    }
    let block = node.ask("eth_getBlockByNumber", json!([held["head"]["number"], false])).await;
    assert_eq!(block["hash"], held["head"]["hash"]);
    let status = node.ask("rollup_blockStatus", json!(["earliest"])).await;
    assert_eq!((&status["blockNumber"], &status["batchIndex"]), (&json!("0x0"), &Value::Null));
    assert_eq!(node.ask("rollup_blockStatus", json!(["0xffffff"])).await, Value::Null);
    let error = node.try_ask("evm_mine", json!([])).await.unwrap_err();
    assert!(error.contains("does not exist"), "L1's clock is not for everybody: {error}");
    assert!(node.ask("rpc_modules", json!([])).await.get("evm").is_none());
    node.rig.stop();
}

/// Says these headers, and returns everything that is answered.
async fn say(node: &Node, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(node.address()).await.unwrap();
    let length = body.len();
    let request = format!(
        "{head}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn pages_may_ask_but_not_under_a_name_of_their_own() {
    let node = Node::start(config(3_600_000), [1_000_000_000, 1]).await;
    let asks = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;
    let post = async |host: &str| say(&node, &format!("POST / HTTP/1.1\r\nHost: {host}"), asks).await;
    assert!(post("localhost:9545").await.starts_with("HTTP/1.1 200"));
    assert!(post("127.0.0.1").await.starts_with("HTTP/1.1 200"));
    let refused = post("evil.example:9545").await;
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    assert!(refused.contains("invalid host specified (--http-hosts)"), "{refused}");
    let upgrade = "GET / HTTP/1.1\r\nHost: evil.example\r\nUpgrade: websocket";
    assert!(say(&node, upgrade, "").await.starts_with("HTTP/1.1 403"));
    assert!(say(&node, "GET /healthz HTTP/1.1\r\nHost: node.cluster", "").await.starts_with("HTTP/1.1 200"));

    let preflight =
        "OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://dapp.example\r\nAccess-Control-Request-Method: POST";
    let plain = say(&node, preflight, "").await.to_lowercase();
    assert!(plain.contains("access-control-allow-origin: *") && !plain.contains("private-network"), "{plain}");
    let private = format!("{preflight}\r\nAccess-Control-Request-Private-Network: true");
    let private = say(&node, &private, "").await.to_lowercase();
    assert!(private.contains("access-control-allow-private-network: true"), "{private}");
    node.rig.stop();
}

/// A question that takes as long as it may.
fn endless() -> Value {
    let code = json!({ Address::repeat_byte(0x10).to_string(): { "code": LOOP } });
    let call = json!({ "to": Address::repeat_byte(0x10), "gas": "0x1c9c380" });
    let block =
        json!({ "stateOverrides": code, "blockOverrides": { "gasLimit": "0xe8d4a51000" }, "calls": vec![call; 1_000] });
    json!([{ "blockStateCalls": [block] }, "latest"])
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_questions_end_and_keep_no_transaction_waiting() {
    let limits = RpcLimits {
        waiting_max: 2,
        working_max: 1,
        execution_time_max_s: 10,
        call_gas_max: 1 << 50,
        ..Default::default()
    };
    let mut node = Node::start_limited(config(3_600_000), [1_000_000_000, 1], limits).await;
    let alice = node.rich(1).await;
    let raw = Bytes::from(transfer(&alice, 1, Address::repeat_byte(7), 1).transaction().encode_2718());
    {
        let is_overload = |error: String| error == "node is overloaded, try again (--rpc-waiting-max)";
        // Whichever of the three comes first, in the end these two have the places.
        let slow = async || loop {
            match node.try_ask("eth_simulateV1", endless()).await {
                Err(error) if is_overload(error.clone()) => tokio::time::sleep(Duration::from_millis(10)).await,
                ended => return ended,
            }
        };
        let (first, second) = (slow(), slow());
        let other = async {
            // One works and one waits, until there is no place for a third question.
            let third = || tokio::time::timeout(Duration::from_secs(1), node.try_ask("eth_chainId", json!([])));
            while !third().await.is_ok_and(|answer| answer.is_err_and(is_overload)) {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            node.ask("eth_sendRawTransactionSync", json!([raw])).await
        };
        tokio::pin!(first, second, other);
        tokio::select! {
            biased;
            ended = &mut first => panic!("the transaction waited for a question: {ended:?}"),
            ended = &mut second => panic!("the transaction waited for a question: {ended:?}"),
            receipt = &mut other => assert_eq!(receipt["status"], "0x1"),
        }
        let error = first.await.unwrap_err();
        assert_eq!(error, "execution aborted (timeout = 10s; --rpc-execution-time-max-s)");
    }
    node.rig.stop();
}

fn fate(steps: &Steps, hash: B256) -> Option<Fate> {
    steps.handle.pool().fate(&hash)
}

/// Delegates as `authority` has signed for these nonces.
fn authorised(sender: &PrivateKeySigner, nonce: u64, authority: &PrivateKeySigner, nonces: &[u64]) -> Recovered {
    let authorize = |nonce: &u64| {
        let authorization = Authorization { chain_id: U256::ZERO, address: Address::repeat_byte(0xde), nonce: *nonce };
        let signature = authority.sign_hash_sync(&authorization.signature_hash()).unwrap();
        authorization.into_signed(signature)
    };
    let transaction = TxEip7702 {
        chain_id: chain().l2_chain_id,
        nonce,
        gas_limit: 300_000,
        max_fee_per_gas: 1_000_000_000,
        authorization_list: nonces.iter().map(authorize).collect(),
        ..Default::default()
    };
    let signature = sender.sign_hash_sync(&transaction.signature_hash()).unwrap();
    Recovered::new(SignedTransaction::Eip7702(transaction.into_signed(signature))).unwrap()
}

#[tokio::test]
async fn an_authorisation_ends_what_waits_with_its_nonce() {
    let directory = tempfile::tempdir().unwrap();
    let (alice, bob) = (user(1), user(2));
    let mut steps = Steps::funded(directory.path(), config(3_600_000), &[alice.address(), bob.address()]).await;
    // Behind a gap: it would wait for ever once its account is past it.
    let behind = steps.submit(transfer(&bob, 2, Address::ZERO, 1)).await.unwrap();
    let after = steps.submit(transfer(&bob, 3, Address::ZERO, 1)).await.unwrap();
    steps.submit(authorised(&alice, 1, &bob, &[1, 2])).await.unwrap();
    assert_eq!(steps.tick(), 1);
    assert_eq!(fate(&steps, behind), Some(Fate::Dropped(Dropped::NonceUsed { next: 3 })));
    assert!(matches!(fate(&steps, after), Some(Fate::Waiting { pending_nonce: 4, .. })), "its turn has come");
    assert_eq!(steps.tick(), 1);
    assert!(steps.store.transaction_place(after).unwrap().is_some());
    assert!(steps.store.journal().unwrap().is_empty());
}

#[tokio::test]
async fn what_no_block_could_take_for_long_goes_and_what_one_could_stays() {
    let directory = tempfile::tempdir().unwrap();
    let (alice, bob) = (user(1), user(2));
    let mut config = config(3_600_000);
    config.mempool.expiry_s = 60;
    let mut steps = Steps::funded(directory.path(), config, &[alice.address(), bob.address()]).await;
    let behind = steps.submit(transfer(&alice, 3, Address::ZERO, 1)).await.unwrap();
    steps.tick_after(Duration::from_secs(1));
    steps.tick_after(Duration::from_secs(58));
    assert!(matches!(fate(&steps, behind), Some(Fate::Waiting { .. })));
    let young = steps.submit(transfer(&bob, 3, Address::ZERO, 1)).await.unwrap();
    steps.tick_after(Duration::from_secs(3));
    assert_eq!(fate(&steps, behind), Some(Fate::Dropped(Dropped::Expired { after_s: 60 })));
    assert!(matches!(fate(&steps, young), Some(Fate::Waiting { .. })));
    assert_eq!(steps.store.journal().unwrap().len(), 1, "what is gone does not come back with a restart");
    // A gap that is filled makes it as good as new.
    drop(steps);
    let mut steps = Steps::start(directory.path(), config, ManualClock::at(START_S)).await;
    assert!(matches!(fate(&steps, young), Some(Fate::Waiting { .. })), "and what is not gone does");
    for nonce in 1..3 {
        steps.submit(transfer(&bob, nonce, Address::ZERO, 1)).await.unwrap();
    }
    steps.tick_after(Duration::from_secs(61));
    assert!(steps.store.transaction_place(young).unwrap().is_some());
}

#[tokio::test]
async fn a_devnets_clock_is_moved_through_l1s() {
    let anvil = Anvil::start(AnvilOptions::default()).unwrap();
    let l1 = L1Client::connect(&anvil.url().unwrap(), Duration::from_secs(10)).await.unwrap();
    let (limits, clock) = (RpcLimits::default(), l1.clone());
    let with_clock = |context: RpcContext| context.with_l1_clock(Some(clock));
    let mut node = Node::start_adjusted(config(3_600_000), [1_000_000_000, 1], limits, with_clock).await;
    // So that a checkpoint lies deep enough for a batch.
    node.rig.l1_block(vec![]).await;
    let newest = async || node.ask("eth_getBlockByNumber", json!(["latest", false])).await;
    let before = newest().await;
    assert_eq!(node.ask("rpc_modules", json!([])).await["evm"], "1.0");

    let moved = node.ask("evm_increaseTime", json!([3_600])).await;
    assert_eq!(moved, json!(3_600), "as Anvil has it");
    node.ask("evm_increaseTime", json!(["0xa"])).await;
    // What the watcher does: it tells of every block of L1.
    let watching = async {
        loop {
            let L1Header { timestamp, base_fee, .. } = l1.latest().await.unwrap();
            node.rig.engine.l1_block(vec![], L1Tip { timestamp, base_fee: U256::from(base_fee) }).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = watching => {}
        mined = node.ask("evm_mine", json!([])) => assert_eq!(mined, "0x0"),
    }
    let after = newest().await;
    assert!(quantity(&after["number"]) > quantity(&before["number"]));
    assert!(quantity(&after["timestamp"]) >= quantity(&before["timestamp"]) + U256::from(3_610), "{after}");
    assert!(U256::from(l1.latest().await.unwrap().timestamp) <= quantity(&after["timestamp"]));
    for (wrong, words) in [
        (json!([]), "missing value for required argument 0: expected a number of seconds"),
        (json!(["soon"]), "invalid argument 0: expected a number of seconds"),
        (json!([-1]), "invalid argument 0: expected a number of seconds"),
        (json!([1, 2]), "too many arguments, want at most 1"),
    ] {
        assert_eq!(node.try_ask("evm_increaseTime", wrong).await.unwrap_err(), words);
    }
    node.rig.stop();
}
