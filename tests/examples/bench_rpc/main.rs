//! `make bench-rpc`: how long the JSON-RPC takes, with Anvil beside it in the same run, asked the same. Prints JSON lines and writes them to
//! `target/bench/rpc.json`.
//!
//! Rounds alternate between the two nodes, so that whatever else the machine does meets both. Both make a block four times a second.

mod caller;
mod subject;

use std::{fs, path::Path, time::Duration};

use anyhow::Context;
use serde_json::{Value, json};
use subject::{Subject, Times};
use tandem_l1::anvil::{Anvil, AnvilOptions};
use tandem_tests::{World, WorldOptions};

const ROUNDS: usize = 5;
const BLOCK_TIME: Duration = Duration::from_millis(250);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let anvil = Anvil::start(AnvilOptions { block_time: Some(BLOCK_TIME), ..Default::default() })?;
    let mut tandem = Subject::prepare(&world.devnet.info.l2_rpc, &world.devnet.users).await.context("this node")?;
    let mut other = Subject::prepare(&anvil.url()?, anvil.keys()).await.context("Anvil")?;
    for round in 0..ROUNDS {
        eprintln!("round {} of {ROUNDS}", round + 1);
        tandem.measure().await.context("this node")?;
        other.measure().await.context("Anvil")?;
    }
    world.stop().await;

    let figures = figures(&tandem.times, &other.times);
    let lines: String = figures.iter().map(|figure| format!("{figure}\n")).collect();
    print!("{lines}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("rpc.json"), lines)?;
    Ok(())
}

fn figures(tandem: &Times, anvil: &Times) -> Vec<Value> {
    let mut figures = Vec::new();
    for (name, ours, theirs) in [
        ("send_raw_transaction", &tandem.send, &anvil.send),
        ("submission_to_receipt", &tandem.receipt, &anvil.receipt),
        ("call", &tandem.call, &anvil.call),
        ("get_logs", &tandem.logs, &anvil.logs),
        ("get_block_by_number", &tandem.block, &anvil.block),
    ] {
        for percent in [50, 99] {
            let (value, anvil) = (percentile_ms(ours, percent), percentile_ms(theirs, percent));
            let name = format!("rpc.{name}_p{percent}");
            figures.push(json!({ "name": name, "value": value, "unit": "ms", "anvil": anvil, "answers": ours.len() }));
        }
    }
    let ratio = percentile_ms(&tandem.call, 99) / percentile_ms(&anvil.call, 99);
    figures.push(json!({ "name": "rpc.call_p99_to_anvil", "value": ratio, "unit": "1", "at_most": 2 }));
    figures
}

/// In milliseconds, to the microsecond.
fn percentile_ms(times: &[Duration], percent: usize) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    let micros = times.get((times.len() * percent / 100).min(last)).map_or(0, Duration::as_micros);
    micros as f64 / 1_000.0
}
