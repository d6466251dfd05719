//! Everything that goes wrong with processes and with L1, under traffic: two minutes of it here, all of it with `make e2e-faults`.

use std::{
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, ensure};
use tandem_tests::faults::{self, Plan, Report};

/// Chooses order and moments of the faults.
const SEED: &str = "TANDEM_FAULTS_SEED";

fn seed() -> anyhow::Result<u64> {
    match std::env::var(SEED) {
        Ok(seed) => seed.parse().with_context(|| format!("{SEED}={seed}")),
        Err(_) => Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs()),
    }
}

async fn run(plan: Plan) -> anyhow::Result<Report> {
    let seed = seed()?;
    println!("{SEED}={seed}");
    let report = faults::run(&plan, seed).await.with_context(|| format!("again with {SEED}={seed}"))?;
    let tally = report.tally;
    ensure!(tally.acknowledged > 0 && tally.lost == 0 && tally.doubled == 0, "{SEED}={seed}: {tally:?}");
    Ok(report)
}

#[tokio::test(flavor = "multi_thread")]
async fn some_faults_lose_nothing() -> anyhow::Result<()> {
    run(Plan { kills: 2, outages: 1, reorgs: vec![1, 6, 10], ..Plan::default() }).await?;
    Ok(())
}

/// Prints the figures, and writes them to `target/bench/faults.json`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a quarter of an hour: make e2e-faults"]
async fn all_faults_lose_nothing() -> anyhow::Result<()> {
    let report = run(Plan { kills: 20, outages: 3, reorgs: (1..=10).collect(), skews: true }).await?;
    let lines: String = report.figures().iter().map(|figure| format!("{figure}\n")).collect();
    print!("{lines}");
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    std::fs::create_dir_all(target.join("bench"))?;
    std::fs::write(target.join("bench/faults.json"), lines)?;
    Ok(())
}
