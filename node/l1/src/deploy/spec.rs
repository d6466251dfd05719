//! What to deploy: the parameters of a chain, of its contracts, and of its first schedule entry.

use super::{keys::KeySet, terms::DisputeTerms};
use crate::bindings::{Notice, Rules};
use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use tandem_chain::ChainConfig;

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
    /// What a payments chain needs, and no other has.
    #[serde(default)]
    pub validity: Option<ValiditySpec>,
}

impl ChainSpec {
    /// How the contracts are told what changes take.
    pub(super) fn notice(&self) -> Notice {
        Notice {
            forcedInclusionWindowSeconds: self.forced_inclusion_window_seconds,
            delaySeconds: self.delay_seconds,
            graceSeconds: self.grace_seconds,
        }
    }
}

/// The `Rules` of the first schedule entry. On a payments chain all but the age of checkpoints is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RulesSpec {
    /// Memory root of the fault-proof program; zero while there is none.
    pub guest_hash: B256,
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

/// What a payments chain needs, and no other has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValiditySpec {
    /// The verifying keys that the first schedule entry names.
    pub keys: KeySet,
    /// How long overdue messages may stay unproven before anybody can end the chain, in seconds.
    pub escape_delay_seconds: u64,
}

impl From<RulesSpec> for Rules {
    fn from(spec: RulesSpec) -> Self {
        Self {
            guestHash: spec.guest_hash,
            keysHash: B256::ZERO,
            dispute: spec.dispute,
            epochWeightGas: spec.epoch_weight_gas,
            epochSeconds: spec.epoch_seconds,
            maxCheckpointAgeSeconds: spec.max_checkpoint_age_seconds,
            claimWindowSeconds: spec.claim_window_seconds,
            claimBond: spec.claim_bond,
        }
    }
}
