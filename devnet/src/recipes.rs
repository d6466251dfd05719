//! What the two services of a chain are started with, by how L1 is convinced of its results.

use std::path::{Path, PathBuf};

use alloy::{primitives::B256, signers::local::PrivateKeySigner};
use anyhow::Context;
use url::Url;

use crate::{DevnetFlags, children::Recipe};

/// Where services find L1.
#[derive(Clone, Debug)]
pub struct L1Endpoints {
    /// The address of L1's JSON-RPC.
    pub rpc: Url,
    /// The address of L1's beacon API.
    pub beacon: Url,
}

/// What both services of a chain need.
pub struct Ground<'a> {
    /// The devnet's flags.
    pub flags: &'a DevnetFlags,
    /// The devnet's directory.
    pub dir: &'a Path,
    /// Where they find L1.
    pub l1: &'a L1Endpoints,
    /// The key that appends batches.
    pub sequencer: &'a PrivateKeySigner,
}

impl Ground<'_> {
    /// An EVM chain, whose outputs are claimed.
    pub fn claimed(&self, proposer: &PrivateKeySigner) -> anyhow::Result<[Recipe; 2]> {
        let flags = self.flags;
        let mut sequencer = self.sequencer_arguments();
        let batch_ages_ms = [flags.batch_age_ms / 2, flags.batch_age_ms].map(|age_ms| age_ms.to_string());
        sequencer.extend(["--l1-beacon".into(), self.l1.beacon.to_string()]);
        for (flag, value) in [
            ("--block-time-ms", flags.block_time_ms.to_string().as_str()),
            ("--data", &flags.data),
            ("--batch-age-min-ms", &batch_ages_ms[0]),
            ("--batch-age-max-ms", &batch_ages_ms[1]),
            ("--heartbeat-ms", "12000"),
        ] {
            sequencer.extend([flag.into(), value.into()]);
        }
        sequencer.push("--l1-clock".into());
        let mut prover = self.common("prover");
        prover.extend(["--l1-beacon".into(), self.l1.beacon.to_string()]);
        // A devnet's epochs are small, and computed in seconds once one is contested.
        prover.extend(["--l1-poll-ms", "200", "--l1-depth", "1", "--challenge-late"].map(String::from));
        Ok([self.sequencer(sequencer)?, self.prover(prover, vec![("TANDEM_PROPOSER_KEY".into(), hex(proposer))])?])
    }

    /// A payments chain, whose batches are proven with the keys in a folder.
    pub fn proven(&self, keys: &Path) -> anyhow::Result<[Recipe; 2]> {
        let proving = format!("127.0.0.1:{}", self.flags.proving_port);
        let mut sequencer = self.sequencer_arguments();
        sequencer.extend(["--proving".into(), proving.clone()]);
        let mut prover = vec!["prove".into()];
        prover.extend(self.common("prover"));
        prover.extend(["--sequencer".into(), format!("http://{proving}")]);
        prover.extend(["--keys".into(), keys.display().to_string()]);
        Ok([self.sequencer(sequencer)?, self.prover(prover, Vec::new())?])
    }

    fn common(&self, data: &str) -> Vec<String> {
        let path = |name: &str| self.dir.join(name).display().to_string();
        let mut arguments = vec!["--deployment".into(), path("deployment.json"), "--data-dir".into(), path(data)];
        arguments.extend(["--end-with-stdin".into(), "--l1-rpc".into(), self.l1.rpc.to_string()]);
        arguments
    }

    fn sequencer_arguments(&self) -> Vec<String> {
        let mut arguments = self.common("sequencer");
        arguments.extend(["--rpc".into(), format!("127.0.0.1:{}", self.flags.rpc_port)]);
        arguments.extend(["--l1-depth", "1", "--l1-poll-ms", "200"].map(String::from));
        arguments
    }

    fn sequencer(&self, arguments: Vec<String>) -> anyhow::Result<Recipe> {
        let key = ("TANDEM_SEQUENCER_KEY".into(), hex(self.sequencer));
        self.recipe("sequencer", "tandem-sequencer", arguments, vec![key])
    }

    fn prover(&self, arguments: Vec<String>, keys: Vec<(String, String)>) -> anyhow::Result<Recipe> {
        self.recipe("prover", "tandem-prover", arguments, keys)
    }

    fn recipe(
        &self,
        name: &'static str,
        program: &str,
        arguments: Vec<String>,
        keys: Vec<(String, String)>,
    ) -> anyhow::Result<Recipe> {
        let log = self.dir.join(format!("{name}.log"));
        Ok(Recipe { name, program: beside_us(program)?, arguments, keys, environment: Vec::new(), log })
    }
}

fn hex(key: &PrivateKeySigner) -> String {
    B256::from(key.to_bytes()).to_string()
}

/// A binary next to our own; next to its directory when we are a test, which cargo puts one deeper.
fn beside_us(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let candidates = own.ancestors().skip(1).take(2).map(|directory| directory.join(name));
    let found = candidates.into_iter().find(|path| path.is_file());
    found.with_context(|| format!("{name} is not built: run `make build` (looked beside {})", own.display()))
}
