//! Other people's software against a devnet (`tests/compat`), as its users run it: the subset. `make compat` runs all of it.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context, ensure};
use tandem_tests::world::{World, WorldOptions};
use tokio::process::Command;

/// How long all suites may take on a loaded machine.
const DEADLINE: Duration = Duration::from_secs(40 * 60);

/// Runs the suites; which ones, the arguments say.
async fn run(arguments: &[&str]) -> anyhow::Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("compat");
    let mut command = Command::new("node");
    command.arg("run.js").arg("--devnet").arg(world.dir()).args(arguments).current_dir(folder);
    let running = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(DEADLINE, running).await.context("the suites did not end")?;
    let output = output.context("node cannot be started: run devnet/install.sh")?;
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    println!("{said}");
    world.stop().await;
    ensure!(output.status.success(), "{said}");
    // A run without checks must not pass.
    ensure!(said.contains("compat.passed"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_dapps_are_made_with_works_unchanged() -> anyhow::Result<()> {
    run(&["--ci"]).await
}
