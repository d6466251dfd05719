//! Keys in the object store: the verifying ones, by whose hash everything is judged, and, if the coordinator shares them, the proving ones. Rules: PAY-KEYS.
//!
//! Adversarial for a worker: everything in the bucket. A set of verifying keys counts if it has the hash that the job names, a proving key if its verifying half is in that
//! set, and a proof is verified before it leaves: a false key costs time and room on the disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use alloy::{
    hex,
    primitives::{B256, keccak256},
};
use async_nats::jetstream::object_store::ObjectStore;
use tandem_circuits::{
    circuit::CircuitId,
    groth16::{
        DEVNET_CHAIN_IDS, DevnetKeyError, DevnetKeys, ImportedKeys, Key, KeySetError, VerifyingKeys, key_words,
        read_key_set,
    },
};
use tokio::sync::Mutex;

use super::{
    engine::{get, get_file, has, put, put_file},
    error::FarmError,
    names,
};
use crate::validity::keys::{KeysError, ProvingKeys};

/// A set of verifying keys has some thousand bytes.
const SET_BYTES_MAX: usize = 64 << 10;
/// The longest proving key: several times the largest circuit's.
const KEY_BYTES_MAX: u64 = 4 << 30;
/// No L1 has this chain id, so that no key is made where one is to be fetched.
const NO_CHAIN_ID: u64 = 0;

/// Why keys are not shared, or not there.
#[derive(Debug, thiserror::Error)]
pub enum FarmKeysError {
    /// The engine did not do what it was asked.
    #[error(transparent)]
    Farm(#[from] FarmError),
    /// There are none here that can be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The devnet's cannot be named.
    #[error("the devnet's proving keys: {0}")]
    Devnet(#[from] DevnetKeyError),
    /// The bucket has no such set.
    #[error("the farm has no verifying keys of hash {0}: its coordinator puts them there when it begins a batch")]
    NoSet(B256),
    /// What the bucket has under this hash is another set.
    #[error("the farm's verifying keys of hash {expected} hash to {found}")]
    OtherSet {
        /// What the job names.
        expected: B256,
        /// What the bytes hash to.
        found: B256,
    },
    /// What the bucket has is no set.
    #[error("the farm's verifying keys: {0}")]
    Set(#[from] KeySetError),
    /// A folder cannot be used.
    #[error("{path}: {error}")]
    Io {
        /// The path.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        error: io::Error,
    },
    /// Reading keys panicked.
    #[error(transparent)]
    Task(#[from] tokio::task::JoinError),
}

/// Puts the verifying keys of hash `keys_hash` into a bucket, and the proving keys as well if a folder with them is given. What is there already stays.
///
/// # Errors
/// If the engine does not take them, or the folder has none that are of this set.
pub async fn share(
    bucket: &ObjectStore,
    keys: &VerifyingKeys,
    keys_hash: B256,
    proving: Option<&ProvingKeys>,
) -> Result<(), FarmKeysError> {
    let set = names::key_set(keys_hash);
    if !has(bucket, &set).await? {
        let words = keys.iter().flat_map(|(circuit, key)| key_words(*circuit, key));
        let bytes: Vec<u8> = words.flat_map(|word| word.to_be_bytes::<32>()).collect();
        put(bucket, &set, &bytes).await?;
    }
    let Some(proving) = proving else { return Ok(()) };
    let mut missing = BTreeSet::new();
    for circuit in keys.keys() {
        if !has(bucket, &names::proving_key(keys_hash, circuit.name())).await? {
            missing.insert(*circuit);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let (folder, verifying) = (proving.clone(), keys.clone());
    let read = move || files(&folder, &missing, &verifying, keys_hash);
    for (circuit, path) in tokio::task::spawn_blocking(read).await?? {
        tracing::info!(circuit = circuit.name(), path = %path.display(), "sharing a proving key with the farm: once for all workers");
        put_file(bucket, &names::proving_key(keys_hash, circuit.name()), &path).await?;
    }
    Ok(())
}

/// The files of proving keys, each read and found to be of the set.
fn files(
    proving: &ProvingKeys,
    circuits: &BTreeSet<CircuitId>,
    verifying: &VerifyingKeys,
    keys_hash: B256,
) -> Result<Vec<(CircuitId, PathBuf)>, FarmKeysError> {
    let keys = proving.read(circuits, verifying, keys_hash, &mut |text| tracing::info!("{text}"))?;
    let file = |(circuit, key): (CircuitId, Key)| -> Result<(CircuitId, PathBuf), FarmKeysError> {
        let imported = ImportedKeys::new(&proving.directory).path(circuit, key.shape());
        if imported.is_file() {
            return Ok((circuit, imported));
        }
        let devnet = DevnetKeys::new(proving.l1_chain_id, &proving.directory)?;
        Ok((circuit, devnet.path(circuit, key.shape())))
    };
    keys.into_iter().map(file).collect()
}

/// Keys in memory, by circuit.
type Ready = Arc<BTreeMap<CircuitId, Key>>;

/// A worker's proving keys: those of the last set that a job named, from a folder of its own, or from the farm.
#[derive(Debug)]
pub struct KeyShelf {
    /// The folder that the operator named, if any.
    own: Option<PathBuf>,
    /// What was fetched or made, a folder for each set.
    cache: PathBuf,
    l1_chain_id: u64,
    /// What was read last. A lock, so that whoever comes while keys are fetched or read waits for them.
    ready: Mutex<Option<(B256, Ready)>>,
}

impl KeyShelf {
    /// Keys for a chain that settles on this L1: from the folder `own`, else fetched into `cache`.
    pub fn new(own: Option<PathBuf>, cache: PathBuf, l1_chain_id: u64) -> Self {
        Self { own, cache, l1_chain_id, ready: Mutex::new(None) }
    }

    /// The proving keys of a set, which is in a bucket with them or without them.
    ///
    /// # Errors
    /// If they are nowhere, or are not of the set.
    pub async fn keys(&self, bucket: &ObjectStore, keys_hash: B256) -> Result<Ready, FarmKeysError> {
        let mut ready = self.ready.lock().await;
        if let Some((_, keys)) = ready.as_ref().filter(|(hash, _)| *hash == keys_hash) {
            return Ok(keys.clone());
        }
        // Two sets at once may be more than there is memory for.
        *ready = None;
        let keys = Arc::new(self.read(bucket, keys_hash).await?);
        *ready = Some((keys_hash, keys.clone()));
        Ok(keys)
    }

    async fn read(&self, bucket: &ObjectStore, keys_hash: B256) -> Result<BTreeMap<CircuitId, Key>, FarmKeysError> {
        let bytes = get(bucket, &names::key_set(keys_hash), SET_BYTES_MAX).await?;
        let bytes = bytes.ok_or(FarmKeysError::NoSet(keys_hash))?;
        let found = keccak256(&bytes);
        if found != keys_hash {
            return Err(FarmKeysError::OtherSet { expected: keys_hash, found });
        }
        let verifying = Arc::new(read_key_set(&bytes)?);
        if let Some(own) = &self.own {
            match read(own, self.l1_chain_id, &verifying, keys_hash).await {
                Ok(keys) => return Ok(keys),
                Err(error) => tracing::info!(%error, "the folder has not all keys: asking the farm for them"),
            }
        }
        let folder = self.cache.join(hex::encode(keys_hash));
        fs::create_dir_all(&folder).map_err(|error| FarmKeysError::Io { path: folder.clone(), error })?;
        // Each round fetches a key; nothing is fetched twice.
        let mut fetched = BTreeSet::new();
        loop {
            let error = match read(&folder, NO_CHAIN_ID, &verifying, keys_hash).await {
                Ok(keys) => return Ok(keys),
                Err(error) => error,
            };
            let FarmKeysError::Keys(KeysError::NoProvingKey { circuit, path }) = &error else {
                // Torn, or another set's: the next try fetches it anew.
                fs::remove_dir_all(&folder).map_err(|error| FarmKeysError::Io { path: folder.clone(), error })?;
                return Err(error);
            };
            let (circuit, path) = (*circuit, path.clone());
            if fetched.insert(circuit) && self.fetch(bucket, keys_hash, circuit, &path).await? {
                continue;
            }
            if DEVNET_CHAIN_IDS.contains(&self.l1_chain_id) {
                return read(&self.cache, self.l1_chain_id, &verifying, keys_hash).await;
            }
            return Err(error);
        }
    }

    /// Whether the farm has a circuit's key, which is in the file then.
    async fn fetch(
        &self,
        bucket: &ObjectStore,
        keys_hash: B256,
        circuit: &'static str,
        path: &Path,
    ) -> Result<bool, FarmKeysError> {
        let mut tenth = 0;
        let mut told = |come: u64, size: u64| {
            let tenths = come.saturating_mul(10).checked_div(size).unwrap_or_default();
            if tenths > tenth {
                tenth = tenths;
                tracing::info!(
                    circuit,
                    percent = tenths.saturating_mul(10),
                    mib = size >> 20,
                    "fetching a proving key"
                );
            }
        };
        Ok(get_file(bucket, &names::proving_key(keys_hash, circuit), KEY_BYTES_MAX, path, &mut told).await?)
    }
}

/// Reads the proving keys of a folder.
async fn read(
    folder: &Path,
    l1_chain_id: u64,
    verifying: &Arc<VerifyingKeys>,
    keys_hash: B256,
) -> Result<BTreeMap<CircuitId, Key>, FarmKeysError> {
    let proving = ProvingKeys { directory: folder.into(), l1_chain_id };
    let verifying = verifying.clone();
    let read = move || {
        let circuits = verifying.keys().copied().collect();
        proving.read(&circuits, &verifying, keys_hash, &mut |text| tracing::info!("{text}"))
    };
    Ok(tokio::task::spawn_blocking(read).await??)
}
