//! Blocks as libraries read them, logs, promises, and what this node does not know.

use alloy::{
    consensus::constants::EMPTY_ROOT_HASH,
    network::AnyNetwork,
    primitives::{Address, B256, Bloom, U256, keccak256},
    providers::{Provider, ProviderBuilder},
};
use serde_json::{Value, json};
use tandem_payments::{batch::Circuits, operation::Call};
use tandem_sequencer::{mempool::MempoolLimits, rpc::RpcLimits};

use crate::rig::{ALICE, BOB, OPERATOR, PRICE, Rig, TOKEN, chain, entry, operation, quantity, signed, to_bob};

/// The bloom that denies no log.
const ANY_LOG: Bloom = Bloom::repeat_byte(0xff);

/// The fields of a block of an EVM chain of this node.
const FIELDS: [&str; 26] = [
    "hash",
    "parentHash",
    "sha3Uncles",
    "miner",
    "stateRoot",
    "transactionsRoot",
    "receiptsRoot",
    "logsBloom",
    "difficulty",
    "number",
    "gasLimit",
    "gasUsed",
    "timestamp",
    "extraData",
    "mixHash",
    "nonce",
    "baseFeePerGas",
    "withdrawalsRoot",
    "blobGasUsed",
    "excessBlobGas",
    "parentBeaconBlockRoot",
    "requestsHash",
    "size",
    "transactions",
    "uncles",
    "withdrawals",
];

fn fields(block: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = block.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_block_is_a_batch_in_ethereums_fields() {
    let mut rig = Rig::with_alice().await;
    let sent = [rig.send(&to_bob(0, 5)).await, rig.send(&to_bob(1, 5)).await];
    let block = rig.settle().await;
    let shown = rig.ask("eth_getBlockByNumber", json!(["0x2", false])).await;
    let mut expected: Vec<&str> = FIELDS.to_vec();
    expected.sort_unstable();
    assert_eq!(fields(&shown), expected);
    for (field, value) in [
        ("hash", json!(block.hash)),
        ("parentHash", json!(block.parent_hash)),
        ("miner", json!(OPERATOR)),
        ("stateRoot", json!(block.state_root)),
        ("number", json!("0x2")),
        ("timestamp", json!(U256::from(block.timestamp))),
        ("gasUsed", json!(U256::from(42_000 + 21_000))),
        ("gasLimit", json!(U256::from(64 * 27 * 32_000))),
        ("baseFeePerGas", json!("0x0")),
        ("difficulty", json!("0x0")),
        ("transactions", json!(sent)),
        ("transactionsRoot", json!(B256::ZERO)),
        ("uncles", json!([])),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    assert!(quantity(&shown["size"]) > U256::from(600));
    assert_eq!(rig.ask("eth_getBlockByHash", json!([block.hash])).await, shown, "hashes, if nothing is said");
    let whole = rig.ask("eth_getBlockByHash", json!([block.hash, true])).await;
    for (index, hash) in sent.iter().enumerate() {
        let place = format!("{index:#x}");
        let transaction = &whole["transactions"][index];
        assert_eq!(rig.ask("eth_getTransactionByHash", json!([hash])).await, *transaction);
        assert_eq!(rig.ask("eth_getTransactionByBlockNumberAndIndex", json!(["0x2", place])).await, *transaction);
        assert_eq!(rig.ask("eth_getTransactionByBlockHashAndIndex", json!([block.hash, place])).await, *transaction);
    }
    for (method, block) in [("eth_getHeaderByNumber", json!("0x2")), ("eth_getHeaderByHash", json!(block.hash))] {
        let header = rig.ask(method, json!([block])).await;
        assert!(header["transactions"].is_null() && header["hash"] == shown["hash"]);
    }
    let counts = [
        ("eth_getBlockTransactionCountByNumber", json!("latest"), "0x2"),
        ("eth_getBlockTransactionCountByHash", json!(block.hash), "0x2"),
        ("eth_getBlockTransactionCountByNumber", json!("earliest"), "0x0"),
        ("eth_getUncleCountByBlockNumber", json!("latest"), "0x0"),
    ];
    for (method, block, count) in counts {
        assert_eq!(rig.ask(method, json!([block])).await, count, "{method}");
    }
    let first = rig.ask("eth_getBlockByNumber", json!(["earliest", false])).await;
    assert_eq!(fields(&first), expected);
    assert_eq!((&first["hash"], &first["transactionsRoot"]), (&json!(chain().hash()), &json!(EMPTY_ROOT_HASH)));
    for (tag, number) in [("latest", "0x2"), ("safe", "0x2"), ("finalized", "0x0")] {
        assert_eq!(rig.ask("eth_getBlockByNumber", json!([tag, false])).await["number"], number, "{tag}");
    }
}

/// The limit is that of the circuits that L1 has keys of, here of huge ones.
#[tokio::test]
async fn a_block_has_the_gas_limit_of_its_circuits() {
    let mut rig = Rig::with_alice().await;
    rig.circuits = Circuits::among(|id| [2, 4, 9, 10].contains(&id)).unwrap();
    rig.l1(vec![]).await;
    for (method, params) in
        [("eth_getBlockByNumber", json!(["latest", false])), ("eth_getHeaderByNumber", json!(["0x0"]))]
    {
        assert_eq!(quantity(&rig.ask(method, params).await["gasLimit"]), U256::from(64 * 112 * 32_000), "{method}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_null_and_what_is_no_block_is_an_error() {
    let rig = Rig::with_alice().await;
    for (method, params) in [
        ("eth_getBlockByNumber", json!(["0x9", false])),
        ("eth_getBlockByHash", json!([B256::repeat_byte(1), false])),
        ("eth_getHeaderByNumber", json!(["0x9"])),
        ("eth_getBlockReceipts", json!(["0x9"])),
        ("eth_getBlockTransactionCountByNumber", json!(["0x9"])),
        ("eth_getTransactionByBlockNumberAndIndex", json!(["0x1", "0x9"])),
        ("eth_getTransactionByBlockNumberAndIndex", json!(["0x9", "0x0"])),
        ("eth_getUncleByBlockNumberAndIndex", json!(["0x1", "0x0"])),
    ] {
        assert_eq!(rig.ask(method, params).await, Value::Null, "{method}");
    }
    for (method, params) in [
        ("eth_getBlockByNumber", json!([])),
        ("eth_getBlockByNumber", json!(["0x01", false])),
        ("eth_getBlockByNumber", json!(["newest", false])),
        ("eth_getBlockByNumber", json!(["latest", "yes"])),
        ("eth_getBlockByNumber", json!(["latest", false, 1])),
        ("eth_getTransactionByBlockNumberAndIndex", json!(["0x1", 1])),
        ("eth_getBlockReceipts", json!([])),
        ("eth_feeHistory", json!(["0x1"])),
        ("eth_feeHistory", json!(["0x1", "latest", [50, 10]])),
        ("eth_feeHistory", json!(["0x1", "latest", [101]])),
        ("rollup_batch", json!(["first"])),
    ] {
        assert_eq!(rig.refused(method, params.clone()).await.0, -32602, "{method} {params}");
    }
}

#[tokio::test]
async fn the_open_batch_is_the_pending_block() {
    let rig = Rig::with_alice().await;
    let empty = rig.ask("eth_getBlockByNumber", json!(["pending", false])).await;
    assert_eq!((&empty["number"], &empty["transactions"]), (&json!("0x2"), &json!([])));
    let hash = rig.send(&to_bob(0, 5)).await;
    let open = rig.ask("eth_getBlockByNumber", json!(["pending", true])).await;
    for field in ["hash", "nonce", "miner"] {
        assert_eq!(open[field], Value::Null, "{field}");
    }
    let [transaction] = open["transactions"].as_array().unwrap().as_slice() else { panic!("one") };
    assert_eq!((&transaction["hash"], &transaction["blockHash"]), (&json!(hash), &Value::Null));
    assert_eq!(rig.ask("eth_getBlockTransactionCountByNumber", json!(["pending"])).await, "0x1");
    assert_eq!(rig.ask("eth_getBlockReceipts", json!(["pending"])).await, Value::Null, "there are none yet");
    let placed = rig.ask("eth_getTransactionByBlockNumberAndIndex", json!(["pending", "0x0"])).await;
    assert_eq!(placed, *transaction);
    assert_eq!(rig.ask("eth_blockNumber", json!([])).await, "0x1");
}

#[tokio::test]
async fn a_library_reads_blocks_receipts_and_fees() {
    let mut rig = Rig::with_alice().await;
    let hash = rig.send(&signed(operation(0, Call::TokenTransfer { token: TOKEN, recipient: BOB, amount: 5 }))).await;
    let block = rig.settle().await;
    let provider = ProviderBuilder::new().network::<AnyNetwork>().connect_http(rig.http_url().parse().unwrap());
    for tag in ["latest", "pending", "safe", "finalized", "earliest"] {
        let whole = provider.get_block(tag.parse().unwrap()).full().await.unwrap().unwrap();
        assert_eq!(whole.header.base_fee_per_gas, Some(0), "{tag}");
    }
    let receipt = provider.get_transaction_receipt(hash).await.unwrap().unwrap();
    assert_eq!((receipt.block_hash, receipt.inner.inner.logs().len()), (Some(block.hash), 1));
    let receipts = provider.get_block_receipts(2.into()).await.unwrap().unwrap();
    assert_eq!((receipts.len(), receipts[0].inner.clone()), (1, receipt.inner.clone()));
    let fees = provider.estimate_eip1559_fees().await.unwrap();
    assert_eq!((fees.max_fee_per_gas, fees.max_priority_fee_per_gas), (PRICE.into(), PRICE.into()));
    assert_eq!(provider.get_gas_price().await.unwrap(), u128::from(PRICE));

    let history = rig.ask("eth_feeHistory", json!(["0x5", "latest", [0, 50, 100]])).await;
    assert_eq!(history["oldestBlock"], "0x0");
    assert_eq!(history["baseFeePerGas"], json!(["0x0", "0x0", "0x0", "0x0"]), "the next block's as well");
    assert_eq!(history["gasUsedRatio"].as_array().unwrap().len(), 3);
    let price = json!(U256::from(PRICE));
    assert_eq!(history["reward"], json!([["0x0", "0x0", "0x0"], ["0x0", "0x0", "0x0"], [price, price, price]]));
}

#[tokio::test]
async fn transactions_that_this_node_never_saw_are_not_said_to_be_none() {
    let mut rig = Rig::with_alice().await;
    let sent = rig.send(&to_bob(0, 5)).await;
    let block = rig.close().await;
    // Another node with the operator's key put the same operation into a batch of another time.
    let other = rig.land_unseen(block).await;
    rig.wait("the other batch", async || {
        rig.ask("eth_getBlockByNumber", json!(["0x2", false])).await["hash"] == json!(other.hash)
    })
    .await;
    let shown = rig.ask("eth_getBlockByNumber", json!(["0x2", false])).await;
    assert_eq!((&shown["transactions"], &shown["transactionsUnknown"]), (&json!([]), &json!(true)));
    assert_ne!(shown["transactionsRoot"], json!(EMPTY_ROOT_HASH), "not the root of none");
    for (method, block) in [("eth_getHeaderByNumber", json!("0x2")), ("eth_getHeaderByHash", json!(other.hash))] {
        let header = rig.ask(method, json!([block])).await;
        assert_eq!((&header["transactionsUnknown"], &header["logsBloom"]), (&json!(true), &json!(ANY_LOG)), "{method}");
    }
    assert_eq!((&shown["logsBloom"], &shown["gasUsed"]), (&json!(ANY_LOG), &json!("0x0")), "the least that it can be");
    assert_eq!(quantity(&rig.ask("eth_getBalance", json!([BOB, "latest"])).await), U256::from(5), "effects are known");
    for (method, params) in [
        ("eth_getBlockByNumber", json!(["0x2", true])),
        ("eth_getBlockTransactionCountByNumber", json!(["0x2"])),
        ("eth_getTransactionByBlockNumberAndIndex", json!(["0x2", "0x0"])),
        ("eth_getBlockReceipts", json!(["0x2"])),
        ("eth_getLogs", json!([{ "fromBlock": "0x0", "toBlock": "latest" }])),
        ("eth_feeHistory", json!(["0x5", "latest", [50]])),
    ] {
        let (code, words) = rig.refused(method, params).await;
        assert!(code == -32000 && words.starts_with("the transactions of block 2 are not known"), "{method}: {words}");
    }
    assert_eq!(
        rig.ask("eth_getLogs", json!([{ "toBlock": "0x1", "fromBlock": "0x1" }])).await.as_array().unwrap().len(),
        1
    );
    // What was in the displaced batch has been done: it is given up, with the reason.
    let status = rig.ask("rollup_transactionStatus", json!([sent])).await;
    assert_eq!((&status["status"], &status["reason"]), (&json!("dropped"), &json!("nonceUsed")));
    assert!(status["message"].as_str().unwrap().contains("nonce 0 was used"), "{status}");
}

/// Who asks for the fees of more blocks than are known gets those of the newest ones, as of a node that has forgotten older blocks.
#[tokio::test]
async fn fees_are_told_of_known_blocks_alone() {
    let mut rig = Rig::with_alice().await;
    rig.send(&to_bob(0, 5)).await;
    let block = rig.close().await;
    rig.land_unseen(block).await;
    rig.send(&to_bob(1, 5)).await;
    rig.close().await;
    for (newest, oldest, paid) in [("latest", "0x3", vec![PRICE]), ("0x1", "0x0", vec![0, 0])] {
        let history = rig.ask("eth_feeHistory", json!(["0x5", newest, [50]])).await;
        let rewards: Vec<[U256; 1]> = paid.into_iter().map(|price| [U256::from(price)]).collect();
        assert_eq!((&history["oldestBlock"], &history["reward"]), (&json!(oldest), &json!(rewards)));
        for (field, further) in
            [("gasUsedRatio", 0), ("blobGasUsedRatio", 0), ("baseFeePerGas", 1), ("baseFeePerBlobGas", 1)]
        {
            assert_eq!(history[field].as_array().unwrap().len(), rewards.len() + further, "{field}");
        }
    }
    let (code, words) = rig.refused("eth_feeHistory", json!(["0x1", "0x2"])).await;
    assert!(code == -32000 && words.starts_with("the transactions of block 2 are not known"), "{words}");
}

/// As many reasons are remembered as the operator's flag says.
#[tokio::test]
async fn the_oldest_reasons_are_forgotten() {
    let mempool = MempoolLimits { dropped_max: 1, ..MempoolLimits::DEFAULT };
    let mut rig = Rig::unsynced_with(RpcLimits::default(), mempool, None).await;
    rig.l1(crate::rig::alices_messages()).await;
    rig.settle().await;
    let sent = [rig.send(&to_bob(0, 5)).await, rig.send(&to_bob(1, 5)).await];
    let block = rig.close().await;
    rig.land_unseen(block).await;
    let statuses = [sent[0], sent[1]].map(|hash| rig.ask("rollup_transactionStatus", json!([hash])));
    let [first, second] = statuses;
    assert_eq!((first.await["status"].clone(), second.await["status"].clone()), (json!("unknown"), json!("dropped")));
}

#[tokio::test]
async fn logs_are_found_by_address_topic_and_range_within_limits() {
    let limits = RpcLimits { logs_max: 2, log_blocks_max: 3, filter_max: 2, ..Default::default() };
    let mut rig = Rig::limited(limits).await;
    rig.l1(crate::rig::alices_messages()).await;
    rig.settle().await;
    for nonce in 0..2 {
        rig.send(&signed(operation(nonce, Call::TokenTransfer { token: TOKEN, recipient: BOB, amount: 5 }))).await;
    }
    let block = rig.settle().await;
    let topic = keccak256("Transfer(address,address,uint256)");
    let count = async |filter: Value| rig.ask("eth_getLogs", json!([filter])).await.as_array().unwrap().len();
    for (filter, expected) in [
        (json!({}), 2),
        (json!({ "fromBlock": "0x1", "toBlock": "0x1" }), 1),
        (json!({ "blockHash": block.hash }), 2),
        (json!({ "address": TOKEN, "topics": [topic] }), 2),
        (json!({ "address": [BOB, TOKEN], "topics": [topic, ALICE.into_word(), BOB.into_word()] }), 2),
        (json!({ "topics": [null, BOB.into_word()] }), 0),
        (json!({ "address": BOB }), 0),
        (json!({ "topics": [B256::ZERO] }), 0),
        (json!({ "fromBlock": "safe", "toBlock": "latest" }), 2),
        (json!({ "fromBlock": "earliest", "toBlock": "0x0" }), 0),
    ] {
        assert_eq!(count(filter.clone()).await, expected, "{filter}");
    }
    let many = [Address::ZERO, BOB, TOKEN];
    for (filter, code, words) in [
        (json!({ "fromBlock": "0x0" }), -32005, "logs in one answer"),
        (json!({ "address": many }), -32005, "rpc-filter-max"),
        (json!({ "fromBlock": "0x2", "toBlock": "0x1" }), -32602, "invalid block range"),
        (json!({ "toBlock": "0x9" }), -32602, "beyond current head"),
        (json!({ "fromBlock": "x" }), -32602, "fromBlock"),
        (json!({ "blockHash": B256::ZERO }), -32000, "header not found"),
        (json!(5), -32602, "a log filter"),
    ] {
        let found = rig.refused("eth_getLogs", json!([filter])).await;
        assert!(found.0 == code && found.1.contains(words), "{filter}: {found:?}");
    }
    rig.send(&to_bob(2, 5)).await;
    rig.settle().await;
    assert!(rig.refused("eth_getLogs", json!([{ "fromBlock": "0x0" }])).await.1.contains("rpc-log-blocks-max"));
}

#[tokio::test]
async fn promises_and_places_on_l1() {
    let rig = Rig::with_alice().await;
    rig.send(&to_bob(0, 5)).await;
    let closed = rig.close().await;
    rig.send(&to_bob(2, 5)).await;
    let status = rig.ask("rollup_status", json!([])).await;
    let batch = rig.ask("rollup_batch", json!(["0x1"])).await;
    let expected = json!({
        "syncing": false,
        "latest": { "number": 2, "hash": closed.hash },
        "safe": 1,
        "finalized": 0,
        "settled": 1,
        "batch": { "index": 1, "hash": batch["hash"], "output": batch["output"] },
        "closedBatches": 1,
        "unprovenBatches": 1,
        "pendingTransactions": 0,
        "waitingTransactions": 1,
        "l1Head": { "number": 0, "hash": B256::ZERO },
        "queueIndex": 3,
        "entry": { "configHash": entry().config_hash, "keysHash": entry().keys_hash },
        "frozenAt": null,
    });
    assert_eq!(status, expected);
    for (field, value) in [
        ("index", json!(1)),
        ("firstBlock", json!(1)),
        ("lastBlock", json!(1)),
        ("operator", json!(OPERATOR)),
        ("queueStart", json!(0)),
        ("queueEnd", json!(3)),
        ("l1Transaction", json!(B256::repeat_byte(0x77))),
    ] {
        assert_eq!(batch[field], value, "{field}");
    }
    assert_eq!(rig.ask("rollup_batchOfBlock", json!(["0x1"])).await, batch);
    for index in ["0x0", "0x2", "0x99"] {
        assert_eq!(rig.ask("rollup_batch", json!([index])).await, Value::Null, "{index}");
    }
    let told = rig.ask("rollup_blockStatus", json!(["0x1"])).await;
    assert_eq!(
        (&told["promise"], &told["batchIndex"], &told["l1Block"]),
        (&json!("settled"), &json!(1), &batch["l1Block"])
    );
    let told = rig.ask("rollup_blockStatus", json!([closed.hash])).await;
    assert_eq!((&told["promise"], &told["batchIndex"]), (&json!("latest"), &Value::Null));
    assert_eq!(rig.ask("rollup_blockStatus", json!(["0x9"])).await, Value::Null);
}
