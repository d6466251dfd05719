//! Why a deployment fails, before or after it costs gas.

use super::keys::KeySetError;
use crate::{Deployment, client::RpcFailure, submit::SubmitError};
use alloy::primitives::{Address, B256, TxHash};
use std::time::Duration;
use tandem_chain::{ChainKind, config::ConfigError};

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
    /// A rule that means something on chains of another kind alone.
    #[error("{rule} means nothing on a chain of kind {kind:?}: leave it out")]
    Foreign {
        /// The rule, in words for people.
        rule: &'static str,
        /// The kind of the chain to be deployed.
        kind: ChainKind,
    },
    /// A payments chain without what settles it.
    #[error("a payments chain needs a key set and an escape delay")]
    NoValidity,
    /// L1 would not take the keys.
    #[error(transparent)]
    Keys(#[from] KeySetError),
    /// The contracts are there, the keys are not.
    #[error("the contracts are deployed, but settlement {} has no keys yet: {source}", .deployment.chain.settlement)]
    KeysLeft {
        /// What is deployed.
        deployment: Box<Deployment>,
        /// Why the keys are not stored.
        source: Box<DeployError>,
    },
    /// The settlement computed another state before the first batch.
    #[error(
        "the settlement has {found} for the output of genesis, these rules give {expected}: they do not go together"
    )]
    OtherGenesis {
        /// The output that this program's rules give.
        expected: B256,
        /// The output that the settlement has.
        found: B256,
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
