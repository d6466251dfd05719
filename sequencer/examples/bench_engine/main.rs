//! `make bench-engine`: how many transfers a second the engine includes while more wait than blocks hold, and whether blocks are late while a
//! full batch closes, and while 256 connections ask about the pool without end. The engine runs as in a node, over a store on disk; L1 is written by the benchmark. Prints JSON lines and writes them to
//! `target/bench/engine.json`.

mod l1;
mod load;
mod questions;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use l1::{Chain, config};
use load::{Senders, TRANSFER_GAS};
use serde_json::{Value, json};
use tandem_evm::cryptography::{self, Native};

/// Transfers that wait when blocks begin.
const BACKLOG: usize = 16_000;
/// Transfers in a batch that is nearly full.
const NEARLY_FULL: usize = 8_000;
/// Batches whose closing is watched.
const CLOSINGS: usize = 6;
/// How long blocks are watched while nothing closes.
const QUIET: Duration = Duration::from_secs(15);
/// Between two transfers of the traffic meanwhile: 20 a second.
const PAUSE: Duration = Duration::from_millis(50);
/// How much later blocks come while something else goes on: the 99th percentile of the intervals, by that without.
const RATIO: &str = "engine.block_delay_ratio";
/// An age that no batch of the benchmark reaches.
const AGE: Duration = Duration::from_secs(3_600);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    cryptography::install(Native);
    let mut figures = backlog().await?;
    figures.extend(delays().await?);
    figures.extend(questions::delays().await?);
    // Whatever goes on, blocks come as they would without.
    let ratios = figures.iter().filter(|figure| figure["name"].as_str().is_some_and(|name| name.starts_with(RATIO)));
    let worst = ratios.filter_map(|figure| figure["value"].as_f64()).fold(0.0, f64::max);
    figures.push(json!({ "name": RATIO, "value": worst, "unit": "1" }));
    write(&figures)
}

/// Fills the mempool before the first block, then lets the engine run.
async fn backlog() -> anyhow::Result<Vec<Value>> {
    let directory = tempfile::tempdir()?;
    let mut senders = Senders::new(BACKLOG / 200);
    let mut chain = Chain::start(directory.path(), true).await?;
    senders.fund(&mut chain).await?;
    chain.stop()?;

    let chain = Chain::start(directory.path(), false).await?;
    let transfers = senders.transfers(BACKLOG);
    let started = Instant::now();
    let hashes = load::submit_all(&chain, transfers).await?;
    let accepted_s = started.elapsed().as_secs_f64();
    let before = chain.store.head()?.number;
    let started = Instant::now();
    chain.engine.synced().await?;
    load::wait_included(&chain, &hashes).await?;
    let included_s = started.elapsed().as_secs_f64();
    let blocks = chain.store.head()?.number - before;
    let payloads: Vec<usize> = chain.store.jobs()?.iter().map(|job| job.payload.len()).collect();
    chain.stop()?;
    let (count, config) = (BACKLOG as f64, config());
    let most = l1::BLOCK_GAS_LIMIT as f64 / TRANSFER_GAS as f64 * 1_000.0 / config.block_time_ms as f64;
    let included = count / included_s;
    eprintln!("{BACKLOG} transfers in {blocks} blocks; batches closed meanwhile have {payloads:?} bytes");
    Ok(vec![
        json!({ "name": "engine.included_tx_per_s", "value": included.round(), "unit": "tx/s", "of_block_limit": included / most }),
        json!({ "name": "engine.accepted_tx_per_s", "value": (count / accepted_s).round(), "unit": "tx/s" }),
    ])
}

/// Watches blocks under light traffic, alone and while nearly full batches close.
async fn delays() -> anyhow::Result<Vec<Value>> {
    let directory = tempfile::tempdir()?;
    let mut senders = Senders::new(NEARLY_FULL / 100);
    let mut chain = Chain::start(directory.path(), true).await?;
    senders.fund(&mut chain).await?;
    let started = Instant::now();
    let quiet = watch(&chain, &mut senders, || Ok(started.elapsed() > QUIET)).await?;
    let (mut busy, mut closing_s) = (Vec::new(), Vec::new());
    for _ in 0..CLOSINGS {
        let hashes = load::submit_all(&chain, senders.transfers(NEARLY_FULL)).await?;
        load::wait_included(&chain, &hashes).await?;
        chain.l1_block(Vec::new()).await?;
        let jobs = chain.store.job_summaries()?.len();
        let started = Instant::now();
        chain.clock.advance(AGE);
        busy.extend(watch(&chain, &mut senders, || Ok(chain.store.job_summaries()?.len() > jobs)).await?);
        closing_s.push(started.elapsed().as_secs_f64());
    }
    chain.stop()?;
    ensure!(!quiet.is_empty() && !busy.is_empty(), "no blocks were watched");
    let (quiet_p99, busy_p99) = (p99(quiet), p99(busy.clone()));
    eprintln!("{} blocks while batches closed; closing took {closing_s:.1?} s", busy.len());
    Ok(vec![
        json!({ "name": "engine.block_interval_p99", "value": quiet_p99.round(), "unit": "ms" }),
        json!({ "name": "engine.block_interval_p99.closing", "value": busy_p99.round(), "unit": "ms" }),
        json!({ "name": "engine.block_delay_ratio.closing", "value": busy_p99 / quiet_p99, "unit": "1" }),
    ])
}

/// Sends a transfer now and then, and tells the milliseconds between blocks until `is_over`.
async fn watch(
    chain: &Chain,
    senders: &mut Senders,
    is_over: impl Fn() -> anyhow::Result<bool>,
) -> anyhow::Result<Vec<f64>> {
    let mut heads = chain.engine.head();
    let (mut last, mut intervals) = (None::<Instant>, Vec::new());
    let mut next = Instant::now();
    while !is_over()? {
        tokio::select! {
            changed = heads.changed() => {
                changed.context("the engine ended")?;
                let now = Instant::now();
                intervals.extend(last.replace(now).map(|last| (now - last).as_secs_f64() * 1_000.0));
            }
            () = tokio::time::sleep_until(next.into()) => {
                next += PAUSE;
                load::submit_all(chain, senders.transfers(1)).await?;
            }
        }
    }
    Ok(intervals)
}

/// The value that 99 of 100 do not exceed.
fn p99(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get((values.len() * 99).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
}

fn write(figures: &[Value]) -> anyhow::Result<()> {
    let lines: String = figures.iter().map(|figure| format!("{figure}\n")).collect();
    print!("{lines}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench/engine.json");
    fs::create_dir_all(path.parent().context("a file has a folder")?)?;
    Ok(fs::write(path, lines)?)
}
