//! A running chain as the commands see it: deployment, endpoints and a key; on a devnet all of them by themselves.

use std::{path::PathBuf, time::Duration};

use alloy::{providers::Provider, signers::local::PrivateKeySigner};
use anyhow::Context;
use serde::de::DeserializeOwned;
use serde_json::Value;
pub use tandem_l1::Key;
use tandem_l1::{Deployment, L1Client};
use url::Url;

use crate::{devnet_info::DevnetInfo, wallet::Wallet};

const TIMEOUT: Duration = Duration::from_secs(20);

/// Which chain, and who asks.
#[derive(Clone, Debug, clap::Args)]
pub struct ChainFlags {
    /// Directory of a devnet, for everything that is not given
    #[arg(long, env = "TANDEM_DIR", default_value = ".devnet", global = true)]
    pub dir: PathBuf,
    /// Deployment file
    #[arg(long, env = "TANDEM_DEPLOYMENT", global = true)]
    pub deployment: Option<PathBuf>,
    /// L1 execution endpoint
    #[arg(long, env = "TANDEM_L1_RPC", global = true)]
    pub l1_rpc: Option<Url>,
    /// L2 endpoint
    #[arg(long, env = "TANDEM_L2_RPC", global = true)]
    pub l2_rpc: Option<Url>,
    /// Key that signs, as hex (prefer the environment variable over the flag)
    #[arg(long, env = "TANDEM_KEY", hide_env_values = true, global = true)]
    pub key: Option<Key>,
    /// How long to wait at most, in seconds
    #[arg(long, env = "TANDEM_PATIENCE_S", default_value_t = 600, global = true)]
    pub patience_s: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Chain {
    /// Contracts and configuration.
    pub deployment: Deployment,
    /// L1.
    pub l1: L1Client,
    /// L2.
    pub l2: L1Client,
    /// Time limit of waits.
    pub patience: Duration,
    key: Option<Key>,
}

impl Chain {
    /// Reads the files and connects.
    pub async fn open(flags: &ChainFlags) -> anyhow::Result<Self> {
        let info = DevnetInfo::read(&flags.dir).ok();
        let path = flags.deployment.clone().unwrap_or_else(|| flags.dir.join("deployment.json"));
        let deployment = Deployment::read(&path).context("no chain is named: start a devnet, or give --deployment")?;
        let missing =
            |flag: &'static str| move || format!("{flag} is not given and {} names no devnet", flags.dir.display());
        let l1_rpc =
            flags.l1_rpc.clone().or(info.as_ref().map(|info| info.l1_rpc.clone())).with_context(missing("--l1-rpc"))?;
        let l2_rpc =
            flags.l2_rpc.clone().or(info.as_ref().map(|info| info.l2_rpc.clone())).with_context(missing("--l2-rpc"))?;
        let key = match (&flags.key, info.as_ref().and_then(|info| info.accounts.first())) {
            (Some(key), _) => Some(key.clone()),
            (None, Some(account)) => Some(account.key.parse()?),
            (None, None) => None,
        };
        let l1 = L1Client::connect(&l1_rpc, TIMEOUT).await.with_context(|| format!("L1 endpoint {l1_rpc}"))?;
        let l2 = L1Client::connect(&l2_rpc, TIMEOUT).await.with_context(|| format!("L2 endpoint {l2_rpc}"))?;
        for (layer, client, expected) in
            [("L1", &l1, deployment.chain.l1_chain_id), ("L2", &l2, deployment.chain.l2_chain_id)]
        {
            let found = client.chain_id().await.with_context(|| format!("the {layer} endpoint does not answer"))?;
            anyhow::ensure!(
                found == expected,
                "the {layer} endpoint serves chain {found}, the deployment is for {expected}"
            );
        }
        Ok(Self { deployment, l1, l2, patience: Duration::from_secs(flags.patience_s), key })
    }

    fn key(&self) -> anyhow::Result<PrivateKeySigner> {
        Ok(self.key.as_ref().context("no key: give --key or TANDEM_KEY")?.signer())
    }

    /// The key at L1.
    pub async fn l1_wallet(&self) -> anyhow::Result<Wallet> {
        Ok(Wallet::connect(self.l1.clone(), self.key()?, self.patience).await?)
    }

    /// The key at L2.
    pub async fn l2_wallet(&self) -> anyhow::Result<Wallet> {
        Ok(Wallet::connect(self.l2.clone(), self.key()?, self.patience).await?)
    }

    /// Asks the sequencer something that `alloy` has no name for.
    pub async fn ask<T: DeserializeOwned>(&self, method: &'static str, params: Value) -> anyhow::Result<T> {
        ask(&self.l2, method, params).await
    }

    /// Waits until `condition` gives something.
    pub async fn wait<T, F>(&self, what: &str, mut condition: impl FnMut() -> F) -> anyhow::Result<T>
    where
        F: Future<Output = anyhow::Result<Option<T>>>,
    {
        let deadline = tokio::time::Instant::now() + self.patience;
        loop {
            if let Some(found) = condition().await? {
                return Ok(found);
            }
            anyhow::ensure!(
                tokio::time::Instant::now() < deadline,
                "gave up after {} s waiting until {what}",
                self.patience.as_secs()
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
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
    /// Newest block.
    pub latest: LatestBlock,
    /// Newest block on L1.
    pub safe: u64,
    /// Newest block on finalised L1.
    pub finalized: u64,
    /// L1 messages executed.
    pub queue_index: u64,
    /// Messages to L1 sent.
    pub message_count: u64,
}

/// A block by number.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
pub struct LatestBlock {
    /// Number.
    pub number: u64,
}
