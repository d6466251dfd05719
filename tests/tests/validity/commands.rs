//! What people type on a chain whose batches are proven: claiming, and leaving when nobody proves any more (PAY-CLAIM, PAY-ESCAPE).

use std::{path::Path, process::Command};

use alloy::{
    primitives::{Address, B256},
    signers::local::PrivateKeySigner,
};
use serde_json::{Value, json};
use tandem_payments::operation::Call;
use tandem_tests::{
    payments::{Chain, ESCAPE_DELAY, ETHER, WINDOW},
    world::built,
};

const ETH: Address = Address::ZERO;

/// What `tandem` says, run with somebody's key.
fn tandem(chain: &Chain, dir: &Path, key: &PrivateKeySigner, args: &[&str]) -> Value {
    let mut command = Command::new(built("tandem").unwrap());
    for variable in ["TANDEM_DEPLOYMENT", "TANDEM_L2_RPC", "TANDEM_PAYLOADS", "TANDEM_L1_BEACON"] {
        command.env_remove(variable);
    }
    command.env("TANDEM_KEY", B256::from(key.to_bytes()).to_string());
    command.env("TANDEM_L1_RPC", chain.anvil.url().unwrap().as_str()).env("TANDEM_DIR", dir);
    let output = command.arg("--json").args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
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
    for call in [
        Call::Transfer { recipient: bob.address(), amount: ETHER },
        Call::WithdrawToken { token, recipient: alice.address(), amount: 300 },
        Call::WithdrawEth { recipient: bob.address(), amount: 2 * ETHER },
    ] {
        chain.operate(&mut draft, 0, call);
    }
    let proven = chain.prove(draft);
    chain.post(proven).await;

    // A stranger pays the gas of one; its owner claims the other without knowing its number, once.
    let listed = tandem(&chain, dir.path(), &bob, &["bridge", "claims"]);
    let index = (2u64 << 32) + 1;
    let expected = json!([{
        "withdrawal": index, "batch": 2, "token": "ETH", "amount": (2 * ETHER).to_string(), "claimed": false,
    }]);
    assert_eq!(listed["withdrawals"], expected);
    let before = chain.ether_of(bob.address()).await;
    let claimed = tandem(&chain, dir.path(), &stranger, &["bridge", "claim", &index.to_string()]);
    assert_eq!((&claimed["to"], &claimed["alreadyClaimed"]), (&json!(bob.address()), &json!(false)));
    assert_eq!(chain.ether_of(bob.address()).await - before, 2 * ETHER);
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
    assert_eq!(chain.tokens_of(alice.address()).await, 900);
    assert_eq!((chain.escrow(ETH).await, chain.escrow(token).await), (0, 0));
    let over = tandem(&chain, dir.path(), &stranger, &["escape", "exit", "--all"]);
    assert_eq!(over, json!({ "paid": [], "outAlready": 4 }));
}
