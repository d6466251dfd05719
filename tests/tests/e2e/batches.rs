//! Batches at their edges: more than calldata carries, and an L1 whose clock leaps.

use alloy::primitives::{Address, keccak256};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tandem_chain::batch::CALLDATA_BYTES_MAX;
use tandem_cli::{chain::ask, wallet::Call};
use tandem_tests::{
    World, WorldOptions, derivation,
    world::{milliether, wait_until},
};

const ALICE: usize = 0;
const BOB: Address = Address::repeat_byte(0xb0);

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_beyond_calldata_is_posted_as_blobs_and_derived() -> anyhow::Result<()> {
    const BYTES: usize = 40_000;
    const COUNT: usize = 4;
    const { assert!(BYTES * COUNT > CALLDATA_BYTES_MAX) };
    let world = World::start(WorldOptions { batch_age_ms: 30_000, ..WorldOptions::default() }).await?;
    // What does not compress.
    let input = |seed: usize| {
        (0..BYTES / 32).flat_map(move |word| keccak256([seed.to_be_bytes(), word.to_be_bytes()].concat()).0)
    };
    let calls = (0..COUNT).map(|seed| Call::new(BOB, input(seed).collect()).gas_limit(8_000_000));
    let receipts = world.l2_wallet(ALICE).await?.send_all(calls.collect()).await?;
    world.wait_until_posted().await?;

    derivation::check(world.chain()).await?;
    let mut batches: Vec<Value> = Vec::new();
    for receipt in receipts {
        let block = receipt.block_number.context("it is in a block")?;
        batches.push(world.ask("rollup_batchOfBlock", json!([format!("{block:#x}")])).await?);
    }
    batches.dedup();
    let [batch] = batches.as_slice() else { anyhow::bail!("they are in several batches: {batches:?}") };
    let transaction: Value = ask(&world.devnet.l1, "eth_getTransactionByHash", json!([batch["l1Transaction"]])).await?;
    let blobs = transaction["blobVersionedHashes"].as_array().map_or(0, Vec::len);
    // With or without what the devnet created for dApps, which is 80 kB at most.
    ensure!(blobs == 2, "160 kB are in {blobs} blobs");
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_l1_whose_clock_leaps_ahead_stops_nothing() -> anyhow::Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    world.pass(3_600).await?;
    let pay = || async {
        world.l2_wallet(ALICE).await?.send(Call::new(BOB, Vec::new()).value(milliether(1))).await?;
        anyhow::Ok(())
    };
    for _ in 0..2 {
        pay().await?;
        world.wait_until_posted().await.context("a batch after the leap")?;
    }
    let (method, params) = ("eth_getBlockByNumber", json!(["latest", false]));
    let are_dated_alike = || async {
        pay().await?;
        let block: Value = world.ask(method, params.clone()).await?;
        let l1_block: Value = ask(&world.devnet.l1, method, params.clone()).await?;
        let seconds = |block: &Value| {
            let text = block["timestamp"].as_str().unwrap_or_default().trim_start_matches("0x");
            u64::from_str_radix(text, 16).context("a block has a timestamp")
        };
        Ok((seconds(&block)?.abs_diff(seconds(&l1_block)?) <= 60).then_some(()))
    };
    wait_until("blocks are dated by L1's clock", are_dated_alike).await?;
    derivation::check(world.chain()).await?;
    world.stop().await;
    Ok(())
}
