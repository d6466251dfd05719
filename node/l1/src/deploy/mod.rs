//! Puts a chain's contracts on L1. Rules: L1-CFG-1, L1-OUT-2.
//!
//! The contracts name each other in their constructors, so their addresses are predicted from the deployer's nonce and checked on chain
//! by the constructors themselves. All creations are sent at once; a failure leaves contracts that nobody uses. The contracts that decide
//! disputes come first: the schedule asks theirs what it needs, and it names its settlement for ever.

mod terms;

use crate::{
    Deployment,
    bindings::{Bridge, ChainConfig as SolChainConfig, Dispute, Notice, OutputFields as SolOutputFields, Rules},
    client::{L1Client, RpcFailure},
    submit::{Fees, SubmitError, suggest_fees},
};
use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718,
    primitives::{Address, Bytes, TxHash, TxKind},
    providers::Provider,
    signers::{SignerSync, local::PrivateKeySigner},
    sol_types::{SolCall, SolValue},
};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use tandem_chain::{ChainConfig, OutputFields, config::ConfigError};
pub use terms::DisputeTerms;

/// Contracts that every deployment creates.
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
/// Gas of a creation beside what its bytes cost.
const CREATION_GAS: u64 = 1_500_000;
/// Gas per byte of a creation: calldata, initcode and code deposit.
const CREATION_GAS_PER_BYTE: u64 = 300;

/// What to deploy: the protocol parameters of a new chain and of its contracts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChainSpec {
    /// Protocol parameters. Contract addresses are filled in; an L1 chain id or genesis time of 0 too, from the L1 at hand.
    pub chain: ChainConfig,
    /// Owner of the schedule, who may also propose upgrades of the Bridge.
    pub owner: Address,
    /// May append batches with data.
    pub sequencer: Address,
    /// May pause deposits; zero: nobody.
    pub guardian: Address,
    /// How long all pauses together may last.
    pub pause_seconds: u64,
    /// After so long batches must take a message.
    pub forced_inclusion_window_seconds: u64,
    /// Between an owner's decision and its effect.
    pub delay_seconds: u64,
    /// Between the finality of an epoch under old rules and what follows under new ones.
    pub grace_seconds: u64,
    /// Rules of the first schedule entry: epochs, claims, checkpoints.
    pub rules: RulesSpec,
    /// Terms of the dispute contract that is deployed along; none if `rules` name one, or if nobody decides.
    pub dispute_terms: Option<DisputeTerms>,
}

impl ChainSpec {
    /// How many contracts a deployment creates.
    pub fn contracts(&self) -> u64 {
        CONTRACTS.saturating_add(self.dispute_contracts())
    }

    /// Those among them that decide disputes.
    fn dispute_contracts(&self) -> u64 {
        if self.dispute_terms.is_some() { DISPUTE_CONTRACTS } else { 0 }
    }

    /// Refuses what `Schedule.sol` would refuse, and what no chain works with (L1-NOTICE-1 to L1-NOTICE-3, L1-SCHED-5, L1-SCHED-6), and `Bridge.sol` (L1-BR-6). While the
    /// L1 chain id is 0, not known yet, a devnet's is assumed; [`deploy`] checks again.
    pub fn check(&self) -> Result<(), DeployError> {
        let rules = &self.rules;
        self.chain.check(rules.epoch_weight_gas)?;
        let l1_chain_id = self.chain.l1_chain_id;
        let is_devnet = l1_chain_id == 0 || DEVNET_CHAIN_IDS.contains(&l1_chain_id);
        let (notice_min, grace_min) = if is_devnet { (0, 0) } else { (NOTICE_SECONDS_MIN, GRACE_SECONDS_MIN) };
        let delay_min = self.forced_inclusion_window_seconds.saturating_add(notice_min);
        let (seconds_max, unbounded) = (u128::from(u32::MAX), u128::from(u64::MAX));
        let weight_min = if is_devnet { 1 } else { EPOCH_WEIGHT_GAS_MIN };
        for (rule, min, max, found) in [
            ("weight of an epoch in gas", weight_min.into(), unbounded, rules.epoch_weight_gas.into()),
            ("epoch seconds", 1, 604_800, rules.epoch_seconds.into()),
            ("maximal checkpoint age in seconds", 3_600, seconds_max, rules.max_checkpoint_age_seconds.into()),
            ("claim window in seconds", 1, 30 * 86_400, rules.claim_window_seconds.into()),
            ("claim bond in wei", 0, CLAIM_BOND_MAX, rules.claim_bond),
            ("forced-inclusion window in seconds", 1, unbounded, self.forced_inclusion_window_seconds.into()),
            ("delay in seconds", delay_min.into(), NOTICE_SECONDS_MAX, self.delay_seconds.into()),
            ("grace in seconds", grace_min.into(), NOTICE_SECONDS_MAX, self.grace_seconds.into()),
            ("all pauses together in seconds", 0, PAUSE_SECONDS_MAX, self.pause_seconds.into()),
        ] {
            if !(min..=max).contains(&found) {
                return Err(DeployError::Bounds { rule, min, max, found });
            }
        }
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

/// The `Rules` of the first schedule entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RulesSpec {
    /// Memory root of the fault-proof program; zero while there is none.
    pub guest_hash: alloy::primitives::B256,
    /// Decides contested slots; zero if it is deployed along, and then filled in. Without any they fail, which devnets alone may have.
    pub dispute: Address,
    /// An epoch closes before its batches weigh more together (L1-EPOCH-1).
    pub epoch_weight_gas: u64,
    /// An epoch may close so long after its first batch.
    pub epoch_seconds: u32,
    /// A batch names a checkpoint at most so old.
    pub max_checkpoint_age_seconds: u32,
    /// A first claim can be rivalled for so long.
    pub claim_window_seconds: u32,
    /// Wei locked by a claim.
    pub claim_bond: u128,
}

/// Why a deployment failed.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The endpoint did not answer.
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    /// The specification is for another L1.
    #[error("the specification is for L1 chain {expected}, this is {found}")]
    WrongL1 {
        /// The chain id in the specification.
        expected: u64,
        /// What the endpoint says.
        found: u64,
    },
    /// The chain would not work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// L1 would not take the rules.
    #[error("{rule} is {found}, and must be {min} to {max}")]
    Bounds {
        /// The rule, in words for people.
        rule: &'static str,
        /// The least value that L1 takes, in the rule's unit.
        min: u128,
        /// The greatest value that L1 takes, in the rule's unit.
        max: u128,
        /// The value in the specification, in the rule's unit.
        found: u128,
    },
    /// Two rivals would end finality, and whoever lies unseen for a claim window take the escrow.
    #[error(
        "no dispute contract is named, and L1 chain {l1_chain_id} is no devnet's: claims that contradict could not be decided"
    )]
    NoDispute {
        /// The chain id of L1.
        l1_chain_id: u64,
    },
    /// A dispute contract is named, and terms of another one are given.
    #[error("dispute contract {dispute} is named, so none can be deployed with terms of its own")]
    TwoDisputes {
        /// The contract that is named.
        dispute: Address,
    },
    /// The dispute contract would decide for others.
    #[error("dispute contract {dispute} is for settlement {found}, this chain's will be {expected}")]
    OtherSettlement {
        /// The contract that is named.
        dispute: Address,
        /// The settlement that the deployer's next transactions create.
        expected: Address,
        /// The settlement that the contract names.
        found: Address,
    },
    /// A committed artifact is broken.
    #[error("artifact of {contract}: {source}")]
    Artifact {
        /// The contract whose artifact it is.
        contract: &'static str,
        /// What the parser found wrong.
        source: serde_json::Error,
    },
    /// Fees cannot be had.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The genesis state cannot be computed.
    #[error("genesis: {0}")]
    Genesis(Box<dyn core::error::Error + Send + Sync>),
    /// The key cannot sign.
    #[error(transparent)]
    Sign(#[from] alloy::signers::Error),
    /// The transaction that creates a contract reverted.
    #[error("creating {contract} failed ({transaction})")]
    Reverted {
        /// The contract that was to be created.
        contract: &'static str,
        /// Hash of the transaction that reverted.
        transaction: TxHash,
    },
    /// A creation is not included.
    #[error("creating {contract} is not done after {waited:?}")]
    Late {
        /// The contract that was to be created.
        contract: &'static str,
        /// How long the deployment waited for it.
        waited: Duration,
    },
}

#[derive(Deserialize)]
struct Artifact {
    abi: serde_json::Value,
    bytecode: Bytecode,
}

#[derive(Deserialize)]
struct Bytecode {
    object: Bytes,
}

macro_rules! artifact {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../../contracts/artifacts/", $name, ".json")))
    };
}

/// A contract to create, at the address that its nonce gives it.
struct Creation {
    contract: &'static str,
    address: Address,
    input: Bytes,
}

/// The deployer's next creations, addresses predicted.
struct Plan {
    deployer: Address,
    nonce: u64,
    creations: Vec<Creation>,
    abis: serde_json::Map<String, serde_json::Value>,
}

impl Plan {
    fn address(&self, ahead: u64) -> Address {
        self.deployer.create(self.nonce.saturating_add(ahead))
    }

    fn create(&mut self, (contract, json): (&'static str, &str), arguments: Vec<u8>) -> Result<Address, DeployError> {
        let artifact: Artifact =
            serde_json::from_str(json).map_err(|source| DeployError::Artifact { contract, source })?;
        let address = self.address(self.creations.len() as u64);
        self.abis.insert(contract.into(), artifact.abi);
        self.creations.push(Creation {
            contract,
            address,
            input: [artifact.bytecode.object.as_ref(), &arguments].concat().into(),
        });
        Ok(address)
    }
}

/// Deploys a chain. `genesis` gives the state before the first batch of the completed configuration; `patience` bounds the wait for
/// the creations, which is looked at every `poll_interval`.
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
    let mut spec = spec.clone();
    let chain = &mut spec.chain;
    if chain.l1_chain_id == 0 {
        chain.l1_chain_id = l1_chain_id;
    }
    if chain.l1_chain_id != l1_chain_id {
        return Err(DeployError::WrongL1 { expected: chain.l1_chain_id, found: l1_chain_id });
    }
    if chain.genesis_timestamp == 0 {
        chain.genesis_timestamp = latest.timestamp;
    }
    spec.check()?;
    let nonce = client.nonce(deployer.address()).await?;
    let mut plan = Plan { deployer: deployer.address(), nonce, creations: Vec::new(), abis: serde_json::Map::new() };
    let mut chain = spec.chain.clone();
    let ahead = spec.dispute_contracts();
    chain.inbox = plan.address(ahead + 1);
    chain.settlement = plan.address(ahead + 2);
    chain.bridge = plan.address(ahead + 6);
    let genesis = genesis(&chain).map_err(|error| DeployError::Genesis(Box::new(error)))?;
    if let Some(terms) = spec.dispute_terms {
        let machine = plan.create(artifact!("Step"), Vec::new())?;
        let arguments = (chain.settlement, machine, Dispute::Terms::from(terms)).abi_encode_params();
        spec.rules.dispute = plan.create(artifact!("Dispute"), arguments)?;
    } else {
        check_dispute(client, &spec.rules, chain.settlement).await?;
    }

    let notice = Notice {
        forcedInclusionWindowSeconds: spec.forced_inclusion_window_seconds,
        delaySeconds: spec.delay_seconds,
        graceSeconds: spec.grace_seconds,
    };
    let arguments = (spec.owner, notice, SolChainConfig::from(&chain), Rules::from(spec.rules)).abi_encode_params();
    let schedule = plan.create(artifact!("Schedule"), arguments)?;
    plan.create(artifact!("Inbox"), (schedule, spec.sequencer).abi_encode_params())?;
    plan.create(artifact!("FraudSettlement"), (schedule, SolOutputFields::from(genesis)).abi_encode_params())?;
    let executor = plan.create(artifact!("MessageExecutor"), chain.bridge.abi_encode())?;
    let bridge_implementation = plan.create(artifact!("Bridge"), (schedule, executor).abi_encode_params())?;
    let gate = plan.create(artifact!("UpgradeGate"), schedule.abi_encode())?;
    let initialization =
        Bridge::initializeCall { guardian_: spec.guardian, pauseSecondsLeft_: spec.pause_seconds }.abi_encode();
    let arguments = (bridge_implementation, gate, Bytes::from(initialization)).abi_encode_params();
    plan.create(artifact!("BridgeProxy"), arguments)?;

    let fees = suggest_fees(client, false).await?;
    let transactions = send(client, deployer, l1_chain_id, fees, &plan).await?;
    wait(client, &transactions, poll_interval, patience).await?;
    let start_block = latest.id.number.saturating_add(1);
    Ok(Deployment { chain, schedule, executor, gate, dispute: spec.rules.dispute, start_block, abis: plan.abis })
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
    let window = (window_seconds_min.into(), 30 * 86_400, rules.claim_window_seconds.into());
    let bond = (bond_min, CLAIM_BOND_MAX, rules.claim_bond);
    for (rule, (min, max, found)) in [("claim window in seconds", window), ("claim bond in wei", bond)] {
        if !(min..=max).contains(&found) {
            return Err(DeployError::Bounds { rule, min, max, found });
        }
    }
    Ok(())
}

async fn send(
    client: &L1Client,
    deployer: &PrivateKeySigner,
    chain_id: u64,
    fees: Fees,
    plan: &Plan,
) -> Result<Vec<(&'static str, TxHash)>, DeployError> {
    let mut transactions = Vec::new();
    for (nonce, creation) in (plan.nonce..).zip(&plan.creations) {
        let transaction = TxEip1559 {
            chain_id,
            nonce,
            gas_limit: CREATION_GAS.saturating_add(CREATION_GAS_PER_BYTE.saturating_mul(creation.input.len() as u64)),
            max_fee_per_gas: fees.max_fee_per_gas,
            max_priority_fee_per_gas: fees.max_priority_fee_per_gas,
            to: TxKind::Create,
            input: creation.input.clone(),
            ..TxEip1559::default()
        };
        let signature = deployer.sign_hash_sync(&transaction.signature_hash())?;
        let envelope = TxEnvelope::from(transaction.into_signed(signature));
        let raw = envelope.encoded_2718();
        client.request(async { client.provider().send_raw_transaction(&raw).await.map(|_| ()) }).await?;
        tracing::debug!(contract = creation.contract, address = %creation.address, transaction = %envelope.tx_hash(), "deploying");
        transactions.push((creation.contract, *envelope.tx_hash()));
    }
    Ok(transactions)
}

async fn wait(
    client: &L1Client,
    transactions: &[(&'static str, TxHash)],
    poll_interval: Duration,
    patience: Duration,
) -> Result<(), DeployError> {
    let started = Instant::now();
    for &(contract, transaction) in transactions {
        loop {
            if let Some(receipt) = client.receipt(transaction).await? {
                if receipt.status() {
                    break;
                }
                return Err(DeployError::Reverted { contract, transaction });
            }
            let waited = started.elapsed();
            if waited > patience {
                return Err(DeployError::Late { contract, waited });
            }
            tokio::time::sleep(poll_interval).await;
        }
    }
    Ok(())
}

impl From<RulesSpec> for Rules {
    fn from(spec: RulesSpec) -> Self {
        Self {
            guestHash: spec.guest_hash,
            keysHash: alloy::primitives::B256::ZERO,
            dispute: spec.dispute,
            epochWeightGas: spec.epoch_weight_gas,
            epochSeconds: spec.epoch_seconds,
            maxCheckpointAgeSeconds: spec.max_checkpoint_age_seconds,
            claimWindowSeconds: spec.claim_window_seconds,
            claimBond: spec.claim_bond,
        }
    }
}
