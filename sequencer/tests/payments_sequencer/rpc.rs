//! JSON-RPC of a payments chain, over HTTP.

use alloy::{
    primitives::{Address, B256, U256, keccak256},
    providers::{Provider, ProviderBuilder},
    sol,
    sol_types::{SolCall, SolValue},
};
use serde_json::{Value, json};
use tandem_l1::L1Heads;
use tandem_payments::{data::Message, leaf::Key, operation::Call};
use tandem_sequencer::{
    payments::rpc::PaymentsContext,
    rpc::{RpcLimits, serve},
};
use tandem_service::Readiness;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

use super::rig::{ETHER, L1, OPERATOR, PRICE, Rig, TOKEN, chain, config, operation, signed, transfer, user};

sol! {
    function balanceOf(address account) external view returns (uint256);
    function symbol() external view returns (string);
}

struct Served {
    rig: Rig,
    l1: L1,
    url: String,
    _heads: watch::Sender<L1Heads>,
    _directory: tempfile::TempDir,
}

impl Served {
    /// User 1 has an ether, a hundred tokens and a key, in block 1, which is on L1.
    async fn start() -> Self {
        let (mut l1, directory) = (L1::new(), tempfile::tempdir().unwrap());
        l1.fund(1, ETHER);
        l1.fund_token(1, 100);
        let rig = Rig::start(directory.path(), config(), &l1).await;
        rig.settle_next(&mut l1).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (heads, receiver) = watch::channel(L1Heads::default());
        let limits = RpcLimits { log_blocks_max: 3, ..RpcLimits::default() };
        let (engine, records) = (rig.engine.clone(), rig.records.clone());
        let context = PaymentsContext::new(chain(), config(), records, engine, receiver, limits, Readiness::default());
        tokio::spawn(serve(listener, context, CancellationToken::new()));
        Self { rig, l1, url, _heads: heads, _directory: directory }
    }

    async fn try_ask(&self, method: &'static str, params: Value) -> Result<Value, String> {
        let provider = ProviderBuilder::new().connect_http(self.url.parse().unwrap());
        let answer: Result<Value, _> = provider.raw_request(method.into(), params).await;
        answer
            .map_err(|error| error.as_error_resp().map_or_else(|| error.to_string(), |error| error.message.to_string()))
    }

    async fn ask(&self, method: &'static str, params: Value) -> Value {
        self.try_ask(method, params).await.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    async fn send(&self, nonce: u64, call: Call) -> Result<Value, String> {
        self.try_ask("eth_sendRawTransaction", json!([signed(1, operation(1, nonce, call))])).await
    }

    async fn refused(&self, method: &'static str, params: Value, words: &str) {
        let refused = self.try_ask(method, params.clone()).await;
        let told = refused.expect_err("it is answered");
        assert!(told.contains(words), "{method} {params}: {told}");
    }
}

fn hex(value: u128) -> Value {
    json!(U256::from(value))
}

#[tokio::test(flavor = "multi_thread")]
async fn wallets_find_what_they_ask_for() {
    let mut served = Served::start().await;
    let chain_id = u128::from(chain().l2_chain_id);
    assert_eq!(served.ask("eth_chainId", json!([])).await, hex(chain_id));
    assert_eq!(served.ask("net_version", json!([])).await, json!(chain_id.to_string()));
    assert!(served.ask("web3_clientVersion", json!([])).await.as_str().unwrap().starts_with("tandem/"));
    assert_eq!(served.ask("eth_gasPrice", json!([])).await, hex(PRICE.into()));
    assert_eq!(served.ask("eth_maxPriorityFeePerGas", json!([])).await, hex(PRICE.into()));
    assert_eq!(served.ask("eth_blockNumber", json!([])).await, hex(1));
    assert_ne!(served.ask("eth_syncing", json!([])).await, json!(false), "nobody has told this test's L1 heads");

    let token_call = Call::TokenTransfer { token: TOKEN, recipient: user(2), amount: 40 };
    let hashes = [
        served.send(0, transfer(2, 7)).await.unwrap(),
        served.send(1, token_call).await.unwrap(),
        served.send(2, Call::WithdrawToken { token: TOKEN, recipient: user(5), amount: 10 }).await.unwrap(),
    ];
    assert_eq!(hashes[0], json!(keccak256(signed(1, operation(1, 0, transfer(2, 7))))));
    let count = async |block: &str| served.ask("eth_getTransactionCount", json!([user(1), block])).await;
    assert_eq!((count("pending").await, count("latest").await, count("safe").await), (hex(3), hex(0), hex(0)));
    let pending = served.ask("eth_getBlockByNumber", json!(["pending", false])).await;
    assert_eq!((&pending["number"], &pending["transactions"]), (&hex(2), &json!(hashes)));
    let status = served.ask("rollup_transactionStatus", json!([hashes[0]])).await;
    assert_eq!((&status["status"], &status["waitsFor"]), (&json!("waiting"), &json!("block")));
    assert_eq!(served.ask("eth_getTransactionReceipt", json!([hashes[0]])).await, Value::Null);

    let closed = served.rig.next().await.unwrap();
    assert_eq!((count("latest").await, count("safe").await), (hex(3), hex(0)));
    let status = served.ask("rollup_transactionStatus", json!([hashes[0]])).await;
    assert_eq!((&status["status"], &status["promise"]), (&json!("included"), &json!("latest")));
    let fees = u128::from(42_000 + 63_000 + 32_000u32) * u128::from(PRICE);
    let balance = async |who: Address, block: &str| served.ask("eth_getBalance", json!([who, block])).await;
    assert_eq!(balance(user(1), "latest").await, hex(ETHER - 7 - fees));
    assert_eq!((balance(user(1), "safe").await, balance(OPERATOR, "0x2").await), (hex(ETHER), hex(fees)));

    let moved = served.ask("eth_getTransactionByHash", json!([hashes[1]])).await;
    assert_eq!((&moved["to"], &moved["value"], &moved["type"]), (&json!(TOKEN), &hex(0), &json!("0x73")));
    assert!(moved["input"].as_str().unwrap().starts_with("0xa9059cbb"));
    assert_eq!((&moved["gasPrice"], &moved["maxFeePerGas"]), (&hex(PRICE.into()), &hex(2 * u128::from(PRICE))));
    let receipt = served.ask("eth_getTransactionReceipt", json!([hashes[1]])).await;
    assert_eq!((&receipt["gasUsed"], &receipt["cumulativeGasUsed"]), (&hex(63_000), &hex(105_000)));
    let [log] = &receipt["logs"].as_array().unwrap()[..] else { panic!("{receipt}") };
    assert_eq!((&log["address"], &log["data"]), (&json!(TOKEN), &json!(B256::from(U256::from(40)))));
    assert_eq!(log["topics"][0], json!(keccak256("Transfer(address,address,uint256)")));
    assert_eq!(log["topics"][2], json!(user(2).into_word()));
    let withdrawn = served.ask("eth_getTransactionReceipt", json!([hashes[2]])).await;
    assert_eq!(
        withdrawn["withdrawal"],
        json!({ "index": hex(2 << 32), "recipient": user(5), "token": TOKEN, "amount": hex(10) })
    );
    assert_eq!(withdrawn["logs"][0]["logIndex"], hex(1), "counted through the block");

    let logs = served.ask("eth_getLogs", json!([{ "fromBlock": "0x1", "toBlock": "latest", "address": TOKEN }])).await;
    assert_eq!(logs.as_array().unwrap().len(), 3, "the deposit, the transfer, the withdrawal");
    let to = json!([{ "fromBlock": "0x1", "topics": [null, null, user(2).into_word()] }]);
    assert_eq!(served.ask("eth_getLogs", to).await.as_array().unwrap().len(), 1);
    let block = served.ask("eth_getBlockByHash", json!([closed.hash, true])).await;
    assert_eq!(block["transactions"][0]["hash"], hashes[0]);
    assert_eq!((&block["stateRoot"], &block["miner"]), (&json!(closed.state_root), &json!(OPERATOR)));
    let parent = served.ask("eth_getBlockByNumber", json!(["0x1", true])).await;
    assert_eq!((&parent["hash"], &parent["transactions"][0]["type"]), (&block["parentHash"], &json!("0x7e")));
    assert_eq!(served.ask("eth_getBlockByNumber", json!(["earliest", false])).await["hash"], json!(chain().hash()));
    assert_eq!(served.ask("eth_getBlockByNumber", json!(["0x9", false])).await, Value::Null);

    let settled = served.rig.settle_next(&mut served.l1).await;
    assert_eq!(settled.number, 2);
    let status = served.ask("rollup_status", json!([])).await;
    assert_eq!((&status["settled"], &status["closedBatches"]), (&json!(2), &json!(0)));
    let status = served.ask("rollup_blockStatus", json!(["0x2"])).await;
    assert_eq!((&status["promise"], &status["l1Transaction"]), (&json!("settled"), &json!(closed.hash)));
    let history = served.ask("eth_feeHistory", json!(["0x2", "latest", [50.0]])).await;
    assert_eq!((&history["oldestBlock"], &history["reward"][1][0]), (&hex(1), &hex(PRICE.into())));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_operations_or_questions_about_tokens() {
    let served = Served::start().await;
    let call =
        |to: Address, data: Vec<u8>| json!([{ "to": to, "data": alloy::primitives::Bytes::from(data) }, "latest"]);
    let balance = call(TOKEN, balanceOfCall { account: user(1) }.abi_encode());
    assert_eq!(served.ask("eth_call", balance).await, json!(B256::from(U256::from(100))));
    let gas = async |to: u8, value: u128| {
        served.ask("eth_estimateGas", json!([{ "to": user(to), "value": U256::from(value) }])).await
    };
    assert_eq!((gas(1, 5).await, gas(9, 5).await), (hex(21_000), hex(42_000)));
    served.refused("eth_call", call(TOKEN, symbolCall {}.abi_encode()), "ask L1").await;
    served.refused("eth_call", call(user(9), vec![1, 2, 3, 4]), "has no such function here").await;
    served.refused("eth_estimateGas", json!([{ "data": "0x6001" }]), "this chain has no contracts").await;
    let call_of_account = (true,).abi_encode();
    served
        .refused(
            "eth_estimateGas",
            json!([{ "to": user(1), "data": alloy::primitives::Bytes::from(call_of_account) }]),
            "no such function",
        )
        .await;
}

/// What this chain cannot do is an error that says so, and never an empty answer.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_answered_is_told() {
    let mut served = Served::start().await;
    served.refused("eth_getStorageAt", json!([TOKEN, "0x0", "latest"]), "there are no contracts").await;
    served.refused("debug_traceTransaction", json!([B256::ZERO]), "no traces").await;
    served.refused("eth_nonsense", json!([]), "does not exist").await;
    served.refused("eth_sendRawTransaction", json!(["0x02c0"]), "session key").await;
    served.refused("eth_sendRawTransaction", json!(["0x73"]), "rlp").await;
    served.refused("eth_getLogs", json!([{ "fromBlock": "0x9" }]), "beyond current head").await;
    let poor = served.send(0, transfer(2, ETHER)).await.unwrap_err();
    assert!(poor.starts_with("insufficient funds for gas * price + value"), "{poor}");

    for _ in 0..3 {
        served.l1.queue(Message::Deposit { key: Key::eth(user(3)), amount: 1 });
        served.rig.tell(&served.l1).await;
        served.rig.settle_next(&mut served.l1).await;
    }
    served.refused("eth_getBalance", json!([user(1), "0x2"]), "states are kept for pending, latest and safe").await;
    served.refused("eth_getBalance", json!([user(1), "0x99"]), "header not found").await;
    served.refused("eth_getLogs", json!([{ "fromBlock": "0x0", "toBlock": "latest" }]), "--rpc-log-blocks-max").await;
}
