//! `eth_call` and `eth_estimateGas`: reads, operations as the rules take them, and everything that takes contracts.

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol,
    sol_types::{SolCall, SolValue},
};
use serde_json::{Value, json};

use crate::rig::{ALICE, BOB, ETHER, PRICE, Rig, TOKEN, chain, operation, quantity, signed, to_bob};

sol! {
    function balanceOf(address account) external view returns (uint256);
    function allowance(address owner, address spender) external view returns (uint256);
    function approve(address spender, uint256 amount) external returns (bool);
    function transfer(address to, uint256 amount) external returns (bool);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
    function name() external view returns (string);
    function symbol() external view returns (string);
    function decimals() external view returns (uint8);
    function totalSupply() external view returns (uint256);
    function withdrawETH(address to) external payable;
    function withdraw(address token, address to, uint256 amount) external;
    function setSessionKey(uint256 keyHash) external;
    function l1Bridge() external view returns (address);
    function l1TokenOf(address token) external view returns (address);
    function bridgedToken(address token) external view returns (address);
}

const BRIDGE: &str = "0x5400000000000000000000000000000000000002";
const ACCOUNTS: &str = "0x5400000000000000000000000000000000000007";

fn data(call: impl SolCall) -> Bytes {
    call.abi_encode().into()
}

fn units(amount: u64) -> Bytes {
    data(transferCall { to: BOB, amount: U256::from(amount) })
}

#[tokio::test]
async fn tokens_and_bridge_are_read_as_on_an_evm_chain() {
    let rig = Rig::with_alice().await;
    rig.send(&signed(operation(
        0,
        tandem_payments::operation::Call::TokenTransfer { token: TOKEN, recipient: BOB, amount: 300 },
    )))
    .await;
    let alice = data(balanceOfCall { account: ALICE });
    let word = |value: u64| json!(Bytes::from(U256::from(value).abi_encode()));
    for (to, input, block, expected) in [
        (json!(TOKEN), alice.clone(), "latest", word(1_000)),
        (json!(TOKEN), alice.clone(), "safe", word(1_000)),
        (json!(TOKEN), alice.clone(), "pending", word(700)),
        (json!(TOKEN), data(balanceOfCall { account: BOB }), "pending", word(300)),
        (json!(BOB), alice, "latest", word(0)),
        (json!(TOKEN), data(allowanceCall { owner: ALICE, spender: BOB }), "latest", word(0)),
        (json!(BRIDGE), data(l1BridgeCall {}), "latest", json!(Bytes::from(chain().bridge.abi_encode()))),
        (json!(BRIDGE), data(l1TokenOfCall { token: TOKEN }), "latest", json!(Bytes::from(TOKEN.abi_encode()))),
        (json!(BRIDGE), data(bridgedTokenCall { token: TOKEN }), "latest", json!(Bytes::from(TOKEN.abi_encode()))),
    ] {
        for field in ["data", "input"] {
            let mut call = json!({ "to": to });
            call[field] = json!(input);
            assert_eq!(rig.ask("eth_call", json!([call, block])).await, expected, "{call} at {block}");
        }
    }
    let (code, words) =
        rig.refused("eth_call", json!([{ "to": TOKEN, "data": data(balanceOfCall { account: ALICE }) }, "0x0"])).await;
    assert!(code == -32000 && words.contains("is not kept"), "{words}");
    // This node asks no L1.
    for input in [data(symbolCall {}), data(totalSupplyCall {})] {
        let (code, words) = rig.refused("eth_call", json!([{ "to": TOKEN, "data": input }])).await;
        assert!(code == -32000 && words.contains("ask L1"), "{words}");
    }
}

#[tokio::test]
async fn operations_are_simulated_and_their_gas_is_what_they_take() {
    let rig = Rig::with_alice().await;
    let yes = json!(Bytes::from(true.abi_encode()));
    let withdrawn = data(withdrawCall { token: TOKEN, to: BOB, amount: U256::from(5) });
    for (call, answer, gas) in [
        (json!({ "to": BOB, "value": "0x5" }), json!("0x"), 42_000),
        (json!({ "to": ALICE, "value": "0x5" }), json!("0x"), 21_000),
        (json!({ "to": BOB }), json!("0x"), 42_000),
        (json!({ "to": TOKEN, "data": units(5) }), yes.clone(), 63_000),
        (json!({ "to": BRIDGE, "value": "0x5", "data": data(withdrawETHCall { to: BOB }) }), json!("0x"), 30_000),
        (json!({ "to": BRIDGE, "data": withdrawn }), json!("0x"), 32_000),
        (json!({ "to": BOB, "value": "0x5", "gas": "0xa410", "gasPrice": "0x1", "nonce": "0x0" }), json!("0x"), 42_000),
        (
            json!({ "to": BOB, "maxFeePerGas": "0x1", "maxPriorityFeePerGas": "0x1", "chainId": "0x1092" }),
            json!("0x"),
            42_000,
        ),
    ] {
        for from in [Value::Null, json!(ALICE)] {
            let mut call = call.clone();
            call["from"] = from;
            assert_eq!(rig.ask("eth_call", json!([call, "latest"])).await, answer, "{call}");
            assert_eq!(quantity(&rig.ask("eth_estimateGas", json!([call])).await), U256::from(gas), "{call}");
        }
    }
    // As soon as Bob has a leaf, nobody makes one.
    rig.send(&to_bob(0, 5)).await;
    let call = json!({ "to": BOB, "value": "0x5" });
    assert_eq!(quantity(&rig.ask("eth_estimateGas", json!([call])).await), U256::from(21_000));
    assert_eq!(quantity(&rig.ask("eth_estimateGas", json!([call, "latest"])).await), U256::from(42_000));
}

#[tokio::test]
async fn what_the_rules_refuse_is_refused_with_their_reason() {
    let rig = Rig::with_alice().await;
    let ether = json!(U256::from(ETHER));
    let withdrawn = |to, amount: u64| data(withdrawCall { token: TOKEN, to, amount: U256::from(amount) });
    let withdrawn_ether = |to| data(withdrawETHCall { to });
    for (call, words) in [
        (json!({ "from": BOB, "to": ALICE }), "has no account here"),
        (json!({ "from": ALICE, "to": BOB, "value": U256::from(ETHER + 1) }), "insufficient funds"),
        (json!({ "from": ALICE, "to": BOB, "value": ether, "gasPrice": U256::from(PRICE) }), "insufficient funds"),
        (json!({ "from": ALICE, "to": BOB, "maxFeePerGas": U256::from(u128::MAX) }), "insufficient funds"),
        (json!({ "from": ALICE, "to": TOKEN, "data": units(1_001) }), "transfer amount exceeds balance"),
        (json!({ "from": ALICE, "to": BOB, "data": units(1) }), "transfer amount exceeds balance"),
        (json!({ "to": BOB, "gas": "0x5208" }), "intrinsic gas too low: gas limit 21000, it takes 42000"),
        (json!({ "to": BOB, "gas": "0x200000000" }), "exceeds block gas limit"),
        (json!({ "to": Address::ZERO, "value": "0x1" }), "takes no transfers"),
        (json!({ "to": chain().bridge, "value": "0x1" }), "takes no transfers"),
        (
            json!({ "to": TOKEN, "data": data(transferCall { to: Address::ZERO, amount: U256::from(1) }) }),
            "takes no transfers",
        ),
        (
            json!({ "to": BRIDGE, "value": "0x1", "data": withdrawn_ether(Address::ZERO) }),
            "nobody has the zero address",
        ),
        (json!({ "to": BRIDGE, "data": withdrawn(Address::ZERO, 1) }), "nobody has the zero address"),
        (json!({ "to": BRIDGE, "data": withdrawn_ether(BOB) }), "a withdrawal of 0 is never paid out"),
        (json!({ "to": BRIDGE, "data": withdrawn(BOB, 0) }), "a withdrawal of 0 is never paid out"),
        (
            json!({ "to": BRIDGE, "value": "0x1", "data": withdrawn_ether(chain().bridge) }),
            "is the chain's Bridge on L1",
        ),
        (json!({ "to": BRIDGE, "data": withdrawn(chain().inbox, 1) }), "is the chain's Inbox on L1"),
        (json!({ "to": BRIDGE, "data": withdrawn(chain().settlement, 1) }), "is the chain's ValiditySettlement on L1"),
        (json!({ "to": BRIDGE, "value": "0x1" }), "no such function"),
        (json!({ "to": TOKEN, "value": "0x1", "data": units(1) }), "takes no ether"),
        (json!({ "to": BOB, "value": "0x100000000000000000000000000000000" }), "below 2^128"),
        (json!({ "to": TOKEN, "data": format!("{}00", units(1)) }), "malformed"),
        (
            json!({ "to": ACCOUNTS, "data": data(setSessionKeyCall { keyHash: U256::from(1) }) }),
            "set the session key on L1",
        ),
    ] {
        for method in ["eth_call", "eth_estimateGas"] {
            let (code, found) = rig.refused(method, json!([call])).await;
            assert!(code == -32000 && found.contains(words), "{method} {call}: {found}");
        }
    }
}

#[tokio::test]
async fn nothing_else_can_be_called() {
    let rig = Rig::with_alice().await;
    let from_alice = data(transferFromCall { from: ALICE, to: BOB, amount: U256::from(1) });
    let approved = data(approveCall { spender: BOB, amount: U256::from(1) });
    for call in [
        json!({ "data": "0x6001" }),
        json!({}),
        json!({ "to": TOKEN, "data": from_alice }),
        json!({ "to": TOKEN, "data": approved }),
        json!({ "to": BOB, "data": "0x12345678" }),
        json!({ "to": BRIDGE, "data": "0x12345678" }),
        json!({ "to": ACCOUNTS, "data": data(balanceOfCall { account: ALICE }) }),
        json!({ "to": Address::ZERO, "data": data(balanceOfCall { account: ALICE }) }),
    ] {
        let (code, words) = rig.refused("eth_call", json!([call])).await;
        assert!(code == -32000 && words.starts_with("this chain runs no contracts"), "{call}: {words}");
    }
    let reads = json!({ "to": TOKEN, "data": data(balanceOfCall { account: ALICE }) });
    assert!(
        rig.refused("eth_estimateGas", json!([reads])).await.1.contains("no such function"),
        "a read is no operation"
    );
}

#[tokio::test]
async fn no_field_of_a_call_is_ignored() {
    let rig = Rig::with_alice().await;
    let with = |field: &str, value: Value| {
        let mut call = json!({ "to": BOB });
        call[field] = value;
        json!([call, "latest"])
    };
    let list = json!([{ "address": BOB, "storageKeys": [] }]);
    let override_of_alice = json!({ ALICE.to_string(): { "balance": "0x1" } });
    let withdrawal = json!({ "to": BRIDGE, "value": "0x1", "data": data(withdrawETHCall { to: BOB }) });
    for (params, code, words) in [
        (with("accessList", list), -32000, "access lists mean nothing here"),
        (with("blobVersionedHashes", json!([B256::ZERO])), -32000, "blobs mean nothing here"),
        (with("chainId", json!("0x1")), -32000, "invalid chain id"),
        (with("gas", json!("0x01")), -32602, "gas"),
        (with("gas", json!(5)), -32602, "gas"),
        (with("from", json!("0x12")), -32602, "a call"),
        (json!([{ "to": BOB, "data": "0x", "input": "0x12" }]), -32000, "both \"data\" and \"input\""),
        (json!([{ "to": BOB, "gasPrice": "0x1", "maxFeePerGas": "0x1" }]), -32000, "both gasPrice"),
        (json!([{ "to": BOB }, "latest", override_of_alice]), -32602, "cannot override accounts"),
        (json!([{ "to": BOB }, "latest", {}, { "time": "0x1" }]), -32602, "cannot override the block"),
        (json!([{ "to": BOB, "value": "0x1" }, "0x9"]), -32000, "header not found"),
        // One that reads nothing of the state.
        (json!([withdrawal, "0x9"]), -32000, "header not found"),
        (json!([withdrawal, "0x0"]), -32000, "the state after block 0 is not kept"),
        (json!([]), -32602, "missing value"),
        (json!(["call"]), -32602, "a call"),
        (json!([{ "to": BOB }, "latest", {}, {}, 1]), -32602, "too many arguments"),
    ] {
        for method in ["eth_call", "eth_estimateGas"] {
            let found = rig.refused(method, params.clone()).await;
            assert!(found.0 == code && found.1.contains(words), "{method} {params}: {found:?}");
        }
    }
    assert_eq!(rig.ask("eth_call", json!([{ "to": BOB }, "latest", {}, {}])).await, "0x", "overrides of nothing");
}

/// Blocks 0 and 1 are there, and the state after block 1 alone.
#[tokio::test]
async fn no_field_of_a_read_is_ignored() {
    let rig = Rig::with_alice().await;
    for (to, input, is_of_state) in [
        (json!(TOKEN), data(balanceOfCall { account: ALICE }), true),
        (json!(TOKEN), data(totalSupplyCall {}), true),
        (json!(TOKEN), data(allowanceCall { owner: ALICE, spender: BOB }), false),
        (json!(TOKEN), data(nameCall {}), false),
        (json!(TOKEN), data(symbolCall {}), false),
        (json!(TOKEN), data(decimalsCall {}), false),
        (json!(BRIDGE), data(l1BridgeCall {}), false),
        (json!(BRIDGE), data(l1TokenOfCall { token: TOKEN }), false),
        (json!(BRIDGE), data(bridgedTokenCall { token: TOKEN }), false),
    ] {
        let call = json!({ "to": to, "data": input });
        for block in [json!("0x9"), json!({ "blockHash": B256::repeat_byte(1) })] {
            let found = rig.refused("eth_call", json!([call, block])).await;
            assert_eq!(found, (-32000, "header not found".into()), "{call} at {block}");
        }
        let old = rig.try_ask("eth_call", json!([call, "0x0"])).await;
        let is_refused = matches!(&old, Err((-32000, words)) if words.contains("the state after block 0 is not kept"));
        assert_eq!(is_refused, is_of_state, "{call}: {old:?}");
        let mut with_ether = call.clone();
        with_ether["value"] = json!("0x1");
        let (code, words) = rig.refused("eth_call", json!([with_ether, "latest"])).await;
        assert!(code == -32000 && words.contains("takes no ether"), "{call}: {words}");
        // A read takes no gas, whoever asks and whatever he offers for it.
        let mut with_terms = call.clone();
        let price = json!(U256::from(u128::MAX));
        for (field, value) in [("from", json!(BOB)), ("gas", json!("0x0")), ("gasPrice", price)] {
            with_terms[field] = value;
        }
        let [plain, termed] = [call, with_terms].map(|call| rig.try_ask("eth_call", json!([call, "latest"])));
        assert_eq!(termed.await, plain.await, "{input}");
    }
}
