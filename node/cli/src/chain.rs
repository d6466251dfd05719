//! A running chain as the commands see it: deployment, endpoints and a key; on a devnet all of them by themselves.

use std::{path::PathBuf, time::Duration};

use alloy::{providers::Provider, signers::local::PrivateKeySigner};
use anyhow::Context;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tandem_chain::ChainKind;
pub use tandem_l1::PrivateKey;
use tandem_l1::{BadKey, Deployment, L1Client};
use url::Url;

use crate::{devnet_info::DevnetInfo, wallet::Wallet};

const TIMEOUT: Duration = Duration::from_secs(20);

/// Which chain, and who asks.
#[derive(Clone, Debug, clap::Args)]
pub struct ChainFlags {
    /// Directory of a devnet, for everything that is not given
    #[arg(long, env = "TANDEM_DIR", default_value = ".devnet", global = true)]
    pub dir: PathBuf,
    /// File that names the chain's contracts and configuration (deployment.json)
    #[arg(long, env = "TANDEM_DEPLOYMENT", global = true)]
    pub deployment: Option<PathBuf>,
    /// Address of an L1 execution endpoint
    #[arg(long, env = "TANDEM_L1_RPC", global = true)]
    pub l1_rpc: Option<Url>,
    /// Address of an L2 endpoint
    #[arg(long, env = "TANDEM_L2_RPC", global = true)]
    pub l2_rpc: Option<Url>,
    /// L1 beacon endpoint, for blobs, where a command derives the chain from L1; the devnet's, or the L1 execution endpoint, if absent
    #[arg(long, env = "TANDEM_L1_BEACON", global = true)]
    pub l1_beacon: Option<Url>,
    /// Directory with payloads of batches, such as a node's archive; what is fetched is added
    #[arg(long, env = "TANDEM_PAYLOADS", global = true)]
    pub payloads: Option<PathBuf>,
    /// Key that signs, as hex (prefer the environment variable over the flag)
    #[arg(long, env = "TANDEM_KEY", hide_env_values = true, global = true)]
    pub key: Option<PrivateKey>,
    /// How long to wait at most, in seconds
    #[arg(long, env = "TANDEM_PATIENCE_S", default_value_t = 600, global = true)]
    pub patience_s: u64,
}

impl ChainFlags {
    /// The file that names the chain.
    pub fn deployment_path(&self) -> PathBuf {
        self.deployment.clone().unwrap_or_else(|| self.dir.join("deployment.json"))
    }

    /// The address of L2 that is given, or the devnet's.
    pub fn l2_rpc(&self) -> Option<Url> {
        self.l2_rpc.clone().or_else(|| Some(DevnetInfo::read(&self.dir).ok()?.l2_rpc))
    }

    /// The key that is given, or that of the devnet's first account.
    pub fn key(&self) -> Result<Option<PrivateKey>, BadKey> {
        match (&self.key, DevnetInfo::read(&self.dir).ok().and_then(|info| info.accounts.into_iter().next())) {
            (Some(key), _) => Ok(Some(key.clone())),
            (None, Some(account)) => account.key.parse().map(Some),
            (None, None) => Ok(None),
        }
    }
}

/// L1's side of a chain, which needs nobody: what commands use that work without a sequencer.
#[derive(Debug)]
pub struct Ground {
    /// The chain's contracts and configuration.
    pub deployment: Deployment,
    /// The connection to L1.
    pub l1: L1Client,
    /// Where blobs may be had.
    pub l1_beacon: Url,
    /// Where payloads of batches are kept.
    pub payloads: PathBuf,
    /// Time limit of waits.
    pub patience: Duration,
    l2_rpc: Option<Url>,
    key: Option<PrivateKey>,
}

/// A chain with its sequencer.
#[derive(Debug)]
pub struct Chain {
    /// L1's side of it.
    pub ground: Ground,
    /// The connection to L2.
    pub l2: L1Client,
}

impl std::ops::Deref for Chain {
    type Target = Ground;

    fn deref(&self) -> &Ground {
        &self.ground
    }
}

impl Ground {
    /// Reads the files and connects to L1.
    pub async fn open(flags: &ChainFlags) -> anyhow::Result<Self> {
        let info = DevnetInfo::read(&flags.dir).ok();
        let deployment = Deployment::read(&flags.deployment_path())
            .context("no chain is named: start a devnet, or give --deployment")?;
        let missing = || format!("--l1-rpc is not given and {} names no devnet", flags.dir.display());
        let l1_rpc = flags.l1_rpc.clone().or(info.as_ref().map(|info| info.l1_rpc.clone())).with_context(missing)?;
        let l1 = connect("L1", &l1_rpc, deployment.chain.l1_chain_id).await?;
        Ok(Self {
            deployment,
            l1,
            l1_beacon: flags.l1_beacon.clone().or(info.map(|info| info.faucet)).unwrap_or(l1_rpc),
            payloads: flags.payloads.clone().unwrap_or_else(|| flags.dir.join("payloads")),
            patience: Duration::from_secs(flags.patience_s),
            l2_rpc: flags.l2_rpc(),
            key: flags.key()?,
        })
    }

    /// The address of L2, if one is named.
    pub fn l2_rpc(&self) -> Option<&Url> {
        self.l2_rpc.as_ref()
    }

    /// The sequencer, if one is named and answers for this chain.
    pub async fn sequencer(&self) -> anyhow::Result<L1Client> {
        let l2_rpc = self.l2_rpc.as_ref().context("--l2-rpc is not given, and no devnet is named")?;
        connect("L2", l2_rpc, self.deployment.chain.l2_chain_id).await
    }

    fn key(&self) -> anyhow::Result<PrivateKeySigner> {
        Ok(self.key.as_ref().context("no key: give --key or TANDEM_KEY")?.signer())
    }

    /// The key at L1.
    pub async fn l1_wallet(&self) -> anyhow::Result<Wallet> {
        Ok(Wallet::connect(self.l1.clone(), self.key()?, self.patience).await?)
    }

    /// Waits until `condition` gives something.
    pub async fn wait<T, F>(&self, what: &str, condition: impl FnMut() -> F) -> anyhow::Result<T>
    where
        F: Future<Output = anyhow::Result<Option<T>>>,
    {
        self.wait_for(self.patience, what, condition).await
    }

    /// The same with another time limit.
    pub async fn wait_for<T, F>(
        &self,
        limit: Duration,
        what: &str,
        mut condition: impl FnMut() -> F,
    ) -> anyhow::Result<T>
    where
        F: Future<Output = anyhow::Result<Option<T>>>,
    {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            if let Some(found) = condition().await? {
                return Ok(found);
            }
            anyhow::ensure!(
                tokio::time::Instant::now() < deadline,
                "gave up after {} s waiting until {what}",
                limit.as_secs()
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

impl Chain {
    /// Reads the files and connects.
    pub async fn open(flags: &ChainFlags) -> anyhow::Result<Self> {
        let ground = Ground::open(flags).await?;
        anyhow::ensure!(
            ground.deployment.chain.kind == ChainKind::Evm,
            "this command is for EVM chains, and the deployment names a payments chain"
        );
        let l2 = ground.sequencer().await?;
        Ok(Self { ground, l2 })
    }

    /// The key at L2.
    pub async fn l2_wallet(&self) -> anyhow::Result<Wallet> {
        Ok(Wallet::connect(self.l2.clone(), self.key()?, self.patience).await?)
    }

    /// Asks the sequencer something that `alloy` has no name for.
    pub async fn ask<T: DeserializeOwned>(&self, method: &'static str, params: Value) -> anyhow::Result<T> {
        ask(&self.l2, method, params).await
    }
}

async fn connect(layer: &'static str, url: &Url, chain_id: u64) -> anyhow::Result<L1Client> {
    let client = L1Client::connect(url, TIMEOUT).await.with_context(|| format!("{layer} endpoint {url}"))?;
    let found = client.chain_id().await.with_context(|| format!("the {layer} endpoint does not answer"))?;
    anyhow::ensure!(found == chain_id, "the {layer} endpoint serves chain {found}, the deployment is for {chain_id}");
    Ok(client)
}

/// Asks an endpoint something that `alloy` has no name for.
pub async fn ask<T: DeserializeOwned>(client: &L1Client, method: &'static str, params: Value) -> anyhow::Result<T> {
    let request = client.provider().raw_request::<Value, Value>(method.into(), params);
    serde_json::from_value(client.request(request).await?).with_context(|| format!("answer to {method}"))
}

/// `rollup_status`, as far as the commands read it.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RollupStatus {
    /// The newest block that the sequencer built.
    pub latest: LatestBlock,
    /// Newest block on L1.
    pub safe: u64,
    /// Newest block on finalised L1.
    pub finalized: u64,
    /// Newest block whose output is final.
    pub settled: u64,
    /// How many L1 messages were executed.
    pub queue_index: u64,
    /// Messages to L1 sent.
    pub message_count: u64,
}

/// A block by number.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
pub struct LatestBlock {
    /// The block's number.
    pub number: u64,
}
