//! `tandem deploy`: a chain specification becomes contracts on L1 and the file that every node reads. Rules: L1-CFG-1, L1-OUT-2.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use anyhow::{Context, ensure};
use serde_json::json;
use tandem_chain::ChainConfig;
use tandem_l1::{
    Deployment, L1Client,
    bindings::{Bridge, Dispute, FraudSettlement, Inbox, Schedule},
    deploy::ChainSpec,
};

use crate::{
    chain::ChainFlags,
    report::Report,
    spec::SpecFile,
    wallet::{Call, Wallet},
};

const TIMEOUT: Duration = Duration::from_secs(20);
/// How long the creations may take; several blocks of a busy L1.
const PATIENCE: Duration = Duration::from_secs(600);
const POLL: Duration = Duration::from_millis(100);

/// Deploys a chain to L1, paid by `--key` at `--l1-rpc`
#[derive(Clone, Debug, clap::Args)]
pub struct DeployFlags {
    /// Chain specification (TOML; see docs/operations.md)
    #[arg(long)]
    pub spec: PathBuf,
    /// Where the deployment file goes; must not exist
    #[arg(long, default_value = "deployment.json")]
    pub out: PathBuf,
}

/// Runs `tandem deploy`.
pub async fn run(flags: DeployFlags, chain: &ChainFlags, report: Report) -> anyhow::Result<()> {
    let key = chain.key.as_ref().context("no key to pay with: give --key or TANDEM_KEY")?;
    let l1_rpc = chain.l1_rpc.as_ref().context("no L1: give --l1-rpc or TANDEM_L1_RPC")?;
    let spec = SpecFile::read(&flags.spec)?.chain_spec()?;
    ensure!(
        !flags.out.exists(),
        "{} exists; move it away first, it may be the only record of a chain",
        flags.out.display()
    );
    let client = L1Client::connect(l1_rpc, TIMEOUT).await.context("L1 endpoint")?;
    report.progress(format_args!(
        "deploying from {} ({} contracts; waits up to {} s)",
        key.address(),
        spec.contracts(),
        PATIENCE.as_secs()
    ));
    let deployment = deploy(&client, &key.signer(), &spec).await?;
    write(&deployment, &flags.out)?;
    report.progress("storing a first checkpoint");
    let wallet = Wallet::connect(client, key.signer(), PATIENCE).await?;
    wallet.send(Call::new(deployment.chain.inbox, Inbox::checkpointCall {}.abi_encode())).await?;
    report.result(&json!({
        "l1ChainId": deployment.chain.l1_chain_id,
        "l2ChainId": deployment.chain.l2_chain_id,
        "inbox": deployment.chain.inbox,
        "settlement": deployment.chain.settlement,
        "bridge": deployment.chain.bridge,
        "schedule": deployment.schedule,
        "gate": deployment.gate,
        "dispute": deployment.dispute,
        "configHash": deployment.chain.hash(),
        "deployment": flags.out,
    }));
    Ok(())
}

/// Deploys, and checks what was deployed.
pub async fn deploy(client: &L1Client, key: &PrivateKeySigner, spec: &ChainSpec) -> anyhow::Result<Deployment> {
    let balance = client.request(client.provider().get_balance(key.address())).await?;
    ensure!(!balance.is_zero(), "account {} has no ether on L1 to deploy with", key.address());
    let pending = client.request(client.provider().get_transaction_count(key.address()).pending()).await?;
    let included = client.nonce(key.address()).await?;
    ensure!(
        pending == included,
        "account {} has {} transactions under way; wait for them",
        key.address(),
        pending.saturating_sub(included)
    );
    let genesis = |config: &ChainConfig| tandem_evm::genesis(config).map(|genesis| genesis.output);
    let deployment = tandem_l1::deploy::deploy(client, key, spec, genesis, POLL, PATIENCE).await?;
    verify(client, &deployment).await?;
    Ok(deployment)
}

/// Whether L1 holds this deployment: addresses name each other, and the genesis is the one that this rulebook builds.
pub async fn verify(client: &L1Client, deployment: &Deployment) -> anyhow::Result<()> {
    let (chain, provider) = (&deployment.chain, client.provider());
    for (name, address) in [("Inbox", chain.inbox), ("FraudSettlement", chain.settlement), ("Bridge", chain.bridge)] {
        let code = client.request(provider.get_code_at(address)).await?;
        ensure!(!code.is_empty(), "L1 has no contract at {address}, where {name} should be");
    }
    let schedule = Schedule::new(deployment.schedule, provider);
    let inbox = Inbox::new(chain.inbox, provider);
    let settlement = FraudSettlement::new(chain.settlement, provider);
    let bridge = Bridge::new(chain.bridge, provider);
    let named: [(&str, Address, Address); 7] = [
        ("Schedule.inbox", schedule.inbox().call().await?, chain.inbox),
        ("Schedule.settlement", schedule.settlement().call().await?, chain.settlement),
        ("Schedule.bridge", schedule.bridge().call().await?, chain.bridge),
        ("Inbox.schedule", inbox.schedule().call().await?, deployment.schedule),
        ("FraudSettlement.schedule", settlement.schedule().call().await?, deployment.schedule),
        ("Bridge.settlement", bridge.settlement().call().await?, chain.settlement),
        ("Bridge.executor", bridge.executor().call().await?, deployment.executor),
    ];
    for (what, found, expected) in named {
        ensure!(found == expected, "{what} is {found}, the deployment says {expected}");
    }
    if !deployment.dispute.is_zero() {
        let judged =
            Dispute::new(deployment.dispute, provider).settlement().call().await.context("Dispute.settlement")?;
        ensure!(judged == chain.settlement, "Dispute.settlement is {judged}, the deployment says {}", chain.settlement);
        let named = schedule.record(0).call().await?.entry.rules.dispute;
        ensure!(
            named == deployment.dispute,
            "the first entry names dispute contract {named}, not {}",
            deployment.dispute
        );
    }
    let genesis = tandem_evm::genesis(chain)?.output.hash();
    ensure!(
        settlement.isFinal(genesis).call().await?,
        "FraudSettlement was deployed with another genesis than {genesis}"
    );
    Ok(())
}

/// Writes the deployment file, complete or not at all.
pub fn write(deployment: &Deployment, path: &Path) -> anyhow::Result<()> {
    let partial = path.with_extension("partial");
    std::fs::write(&partial, serde_json::to_vec_pretty(deployment)?)
        .with_context(|| format!("cannot write {}", partial.display()))?;
    std::fs::rename(&partial, path).with_context(|| format!("cannot write {}", path.display()))
}

/// Wei for a number of ether.
pub fn ether(amount: u64) -> U256 {
    U256::from(amount).saturating_mul(U256::from(1_000_000_000_000_000_000u64))
}
