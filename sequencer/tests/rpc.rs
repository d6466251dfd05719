//! The JSON-RPC as users reach it: over HTTP and WebSocket, with what they send by mistake or on purpose.

mod common;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEip4844, TxEip7702, TxEnvelope},
    eips::{eip2718::Encodable2718, eip7702::Authorization},
    primitives::{Address, B256, Bytes, TxKind, U256, hex, keccak256},
    providers::{Provider, ProviderBuilder, WsConnect},
    signers::{SignerSync, local::PrivateKeySigner},
};
use common::{
    DEADLINE, ETHER, Rig, chain, config, transfer, user,
    wire::{CLOSE, TEXT, Wire},
};
use serde_json::{Value, json};
use tandem_evm::{Recovered, payload::SignedTransaction};
use tandem_l1::L1Heads;
use tandem_sequencer::{
    engine::EngineConfig,
    evm::rpc::METHODS,
    rpc::{RpcContext, RpcLimits, serve},
};
use tandem_service::Readiness;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Without data: adds one to slot 0, logs with topic 0x42, returns the count. With data: reverts with it.
const COUNTER: &[u8] = &hex!("601f8060095f395ff3 36601757 5f54600101805f55 60425f5fa1 5f5260205ff3 5b365f5f37365ffd");
/// Fails unless it starts with more than 200,000 gas, of which it uses next to nothing.
const DEMANDING: &[u8] = &hex!("600c8060095f395ff3 5a62030d4010600a57fe 5b00");

/// A node with one rich user.
struct Node {
    rig: Rig,
    address: SocketAddr,
    alice: PrivateKeySigner,
    l1_heads: watch::Sender<L1Heads>,
    readiness: Readiness,
    _directory: tempfile::TempDir,
}

impl Node {
    async fn start() -> Self {
        Self::start_with(config(3_600_000), RpcLimits::default()).await
    }

    async fn start_with(config: EngineConfig, limits: RpcLimits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut rig = Rig::start(directory.path(), config).await;
        let alice = user(1);
        rig.deposit(alice.address(), ETHER).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, l1_heads) = watch::channel(L1Heads::default());
        let readiness = Readiness::default();
        let context = RpcContext::new(METHODS, chain(), rig.store.clone(), rig.engine.clone(), l1_heads, limits)
            .with_readiness(readiness.clone());
        tokio::spawn(serve(listener, context, rig.cancel.clone()));
        Self { rig, address, alice, l1_heads: sender, readiness, _directory: directory }
    }

    /// Status and body of the answer to these bytes.
    async fn http(&self, head: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = format!("{head}\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    async fn post(&self, body: &[u8]) -> Value {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap_or_default()
    }

    async fn request(&self, method: &str, params: Value) -> Value {
        let answer = self
            .post(json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }).to_string().as_bytes())
            .await;
        assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!(7)), "{method}");
        answer
    }

    async fn ask(&self, method: &str, params: Value) -> Value {
        let answer = self.request(method, params).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Code and message of the error that must come.
    async fn fail(&self, method: &str, params: Value) -> (i64, String) {
        let answer = self.request(method, params).await;
        let error = &answer["error"];
        (
            error["code"].as_i64().unwrap_or_else(|| panic!("{method} succeeded: {answer}")),
            error["message"].as_str().unwrap().to_owned(),
        )
    }

    async fn refused(&self, transaction: &Recovered, code: i64, text: &str) {
        let error = self.fail("eth_sendRawTransaction", raw(transaction)).await;
        assert!(error.0 == code && error.1.contains(text), "{error:?} instead of {text}");
    }

    async fn receipt(&self, hash: &Value) -> Value {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let receipt = self.ask("eth_getTransactionReceipt", json!([hash])).await;
            if !receipt.is_null() {
                return receipt;
            }
            assert!(Instant::now() < deadline, "no receipt of {hash}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Sends with the gas that the node estimates; the transaction must succeed.
    async fn execute(&self, to: TxKind, input: &[u8]) -> Value {
        let mut call = json!({ "from": self.alice.address(), "data": Bytes::copy_from_slice(input) });
        if let TxKind::Call(to) = to {
            call["to"] = json!(to);
        }
        let gas_limit = number(&self.ask("eth_estimateGas", json!([call])).await);
        let nonce = number(&self.ask("eth_getTransactionCount", json!([self.alice.address(), "pending"])).await);
        let transaction = TxEip1559 { gas_limit, to, input: Bytes::copy_from_slice(input), ..plain(nonce) };
        let hash = self.ask("eth_sendRawTransaction", raw(&sign(&self.alice, transaction))).await;
        let receipt = self.receipt(&hash).await;
        assert_eq!(receipt["status"], "0x1", "with {gas_limit} gas");
        receipt
    }
}

fn plain(nonce: u64) -> TxEip1559 {
    let to = TxKind::Call(Address::repeat_byte(0xb0));
    TxEip1559 {
        chain_id: chain().l2_chain_id,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 1_000_000_000,
        to,
        ..Default::default()
    }
}

fn sign(signer: &PrivateKeySigner, transaction: TxEip1559) -> Recovered {
    let signature = signer.sign_hash_sync(&transaction.signature_hash()).unwrap();
    Recovered::new(SignedTransaction::Eip1559(transaction.into_signed(signature))).unwrap()
}

/// Delegates, as these have signed.
fn set_code(signer: &PrivateKeySigner, nonce: u64, authorities: &[PrivateKeySigner]) -> Recovered {
    let authorize = |authority: &PrivateKeySigner| {
        let authorization = Authorization { chain_id: U256::ZERO, address: Address::repeat_byte(0xde), nonce: 0 };
        let signature = authority.sign_hash_sync(&authorization.signature_hash()).unwrap();
        authorization.into_signed(signature)
    };
    let transaction = TxEip7702 {
        chain_id: chain().l2_chain_id,
        nonce,
        gas_limit: 100_000,
        max_fee_per_gas: 1_000_000_000,
        authorization_list: authorities.iter().map(authorize).collect(),
        ..Default::default()
    };
    let signature = signer.sign_hash_sync(&transaction.signature_hash()).unwrap();
    Recovered::new(SignedTransaction::Eip7702(transaction.into_signed(signature))).unwrap()
}

fn blob_transaction() -> Bytes {
    let transaction = TxEip4844 { chain_id: chain().l2_chain_id, gas_limit: 21_000, ..Default::default() };
    let signature = user(1).sign_hash_sync(&transaction.signature_hash()).unwrap();
    TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into()
}

fn raw(transaction: &Recovered) -> Value {
    json!([Bytes::from(transaction.transaction().encode_2718())])
}

fn number(value: &Value) -> u64 {
    serde_json::from_value::<U256>(value.clone()).unwrap().to()
}

#[tokio::test]
async fn a_transaction_is_followed_from_submission_to_receipt() {
    let node = Node::start().await;
    let (alice, bob) = (node.alice.address(), Address::repeat_byte(0xb0));
    assert_eq!(number(&node.ask("eth_chainId", json!([])).await), chain().l2_chain_id);

    let later = transfer(&node.alice, 2, bob, 5);
    let later_hash = node.ask("eth_sendRawTransaction", raw(&later)).await;
    assert_eq!(later_hash, json!(later.transaction().hash()));
    node.refused(&later, -32000, "already known").await;
    node.refused(&transfer(&node.alice, 2, bob, 6), -32000, "replacement transaction underpriced").await;
    assert_eq!(node.ask("txpool_status", json!([])).await, json!({ "pending": "0x0", "queued": "0x1" }));
    assert_eq!(node.ask("eth_getTransactionByHash", json!([later_hash])).await["blockNumber"], Value::Null);
    assert_eq!(
        number(&node.ask("eth_getTransactionCount", json!([alice, "pending"])).await),
        1,
        "the gap is what comes next"
    );

    let first_hash = node.ask("eth_sendRawTransaction", raw(&transfer(&node.alice, 1, bob, 5))).await;
    let (first, second) = (node.receipt(&first_hash).await, node.receipt(&later_hash).await);
    for receipt in [&first, &second] {
        assert_eq!(
            (&receipt["status"], &receipt["gasUsed"], &receipt["type"]),
            (&json!("0x1"), &json!("0x5208"), &json!("0x2"))
        );
    }
    assert_eq!(node.ask("eth_getBalance", json!([bob, "latest"])).await, "0xa");
    assert_eq!(number(&node.ask("eth_getTransactionCount", json!([alice, "latest"])).await), 3);
    let by_hash = node.ask("eth_getTransactionByHash", json!([first_hash])).await;
    let block = node.ask("eth_getBlockByHash", json!([first["blockHash"], true])).await;
    assert_eq!(block["transactions"][number(&first["transactionIndex"]) as usize], by_hash);
    assert_eq!(block, node.ask("eth_getBlockByNumber", json!([first["blockNumber"], true])).await);
    let history = node.ask("eth_feeHistory", json!(["0x1", first["blockNumber"], [0, 50, 100]])).await;
    assert_eq!(history["reward"], json!([["0x1", "0x1", "0x1"]]), "the tips that were paid");
    let receipts = node.ask("eth_getBlockReceipts", json!([first["blockNumber"]])).await;
    assert!(receipts.as_array().unwrap().iter().any(|receipt| receipt["transactionHash"] == first_hash));
    node.refused(&transfer(&node.alice, 1, bob, 5), -32000, "nonce too low: next nonce 3, tx nonce 1").await;
    node.rig.stop();
}

#[tokio::test]
async fn what_cannot_be_executed_is_refused_with_the_words_tools_know() {
    let node = Node::start().await;
    let sign = |transaction| sign(&node.alice, transaction);
    node.refused(&transfer(&user(9), 0, Address::ZERO, 1), -32000, "insufficient funds for gas * price + value").await;
    node.refused(&sign(TxEip1559 { gas_limit: 20_999, ..plain(1) }), -32000, "intrinsic gas too low").await;
    node.refused(&sign(TxEip1559 { max_fee_per_gas: 9_999_999, ..plain(1) }), -32000, "transaction underpriced").await;
    let tip = TxEip1559 { max_priority_fee_per_gas: 1_000_000_001, ..plain(1) };
    node.refused(&sign(tip), -32000, "max priority fee per gas higher than max fee per gas").await;
    node.refused(&sign(TxEip1559 { chain_id: 1, ..plain(1) }), -32000, "another chain id").await;
    node.refused(&sign(TxEip1559 { gas_limit: (1 << 24) + 1, ..plain(1) }), -32000, "gas limit").await;
    node.refused(&sign(plain(1_000)), -32000, "nonce too high").await;
    let large = TxEip1559 { gas_limit: 5_000_000, input: vec![1; 131_072].into(), ..plain(1) };
    node.refused(&sign(large), -32000, "oversized data").await;
    let init_code = TxEip1559 { gas_limit: 1 << 24, to: TxKind::Create, input: vec![0; 49_153].into(), ..plain(1) };
    node.refused(&sign(init_code), -32000, "max initcode size exceeded").await;
    let floor = TxEip1559 { gas_limit: 40_000, input: vec![1; 1_000].into(), ..plain(1) };
    node.refused(&sign(floor), -32000, "intrinsic gas too low").await;
    node.refused(&set_code(&node.alice, 1, &[]), -32000, "empty authorization list").await;
    node.refused(&sign(TxEip1559 { value: U256::MAX, ..plain(1) }), -32000, "insufficient funds").await;
    node.refused(&sign(plain(u64::MAX)), -32000, "nonce too high").await;
    let blob = node.fail("eth_sendRawTransaction", json!([blob_transaction()])).await;
    assert_eq!(blob, (-32000, "transaction type not supported".into()));
    for garbage in ["0x", "0x00", "0x02", "0x03c0", "0x05c0", "0xc0"] {
        assert_eq!(node.fail("eth_sendRawTransaction", json!([garbage])).await.0, -32000, "{garbage}");
    }
    for garbage in [json!(["xyz"]), json!([5]), json!([])] {
        assert_eq!(node.fail("eth_sendRawTransaction", garbage).await.0, -32602);
    }
    assert_eq!(node.ask("txpool_status", json!([])).await, json!({ "pending": "0x0", "queued": "0x0" }));
    node.rig.stop();
}

#[tokio::test]
async fn calls_see_the_state_they_name_and_reverts_carry_their_data() {
    let node = Node::start().await;
    let deployed = node.execute(TxKind::Create, COUNTER).await;
    let counter: Address = serde_json::from_value(deployed["contractAddress"].clone()).unwrap();
    let counted = node.execute(TxKind::Call(counter), &[]).await;
    let word = |value: u64| json!(B256::from(U256::from(value)));
    let call = json!({ "to": counter });
    assert_eq!(node.ask("eth_call", json!([call])).await, word(2));
    assert_eq!(node.ask("eth_call", json!([call, deployed["blockNumber"]])).await, word(1), "before it was counted");
    assert_eq!(node.ask("eth_call", json!([call, { "blockHash": counted["blockHash"] }])).await, word(2));
    assert_eq!(node.ask("eth_call", json!([call, "safe"])).await, "0x", "nothing is on L1");
    let overrides =
        json!({ counter.to_string(): { "stateDiff": { B256::ZERO.to_string(): B256::from(U256::from(41)) } } });
    assert_eq!(node.ask("eth_call", json!([call, "latest", overrides])).await, word(42));
    assert_eq!(node.ask("eth_getStorageAt", json!([counter, "0x0", "latest"])).await, word(1), "calls change nothing");

    let filter = json!({ "address": counter, "fromBlock": "0x0", "topics": [word(0x42)] });
    let logs = node.ask("eth_getLogs", json!([filter])).await;
    assert_eq!(logs, counted["logs"]);
    assert_eq!(logs.as_array().unwrap().len(), 1);

    let custom = node.request("eth_call", json!([{ "to": counter, "data": "0xdeadbeef01" }])).await;
    assert_eq!(custom["error"], json!({ "code": 3, "message": "execution reverted", "data": "0xdeadbeef01" }));
    let text = Bytes::from(alloy::sol_types::SolError::abi_encode(&alloy::sol_types::Revert::from("no such thing")));
    for method in ["eth_call", "eth_estimateGas"] {
        let error = node.request(method, json!([{ "to": counter, "data": text }])).await["error"].clone();
        assert_eq!((&error["code"], &error["data"]), (&json!(3), &json!(text)), "{method}");
        assert!(error["message"].as_str().unwrap().ends_with("no such thing"), "{error}");
    }
    let list = node.ask("eth_createAccessList", json!([{ "to": counter, "data": text }])).await;
    assert!(list["error"].as_str().unwrap().ends_with("no such thing"), "the reason beside what was touched: {list}");

    let list = node.ask("eth_createAccessList", json!([call])).await;
    assert_eq!(list["accessList"], json!([{ "address": counter, "storageKeys": [B256::ZERO] }]));

    let proof = node.ask("eth_getProof", json!([counter, ["0x0"], counted["blockNumber"]])).await;
    let block = node.ask("eth_getBlockByNumber", json!([counted["blockNumber"], false])).await;
    verify_path(&block["stateRoot"], &proof["accountProof"]);
    verify_path(&proof["storageHash"], &proof["storageProof"][0]["proof"]);
    assert_eq!(proof["storageProof"][0]["value"], "0x1");
    node.rig.stop();
}

/// Each node of a proof is named by its hash in the one before it, the first by the root.
fn verify_path(root: &Value, proof: &Value) {
    let nodes: Vec<Bytes> = serde_json::from_value(proof.clone()).unwrap();
    assert_eq!(json!(keccak256(&nodes[0])), *root);
    for pair in nodes.windows(2) {
        let name = keccak256(&pair[1]);
        assert!(pair[0].windows(32).any(|window| window == name.as_slice()));
    }
}

#[tokio::test]
async fn an_estimate_is_enough_and_not_much_more() {
    let node = Node::start().await;
    let alice = node.alice.address();
    let transfer = json!({ "from": alice, "to": Address::repeat_byte(0xb0), "value": "0x1" });
    assert_eq!(node.ask("eth_estimateGas", json!([transfer])).await, "0x5208");
    let deployed = node.execute(TxKind::Create, DEMANDING).await;
    let demanding: Address = serde_json::from_value(deployed["contractAddress"].clone()).unwrap();
    let estimate = number(&node.ask("eth_estimateGas", json!([{ "from": alice, "to": demanding }])).await);
    // 21,000 for the transaction, 2 for the opcode that asks what is left.
    assert!((221_003..=221_003 + 221_003 / 50).contains(&estimate), "{estimate}");
    node.execute(TxKind::Call(demanding), &[]).await;

    let (code, text) = node.fail("eth_estimateGas", json!([{ "from": alice, "to": demanding, "gas": "0x7530" }])).await;
    assert!(code == -32000, "{text}");
    let poor = json!({ "from": user(9).address(), "to": alice, "value": "0x1" });
    let (code, text) = node.fail("eth_estimateGas", json!([poor])).await;
    assert!(code == -32000 && text.contains("insufficient funds"), "{text}");
    let priced = json!({ "from": alice, "to": demanding, "maxFeePerGas": "0x77359400" });
    assert!(
        number(&node.ask("eth_estimateGas", json!([priced])).await) >= 221_003,
        "gas is capped by what the sender can pay"
    );
    node.rig.stop();
}

#[tokio::test]
async fn what_does_not_exist_is_null_or_named() {
    let node = Node::start().await;
    let unknown = B256::repeat_byte(0xee);
    for (method, params) in [
        ("eth_getBlockByNumber", json!(["0xffffff", false])),
        ("eth_getBlockByHash", json!([unknown, false])),
        ("eth_getBlockReceipts", json!(["0xffffff"])),
        ("eth_getTransactionByHash", json!([unknown])),
        ("eth_getTransactionReceipt", json!([unknown])),
        ("eth_getTransactionByBlockNumberAndIndex", json!(["0x0", "0xffffffffffffffff"])),
        ("rollup_batch", json!(["0x9"])),
        ("rollup_getMessageProof", json!(["0x0"])),
    ] {
        assert_eq!(node.ask(method, params).await, Value::Null, "{method}");
    }
    for (method, params, code) in [
        ("eth_getBalance", json!([Address::ZERO, "0xffffff"]), -32000),
        ("eth_getBalance", json!(["0x12", "latest"]), -32602),
        ("eth_getBalance", json!({ "address": Address::ZERO }), -32602),
        ("eth_call", json!([{ "to": "nobody" }]), -32602),
        ("eth_getLogs", json!([{ "blockHash": unknown }]), -32000),
        ("eth_getProof", json!([Address::ZERO, vec!["0x0"; 1_025], "latest"]), -32005),
        ("eth_feeHistory", json!(["0x1", "latest", [200.0]]), -32602),
        ("eth_getBalance", json!([Address::ZERO, "latest", 1]), -32602),
        ("eth_chainId", json!([1]), -32602),
        ("eth_getBalance", json!([]), -32602),
        ("eth_getFilterChanges", json!(["0x1"]), -32000),
        ("eth_call", json!([{ "gasPrice": "0x1", "maxFeePerGas": "0x1" }]), -32000),
        ("debug_setHead", json!(["0x0"]), -32601),
    ] {
        assert_eq!(node.fail(method, params).await.0, code, "{method}");
    }
    let history = node.ask("eth_feeHistory", json!(["0x2", "latest", [25, 75]])).await;
    assert_eq!(
        (history["baseFeePerGas"].as_array().unwrap().len(), history["reward"][0].as_array().unwrap().len()),
        (3, 2)
    );
    node.rig.stop();
}

#[tokio::test]
async fn malformed_requests_are_answered_and_harm_nothing() {
    let node = Node::start().await;
    let code = |answer: &Value| answer["error"]["code"].as_i64();
    for garbage in [&b"{"[..], b"", b"\xff\xfe", "[".repeat(100_000).as_bytes()] {
        assert_eq!(code(&node.post(garbage).await), Some(-32700));
    }
    for wrong in ["1", "null", "\"eth_chainId\"", "[]", "{}", r#"{"id":1,"method":5}"#] {
        assert_eq!(code(&node.post(wrong.as_bytes()).await), Some(-32600), "{wrong}");
    }
    let one = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_chainId" });
    let notification = json!({ "jsonrpc": "2.0", "method": "eth_chainId" });
    let mixed = node.post(json!([one, 5, notification, { "id": "x", "method": "nope" }]).to_string().as_bytes()).await;
    let codes: Vec<Option<i64>> = mixed.as_array().unwrap().iter().map(code).collect();
    assert_eq!(codes, [None, Some(-32600), Some(-32601)], "each is answered by itself, a notification is not");
    assert_eq!(mixed[2]["id"], "x");
    assert_eq!(node.post(notification.to_string().as_bytes()).await, Value::Null);
    assert_eq!(code(&node.post(json!(vec![one.clone(); 1_001]).to_string().as_bytes()).await), Some(-32600));
    assert_eq!(node.post(json!(vec![one; 1_000]).to_string().as_bytes()).await.as_array().unwrap().len(), 1_000);

    assert_eq!(node.http("POST / HTTP/1.1\r\nContent-Length: 3000000", b"").await.0, 413);
    assert_eq!(node.http("OPTIONS / HTTP/1.1\r\nOrigin: http://a.example", b"").await.0, 204);
    assert_eq!(node.http("GET /healthz HTTP/1.1", b"").await.0, 200);
    let ready = || async { node.http("GET /readyz HTTP/1.1", b"").await };
    assert_eq!(ready().await.0, 503, "this L1 was never reached");
    node.l1_heads.send_modify(|heads| heads.latest.number = 1);
    assert_eq!(ready().await.0, 200);
    let mut missing = node.readiness.trouble("payload", Duration::ZERO);
    missing.holds(|| "that of batch 7 is not available".into());
    let (status, reason) = ready().await;
    assert!(status == 503 && reason.contains("payload: that of batch 7 is not available"), "{reason}");
    drop(missing);
    assert_eq!(ready().await.0, 200);
    node.rig.stop();
}

#[tokio::test]
async fn a_websocket_answers_as_http_does() {
    let node = Node::start().await;
    let provider = ProviderBuilder::new().connect_ws(WsConnect::new(format!("ws://{}", node.address))).await.unwrap();
    assert_eq!(provider.get_chain_id().await.unwrap(), chain().l2_chain_id);
    let transaction = transfer(&node.alice, 1, Address::repeat_byte(0xb0), 5);
    let sent = provider.send_raw_transaction(&transaction.transaction().encode_2718()).await.unwrap();
    node.receipt(&json!(sent.tx_hash())).await;
    let error = provider.send_raw_transaction(&transaction.transaction().encode_2718()).await.unwrap_err();
    assert!(error.as_error_resp().unwrap().message.starts_with("nonce too low"), "{error}");
    node.rig.stop();
}

#[tokio::test]
async fn a_transaction_is_never_unknown_and_no_nonce_goes_back() {
    let node = Node::start().await;
    let (alice, bob) = (node.alice.address(), Address::repeat_byte(0xb0));
    let mut nonces = [0; 2];
    for nonce in 1..=24 {
        let hash = node.ask("eth_sendRawTransaction", raw(&transfer(&node.alice, nonce, bob, 5))).await;
        let deadline = Instant::now() + DEADLINE;
        let mut is_included = false;
        loop {
            assert!(Instant::now() < deadline, "{hash} is in no block");
            let found = node.ask("eth_getTransactionByHash", json!([hash])).await;
            assert!(!found.is_null(), "transaction {nonce} is unknown");
            let now_included = !found["blockNumber"].is_null();
            assert!(now_included || !is_included, "transaction {nonce} was included and waits");
            let status = node.ask("rollup_transactionStatus", json!([hash])).await;
            assert!(status["status"] == "included" || status["status"] == "waiting" && !now_included, "{status}");
            for (before, tag) in nonces.iter_mut().zip(["latest", "pending"]) {
                let now = number(&node.ask("eth_getTransactionCount", json!([alice, tag])).await);
                assert!(now >= *before, "the {tag} nonce went from {before} to {now}");
                *before = now;
            }
            assert_eq!(nonces[1], nonce + 1, "what waits counts as soon as it is answered");
            is_included = now_included;
            if !node.ask("eth_getTransactionReceipt", json!([hash])).await.is_null() {
                assert!(!node.ask("eth_getTransactionByHash", json!([hash])).await["blockNumber"].is_null());
                break;
            }
        }
    }
    node.rig.stop();
}

#[tokio::test]
async fn what_became_of_a_transaction_is_told() {
    let node = Node::start().await;
    let bob = Address::repeat_byte(0xb0);
    let status = async |hash: &Value| node.ask("rollup_transactionStatus", json!([hash])).await;
    assert_eq!(status(&json!(B256::repeat_byte(0xee))).await, json!({ "status": "unknown" }));
    assert_eq!(node.fail("rollup_transactionStatus", json!(["0x12"])).await.0, -32602);

    let pays = |nonce, fee_max| {
        sign(&node.alice, TxEip1559 { max_fee_per_gas: fee_max, max_priority_fee_per_gas: fee_max, ..plain(nonce) })
    };
    let first = node.ask("eth_sendRawTransaction", raw(&pays(2, 1_000_000_000))).await;
    assert_eq!(status(&first).await, json!({ "status": "waiting", "waitsFor": "nonce" }));
    let second = node.ask("eth_sendRawTransaction", raw(&pays(2, 1_100_000_000))).await;
    let dropped = status(&first).await;
    assert_eq!((&dropped["status"], &dropped["reason"]), (&json!("dropped"), &json!("replaced")));
    assert_eq!(dropped["by"], second);
    assert!(dropped["message"].as_str().unwrap().contains("same nonce"), "{dropped}");
    assert_eq!(node.ask("eth_getTransactionByHash", json!([first])).await, Value::Null);

    node.ask("eth_sendRawTransaction", raw(&transfer(&node.alice, 1, bob, 5))).await;
    let receipt = node.receipt(&second).await;
    let included = status(&second).await;
    assert_eq!((&included["status"], &included["promise"]), (&json!("included"), &json!("latest")));
    for field in ["blockHash", "blockNumber", "transactionIndex"] {
        assert_eq!(included[field], receipt[field]);
    }
    node.rig.stop();
}

#[tokio::test]
async fn an_error_that_comes_from_a_limit_names_its_flag() {
    let limits = RpcLimits {
        body_bytes_max: 4_000,
        batch_max: 2,
        log_blocks_max: 1,
        filter_max: 1,
        proof_slots_max: 1,
        percentiles_max: 1,
        call_gas_max: 100_000,
        content_max: 0,
        ..Default::default()
    };
    let mut config = config(3_600_000);
    config.mempool.per_sender_max = 1;
    config.mempool.nonce_gap_max = 1;
    config.mempool.transaction_bytes_max = 200;
    let node = Node::start_with(config, limits).await;
    let alice = node.alice.address();
    // Behind a gap, so that it stays.
    node.ask("eth_sendRawTransaction", raw(&sign(&node.alice, plain(2)))).await;
    let flagged = async |method: &str, params: Value, code: i64, flag: &str| {
        let error = node.fail(method, params).await;
        assert!(error.0 == code && error.1.contains(&format!("--{flag})")), "{flag}: {error:?}");
    };
    let topics = json!([[B256::ZERO, B256::repeat_byte(1)]]);
    for (method, params, code, flag) in [
        ("eth_getLogs", json!([{ "fromBlock": "0x0", "toBlock": "0x1" }]), -32005, "rpc-log-blocks-max"),
        ("eth_getLogs", json!([{ "topics": topics }]), -32005, "rpc-filter-max"),
        ("eth_getProof", json!([alice, ["0x0", "0x1"], "latest"]), -32005, "rpc-proof-slots-max"),
        ("eth_feeHistory", json!(["0x1", "latest", [1, 2]]), -32005, "rpc-percentiles-max"),
        ("txpool_content", json!([]), -32005, "rpc-content-max"),
        ("eth_call", json!([{ "data": "0x5b5f56" }]), -32000, "rpc-call-gas-max"),
        ("eth_sendRawTransaction", raw(&sign(&node.alice, plain(1))), -32000, "mempool-sender-max"),
        ("eth_sendRawTransaction", raw(&sign(&node.alice, plain(3))), -32000, "mempool-nonce-gap-max"),
        (
            "eth_sendRawTransaction",
            raw(&sign(&node.alice, TxEip1559 { input: vec![1; 200].into(), ..plain(1) })),
            -32000,
            "mempool-transaction-bytes-max",
        ),
        (
            "eth_sendRawTransaction",
            raw(&sign(&node.alice, TxEip1559 { max_fee_per_gas: 1_000_000_001, ..plain(2) })),
            -32000,
            "mempool-replacement-percent",
        ),
    ] {
        flagged(method, params, code, flag).await;
    }
    let one = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_chainId" });
    let batch = node.post(json!([one, one, one]).to_string().as_bytes()).await;
    assert!(batch["error"]["message"].as_str().unwrap().ends_with("(--rpc-batch-max)"), "{batch}");
    for (length, body) in [
        ("Content-Length: 4001", String::new()),
        ("Transfer-Encoding: chunked", format!("fa1\r\n{}", " ".repeat(4_001))),
    ] {
        let (status, answer) = node.http(&format!("POST / HTTP/1.1\r\n{length}"), body.as_bytes()).await;
        assert!(status == 413 && answer.contains("--rpc-body-bytes-max"), "{status} {answer}");
    }
    node.rig.stop();

    let nobody = RpcLimits { waiting_max: 0, ..Default::default() };
    let node = Node::start_with(common::config(3_600_000), nobody).await;
    let error = node.fail("eth_chainId", json!([])).await;
    assert!(error.0 == -32005 && error.1.ends_with("(--rpc-waiting-max)"), "{error:?}");
    node.rig.stop();
}

#[tokio::test]
async fn a_full_pool_and_a_small_batch_name_their_flags() {
    let mut config = config(3_600_000);
    config.mempool.transactions_max = 1;
    config.batch.payload_bytes_max = 40_000;
    let node = Node::start_with(config, RpcLimits::default()).await;
    // Behind a gap, so that it stays.
    node.ask("eth_sendRawTransaction", raw(&sign(&node.alice, plain(2)))).await;
    node.refused(&sign(&node.alice, plain(3)), -32000, "(--mempool-max, --mempool-bytes-max)").await;
    let input: Vec<u8> = (0..1_300u16).flat_map(|seed| keccak256(seed.to_be_bytes())).collect();
    let large = TxEip1559 { input: input.into(), gas_limit: 5_000_000, ..plain(1) };
    node.refused(&sign(&node.alice, large), -32000, "(--batch-bytes-max)").await;
    node.rig.stop();
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let limits = RpcLimits { request_time_max_s: 1, ..Default::default() };
    let node = Node::start_with(config(3_600_000), limits).await;
    let head = "POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 100";
    let (status, answer) = node.http(head, b"{\"jsonrpc\":").await;
    assert_eq!(status, 408, "{answer}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["error"]["code"], -32005, "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().ends_with("(--rpc-request-time-max-s)"), "{answer}");
    node.rig.stop();
}

/// As a browser does it (RFC 6455): a frame that is announced with more bytes than a message may have.
#[tokio::test]
async fn a_websocket_closes_on_a_message_that_is_too_large() {
    let limits = RpcLimits { body_bytes_max: 4_000, ..Default::default() };
    let node = Node::start_with(config(3_600_000), limits).await;
    let mut wire = Wire::connect(node.address).await;
    wire.send(TEXT, &[b' '; 4_001]).await;
    let (opcode, payload) = wire.frame().await.expect("the reason");
    let (code, reason) = payload.split_at(2);
    assert_eq!((opcode, code), (CLOSE, 1009u16.to_be_bytes().as_slice()));
    assert!(String::from_utf8_lossy(reason).contains("--rpc-body-bytes-max"));
    node.rig.stop();
}

#[tokio::test]
async fn a_limit_that_is_raised_binds_no_more() {
    let limits = RpcLimits { call_gas_max: 100_000_000, batch_max: 200, ..Default::default() };
    let node = Node::start_with(config(3_600_000), limits).await;
    // Returns the gas that is left: more than any transaction or block has.
    let gas = node.ask("eth_call", json!([{ "data": "0x5a5f5260205ff3" }])).await;
    assert!(number(&gas) > 99_000_000, "{gas}");
    let estimate = node.fail("eth_estimateGas", json!([{ "from": node.alice.address(), "data": "0x5b5f56" }])).await;
    assert!(estimate.1.contains("(16777216)"), "what no transaction can have is no estimate: {estimate:?}");
    let one = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_chainId" });
    let answers = node.post(json!(vec![one; 101]).to_string().as_bytes()).await;
    assert_eq!(answers.as_array().unwrap().len(), 101);
    node.rig.stop();
}
