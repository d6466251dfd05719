//! The programs as operators start and lose them: a devnet killed and started again, and a chain deployed and run part by part.

use std::{net::TcpListener, path::Path, process::Stdio};

use alloy::{
    primitives::{Address, B256},
    providers::Provider,
    signers::local::PrivateKeySigner,
    sol_types::{SolCall, SolEvent},
};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tandem_cli::{
    chain::{RollupStatus, ask},
    devnet_info::DevnetInfo,
    wallet::{Call, Wallet},
};
use tandem_l1::{
    Deployment, L1Client,
    anvil::{Anvil, AnvilOptions},
    bindings::{Bridge, Inbox},
};
use tandem_tests::{
    derivation::{self, Chain},
    proxy::L1Proxy,
    world::{
        DEADLINE, built, execute, free_ports, milliether, newest_with_transactions, wait_until, wait_until_posted,
    },
};
use tokio::process::{Child, Command};

const BOB: Address = Address::repeat_byte(0xb0);

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_devnet_leaves_nothing_behind_and_goes_on() -> anyhow::Result<()> {
    let (dir, ports) = (tempfile::tempdir()?, free_ports()?);
    let mut devnet = start_devnet(dir.path(), ports)?;
    let info = wait_until("the devnet is ready", || async { Ok(DevnetInfo::read(dir.path()).ok()) }).await?;
    send(&info, "0.25ether").await?;
    devnet.kill().await?;
    wait_until("all ports are free", || async { Ok(are_free(ports).then_some(())) }).await.context("after kill -9")?;

    let mut devnet = start_devnet(dir.path(), ports)?;
    let l2 = L1Client::connect(&info.l2_rpc, DEADLINE).await?;
    let balance = || async { Ok(Some(l2.request(l2.provider().get_balance(BOB)).await?)) };
    let kept = wait_until("the devnet is back", balance).await?;
    ensure!(kept == milliether(250), "what was there before the kill is {kept} now");
    send(&info, "0.25ether").await?;
    let deployment = Deployment::read(&dir.path().join("deployment.json"))?;
    let l1 = L1Client::connect(&info.l1_rpc, DEADLINE).await?;
    wait_until_posted(&l2).await?;
    derivation::check(Chain { deployment: &deployment, l1: &l1, l1_rpc: &info.faucet, l2: &l2 }).await?;
    let id = devnet.id().context("the devnet ended")?.to_string();
    execute("kill".into(), &["-INT", &id], &[]).await?;
    let status = tokio::time::timeout(DEADLINE, devnet.wait()).await.context("Ctrl-C does not end it")??;
    ensure!(status.success(), "Ctrl-C ends it with {status}");
    ensure!(are_free(ports), "Ctrl-C leaves something behind");
    Ok(())
}

/// L1 is killed under the devnet when it has moved on since its state was written.
#[tokio::test(flavor = "multi_thread")]
async fn a_devnet_ends_with_its_l1_and_goes_on_from_what_was_written() -> anyhow::Result<()> {
    let (dir, ports) = (tempfile::tempdir()?, free_ports()?);
    let said = dir.path().join("devnet.log");
    let end = async |mut devnet: Child| tokio::time::timeout(DEADLINE, devnet.wait()).await.context("it does not end");
    let devnet = start_devnet(dir.path(), ports)?;
    let info = wait_until("the devnet is ready", || async { Ok(DevnetInfo::read(dir.path()).ok()) }).await?;
    let l2 = L1Client::connect(&info.l2_rpc, DEADLINE).await?;
    send(&info, "0.25ether").await?;
    execute("kill".into(), &["-INT", &devnet.id().context("it ended")?.to_string()], &[]).await?;
    ensure!(end(devnet).await??.success(), "Ctrl-C");

    let mut command = devnet_command(dir.path(), ports)?;
    let devnet = command.stderr(std::fs::File::create(&said)?).spawn()?;
    let is_back = || async { Ok(Some(l2.request(l2.provider().get_balance(BOB)).await?)) };
    wait_until("the devnet is back", is_back).await?;
    send(&info, "0.25ether").await?;
    wait_until_posted(&l2).await?;
    let anvil = anvil_at(ports[0]).context("no Anvil runs")?;
    execute("kill".into(), &["-9", &anvil], &[]).await?;
    ensure!(!end(devnet).await??.success(), "it ends as if nothing was wrong");
    let said = std::fs::read_to_string(said)?;
    ensure!(said.matches("L1 ended").count() == 1, "it says: {said}");
    ensure!(are_free(ports), "it leaves something behind");

    let devnet = start_devnet(dir.path(), ports)?;
    ensure!(wait_until("the devnet is back", is_back).await? == milliether(500), "something acknowledged is lost");
    let deployment = Deployment::read(&dir.path().join("deployment.json"))?;
    let l1 = L1Client::connect(&info.l1_rpc, DEADLINE).await?;
    send(&info, "0.25ether").await?;
    wait_until_posted(&l2).await?;
    derivation::check(Chain { deployment: &deployment, l1: &l1, l1_rpc: &info.faucet, l2: &l2 }).await?;
    ensure!(is_back().await? == Some(milliether(750)), "something is lost, or there twice");
    drop(devnet);
    Ok(())
}

/// The process of the Anvil that listens there.
fn anvil_at(port: u16) -> Option<String> {
    let port = port.to_string();
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    let found = processes.map(|process| process.path()).find(|process| {
        let line = std::fs::read_to_string(process.join("cmdline")).unwrap_or_default();
        let words: Vec<&str> = line.split('\0').collect();
        words[0].ends_with("/anvil") && words.contains(&port.as_str())
    });
    Some(found?.file_name()?.to_str()?.to_owned())
}

fn start_devnet(dir: &Path, ports: [u16; 3]) -> anyhow::Result<Child> {
    Ok(devnet_command(dir, ports)?.spawn()?)
}

fn devnet_command(dir: &Path, [l1, l2, faucet]: [u16; 3]) -> anyhow::Result<Command> {
    let ports = [("--l1-port", l1), ("--rpc-port", l2), ("--faucet-port", faucet)];
    let mut command = Command::new(built("tandem-devnet")?);
    command.arg("--dir").arg(dir).arg("--quiet");
    for (flag, port) in ports {
        command.args([flag, &port.to_string()]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    Ok(command)
}

/// The first account sends to Bob with `cast`.
async fn send(info: &DevnetInfo, value: &str) -> anyhow::Result<()> {
    let (to, rpc, key) = (BOB.to_string(), info.l2_rpc.to_string(), &info.accounts[0].key);
    tandem_tests::world::foundry("cast", &["send", &to, "--value", value, "--private-key", key, "--rpc-url", &rpc])
        .await?;
    Ok(())
}

fn are_free(ports: [u16; 3]) -> bool {
    ports.iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_is_deployed_and_run_part_by_part() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let path = |name: &str| dir.path().join(name).display().to_string();
    let anvil = Anvil::start(AnvilOptions {
        block_time: Some(std::time::Duration::from_secs(1)),
        arguments: vec!["--slots-in-an-epoch".into(), "1".into()],
        ..AnvilOptions::default()
    })?;
    let (l1_rpc, [rpc_port, _, _]) = (anvil.url()?.to_string(), free_ports()?);
    let [deployer, sequencer, proposer, alice, ..] = anvil.keys() else { anyhow::bail!("Anvil names no accounts") };
    let roles = format!("[roles]\nowner = \"{}\"\nsequencer = \"{}\"\n", deployer.address(), sequencer.address());
    let (spec, out) = (path("chain.toml"), path("deployment.json"));
    let deploy = ["--json", "deploy", "--spec", &spec, "--l1-rpc", &l1_rpc, "--out", &out];

    std::fs::write(&spec, format!("l2-chain-id = 7\nblock-time = 1\n{roles}"))?;
    refused(&deploy, deployer, "unknown field `block-time`").await?;
    std::fs::write(
        &spec,
        format!(
            "l2-chain-id = 7\n{roles}[settlement]\nepoch-weight-gas = 1\nclaim-window-seconds = 5\n\
             [dispute]\ncompute-seconds = 2\nallowance-seconds = 3\n"
        ),
    )?;
    let said = tandem(&deploy, deployer).await?;
    ensure!(said["l2ChainId"] == 7, "the command says {said}");
    ensure!(said["dispute"] != json!(Address::ZERO), "somebody decides: {said}");
    refused(&deploy, deployer, "exists").await.context("a deployment file is never overwritten")?;

    let services = ["tandem-sequencer", "tandem-prover"].into_iter().zip([
        (
            ("TANDEM_SEQUENCER_KEY", sequencer),
            format!("--rpc 127.0.0.1:{rpc_port} --batch-age-min-ms 500 --batch-age-max-ms 1000"),
        ),
        (("TANDEM_PROPOSER_KEY", proposer), String::new()),
    ]);
    let proxy = L1Proxy::start(l1_rpc.parse()?).await?;
    let mut running = Vec::new();
    for (name, ((variable, key), flags)) in services {
        let mut command = Command::new(built(name)?);
        let seen = if name == "tandem-sequencer" { proxy.url.as_str() } else { &l1_rpc };
        command.args(["--deployment", &out, "--data-dir", &path(name), "--l1-rpc", seen, "--l1-beacon", &l1_rpc]);
        command.args(["--l1-poll-ms", "200"]).args(flags.split_whitespace()).env(variable, hex(key));
        let log = std::fs::File::create(path(&format!("{name}.log")))?;
        running.push(command.stdin(Stdio::null()).stderr(log).kill_on_drop(true).spawn()?);
    }
    let l2_rpc = format!("http://127.0.0.1:{rpc_port}");
    let chain = ["--json", "--deployment", &out, "--l1-rpc", &l1_rpc, "--l2-rpc", &l2_rpc, "--patience-s", "90"];
    let status = || async { Ok(tandem(&[&chain[..], &["status"]].concat(), alice).await.ok()) };
    wait_until("the sequencer answers", status).await?;
    tandem(&[&chain[..], &["bridge", "deposit", "1.5"]].concat(), alice).await?;
    let l2 = L1Client::connect(&l2_rpc.parse()?, DEADLINE).await?;
    let balance = l2.request(l2.provider().get_balance(alice.address())).await?;
    ensure!(balance == milliether(1_500), "L2 has {balance}");
    let settled = || async {
        let status = tandem(&[&chain[..], &["status"]].concat(), alice).await?;
        Ok(status["settledBatch"].as_u64().filter(|batch| *batch > 0))
    };
    wait_until("the proposer settles a batch", settled).await?;
    let said = || async {
        let status: RollupStatus = ask(&l2, "rollup_status", json!([])).await?;
        Ok((status.settled > 0).then_some(()))
    };
    wait_until("the sequencer knows", said).await?;

    // L1's answers leave a message out, then a batch.
    let deployment = Deployment::read(Path::new(&out))?;
    let l1 = Wallet::connect(L1Client::connect(&l1_rpc.parse()?, DEADLINE).await?, alice.clone(), DEADLINE).await?;
    let forgotten = || async { Ok(proxy.has_forgotten().then_some(())) };
    proxy.forget_one(Inbox::MessageEnqueued::SIGNATURE_HASH);
    let deposit = Bridge::depositETHCall { to: alice.address(), refund: alice.address() };
    l1.send(Call::new(deployment.chain.bridge, deposit.abi_encode()).value(milliether(250))).await?;
    wait_until("a message is left out", forgotten).await?;
    tandem(&[&chain[..], &["bridge", "deposit", "0.5"]].concat(), alice).await?;
    let balance = l2.request(l2.provider().get_balance(alice.address())).await?;
    ensure!(balance == milliether(2_250), "with a message left out L2 has {balance}");

    proxy.forget_one(Inbox::BatchAppended::SIGNATURE_HASH);
    tandem(&[&chain[..], &["bridge", "deposit", "0.5"]].concat(), alice).await?;
    wait_until("a batch is left out", forgotten).await?;
    tandem(&[&chain[..], &["bridge", "deposit", "0.5"]].concat(), alice).await?;
    // Blocks after the last batch that the node knew are made anew, with other numbers.
    let posted = || async {
        let status: RollupStatus = ask(&l2, "rollup_status", json!([])).await?;
        Ok((status.safe >= newest_with_transactions(&l2).await?).then_some(()))
    };
    wait_until("batches are posted again", posted).await?;
    let (l1, l1_rpc) = (L1Client::connect(&l1_rpc.parse()?, DEADLINE).await?, l1_rpc.parse()?);
    derivation::check(Chain { deployment: &deployment, l1: &l1, l1_rpc: &l1_rpc, l2: &l2 }).await?;
    for name in ["tandem-sequencer", "tandem-prover"] {
        let log = std::fs::read_to_string(path(&format!("{name}.log")))?;
        let alarms: Vec<&str> = log.lines().filter(|line| line.contains("ERROR")).collect();
        ensure!(alarms.is_empty() && !log.is_empty(), "{name}: what passes by itself is no alarm: {alarms:#?}");
    }
    Ok(())
}

fn hex(key: &PrivateKeySigner) -> String {
    B256::from(key.to_bytes()).to_string()
}

/// The `tandem` command; what it answers.
async fn tandem(arguments: &[&str], key: &PrivateKeySigner) -> anyhow::Result<Value> {
    let output = execute(built("tandem")?, arguments, &[("TANDEM_KEY", &hex(key))]).await?;
    let answer: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(output.status.success(), "tandem {arguments:?}: {}", answer["error"]);
    Ok(answer)
}

async fn refused(arguments: &[&str], key: &PrivateKeySigner, reason: &str) -> anyhow::Result<()> {
    let Err(error) = tandem(arguments, key).await else { anyhow::bail!("not refused: {reason}") };
    ensure!(format!("{error:#}").contains(reason), "refused with {error:#} instead of {reason}");
    Ok(())
}
