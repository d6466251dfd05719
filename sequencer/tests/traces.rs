//! Tracers and overrides: what is told of an execution is what happened, and what is not supported is refused.

mod common;

use alloy::primitives::{Address, B256, Bytes, TxKind, U256, hex, keccak256};
use common::{config, execute, node::Node, transfer};
use serde_json::{Value, json};
use tandem_sequencer::rpc::RpcLimits;

/// Without data: adds one to slot 0, returns the count. With data: reverts with it.
const COUNTER: &[u8] = &hex!("601a80 60095f395ff3 36601257 5f54600101805f55 5f5260205ff3 5b365f5f37365ffd");
/// Calls the address that its input begins with, without input, and returns nothing.
const CALLER: &[u8] = &hex!("601080 60095f395ff3 5f5f5f5f5f5f35 62030d40 f1 50 00 00");
/// Returns block number and timestamp.
const BLOCK: &[u8] = &hex!("435f5242602052 60405ff3");

struct Rig {
    node: Node,
    counter: Address,
    caller: Address,
    /// Of a call from caller to counter, in a block.
    nested: B256,
}

async fn rig() -> Rig {
    rig_with(RpcLimits::default()).await
}

async fn rig_with(limits: RpcLimits) -> Rig {
    let mut node = Node::start_limited(config(3_600_000), [1_000_000_000, 1], limits).await;
    let alice = node.rich(1).await;
    let mut contracts = Vec::new();
    for (nonce, code) in [(1, COUNTER), (2, CALLER)] {
        let hash = node.rig.engine.submit(execute(&alice, nonce, TxKind::Create, code)).await.unwrap();
        let receipt = node.receipt("a contract", hash).await;
        assert_eq!(receipt["status"], "0x1");
        contracts.push(serde_json::from_value::<Address>(receipt["contractAddress"].clone()).unwrap());
    }
    let (counter, caller) = (contracts[0], contracts[1]);
    // Several in one block, so that what a trace sees depends on what came before it in the block.
    let first = execute(&alice, 3, TxKind::Call(counter), &[]);
    let second = execute(&alice, 4, TxKind::Call(caller), counter.into_word().as_slice());
    let failing = execute(&alice, 5, TxKind::Call(counter), &[7]);
    let paying = transfer(&alice, 6, Address::repeat_byte(0xb0), 9);
    let nested = *second.transaction().hash();
    let last = *paying.transaction().hash();
    for transaction in [first, second, failing, paying] {
        node.rig.engine.submit(transaction).await.unwrap();
    }
    node.receipt("the last", last).await;
    Rig { node, counter, caller, nested }
}

fn tracer(name: &str) -> Value {
    json!({ "tracer": name })
}

#[tokio::test]
async fn every_transaction_is_replayed_as_it_was() {
    let Rig { node, .. } = rig().await;
    let head = node.quantity("eth_blockNumber", json!([])).await.to::<u64>();
    let (mut transactions, mut deposits, mut reverted) = (0, 0, 0);
    for number in 1..=head {
        let number = json!(U256::from(number));
        let receipts = node.ask("eth_getBlockReceipts", json!([number])).await;
        let traces = node.ask("debug_traceBlockByNumber", json!([number, tracer("callTracer")])).await;
        let steps = node.ask("debug_traceBlockByNumber", json!([number])).await;
        for (index, receipt) in receipts.as_array().unwrap().iter().enumerate() {
            let trace = &traces[index];
            assert_eq!(trace["txHash"], receipt["transactionHash"]);
            assert_eq!(trace["result"]["gasUsed"], receipt["gasUsed"], "{trace} of {receipt}");
            assert_eq!(trace["result"]["from"], receipt["from"]);
            assert_eq!(trace["result"]["error"].is_null(), receipt["status"] == "0x1");
            assert_eq!(U256::from(steps[index]["result"]["gas"].as_u64().unwrap()), quantity(&receipt["gasUsed"]));
            assert_eq!(steps[index]["result"]["failed"], receipt["status"] != "0x1");
            let alone =
                node.ask("debug_traceTransaction", json!([receipt["transactionHash"], tracer("callTracer")])).await;
            assert_eq!(alone, trace["result"]);
            transactions += 1;
            deposits += u64::from(receipt["type"] == "0x7e");
            reverted += u64::from(receipt["status"] != "0x1");
        }
        let block = node.ask("eth_getBlockByNumber", json!([number, false])).await;
        let by_hash = node.ask("debug_traceBlockByHash", json!([block["hash"], tracer("callTracer")])).await;
        assert_eq!(by_hash, traces);
        let encoded = node.ask("debug_getRawBlock", json!([number])).await;
        assert_eq!(node.ask("debug_traceBlock", json!([encoded, tracer("callTracer")])).await, traces);
        let bytes: Bytes = serde_json::from_value(encoded).unwrap();
        assert_eq!(quantity(&block["size"]), U256::from(bytes.len()), "a block's size is that of its encoding");
        let parity = node.ask("trace_block", json!([number])).await;
        let own = parity.as_array().unwrap().iter().filter(|trace| trace["traceAddress"] == json!([]));
        let hashes: Vec<_> = own.map(|trace| trace["transactionHash"].clone()).collect();
        assert_eq!(json!(hashes), block["transactions"]);
    }
    assert!(transactions > 6 && deposits >= 2 && reverted == 1, "{transactions} {deposits} {reverted}");
    node.rig.stop();
}

fn quantity(value: &Value) -> U256 {
    common::node::quantity(value)
}

#[tokio::test]
async fn each_tracer_tells_what_it_is_for() {
    let Rig { node, counter, caller, nested } = rig().await;
    let trace = async |options: Value| node.ask("debug_traceTransaction", json!([nested, options])).await;
    let calls = trace(tracer("callTracer")).await;
    assert_eq!((&calls["to"], &calls["calls"][0]["to"]), (&json!(caller), &json!(counter)));
    let top = trace(json!({ "tracer": "callTracer", "tracerConfig": { "onlyTopCall": true } })).await;
    assert!(top.get("calls").is_none());
    // The counter stood at one when this was executed, though it stood at none before the block.
    let slot = B256::ZERO.to_string();
    let before = trace(tracer("prestateTracer")).await;
    assert_eq!(before[key(counter)]["storage"][&slot], json!(B256::with_last_byte(1)));
    let diff = trace(json!({ "tracer": "prestateTracer", "tracerConfig": { "diffMode": true } })).await;
    assert_eq!(diff["post"][key(counter)]["storage"][&slot], json!(B256::with_last_byte(2)));
    let steps = trace(json!({ "enableMemory": true, "enableReturnData": true })).await;
    let opcodes: Vec<_> =
        steps["structLogs"].as_array().unwrap().iter().map(|step| step["op"].as_str().unwrap()).collect();
    assert!(opcodes.contains(&"CALL") && opcodes.contains(&"SSTORE"), "{opcodes:?}");
    let few = trace(json!({ "limit": 3 })).await;
    assert_eq!(few["structLogs"].as_array().unwrap().len(), 3);
    assert_eq!(trace(tracer("4byteTracer")).await, json!({ "0x00000000-28": 1 }), "an address begins with zeros");
    assert_eq!(trace(tracer("noopTracer")).await, json!({}));
    assert_eq!(trace(tracer("flatCallTracer")).await.as_array().unwrap().len(), 2);
    let both = trace(json!({ "tracer": "muxTracer", "tracerConfig": { "callTracer": {}, "4byteTracer": null } })).await;
    assert_eq!(both["callTracer"]["calls"], calls["calls"]);

    let refused =
        async |options: Value| node.try_ask("debug_traceTransaction", json!([nested, options])).await.unwrap_err();
    assert!(
        refused(tracer("{step: function() {}, fault: function() {}, result: function() {}}"))
            .await
            .contains("JavaScript")
    );
    let unknown = refused(json!({ "tracer": "muxTracer", "tracerConfig": { "weather": {} } })).await;
    assert!(unknown.to_lowercase().contains("tracer"), "{unknown}");
    assert!(refused(json!({ "tracer": 5 })).await.contains("tracing options"));
    let unknown = node.try_ask("debug_traceTransaction", json!([B256::ZERO])).await.unwrap_err();
    assert_eq!(unknown, "transaction not found");
    assert_eq!(node.try_ask("debug_traceBlockByNumber", json!(["0x0"])).await.unwrap_err(), "genesis is not traceable");
    assert_eq!(node.try_ask("debug_traceBlockByNumber", json!(["0xffff"])).await.unwrap_err(), "header not found");
    assert_eq!(
        node.try_ask("debug_traceBlock", json!(["0xc0"])).await.unwrap_err(),
        "invalid argument 0: expected the RLP of a block"
    );
    node.rig.stop();
}

/// An address as objects have it for a key.
fn key(address: Address) -> String {
    format!("{address:#x}")
}

#[tokio::test]
async fn indexers_find_the_calls_that_concern_them() {
    let Rig { node, counter, caller, nested } = rig().await;
    let traces = node.ask("trace_transaction", json!([nested])).await;
    assert_eq!(traces.as_array().unwrap().len(), 2);
    assert_eq!((&traces[1]["action"]["from"], &traces[1]["action"]["to"]), (&json!(caller), &json!(counter)));
    assert_eq!((&traces[1]["traceAddress"], &traces[1]["transactionHash"]), (&json!([0]), &json!(nested)));
    let filter =
        json!({ "fromBlock": "0x0", "toBlock": node.ask("eth_blockNumber", json!([])).await, "fromAddress": [caller] });
    assert_eq!(node.ask("trace_filter", json!([filter])).await, json!([traces[1]]));
    let mut all = json!({ "fromBlock": "0x0", "toBlock": filter["toBlock"], "toAddress": [counter] });
    assert_eq!(node.ask("trace_filter", json!([all])).await.as_array().unwrap().len(), 4, "its creation too");
    (all["after"], all["count"]) = (json!(2), json!(1));
    assert_eq!(node.ask("trace_filter", json!([all])).await, json!([traces[1]]));
    let beyond = node.try_ask("trace_filter", json!([{ "fromBlock": "0x0", "toBlock": "0xffff" }])).await.unwrap_err();
    assert_eq!(beyond, "block range extends beyond current head block");
    assert!(node.try_ask("trace_filter", json!([{ "weather": 1 }])).await.unwrap_err().contains("a trace filter"));
    assert_eq!(node.ask("trace_transaction", json!([B256::ZERO])).await, Value::Null);
    assert_eq!(node.ask("trace_block", json!(["0xffff"])).await, Value::Null);
    node.rig.stop();
}

#[tokio::test]
async fn no_trace_fills_the_node() {
    let limits = RpcLimits { trace_bytes_max: 200_000, trace_blocks_max: 2, ..RpcLimits::default() };
    let Rig { node, nested, counter, .. } = rig_with(limits).await;
    assert!(node.ask("debug_traceTransaction", json!([nested])).await["structLogs"].is_array());
    // JUMPDEST, PUSH0, JUMP; then the same with ever more on the stack, and with calls of itself.
    for code in ["0x5b5f56", "0x5b5f5f56", "0x5b5f5f5f5f5f305af15f56"] {
        let call = json!({ "to": counter, "gas": "0xf4240" });
        let overrides = json!({ "stateOverrides": { counter.to_string(): { "code": code } } });
        let error = node.try_ask("debug_traceCall", json!([call, "latest", overrides])).await.unwrap_err();
        assert!(error.contains("--rpc-trace-bytes-max"), "{error}");
    }
    let head = node.ask("eth_blockNumber", json!([])).await;
    let error = node.try_ask("trace_filter", json!([{ "fromBlock": "0x0", "toBlock": head }])).await.unwrap_err();
    assert!(error.contains("--rpc-trace-blocks-max"), "{error}");
    node.rig.stop();
}

#[tokio::test]
async fn a_call_is_traced_where_it_is_asked_for() {
    let Rig { node, counter, nested, .. } = rig().await;
    let place = node.ask("eth_getTransactionByHash", json!([nested])).await;
    let output = async |options: Value| {
        let call = json!({ "to": counter });
        let trace = node.ask("debug_traceCall", json!([call, place["blockNumber"], options])).await;
        quantity(&trace["output"])
    };
    assert_eq!(output(tracer("callTracer")).await, U256::from(3), "after the block");
    let mut before = tracer("callTracer");
    before["txIndex"] = place["transactionIndex"].clone();
    assert_eq!(output(before).await, U256::from(2), "before this transaction");
    let mut otherwise = tracer("callTracer");
    otherwise["stateOverrides"] =
        json!({ counter.to_string(): { "state": { B256::ZERO.to_string(): B256::with_last_byte(9) } } });
    assert_eq!(output(otherwise).await, U256::from(10));
    node.rig.stop();
}

#[tokio::test]
async fn what_is_overridden_is_so_and_what_cannot_be_is_refused() {
    let Rig { node, counter, .. } = rig().await;
    let call = json!({ "to": counter });
    let number = async |overrides: Value| quantity(&node.ask("eth_call", json!([call, "latest", overrides])).await);
    let (account, slot) = (counter.to_string(), B256::ZERO.to_string());
    assert_eq!(
        number(json!({ &account: { "stateDiff": { B256::with_last_byte(1).to_string(): slot } } })).await,
        U256::from(3)
    );
    assert_eq!(number(json!({ &account: { "state": {} } })).await, U256::from(1), "everything else is empty then");
    let word = B256::with_last_byte(41);
    assert_eq!(number(json!({ &account: { "state": { &slot: word } } })).await, U256::from(42));

    let block = json!({ "number": "0x1234", "time": "0x5678" });
    let code = json!({ &account: { "code": Bytes::from_static(BLOCK) } });
    let seen: Bytes = serde_json::from_value(node.ask("eth_call", json!([call, "latest", code, block])).await).unwrap();
    assert_eq!(seen, [B256::from(U256::from(0x1234)).0, B256::from(U256::from(0x5678)).0].concat());

    let refused =
        async |overrides: Value| node.try_ask("eth_call", json!([call, "latest", overrides])).await.unwrap_err();
    let both = json!({ &account: { "state": {}, "stateDiff": {} } });
    assert!(refused(both).await.contains("both state and stateDiff"));
    let moved = json!({ Address::with_last_byte(1).to_string(): { "movePrecompileToAddress": counter } });
    assert!(refused(moved).await.contains("movePrecompileToAddress"));
    assert!(
        refused(json!({ Address::with_last_byte(1).to_string(): { "code": "0x00" } })).await.contains("precompile")
    );
    assert!(refused(json!({ &account: { "weather": 1 } })).await.contains("state overrides"));
    let refused = async |block: Value| node.try_ask("eth_call", json!([call, "latest", {}, block])).await.unwrap_err();
    assert!(refused(json!({ "difficulty": "0x5" })).await.contains("difficulty"));
    assert!(refused(json!({ "baseFeePerGas": "0x10000000000000000" })).await.contains("base fee"));
    let two = json!([{ "to": counter, "data": "0x01", "input": "0x02" }]);
    assert!(node.try_ask("eth_call", two).await.unwrap_err().contains(r#"both "data" and "input""#));
    node.rig.stop();
}

#[tokio::test]
async fn raw_things_hash_to_their_names() {
    let Rig { node, nested, .. } = rig().await;
    let raw: Bytes = serde_json::from_value(node.ask("debug_getRawTransaction", json!([nested])).await).unwrap();
    assert_eq!(keccak256(raw), nested);
    let place = node.ask("eth_getTransactionByHash", json!([nested])).await;
    let params = json!([place["blockNumber"], place["transactionIndex"]]);
    let raw: Bytes =
        serde_json::from_value(node.ask("eth_getRawTransactionByBlockNumberAndIndex", params).await).unwrap();
    assert_eq!(keccak256(raw), nested);
    let header: Bytes =
        serde_json::from_value(node.ask("debug_getRawHeader", json!([place["blockHash"]])).await).unwrap();
    assert_eq!(json!(keccak256(header)), place["blockHash"]);
    let receipts: Vec<Bytes> =
        serde_json::from_value(node.ask("debug_getRawReceipts", json!([place["blockNumber"]])).await).unwrap();
    let block = node.ask("eth_getBlockByNumber", json!([place["blockNumber"], false])).await;
    assert_eq!(receipts.len(), block["transactions"].as_array().unwrap().len());
    assert_eq!(place["blockTimestamp"], block["timestamp"]);
    assert_eq!(node.ask("debug_getRawTransaction", json!([B256::ZERO])).await, Value::Null);
    node.rig.stop();
}

#[tokio::test]
async fn small_questions_have_answers() {
    let Rig { node, counter, .. } = rig().await;
    let slots = json!([{ counter.to_string(): ["0x0", "0x1"] }, "latest"]);
    let values = node.ask("eth_getStorageValues", slots).await;
    assert_eq!(values[key(counter)], json!([B256::with_last_byte(2), B256::ZERO]));
    assert_eq!(node.ask("eth_blobBaseFee", json!([])).await, "0x1");
    let head = node.ask("eth_getHeaderByNumber", json!(["latest"])).await;
    assert!(head.get("transactions").is_none() && head["hash"].is_string());
    assert_eq!(node.ask("eth_coinbase", json!([])).await, head["miner"]);
    assert!(node.quantity("eth_baseFee", json!([])).await >= U256::from(10_000_000));
    assert_eq!(node.ask("eth_getUncleCountByBlockNumber", json!(["latest"])).await, "0x0");
    assert_eq!(node.ask("eth_getUncleCountByBlockNumber", json!(["0xffff"])).await, Value::Null);
    assert_eq!(node.ask("eth_getUncleByBlockNumberAndIndex", json!(["latest", "0x0"])).await, Value::Null);
    assert_eq!(node.ask("rpc_modules", json!([])).await["eth"], "1.0");
    assert_eq!(node.ask("eth_syncing", json!([])).await, false);
    assert_eq!(node.ask("txpool_inspect", json!([])).await, json!({ "pending": {}, "queued": {} }));
    assert_eq!(node.ask("txpool_contentFrom", json!([counter])).await, json!({ "pending": {}, "queued": {} }));
    let reversed = json!([{ "fromBlock": "0x2", "toBlock": "0x1" }]);
    assert_eq!(node.try_ask("eth_getLogs", reversed).await.unwrap_err(), "invalid block range params");
    let beyond = json!([{ "fromBlock": "0x1", "toBlock": "0xffff" }]);
    assert_eq!(node.try_ask("eth_getLogs", beyond).await.unwrap_err(), "block range extends beyond current head block");
    node.rig.stop();
}

#[tokio::test]
async fn sending_can_wait_for_the_receipt() {
    let mut node = Node::start(config(3_600_000), [1_000_000_000, 1]).await;
    let alice = node.rich(1).await;
    let raw = |nonce| json!(Bytes::from(transfer(&alice, nonce, Address::ZERO, 1).transaction().encode_2718()));
    let receipt = node.ask("eth_sendRawTransactionSync", json!([raw(1)])).await;
    assert_eq!((&receipt["status"], &receipt["gasUsed"]), (&json!("0x1"), &json!("0x5208")));
    let error = node.try_ask("eth_sendRawTransactionSync", json!([raw(3), "0x32"])).await.unwrap_err();
    assert!(error.contains("not included within 50 ms"), "{error}");
    node.rig.stop();
}
