//! `tandem session transfer` and what else sends, as a person runs it, against a node in this process: what is right, what is refused, and what a node can do wrong.

mod common;

use std::process::{Command, Output};

use alloy::primitives::{Address, B256};
use common::{Answer, FakeNode};
use serde_json::{Value, json};
use tandem_chain::{ChainConfig, ChainKind};
use tandem_l1::Deployment;
use tandem_payments::{
    ethereum::{ACCOUNTS, BRIDGE},
    operation::Call,
};
use tempfile::TempDir;

const WALLET: &str = "0x5151515151515151515151515151515151515151515151515151515151515151";
const RECIPIENT: Address = Address::repeat_byte(0x0b);
const TOKEN: Address = Address::repeat_byte(0x0c);
const ETHER: u128 = 1_000_000_000_000_000_000;

/// A chain's deployment file, and a node of the chain.
struct World {
    dir: TempDir,
    deployment: Deployment,
    node: FakeNode,
}

impl World {
    fn start() -> Self {
        Self::with(ChainKind::Payments)
    }

    fn with(kind: ChainKind) -> Self {
        let deployment = Deployment {
            chain: ChainConfig { kind, ..tandem_support::config() },
            schedule: Address::repeat_byte(0xa5),
            executor: Address::ZERO,
            gate: Address::repeat_byte(0xa7),
            dispute: Address::ZERO,
            start_block: 0,
            abis: Default::default(),
        };
        let dir = tempfile::tempdir().unwrap();
        tandem_cli::deploy::write(&deployment, &dir.path().join("deployment.json")).unwrap();
        let node = FakeNode::start(deployment.chain.l2_chain_id, deployment.chain.hash());
        Self { dir, deployment, node }
    }

    fn output(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
        for variable in ["TANDEM_DEPLOYMENT", "TANDEM_L1_RPC", "TANDEM_WALLET_SIGNATURE", "TANDEM_PATIENCE_S"] {
            command.env_remove(variable);
        }
        command.env("TANDEM_DIR", self.dir.path()).env("TANDEM_KEY", WALLET).env("TANDEM_L2_RPC", &self.node.url);
        command.args(["--json", "session"]).args(args).output().expect("the command runs")
    }

    fn run(&self, args: &[&str]) -> Value {
        let output = self.output(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn refused(&self, args: &[&str], reason: &str) {
        let output = self.output(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {output:?}");
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let error = told["error"].as_str().unwrap();
        assert!(error.contains(reason), "{args:?}: `{error}` does not say `{reason}`");
    }

    fn asked(&self, method: &str) -> bool {
        self.node.state().asked.iter().any(|asked| asked == method)
    }
}

#[test]
fn every_operation_is_signed_for_the_chain_and_told() {
    let world = World::start();
    let (recipient, token) = (RECIPIENT.to_string(), TOKEN.to_string());
    let told = world.run(&["transfer", &recipient, "1.5"]);
    let [first] = world.node.state().taken[..] else { panic!("one transaction") };
    let operation = first.operation;
    assert_eq!(operation.call, Call::Transfer { recipient: RECIPIENT, amount: ETHER + ETHER / 2 });
    assert_eq!((operation.max_fee_per_gas, operation.gas_limit), (7, 42_000), "what was asked, and no more");
    let expected = json!({
        "transaction": first.hash(), "account": operation.sender, "nonce": 0, "token": "ETH", "recipient": RECIPIENT,
        "amount": "1500000000000000000", "gasPrice": "7", "expiry": operation.expiry, "state": "latest", "batch": 1,
        "fee": "147000",
    });
    assert_eq!(told, expected);

    let told =
        world.run(&["transfer-token", &token, &recipient, "5", "--gas-limit", "42000", "--expiry", "9999999999"]);
    assert_eq!((&told["token"], &told["amount"], &told["nonce"]), (&json!(TOKEN), &json!("5"), &json!(1)));
    let operation = world.node.state().taken[1].operation;
    assert_eq!(operation.call, Call::TokenTransfer { token: TOKEN, recipient: RECIPIENT, amount: 5 });
    assert_eq!((operation.gas_limit, operation.expiry), (42_000, 9_999_999_999));

    let told = world.run(&["withdraw", &recipient, "0.5"]);
    assert_eq!(
        world.node.state().taken[2].operation.call,
        Call::WithdrawEth { recipient: RECIPIENT, amount: ETHER / 2 }
    );
    let next = "once L1 has batch 3 (`tandem status`), `tandem bridge claim 12884901888` pays it out on L1";
    assert_eq!((&told["next"], &told["withdrawal"]), (&json!(next), &json!(3u64 << 32)));
    let told = world.run(&["withdraw-token", &token, &recipient, "5", "--until", "settled"]);
    let call = Call::WithdrawToken { token: TOKEN, recipient: RECIPIENT, amount: 5 };
    assert_eq!(world.node.state().taken[3].operation.call, call);
    assert_eq!(told["next"], "`tandem bridge claim 17179869184` pays it out on L1");
    let told = world.run(&["withdraw", &recipient, "0.5", "--until", "sent"]);
    assert_eq!((&told["state"], &told["batch"]), (&json!("sent"), &Value::Null));
    assert!(told["next"].as_str().unwrap().starts_with("once L1 has its batch, `tandem bridge claim` with"), "{told}");
}

/// Tests PAY-OPHASH: what is signed names the deployment's chain, whatever flags and nodes say.
#[test]
fn nothing_is_signed_for_another_chain() {
    let world = World::start();
    let recipient = RECIPIENT.to_string();
    let pay = ["transfer", &recipient, "1"];
    let other = B256::repeat_byte(9).to_string();
    world.refused(&[&pay[..], &["--chain-id", "5"]].concat(), "not of chain 5");
    world.refused(&[&pay[..], &["--genesis", &other]].concat(), "nothing was signed");
    assert!(world.node.state().asked.is_empty());
    world.node.state().chain_id = 5;
    world.refused(&pay, "the node serves chain 5, not 4242: nothing was signed");
    world.node.state().chain_id = world.deployment.chain.l2_chain_id;
    world.node.state().genesis = B256::repeat_byte(9);
    world.refused(&pay, "another deployment under the same id. Nothing was signed");
    assert!(!world.asked("eth_getTransactionCount") && !world.asked("eth_sendRawTransaction"));
    World::with(ChainKind::Evm).refused(&pay, "is for payments chains");
}

#[test]
fn nothing_is_signed_above_the_limit() {
    let world = World::start();
    let recipient = RECIPIENT.to_string();
    let pay = ["transfer", &recipient, "1"];
    let limited = [&pay[..], &["--max-fee-per-gas", "6"]].concat();
    world.refused(&limited, "asks 7 wei per gas, more than the limit of 6: nothing was signed");
    world.node.state().price = 100_000_000_001;
    world.refused(&pay, "--max-fee-per-gas");
    world.node.answer("eth_gasPrice", [Answer::Result(json!(format!("{:#x}", alloy::primitives::U256::MAX)))]);
    world.refused(&pay, "nothing was signed");
    assert!(!world.asked("eth_sendRawTransaction"));
    world.node.state().price = 7;
    world.run(&[&pay[..], &["--max-fee-per-gas", "7"]].concat());
}

#[test]
fn refusals_come_with_what_to_do() {
    let world = World::start();
    let recipient = RECIPIENT.to_string();
    let pay = ["transfer", &recipient, "1"];
    for (said, advice) in [
        ("the key that signed is not the session key of 0x51", "tandem session set-key"),
        ("insufficient funds: 0x51 has no account here, deposit to it on L1 first", "tandem bridge deposit"),
        ("insufficient funds for gas * price + value: balance 0, tx cost 1", "must cover amount and fee"),
        ("transfer amount exceeds balance: 0 of token 0x0c, 5 needed", "tandem bridge deposit-erc20"),
        ("replacement transaction underpriced: one with nonce 0 waits", "has this nonce and waits"),
        ("transaction underpriced: max fee per gas 7, the operator asks 8", "run the command again"),
        ("expired at 5, it is 6", "--expiry"),
        ("the prover is behind: 4 batches wait to be proven, try again later", "try again later"),
        ("the chain ended at L1 time 9: leave with tandem escape", "`tandem escape exit` pays out"),
    ] {
        for expected in [said, advice] {
            world.node.answer("eth_sendRawTransaction", [Answer::Error(-32000, said)]);
            world.refused(&pay, expected);
        }
    }
    world.run(&pay);
    world.refused(&[&pay[..], &["--nonce", "0"]].concat(), "was applied: see what it was");
    world.refused(&[&pay[..], &["--nonce", "9"]].concat(), "leave --nonce out");
    let settlement = world.deployment.chain.settlement.to_string();
    world.refused(&["withdraw", &settlement, "1"], "ValiditySettlement");
    world.refused(&["transfer", &recipient, "much"], "amount");
    world.refused(&[&pay[..], &["--gas-limit", "1"]].concat(), "1 is not from 21000");
    world.refused(&[&pay[..], &["--account", &recipient]].concat(), "the key in TANDEM_KEY is that of");
    assert_eq!(world.node.state().taken.len(), 1);
}

/// Tests PAY-PREDEPLOY and PAY-CLAIM: what would be lost, or is never paid, is refused before anybody is asked.
#[test]
fn nothing_is_signed_that_would_be_lost() {
    let world = World::start();
    let (token, recipient) = (TOKEN.to_string(), RECIPIENT.to_string());
    let bridge_on_l1 = world.deployment.chain.bridge;
    for (lost, reason) in [
        (BRIDGE, "nobody has it"),
        (ACCOUNTS, "nobody has it"),
        (Address::ZERO, "nobody has the zero address"),
        (bridge_on_l1, "the chain's Bridge on L1"),
    ] {
        let lost = lost.to_string();
        world.refused(&["transfer", &lost, "1"], reason);
        world.refused(&["transfer-token", &token, &lost, "1"], reason);
        world.refused(&["withdraw", &lost, "1"], reason);
        world.refused(&["withdraw-token", &token, &lost, "1"], reason);
    }
    world.refused(&["withdraw", &recipient, "0"], "the amount is zero");
    world.refused(&["withdraw-token", &token, &recipient, "0"], "the amount is zero");
    assert!(world.node.state().asked.is_empty());
    let nothing = world.run(&["transfer", &recipient, "0"]);
    assert_eq!(nothing["amount"], "0");
}

#[test]
fn what_no_node_says_is_found_out() {
    let world = World::start();
    let recipient = RECIPIENT.to_string();
    let pay = ["transfer", &recipient, "1", "--patience-s", "0"];
    for (method, answer, reason) in [
        ("eth_chainId", Answer::HangUp, "does not answer eth_chainId"),
        ("eth_chainId", Answer::Raw("<html>"), "eth_chainId"),
        ("eth_getBlockByNumber", Answer::Result(Value::Null), "no block 0 yet"),
        ("eth_getBlockByNumber", Answer::Result(json!({})), "answer to eth_getBlockByNumber is none"),
        ("eth_gasPrice", Answer::Result(json!("many")), "answer to eth_gasPrice is none"),
        ("eth_getTransactionCount", Answer::Result(json!("0x10000000000000000")), "answer to eth_getTransactionCount"),
        ("eth_gasPrice", Answer::Error(-32601, "the method does not exist"), "refuses eth_gasPrice"),
    ] {
        world.node.answer(method, [answer]);
        world.refused(&pay, reason);
    }
    assert!(!world.asked("eth_sendRawTransaction"));
    let output = world.output(&["--l2-rpc", "http://127.0.0.1:9", "transfer", &recipient, "1"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("See that it runs"), "{output:?}");
}

/// Where it is not known whether the node has it, trying again with its nonce pays once.
#[test]
fn what_may_have_been_sent_is_told_with_its_nonce() {
    let world = World::start();
    let recipient = RECIPIENT.to_string();
    let pay = ["transfer", &recipient, "1"];
    for answer in [
        Answer::HangUp,
        Answer::Raw("?"),
        Answer::Error(-32603, "internal error: database"),
        Answer::Error(-32000, "node is shutting down"),
        Answer::Error(-32005, "the request took longer than 10 s"),
        Answer::Result(json!(B256::repeat_byte(1))),
    ] {
        world.node.answer("eth_sendRawTransaction", [answer]);
        world.refused(&pay, "repeat the command with --nonce 0");
    }
    // A node that says it did not take what was signed may lie.
    world.node.answer("eth_sendRawTransaction", [Answer::Error(-32000, "underpriced")]);
    world.refused(&pay, "with --nonce 0 pays once at most");
    assert_eq!(world.node.state().taken.len(), 0);
    world.run(&[&pay[..], &["--nonce", "0"]].concat());
    world.refused(&[&pay[..], &["--nonce", "0"]].concat(), "was applied");
}

#[test]
fn waiting_is_bounded_and_outlasts_a_node_that_is_away() {
    let world = World::start();
    let recipient = RECIPIENT.to_string();
    let pay = ["transfer", &recipient, "1"];
    world.node.answer(
        "eth_getTransactionReceipt",
        [
            Answer::HangUp,
            Answer::Error(-32005, "node is overloaded, try again"),
            Answer::Error(-32000, "the node reads L1: try again in a moment"),
            Answer::Result(Value::Null),
        ],
    );
    assert_eq!(world.run(&pay)["batch"], json!(1));
    // In the open batch: a receipt without a block.
    let open = json!({ "blockNumber": null, "gasUsed": "0x1", "effectiveGasPrice": "0x1" });
    world.node.answer("eth_getTransactionReceipt", [Answer::Result(open)]);
    assert_eq!(world.run(&pay)["batch"], json!(2));

    let hurried = [&pay[..], &["--patience-s", "0", "--until"]].concat();
    world.node.state().is_proven = false;
    world.refused(&[&hurried[..], &["settled"]].concat(), "is in a batch that is not proven yet");
    world.node.state().is_closed = false;
    world.refused(&[&hurried[..], &["latest"]].concat(), "is in no closed batch yet");
    world.refused(&[&hurried[..], &["latest"]].concat(), "unless with --nonce 4");
    let dropped = json!({ "status": "dropped", "reason": "expired", "message": "it has expired" });
    world.node.answer("rollup_transactionStatus", [Answer::Result(dropped)]);
    world.refused(&pay, "it has expired. Repeat the command with --nonce 5");
    let ended = json!({ "status": "waiting", "waitsFor": "nothing" });
    world.node.answer("rollup_transactionStatus", [Answer::Result(ended)]);
    world.refused(&pay, "waits in vain: L1 has frozen the chain");
}

/// On a chain that has a file, keys and offline signatures are for it unless another is named.
#[test]
fn the_deployment_names_the_chain() {
    let world = World::start();
    let (id, genesis) = (world.deployment.chain.l2_chain_id.to_string(), world.deployment.chain.hash().to_string());
    let named = world.run(&["key", "--chain-id", &id, "--genesis", &genesis]);
    assert_eq!(world.run(&["key"]), named);
    assert_ne!(world.run(&["key", "--chain-id", "5", "--genesis", &genesis])["keyHash"], named["keyHash"]);
    world.refused(&["key", "--chain-id", "5"], "not of chain 5");
    std::fs::remove_file(world.dir.path().join("deployment.json")).unwrap();
    world.refused(&["key"], "which chain?");
    let recipient = RECIPIENT.to_string();
    world.refused(&["transfer", &recipient, "1", "--chain-id", &id, "--genesis", &genesis], "which chain?");
}
