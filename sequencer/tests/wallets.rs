//! Wallets that know nothing of rollups send everything they have, and what is left is what arithmetic says (EVM-FEE-*).
//!
//! A node over an L1 whose prices the test states; wallets as programs of their own, from `tests/wallets`. `make compat-fees` runs all of them at
//! all prices.

mod common;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use alloy::primitives::{Address, B256, U256};
use common::{
    ETHER, config,
    node::{Node, quantity},
};
use serde_json::{Value, json};
use tandem_l1::anvil;
use tokio::process::Command;

const GWEI: u64 = 1_000_000_000;
/// L1's base fee and blob base fee, in wei.
const L1_PRICES: [[u64; 2]; 6] =
    [[GWEI, 1], [GWEI, 50 * GWEI], [30 * GWEI, 1], [30 * GWEI, 50 * GWEI], [500 * GWEI, 1], [500 * GWEI, 50 * GWEI]];
const TRANSFER_GAS: u64 = 21_000;
/// How long a wallet may take on a loaded machine.
const WALLET_DEADLINE: Duration = Duration::from_secs(120);

/// What must hold after `sender`, who had an ether, sent everything to `to`.
async fn check(node: &Node, what: &str, hash: B256, sender: Address, to: Address) {
    let receipt = node.receipt(what, hash).await;
    let transaction = node.ask("eth_getTransactionByHash", json!([hash])).await;
    let block = node.ask("eth_getBlockByNumber", json!([receipt["blockNumber"], false])).await;
    let transfer_gas = U256::from(TRANSFER_GAS);
    assert_eq!((&receipt["status"], quantity(&receipt["gasUsed"])), (&json!("0x1"), transfer_gas), "{what}");
    let offered = if transaction["type"] == "0x2" { "maxFeePerGas" } else { "gasPrice" };
    let (offered, price) = (quantity(&transaction[offered]), quantity(&receipt["effectiveGasPrice"]));
    assert!(price <= offered && offered >= quantity(&block["baseFeePerGas"]), "{what}");
    let value = quantity(&transaction["value"]);
    assert_eq!(value, U256::from(ETHER) - transfer_gas * offered, "{what} sends everything");
    assert!(quantity(&receipt["l1Fee"]) < transfer_gas * price, "{what}: the data fee is a part of what was paid");
    assert_eq!(node.balance(sender).await, transfer_gas * (offered - price), "{what}");
    assert_eq!(node.balance(to).await, value, "{what}");
}

fn wallets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/wallets")
}

/// Runs a program in `tests/wallets`; what it prints.
async fn run(program: &Path, arguments: &[&str], environment: &[(&str, &str)], folder: &Path) -> String {
    let mut command = Command::new(program);
    command.args(arguments).envs(environment.iter().copied()).current_dir(folder).stdin(Stdio::null());
    let output = tokio::time::timeout(WALLET_DEADLINE, command.kill_on_drop(true).output()).await;
    let output = output.unwrap_or_else(|_| panic!("{} {arguments:?} did not end", program.display()));
    let output = output.unwrap_or_else(|error| panic!("{}: {error}: run devnet/install.sh", program.display()));
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} {arguments:?}: {said} {complained}", program.display());
    said
}

/// A wallet that is a script of `tests/wallets`; the hash of what it sent.
async fn script(program: &Path, file: &str, node: &Node, key: B256, to: Address, price: &str) -> B256 {
    let (key, to, url) = (key.to_string(), to.to_string(), node.url());
    let environment = [("RPC", url.as_str()), ("KEY", &key), ("TO", &to), ("PRICE", price)];
    run(program, &[file], &environment, &wallets()).await.parse().unwrap()
}

/// Foundry's `cast`: prices from `cast base-fee`, a third on top, and everything else as it comes.
async fn cast(node: &Node, key: B256, sender: Address, to: Address) -> B256 {
    let anvil = anvil::binary().unwrap().display().to_string();
    let cast = PathBuf::from(anvil.replace("/anvil-", "/cast-").replace("/bin/anvil", "/bin/cast"));
    let (url, none) = (node.url(), [("FOUNDRY_DISABLE_NIGHTLY_WARNING", "1")]);
    let ask =
        async |arguments: &[&str]| run(&cast, &[arguments, &["--rpc-url", &url]].concat(), &none, &wallets()).await;
    let base_fee: U256 = ask(&["base-fee"]).await.parse().unwrap();
    let price = base_fee * U256::from(4) / U256::from(3);
    let balance: U256 = ask(&["balance", &sender.to_string()]).await.parse().unwrap();
    let value = (balance - U256::from(TRANSFER_GAS) * price).to_string();
    let (key, to, price) = (key.to_string(), to.to_string(), price.to_string());
    let send = [
        "send",
        &to,
        "--value",
        &value,
        "--gas-price",
        &price,
        "--priority-gas-price",
        "1",
        "--private-key",
        &key,
        "--json",
    ];
    let receipt: Value = serde_json::from_str(&ask(&send).await).unwrap();
    serde_json::from_value(receipt["transactionHash"].clone()).unwrap()
}

/// Wallets that need no more than `devnet/install.sh`, one after the other.
async fn send_everything(node: &mut Node) {
    let javascript = [("ethers.js", ""), ("viem.js", ""), ("requests.js", ""), ("requests.js", "legacy")];
    for (number, (file, price)) in (0u8..).zip(javascript) {
        let (sender, to) = (node.rich(0x10 + number).await, Address::repeat_byte(0xb0 + number));
        let hash = script(Path::new("node"), file, node, sender.to_bytes(), to, price).await;
        check(node, &format!("{file} {price}"), hash, sender.address(), to).await;
    }
    let (sender, to) = (node.rich(0x20).await, Address::repeat_byte(0xc0));
    let hash = cast(node, sender.to_bytes(), sender.address(), to).await;
    check(node, "cast", hash, sender.address(), to).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wallets_send_everything_while_l1_is_dear() {
    let mut node = Node::start(config(3_600_000), L1_PRICES[3]).await;
    send_everything(&mut node).await;
    node.rig.stop();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "`make compat-fees` runs it: minutes, and packages that other tests do not need"]
async fn all_wallets_send_everything_whatever_l1_costs() {
    for l1_prices in L1_PRICES {
        println!("L1's base fee and blob base fee are {l1_prices:?} wei");
        let mut node = Node::start(config(3_600_000), l1_prices).await;
        send_everything(&mut node).await;
        let (sender, to) = (node.rich(0x30).await, Address::repeat_byte(0xd0));
        let python = wallets().join(".venv/bin/python");
        let hash = script(&python, "web3_py.py", &node, sender.to_bytes(), to, "").await;
        check(&node, "web3.py", hash, sender.address(), to).await;

        let (key, url) = (node.rich(0x40).await.to_bytes().to_string(), node.url());
        let environment = [("RPC", url.as_str()), ("KEY", &key), ("HARDHAT_DISABLE_TELEMETRY_PROMPT", "true")];
        let hardhat = ["node_modules/hardhat/internal/cli/bootstrap.js", "test", "--no-compile", "--network", "tandem"];
        let said = run(Path::new("node"), &hardhat, &environment, &wallets().join("hardhat")).await;
        assert!(said.contains("4 passing"), "{said}");
        node.rig.stop();
    }
}
