//! What people type on a chain whose batches are proven: looking at what L1 alone gives, claiming, and leaving when nobody proves any more (PAY-TREE, PAY-CLAIM, PAY-ESCAPE).

use std::{
    path::Path,
    process::{Command, Output},
};

use alloy::{
    primitives::{Address, B256, U256, bytes},
    providers::{Provider, ext::AnvilApi},
    signers::local::PrivateKeySigner,
};
use axum::{Json, Router};
use serde_json::{Value, json};
use tandem_l1::bindings::ValiditySettlement;
use tandem_payments::{field::integer, leaf::Key, operation::Call};
use tandem_tests::{
    payments::{Chain, ESCAPE_DELAY, ETHER, WINDOW, eth},
    proving::{ServiceProcess, wait_until},
    world::{built, free_ports},
};
use tokio::net::TcpListener;

const ETH: Address = Address::ZERO;

/// What `tandem` says, run with somebody's key.
fn tandem(chain: &Chain, dir: &Path, key: &PrivateKeySigner, args: &[&str]) -> Value {
    let output = output(chain, dir, key, args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// Why the command is refused.
fn refusal(chain: &Chain, dir: &Path, key: &PrivateKeySigner, args: &[&str]) -> String {
    let output = output(chain, dir, key, args);
    assert_eq!(output.status.code(), Some(1), "{args:?}: {output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    told["error"].as_str().unwrap().into()
}

/// The indices in a list of withdrawals.
fn claims(list: &Value) -> Vec<u64> {
    list.as_array().unwrap().iter().map(|told| told["withdrawal"].as_u64().unwrap()).collect()
}

fn output(chain: &Chain, dir: &Path, key: &PrivateKeySigner, args: &[&str]) -> Output {
    let mut command = Command::new(built("tandem").unwrap());
    for variable in ["TANDEM_DEPLOYMENT", "TANDEM_L2_RPC", "TANDEM_PAYLOADS", "TANDEM_L1_BEACON"] {
        command.env_remove(variable);
    }
    command.env("TANDEM_KEY", B256::from(key.to_bytes()).to_string());
    command.env("TANDEM_L1_RPC", chain.anvil.url().unwrap().as_str()).env("TANDEM_DIR", dir);
    command.arg("--json").args(args).output().unwrap()
}

/// A node that says what another says, but for one field of its answers to one method.
async fn liar(honest: String, method: &'static str, field: &'static str) -> String {
    let http = reqwest::Client::new();
    let answer = move |Json(asked): Json<Value>| {
        let request = http.post(&honest).json(&asked);
        async move {
            let mut answer: Value = request.send().await.unwrap().json().await.unwrap();
            if asked["method"] == method {
                answer["result"][field] = json!(B256::repeat_byte(0x11));
            }
            Json(answer)
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
    url
}

/// Tests PAY-CHAIN, PAY-TREE, PAY-OUTPUT: L1 alone gives what was proven, whatever waits; a node that follows L1 has the same, and one that says something else is named.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_has_what_was_proven_and_names_who_says_something_else() {
    let mut chain = Chain::start().await;
    let dir = tempfile::tempdir().unwrap();
    tandem_cli::deploy::write(&chain.deployment, &dir.path().join("deployment.json")).unwrap();
    let (alice, bob, token) = (chain.user(0).address(), chain.user(1).address(), chain.token);
    let somebody = chain.stranger().clone();
    chain.deposit_eth(0, 5 * ETHER).await;
    chain.deposit_token(0, 900).await;
    chain.set_session_key(0).await;
    chain.consume().await;
    let mut draft = chain.draft().await;
    chain.operate(&mut draft, 0, Call::Transfer { recipient: bob, amount: ETHER });
    chain.operate(&mut draft, 0, Call::TokenTransfer { token, recipient: bob, amount: 300 });
    let proven = chain.prove(draft);
    chain.post(proven).await;
    chain.deposit_eth(1, 7).await;

    let told = tandem(&chain, dir.path(), &somebody, &["replica", "--account", &alice.to_string()]);
    let output_of = ValiditySettlement::outputOfCall { batch: 2 };
    let leaf = chain.state.get(eth(alice)).unwrap();
    let expected = json!({
        "batch": 2,
        "blockHash": told["blockHash"],
        "stateRoot": B256::from(integer(chain.state.root())),
        "leaves": chain.state.leaf_count(),
        "queueIndex": 3,
        "output": chain.view(chain.chain().settlement, output_of).await,
        "l1Block": chain.client.latest().await.unwrap().id.number,
        "token": "ETH",
        "held": chain.held(ETH).to_string(),
        "escrow": (5 * ETHER + 7).to_string(),
        "account": {
            "address": alice,
            "leaf": chain.state.find(eth(alice)),
            "balance": leaf.balance.to_string(),
            "nonce": 2,
            "sessionKeyHash": B256::from(integer(chain.session_key(0).public().hash())),
        },
    });
    assert_eq!(told, expected);
    assert_eq!(chain.held(ETH), 5 * ETHER, "fees are the operator's");
    let of_token = ["replica", "--account", &bob.to_string(), "--token", &token.to_string()];
    let told_of_token = tandem(&chain, dir.path(), &somebody, &of_token);
    let index = chain.state.find(Key { address: bob, token });
    let expected = json!({ "address": bob, "leaf": index, "balance": "300", "nonce": 0, "sessionKeyHash": null });
    assert_eq!((&told_of_token["account"], &told_of_token["token"]), (&expected, &json!(token)));
    assert_eq!((&told_of_token["held"], &told_of_token["escrow"]), (&json!("900"), &json!("900")));

    let [rpc, proving] = free_ports().unwrap();
    let sequencer = ServiceProcess::sequencer(&chain, dir.path(), rpc, proving);
    let honest = format!("http://127.0.0.1:{rpc}");
    let asked = ["--l2-rpc", &honest, "replica"];
    wait_until("a node has read the same from L1", async || {
        tandem(&chain, dir.path(), &somebody, &asked)["node"] == json!({ "agrees": true })
    })
    .await;
    for (method, field) in
        [("rollup_batch", "hash"), ("rollup_batch", "stateRoot"), ("eth_getBlockByNumber", "stateRoot")]
    {
        let url = liar(honest.clone(), method, field).await;
        let output = output(&chain, dir.path(), &somebody, &["--l2-rpc", &url, "replica"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        let error = said["error"].as_str().unwrap();
        let words = format!("the node at {url}/ has another chain than L1: by its {method} batch 2 has block hash");
        assert!(error.contains(&words) && error.contains(&B256::repeat_byte(0x11).to_string()), "{error}");
    }
    sequencer.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn people_claim_what_is_proven_and_leave_when_nothing_is() {
    let mut chain = Chain::start().await;
    let dir = tempfile::tempdir().unwrap();
    tandem_cli::deploy::write(&chain.deployment, &dir.path().join("deployment.json")).unwrap();
    let (alice, bob, stranger) = (chain.user(0).clone(), chain.user(1).clone(), chain.stranger().clone());
    let token = chain.token;
    chain.deposit_eth(0, 5 * ETHER).await;
    chain.deposit_token(0, 900).await;
    chain.set_session_key(0).await;
    chain.consume().await;
    let mut draft = chain.draft().await;
    // What L1 never pays, and what a token may hold back, is before what Bob is to have.
    for call in [
        Call::Transfer { recipient: bob.address(), amount: ETHER },
        Call::WithdrawToken { token, recipient: alice.address(), amount: 300 },
        Call::WithdrawEth { recipient: bob.address(), amount: 0 },
        Call::WithdrawToken { token, recipient: bob.address(), amount: 50 },
        Call::WithdrawEth { recipient: bob.address(), amount: 2 * ETHER },
        Call::WithdrawEth { recipient: bob.address(), amount: ETHER / 2 },
    ] {
        chain.operate(&mut draft, 0, call);
    }
    let proven = chain.prove(draft);
    chain.post(proven).await;

    // A stranger pays the gas of one; its owner claims the other without knowing its number, once.
    let listed = tandem(&chain, dir.path(), &bob, &["bridge", "claims"]);
    let [nothing, held_back, index, last] = [1, 2, 3, 4].map(|position| (2u64 << 32) + position);
    let (ether, units) = (json!("ETH"), json!(token));
    let bobs = [(nothing, &ether, 0), (held_back, &units, 50), (index, &ether, 2 * ETHER), (last, &ether, ETHER / 2)];
    let expected = bobs.map(|(index, token, amount)| {
        let amount = amount.to_string();
        json!({ "withdrawal": index, "batch": 2, "token": token, "amount": amount, "claimed": false })
    });
    assert_eq!(listed["withdrawals"], json!(expected));
    let before = chain.ether_of(bob.address()).await;
    let claimed = tandem(&chain, dir.path(), &stranger, &["bridge", "claim", &index.to_string()]);
    assert_eq!((&claimed["to"], &claimed["alreadyClaimed"]), (&json!(bob.address()), &json!(false)));
    assert_eq!(chain.ether_of(bob.address()).await - before, 2 * ETHER);
    let error = refusal(&chain, dir.path(), &bob, &["bridge", "claim", &nothing.to_string()]);
    assert!(error.contains("there is nothing to claim"), "{error}");
    // A token that reverts, and one that burns some 1.3 million gas (for (i = 50_000; i != 0; i--) {} return true).
    let provider = chain.client.provider();
    let honest = provider.get_code_at(token).await.unwrap();
    provider.anvil_set_code(token, bytes!("5f5ffd")).await.unwrap();
    let error = refusal(&chain, dir.path(), &stranger, &["bridge", "claim", &held_back.to_string()]);
    assert!(error.contains("the chain refuses the call"), "{error}");
    let claimed = tandem(&chain, dir.path(), &bob, &["bridge", "claim"]);
    assert_eq!((claims(&claimed["claimed"]), claims(&claimed["refused"])), (vec![last], vec![held_back]));
    assert_eq!((&claimed["refused"][0]["token"], &claimed["refused"][0]["amount"]), (&json!(token), &json!("50")));
    provider.anvil_set_code(token, bytes!("6200c3505b600190038060045760015f5260205ff3")).await.unwrap();
    let claimed = tandem(&chain, dir.path(), &bob, &["bridge", "claim"]);
    assert_eq!((claims(&claimed["claimed"]), claims(&claimed["refused"])), (vec![], vec![held_back]));
    let why = claimed["refused"][0]["why"].as_str().unwrap();
    assert!(why.contains("gas, above the bound of 550000"), "{why}");
    provider.anvil_set_code(token, honest).await.unwrap();
    // Whoever cannot pay the gas is told that, and not that L1 refuses.
    let funds = chain.ether_of(bob.address()).await;
    provider.anvil_set_balance(bob.address(), U256::from(1_000_000_000)).await.unwrap();
    let error = refusal(&chain, dir.path(), &bob, &["bridge", "claim"]);
    assert!(
        error.contains("0 withdrawals were claimed, 1 were not") && error.contains("holds 1000000000 wei"),
        "{error}"
    );
    provider.anvil_set_balance(bob.address(), U256::from(funds)).await.unwrap();
    let claimed = tandem(&chain, dir.path(), &bob, &["bridge", "claim"]);
    assert_eq!((claims(&claimed["claimed"]), claims(&claimed["refused"])), (vec![held_back], vec![]));
    assert_eq!(chain.tokens_of(bob.address()).await, 50);
    assert_eq!(tandem(&chain, dir.path(), &bob, &["bridge", "claim"])["claimed"], json!([]));
    let again = tandem(&chain, dir.path(), &stranger, &["bridge", "claim", &index.to_string()]);
    assert_eq!(again["alreadyClaimed"], true);
    let claimed = tandem(&chain, dir.path(), &alice, &["bridge", "claim"]);
    assert_eq!((&claimed["claimed"][0]["amount"], &claimed["claimed"][0]["token"]), (&json!("300"), &json!(token)));
    assert_eq!(chain.tokens_of(alice.address()).await, 300);

    // Nobody proves the next message. Everybody gets what he held, whoever calls; who is out already is told.
    chain.deposit_eth(1, 7).await;
    chain.wait(WINDOW + ESCAPE_DELAY + 60).await;
    assert_eq!(tandem(&chain, dir.path(), &stranger, &["escape", "freeze"])["alreadyFrozen"], false);
    let people = [alice.address(), bob.address(), chain.sequencer().address()];
    let mut expected = [0; 3];
    for (sum, person) in expected.iter_mut().zip(people) {
        let held = chain.state.get(tandem_tests::payments::eth(person)).unwrap().balance;
        *sum = chain.ether_of(person).await + held;
    }
    let alone = tandem(&chain, dir.path(), &stranger, &["escape", "exit", "--account", &bob.address().to_string()]);
    assert_eq!(alone["paid"][0]["amount"], json!(ETHER.to_string()));
    let paid = tandem(&chain, dir.path(), &stranger, &["escape", "exit", "--all"]);
    assert_eq!((paid["paid"].as_array().unwrap().len(), &paid["outAlready"]), (3, &json!(1)));
    let refunded = tandem(&chain, dir.path(), &stranger, &["escape", "refund", "--all"]);
    assert_eq!(refunded["paid"][0]["amount"], "7");
    expected[1] += 7;
    for (expected, person) in expected.into_iter().zip(people) {
        assert_eq!(chain.ether_of(person).await, expected, "{person}");
    }
    assert_eq!((chain.tokens_of(alice.address()).await, chain.tokens_of(bob.address()).await), (850, 50));
    assert_eq!((chain.escrow(ETH).await, chain.escrow(token).await), (0, 0));
    let over = tandem(&chain, dir.path(), &stranger, &["escape", "exit", "--all"]);
    assert_eq!(over, json!({ "paid": [], "outAlready": 4 }));
}
