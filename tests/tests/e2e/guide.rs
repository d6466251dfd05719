//! What the devnet prints can be pasted, whatever directories are called, and its logs alarm nobody.

use std::{fs, path::Path, process::Stdio};

use anyhow::{Context, ensure};
use tandem_tests::world::{DEADLINE, built, execute, free_ports, proving_keys};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

const PROGRAMS: [&str; 4] = ["tandem-devnet", "tandem", "tandem-sequencer", "tandem-prover"];

#[tokio::test(flavor = "multi_thread")]
async fn printed_commands_work_and_a_fresh_chain_alarms_nobody() -> anyhow::Result<()> {
    paste_everything(&[], 9).await
}

/// With the small circuits, whose keys are made in seconds.
#[tokio::test(flavor = "multi_thread")]
async fn those_of_a_payments_chain_work_likewise() -> anyhow::Result<()> {
    let [proving_port] = free_ports()?.map(|port| port.to_string());
    let keys = proving_keys().display().to_string();
    let circuits = "apply-small,session-small";
    let flags = ["--settlement", "validity", "--circuits", circuits, "--keys", &keys, "--proving-port", &proving_port];
    paste_everything(&flags, 10).await
}

/// Starts a devnet with some flags more, runs all of the `count` commands that it prints, and ends it.
async fn paste_everything(flags: &[&str], count: usize) -> anyhow::Result<()> {
    // Beside the programs, so that they can be linked instead of copied.
    let top = tempfile::Builder::new().prefix("Jo's (new) $HOME ").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let (programs, here) = (top.path().join("the programs"), top.path().join("work here"));
    fs::create_dir(&programs)?;
    fs::create_dir(&here)?;
    for program in PROGRAMS {
        fs::hard_link(built(program)?, programs.join(program))?;
    }
    let (mut devnet, commands) = start(&programs, &here, flags).await?;
    ensure!(commands.len() == count, "printed were {commands:?}");
    for command in &commands {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(&here).env_remove("TANDEM_DIR").kill_on_drop(true);
        let output = tokio::time::timeout(2 * DEADLINE, shell.stdin(Stdio::null()).output()).await;
        let output = output.with_context(|| format!("{command} did not end"))??;
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        ensure!(output.status.success() && !said.contains("\"error\""), "{command}: {said}");
    }
    let id = devnet.id().context("the devnet ended")?.to_string();
    execute("kill".into(), &["-INT", &id], &[]).await?;
    let status = tokio::time::timeout(DEADLINE, devnet.wait()).await.context("Ctrl-C does not end it")??;
    ensure!(status.success(), "it ended with {status}");
    for log in ["dev net/sequencer.log", "dev net/prover.log", "devnet.log"] {
        let text = fs::read_to_string(here.join(log)).with_context(|| log.to_owned())?;
        let alarms: Vec<&str> =
            text.lines().filter(|line| [" ERROR ", " WARN "].iter().any(|level| line.contains(level))).collect();
        ensure!(alarms.is_empty(), "{log}: {alarms:#?}");
    }
    Ok(())
}

/// A devnet, and the commands that it prints.
async fn start(programs: &Path, here: &Path, flags: &[&str]) -> anyhow::Result<(Child, Vec<String>)> {
    let [l1, l2, faucet] = free_ports()?.map(|port| port.to_string());
    let mut command = Command::new(programs.join("tandem-devnet"));
    command.args(["--dir", "dev net", "--quiet", "--l1-port", &l1, "--rpc-port", &l2, "--faucet-port", &faucet]);
    command.args(flags);
    command.current_dir(here).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut devnet = command.stderr(fs::File::create(here.join("devnet.log"))?).kill_on_drop(true).spawn()?;
    let mut lines = BufReader::new(devnet.stdout.take().context("no output")?).lines();
    let printed = async {
        let mut commands: Option<Vec<String>> = None;
        while let Some(line) = lines.next_line().await? {
            match &mut commands {
                None if line == "Try this:" => commands = Some(Vec::new()),
                None => {}
                Some(commands) => {
                    commands.push(line.trim().to_owned());
                    if line.ends_with(" status") {
                        break;
                    }
                }
            }
        }
        anyhow::Ok(commands.unwrap_or_default())
    };
    let commands = tokio::time::timeout(2 * DEADLINE, printed).await.context("the devnet does not get ready")??;
    Ok((devnet, commands))
}
