//! Keys: the verifying ones that L1 stores, by which proofs are judged, and the proving ones of a folder, which are checked against them. Rules: PAY-KEYS.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use alloy::{
    eips::BlockId,
    primitives::{B256, keccak256},
    providers::Provider,
};
use tandem_circuits::{
    apply::Apply,
    circuit::{Chunk, CircuitId},
    groth16::{DEVNET_CHAIN_IDS, DevnetKeys, ImportedKeys, Key, VerifyingKeys, key_words, read_key_set},
};
use tandem_l1::{Deployment, L1Client, L1Header, bindings::ValiditySettlement};
use tandem_payments::batch::ApplyCircuit;
use tandem_service::Report;

use super::error::ForceError;

/// The verifying keys of a hash, as the settlement has them at a block.
///
/// # Errors
/// If they are not stored, or the endpoint gives other ones.
pub async fn verifying(
    client: &L1Client,
    deployment: &Deployment,
    head: L1Header,
    keys_hash: B256,
) -> Result<VerifyingKeys, ForceError> {
    let (at, provider) = (BlockId::hash(head.id.hash), client.provider());
    let settlement = ValiditySettlement::new(deployment.chain.settlement, provider);
    let set = client.call(async { settlement.keySetOf(keys_hash).block(at).call().await }).await?;
    if set.is_zero() {
        return Err(ForceError::KeysNotStored(keys_hash));
    }
    let code = client.request(provider.get_code_at(set).block_id(at)).await?;
    // The first byte keeps the contract from being called.
    let bytes = code.get(1..).unwrap_or_default();
    let found = keccak256(bytes);
    if found != keys_hash {
        return Err(ForceError::OtherKeys { expected: keys_hash, found });
    }
    Ok(read_key_set(bytes)?)
}

/// Proving keys of some circuits, out of a folder; a devnet's are made there if they are missing.
///
/// # Errors
/// If one is missing, or its verifying half is not L1's.
pub fn proving(
    circuits: &BTreeSet<CircuitId>,
    directory: &Path,
    l1_chain_id: u64,
    keys: &VerifyingKeys,
    keys_hash: B256,
    report: Report,
) -> Result<BTreeMap<CircuitId, Key>, ForceError> {
    let mut found = BTreeMap::new();
    for circuit in [ApplyCircuit::SMALL, ApplyCircuit::LARGE] {
        let blank = Apply::blank(circuit);
        let id = blank.circuit_id();
        if !circuits.contains(&id) {
            continue;
        }
        report.progress(format_args!("reading the proving key of the {} circuit", id.name()));
        let key = read(&blank, directory, l1_chain_id, report)?;
        let is_l1s = keys.get(&id).is_some_and(|on_l1| key_words(id, on_l1) == key_words(id, key.verifying()));
        if !is_l1s {
            return Err(ForceError::OtherProvingKey { circuit: id.name(), directory: directory.into(), keys_hash });
        }
        found.insert(id, key);
    }
    Ok(found)
}

/// One that was imported, or the devnet's.
fn read(blank: &Apply, directory: &Path, l1_chain_id: u64, report: Report) -> Result<Key, ForceError> {
    let circuit = blank.circuit_id().name();
    match ImportedKeys::new(directory).key(blank) {
        Ok(key) => Ok(key),
        Err(error) => match error.missing() {
            Some(_) if DEVNET_CHAIN_IDS.contains(&l1_chain_id) => {
                report.progress(format_args!(
                    "  it is the devnet's, and made in {} if it is not there: once, some seconds or a minute",
                    directory.display()
                ));
                Ok(DevnetKeys::new(l1_chain_id, directory)?.key(blank)?)
            }
            Some(path) => Err(ForceError::NoProvingKey { circuit, path: path.into() }),
            None => Err(ForceError::ProvingKey(error)),
        },
    }
}
