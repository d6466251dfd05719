//! The commands of a payments chain as a person runs them, against a real L1 with the real contracts, up to its end. Nothing is proven here.

mod common;

use std::{
    path::Path,
    process::{Command, Output},
};

use alloy::{
    primitives::{Address, B256, Bytes, U256, bytes},
    providers::{Provider, ext::AnvilApi},
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use common::{Answer, FakeNode};
use serde_json::{Value, json};
use tandem_chain::ChainKind;
use tandem_cli::{
    contracts::DevnetToken,
    wallet::{Call, Wallet, WalletError},
};
use tandem_l1::{
    Deployment, L1Client,
    anvil::{Anvil, AnvilOptions},
    bindings::{Erc20, PaymentsBridge, ValiditySettlement},
};
use tandem_payments::ethereum::{ACCOUNTS, BRIDGE};
use tandem_support::{
    l1::{DEADLINE, Harness, start},
    payments::keys,
};
use tempfile::TempDir;

const ETHER: u128 = 1_000_000_000_000_000_000;
const ESCAPE_DELAY_S: u64 = 7_200;

struct Chain {
    anvil: Anvil,
    client: L1Client,
    dir: TempDir,
}

impl Chain {
    async fn start() -> Self {
        let (anvil, client) = start(AnvilOptions::default()).await;
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("keys.bin"), keys().bytes()).unwrap();
        let spec = format!(
            "kind = 'payments'\nl2-chain-id = 77\nkeys = 'keys.bin'\n[roles]\nowner = '{}'\nsequencer = '{}'\n\
             [settlement]\nescape-delay-seconds = {ESCAPE_DELAY_S}\nforced-inclusion-window-seconds = 3600\n",
            anvil.keys()[8].address(),
            anvil.keys()[9].address(),
        );
        std::fs::write(dir.path().join("chain.toml"), spec).unwrap();
        Self { anvil, client, dir }
    }

    fn key(&self, key: usize) -> PrivateKeySigner {
        self.anvil.keys()[key].clone()
    }

    /// What the command says, run with a key of Anvil's.
    fn run(&self, key: usize, args: &[&str]) -> Value {
        let output = self.output(key, args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        json_of(&output)
    }

    /// Why the command is refused.
    fn refused(&self, key: usize, args: &[&str]) -> String {
        let output = self.output(key, args);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {output:?}");
        json_of(&output)["error"].as_str().unwrap().into()
    }

    fn output(&self, key: usize, args: &[&str]) -> Output {
        tandem(self.dir.path(), &self.anvil, &self.key(key), args)
    }

    fn deployment(&self) -> Deployment {
        Deployment::read(&self.dir.path().join("deployment.json")).unwrap()
    }

    fn deploy_args(&self) -> [String; 4] {
        let path = |name: &str| self.dir.path().join(name).to_str().unwrap().to_owned();
        ["--spec".into(), path("chain.toml"), "--out".into(), path("deployment.json")]
    }

    fn deploy(&self) -> Value {
        let args = self.deploy_args();
        self.run(0, &[&["deploy"], &args.each_ref().map(String::as_str)[..]].concat())
    }

    async fn balance(&self, account: Address) -> U256 {
        self.client.request(self.client.provider().get_balance(account)).await.unwrap()
    }

    /// A token of which the key's account has ten.
    async fn token(&self, key: usize) -> Address {
        let artifact: Value =
            serde_json::from_str(include_str!("../../../contracts/artifacts/DevnetToken.json")).unwrap();
        let code: Bytes = artifact["bytecode"]["object"].as_str().unwrap().parse().unwrap();
        let wallet = Wallet::connect(self.client.clone(), self.key(key), DEADLINE).await.unwrap();
        let token = wallet.send(Call { input: code, ..Call::default() }).await.unwrap().contract_address.unwrap();
        let mint = DevnetToken::mintCall { to: wallet.address(), amount: U256::from(10 * ETHER) };
        wallet.send(Call::new(token, mint.abi_encode())).await.unwrap();
        token
    }
}

fn tandem(dir: &Path, anvil: &Anvil, key: &PrivateKeySigner, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    for variable in ["TANDEM_DEPLOYMENT", "TANDEM_L2_RPC", "TANDEM_PAYLOADS", "TANDEM_L1_BEACON"] {
        command.env_remove(variable);
    }
    command.env("TANDEM_KEY", B256::from(key.to_bytes()).to_string());
    command.env("TANDEM_L1_RPC", anvil.url().unwrap().as_str()).env("TANDEM_DIR", dir);
    command.arg("--json").args(args).output().expect("the command runs")
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_is_deployed_once_and_its_keys_are_stored() {
    let chain = Chain::start().await;
    let told = chain.deploy();
    assert_eq!(told["kind"], "payments");
    let deployment = chain.deployment();
    assert_eq!((deployment.chain.kind, deployment.executor), (ChainKind::Payments, Address::ZERO));
    assert!(deployment.abis.contains_key("ValiditySettlement") && deployment.abis.contains_key("PaymentsBridge"));
    let settlement = ValiditySettlement::new(deployment.chain.settlement, chain.client.provider());
    assert!(!settlement.keySetOf(keys().hash()).call().await.unwrap().is_zero());

    let args = chain.deploy_args();
    let args = args.each_ref().map(String::as_str);
    assert!(chain.refused(0, &[&["deploy"], &args[..]].concat()).contains("may be the only record"));
    // Nothing is left to do, and another key set is not this chain's.
    let resumed = chain.run(0, &[&["deploy", "--resume"], &args[..]].concat());
    assert_eq!(resumed["settlement"], told["settlement"]);
    let first_key = keys().bytes().slice(..512 + 20 * 64);
    std::fs::write(chain.dir.path().join("keys.bin"), first_key).unwrap();
    let found = chain.refused(0, &[&["deploy", "--resume"], &args[..]].concat());
    assert!(found.contains("is for key set"), "{found}");
}

/// Keys that L1 would refuse cost nothing: the command says which, and what is wrong with them, before it sends anything.
#[tokio::test(flavor = "multi_thread")]
async fn keys_that_l1_would_refuse_cost_nothing() {
    let chain = Chain::start().await;
    let payer = chain.key(0).address();
    let (nonce, wei) = (chain.client.nonce(payer).await.unwrap(), chain.balance(payer).await);
    let args = chain.deploy_args();
    let deploy = [&["deploy"], &args.each_ref().map(String::as_str)[..]].concat();
    let apply_bytes = 512 + 20 * 64;
    let changed = |change: fn(&mut [u8])| {
        let mut keys = keys().bytes().to_vec();
        change(&mut keys);
        keys
    };
    for (broken, why) in [
        (changed(|keys| keys[600] ^= 1), "in the key of apply-small a point of an input is no point"),
        (changed(|keys| keys[64..128].fill(0)), "in the key of apply-small alpha is the identity"),
        (changed(|keys| keys.copy_within(256..384, 128)), "in the key of apply-small beta equals gamma"),
        (keys().bytes()[apply_bytes..].to_vec(), "no key of an Apply circuit"),
    ] {
        std::fs::write(chain.dir.path().join("keys.bin"), &broken).unwrap();
        let found = chain.refused(0, &deploy);
        assert!(found.contains(why) && !found.contains("--resume"), "{found}");
    }
    assert!(!chain.dir.path().join("deployment.json").exists());
    assert_eq!((chain.client.nonce(payer).await.unwrap(), chain.balance(payer).await), (nonce, wei));
}

/// Deposits, what L1 forces, and the end, in which every wei and every token goes back to whose it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_nobody_proves_gives_everything_back() {
    let chain = Chain::start().await;
    chain.deploy();
    let deployment = chain.deployment();
    let (alice, bob) = (chain.key(2).address(), chain.key(3).address());
    let token = chain.token(2).await;
    let erc20 = Erc20::new(token, chain.client.provider());
    let tokens_before = erc20.balanceOf(alice).call().await.unwrap();

    let deposit = chain.run(2, &["bridge", "deposit", "1.5"]);
    assert_eq!((&deposit["message"], &deposit["wei"]), (&json!(0), &json!("1500000000000000000")));
    let for_bob = chain.run(2, &["bridge", "deposit", "0.25", "--to", &bob.to_string()]);
    assert_eq!(for_bob["account"], json!(bob));
    let tokens = chain.run(2, &["bridge", "deposit-erc20", &token.to_string(), "3"]);
    let units: U256 = tokens["units"].as_str().unwrap().parse().unwrap();
    let forced = chain.run(2, &["bridge", "force-withdraw", "--token", &token.to_string()]);
    assert_eq!((&forced["message"], &forced["token"]), (&json!(3), &json!(token)));
    assert_eq!(chain.run(3, &["bridge", "force-withdraw"])["token"], "ETH");

    let genesis = deployment.chain.hash().to_string();
    let key = chain.output(2, &["session", "key", "--chain-id", "77", "--genesis", &genesis]);
    let file = chain.dir.path().join("session.json");
    std::fs::write(&file, &key.stdout).unwrap();
    let set = chain.run(2, &["bridge", "set-session-key", "--file", file.to_str().unwrap()]);
    let (told, derived): (U256, U256) = (
        set["keyHash"].as_str().unwrap().parse().unwrap(),
        json_of(&key)["keyHash"].as_str().unwrap().parse().unwrap(),
    );
    assert_eq!(told, derived);
    assert!(
        chain.refused(3, &["bridge", "set-session-key", "--file", file.to_str().unwrap()]).contains("could sign for")
    );
    chain.run(3, &["bridge", "set-session-key", "--remove"]);
    // The same in one command, which waits for the node if it is told to.
    let node = FakeNode::start(77, deployment.chain.hash());
    assert!(chain.refused(2, &["session", "set-key"]).contains("no node is named"));
    let again = chain.run(2, &["session", "set-key", "--until", "sent"]);
    assert_eq!((&again["keyHash"], &again["message"]), (&set["keyHash"], &json!(7)));
    let before = json!({ "latest": { "number": 0 }, "settled": 0, "queueIndex": 8 });
    node.answer("rollup_status", [Answer::Result(before)]);
    node.state().queue_index = 9;
    node.state().accounts.insert(alice, Some(B256::from(derived)));
    let again = chain.run(2, &["--l2-rpc", &node.url, "session", "set-key"]);
    assert_eq!((&again["keyHash"], &again["message"]), (&set["keyHash"], &json!(8)));
    assert_eq!(node.state().asked.iter().filter(|method| *method == "rollup_status").count(), 2);
    let of_another = ["session", "set-key", "--until", "sent", "--account", &bob.to_string()];
    assert!(chain.refused(2, &of_another).contains("the key in TANDEM_KEY is that of"));

    for (args, reason) in [
        (&["bridge", "force-withdraw", "1"][..], "everything that the account holds"),
        (&["bridge", "withdraw", "1"], "tandem session withdraw"),
        (&["bridge", "withdraw-erc20", &token.to_string(), "1"], "tandem session withdraw"),
        (&["bridge", "force-call", &bob.to_string()], "no contracts"),
        (&["bridge", "claim", "4294967296"], "L1 has no batch 1"),
        (&["bridge", "claim", "7"], "batch 0 has none at 7"),
        (&["bridge", "deposit", "1", "--to", &deployment.chain.settlement.to_string()], "ValiditySettlement"),
        (&["bridge", "deposit", "1", "--to", &BRIDGE.to_string()], "nobody has it"),
        (&["bridge", "deposit-erc20", &token.to_string(), "1", "--to", &ACCOUNTS.to_string()], "nobody has it"),
        (&["preinstalls"], "for EVM chains"),
        (&["escape", "freeze"], "can be frozen in"),
        (&["escape", "exit"], "can be frozen in"),
        (&["escape", "refund"], "can be frozen in"),
    ] {
        let found = chain.refused(2, args);
        assert!(found.contains(reason), "{args:?}: {found}");
    }
    let status = chain.run(2, &["status"]);
    assert_eq!((&status["messagesIn"], &status["frozen"]), (&json!("0 of 9 proven"), &json!(false)));
    assert!(status.get("node").is_none(), "{status}");
    let told = chain.run(2, &["--l2-rpc", &node.url, "status"]);
    let of_node = json!({
        "latestBatch": 0, "settledBatch": 0, "unprovenBatches": null, "pending": null, "waiting": 3, "messagesIn": 9,
    });
    assert_eq!((&told["node"], &told["batches"]), (&of_node, &status["batches"]));
    let told = chain.run(2, &["--l2-rpc", "http://127.0.0.1:9", "status"]);
    assert!(told["node"]["error"].as_str().unwrap().contains("does not answer"), "{told}");

    // What L1 alone gives before the first batch; nodes that have the same, something else, or no answer.
    let told = chain.run(2, &["replica", "--account", &alice.to_string()]);
    assert_eq!((&told["batch"], &told["queueIndex"], &told["leaves"]), (&json!(0), &json!(0), &json!(1)));
    assert_eq!((&told["output"], &told["blockHash"]), (&status["output"], &json!(deployment.chain.hash())));
    assert_eq!((&told["held"], &told["escrow"]), (&json!("0"), &json!((7 * ETHER / 4).to_string())));
    let nothing = json!({ "address": alice, "leaf": null, "balance": "0", "nonce": 0, "sessionKeyHash": null });
    assert_eq!((&told["account"], told.get("node")), (&nothing, None));
    let block = |root: &Value| Answer::Result(json!({ "hash": genesis, "stateRoot": root }));
    node.answer("eth_getBlockByNumber", [0; 2].map(|_| block(&told["stateRoot"])));
    assert_eq!(chain.run(2, &["--l2-rpc", &node.url, "replica"])["node"], json!({ "agrees": true }));
    node.answer("eth_getBlockByNumber", [block(&told["stateRoot"]), block(&json!(B256::ZERO))]);
    let found = chain.refused(2, &["--l2-rpc", &node.url, "replica"]);
    assert!(found.contains(&format!("the node at {}/ has another chain than L1", node.url)), "{found}");
    let silent = chain.run(2, &["--l2-rpc", "http://127.0.0.1:9", "replica"]);
    assert!(silent["node"]["error"].as_str().unwrap().contains("does not answer"), "{silent}");

    assert_eq!(chain.run(2, &["bridge", "claim"])["claimed"], json!([]));
    assert_eq!(chain.run(2, &["bridge", "claims"])["withdrawals"], json!([]));

    let after = status["freezableAfter"].as_u64().unwrap();
    let provider = chain.client.provider();
    provider.anvil_set_next_block_timestamp(after + 1).await.unwrap();
    provider.anvil_mine(Some(1), None).await.unwrap();
    assert!(chain.refused(2, &["escape", "exit"]).contains("run `tandem escape freeze` first"));
    assert_eq!(chain.run(4, &["escape", "freeze"])["alreadyFrozen"], false);
    assert_eq!(chain.run(4, &["escape", "freeze"])["alreadyFrozen"], true);
    assert_eq!(chain.run(2, &["status"])["frozen"], true);
    // What L1 would still queue, and nobody take.
    let queued = chain.run(2, &["status"])["messagesIn"].clone();
    let of_token = token.to_string();
    for (args, instead) in [
        (&["bridge", "deposit", "1"][..], "`tandem escape refund`"),
        (&["bridge", "deposit-erc20", &of_token, "1"], "`tandem escape refund`"),
        (&["bridge", "force-withdraw"], "`tandem escape exit`"),
        (&["bridge", "force-withdraw", "--token", &of_token], "`tandem escape exit`"),
        (&["bridge", "set-session-key", "--remove"], "nothing left to sign"),
        (&["session", "set-key", "--until", "sent"], "nothing left to sign"),
    ] {
        let found = chain.refused(2, args);
        assert!(found.contains("the chain ended at L1 time") && found.contains(instead), "{args:?}: {found}");
    }
    assert_eq!(chain.run(2, &["status"])["messagesIn"], queued);

    // Nothing was ever proven, so that no leaf holds anything; all of it waits in the queue.
    assert_eq!(chain.run(4, &["escape", "exit", "--all"]), json!({ "paid": [], "outAlready": 0 }));
    let before = chain.balance(bob).await;
    let elsewhere = Address::repeat_byte(0xee);
    let found = chain.refused(4, &["escape", "refund", "--account", &bob.to_string(), "--to", &elsewhere.to_string()]);
    assert!(found.contains("an account alone"), "{found}");
    let paid = chain.run(4, &["escape", "refund", "--account", &bob.to_string()]);
    assert_eq!((&paid["paid"][0]["message"], &paid["outAlready"]), (&json!(1), &json!(0)));
    assert_eq!(chain.balance(bob).await - before, U256::from(ETHER / 4));
    // The owner can send what is his elsewhere.
    let paid = chain.run(2, &["escape", "refund", "--to", &elsewhere.to_string()]);
    assert_eq!(paid["paid"].as_array().unwrap().len(), 2);
    assert_eq!(chain.balance(elsewhere).await, U256::from(ETHER + ETHER / 2));
    assert_eq!(erc20.balanceOf(elsewhere).call().await.unwrap(), units);
    assert_eq!(erc20.balanceOf(alice).call().await.unwrap(), tokens_before - units);
    // Once more pays nothing, for whomever.
    assert_eq!(chain.run(4, &["escape", "refund", "--all"]), json!({ "paid": [], "outAlready": 3 }));
    let bridge = PaymentsBridge::new(deployment.chain.bridge, provider);
    for held in [Address::ZERO, token] {
        assert_eq!(bridge.escrowOf(held).call().await.unwrap(), U256::ZERO);
    }
}

/// One owner who cannot be paid stands in nobody's way, and is told.
#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_paid_stands_in_nobodys_way() {
    let chain = Chain::start().await;
    chain.deploy();
    let provider = chain.client.provider();
    // Refuses ether: reverts whatever it is sent.
    let deaf = Address::repeat_byte(0xde);
    provider.anvil_set_code(deaf, bytes!("60006000fd")).await.unwrap();
    chain.run(2, &["bridge", "deposit", "1", "--to", &deaf.to_string()]);
    chain.run(2, &["bridge", "deposit", "2"]);
    let after = chain.run(2, &["status"])["freezableAfter"].as_u64().unwrap();
    provider.anvil_set_next_block_timestamp(after + 1).await.unwrap();
    provider.anvil_mine(Some(1), None).await.unwrap();
    chain.run(4, &["escape", "freeze"]);
    let before = chain.balance(chain.key(2).address()).await;
    let found = chain.refused(4, &["escape", "refund", "--all"]);
    assert!(found.contains("1 payments made") && found.contains("Bridge_PaymentFailed"), "{found}");
    assert_eq!(chain.balance(chain.key(2).address()).await - before, U256::from(2 * ETHER));
}

/// Hostile tokens stand in nobody's way either: one that takes part in what costs nothing alone, one that burns gas, and one that does not let itself be moved.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_tokens_stand_in_nobodys_way() {
    // require(tx.gasprice == 0); return true
    const FREE_OF_CHARGE: Bytes = bytes!("3a600c5760015f5260205ff35b5f5ffd");
    // for (i = 50_000; i != 0; i--) {} return true: some 1.3 million gas
    const BURNS: Bytes = bytes!("6200c3505b600190038060045760015f5260205ff3");
    // revert()
    const REVERTS: Bytes = bytes!("5f5ffd");
    let chain = Chain::start().await;
    chain.deploy();
    let provider = chain.client.provider();
    let mut tokens = Vec::new();
    for code in [FREE_OF_CHARGE, BURNS, REVERTS] {
        let token = chain.token(2).await;
        chain.run(2, &["bridge", "deposit-erc20", &token.to_string(), "1"]);
        provider.anvil_set_code(token, code).await.unwrap();
        tokens.push(token);
    }
    let bob = chain.key(3).address();
    chain.run(2, &["bridge", "deposit", "2", "--to", &bob.to_string()]);
    let after = chain.run(2, &["status"])["freezableAfter"].as_u64().unwrap();
    provider.anvil_set_next_block_timestamp(after + 1).await.unwrap();
    provider.anvil_mine(Some(1), None).await.unwrap();
    chain.run(4, &["escape", "freeze"]);
    let before = chain.balance(bob).await;
    let found = chain.refused(4, &["escape", "refund", "--all"]);
    assert!(found.contains("1 payments made, 0 out before, 3 not made"), "{found}");
    assert!(found.contains("gas, above the bound of 550000"), "{found}");
    assert!(tokens.iter().all(|token| found.contains(&json!(token).to_string())), "{found}");
    assert_eq!(chain.balance(bob).await - before, U256::from(2 * ETHER));
    let again = chain.refused(4, &["escape", "refund", "--all"]);
    assert!(again.contains("0 payments made, 1 out before, 3 not made"), "{again}");
}

/// What became of each call, in their order, whatever became of the others.
#[tokio::test(flavor = "multi_thread")]
async fn calls_that_fail_stand_in_no_others_way() {
    let chain = Chain::start().await;
    let token = chain.token(2).await;
    let wallet = Wallet::connect(chain.client.clone(), chain.key(2), DEADLINE).await.unwrap();
    let nonce = chain.client.nonce(wallet.address()).await.unwrap();
    let to = Address::repeat_byte(0xaa);
    let transfer = |amount: u128| Call::new(token, Erc20::transferCall { to, value: U256::from(amount) }.abi_encode());
    let calls = vec![
        transfer(1),
        // More than there is.
        transfer(11 * ETHER),
        // Enough to be included, and too little to be done.
        transfer(2).gas_limit(25_000),
        transfer(4).value(chain.balance(wallet.address()).await).gas_limit(100_000),
        transfer(8),
    ];
    let outcomes = wallet.send_each(calls, 100_000).await.unwrap();
    let [Ok(_), Err(refused), Err(reverted), Err(underfunded), Ok(_)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert!(matches!(refused, WalletError::Refused(_)), "{refused}");
    assert!(matches!(reverted, WalletError::Reverted(_)), "{reverted}");
    assert!(matches!(underfunded, WalletError::Underfunded { .. }), "{underfunded}");
    let bounded = wallet.send_each(vec![transfer(16), transfer(32).gas_limit(100_000)], 21_000).await.unwrap();
    let [Err(WalletError::TooMuchGas { most: 21_000, gas }), Ok(_)] = bounded[..] else { panic!("{bounded:?}") };
    assert!(gas > 21_000);
    let erc20 = Erc20::new(token, chain.client.provider());
    assert_eq!(erc20.balanceOf(to).call().await.unwrap(), U256::from(1 + 8 + 32));
    assert_eq!(chain.client.nonce(wallet.address()).await.unwrap(), nonce + 4);
    // Together they end at the first that fails.
    let all = wallet.send_all(vec![transfer(11 * ETHER), transfer(64)]).await;
    assert!(matches!(all, Err(WalletError::Refused(_))), "{all:?}");
    assert_eq!(chain.client.nonce(wallet.address()).await.unwrap(), nonce + 4);
}

/// Tests PAY-L1KEY: the queue takes the message of somebody who has no account, and it changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_key_is_set_when_the_chain_has_it() {
    let chain = Chain::start().await;
    chain.deploy();
    let alice = chain.key(2).address();
    let genesis = chain.deployment().chain.hash();
    let key = chain.output(2, &["session", "key", "--chain-id", "77", "--genesis", &genesis.to_string()]);
    let key: B256 = json_of(&key)["keyHash"].as_str().unwrap().parse().unwrap();
    let node = FakeNode::start(77, genesis);
    node.state().queue_index = 100;
    let set = ["--l2-rpc", &node.url, "session", "set-key"];
    let found = chain.refused(2, &set);
    assert!(found.contains("has no account here") && found.contains("`tandem bridge deposit` first"), "{found}");
    node.state().accounts.insert(alice, None);
    let found = chain.refused(2, &set);
    assert!(found.contains("is none, not the one that was asked for"), "{found}");
    let other = B256::repeat_byte(1);
    node.state().accounts.insert(alice, Some(other));
    let found = chain.refused(2, &set);
    assert!(found.contains(&format!("is {other}, not the one")), "{found}");
    // A node that is away for a moment is asked again, for either answer.
    node.state().accounts.insert(alice, Some(key));
    node.answer("rollup_status", [Answer::HangUp, Answer::Error(-32005, "node is overloaded, try again")]);
    let syncing = Answer::Error(-32000, "the node reads L1: try again in a moment");
    node.answer("rollup_account", [Answer::HangUp, syncing]);
    assert_eq!(chain.run(2, &set)["isSet"], true);
    node.answer("rollup_account", [Answer::Error(-32601, "the method does not exist")]);
    assert!(chain.refused(2, &set).contains("refuses rollup_account"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evm_chain_has_no_such_commands() {
    let harness = Harness::start().await;
    let dir = tempfile::tempdir().unwrap();
    tandem_cli::deploy::write(&harness.deployment, &dir.path().join("deployment.json")).unwrap();
    let key = harness.user();
    let to = key.address().to_string();
    for args in [
        &["escape", "freeze"][..],
        &["escape", "exit", "--all"],
        &["bridge", "claims"],
        &["bridge", "claim", "--to", &to],
        &["bridge", "set-session-key", "--remove"],
        &["bridge", "force-withdraw", "--token", &to],
        &["replica"],
    ] {
        let output = tandem(dir.path(), &harness.anvil, &key, args);
        let error = json_of(&output)["error"].as_str().unwrap().to_owned();
        assert!(error.contains("is for payments chains"), "{args:?}: {error}");
    }
}
