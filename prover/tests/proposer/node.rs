use alloy::{primitives::B256, providers::ext::AnvilApi};
use clap::Parser;
use std::path::Path;
use tandem_l1::{AppendData, AppendOutcome, anvil::AnvilOptions};
use tandem_prover::{ProverNode, flags::ProverFlags};
use tandem_support::l1::{DEADLINE, Harness, bytes, wait_until};
use tokio_util::sync::CancellationToken;

async fn start(harness: &Harness, directory: &Path) -> ProverNode {
    let deployment = directory.join("deployment.json");
    std::fs::write(&deployment, serde_json::to_vec(&harness.deployment).unwrap()).unwrap();
    let url = harness.anvil.url().unwrap().to_string();
    let data = directory.join("data");
    let key = B256::from(harness.anvil.keys()[3].to_bytes()).to_string();
    let flags = ProverFlags::parse_from([
        "tandem-prover",
        "--deployment",
        deployment.to_str().unwrap(),
        "--data-dir",
        data.to_str().unwrap(),
        "--l1-rpc",
        &url,
        "--l1-beacon",
        &url,
        "--key",
        &key,
        "--l1-depth",
        "0",
        "--l1-poll-ms",
        "20",
        "--audit-s",
        "0",
    ]);
    ProverNode::start(flags, CancellationToken::new()).await.unwrap()
}

async fn post(harness: &Harness, data: AppendData) {
    let append = harness.next_append(data).await;
    let outcome = harness.appender().await.append(&append).await.unwrap();
    assert!(matches!(outcome, AppendOutcome::Posted { .. }), "{outcome:?}");
}

async fn wait_for_final(node: &ProverNode, epoch: u64) {
    let mut status = node.status();
    let reached = status.wait_for(|status| status.final_epoch >= epoch);
    let status = *tokio::time::timeout(DEADLINE, reached).await.unwrap().unwrap();
    assert_eq!(status.alarm, None);
}

async fn wait_for_claim(node: &ProverNode, epoch: u64) {
    let mut status = node.status();
    let reached = status.wait_for(|status| status.claimed_epoch >= epoch);
    tokio::time::timeout(DEADLINE, reached).await.unwrap().unwrap();
}

/// An EVM chain without a sequencer: deposits and garbage payloads, derived, claimed, final, over a restart.
#[tokio::test(flavor = "multi_thread")]
async fn an_evm_chain_settles_without_a_sequencer() {
    let harness =
        Harness::deploy_on(AnvilOptions::default(), |config| tandem_evm::genesis(config).unwrap().output).await;
    let directory = tempfile::tempdir().unwrap();
    harness.deposit(1_000).await;
    post(&harness, AppendData::Calldata(bytes(100, 1))).await;
    let node = start(&harness, directory.path()).await;
    wait_for_claim(&node, 1).await;
    let output = node.replica().wait_until(1, DEADLINE).await.unwrap();
    assert_eq!(output.queue_index, 1);
    node.stop();
    node.wait().await.unwrap();

    harness.deposit(2_000).await;
    post(&harness, AppendData::Blobs(bytes(1_000, 2))).await;
    let node = start(&harness, directory.path()).await;
    wait_for_claim(&node, 2).await;
    harness.client.provider().anvil_increase_time(3_601).await.unwrap();
    harness.client.provider().anvil_mine(Some(1), None).await.unwrap();
    wait_for_final(&node, 2).await;
    assert_eq!(node.replica().output(1).unwrap(), Some(output));
    let settlement =
        tandem_l1::bindings::FraudSettlement::new(harness.deployment.chain.settlement, harness.client.provider());
    let last = node.replica().output(2).unwrap().unwrap();
    wait_until("the bridge may act on it", || async { settlement.isFinal(last.hash()).call().await.unwrap() }).await;
    node.stop();
    node.wait().await.unwrap();
}
