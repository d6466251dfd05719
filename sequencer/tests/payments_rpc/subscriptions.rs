//! Subscriptions and filters: batches as they close, their logs, and operations as they arrive.

use std::time::Duration;

use alloy::{
    network::{AnyNetwork, TransactionResponse},
    primitives::{B256, Bloom, U256},
    providers::{Provider, ProviderBuilder, WsConnect},
    rpc::types::Filter,
};
use futures::StreamExt;
use serde_json::{Value, json};
use tandem_payments::operation::Call;

use crate::rig::{BOB, Rig, TOKEN, operation, signed, to_bob};

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.unwrap_or_else(|_| panic!("{what}: nothing in time"))
}

#[tokio::test]
async fn a_wallet_library_follows_heads_logs_and_arrivals() {
    let mut rig = Rig::with_alice().await;
    let provider =
        ProviderBuilder::new().network::<AnyNetwork>().connect_ws(WsConnect::new(rig.ws_url())).await.unwrap();
    let mut heads = provider.subscribe_blocks().await.unwrap().into_stream();
    let mut arrivals = provider.subscribe_pending_transactions().await.unwrap().into_stream();
    let mut full = provider.subscribe_full_pending_transactions().await.unwrap().into_stream();
    // On a connection of its own, which is closed when there are logs that the node does not know.
    let listener =
        ProviderBuilder::new().network::<AnyNetwork>().connect_ws(WsConnect::new(rig.ws_url())).await.unwrap();
    let mut logs = listener.subscribe_logs(&Filter::new().address(TOKEN)).await.unwrap().into_stream();
    let ether = rig.send(&to_bob(0, 5)).await;
    let token = rig.send(&signed(operation(1, Call::TokenTransfer { token: TOKEN, recipient: BOB, amount: 5 }))).await;
    for hash in [ether, token] {
        assert_eq!(soon("an arrival", arrivals.next()).await, Some(hash));
        let transaction = soon("an arrival", full.next()).await.unwrap();
        assert_eq!((transaction.tx_hash(), transaction.block_number), (hash, None));
    }
    let block = rig.close().await;
    let head = soon("a head", heads.next()).await.unwrap();
    assert_eq!((head.hash, head.number), (block.hash, 2));
    let log = soon("a log", logs.next()).await.unwrap();
    assert_eq!((log.transaction_hash, log.block_hash, log.removed), (Some(token), Some(block.hash), false));

    // L1 has another batch: the logs of the one that it displaces are taken back.
    let other = rig.land_unseen(block).await;
    let gone = soon("a log", logs.next()).await.unwrap();
    assert_eq!((gone.transaction_hash, gone.removed), (Some(token), true));
    assert_eq!(soon("a head", heads.next()).await.unwrap().hash, other.hash);
}

/// Whoever reads logs where a head's bloom has them is not led past those of a block that this node never saw.
#[tokio::test]
async fn a_head_says_that_its_transactions_are_not_known() {
    let mut rig = Rig::with_alice().await;
    let provider = ProviderBuilder::new().connect_ws(WsConnect::new(rig.ws_url())).await.unwrap();
    let mut heads = provider.subscribe::<_, Value>(("newHeads",)).await.unwrap().into_stream();
    rig.send(&to_bob(0, 5)).await;
    let block = rig.close().await;
    let known = soon("a head", heads.next()).await.unwrap();
    assert_eq!((&known["hash"], &known["transactionsUnknown"]), (&json!(block.hash), &Value::Null));
    assert_eq!(known["logsBloom"], json!(Bloom::ZERO));
    let other = rig.land_unseen(block).await;
    let unknown = soon("a head", heads.next()).await.unwrap();
    assert_eq!((&unknown["hash"], &unknown["transactionsUnknown"]), (&json!(other.hash), &json!(true)));
    assert_eq!(unknown["logsBloom"], json!(Bloom::repeat_byte(0xff)));
}

#[tokio::test]
async fn filters_tell_the_same_to_who_asks() {
    let rig = Rig::with_alice().await;
    // Blocks are told of once the node knows L1.
    rig.wait("sync", async || rig.ask("eth_syncing", json!([])).await == json!(false)).await;
    let blocks = rig.ask("eth_newBlockFilter", json!([])).await;
    let logs = rig.ask("eth_newFilter", json!([{ "address": TOKEN, "fromBlock": "0x0" }])).await;
    let arrivals = rig.ask("eth_newPendingTransactionFilter", json!([])).await;
    let hash = rig.send(&signed(operation(0, Call::TokenTransfer { token: TOKEN, recipient: BOB, amount: 5 }))).await;
    assert_eq!(rig.ask("eth_getFilterChanges", json!([arrivals])).await, json!([hash]));
    let block = rig.close().await;
    rig.wait("the block", async || rig.ask("eth_getFilterChanges", json!([blocks])).await == json!([block.hash])).await;
    let told = rig.ask("eth_getFilterChanges", json!([logs])).await;
    assert_eq!((&told[0]["transactionHash"], told.as_array().unwrap().len()), (&json!(hash), 1));
    let all = rig.ask("eth_getFilterLogs", json!([logs])).await;
    let amounts: Vec<U256> =
        all.as_array().unwrap().iter().map(|log| log["data"].as_str().unwrap().parse().unwrap()).collect();
    assert_eq!(amounts, [1_000, 5].map(U256::from), "the deposit before the filter is told of too");
    assert_eq!(rig.ask("eth_uninstallFilter", json!([logs])).await, json!(true));
    assert_eq!(rig.refused("eth_getFilterChanges", json!([logs])).await, (-32000, "filter not found".into()));
    assert_eq!(rig.refused("eth_getFilterLogs", json!([blocks])).await.1, "filter not found");
}

#[tokio::test]
async fn a_filter_is_told_that_logs_are_not_known() {
    let mut rig = Rig::with_alice().await;
    rig.wait("sync", async || rig.ask("eth_syncing", json!([])).await == json!(false)).await;
    rig.send(&to_bob(0, 5)).await;
    let block = rig.close().await;
    let blocks = rig.ask("eth_newBlockFilter", json!([])).await;
    let logs = rig.ask("eth_newFilter", json!([{ "address": TOKEN }])).await;
    let elsewhere = rig.ask("eth_newFilter", json!([{ "fromBlock": "0x3", "toBlock": "0x9" }])).await;
    let other = rig.land_unseen(block).await;
    rig.wait("the other batch", async || {
        let told = rig.ask("eth_getFilterChanges", json!([blocks])).await;
        told.as_array().unwrap().contains(&json!(other.hash))
    })
    .await;
    let (code, words) = rig.refused("eth_getFilterChanges", json!([logs])).await;
    assert!(code == -32000 && words.starts_with("the transactions of block 2 are not known"), "{words}");
    // A filter with a gap is gone, as one that was overtaken.
    assert_eq!(rig.refused("eth_getFilterChanges", json!([logs])).await.1, "filter not found");
    assert_eq!(rig.ask("eth_getFilterChanges", json!([elsewhere])).await, json!([]));
}

#[tokio::test]
async fn subscriptions_need_a_websocket_and_a_name() {
    let rig = Rig::start().await;
    assert_eq!(rig.refused("eth_subscribe", json!(["newHeads"])).await, (-32601, "notifications not supported".into()));
    let provider = ProviderBuilder::new().connect_ws(WsConnect::new(rig.ws_url())).await.unwrap();
    let asked: Result<Value, _> = provider.raw_request("eth_subscribe".into(), json!(["weather"])).await;
    let error = asked.unwrap_err();
    assert_eq!(error.as_error_resp().unwrap().message, "no \"weather\" subscription in eth namespace");
    let asked: Result<Value, _> = provider.raw_request("eth_unsubscribe".into(), json!([B256::ZERO])).await;
    assert!(asked.unwrap_err().as_error_resp().unwrap().message.contains("subscription not found"));
    let number: Value = provider.raw_request("eth_blockNumber".into(), json!([])).await.unwrap();
    assert_eq!(number, "0x0");
}
