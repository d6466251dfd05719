//! A farm of provers as operators run it: a coordinator, workers and the engine as processes, each of them killed with -9; and L1, which takes what comes back.
//!
//! Liars and malformed messages are in `prover/tests/farm`, where nothing needs an L1.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use tandem_payments::operation::Call;
use tandem_support::nats::Nats;
use tandem_tests::{
    payments::{Chain, ETHER, eth},
    proving::{Closer, SequencerDouble, ServiceProcess, answers, land},
    world::{built, free_ports},
};

fn start(mut command: Command, directory: &Path, farm: &str) -> ServiceProcess {
    command.arg("--deployment").arg(directory.join("deployment.json")).args(["--farm", farm, "--end-with-stdin"]);
    command.arg("--keys").arg(std::env::temp_dir().join("tandem-devnet-keys"));
    command.env_remove("RUST_LOG").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (said, heard) = (Arc::<Mutex<Vec<String>>>::default(), BufReader::new(child.stderr.take().unwrap()));
    let lines = said.clone();
    std::thread::spawn(move || heard.lines().for_each(|line| lines.lock().unwrap().push(line.unwrap())));
    ServiceProcess { stdin: child.stdin.take(), child, said }
}

fn coordinator(chain: &Chain, directory: &Path, farm: &str, sequencer: &str, health: u16) -> ServiceProcess {
    let mut command = Command::new(built("tandem-prover").unwrap());
    command.arg("prove").args(["--l1-rpc", chain.anvil.url().unwrap().as_str(), "--sequencer", sequencer]);
    command.args(["--l1-poll-ms", "20", "--farm-lease-s", "4", "--health", &format!("127.0.0.1:{health}")]);
    command.arg("--data-dir").arg(directory.join("data"));
    start(command, directory, farm)
}

fn worker(directory: &Path, farm: &str, name: &str, health: u16) -> ServiceProcess {
    let mut command = Command::new(built("tandem-prover").unwrap());
    command.args(["work", "--name", name, "--health", &format!("127.0.0.1:{health}")]);
    command.arg("--data-dir").arg(directory.join(name));
    start(command, directory, farm)
}

/// Tests PAY-APPEND, PAY-KEYS: a worker, the engine and the coordinator are killed, and L1 takes both batches.
#[tokio::test(flavor = "multi_thread")]
async fn a_farm_survives_the_end_of_each_of_its_parts() {
    let (mut chain, directory) = (Chain::start().await, tempfile::tempdir().unwrap());
    let directory = directory.path();
    chain.deposit_eth(0, ETHER).await;
    chain.set_session_key(0).await;
    let mut closer = Closer::default();
    let first = closer.close(&chain, 2, &[]).await;
    let call = Call::Transfer { recipient: chain.user(1).address(), amount: 7 };
    let second = closer.close(&chain, 0, &[call]).await;
    fs::write(directory.join("deployment.json"), serde_json::to_vec(&chain.deployment).unwrap()).unwrap();
    let (sequencer, [health, of_left, of_right]) = (SequencerDouble::default(), free_ports().unwrap());
    let url = sequencer.serve().await;
    let mut nats = Nats::start(&directory.join("nats"));
    let farm = nats.url();

    // A worker in the middle of a proof; then the engine.
    let mut prove = coordinator(&chain, directory, &farm, &url, health);
    let left = worker(directory, &farm, "left", of_left);
    sequencer.close(first.clone());
    prove.says(&["a worker of the farm is heard of for the first time", "left"]).await;
    left.kill();
    nats.kill();
    nats.restart();
    let right = worker(directory, &farm, "right", of_right);
    let proven = sequencer.proven(1).await;
    land(&mut chain, &closer, &first, &proven).await;
    answers(health, "metrics", 200, "tandem_proving_farm_workers_seen 2\n").await;
    answers(of_right, "readyz", 200, "ready").await;

    // The coordinator between two proofs, and its disk with it: what was proven is in the engine.
    sequencer.close(second.clone());
    prove.says(&["chunk proven", "batch=2", "missing=1"]).await;
    prove.kill();
    fs::remove_dir_all(directory.join("data")).unwrap();
    let prove = coordinator(&chain, directory, &farm, &url, health);
    let proven = sequencer.proven(2).await;
    land(&mut chain, &closer, &second, &proven).await;
    assert_eq!(chain.state.get(eth(chain.user(1).address())).unwrap().balance, 7);
    // No more than the chunks that there are: two of the second batch, and of the first those that `left` did not bring.
    let said = right.said.lock().unwrap().clone();
    let done = said.iter().filter(|line| line.contains("a job of the farm is done")).count();
    assert!(done <= 3, "{said:#?}");
    drop((prove, right));
}
