//! Keys: the verifying ones that L1 stores, by which proofs are judged, and the proving ones of a folder, which are checked against them. Rules: PAY-KEYS, PAY-CUT.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
};

use alloy::{
    eips::BlockId,
    primitives::{B256, keccak256},
    providers::Provider,
};
use tandem_circuits::{
    any::AnyChunk,
    circuit::{Chunk, CircuitId},
    groth16::{
        DEVNET_CHAIN_IDS, DevnetKeyError, DevnetKeys, ImportedKeyError, ImportedKeys, Key, KeySetError, VerifyingKeys,
        key_words, read_key_set,
    },
};
use tandem_l1::{Deployment, L1Client, L1Header, RpcFailure, bindings::ValiditySettlement};
use tandem_payments::batch::Circuits;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The endpoint did not answer.
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    /// The schedule names keys that are not there.
    #[error(
        "the settlement has no keys of hash {0}, under which alone the next batch can be proven: `tandem deploy --resume` stores a deployment's first keys"
    )]
    NotStored(B256),
    /// The endpoint gives other keys.
    #[error(
        "the L1 endpoint gives verifying keys of hash {found}, the schedule names {expected}: use another --l1-rpc"
    )]
    Other {
        /// What the schedule names.
        expected: B256,
        /// What the bytes hash to.
        found: B256,
    },
    /// The keys on L1 cannot be read.
    #[error("verifying keys on L1: {0}")]
    Set(#[from] KeySetError),
    /// A proving key is missing.
    #[error(
        "there is no proving key of the {circuit} circuit: {path} is missing. Keys of a ceremony are imported once, with `tandem-prover import-key` (docs/ceremony.md)"
    )]
    NoProvingKey {
        /// The circuit's name.
        circuit: &'static str,
        /// The file that was looked for.
        path: PathBuf,
    },
    /// A proving key cannot be used.
    #[error("proving key {0}: import it anew")]
    Imported(#[source] ImportedKeyError),
    /// A proving key of other verifying keys than L1's.
    #[error(
        "the proving key of the {circuit} circuit in {directory} is not of the deployment's key set {keys_hash}: name the folder with its keys (--keys)"
    )]
    OtherProvingKey {
        /// The circuit's name.
        circuit: &'static str,
        /// Where the key is.
        directory: PathBuf,
        /// The hash of the set that the schedule names.
        keys_hash: B256,
    },
    /// The devnet's keys cannot be had.
    #[error("the devnet's proving keys: {0}")]
    Devnet(#[from] DevnetKeyError),
}

/// The verifying keys of a hash, as the settlement has them at a block.
///
/// # Errors
/// If they are not stored, or the endpoint gives other ones.
pub async fn verifying(
    client: &L1Client,
    deployment: &Deployment,
    head: L1Header,
    keys_hash: B256,
) -> Result<VerifyingKeys, KeysError> {
    let (at, provider) = (BlockId::hash(head.id.hash), client.provider());
    let settlement = ValiditySettlement::new(deployment.chain.settlement, provider);
    let set = client.call(async { settlement.keySetOf(keys_hash).block(at).call().await }).await?;
    if set.is_zero() {
        return Err(KeysError::NotStored(keys_hash));
    }
    let code = client.request(provider.get_code_at(set).block_id(at)).await?;
    // The first byte keeps the contract from being called.
    let bytes = code.get(1..).unwrap_or_default();
    let found = keccak256(bytes);
    if found != keys_hash {
        return Err(KeysError::Other { expected: keys_hash, found });
    }
    Ok(read_key_set(bytes)?)
}

/// The circuits that batches are cut for where L1 has these keys; `None` if none of them applies operations.
pub fn circuits(keys: &VerifyingKeys) -> Option<Circuits> {
    Circuits::among(|id| keys.keys().any(|circuit| circuit.number() == id))
}

/// The circuits that batches are cut for where L1 has these keys: those whose proving keys are needed, of each family two at most.
pub fn circuit_ids(keys: &VerifyingKeys) -> BTreeSet<CircuitId> {
    let cut = circuits(keys).into_iter();
    let numbers = cut.flat_map(|Circuits { apply, session, ethereum, register }| {
        let families = [session, ethereum, register].into_iter().flatten().flatten();
        apply.map(|circuit| circuit.id).into_iter().chain(families.map(|circuit| circuit.id))
    });
    numbers.filter_map(CircuitId::numbered).filter(|circuit| keys.contains_key(circuit)).collect()
}

/// Those that take the least memory, for whoever proves a batch once; `None` if no key applies operations.
pub fn frugal(keys: &VerifyingKeys) -> Option<Circuits> {
    Circuits::frugal(|id| keys.keys().any(|circuit| circuit.number() == id))
}

/// Where proving keys are, and what they must be of.
#[derive(Clone, Debug)]
pub struct ProvingKeys {
    /// The folder that was looked into.
    pub directory: PathBuf,
    /// The L1 on which the chain settles: on a devnet's, keys that are missing are made.
    pub l1_chain_id: u64,
}

impl ProvingKeys {
    /// Those of some circuits; `told` hears what takes time.
    ///
    /// # Errors
    /// If one is missing, or its verifying half is not that of L1, whose keys are `verifying`, of hash `keys_hash`.
    pub fn read(
        &self,
        circuits: &BTreeSet<CircuitId>,
        verifying: &VerifyingKeys,
        keys_hash: B256,
        told: &mut dyn FnMut(fmt::Arguments<'_>),
    ) -> Result<BTreeMap<CircuitId, Key>, KeysError> {
        let mut found = BTreeMap::new();
        for id in circuits {
            let key = self.key(&AnyChunk::blank(*id), told)?;
            let words = |verifying| key_words(*id, verifying);
            if verifying.get(id).map(words) != Some(words(key.verifying())) {
                let directory = self.directory.clone();
                return Err(KeysError::OtherProvingKey { circuit: id.name(), directory, keys_hash });
            }
            found.insert(*id, key);
        }
        Ok(found)
    }

    /// One that was imported, or the devnet's.
    fn key(&self, blank: &AnyChunk, told: &mut dyn FnMut(fmt::Arguments<'_>)) -> Result<Key, KeysError> {
        let (circuit, directory): (_, &Path) = (blank.circuit_id().name(), &self.directory);
        told(format_args!("reading the proving key of the {circuit} circuit"));
        match imported(directory, blank) {
            Err(KeysError::NoProvingKey { .. }) if DEVNET_CHAIN_IDS.contains(&self.l1_chain_id) => {
                told(format_args!(
                    "it is the devnet's, and made in {} if it is not there: once, some seconds or a minute",
                    directory.display()
                ));
                Ok(DevnetKeys::new(self.l1_chain_id, directory)?.key(blank)?)
            }
            found => found,
        }
    }
}

/// The proving key of a circuit, from the folder into which it was imported.
///
/// # Errors
/// `NoProvingKey` if none was, and if what is there cannot be read.
pub fn imported(directory: &Path, blank: &AnyChunk) -> Result<Key, KeysError> {
    ImportedKeys::new(directory).key(blank).map_err(|error| match error.missing() {
        Some(path) => KeysError::NoProvingKey { circuit: blank.circuit_id().name(), path: path.into() },
        None => KeysError::Imported(error),
    })
}
