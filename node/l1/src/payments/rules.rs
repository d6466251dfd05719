//! What the next batch obeys, as L1 has it after a block: the entry of the schedule that the batch falls under, and the keys by which it is proven. Rules: L1-SCHED-3,
//! L1-SCHED-5, PAY-KEYS, PAY-TIME.
//!
//! Sequencer and prover both read it here, so that they go over to another entry at the same block. Adversarial: the endpoint; keys that do not hash to the name that the
//! schedule has for them are an error.

use alloy::{
    eips::BlockId,
    primitives::{Address, B256, Bytes, keccak256},
    providers::Provider,
};

use crate::{
    bindings::{Entry, Schedule, ValiditySettlement},
    client::{L1Client, L1Header, RpcFailure},
    deploy::{KeySet, KeySetError},
};

/// An entry of the schedule, as far as it says anything of batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryRules {
    /// Hash of its configuration.
    pub config_hash: B256,
    /// Hash of its verifying keys.
    pub keys_hash: B256,
    /// Messages that a batch may take.
    pub messages_max: u64,
    /// Their gas together.
    pub message_gas_max: u64,
    /// How old a batch's time and checkpoint may be, in seconds (PAY-TIME).
    pub age_max_s: u64,
}

impl EntryRules {
    /// Hash of what judges a proof.
    pub fn verifier(&self) -> B256 {
        verifier(self.config_hash, self.keys_hash)
    }
}

/// Hash of what judges a proof: the configuration to which it is bound, and the keys. A proof made for an entry of the schedule holds under each that has both.
pub fn verifier(config_hash: B256, keys_hash: B256) -> B256 {
    keccak256([config_hash, keys_hash].concat())
}

impl From<Entry> for EntryRules {
    fn from(entry: Entry) -> Self {
        Self {
            config_hash: entry.configHash,
            keys_hash: entry.rules.keysHash,
            messages_max: entry.maxMessagesPerBatch,
            message_gas_max: entry.maxMessageGasPerBatch,
            age_max_s: entry.rules.maxCheckpointAgeSeconds.into(),
        }
    }
}

/// The rules, and the keys that go with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What the entry says.
    pub entry: EntryRules,
    /// The keys that batches are proven under.
    pub keys: KeySet,
}

/// Why the rules cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// The endpoint did not answer.
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    /// The settlement does not have the keys that the schedule names.
    #[error("the settlement has no keys {hash}: the deployment file is not that of a payments chain on this L1")]
    NotStored {
        /// The hash that the schedule names.
        hash: B256,
    },
    /// What it has is no key set.
    #[error("the settlement's keys are none: {0}")]
    Keys(#[from] KeySetError),
}

/// The entry that the next batch after a block falls under. One that has matured is active only once a batch has begun it, which the next one does (L1-SCHED-3).
///
/// # Errors
/// If the endpoint does not answer, or does not have the block any more.
pub async fn next_entry(client: &L1Client, schedule: Address, head: L1Header) -> Result<EntryRules, RpcFailure> {
    let at = BlockId::hash(head.id.hash);
    let schedule = Schedule::new(schedule, client.provider());
    let begins_at = client.call(async { schedule.waitingMaturesAt().block(at).call().await }).await?;
    let entry = if begins_at <= head.timestamp {
        let active = client.call(async { schedule.activeId().block(at).call().await }).await?;
        let next = active.saturating_add(1);
        client.call(async { schedule.record(next).block(at).call().await }).await?.entry
    } else {
        client.call(async { schedule.activeEntry().block(at).call().await }).await?
    };
    Ok(entry.into())
}

/// The keys of a hash, as the settlement has them after a block.
async fn key_set(client: &L1Client, settlement: Address, head: L1Header, hash: B256) -> Result<KeySet, RulesError> {
    let at = BlockId::hash(head.id.hash);
    let contract = ValiditySettlement::new(settlement, client.provider());
    let set = client.call(async { contract.keySetOf(hash).block(at).call().await }).await?;
    if set.is_zero() {
        return Err(RulesError::NotStored { hash });
    }
    let code = client.request(client.provider().get_code_at(set).block_id(at)).await?;
    // The first byte is there so that nobody calls it.
    let keys = code.split_first().map(|(_, keys)| Bytes::copy_from_slice(keys)).unwrap_or_default();
    let keys = KeySet::try_from(keys)?;
    if keys.hash() != hash { Err(RulesError::NotStored { hash }) } else { Ok(keys) }
}

/// Reads the rules block by block, and the keys only when the schedule names others than before.
#[derive(Clone, Debug)]
pub struct RulesReader {
    client: L1Client,
    schedule: Address,
    settlement: Address,
    keys: Option<(B256, KeySet)>,
}

impl RulesReader {
    /// For a chain with these contracts.
    pub fn new(client: L1Client, schedule: Address, settlement: Address) -> Self {
        Self { client, schedule, settlement, keys: None }
    }

    /// The rules that hold for the next batch after a block.
    ///
    /// # Errors
    /// If the endpoint does not answer, or has no such keys.
    pub async fn read(&mut self, head: L1Header) -> Result<Rules, RulesError> {
        let entry = next_entry(&self.client, self.schedule, head).await?;
        if let Some((_, keys)) = self.keys.as_ref().filter(|(hash, _)| *hash == entry.keys_hash) {
            return Ok(Rules { entry, keys: keys.clone() });
        }
        let keys = key_set(&self.client, self.settlement, head, entry.keys_hash).await?;
        self.keys = Some((entry.keys_hash, keys.clone()));
        Ok(Rules { entry, keys })
    }
}
