//! The devnet: a local L1, a chain on it, sequencer and prover, with accounts funded by deposits. The chain is an EVM chain, whose outputs are claimed, or a payments
//! chain, whose batches are proven.
//!
//! Everything lives in one directory: `deployment.json` (addresses and ABIs), `devnet.json` (endpoints, accounts, token; written last,
//! so that its absence means an unfinished start, which is begun anew), Anvil's state, the services' data and logs.

mod children;
mod directory;
mod faucet;
mod fund;
mod guide;
mod keys;
pub mod l1;
mod recipes;
mod session;
mod spec;

use std::{
    io::Write as _,
    net::TcpListener,
    path::{Path, PathBuf},
    time::Duration,
};

use alloy::{primitives::Address, signers::local::PrivateKeySigner};
use anyhow::{Context, ensure};
pub use children::{Service, Services};
use l1::{Beacon, L1, L1Options};
pub use recipes::L1Endpoints;
use tandem_chain::ChainKind;
use tandem_circuits::circuit::CircuitId;
use tandem_cli::{
    deploy,
    devnet_info::{Account, DevnetInfo},
    preinstalls,
    wallet::Wallet,
};
use tandem_l1::{Deployment, L1Client, deploy::ChainSpec};
use tokio_util::sync::CancellationToken;
use url::Url;

/// Accounts for whoever tries things.
pub const USERS: usize = 10;
/// Accounts that Anvil funds: the users, then faucet, sequencer, proposer, owner.
const ACCOUNTS: usize = USERS + 4;
const TIMEOUT: Duration = Duration::from_secs(20);
/// How long a start may take on a loaded machine.
const START_PATIENCE: Duration = Duration::from_secs(120);

/// How L1 is convinced of a chain's results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum SettlementKind {
    /// An EVM chain: its outputs are claimed, and anybody can dispute them
    #[default]
    Fraud,
    /// A payments chain: its batches are proven
    Validity,
}

/// Runs a local L1 and a Tandem chain on it
#[derive(Clone, Debug, clap::Args)]
pub struct DevnetFlags {
    /// Begin anew: forget chain and state
    #[arg(long, env = "FRESH", value_parser = clap::builder::FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    pub fresh: bool,
    /// Port of L1's JSON-RPC
    #[arg(long, env = "L1_PORT", default_value_t = 8545)]
    pub l1_port: u16,
    /// Port of L2's JSON-RPC
    #[arg(long, env = "RPC_PORT", default_value_t = 9545)]
    pub rpc_port: u16,
    /// Port of the faucet, and of L1's beacon API
    #[arg(long, env = "FAUCET_PORT", default_value_t = 9546)]
    pub faucet_port: u16,
    /// Time between L1 blocks, in milliseconds
    #[arg(long, default_value_t = 1_000)]
    pub l1_block_time_ms: u64,
    /// Time between L2 blocks, in milliseconds
    #[arg(long, default_value_t = 250)]
    pub block_time_ms: u64,
    /// How batches travel to L1: auto, calldata or blobs
    #[arg(long, default_value = "auto")]
    pub data: String,
    /// Age at which a batch closes, in milliseconds; at half of it if L1 is cheap
    #[arg(long, default_value_t = 3_000)]
    pub batch_age_ms: u64,
    /// Time in which a claim can be rivalled, in seconds; half of it is there to compute a commitment
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(2..))]
    pub claim_window_s: u32,
    /// Time after which L1 messages must be taken, in seconds
    #[arg(long, default_value_t = 120)]
    pub forced_window_s: u64,
    /// How L1 is convinced of the chain's results, and so which kind of chain it is
    #[arg(long, env = "SETTLEMENT", value_enum, default_value_t)]
    pub settlement: SettlementKind,
    /// Port at which the sequencer of a payments chain serves provers
    #[arg(long, env = "PROVING_PORT", default_value_t = 9547)]
    pub proving_port: u16,
    /// Time for which messages of a payments chain may stay unproven once they are overdue, before anybody can end it, in seconds
    #[arg(long, default_value_t = 600)]
    pub escape_delay_s: u64,
    /// Folder of a payments chain's proving keys, made there if they are missing; `keys` in the directory if absent
    #[arg(long, env = "TANDEM_PROVING_KEYS")]
    pub keys: Option<PathBuf>,
    /// Circuits of a new payments chain, such as apply-large,apply-huge,session-large,session-huge; apply-small, apply-large, session-small and
    /// session-large if absent
    #[arg(long, env = "CIRCUITS", value_delimiter = ',', value_parser = circuit)]
    pub circuits: Option<Vec<CircuitId>>,
    /// No live status line
    #[arg(long)]
    pub quiet: bool,
    /// Where sequencer and prover find L1, if it is not Anvil itself: tests put something in between.
    #[arg(skip)]
    pub services_l1_rpc: Option<Url>,
    /// From an owner's decision to its maturity, in seconds, if that is not `forced_window_s`: tests play what is done in between.
    #[arg(skip)]
    pub delay_s: Option<u64>,
    /// Grace of a new entry and of an upgrade, in seconds, likewise.
    #[arg(skip)]
    pub grace_s: Option<u64>,
}

/// A running devnet. [`Devnet::stop`] ends it; dropping it ends Anvil, and kills the services.
pub struct Devnet {
    /// What L1 runs in.
    pub l1_process: L1,
    /// The sequencer and the prover.
    pub services: Services,
    faucet: faucet::Faucet,
    /// What `devnet.json` tells: endpoints, accounts, token.
    pub info: DevnetInfo,
    /// What `deployment.json` tells: contracts and configuration.
    pub deployment: Deployment,
    /// Keys of the accounts of [`DevnetInfo`].
    pub users: Vec<PrivateKeySigner>,
    /// The connection to L1.
    pub l1: L1Client,
    /// The connection to the sequencer.
    pub l2: L1Client,
    roles: RoleKeys,
}

/// Keys of those who are no users.
struct RoleKeys {
    faucet: PrivateKeySigner,
    sequencer: PrivateKeySigner,
    proposer: PrivateKeySigner,
    owner: PrivateKeySigner,
}

fn circuit(name: &str) -> Result<CircuitId, String> {
    let known = || format!("the circuits are {}", CircuitId::ALL.map(CircuitId::name).join(", "));
    CircuitId::named(name).ok_or_else(known)
}

/// Runs the devnet until it is told to end.
pub async fn run(flags: DevnetFlags, dir: &Path) -> anyhow::Result<()> {
    let cancel = CancellationToken::new();
    tandem_service::shutdown_on_signal(cancel.clone());
    let started = std::time::Instant::now();
    eprintln!("starting the devnet in {} ...", dir.display());
    let mut devnet = tokio::select! {
        devnet = Devnet::start(&flags, dir) => devnet?,
        () = cancel.cancelled() => return Ok(()),
    };
    // Whoever reads it may be gone, which ends nothing.
    let _ = writeln!(std::io::stdout(), "{}", guide::text(&devnet.info, &devnet.deployment, dir));
    eprintln!(
        "ready after {:.1} s; Ctrl-C ends it, `make devnet` goes on with it, FRESH=1 begins anew",
        started.elapsed().as_secs_f32()
    );
    let outcome = tokio::select! {
        () = cancel.cancelled() => Ok(()),
        error = devnet.services.ended() => Err(error),
        error = devnet.l1_process.ended() => Err(error),
        () = guide::live_line(&devnet.l1, &devnet.l2, &devnet.deployment, flags.quiet) => Ok(()),
    };
    eprintln!("\nstopping ...");
    devnet.stop().await;
    outcome
}

impl Devnet {
    /// Starts everything; returns when users have their money on L2 and the RPC answers.
    pub async fn start(flags: &DevnetFlags, dir: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let is_proven = flags.settlement == SettlementKind::Validity;
        ensure!(
            is_proven || flags.circuits.is_none(),
            "only payments chains have circuits: SETTLEMENT=validity is one"
        );
        let proving = is_proven.then_some(("proving", "--proving-port", flags.proving_port));
        let ports = [
            ("L1", "--l1-port", flags.l1_port),
            ("L2", "--rpc-port", flags.rpc_port),
            ("faucet", "--faucet-port", flags.faucet_port),
        ];
        for (what, flag, port) in ports.into_iter().chain(proving) {
            TcpListener::bind(("127.0.0.1", port)).with_context(|| {
                format!("port {port} ({what}) is taken: is another devnet running? {flag} chooses another")
            })?;
        }
        let proving_keys = flags.keys.clone().unwrap_or_else(|| dir.join("keys"));
        let known = DevnetInfo::read(dir).ok();
        if flags.fresh || known.is_none() {
            directory::forget(dir)?;
        }
        let block_time = Some(Duration::from_millis(flags.l1_block_time_ms));
        let options = L1Options { dir: dir.into(), port: flags.l1_port, accounts: ACCOUNTS, block_time };
        let l1_process = L1::start(options).await?;
        let keys = l1_process.keys().to_vec();
        ensure!(keys.len() == ACCOUNTS, "Anvil names {} accounts instead of {ACCOUNTS}", keys.len());
        let (users, roles) = keys.split_at(USERS);
        let [faucet_key, sequencer, proposer, owner] = roles else { anyhow::bail!("Anvil names too few accounts") };
        let l1_rpc = l1_process.url().clone();
        let l1 = L1Client::connect(&l1_rpc, TIMEOUT).await?;
        let l2_rpc = Url::parse(&format!("http://127.0.0.1:{}", flags.rpc_port))?;
        let l2 = L1Client::connect(&l2_rpc, TIMEOUT).await?;
        let path = dir.join("deployment.json");
        let fresh = !path.exists();
        let deployment = if fresh {
            let spec = flags.chain_spec(owner, sequencer, &l1, &proving_keys).await?;
            let deployment = deploy::deploy(&l1, faucet_key, &spec).await?;
            deploy::write(&deployment, &path)?;
            deployment
        } else {
            let deployment = Deployment::read(&path)?;
            flags.settlement.check(&deployment, dir)?;
            let hint = "the L1 state does not hold this deployment (was the devnet killed?); FRESH=1 begins anew";
            deploy::verify(&l1, &deployment).await.context(hint)?;
            deployment
        };
        let beacon = Beacon::new(l1_rpc.clone(), l1_process.archive());
        let giver = faucet::Giver::new(&deployment, dir, &l2, &l2_rpc, faucet_key)?;
        let faucet = faucet::Faucet::start(flags.faucet_port, giver, beacon).await?;
        let services_l1_rpc = flags.services_l1_rpc.clone().unwrap_or_else(|| l1_rpc.clone());
        let endpoints = L1Endpoints { rpc: services_l1_rpc, beacon: faucet.url()? };
        let ground = recipes::Ground { flags, dir, l1: &endpoints, sequencer };
        let services = Services::start(match flags.settlement {
            SettlementKind::Fraud => ground.claimed(proposer)?,
            SettlementKind::Validity => ground.proven(&proving_keys)?,
        })?;
        let token = match known.filter(|_| !fresh) {
            Some(info) => info.token,
            None => fund::on_l1(&l1, faucet_key, users, &deployment).await?,
        };
        let accounts = users.iter().map(Account::of).collect();
        let info = DevnetInfo { l1_rpc, l2_rpc, faucet: faucet.url()?, token, accounts };
        let [faucet_key, sequencer, proposer, owner] = [faucet_key, sequencer, proposer, owner].map(Clone::clone);
        let roles = RoleKeys { faucet: faucet_key, sequencer, proposer, owner };
        let mut devnet = Self { roles, l1_process, services, faucet, info, deployment, users: users.to_vec(), l1, l2 };
        devnet.wait_until_ready(fresh).await?;
        if devnet.deployment.chain.kind == ChainKind::Evm {
            // Those that are missing: all of a new chain, and what a start that was cut short did not get to.
            let wallet = Wallet::connect(devnet.l2.clone(), devnet.roles.faucet.clone(), START_PATIENCE).await?;
            preinstalls::deploy(&wallet).await?;
        }
        devnet.info.write(dir)?;
        Ok(devnet)
    }

    async fn wait_until_ready(&mut self, fresh: bool) -> anyhow::Result<()> {
        let (l1, l2, users, deployment) = (&self.l1, &self.l2, &self.users, &self.deployment);
        let ready = async {
            loop {
                let queue_index = fund::queue_index(l2).await;
                if queue_index.is_ok()
                    && (!fresh || fund::has_arrived(l1, l2, users, deployment).await.unwrap_or(false))
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            () = ready => Ok(()),
            error = self.services.ended() => Err(error),
            error = self.l1_process.ended() => Err(error),
            () = tokio::time::sleep(START_PATIENCE) => anyhow::bail!("the chain did not get ready within {START_PATIENCE:?}; see the logs"),
        }
    }

    /// The account that the faucet gives from.
    pub fn faucet_account(&self) -> Address {
        self.roles.faucet.address()
    }

    /// The key that appends batches, for tests of what it must not be able to do.
    pub fn sequencer_key(&self) -> PrivateKeySigner {
        self.roles.sequencer.clone()
    }

    /// The key that claims, stakes and disputes, for tests of what becomes of its ether.
    pub fn proposer_key(&self) -> PrivateKeySigner {
        self.roles.proposer.clone()
    }

    /// The key that schedules rules and proposes upgrades, likewise.
    pub fn owner_key(&self) -> PrivateKeySigner {
        self.roles.owner.clone()
    }

    /// Ends the services, then L1, which writes its state.
    pub async fn stop(self) {
        let Self { l1_process, mut services, faucet, .. } = self;
        services.stop().await;
        faucet.stop().await;
        if let Err(error) = l1_process.stop().await {
            tracing::error!(
                error = format!("{error:#}"),
                "the state of L1 was not written: the next start lacks the last minute"
            );
        }
    }
}

impl SettlementKind {
    /// Where a devnet is kept if nobody says where.
    pub fn default_dir(self) -> &'static Path {
        Path::new(match self {
            Self::Fraud => ".devnet",
            Self::Validity => ".devnet-validity",
        })
    }

    /// Refuses to go on with a chain of the other kind.
    fn check(self, deployment: &Deployment, dir: &Path) -> anyhow::Result<()> {
        let (kind, other) = match self {
            Self::Fraud => (ChainKind::Evm, "a payments chain: SETTLEMENT=validity goes on with it"),
            Self::Validity => (ChainKind::Payments, "an EVM chain: SETTLEMENT=fraud goes on with it"),
        };
        ensure!(
            deployment.chain.kind == kind,
            "{} holds {other}, another --dir takes another chain, FRESH=1 begins anew in this one",
            dir.display()
        );
        Ok(())
    }
}

impl DevnetFlags {
    /// The chain to deploy.
    async fn chain_spec(
        &self,
        owner: &PrivateKeySigner,
        sequencer: &PrivateKeySigner,
        l1: &L1Client,
        keys: &Path,
    ) -> anyhow::Result<ChainSpec> {
        Ok(match self.settlement {
            SettlementKind::Fraud => spec::claimed(self, owner, sequencer).chain_spec()?,
            SettlementKind::Validity => {
                let circuits = self.circuits.as_deref().unwrap_or(&CircuitId::STANDARD);
                let keys = keys::verifying(l1.chain_id().await?, keys, circuits).await?;
                spec::proven(self, owner, sequencer).chain_spec(keys)?
            }
        })
    }
}
