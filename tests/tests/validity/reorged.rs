//! L1 takes back batches that are proven while sequencer and prover run: they land again, and with them everything that was acknowledged, once.

use alloy::{
    primitives::U64,
    providers::ext::AnvilApi,
    rpc::types::anvil::{ReorgOptions, TransactionData},
};
use serde_json::{Value, json};
use tandem_cli::chain::ask;
use tandem_tests::{
    payments::{Chain, ETHER},
    proving::ServiceProcess,
    world::free_ports,
};

use super::{sequenced::Sequencer, sums::Till};

const DEPOSITED: u128 = 10 * ETHER;
/// How many of the last batches L1 takes back, in turn.
const DEPTHS: [u64; 3] = [1, 2, 3];

/// L1 takes back its last batches, and what else is in their blocks.
async fn take_back(chain: &Chain, till: &Till, batches: u64) {
    let first = till.wait_until_on_l1(chain).await + 1 - batches;
    let first: Value = ask(&till.l2, "rollup_batch", json!([U64::from(first)])).await.unwrap();
    let before = chain.client.latest().await.unwrap();
    let depth = before.id.number + 1 - first["l1Block"].as_u64().unwrap();
    let tx_block_pairs: Vec<(TransactionData, u64)> = Vec::new();
    chain.client.provider().anvil_reorg(ReorgOptions { depth, tx_block_pairs }).await.unwrap();
    // Anvil puts its clock back with its blocks, and mines only if it has something to mine. The time of a real L1 goes on.
    let after = chain.client.latest().await.unwrap();
    chain.wait(before.timestamp.saturating_sub(after.timestamp)).await;
}

/// Tests PAY-APPEND, PAY-TIME: nothing is lost, nothing is doubled, however many proven batches L1 takes back at a time.
#[tokio::test(flavor = "multi_thread")]
async fn proven_batches_that_l1_takes_back_land_again_with_everything_once() {
    let (mut chain, directory) = (Chain::start().await, tempfile::tempdir().unwrap());
    chain.deposit_eth(0, DEPOSITED).await;
    chain.set_session_key(0).await;
    // Messages are another subject: none is taken back.
    chain.mine(10).await;
    // The blocks of a real L1 go on, and with them its time.
    chain.client.provider().anvil_set_interval_mining(1).await.unwrap();
    let (sequencer, [health]) = (Sequencer::start(&chain, directory.path()).await, free_ports().unwrap());
    let proving = format!("http://{}", sequencer.proving);
    let prover = ServiceProcess::prover(&chain, directory.path(), &proving, health);
    sequencer.wait_until_settled(1).await;
    let mut till = Till::open(&chain, &format!("http://{}", sequencer.rpc), DEPOSITED).await;
    for batches in DEPTHS {
        // As many batches as are taken back.
        for _ in 0..batches {
            till.pay(&chain, 2).await;
            till.wait_until_on_l1(&chain).await;
        }
        take_back(&chain, &till, batches).await;
        // Also what is sent while L1 lacks them.
        till.pay(&chain, 2).await;
        till.wait_until_on_l1(&chain).await;
    }
    till.check(&chain).await;
    prover.kill();
    sequencer.stop().await;
}
