//! Sequencer and prover as child processes in groups of their own, so that a terminal's Ctrl-C reaches them through us, in order. They end
//! with their standard input, whose other end is ours: kill -9 of the devnet leaves nothing behind.

use std::{
    fs::{File, OpenOptions},
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use anyhow::Context;
use tokio::process::{Child, Command};

/// How long a service may take to end in order.
const END_PATIENCE: Duration = Duration::from_secs(10);
/// Lines of a log shown when its service ended by itself.
const LOG_LINES: usize = 12;

/// How to start a service, and to start it again.
pub struct Recipe {
    /// What people call it.
    pub name: &'static str,
    /// The program, by its path.
    pub program: PathBuf,
    /// Its arguments, as a shell would give them.
    pub arguments: Vec<String>,
    /// The environment variables that hold its keys, by name.
    pub keys: Vec<(String, String)>,
    /// Further environment variables of the child, by name.
    pub environment: Vec<(String, String)>,
    /// Where what it prints goes.
    pub log: PathBuf,
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
    /// Convinces L1 of the result: derives the chain and claims outputs, or proves batches.
    Prover,
}

impl Services {
    /// Starts both services, the sequencer's recipe first, and waits for neither.
    pub fn start(recipes: [Recipe; 2]) -> anyhow::Result<Self> {
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
            .envs(recipe.keys.iter().chain(&recipe.environment).map(|(name, value)| (name, value)))
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
