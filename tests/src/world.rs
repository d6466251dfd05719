//! A devnet of one scenario, on free ports, gone when dropped.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use alloy::{
    primitives::{Address, B256, U256},
    providers::Provider,
    rpc::types::Filter,
    signers::local::PrivateKeySigner,
    sol_types::SolEvent,
};
use anyhow::{Context, bail, ensure};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tandem_circuits::circuit::CircuitId;
use tandem_cli::{
    chain::{RollupStatus, ask},
    wallet::Wallet,
};
use tandem_devnet::{Devnet, DevnetFlags, SettlementKind};
use tandem_l1::{L1Client, anvil, bindings::FraudSettlement};
use tempfile::TempDir;
use url::Url;

pub use crate::wait::{DEADLINE, wait_until};
use crate::{derivation::Chain, proxy::L1Proxy};

/// What differs between scenarios.
#[derive(Clone, Copy, Debug)]
pub struct WorldOptions {
    /// How batches travel: `auto`, `calldata` or `blobs`.
    pub data: &'static str,
    /// Age at which a batch closes, in milliseconds.
    pub batch_age_ms: u64,
    /// Time in which a claim can be rivalled, in seconds.
    pub claim_window_s: u32,
    /// Time after which L1 messages must be taken, in seconds.
    pub forced_window_s: u64,
    /// Time from an owner's decision to its maturity, in seconds, if it is not the forced-inclusion window.
    pub delay_s: Option<u64>,
    /// Grace of a new entry and of an upgrade, in seconds, if it is not the devnet's.
    pub grace_s: Option<u64>,
    /// Which kind of chain it is.
    pub settlement: SettlementKind,
    /// Time for which messages of a payments chain may stay unproven once they are overdue, in seconds.
    pub escape_delay_s: u64,
    /// Circuits of a payments chain, if they are not the devnet's.
    pub circuits: Option<&'static [CircuitId]>,
}

impl Default for WorldOptions {
    fn default() -> Self {
        Self {
            data: "auto",
            batch_age_ms: 3_000,
            claim_window_s: 6,
            forced_window_s: 300,
            delay_s: None,
            grace_s: None,
            settlement: SettlementKind::Fraud,
            escape_delay_s: 600,
            circuits: None,
        }
    }
}

impl WorldOptions {
    /// Clocks for disputes that take a minute or two; every batch in blobs, so that runs read them.
    pub fn disputed() -> Self {
        Self { data: "blobs", claim_window_s: 40, forced_window_s: 20, ..Self::default() }
    }
}

/// A devnet in a folder of its own, with wallets; the module says more.
pub struct World {
    /// The devnet that the world runs.
    pub devnet: Devnet,
    /// What stands between the services and L1.
    pub proxy: L1Proxy,
    dir: TempDir,
}

impl World {
    /// Starts a devnet in a new directory, on free ports.
    pub async fn start(options: WorldOptions) -> anyhow::Result<Self> {
        // A path that needs quoting, as users have.
        let dir = tempfile::Builder::new().prefix("a devnet's ").tempdir()?;
        let [l1_port, rpc_port, faucet_port, proving_port] = free_ports()?;
        let proxy = L1Proxy::start(Url::parse(&format!("http://127.0.0.1:{l1_port}"))?).await?;
        let flags = DevnetFlags {
            fresh: true,
            l1_port,
            rpc_port,
            faucet_port,
            l1_block_time_ms: 1_000,
            block_time_ms: 250,
            data: options.data.into(),
            batch_age_ms: options.batch_age_ms,
            claim_window_s: options.claim_window_s,
            forced_window_s: options.forced_window_s,
            settlement: options.settlement,
            proving_port,
            escape_delay_s: options.escape_delay_s,
            // Made once for all worlds.
            keys: Some(proving_keys()),
            circuits: options.circuits.map(Into::into),
            quiet: true,
            services_l1_rpc: Some(proxy.url.clone()),
            delay_s: options.delay_s,
            grace_s: options.grace_s,
        };
        let devnet = Devnet::start(&flags, dir.path()).await?;
        Ok(Self { devnet, proxy, dir })
    }

    /// Ends it in order.
    pub async fn stop(self) {
        self.devnet.stop().await;
    }

    /// Where everything of it is written.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The key of a user.
    pub fn user(&self, index: usize) -> PrivateKeySigner {
        self.devnet.users[index].clone()
    }

    /// A user at L1.
    pub async fn l1_wallet(&self, index: usize) -> anyhow::Result<Wallet> {
        Ok(Wallet::connect(self.devnet.l1.clone(), self.user(index), DEADLINE).await?)
    }

    /// A user at L2.
    pub async fn l2_wallet(&self, index: usize) -> anyhow::Result<Wallet> {
        Ok(Wallet::connect(self.devnet.l2.clone(), self.user(index), DEADLINE).await?)
    }

    /// `tandem --json ...` with a user's key; what it answers.
    pub async fn tandem(&self, user: usize, arguments: &[&str]) -> anyhow::Result<Value> {
        let dir = self.dir.path().display().to_string();
        let mut all = vec!["--json", "--dir", &dir, "--patience-s", "90"];
        all.extend(arguments);
        let key = B256::from(self.user(user).to_bytes()).to_string();
        let output = execute(built("tandem")?, &all, &[("TANDEM_KEY", &key)]).await?;
        let answer: Value =
            serde_json::from_slice(&output.stdout).with_context(|| format!("tandem {arguments:?} said no JSON"))?;
        ensure!(output.status.success(), "tandem {arguments:?}: {}", answer["error"]);
        Ok(answer)
    }

    /// `tandem-prover force` by a user, with the keys of the world; what it answers.
    pub async fn force(&self, user: usize) -> anyhow::Result<Value> {
        let path = |name: &str| self.dir.path().join(name).display().to_string();
        let (deployment, data) = (path("deployment.json"), path("stranger"));
        let (l1_rpc, keys) = (self.devnet.info.l1_rpc.to_string(), proving_keys().display().to_string());
        let arguments = [
            "force",
            "--json",
            "--deployment",
            &deployment,
            "--data-dir",
            &data,
            "--l1-rpc",
            &l1_rpc,
            "--keys",
            &keys,
            "--l1-depth",
            "1",
            "--l1-poll-ms",
            "200",
        ];
        let key = B256::from(self.user(user).to_bytes()).to_string();
        let output = execute(built("tandem-prover")?, &arguments, &[("TANDEM_KEY", &key)]).await?;
        let said = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).with_context(|| format!("tandem-prover force said no JSON: {said}"))
    }

    /// Foundry's `cast`; what it prints.
    pub async fn cast(&self, arguments: &[&str]) -> anyhow::Result<String> {
        foundry("cast", arguments).await
    }

    /// Deploys a contract of `contracts/` with `forge create`; its address.
    pub async fn forge_create(&self, on: &L1Client, user: usize, contract: &str) -> anyhow::Result<Address> {
        let rpc = if on.chain_id().await? == self.devnet.deployment.chain.l1_chain_id {
            &self.devnet.info.l1_rpc
        } else {
            &self.devnet.info.l2_rpc
        };
        let key = B256::from(self.user(user).to_bytes()).to_string();
        // A build of its own, of the examples alone: scenarios run side by side.
        let [out, cache] = ["forge-out", "forge-cache"].map(|name| self.dir.path().join(name).display().to_string());
        let flags = ["create", contract, "--rpc-url", rpc.as_str(), "--private-key", &key, "--broadcast", "--json"];
        let flags = [flags.as_slice(), &["--contracts", "src/devnet", "--out", &out, "--cache-path", &cache]].concat();
        let printed = foundry("forge", &flags).await?;
        let json = printed.find('{').map_or(printed.as_str(), |start| &printed[start..]);
        let answer: Value = serde_json::from_str(json).with_context(|| format!("forge create said {printed}"))?;
        let address = answer["deployedTo"].as_str().with_context(|| format!("forge create said {printed}"))?;
        Ok(address.parse()?)
    }

    /// L1's clock leaps, and its next block has come.
    pub async fn pass(&self, seconds: u64) -> anyhow::Result<()> {
        let l1 = &self.devnet.l1;
        let then = l1.latest().await?.timestamp + seconds;
        let _: Value = ask(l1, "evm_increaseTime", json!([seconds])).await?;
        let has_come = || async { Ok((l1.latest().await?.timestamp >= then).then_some(())) };
        wait_until("L1 has a block after the leap", has_come).await
    }

    /// Every claim on L1, in the order in which they were made.
    pub async fn claims(&self) -> anyhow::Result<Vec<FraudSettlement::ClaimPosted>> {
        let filter = Filter::new()
            .address(self.devnet.deployment.chain.settlement)
            .event_signature(FraudSettlement::ClaimPosted::SIGNATURE_HASH)
            .from_block(0u64);
        let logs = self.devnet.l1.logs(&filter).await?;
        Ok(logs
            .iter()
            .map(|log| Ok(FraudSettlement::ClaimPosted::decode_log(&log.inner)?.data))
            .collect::<alloy::sol_types::Result<_>>()?)
    }

    /// Where the chain is.
    pub fn chain(&self) -> Chain<'_> {
        let Devnet { deployment, l1, l2, info, .. } = &self.devnet;
        Chain { deployment, l1, l1_rpc: &info.faucet, l2 }
    }

    /// Asks the sequencer a JSON-RPC method.
    pub async fn ask<T: DeserializeOwned>(&self, method: &'static str, params: Value) -> anyhow::Result<T> {
        ask(&self.devnet.l2, method, params).await
    }

    /// What the sequencer says to `rollup_status`.
    pub async fn status(&self) -> anyhow::Result<RollupStatus> {
        self.ask("rollup_status", json!([])).await
    }

    /// Wei of an account on L1.
    pub async fn l1_balance(&self, account: Address) -> anyhow::Result<U256> {
        Ok(self.devnet.l1.request(self.devnet.l1.provider().get_balance(account)).await?)
    }

    /// Wei of an account on L2.
    pub async fn l2_balance(&self, account: Address) -> anyhow::Result<U256> {
        Ok(self.devnet.l2.request(self.devnet.l2.provider().get_balance(account)).await?)
    }

    /// Waits until everything that is sequenced is on L1: [`wait_until_posted`].
    pub async fn wait_until_posted(&self) -> anyhow::Result<()> {
        wait_until_posted(&self.devnet.l2).await
    }
}

/// Waits until every transaction so far is on L1; blocks with nothing but the rulebook's own wait for company.
pub async fn wait_until_posted(l2: &L1Client) -> anyhow::Result<()> {
    let number = newest_with_transactions(l2).await?;
    let posted = || async {
        let status: RollupStatus = ask(l2, "rollup_status", json!([])).await?;
        Ok((status.safe >= number).then_some(()))
    };
    wait_until(&format!("block {number} is on L1"), posted).await
}

/// Number of the newest block with something that somebody asked for.
pub async fn newest_with_transactions(l2: &L1Client) -> anyhow::Result<u64> {
    let status: RollupStatus = ask(l2, "rollup_status", json!([])).await?;
    let mut number = status.latest.number;
    loop {
        let block: Value = ask(l2, "eth_getBlockByNumber", json!([format!("{number:#x}"), true])).await?;
        let is_asked_for = |transaction: &Value| transaction["isSystemTx"] != json!(true);
        if number == 0 || block["transactions"].as_array().is_some_and(|all| all.iter().any(is_asked_for)) {
            return Ok(number);
        }
        number -= 1;
    }
}

/// Wei of a number of thousandths of an ether.
pub fn milliether(amount: u64) -> U256 {
    U256::from(amount) * U256::from(1_000_000_000_000_000u64)
}

/// Below what the system gives to outgoing connections, any of which could take a port between asking and listening.
const PORT_MIN: u16 = 12_000;
const PORT_COUNT: u16 = 20_000;

/// Different ports that nobody listens on now, and that this process gives to nobody else.
pub fn free_ports<const N: usize>() -> anyhow::Result<[u16; N]> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Other test processes begin elsewhere.
    let first = std::process::id().wrapping_mul(331);
    let mut free = (0..u32::from(PORT_COUNT)).filter_map(|_| {
        let place = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % u32::from(PORT_COUNT);
        let port = PORT_MIN + u16::try_from(place).ok()?;
        TcpListener::bind(("127.0.0.1", port)).ok().map(|_| port)
    });
    let mut ports = [0; N];
    for port in &mut ports {
        *port = free.next().context("no port is free")?;
    }
    Ok(ports)
}

/// The folder with the proving keys of all worlds and fixtures.
pub fn proving_keys() -> PathBuf {
    std::env::temp_dir().join("tandem-devnet-keys")
}

/// A binary of this workspace.
pub fn built(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let found = own.ancestors().skip(1).take(2).map(|directory| directory.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("{name} is not built: run `make build`"))
}

fn contracts() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../contracts")
}

/// A tool of Foundry's, `forge` or `cast`; what it prints.
pub async fn foundry(tool: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let anvil = anvil::binary()?.display().to_string();
    let path = match tool {
        "forge" | "cast" => {
            PathBuf::from(anvil.replace("/anvil-", &format!("/{tool}-")).replace("/bin/anvil", &format!("/bin/{tool}")))
        }
        _ => bail!("{tool} is no tool of Foundry's that we use"),
    };
    let output = execute(path, arguments, &[]).await?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    ensure!(output.status.success(), "{tool} {arguments:?}: {said} {}", String::from_utf8_lossy(&output.stderr));
    Ok(said)
}

/// Runs a program to its end, which must come within twice [`DEADLINE`].
pub async fn execute(program: PathBuf, arguments: &[&str], environment: &[(&str, &str)]) -> anyhow::Result<Output> {
    let mut command = tokio::process::Command::new(&program);
    command.args(arguments).envs(environment.iter().copied()).stdin(Stdio::null()).kill_on_drop(true);
    command.current_dir(contracts()); // where Foundry looks for its configuration
    let output = tokio::time::timeout(DEADLINE * 2, command.output()).await;
    output
        .with_context(|| format!("{} {arguments:?} did not end", program.display()))?
        .with_context(|| format!("cannot run {}", program.display()))
}
