//! Sequencer and prover as child processes in groups of their own, so that a terminal's Ctrl-C reaches them through us, in order. They end
//! with their standard input, whose other end is ours: kill -9 of the devnet leaves nothing behind.

use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use alloy::{primitives::B256, signers::local::PrivateKeySigner};
use anyhow::Context;
use tokio::process::{Child, Command};
use url::Url;

use crate::DevnetFlags;

/// How long a service may take to end in order.
const END_PATIENCE: Duration = Duration::from_secs(10);
/// Lines of a log shown when its service ended by itself.
const LOG_LINES: usize = 12;

/// How to start a service again.
struct Recipe {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    key: (&'static str, String),
    /// Further environment variables of the child, by name.
    environment: Vec<(String, String)>,
    log: PathBuf,
}

/// Where the services find L1.
#[derive(Clone, Debug)]
pub struct L1Endpoints {
    /// The address of L1's JSON-RPC.
    pub rpc: Url,
    /// The address of L1's beacon API.
    pub beacon: Url,
}

/// The services as running processes, and how to start them again.
pub struct Services {
    recipes: [Recipe; 2],
    children: [Option<Child>; 2],
}

/// One of the two services that the devnet runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Builds blocks and posts batches.
    Sequencer,
    /// Derives the chain from L1 and claims outputs.
    Prover,
}

impl Services {
    /// Starts both services and waits for neither.
    pub fn start(
        flags: &DevnetFlags,
        dir: &Path,
        l1: &L1Endpoints,
        sequencer: &PrivateKeySigner,
        proposer: &PrivateKeySigner,
    ) -> anyhow::Result<Self> {
        let common = |data: &str| {
            let mut arguments: Vec<String> =
                vec!["--deployment".into(), dir.join("deployment.json").display().to_string()];
            arguments.extend(["--data-dir".into(), dir.join(data).display().to_string()]);
            arguments.push("--end-with-stdin".into());
            arguments.extend(["--l1-rpc".into(), l1.rpc.to_string(), "--l1-beacon".into(), l1.beacon.to_string()]);
            arguments
        };
        let mut sequencer_arguments = common("sequencer");
        let (rpc, block_time_ms) = (format!("127.0.0.1:{}", flags.rpc_port), flags.block_time_ms.to_string());
        let batch_ages_ms = [flags.batch_age_ms / 2, flags.batch_age_ms].map(|age_ms| age_ms.to_string());
        for (flag, value) in [
            ("--rpc", rpc.as_str()),
            ("--block-time-ms", &block_time_ms),
            ("--data", &flags.data),
            ("--l1-depth", "1"),
            ("--l1-poll-ms", "200"),
            ("--batch-age-min-ms", &batch_ages_ms[0]),
            ("--batch-age-max-ms", &batch_ages_ms[1]),
            ("--heartbeat-ms", "12000"),
        ] {
            sequencer_arguments.extend([flag.into(), value.into()]);
        }
        sequencer_arguments.push("--l1-clock".into());
        let mut prover_arguments = common("prover");
        // A devnet's epochs are small, and computed in seconds once one is contested.
        prover_arguments.extend(["--l1-poll-ms", "200", "--l1-depth", "1", "--challenge-late"].map(String::from));
        let hex = |key: &PrivateKeySigner| B256::from(key.to_bytes()).to_string();
        let recipes = [
            Recipe {
                name: "sequencer",
                program: beside_us("tandem-sequencer")?,
                arguments: sequencer_arguments,
                key: ("TANDEM_SEQUENCER_KEY", hex(sequencer)),
                environment: Vec::new(),
                log: dir.join("sequencer.log"),
            },
            Recipe {
                name: "prover",
                program: beside_us("tandem-prover")?,
                arguments: prover_arguments,
                key: ("TANDEM_PROPOSER_KEY", hex(proposer)),
                environment: Vec::new(),
                log: dir.join("prover.log"),
            },
        ];
        let mut services = Self { recipes, children: [None, None] };
        services.restart(Service::Sequencer)?;
        services.restart(Service::Prover)?;
        Ok(services)
    }

    /// Starts a service that does not run.
    pub fn restart(&mut self, service: Service) -> anyhow::Result<()> {
        let recipe = &self.recipes[service as usize];
        let log: File = OpenOptions::new().create(true).append(true).open(&recipe.log)?;
        let child = Command::new(&recipe.program)
            .args(&recipe.arguments)
            .env(recipe.key.0, &recipe.key.1)
            .envs(recipe.environment.iter().map(|(name, value)| (name, value)))
            .env_remove("TANDEM_CONFIG")
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", recipe.program.display()))?;
        self.children[service as usize] = Some(child);
        Ok(())
    }

    /// Variables that a service gets when it is started again.
    pub fn set_environment(&mut self, service: Service, environment: Vec<(String, String)>) {
        self.recipes[service as usize].environment = environment;
    }

    /// Ends a service at once, as kill -9 does.
    pub async fn kill(&mut self, service: Service) -> anyhow::Result<()> {
        if let Some(mut child) = self.children[service as usize].take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Resolves when a service has ended by itself.
    pub async fn ended(&mut self) -> anyhow::Error {
        loop {
            for (child, recipe) in self.children.iter_mut().zip(&self.recipes) {
                if let Some(Ok(Some(status))) = child.as_mut().map(Child::try_wait) {
                    let log = std::fs::read_to_string(&recipe.log).unwrap_or_default();
                    let lines: Vec<&str> = log.lines().collect();
                    let tail = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n  ");
                    return anyhow::anyhow!(
                        "the {} ended ({status}); the end of {}:\n  {tail}",
                        recipe.name,
                        recipe.log.display()
                    );
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Ends both in order: asks, waits, and only then kills.
    pub async fn stop(&mut self) {
        for child in self.children.iter().flatten() {
            if let Some(id) = child.id() {
                let _ = Command::new("kill").args(["-TERM", &id.to_string()]).status().await;
            }
        }
        for child in &mut self.children {
            if let Some(mut child) = child.take()
                && tokio::time::timeout(END_PATIENCE, child.wait()).await.is_err()
            {
                let _ = child.kill().await;
            }
        }
    }
}

/// A binary next to our own; next to its directory when we are a test, which cargo puts one deeper.
fn beside_us(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let candidates = own.ancestors().skip(1).take(2).map(|directory| directory.join(name));
    let found = candidates.into_iter().find(|path| path.is_file());
    found.with_context(|| format!("{name} is not built: run `make build` (looked beside {})", own.display()))
}
