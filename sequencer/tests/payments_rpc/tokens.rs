//! What L1 is asked about tokens, and how seldom.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use alloy::{
    primitives::{Address, Bytes, U256},
    sol_types::SolValue,
};
use axum::{Json, Router, extract::State, routing::post};
use serde_json::{Value, json};
use tandem_l1::L1Client;
use tandem_sequencer::rpc::RpcLimits;
use tokio::net::TcpListener;

use crate::rig::{ALICE, Rig, TOKEN, chain};

/// A token whose answers are as long as they like.
const LONG: Address = Address::repeat_byte(0x99);
/// One that L1 does not answer for.
const SILENT: Address = Address::repeat_byte(0x55);

const NAME: &str = "0x06fdde03";
const SYMBOL: &str = "0x95d89b41";
const DECIMALS: &str = "0x313ce567";
const TOTAL_SUPPLY: &str = "0x18160ddd";

/// An L1 with a token, its bridge, and nothing else; counts what it is asked.
async fn l1() -> (L1Client, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let router = Router::new().route("/", post(answer)).with_state(asked.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (L1Client::connect(&url, Duration::from_secs(5)).await.unwrap(), asked)
}

async fn answer(State(asked): State<Arc<AtomicUsize>>, Json(request): Json<Value>) -> Json<Value> {
    asked.fetch_add(1, Ordering::Relaxed);
    let call = &request["params"][0];
    let to: Address = serde_json::from_value(call["to"].clone()).unwrap();
    let input = call["input"].as_str().unwrap();
    let text = |text: &str| Bytes::from(text.to_owned().abi_encode());
    let result = match (to, &input[..10]) {
        (TOKEN, NAME) => text("Gold"),
        (TOKEN, SYMBOL) => text("GLD"),
        (TOKEN, DECIMALS) => U256::from(6).abi_encode().into(),
        (to, _) if to == chain().bridge => U256::from(1_000).abi_encode().into(),
        (LONG, _) => vec![1; 5_000].into(),
        (SILENT, _) => {
            return Json(
                json!({ "jsonrpc": "2.0", "id": request["id"], "error": { "code": -32005, "message": "too many requests" } }),
            );
        }
        (TOKEN, _) => {
            let error = json!({ "code": 3, "message": "execution reverted", "data": "0x" });
            return Json(json!({ "jsonrpc": "2.0", "id": request["id"], "error": error }));
        }
        _ => Bytes::new(),
    };
    Json(json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }))
}

async fn rig() -> (Rig, Arc<AtomicUsize>) {
    let (client, asked) = l1().await;
    let mut rig = Rig::unsynced(RpcLimits::default(), Some(client)).await;
    rig.l1(vec![]).await;
    (rig, asked)
}

#[tokio::test]
async fn names_and_decimals_are_those_of_l1_and_asked_for_once() {
    let (rig, asked) = rig().await;
    for _ in 0..3 {
        for (input, expected) in [
            (NAME, "Gold".to_owned().abi_encode()),
            (SYMBOL, "GLD".to_owned().abi_encode()),
            (DECIMALS, U256::from(6).abi_encode()),
        ] {
            let answer = rig.ask("eth_call", json!([{ "to": TOKEN, "data": input }, "latest"])).await;
            assert_eq!(answer, json!(Bytes::from(expected)), "{input}");
        }
        assert_eq!(rig.ask("eth_getCode", json!([TOKEN, "latest"])).await, "0xfe");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    // What the Bridge holds changes, and is asked for once in some seconds.
    let supply = json!([{ "to": TOKEN, "data": TOTAL_SUPPLY }]);
    for _ in 0..2 {
        assert_eq!(rig.ask("eth_call", supply.clone()).await, json!(Bytes::from(U256::from(1_000).abi_encode())));
    }
    let questions = asked.load(Ordering::Relaxed);
    assert!((4..=5).contains(&questions), "{questions}: two if a slow machine let the first grow old");
}

#[tokio::test]
async fn whoever_asks_for_address_after_address_does_not_reach_l1_with_all_of_them() {
    let (rig, asked) = rig().await;
    let name = json!([{ "to": TOKEN, "data": NAME }]);
    let gold = json!(Bytes::from("Gold".to_owned().abi_encode()));
    assert_eq!(rig.ask("eth_call", name.clone()).await, gold);
    let mut refused = None;
    for number in 1..10_000_u64 {
        let address = Address::left_padding_from(&number.to_be_bytes());
        if let Err(error) = rig.try_ask("eth_getCode", json!([address, "latest"])).await {
            refused = Some((number, error));
            break;
        }
    }
    let (number, (code, words)) = refused.expect("a refusal");
    assert!(code == -32005 && words.contains("many tokens at a time"), "{words}");
    assert!(number >= 64, "refused after {number}");
    // What is known is answered all the same, and L1 was asked for nothing that was refused.
    assert_eq!(rig.ask("eth_call", name).await, gold);
    assert_eq!(asked.load(Ordering::Relaxed) as u64, number);
    // Who asks about a token that there is has questions that nobody takes by asking for code.
    let symbol = json!([{ "to": TOKEN, "data": SYMBOL }]);
    assert_eq!(rig.ask("eth_call", symbol).await, json!(Bytes::from("GLD".to_owned().abi_encode())));
    assert_eq!(asked.load(Ordering::Relaxed) as u64, number + 1);
}

/// Wallets ask for the code of everybody whom they pay.
#[tokio::test]
async fn l1_is_not_asked_whether_an_account_with_a_key_is_a_token() {
    let (mut rig, asked) = rig().await;
    rig.l1(crate::rig::alices_messages()).await;
    assert_eq!(rig.ask("eth_getCode", json!([ALICE, "latest"])).await, "0x");
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn what_is_no_token_has_no_name_and_no_code() {
    let (rig, asked) = rig().await;
    for (address, method) in [(ALICE, "eth_call"), (LONG, "eth_call"), (ALICE, "eth_call")] {
        let (code, words) = rig.refused(method, json!([{ "to": address, "data": NAME }])).await;
        assert!(code == -32000 && words.contains("L1 has no such answer"), "{words}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2, "that there is none is remembered");
    for address in [ALICE, LONG] {
        assert_eq!(rig.ask("eth_getCode", json!([address, "latest"])).await, "0x");
    }
    let (code, words) = rig.refused("eth_call", json!([{ "to": SILENT, "data": NAME }])).await;
    assert!(code == -32000 && words.contains("L1 does not answer"), "{words}");
}
