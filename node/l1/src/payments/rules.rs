//! What the schedule's entry in force says of new batches: how old they may be, and which circuits there are keys of. Rules: PAY-KEYS, PAY-TIME, L1-SCHED-5.

use alloy::{
    primitives::{Address, B256, Bytes},
    providers::Provider,
};

use crate::{
    bindings::{Schedule, ValiditySettlement},
    client::{L1Client, RpcFailure},
    deploy::{KeySet, KeySetError},
};

/// The rules for new batches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// For so long after its time L1 takes a batch, in seconds (PAY-TIME).
    pub batch_age_max_s: u64,
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

/// The rules that hold for the next batch.
pub async fn rules(client: &L1Client, schedule: Address, settlement: Address) -> Result<Rules, RulesError> {
    let schedule = Schedule::new(schedule, client.provider());
    let entry = client.call(async { schedule.activeEntry().call().await }).await?;
    let hash = entry.rules.keysHash;
    let contract = ValiditySettlement::new(settlement, client.provider());
    let set = client.call(async { contract.keySetOf(hash).call().await }).await?;
    let code = client.request(client.provider().get_code_at(set)).await?;
    // The first byte is there so that nobody calls it.
    let keys = code.split_first().map(|(_, keys)| Bytes::copy_from_slice(keys)).unwrap_or_default();
    let keys = KeySet::try_from(keys)?;
    if keys.hash() != hash {
        return Err(RulesError::NotStored { hash });
    }
    Ok(Rules { batch_age_max_s: entry.rules.maxCheckpointAgeSeconds.into(), keys })
}
