//! `tandem-prover force` as a stranger runs it, beside the other commands that take the money out: the operator is gone, and L1 is all there is.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use alloy::{
    primitives::{Address, B256, TxHash},
    signers::local::PrivateKeySigner,
};
use serde_json::Value;
use tandem_chain::ChainKind;
use tandem_l1::payments::rebuild;
use tandem_tests::{
    payments::{Chain, ETHER, WINDOW, cost},
    world::built,
};

const ETH: Address = Address::ZERO;

/// What a stranger has: the deployment file, an L1 endpoint, a key with ether, and a folder.
struct Stranger<'a> {
    chain: &'a Chain,
    key: PrivateKeySigner,
    deployment: PathBuf,
    data: PathBuf,
}

impl<'a> Stranger<'a> {
    fn new(chain: &'a Chain, key: &PrivateKeySigner, deployment: &Path, data: PathBuf) -> Self {
        Self { chain, key: key.clone(), deployment: deployment.into(), data }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(built(program).unwrap());
        for variable in ["TANDEM_L2_RPC", "TANDEM_PAYLOADS", "TANDEM_L1_BEACON", "TANDEM_CONFIG", "TANDEM_DIR"] {
            command.env_remove(variable);
        }
        command.env("TANDEM_KEY", B256::from(self.key.to_bytes()).to_string());
        command.env("TANDEM_L1_RPC", self.chain.anvil.url().unwrap().as_str());
        command.env("TANDEM_DEPLOYMENT", &self.deployment);
        command
    }

    fn force(&self) -> Command {
        self.force_under(0)
    }

    /// The same, for whom so many L1 blocks must lie above a batch.
    fn force_under(&self, depth: u64) -> Command {
        let keys = std::env::temp_dir().join("tandem-devnet-keys");
        let mut command = self.command("tandem-prover");
        command.arg("force").arg("--data-dir").arg(&self.data).arg("--keys").arg(keys);
        command.args(["--l1-depth", &depth.to_string(), "--l1-poll-ms", "20"]);
        command
    }

    fn forced(&self) -> Output {
        self.force().arg("--json").output().unwrap()
    }

    /// Why it does not force anything.
    fn refused(&self) -> String {
        let output = self.forced();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        json(&output)["error"].as_str().unwrap().into()
    }

    /// What a command of `tandem` says.
    fn tandem(&self, args: &[&str]) -> Value {
        let output = self.command("tandem").arg("--json").args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        json(&output)
    }
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// Tests PAY-APPEND, L1-BATCH-7: kill -9 in the middle, a stranger who is overtaken by another, and every wei where it belongs.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_forces_a_withdrawal_with_the_program_alone() {
    let mut chain = Chain::start().await;
    let people = [0, 1].map(|i| chain.user(i).address());
    chain.deposit_eth(0, 2 * ETHER).await;
    chain.deposit_eth(1, 7).await;
    chain.consume().await;
    // From here on the operator is gone. Seven messages are more than one chunk: two that pay, and five that find nothing any more.
    for i in [0, 1, 0, 1, 0, 1, 0] {
        chain.force_withdrawal(i, ETH).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("deployment.json"), serde_json::to_vec(&chain.deployment).unwrap()).unwrap();
    let mut evm = chain.deployment.clone();
    evm.chain.kind = ChainKind::Evm;
    fs::write(at("evm.json"), serde_json::to_vec(&evm).unwrap()).unwrap();
    let keys = [chain.stranger(), chain.user(2)];
    let stranger = Stranger::new(&chain, keys[0], &at("deployment.json"), at("data"));

    let early = stranger.refused();
    assert!(early.contains("is not overdue: a batch can be forced in"), "{early}");
    chain.wait(WINDOW + 1).await;
    let evm = Stranger::new(&chain, keys[0], &at("evm.json"), at("data")).refused();
    assert!(evm.contains("is for payments chains"), "{evm}");
    let poor = Stranger::new(&chain, &PrivateKeySigner::random(), &at("deployment.json"), at("poor")).refused();
    assert!(poor.contains("fund it"), "{poor}");

    // kill -9 while it proves the second chunk of two; until then nobody else gets at its folder.
    let (mut killed, said) = until(stranger.force(), "1 of 2 are there");
    let plan = said.iter().find(|line| line.contains("batch 2 takes 7 of 7 messages"));
    assert!(plan.is_some_and(|line| line.contains("2 proofs, of which 0 are there")), "{said:#?}");
    assert!(stranger.refused().contains("another process proves"));
    killed.kill().unwrap();
    killed.wait().unwrap();
    for name in ["other", "late"] {
        fs::create_dir(at(name)).unwrap();
        fs::copy(at("data").join("batch.assembly"), at(name).join("batch.assembly")).unwrap();
    }
    // Somebody else is at it too, and is overtaken: he loses nothing but time.
    let other = Stranger::new(&chain, keys[1], &at("deployment.json"), at("other"));
    let (overtaken, _) = until(other.force(), "2 proofs, of which 1 are there");
    signal(&overtaken, "-STOP");
    let output = stranger.forced();
    assert!(output.status.success(), "{output:?}");
    let done = json(&output);
    let figures = ["batch", "firstMessage", "messages", "withdrawals", "proofs", "provenBefore"];
    assert_eq!(figures.map(|name| done[name].as_u64().unwrap()), [2, 2, 7, 2, 2, 1], "{done}");
    signal(&overtaken, "-CONT");
    let output = overtaken.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(told.contains("appended       false") && told.contains("somebody else appended batch 2"), "{told}");
    // A run that was killed after it had sent the batch finds it there, and is done when it lies deep enough.
    let late = Stranger::new(&chain, keys[1], &at("deployment.json"), at("late"));
    let (waiting, _) = until(late.force_under(100), "waiting until 100 blocks lie above it");
    assert!(at("late").join("batch.assembly").exists());
    chain.mine(100).await;
    let output = waiting.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains(done["l1Transaction"].as_str().unwrap()), "{told}: {output:?}");
    assert!(!at("late").join("batch.assembly").exists());
    assert!(late.refused().contains("no message waits"));

    // The owner claims his own, anybody claims for another, to the wei.
    let before = [chain.ether_of(people[0]).await, chain.ether_of(people[1]).await];
    let owner = Stranger::new(&chain, chain.user(0), &at("deployment.json"), at("data"));
    let claimed = owner.tandem(&["bridge", "claim", &(2u64 << 32).to_string()]);
    stranger.tandem(&["bridge", "claim", &((2u64 << 32) + 1).to_string()]);
    let transaction: TxHash = claimed["l1Transaction"].as_str().unwrap().parse().unwrap();
    let receipt = chain.client.receipt(transaction).await.unwrap().unwrap();
    assert_eq!(chain.ether_of(people[0]).await, before[0] + 2 * ETHER - cost(&receipt));
    assert_eq!(chain.ether_of(people[1]).await, before[1] + 7);
    assert_eq!(chain.escrow(ETH).await, 0);
    let rebuilt = rebuild(&chain.client, chain.chain(), chain.deployment.start_block, 1_000).await.unwrap();
    assert_eq!((rebuilt.ledger.index(), rebuilt.ledger.output().queue_index), (2, 9));
}

/// Starts it, and waits until it says some words; what it said until then. What it says later is read and forgotten.
fn until(mut command: Command, words: &str) -> (Child, Vec<String>) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said: Vec<String> = Vec::new();
    while said.last().is_none_or(|line| !line.contains(words)) {
        said.push(lines.next().unwrap_or_else(|| panic!("it ended: {said:#?}")).unwrap());
    }
    std::thread::spawn(move || lines.for_each(drop));
    (child, said)
}

fn signal(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}
