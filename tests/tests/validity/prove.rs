//! `tandem-prover prove` as an operator runs it: a process with its folder, a sequencer over gRPC, and L1, which takes what comes back.

use std::fs;

use tandem_chain::ChainKind;
use tandem_payments::operation::Call;
use tandem_tests::{
    payments::{Chain, ETHER, eth},
    proving::{Closer, SequencerDouble, ServiceProcess, answers, land, wait_until},
    world::free_ports,
};

/// Tests PAY-APPEND, PAY-SESSION-TX, PAY-KEYS: a lie, a kill -9 between two proofs, a start on what L1 has since; and L1 takes every batch.
#[tokio::test(flavor = "multi_thread")]
async fn a_prover_derives_survives_and_is_believed_by_l1() {
    let (mut chain, directory) = (Chain::start().await, tempfile::tempdir().unwrap());
    chain.deposit_eth(0, ETHER).await;
    chain.set_session_key(0).await;
    let mut closer = Closer::default();
    let first = closer.close(&chain, 2, &[]).await;
    let call = Call::Transfer { recipient: chain.user(1).address(), amount: 7 };
    let second = closer.close(&chain, 0, &[call]).await;
    let deployment = directory.path().join("deployment.json");
    let mut evm = chain.deployment.clone();
    evm.chain.kind = ChainKind::Evm;
    fs::write(&deployment, serde_json::to_vec(&evm).unwrap()).unwrap();
    let (sequencer, [health]) = (SequencerDouble::default(), free_ports().unwrap());
    let url = sequencer.serve().await;
    let mut wrong = ServiceProcess::prover(&chain, directory.path(), &url, health);
    wait_until("it ends", async || wrong.child.try_wait().unwrap().is_some()).await;
    assert!(wrong.said.lock().unwrap().iter().any(|line| line.contains("is for payments chains")));
    fs::write(&deployment, serde_json::to_vec(&chain.deployment).unwrap()).unwrap();

    let mut lie = first.clone();
    lie.root_after[31] ^= 1;
    sequencer.close(lie);
    let mut prover = ServiceProcess::prover(&chain, directory.path(), &url, health);
    answers(health, "readyz", 503, "false batch: batch 1: it claims root").await;
    prover.says(&["ERROR", "is not what the sequencer claims", "batch=1"]).await;
    sequencer.close(first.clone());
    sequencer.close(second.clone());
    prover.says(&["chunk proven", "batch=2", "missing=1"]).await;
    prover.kill();

    let proven = sequencer.proven(1).await;
    land(&mut chain, &closer, &first, &proven).await;
    let mut prover = ServiceProcess::prover(&chain, directory.path(), &url, health);
    prover.says(&["proving", "batch=2", "chunks=2", "missing=1"]).await;
    let proven = sequencer.proven(2).await;
    answers(health, "readyz", 200, "ready").await;
    answers(health, "metrics", 200, "tandem_proving_brought_back_batches_total 1\n").await;
    answers(health, "healthz", 200, "up; nothing to prove").await;
    land(&mut chain, &closer, &second, &proven).await;
    answers(health, "status", 200, "\"settledBatch\":2").await;
    assert_eq!(chain.state.get(eth(chain.user(1).address())).unwrap().balance, 7);

    // With its standard input it ends.
    prover.stdin = None;
    let mut ended = None;
    wait_until("it ends", async || {
        ended = prover.child.try_wait().unwrap();
        ended.is_some()
    })
    .await;
    assert_eq!(ended.unwrap().code(), Some(0));
}
