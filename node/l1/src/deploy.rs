//! Puts a chain's contracts on L1. Rules: L1-CFG-1, L1-OUT-2.
//!
//! The contracts name each other in their constructors, so their addresses are predicted from the deployer's nonce and checked on chain
//! by the constructors themselves. All seven creations are sent at once; a failure leaves contracts that nobody uses.

use crate::{
    Deployment,
    bindings::{Bridge, ChainConfig as SolChainConfig, OutputFields as SolOutputFields, Rules},
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
    /// Owner of the schedule, and behind the timelock of the Bridge.
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
    /// Epochs, claims, checkpoints.
    pub rules: RulesSpec,
}

impl ChainSpec {
    /// Refuses what `Schedule.sol` would refuse, and what no chain works with (L1-SCHED-2, L1-SCHED-5, L1-SCHED-6).
    pub fn check(&self) -> Result<(), DeployError> {
        let rules = &self.rules;
        self.chain.check(rules.epoch_batches)?;
        let waits =
            [self.forced_inclusion_window_seconds, rules.epoch_seconds.into(), rules.claim_window_seconds.into()];
        let delay_min = waits.into_iter().fold(0, u64::saturating_add);
        let (seconds_max, unbounded) = (u128::from(u32::MAX), u128::from(u64::MAX));
        for (rule, min, max, found) in [
            ("epoch seconds", 1, 604_800, rules.epoch_seconds.into()),
            ("maximal checkpoint age in seconds", 3_600, seconds_max, rules.max_checkpoint_age_seconds.into()),
            ("claim window in seconds", 1, seconds_max, rules.claim_window_seconds.into()),
            ("claim bond in wei", 0, 1_000_000_000_000_000_000_000, rules.claim_bond),
            ("forced-inclusion window in seconds", 1, unbounded, self.forced_inclusion_window_seconds.into()),
            ("delay in seconds", delay_min.into(), unbounded, self.delay_seconds.into()),
        ] {
            if !(min..=max).contains(&found) {
                return Err(DeployError::Bounds { rule, min, max, found });
            }
        }
        Ok(())
    }
}

/// The `Rules` of the first schedule entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RulesSpec {
    /// Memory root of the fault-proof program; zero while there is none.
    pub guest_hash: alloy::primitives::B256,
    /// Decides contested slots; zero: they stay contested.
    pub dispute: Address,
    /// An epoch closes when it holds so many batches.
    pub epoch_batches: u32,
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
        /// In the specification.
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
        /// Which.
        rule: &'static str,
        /// Least.
        min: u128,
        /// Greatest.
        max: u128,
        /// In the specification.
        found: u128,
    },
    /// A committed artifact is broken.
    #[error("artifact of {contract}: {source}")]
    Artifact {
        /// Contract.
        contract: &'static str,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// Fees cannot be had.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The genesis state cannot be computed.
    #[error("genesis: {0}")]
    Genesis(Box<dyn core::error::Error + Send + Sync>),
    /// Signing failed.
    #[error(transparent)]
    Sign(#[from] alloy::signers::Error),
    /// A creation reverted.
    #[error("creating {contract} failed ({transaction})")]
    Reverted {
        /// Contract.
        contract: &'static str,
        /// Its transaction.
        transaction: TxHash,
    },
    /// A creation is not included.
    #[error("creating {contract} is not done after {waited:?}")]
    Late {
        /// Contract.
        contract: &'static str,
        /// How long.
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
        ($name, include_str!(concat!("../../../contracts/artifacts/", $name, ".json")))
    };
}

/// One creation.
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
    let mut chain = spec.chain.clone();
    if chain.l1_chain_id == 0 {
        chain.l1_chain_id = l1_chain_id;
    }
    if chain.l1_chain_id != l1_chain_id {
        return Err(DeployError::WrongL1 { expected: chain.l1_chain_id, found: l1_chain_id });
    }
    if chain.genesis_timestamp == 0 {
        chain.genesis_timestamp = latest.timestamp;
    }
    let nonce = client.nonce(deployer.address()).await?;
    let mut plan = Plan { deployer: deployer.address(), nonce, creations: Vec::new(), abis: serde_json::Map::new() };
    (chain.inbox, chain.settlement, chain.bridge) = (plan.address(2), plan.address(3), plan.address(6));
    let genesis = genesis(&chain).map_err(|error| DeployError::Genesis(Box::new(error)))?;

    let timelock = plan.create(artifact!("Timelock"), (spec.delay_seconds, spec.owner).abi_encode_params())?;
    let rules = Rules::from(spec.rules);
    let arguments =
        (spec.owner, spec.forced_inclusion_window_seconds, spec.delay_seconds, SolChainConfig::from(&chain), rules)
            .abi_encode_params();
    let schedule = plan.create(artifact!("Schedule"), arguments)?;
    plan.create(artifact!("Inbox"), (schedule, spec.sequencer).abi_encode_params())?;
    plan.create(artifact!("FraudSettlement"), (schedule, SolOutputFields::from(genesis)).abi_encode_params())?;
    let executor = plan.create(artifact!("MessageExecutor"), chain.bridge.abi_encode())?;
    let bridge_implementation = plan.create(artifact!("Bridge"), (schedule, executor).abi_encode_params())?;
    let initialization =
        Bridge::initializeCall { guardian_: spec.guardian, pauseSecondsLeft_: spec.pause_seconds }.abi_encode();
    let arguments = (bridge_implementation, timelock, Bytes::from(initialization)).abi_encode_params();
    plan.create(artifact!("BridgeProxy"), arguments)?;

    let fees = suggest_fees(client, false).await?;
    let transactions = send(client, deployer, l1_chain_id, fees, &plan).await?;
    wait(client, &transactions, poll_interval, patience).await?;
    let start_block = latest.id.number.saturating_add(1);
    Ok(Deployment { chain, schedule, executor, timelock, start_block, abis: plan.abis })
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
            epochBatches: spec.epoch_batches,
            epochSeconds: spec.epoch_seconds,
            maxCheckpointAgeSeconds: spec.max_checkpoint_age_seconds,
            claimWindowSeconds: spec.claim_window_seconds,
            claimBond: spec.claim_bond,
        }
    }
}
