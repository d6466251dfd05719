//! The whole node over a real L1: what keeps it from its work is told where operators look, and what it cannot follow ends it.

use std::{net::SocketAddr, path::Path};

use alloy::{hex, primitives::U256, providers::ext::AnvilApi};
use clap::Parser;
use tandem_l1::{AppendOutcome, anvil::AnvilOptions, bindings::Inbox};
use tandem_sequencer::{Node, NodeError, SequencerFlags, watcher::WatcherError};
use tandem_support::l1::{DEADLINE, Harness, wait_until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;

const READY: &str = "HTTP/1.1 200";
const ETHER: u64 = 1_000_000_000_000_000_000;

async fn harness() -> Harness {
    Harness::deploy_on(AnvilOptions::default(), |chain| tandem_evm::genesis(chain).unwrap().output).await
}

/// A node that closes and posts a batch as soon as it has something to put in.
async fn node(harness: &Harness, directory: &Path, cancel: CancellationToken) -> Node {
    let deployment = directory.join("deployment.json");
    std::fs::write(&deployment, serde_json::to_vec(&harness.deployment).unwrap()).unwrap();
    let flags = [
        ("deployment", deployment.display().to_string()),
        ("data-dir", directory.display().to_string()),
        ("l1-rpc", harness.anvil.url().unwrap().to_string()),
        ("key", hex::encode_prefixed(harness.sequencer().to_bytes())),
        ("rpc", "127.0.0.1:0".into()),
        ("l1-depth", "1".into()),
        ("l1-poll-ms", "50".into()),
        ("l1-patience-s", "2".into()),
        ("block-time-ms", "50".into()),
        ("batch-age-min-ms", "100".into()),
        ("batch-age-max-ms", "100".into()),
    ];
    let flags = flags.iter().map(|(name, value)| format!("--{name}={value}"));
    let flags = SequencerFlags::try_parse_from(std::iter::once("tandem-sequencer".into()).chain(flags)).unwrap();
    Node::start(flags, cancel).await.unwrap()
}

/// What `/readyz` answers.
async fn readyz(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn wait_until_told(address: SocketAddr, words: &str) {
    wait_until(words, || async { readyz(address).await.contains(words) }).await;
}

/// The batch goes to L1 as soon as the account has ether, and the trouble is over.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_cannot_pay_is_told_by_readyz_until_it_can() {
    let (harness, directory, cancel) = (harness().await, tempfile::tempdir().unwrap(), CancellationToken::new());
    let (provider, account) = (harness.client.provider(), harness.sequencer().address());
    provider.anvil_set_balance(account, U256::ZERO).await.unwrap();
    let node = node(&harness, directory.path(), cancel.clone()).await;
    let address = node.rpc_address();
    harness.deposit(ETHER).await;
    harness.mine(2).await;
    wait_until_told(address, &format!("L1 account: cannot post to L1: account {account} cannot pay")).await;

    provider.anvil_set_balance(account, U256::from(ETHER)).await.unwrap();
    let inbox = Inbox::new(harness.deployment.chain.inbox, provider);
    let is_posted = || async {
        harness.mine(1).await;
        inbox.batchCount().call().await.unwrap() == 1
    };
    wait_until("the batch is posted", is_posted).await;
    wait_until("it is told no more", || async { !readyz(address).await.contains("L1 account") }).await;
    cancel.cancel();
    node.wait().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_ends_when_l1_follows_other_rules() {
    let (harness, directory, cancel) = (harness().await, tempfile::tempdir().unwrap(), CancellationToken::new());
    let node = node(&harness, directory.path(), cancel.clone()).await;
    let address = node.rpc_address();
    harness.mine(2).await;
    wait_until("it is ready", || async { readyz(address).await.starts_with(READY) }).await;
    let append = harness.change_rules().await;
    let mut appender = harness.appender().await;
    let batch = loop {
        match appender.append(&append).await.unwrap() {
            AppendOutcome::Posted { batch, .. } => break batch,
            // The node stores a checkpoint meanwhile, from the same account.
            outcome => assert!(matches!(outcome, AppendOutcome::Displaced { .. }), "{outcome:?}"),
        }
    };
    let ended = tokio::time::timeout(DEADLINE, node.wait()).await.expect("it ends");
    let Err(NodeError::Watcher(WatcherError::OtherConfiguration { index, expected, found })) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!((index, expected, found), (1, harness.deployment.chain.hash(), batch.header.config_hash));
}
