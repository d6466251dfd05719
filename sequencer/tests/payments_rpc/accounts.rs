//! Constants, balances, nonces, and the states that are kept.

use alloy::primitives::{Address, B256, U256, hex, keccak256};
use serde_json::{Value, json};
use tandem_sequencer::rpc::RpcLimits;

use crate::rig::{ALICE, BOB, ETHER, PRICE, Rig, TRANSFER_GAS, chain, key, quantity, to_bob};

#[tokio::test]
async fn what_every_node_says_of_itself() {
    let rig = Rig::start().await;
    let version = rig.ask("web3_clientVersion", json!([])).await;
    assert!(version.as_str().unwrap().starts_with("tandem/"));
    for (method, expected) in [
        ("net_version", json!("4242")),
        ("net_listening", json!(true)),
        ("net_peerCount", json!("0x0")),
        ("eth_chainId", json!("0x1092")),
        ("eth_syncing", json!(false)),
        ("eth_accounts", json!([])),
        ("eth_blockNumber", json!("0x0")),
        ("eth_gasPrice", json!("0x3b9aca00")),
        ("eth_maxPriorityFeePerGas", json!("0x3b9aca00")),
    ] {
        assert_eq!(rig.ask(method, json!([])).await, expected, "{method}");
    }
    assert_eq!(rig.ask("web3_sha3", json!(["0x"])).await, json!(keccak256([])));
    let modules = rig.ask("rpc_modules", json!([])).await;
    assert_eq!(modules, json!({ "eth": "1.0", "net": "1.0", "rollup": "1.0", "rpc": "1.0", "web3": "1.0" }));
    let config = rig.ask("rollup_config", json!([])).await;
    assert_eq!((&config["configHash"], &config["config"]["kind"]), (&json!(chain().hash()), &json!("payments")));
}

#[tokio::test]
async fn a_node_that_has_not_read_l1_says_so() {
    let mut rig = Rig::unsynced(RpcLimits::default(), None).await;
    assert_eq!(rig.ask("eth_syncing", json!([])).await["currentBlock"], "0x0");
    let filter = rig.ask("eth_newFilter", json!([{ "fromBlock": "0x0" }])).await;
    let questions = [
        ("eth_sendRawTransaction", json!([to_bob(0, 1)])),
        ("eth_blockNumber", json!([])),
        ("eth_getBalance", json!([ALICE, "latest"])),
        ("eth_getTransactionCount", json!([ALICE])),
        ("eth_getCode", json!([ALICE])),
        ("eth_getStorageAt", json!([ALICE, "0x0"])),
        ("eth_call", json!([{ "to": BOB }])),
        ("eth_estimateGas", json!([{ "to": BOB }])),
        ("eth_feeHistory", json!(["0x1", "latest"])),
        ("eth_getBlockByNumber", json!(["0x0", false])),
        ("eth_getHeaderByNumber", json!(["latest"])),
        ("eth_getBlockByHash", json!([chain().hash(), false])),
        ("eth_getBlockTransactionCountByNumber", json!(["latest"])),
        ("eth_getTransactionByHash", json!([B256::ZERO])),
        ("eth_getTransactionReceipt", json!([B256::ZERO])),
        ("eth_getBlockReceipts", json!(["latest"])),
        ("eth_getLogs", json!([{}])),
        ("eth_getFilterLogs", json!([filter])),
        ("rollup_transactionStatus", json!([B256::ZERO])),
        ("rollup_blockStatus", json!(["latest"])),
        ("rollup_batch", json!(["0x0"])),
        ("rollup_batchOfBlock", json!(["0x0"])),
        ("rollup_account", json!([ALICE])),
    ];
    for (method, params) in &questions {
        let refused = rig.refused(method, params.clone()).await;
        assert_eq!(refused, (-32000, "the node reads L1: try again in a moment".into()), "{method}");
    }
    // What is no question about the chain is answered.
    for method in ["eth_chainId", "net_version", "web3_clientVersion", "eth_gasPrice", "rollup_config"] {
        assert!(!rig.ask(method, json!([])).await.is_null(), "{method}");
    }
    assert_eq!(rig.ask("eth_getFilterChanges", json!([filter])).await, json!([]));
    let status = rig.ask("rollup_status", json!([])).await;
    assert_eq!((&status["syncing"], &status["entry"]), (&json!(true), &Value::Null));

    rig.l1(vec![]).await;
    rig.wait("sync", async || rig.ask("eth_syncing", json!([])).await == json!(false)).await;
    assert_eq!(rig.ask("rollup_status", json!([])).await["syncing"], false);
    for (method, params) in &questions[1..] {
        if let Err((_, words)) = rig.try_ask(method, params.clone()).await {
            assert!(!words.contains("reads L1"), "{method}: {words}");
        }
    }
}

/// Tests PAY-FREEZE: a chain that has ended says so to whoever sends, and to whoever asks how it stands.
#[tokio::test]
async fn a_chain_that_has_ended_says_so() {
    let mut rig = Rig::with_alice().await;
    let waiting = rig.send(&to_bob(0, 7)).await;
    rig.frozen_at = Some(1_900_000_000);
    rig.l1(vec![]).await;
    let refused = rig.refused("eth_sendRawTransaction", json!([to_bob(1, 1)])).await;
    assert_eq!(refused, (-32000, "the chain ended at L1 time 1900000000: leave with tandem escape".into()));
    let status = rig.ask("rollup_status", json!([])).await;
    assert_eq!((&status["frozenAt"], &status["pendingTransactions"]), (&json!(1_900_000_000), &json!(0)));
    let told = rig.ask("rollup_transactionStatus", json!([waiting])).await;
    assert_eq!(told, json!({ "status": "waiting", "waitsFor": "nothing" }));
    assert_eq!(quantity(&rig.ask("eth_getBalance", json!([BOB, "pending"])).await), U256::ZERO);
}

#[tokio::test]
async fn balances_and_nonces_at_the_moments_that_are_kept_and_at_no_other() {
    let mut rig = Rig::start().await;
    let [balance, nonce] = ["eth_getBalance", "eth_getTransactionCount"];
    rig.l1(crate::rig::alices_messages()).await;
    let at = async |rig: &Rig, method: &str, account: Address, block: Value| {
        quantity(&rig.ask(method, json!([account, block])).await)
    };
    // In the open batch, and nowhere else.
    assert_eq!(at(&rig, balance, ALICE, json!("pending")).await, U256::from(ETHER));
    assert_eq!(at(&rig, balance, ALICE, json!("latest")).await, U256::ZERO);
    rig.settle().await;
    rig.send(&to_bob(0, 7)).await;
    let first = rig.settle().await;
    rig.send(&to_bob(1, 7)).await;
    let second = rig.close().await;
    rig.send(&to_bob(2, 7)).await;
    // What waits behind a gap is no reason to skip the gap.
    rig.send(&to_bob(4, 7)).await;
    assert_eq!((first.number, second.number), (2, 3));
    for (block, sent) in [
        (json!("safe"), 1),
        (json!("0x2"), 1),
        (json!(first.hash), 1),
        (json!({ "blockNumber": "0x2" }), 1),
        (json!("latest"), 2),
        (json!("0x3"), 2),
        (json!({ "blockHash": second.hash }), 2),
        (json!("pending"), 3),
    ] {
        assert_eq!(at(&rig, nonce, ALICE, block.clone()).await, U256::from(sent), "{block}");
        assert_eq!(at(&rig, balance, BOB, block.clone()).await, U256::from(7 * sent), "{block}");
        // The first transfer makes Bob's leaf.
        let gas = TRANSFER_GAS * (sent as u64 + 1);
        let left = ETHER - u128::from(gas * PRICE) - 7 * sent;
        assert_eq!(at(&rig, balance, ALICE, block.clone()).await, U256::from(left), "{block}");
    }
    assert_eq!(quantity(&rig.ask(nonce, json!([ALICE])).await), U256::from(2), "latest, if nothing is said");
    for method in [balance, nonce] {
        for block in ["earliest", "finalized", "0x1"] {
            let (code, words) = rig.refused(method, json!([ALICE, block])).await;
            assert_eq!(code, -32000);
            for part in ["is not kept", "\"latest\" (block 3)", "\"safe\" (block 2)"] {
                assert!(words.contains(part), "{words}");
            }
        }
        for block in [json!("0x4"), json!(B256::repeat_byte(1))] {
            assert_eq!(rig.refused(method, json!([ALICE, block])).await, (-32000, "header not found".into()));
        }
        for params in [json!([]), json!(["0x12"]), json!([ALICE, "newest"]), json!([ALICE, "0x01"]), json!([1])] {
            let (code, words) = rig.refused(method, params.clone()).await;
            assert!(code == -32602 && words.contains("argument"), "{params}: {words}");
        }
        assert_eq!(rig.refused(method, json!([ALICE, "latest", 1])).await.0, -32602);
    }
    // Once L1 has finalised what is settled, the state there is known.
    rig.finalized = rig.l1_number();
    rig.l1(vec![]).await;
    assert_eq!(at(&rig, nonce, ALICE, json!("finalized")).await, U256::from(1));
}

#[tokio::test]
async fn an_account_shows_its_session_key() {
    let rig = Rig::with_alice().await;
    let hash = B256::from(tandem_payments::field::integer(key().public().hash()));
    let account = rig.ask("rollup_account", json!([ALICE])).await;
    let expected =
        json!({ "nonce": "0x0", "balance": U256::from(ETHER), "sessionKeyHash": hash, "publicKeyHash": null });
    assert_eq!(account, expected);
    assert_eq!(rig.ask("rollup_account", json!([BOB, "latest"])).await, Value::Null);
    assert_eq!(rig.refused("rollup_account", json!([])).await.0, -32602);
}

#[tokio::test]
async fn code_is_where_calls_go_and_storage_nowhere() {
    let rig = Rig::with_alice().await;
    for (address, code) in [
        (Address::from(hex!("5400000000000000000000000000000000000002")), "0xfe"),
        (Address::from(hex!("5400000000000000000000000000000000000007")), "0xfe"),
        (ALICE, "0x"),
    ] {
        assert_eq!(rig.ask("eth_getCode", json!([address, "latest"])).await, code);
    }
    assert_eq!(rig.ask("eth_getStorageAt", json!([ALICE, "0x0", "latest"])).await, json!(B256::ZERO));
    for (method, params) in [
        ("eth_getCode", json!([])),
        ("eth_getCode", json!([ALICE, "x"])),
        ("eth_getStorageAt", json!([ALICE])),
        ("eth_getStorageAt", json!([ALICE, "slot", "latest"])),
    ] {
        assert_eq!(rig.refused(method, params.clone()).await.0, -32602, "{method} {params}");
    }
    assert_eq!(rig.refused("eth_getCode", json!([ALICE, "0x9"])).await.1, "header not found");
}

#[tokio::test]
async fn methods_that_need_contracts_do_not_exist() {
    let rig = Rig::start().await;
    for method in ["eth_getProof", "eth_createAccessList", "eth_simulateV1", "debug_traceCall", "trace_block"] {
        let (code, words) = rig.refused(method, json!([])).await;
        let expected = format!("the method {method} does not exist/is not available: this chain runs no contracts");
        assert_eq!((code, words), (-32601, expected));
    }
    for method in ["txpool_content", "eth_sign", "evm_mine", "hello"] {
        let expected = format!("the method {method} does not exist/is not available");
        assert_eq!(rig.refused(method, json!([])).await, (-32601, expected));
    }
    let long = format!("debug_{}", "x".repeat(1_000_000));
    assert!(rig.refused(&long, json!([])).await.1.len() < 300);
}
