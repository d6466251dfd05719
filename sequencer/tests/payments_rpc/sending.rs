//! Transactions from their arrival to L1, and those that are not taken.

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxLegacy},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bytes, Signature, U256},
};
use serde_json::{Value, json};
use tandem_payments::{
    data::Message,
    eddsa::{SecretKey, SessionTransaction},
    leaf::Key,
    operation::{Call, Operation},
};

use crate::rig::{
    ALICE, BOB, ETHER, PRICE, Rig, TOKEN, TRANSFER_GAS, chain, deposit, key, operation, quantity, signed, to_bob,
};

#[tokio::test]
async fn a_transfer_is_followed_from_the_wallet_to_l1() {
    let mut rig = Rig::with_alice().await;
    let envelope = to_bob(0, 5);
    let hash = rig.send(&envelope).await;
    let status = async |rig: &Rig| rig.ask("rollup_transactionStatus", json!([hash])).await;
    let receipt = async |rig: &Rig| rig.ask("eth_getTransactionReceipt", json!([hash])).await;

    assert_eq!(status(&rig).await, json!({ "status": "waiting", "waitsFor": "block" }));
    assert_eq!(receipt(&rig).await, Value::Null);
    let unplaced = rig.ask("eth_getTransactionByHash", json!([hash])).await;
    for field in ["blockHash", "blockNumber", "transactionIndex", "blockTimestamp"] {
        assert_eq!(unplaced[field], Value::Null, "{field}");
    }

    let block = rig.close().await;
    let expected = json!({
        "status": "included", "blockHash": block.hash, "blockNumber": "0x2", "transactionIndex": "0x0", "promise": "latest",
    });
    assert_eq!(status(&rig).await, expected);
    let placed = rig.ask("eth_getTransactionByHash", json!([hash])).await;
    let expected = json!({
        "type": "0x73",
        "chainId": "0x1092",
        "hash": hash,
        "nonce": "0x0",
        "from": ALICE,
        "to": BOB,
        "value": "0x5",
        "input": "0x",
        "gas": "0x186a0",
        "gasPrice": U256::from(PRICE),
        "maxFeePerGas": U256::from(2 * PRICE),
        "maxPriorityFeePerGas": U256::from(2 * PRICE),
        "accessList": [],
        "expiry": "0xffffffffffffffff",
        "operation": "transfer",
        "v": "0x0",
        "r": "0x0",
        "s": "0x0",
        "blockHash": block.hash,
        "blockNumber": "0x2",
        "blockTimestamp": U256::from(block.timestamp),
        "transactionIndex": "0x0",
    });
    assert_eq!(placed, expected);
    assert_eq!(rig.ask("eth_getRawTransactionByHash", json!([hash])).await, json!(envelope));
    let found = receipt(&rig).await;
    // A leaf for Bob is made.
    let gas = U256::from(2 * TRANSFER_GAS);
    let expected = json!({
        "type": "0x73",
        "status": "0x1",
        "transactionHash": hash,
        "transactionIndex": "0x0",
        "blockHash": block.hash,
        "blockNumber": "0x2",
        "from": ALICE,
        "to": BOB,
        "contractAddress": null,
        "cumulativeGasUsed": gas,
        "gasUsed": gas,
        "effectiveGasPrice": U256::from(PRICE),
        "logs": [],
        "logsBloom": format!("0x{}", "0".repeat(512)),
        "rollupStatus": "latest",
    });
    assert_eq!(found, expected);

    rig.land(block).await;
    assert_eq!(status(&rig).await["promise"], "settled");
    assert_eq!(receipt(&rig).await["rollupStatus"], "settled");
    rig.finalized = rig.l1_number();
    rig.l1(vec![]).await;
    assert_eq!(status(&rig).await["promise"], "finalized");
}

#[tokio::test]
async fn what_waits_says_for_what_and_what_was_given_up_why() {
    let rig = Rig::with_alice().await;
    let ahead = rig.send(&to_bob(1, 5)).await;
    let status = async |hash: B256| rig.ask("rollup_transactionStatus", json!([hash])).await;
    assert_eq!(status(ahead).await, json!({ "status": "waiting", "waitsFor": "nonce" }));
    let waiting = rig.ask("eth_getTransactionByHash", json!([ahead])).await;
    assert_eq!(
        (&waiting["hash"], &waiting["blockHash"], &waiting["nonce"]),
        (&json!(ahead), &Value::Null, &json!("0x1"))
    );
    assert_eq!(rig.ask("eth_getRawTransactionByHash", json!([ahead])).await, json!(to_bob(1, 5)));
    assert_eq!(status(B256::repeat_byte(1)).await, json!({ "status": "unknown" }));
    for method in ["eth_getTransactionByHash", "eth_getTransactionReceipt", "eth_getRawTransactionByHash"] {
        assert_eq!(rig.ask(method, json!([B256::repeat_byte(1)])).await, Value::Null);
        assert_eq!(rig.refused(method, json!(["0x12"])).await.0, -32602);
    }
    rig.send(&to_bob(0, 5)).await;
    assert_eq!(status(ahead).await["waitsFor"], "block");
}

#[tokio::test]
async fn every_operation_has_its_form_and_tokens_their_logs() {
    let mut rig = Rig::with_alice().await;
    let sent = [
        Call::TokenTransfer { token: TOKEN, recipient: BOB, amount: 300 },
        Call::WithdrawEth { recipient: BOB, amount: 7 },
        Call::WithdrawToken { token: TOKEN, recipient: BOB, amount: 200 },
    ];
    let mut hashes = Vec::new();
    for (nonce, call) in (0..).zip(sent) {
        hashes.push(rig.send(&signed(operation(nonce, call))).await);
    }
    let block = rig.settle().await;
    let bridge = "0x5400000000000000000000000000000000000002";
    for (index, (to, value, selector, kind)) in [
        (TOKEN.to_string().to_lowercase(), "0x0", "0xa9059cbb", "tokenTransfer"),
        (bridge.into(), "0x7", "0x690d8320", "withdrawEth"),
        (bridge.into(), "0x0", "0xd9caed12", "withdrawToken"),
    ]
    .into_iter()
    .enumerate()
    {
        let transaction = rig.ask("eth_getTransactionByHash", json!([hashes[index]])).await;
        let input = transaction["input"].as_str().unwrap();
        let shown = (transaction["to"].as_str().unwrap(), transaction["value"].as_str().unwrap(), &input[..10]);
        assert_eq!((shown, &transaction["operation"]), ((to.as_str(), value, selector), &json!(kind)));
    }
    let receipts = rig.ask("eth_getBlockReceipts", json!([block.hash])).await;
    let receipts = receipts.as_array().unwrap();
    let withdrawal =
        |index, token, amount| json!({ "index": index, "recipient": BOB, "token": token, "amount": amount });
    let withdrawals: Vec<&Value> = receipts.iter().map(|receipt| &receipt["withdrawal"]).collect();
    let expected = [
        &Value::Null,
        &withdrawal("0x200000000", alloy::primitives::Address::ZERO, "0x7"),
        &withdrawal("0x200000001", TOKEN, "0xc8"),
    ];
    assert_eq!(withdrawals, expected, "PAY-WITHDRAWAL-ROOT");
    let used: Vec<U256> = receipts.iter().map(|receipt| quantity(&receipt["gasUsed"])).collect();
    let together: Vec<U256> = receipts.iter().map(|receipt| quantity(&receipt["cumulativeGasUsed"])).collect();
    // A token leaf for Bob is made.
    assert_eq!(used, [63_000, 30_000, 32_000].map(U256::from));
    assert_eq!(together, [63_000, 93_000, 125_000].map(U256::from));

    let logs = rig.ask("eth_getLogs", json!([{ "fromBlock": "0x0" }])).await;
    let logs = logs.as_array().unwrap();
    let moved: Vec<U256> = logs.iter().map(|log| quantity(&log["data"].as_str().map(shortened).into())).collect();
    assert_eq!(moved, [1_000, 300, 200].map(U256::from), "the deposit, the transfer, the withdrawal");
    let topic = |address: &alloy::primitives::Address| json!(address.into_word());
    let l1 = json!(B256::ZERO);
    for (log, [from, to]) in
        logs.iter().zip([[l1.clone(), topic(&ALICE)], [topic(&ALICE), topic(&BOB)], [topic(&ALICE), l1]])
    {
        assert_eq!((&log["topics"][1], &log["topics"][2], &log["address"]), (&from, &to, &json!(TOKEN)));
        assert_eq!(log["removed"], false);
    }
    assert_eq!(logs[2]["logIndex"], "0x1");
    assert_eq!(receipts[2]["logs"], json!([logs[2]]));
}

/// A word as a quantity.
fn shortened(word: &str) -> String {
    format!("{:#x}", word.parse::<U256>().unwrap())
}

#[tokio::test]
async fn messages_of_l1_are_transactions_of_their_own_type() {
    let mut rig = Rig::start().await;
    rig.l1(crate::rig::alices_messages()).await;
    let block = rig.close().await;
    let whole = rig.ask("eth_getBlockByNumber", json!(["latest", true])).await;
    let [ether, token, session] = whole["transactions"].as_array().unwrap().as_slice() else { panic!("three") };
    for (index, message) in [ether, token, session].into_iter().enumerate() {
        assert_eq!((&message["type"], &message["queueIndex"]), (&json!("0x7e"), &json!(format!("{index:#x}"))));
        assert_eq!(message["input"].as_str().unwrap().len(), 2 + 2 * 62);
        assert_eq!(message["sourceHash"], message["hash"]);
        assert_eq!(
            (&message["gas"], &message["gasPrice"], &message["isSystemTx"]),
            (&json!("0x0"), &json!("0x0"), &json!(false))
        );
    }
    assert_eq!((&ether["value"], &ether["mint"]), (&json!(U256::from(ETHER)), &json!(U256::from(ETHER))));
    assert_eq!(token["value"], "0x0");
    assert_eq!(
        [ether, token, session].map(|message| message["operation"].as_str().unwrap()),
        ["deposit", "deposit", "sessionKeyFromL1"]
    );
    let receipts = rig.ask("eth_getBlockReceipts", json!([block.hash])).await;
    for receipt in receipts.as_array().unwrap() {
        assert_eq!(
            (&receipt["status"], &receipt["gasUsed"], &receipt["type"]),
            (&json!("0x1"), &json!("0x0"), &json!("0x7e"))
        );
    }
    assert_eq!(rig.ask("eth_getRawTransactionByHash", json!([ether["hash"]])).await, Value::Null, "nobody sent it");
}

/// Whoever knows deposits by their type books what is minted.
#[tokio::test]
async fn nothing_is_minted_but_ether_that_was_credited() {
    let mut rig = Rig::with_alice().await;
    let forced = |token| Message::Forced { key: Key { address: ALICE, token } };
    let (ether, most) = (Address::ZERO, u128::MAX);
    rig.l1(vec![
        deposit(ether, 5),
        // More than a balance has room for.
        deposit(ether, most),
        deposit(TOKEN, 5),
        forced(ether),
        forced(TOKEN),
        // Of nothing, by now.
        forced(ether),
    ])
    .await;
    let block = rig.close().await;
    let whole = rig.ask("eth_getBlockByHash", json!([block.hash, true])).await;
    let receipts = rig.ask("eth_getBlockReceipts", json!([block.hash])).await;
    let expected = [
        ("deposit", 5, 5_u128, "0x1", None),
        ("deposit", most, 0, "0x0", Some(most)),
        ("deposit", 0, 0, "0x1", None),
        ("forcedWithdrawal", 0, 0, "0x1", Some(ETHER + 5)),
        ("forcedWithdrawal", 0, 0, "0x1", Some(1_005)),
        ("forcedWithdrawal", 0, 0, "0x0", None),
    ];
    assert_eq!(whole["transactions"].as_array().unwrap().len(), expected.len());
    for (index, (operation, value, mint, status, withdrawn)) in expected.into_iter().enumerate() {
        let (shown, receipt) = (&whole["transactions"][index], &receipts[index]);
        assert_eq!((&shown["operation"], &receipt["status"]), (&json!(operation), &json!(status)), "{index}");
        assert_eq!(shown["value"], json!(U256::from(value)), "{index}");
        assert_eq!(shown["mint"], json!(U256::from(mint)), "{index}");
        assert_eq!(receipt["withdrawal"]["amount"], json!(withdrawn.map(U256::from)), "{index}");
    }
}

/// Why bytes are not taken.
async fn refusal(rig: &Rig, bytes: impl Into<Bytes>) -> String {
    let (code, words) = rig.refused("eth_sendRawTransaction", json!([bytes.into()])).await;
    assert_eq!(code, -32000, "{words}");
    words
}

#[tokio::test]
async fn ethereums_transactions_are_refused_with_what_is_taken_instead() {
    let rig = Rig::with_alice().await;
    let signature = Signature::test_signature();
    let legacy = TxLegacy { gas_limit: 21_000, ..Default::default() }.into_signed(signature).encoded_2718();
    let dynamic = TxEip1559 { gas_limit: 21_000, ..Default::default() }.into_signed(signature).encoded_2718();
    for bytes in [legacy, dynamic, vec![1, 2], vec![3, 2], vec![4, 2]] {
        let words = refusal(&rig, bytes).await;
        for part in ["no circuit verifies Ethereum signatures yet", "type 0x73", "docs/spec/session-keys.md"] {
            assert!(words.contains(part), "{words}");
        }
    }
    for bytes in [vec![], vec![0x7e, 1], vec![0x50, 2]] {
        let words = refusal(&rig, bytes).await;
        assert!(words.starts_with("not a session transaction") && words.contains("PAY-SESSION-TX"), "{words}");
    }
}

#[tokio::test]
async fn operations_that_the_rules_refuse_are_not_taken() {
    let rig = Rig::with_alice().await;
    let call = Call::Transfer { recipient: BOB, amount: 5 };
    let good = operation(0, call);
    let chain = chain();
    let by = |chain_id, operation: Operation, key: &SecretKey| {
        SessionTransaction::sign(chain_id, chain.hash(), operation, key).unwrap().encode()
    };
    let mut broken = by(chain.l2_chain_id, good, &key());
    let last = broken.len() - 1;
    broken[last] ^= 1;
    let stranger = SecretKey::from_seed(B256::repeat_byte(8));
    let ours = |operation| by(chain.l2_chain_id, operation, &key());
    for (what, bytes, words) in [
        ("another chain", by(1, good, &key()), "the transaction is for chain 1"),
        ("a changed bit", broken, "signature"),
        ("another's key", by(chain.l2_chain_id, good, &stranger), "is not the session key of"),
        ("nobody's account", ours(Operation { sender: BOB, ..good }), "has no account here"),
        ("a low price", ours(Operation { max_fee_per_gas: PRICE - 1, ..good }), "underpriced"),
        ("little gas", ours(Operation { gas_limit: TRANSFER_GAS, ..good }), "intrinsic gas too low"),
        ("much gas", ours(Operation { gas_limit: 1 << 33, ..good }), "exceeds block gas limit"),
        ("the past", ours(Operation { expiry: 1, ..good }), "expired at 1"),
        ("too much", ours(operation(0, Call::Transfer { recipient: BOB, amount: ETHER })), "insufficient funds"),
        (
            "too many tokens",
            ours(operation(0, Call::TokenTransfer { token: TOKEN, recipient: BOB, amount: 1_001 })),
            "transfer amount exceeds balance",
        ),
        ("a nonce far ahead", ours(operation(1 << 40, call)), "nonce too high"),
    ] {
        let found = refusal(&rig, bytes).await;
        assert!(found.contains(words), "{what}: {found}");
    }
    let taken = ours(good);
    rig.send(&taken.clone().into()).await;
    assert!(refusal(&rig, taken).await.contains("nonce too low"), "it is in the open batch");
    let ahead = ours(operation(2, call));
    rig.send(&ahead.clone().into()).await;
    assert!(refusal(&rig, ahead).await.contains("already known"));
    for params in [json!([]), json!(["hello"]), json!([5]), json!(["0x1"])] {
        assert_eq!(rig.refused("eth_sendRawTransaction", params).await.0, -32602);
    }
}
