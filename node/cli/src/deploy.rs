//! `tandem deploy`: a chain specification becomes contracts on L1 and the file that every node reads. Rules: L1-CFG-1, L1-OUT-2, PAY-KEYS.

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
use tandem_chain::{ChainConfig, ChainKind};
use tandem_l1::{
    Deployment, L1Client,
    bindings::{Bridge, Dispute, FraudSettlement, Inbox, PaymentsBridge, Schedule, ValiditySettlement},
    deploy::{ChainSpec, DeployError, store_keys},
    payments,
};
use tandem_payments::{eddsa::domain, field::integer};
use tandem_service::Report;

use crate::{
    chain::ChainFlags,
    payments::keys,
    spec::Spec,
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
    /// Where the deployment file goes; must not exist, unless --resume goes on with it
    #[arg(long, default_value = "deployment.json")]
    pub out: PathBuf,
    /// Goes on with the deployment in --out, whose contracts are there: checks them, and stores the keys that its payments chain lacks
    #[arg(long)]
    pub resume: bool,
}

/// Runs `tandem deploy`.
pub async fn run(flags: DeployFlags, chain: &ChainFlags, report: Report) -> anyhow::Result<()> {
    let key = chain.key.as_ref().context("no key to pay with: give --key or TANDEM_KEY")?;
    let l1_rpc = chain.l1_rpc.as_ref().context("no L1: give --l1-rpc or TANDEM_L1_RPC")?;
    let file = Spec::read(&flags.spec)?;
    ensure!(
        flags.resume || !flags.out.exists(),
        "{} exists; move it away first, it may be the only record of a chain (or go on with it: --resume)",
        flags.out.display()
    );
    let client = L1Client::connect(l1_rpc, TIMEOUT).await.context("L1 endpoint")?;
    let spec = chain_spec(&file, &flags, &client, chain, report).await?;
    let deployment = if flags.resume {
        resume(&client, &key.signer(), &spec, &flags.out).await?
    } else {
        report.progress(format_args!(
            "deploying from {} ({} contracts; waits up to {} s)",
            key.address(),
            spec.contracts(),
            PATIENCE.as_secs()
        ));
        match create(&client, &key.signer(), &spec).await? {
            // The contracts were paid for, and whoever has the file can go on.
            Err(DeployError::KeysLeft { deployment, source }) => {
                write(&deployment, &flags.out)?;
                return Err(anyhow::Error::from(*source).context(format!(
                    "the contracts are deployed ({}), but the verifying keys are not stored: run the same command with --resume",
                    flags.out.display()
                )));
            }
            deployed => deployed?,
        }
    };
    verify(&client, &deployment).await?;
    if !flags.resume {
        write(&deployment, &flags.out)?;
    }
    report.progress("storing a first checkpoint");
    let wallet = Wallet::connect(client, key.signer(), PATIENCE).await?;
    wallet.send(Call::new(deployment.chain.inbox, Inbox::checkpointCall {}.abi_encode())).await?;
    report.result(&json!({
        "kind": deployment.chain.kind,
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
    let deployment = create(client, key, spec).await??;
    verify(client, &deployment).await?;
    Ok(deployment)
}

/// Deploys from an account that can pay and has nothing under way.
async fn create(
    client: &L1Client,
    key: &PrivateKeySigner,
    spec: &ChainSpec,
) -> anyhow::Result<Result<Deployment, DeployError>> {
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
    Ok(match spec.chain.kind {
        ChainKind::Evm => tandem_l1::deploy::deploy(client, key, spec, genesis, POLL, PATIENCE).await,
        ChainKind::Payments => tandem_l1::deploy::deploy(client, key, spec, payments::genesis, POLL, PATIENCE).await,
    })
}

/// What the file says, with the keys of a payments chain: those in its file, or the devnet's.
async fn chain_spec(
    file: &Spec,
    flags: &DeployFlags,
    client: &L1Client,
    chain: &ChainFlags,
    report: Report,
) -> anyhow::Result<ChainSpec> {
    let payments = match file {
        Spec::Evm(file) => return Ok(file.chain_spec()?),
        Spec::Payments(file) => file,
    };
    let l1_chain_id = client.chain_id().await?;
    let cache = chain.dir.join("keys");
    let circuits = payments.devnet_circuits()?;
    let keys = match &payments.keys {
        Some(path) => {
            // Relative to the specification that names it.
            let path = flags.spec.parent().unwrap_or(Path::new("")).join(path);
            report.progress(format_args!("taking the verifying keys in {}", path.display()));
            keys::from_file(&path, l1_chain_id)?
        }
        None => {
            report.progress(format_args!(
                "taking the devnet's verifying keys (in {}; made there the first time)",
                cache.display()
            ));
            keys::devnet(l1_chain_id, &cache, &circuits, &mut |circuit| {
                report.progress(format_args!("key of {}", circuit.name()))
            })?
        }
    };
    Ok(payments.chain_spec(keys)?)
}

/// Goes on with contracts that are there: the keys may be missing.
async fn resume(
    client: &L1Client,
    key: &PrivateKeySigner,
    spec: &ChainSpec,
    path: &Path,
) -> anyhow::Result<Deployment> {
    let deployment = Deployment::read(path)?;
    let validity = spec.validity.as_ref().context("only payments chains have anything to go on with")?;
    let schedule = Schedule::new(deployment.schedule, client.provider());
    let named = schedule.record(0).call().await.context("Schedule.record")?.entry.rules.keysHash;
    let hash = validity.keys.hash();
    ensure!(named == hash, "the chain in {} is for key set {named}, the specification names {hash}", path.display());
    store_keys(client, key, deployment.chain.settlement, &validity.keys, POLL, PATIENCE).await?;
    Ok(deployment)
}

/// Whether L1 holds this deployment: addresses name each other, and the genesis is the one that this rulebook builds.
pub async fn verify(client: &L1Client, deployment: &Deployment) -> anyhow::Result<()> {
    let (chain, provider) = (&deployment.chain, client.provider());
    for (name, address) in [("Inbox", chain.inbox), ("the settlement", chain.settlement), ("Bridge", chain.bridge)] {
        let code = client.request(provider.get_code_at(address)).await?;
        ensure!(!code.is_empty(), "L1 has no contract at {address}, where {name} should be");
    }
    match chain.kind {
        ChainKind::Evm => verify_claimed(client, deployment).await,
        ChainKind::Payments => verify_proven(client, deployment).await,
    }
}

/// A payments chain: addresses, domain of signatures, genesis, keys.
async fn verify_proven(client: &L1Client, deployment: &Deployment) -> anyhow::Result<()> {
    let (chain, provider) = (&deployment.chain, client.provider());
    let schedule = Schedule::new(deployment.schedule, provider);
    let inbox = Inbox::new(chain.inbox, provider);
    let settlement = ValiditySettlement::new(chain.settlement, provider);
    let bridge = PaymentsBridge::new(chain.bridge, provider);
    let named: [(&str, Address, Address); 8] = [
        ("Schedule.inbox", schedule.inbox().call().await?, chain.inbox),
        ("Schedule.settlement", schedule.settlement().call().await?, chain.settlement),
        ("Schedule.bridge", schedule.bridge().call().await?, chain.bridge),
        ("Inbox.schedule", inbox.schedule().call().await?, deployment.schedule),
        ("Inbox.validitySettlement", inbox.validitySettlement().call().await?, chain.settlement),
        ("ValiditySettlement.schedule", settlement.schedule().call().await?, deployment.schedule),
        ("PaymentsBridge.settlement", bridge.settlement().call().await?, chain.settlement),
        ("PaymentsBridge.inbox", bridge.inbox().call().await?, chain.inbox),
    ];
    for (what, found, expected) in named {
        ensure!(found == expected, "{what} is {found}, the deployment says {expected}");
    }
    let dom = integer(domain(chain.l2_chain_id, chain.hash()));
    let found = settlement.dom().call().await?;
    ensure!(found == dom, "ValiditySettlement.dom is {found:#x}, signatures of this chain are for {dom:#x}");
    let Ok(genesis) = payments::genesis(chain);
    let found = settlement.outputOf(0).call().await?;
    ensure!(found == genesis.hash(), "ValiditySettlement has genesis {found}, this program {}", genesis.hash());
    let keys_hash = schedule.record(0).call().await?.entry.rules.keysHash;
    let set = settlement.keySetOf(keys_hash).call().await?;
    ensure!(!set.is_zero(), "key set {keys_hash} is not stored: `tandem deploy --resume` stores it");
    Ok(())
}

/// An EVM chain: addresses, who decides disputes, genesis.
async fn verify_claimed(client: &L1Client, deployment: &Deployment) -> anyhow::Result<()> {
    let (chain, provider) = (&deployment.chain, client.provider());
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
