//! Anvil's pool behind the rules of geth's: an account's transactions all carry blobs or none does, and whoever takes another's place bids
//! a tenth more, or with blobs twice as much.

use alloy::{
    consensus::{Transaction, TxEnvelope, transaction::SignerRecoverable},
    eips::eip2718::Decodable2718,
    primitives::{Address, Bytes, U64},
};
use axum::{Json, Router, extract::State, routing::post};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};
use tokio::net::TcpListener;
use url::Url;

/// An endpoint with such a pool. Ends with the runtime.
pub struct StrictPool {
    /// The address that it listens at.
    pub url: Url,
    upstream: Upstream,
}

#[derive(Clone)]
struct Upstream {
    url: Url,
    client: reqwest::Client,
    /// What came last. A lock, since requests come on any thread.
    last: Arc<Mutex<Option<Value>>>,
    /// How often each method was asked for. A lock for the same reason.
    asked: Arc<Mutex<BTreeMap<String, usize>>>,
    /// Receipts that were given and are given again whatever becomes of their blocks; none if they are not kept. A lock for the same reason.
    receipts: Arc<Mutex<Option<BTreeMap<String, Value>>>>,
    /// By how much the next answers of nonces are wrong. A lock for the same reason.
    wrong_nonces: Arc<Mutex<VecDeque<i64>>>,
}

impl StrictPool {
    /// A proxy in front of the endpoint at `url`.
    pub async fn start(url: Url) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let upstream = Upstream {
            url,
            client: reqwest::Client::new(),
            last: Arc::default(),
            asked: Arc::default(),
            receipts: Arc::default(),
            wrong_nonces: Arc::default(),
        };
        let router = Router::new().route("/", post(pass)).with_state(upstream.clone());
        let router = router.layer(axum::extract::DefaultBodyLimit::disable());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url: address.parse().unwrap(), upstream }
    }

    /// The next answers to how many transactions an account has are wrong by so much: they come from a node that is at another block.
    pub fn mislead(&self, by: impl IntoIterator<Item = i64>) {
        self.upstream.wrong_nonces.lock().unwrap().extend(by);
    }

    /// A receipt that was given once is given again when its block is gone: by a node that has not seen the reorganisation.
    pub fn keep_receipts(&self) {
        *self.upstream.receipts.lock().unwrap() = Some(BTreeMap::new());
    }

    /// Whether a receipt was given.
    pub fn has_given_receipt(&self) -> bool {
        self.upstream.receipts.lock().unwrap().as_ref().is_some_and(|receipts| !receipts.is_empty())
    }

    /// Whether all of them were given.
    pub fn has_misled(&self) -> bool {
        self.upstream.wrong_nonces.lock().unwrap().is_empty()
    }

    /// How often a method was asked for.
    pub fn times_asked(&self, method: &str) -> usize {
        self.upstream.asked.lock().unwrap().get(method).copied().unwrap_or_default()
    }

    /// Hands the last transaction to the pool once more: another node still had it.
    pub async fn return_last(&self) {
        let last = self.upstream.last.lock().unwrap().clone().unwrap();
        let answer = self.upstream.ask(&last).await;
        assert!(answer["result"].is_string(), "{answer}");
    }
}

impl Upstream {
    async fn ask(&self, request: &Value) -> Value {
        let answer = self.client.post(self.url.clone()).json(request).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// Why geth would not take the transaction.
    async fn refusal(&self, raw: &Value) -> Option<&'static str> {
        let raw: Bytes = serde_json::from_value(raw.clone()).unwrap();
        let new = TxEnvelope::decode_2718(&mut raw.as_ref()).unwrap();
        let sender = new.recover_signer().unwrap();
        let new_fees =
            [new.max_fee_per_gas(), new.max_priority_fee_per_gas().unwrap(), new.max_fee_per_blob_gas().unwrap_or(0)];
        let has_blobs = new.max_fee_per_blob_gas().is_some();
        let content = self.ask(&json!({ "jsonrpc": "2.0", "id": 1, "method": "txpool_content", "params": [] })).await;
        for old in pooled(&content["result"], sender) {
            let number = |field: &str| {
                let digits = old[field].as_str().unwrap_or("0x0").trim_start_matches("0x");
                u128::from_str_radix(digits, 16).unwrap()
            };
            if (number("type") == 3) != has_blobs {
                return Some("address already reserved");
            }
            let old_fees = ["maxFeePerGas", "maxPriorityFeePerGas", "maxFeePerBlobGas"].map(number);
            let percent = if has_blobs { 200 } else { 110 };
            let outbids = old_fees.iter().zip(new_fees).all(|(old, new)| new * 100 >= old * percent);
            if number("nonce") == u128::from(new.nonce()) && json!(new.tx_hash()) != old["hash"] && !outbids {
                return Some("replacement transaction underpriced");
            }
        }
        None
    }
}

fn pooled(content: &Value, sender: Address) -> Vec<&Value> {
    let parts = ["pending", "queued"].into_iter().filter_map(|part| content[part].as_object());
    let accounts = parts.flatten().filter(|(account, _)| account.parse::<Address>().unwrap() == sender);
    accounts.flat_map(|(_, transactions)| transactions.as_object().unwrap().values()).collect()
}

async fn pass(State(upstream): State<Upstream>, Json(request): Json<Value>) -> Json<Value> {
    if request["method"] == "eth_sendRawTransaction" {
        if let Some(message) = upstream.refusal(&request["params"][0]).await {
            let error = json!({ "code": -32000, "message": message });
            return Json(json!({ "jsonrpc": "2.0", "id": request["id"], "error": error }));
        }
        *upstream.last.lock().unwrap() = Some(request.clone());
    }
    let mut answer = upstream.ask(&request).await;
    let method = request["method"].as_str().unwrap().to_owned();
    *upstream.asked.lock().unwrap().entry(method).or_default() += 1;
    if request["method"] == "eth_getTransactionReceipt"
        && let Some(receipts) = upstream.receipts.lock().unwrap().as_mut()
    {
        let hash = request["params"][0].to_string();
        match answer["result"].is_null() {
            true => answer["result"] = receipts.get(&hash).cloned().unwrap_or_default(),
            false => drop(receipts.insert(hash, answer["result"].clone())),
        }
    }
    if request["method"] == "eth_getTransactionCount"
        && let Some(by) = upstream.wrong_nonces.lock().unwrap().pop_front()
    {
        let nonce: U64 = serde_json::from_value(answer["result"].clone()).unwrap();
        answer["result"] = json!(U64::from(nonce.to::<u64>().checked_add_signed(by).unwrap()));
    }
    Json(answer)
}
