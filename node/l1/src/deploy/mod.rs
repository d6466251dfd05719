//! Puts a chain's contracts on L1. Rules: L1-CFG-1, L1-OUT-2.
//!
//! The contracts name each other in their constructors, so their addresses are predicted from the deployer's nonce and checked on chain
//! by the constructors themselves. All creations are sent at once; a failure leaves contracts that nobody uses. The contracts that decide
//! disputes come first: the schedule asks theirs what it needs, and it names its settlement for ever. What a payments chain has instead is in
//! `payments.rs`, and its keys in `keys.rs`; what can be asked for is in `spec.rs`.

mod bounds;
mod error;
mod gate;
mod keys;
mod payments;
mod send;
mod spec;
mod store_keys;
mod terms;

use crate::{
    Deployment,
    bindings::{ChainConfig as SolChainConfig, Dispute, OutputFields as SolOutputFields, Rules},
    client::L1Client,
};
use alloy::{primitives::Address, signers::local::PrivateKeySigner, sol_types::SolValue};
use bounds::within;
pub use error::DeployError;
use gate::plan_gate_and_proxy;
pub use keys::{KeySet, KeySetError};
pub use payments::CENSORSHIP_SECONDS;
use send::{Plan, artifact};
pub use spec::{ChainSpec, RulesSpec, ValiditySpec};
use std::time::Duration;
pub use store_keys::store_keys;
use tandem_chain::{ChainConfig, ChainKind, OutputFields};
pub use terms::DisputeTerms;

/// Contracts that a deployment of an EVM chain creates.
const CONTRACTS: u64 = 7;
/// Created ahead of them if a dispute contract is deployed along: the machine's step, and it.
const DISPUTE_CONTRACTS: u64 = 2;
/// Chain ids of L1s for trying things, where a chain may be quick and have nobody who decides disputes (L1-NOTICE-2). Twin: `Notice.sol`.
pub const DEVNET_CHAIN_IDS: [u64; 2] = [31_337, 1_337];
/// Elsewhere an epoch's weight is at least so much gas (L1-SCHED-5).
pub const EPOCH_WEIGHT_GAS_MIN: u64 = 100_000_000;
/// Elsewhere the delay exceeds the forced-inclusion window by so much, in seconds (L1-NOTICE-1): thirty days of notice, the censorship bound for
/// the message and again for the batch that is forced, and an hour. Twin: `Notices.MIN_NOTICE_SECONDS`.
pub const NOTICE_SECONDS_MIN: u64 = (30 + 2 * 7) * 86_400 + 3_600;
/// Elsewhere the grace is at least so long, in seconds (L1-NOTICE-3).
pub const GRACE_SECONDS_MIN: u64 = 14 * 86_400;
/// On every L1 delay and grace are at most ten years, in seconds (L1-NOTICE-1); twin: `Notices.MAX_SECONDS`.
const NOTICE_SECONDS_MAX: u128 = 3_650 * 86_400;
/// What the guardian's pauses may last together (L1-BR-6); twin: `Bridge.MAX_PAUSE_SECONDS`.
const PAUSE_SECONDS_MAX: u128 = 30 * 86_400;
/// A thousand ether (L1-SCHED-5).
const CLAIM_BOND_MAX: u128 = 1_000_000_000_000_000_000_000;

impl ChainSpec {
    /// How many contracts a deployment creates.
    pub fn contracts(&self) -> u64 {
        match self.chain.kind {
            ChainKind::Evm => CONTRACTS.saturating_add(self.dispute_contracts()),
            ChainKind::Payments => payments::CONTRACTS,
        }
    }

    /// Those among them that decide disputes.
    fn dispute_contracts(&self) -> u64 {
        if self.dispute_terms.is_some() { DISPUTE_CONTRACTS } else { 0 }
    }

    /// Refuses what `Schedule.sol` would refuse, and what no chain works with (L1-NOTICE-1 to L1-NOTICE-3, L1-SCHED-5, L1-SCHED-6), and `Bridge.sol` (L1-BR-6). While the
    /// L1 chain id is 0, not known yet, a devnet's is assumed; [`deploy`] checks again.
    pub fn check(&self) -> Result<(), DeployError> {
        let l1_chain_id = self.chain.l1_chain_id;
        let is_devnet = l1_chain_id == 0 || DEVNET_CHAIN_IDS.contains(&l1_chain_id);
        let (notice_min, grace_min) = if is_devnet { (0, 0) } else { (NOTICE_SECONDS_MIN, GRACE_SECONDS_MIN) };
        let delay_min = self.forced_inclusion_window_seconds.saturating_add(notice_min);
        let unbounded = u128::from(u64::MAX);
        let age_max = match self.chain.kind {
            ChainKind::Evm => u32::MAX.into(),
            ChainKind::Payments => payments::AGE_SECONDS_MAX,
        };
        within([
            ("maximal checkpoint age in seconds", 3_600, age_max, self.rules.max_checkpoint_age_seconds.into()),
            ("forced-inclusion window in seconds", 1, unbounded, self.forced_inclusion_window_seconds.into()),
            ("delay in seconds", delay_min.into(), NOTICE_SECONDS_MAX, self.delay_seconds.into()),
            ("grace in seconds", grace_min.into(), NOTICE_SECONDS_MAX, self.grace_seconds.into()),
            ("all pauses together in seconds", 0, PAUSE_SECONDS_MAX, self.pause_seconds.into()),
        ])?;
        match self.chain.kind {
            ChainKind::Evm => self.check_claimed(is_devnet),
            ChainKind::Payments => payments::check(self, is_devnet, delay_min),
        }
    }

    /// What settlement by claims needs.
    fn check_claimed(&self, is_devnet: bool) -> Result<(), DeployError> {
        let (rules, l1_chain_id) = (&self.rules, self.chain.l1_chain_id);
        if self.validity.is_some() {
            return Err(DeployError::Foreign { rule: "a key set or an escape delay", kind: ChainKind::Evm });
        }
        self.chain.check(rules.epoch_weight_gas)?;
        let weight_min = if is_devnet { 1 } else { EPOCH_WEIGHT_GAS_MIN };
        within([
            ("weight of an epoch in gas", weight_min.into(), u64::MAX.into(), rules.epoch_weight_gas.into()),
            ("epoch seconds", 1, 604_800, rules.epoch_seconds.into()),
            ("claim window in seconds", 1, 30 * 86_400, rules.claim_window_seconds.into()),
            ("claim bond in wei", 0, CLAIM_BOND_MAX, rules.claim_bond),
        ])?;
        let Some(terms) = &self.dispute_terms else {
            return match rules.dispute.is_zero() && !is_devnet {
                true => Err(DeployError::NoDispute { l1_chain_id }),
                false => Ok(()),
            };
        };
        if !rules.dispute.is_zero() {
            return Err(DeployError::TwoDisputes { dispute: rules.dispute });
        }
        terms.check(is_devnet)?;
        check_claims(rules, terms.claim_window_seconds_min(), terms.claim_bond_min())
    }
}

/// Deploys a chain. `genesis` gives the state before the first batch of the completed configuration; `patience` bounds the wait for
/// the creations, which is looked at every `poll_interval`. On a payments chain the settlement computes that state itself, and the two are compared; then
/// the keys are stored ([`store_keys`]).
pub async fn deploy<E: core::error::Error + Send + Sync + 'static>(
    client: &L1Client,
    deployer: &PrivateKeySigner,
    spec: &ChainSpec,
    genesis: impl FnOnce(&ChainConfig) -> Result<OutputFields, E>,
    poll_interval: Duration,
    patience: Duration,
) -> Result<Deployment, DeployError> {
    spec.check()?;
    let l1_chain_id = client.chain_id().await?;
    let latest = client.latest().await?;
    let spec = completed(spec, l1_chain_id, latest.timestamp)?;
    let nonce = client.nonce(deployer.address()).await?;
    let mut plan = Plan::new(deployer.address(), nonce);
    let chain = addressed(&spec, &plan);
    let genesis = genesis(&chain).map_err(|error| DeployError::Genesis(Box::new(error)))?;
    let planned = match chain.kind {
        ChainKind::Evm => plan_claimed(client, &mut plan, &spec, chain, genesis).await?,
        ChainKind::Payments => payments::plan(&mut plan, &spec, chain)?,
    };
    let start_block = latest.id.number.saturating_add(1);
    let deployment = Deployment { start_block, abis: std::mem::take(&mut plan.abis), ..planned };
    plan.carry_out(client, deployer, l1_chain_id, poll_interval, patience).await?;
    if let Some(validity) = &spec.validity {
        payments::check_genesis(client, &deployment, genesis).await?;
        let settlement = deployment.chain.settlement;
        if let Err(source) = store_keys(client, deployer, settlement, &validity.keys, poll_interval, patience).await {
            return Err(DeployError::KeysLeft { deployment: Box::new(deployment), source: Box::new(source) });
        }
    }
    Ok(deployment)
}

/// What the specification leaves to the L1 at hand is filled in, and all of it checked again.
fn completed(spec: &ChainSpec, l1_chain_id: u64, l1_timestamp: u64) -> Result<ChainSpec, DeployError> {
    let mut spec = spec.clone();
    let chain = &mut spec.chain;
    if chain.l1_chain_id == 0 {
        chain.l1_chain_id = l1_chain_id;
    }
    if chain.l1_chain_id != l1_chain_id {
        return Err(DeployError::WrongL1 { expected: chain.l1_chain_id, found: l1_chain_id });
    }
    if chain.genesis_timestamp == 0 {
        chain.genesis_timestamp = l1_timestamp;
    }
    let (kind, dated) = (chain.kind, chain.genesis_timestamp);
    spec.check()?;
    if kind == ChainKind::Payments {
        within([("genesis timestamp in seconds", 0, l1_timestamp.into(), dated.into())])?;
    }
    Ok(spec)
}

/// The configuration with the addresses that the creations will have.
fn addressed(spec: &ChainSpec, plan: &Plan) -> ChainConfig {
    let schedule = spec.dispute_contracts();
    ChainConfig {
        inbox: plan.address(schedule.saturating_add(1)),
        settlement: plan.address(schedule.saturating_add(2)),
        // The proxy is the last of all.
        bridge: plan.address(spec.contracts().saturating_sub(1)),
        ..spec.chain.clone()
    }
}

/// The creations of a chain that is settled by claims.
async fn plan_claimed(
    client: &L1Client,
    plan: &mut Plan,
    spec: &ChainSpec,
    chain: ChainConfig,
    genesis: OutputFields,
) -> Result<Deployment, DeployError> {
    let mut rules = spec.rules;
    if let Some(terms) = spec.dispute_terms {
        let machine = plan.create(artifact!("Step"), Vec::new())?;
        let arguments = (chain.settlement, machine, Dispute::Terms::from(terms)).abi_encode_params();
        rules.dispute = plan.create(artifact!("Dispute"), arguments)?;
    } else {
        check_dispute(client, &rules, chain.settlement).await?;
    }
    let arguments = (spec.owner, spec.notice(), SolChainConfig::from(&chain), Rules::from(rules)).abi_encode_params();
    let schedule = plan.create(artifact!("Schedule"), arguments)?;
    plan.create(artifact!("Inbox"), (schedule, spec.sequencer).abi_encode_params())?;
    plan.create(artifact!("FraudSettlement"), (schedule, SolOutputFields::from(genesis)).abi_encode_params())?;
    let executor = plan.create(artifact!("MessageExecutor"), chain.bridge.abi_encode())?;
    let bridge_implementation = plan.create(artifact!("Bridge"), (schedule, executor).abi_encode_params())?;
    let gate = plan_gate_and_proxy(plan, spec, schedule, bridge_implementation)?;
    let (start_block, abis) = Default::default();
    Ok(Deployment { chain, schedule, executor, gate, dispute: rules.dispute, start_block, abis })
}

/// What L1 asks of the dispute contract that is named, before it costs gas; and whether it is for this chain's settlement.
async fn check_dispute(client: &L1Client, rules: &RulesSpec, settlement: Address) -> Result<(), DeployError> {
    if rules.dispute.is_zero() {
        return Ok(());
    }
    let dispute = Dispute::new(rules.dispute, client.provider());
    let window_min = client.call(async { dispute.claimWindowSecondsMin().call().await }).await?;
    let bond_min = client.call(async { dispute.claimBondMin().call().await }).await?;
    check_claims(rules, window_min, bond_min)?;
    let found = client.call(async { dispute.settlement().call().await }).await?;
    if found != settlement {
        return Err(DeployError::OtherSettlement { dispute: rules.dispute, expected: settlement, found });
    }
    Ok(())
}

/// A claim can be rivalled for as long as the dispute contract needs, and stakes as much (L1-SCHED-5).
fn check_claims(rules: &RulesSpec, window_seconds_min: u32, bond_min: u128) -> Result<(), DeployError> {
    within([
        ("claim window in seconds", window_seconds_min.into(), 30 * 86_400, rules.claim_window_seconds.into()),
        ("claim bond in wei", bond_min, CLAIM_BOND_MAX, rules.claim_bond),
    ])
}
