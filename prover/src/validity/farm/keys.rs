//! Keys in the object store: the verifying ones, by whose hash everything is judged, and, if the coordinator shares them, the proving ones. Rules: PAY-KEYS.
//!
//! Adversarial for a worker: everything in the bucket. A set of verifying keys counts if it has the hash that the job names, a proving key if its verifying half is in that
//! set, and a proof is verified before it leaves: a false key costs time, and its file is deleted. The coordinator looks at what stands under the names of its keys whenever it
//! begins, and puts its own in the place of anything else.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use alloy::primitives::{B256, Keccak256, keccak256};
use async_nats::jetstream::object_store::ObjectStore;
use tandem_circuits::{
    circuit::CircuitId,
    groth16::{
        DEVNET_CHAIN_IDS, DevnetKeyError, DevnetKeys, ImportedKeyError, ImportedKeys, Key, KeyFileError, KeySetError,
        VerifyingKeys, key_words, read_key_set,
    },
};
use tokio::sync::Mutex;

use super::{
    cache::KeyCache,
    error::FarmError,
    names,
    objects::{get, get_file, has_file, put, put_file},
};
use crate::validity::keys::{KeysError, ProvingKeys, circuit_ids};

/// A set of verifying keys has some thousand bytes.
const SET_BYTES_MAX: usize = 64 << 10;
/// The longest proving key: several times the largest circuit's.
const KEY_BYTES_MAX: u64 = 4 << 30;
/// No L1 has this chain id, so that no key is made where one is to be fetched.
const NO_CHAIN_ID: u64 = 0;

/// Bytes of a key's file that are read at a time.
const READ_BYTES: usize = 1 << 20;

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
        /// The file or folder that it is about.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        error: io::Error,
    },
    /// Reading keys panicked.
    #[error(transparent)]
    Task(#[from] tokio::task::JoinError),
}

/// The proving keys that a coordinator gives its farm.
#[derive(Debug)]
pub struct SharedKeys {
    proving: ProvingKeys,
    /// The files of the last set that was shared. A lock, so that they are read once; nobody waits for it, as the coordinator begins one batch at a time.
    checked: Mutex<Option<(B256, Arc<[SharedFile]>)>>,
}

/// A file with a proving key, which was read and is of its set.
#[derive(Debug)]
struct SharedFile {
    circuit: CircuitId,
    path: PathBuf,
    bytes: u64,
    /// Keccak of the file, as hex.
    digest: String,
}

impl SharedKeys {
    /// The keys of a folder.
    pub fn new(proving: ProvingKeys) -> Self {
        Self { proving, checked: Mutex::new(None) }
    }

    /// The files of a set's keys, as far as anything is cut for their circuits. Read once in a process.
    async fn files(&self, verifying: &VerifyingKeys, keys_hash: B256) -> Result<Arc<[SharedFile]>, FarmKeysError> {
        let mut checked = self.checked.lock().await;
        if let Some((_, files)) = checked.as_ref().filter(|(hash, _)| *hash == keys_hash) {
            return Ok(files.clone());
        }
        let (proving, verifying) = (self.proving.clone(), verifying.clone());
        // One after the other, since all of them at once may be more than there is memory for.
        let check = move || {
            let circuits = circuit_ids(&verifying).into_iter();
            circuits.map(|circuit| check(&proving, circuit, &verifying, keys_hash)).collect::<Result<Arc<[_]>, _>>()
        };
        let files = tokio::task::spawn_blocking(check).await??;
        *checked = Some((keys_hash, files.clone()));
        Ok(files)
    }
}

/// Puts the verifying keys of hash `keys_hash` into a bucket, and the proving keys as well if a folder with them is given. What stands there already as it should stays.
///
/// # Errors
/// If the engine does not take them, or the folder has none that are of this set.
pub async fn share(
    bucket: &ObjectStore,
    keys: &VerifyingKeys,
    keys_hash: B256,
    shared: Option<&SharedKeys>,
) -> Result<(), FarmKeysError> {
    let set = names::key_set(keys_hash);
    // What cannot be read is as good as another one; if it is the engine that does not answer, it does not take anything either.
    let found = get(bucket, &set, SET_BYTES_MAX).await.ok().flatten();
    if found.map(keccak256) != Some(keys_hash) {
        let words = keys.iter().flat_map(|(circuit, key)| key_words(*circuit, key));
        let bytes: Vec<u8> = words.flat_map(|word| word.to_be_bytes::<32>()).collect();
        put(bucket, &set, &bytes).await?;
    }
    let Some(shared) = shared else { return Ok(()) };
    for SharedFile { circuit, path, bytes, digest } in shared.files(keys, keys_hash).await?.iter() {
        let (circuit, name) = (circuit.name(), names::proving_key(keys_hash, circuit.name()));
        if !has_file(bucket, &name, *bytes, digest).await? {
            tracing::info!(circuit, path = %path.display(), "sharing a proving key with the farm: once for all workers");
            put_file(bucket, &name, path, digest).await?;
        }
    }
    Ok(())
}

/// The file of a circuit's proving key, which is read and found to be of the set.
fn check(
    proving: &ProvingKeys,
    circuit: CircuitId,
    verifying: &VerifyingKeys,
    keys_hash: B256,
) -> Result<SharedFile, FarmKeysError> {
    let key = read_one(proving, circuit, verifying, keys_hash)?;
    let imported = ImportedKeys::new(&proving.directory).path(circuit, key.shape());
    let path = if imported.is_file() {
        imported
    } else {
        DevnetKeys::new(proving.l1_chain_id, &proving.directory)?.path(circuit, key.shape())
    };
    let (bytes, digest) = digest(&path).map_err(|error| FarmKeysError::Io { path: path.clone(), error })?;
    Ok(SharedFile { circuit, path, bytes, digest })
}

/// Length and Keccak of a file.
fn digest(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut buffer) = (File::open(path)?, vec![0; READ_BYTES]);
    let (mut hash, mut bytes) = (Keccak256::new(), 0_u64);
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            return Ok((bytes, hash.finalize().to_string()));
        }
        hash.update(buffer.get(..length).unwrap_or_default());
        bytes = bytes.saturating_add(length as u64);
    }
}

/// Keys in memory, by circuit.
type Ready = Arc<BTreeMap<CircuitId, Key>>;

/// A worker's proving keys: those of the last set that a job named, from a folder of its own, or from the farm.
#[derive(Debug)]
pub struct KeyShelf {
    /// The folder that the operator named, if any.
    own: Option<PathBuf>,
    /// What was fetched or made.
    cache: KeyCache,
    l1_chain_id: u64,
    /// What was read last. A lock, so that whoever comes while keys are fetched or read waits for them.
    ready: Mutex<Option<(B256, Ready)>>,
}

/// A set of verifying keys, by which proving ones are judged.
#[derive(Clone)]
struct Set {
    verifying: Arc<VerifyingKeys>,
    hash: B256,
}

impl KeyShelf {
    /// Keys for a chain that settles on this L1: from the folder `own`, else fetched into `cache`.
    pub fn new(own: Option<PathBuf>, cache: PathBuf, l1_chain_id: u64) -> Self {
        Self { own, cache: KeyCache::open(cache), l1_chain_id, ready: Mutex::new(None) }
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

    async fn read(&self, bucket: &ObjectStore, hash: B256) -> Result<BTreeMap<CircuitId, Key>, FarmKeysError> {
        let bytes = get(bucket, &names::key_set(hash), SET_BYTES_MAX).await?.ok_or(FarmKeysError::NoSet(hash))?;
        let found = keccak256(&bytes);
        if found != hash {
            return Err(FarmKeysError::OtherSet { expected: hash, found });
        }
        let set = Set { verifying: Arc::new(read_key_set(&bytes)?), hash };
        let mut keys = BTreeMap::new();
        for circuit in circuit_ids(&set.verifying) {
            keys.insert(circuit, self.key(bucket, &set, circuit).await?);
        }
        self.cache.keep_only(hash);
        Ok(keys)
    }

    /// A circuit's key: from the operator's folder, from what was fetched before, or fetched. A file that is not what it should be is fetched anew, once.
    async fn key(&self, bucket: &ObjectStore, set: &Set, circuit: CircuitId) -> Result<Key, FarmKeysError> {
        if let Some(own) = &self.own {
            match read(own, self.l1_chain_id, set, circuit).await {
                Ok(key) => return Ok(key),
                Err(error) => tracing::info!(%error, "the folder has not all keys: asking the farm for them"),
            }
        }
        let folder = self.cache.of(set.hash);
        let mut is_fetched = false;
        loop {
            let error = match read(&folder, NO_CHAIN_ID, set, circuit).await {
                Ok(key) => return Ok(key),
                Err(error) => error,
            };
            if matches!(&error, FarmKeysError::Keys(of_key) if is_damage(of_key)) {
                KeyCache::remove(&folder, circuit)
                    .map_err(|error| FarmKeysError::Io { path: folder.clone(), error })?;
                if is_fetched {
                    return Err(error);
                }
                continue;
            }
            let path = match &error {
                FarmKeysError::Keys(KeysError::NoProvingKey { path, .. }) if !is_fetched => path.clone(),
                _ => return Err(error),
            };
            is_fetched = true;
            if self.fetch(bucket, set.hash, circuit.name(), &path).await? {
                continue;
            }
            let is_made = DEVNET_CHAIN_IDS.contains(&self.l1_chain_id);
            return if is_made { read(self.cache.folder(), self.l1_chain_id, set, circuit).await } else { Err(error) };
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
        let folder = self.cache.of(keys_hash);
        fs::create_dir_all(&folder).map_err(|error| FarmKeysError::Io { path: folder, error })?;
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

/// Whether a key's file is torn, or another set's: it is of no use to anybody.
fn is_damage(error: &KeysError) -> bool {
    match error {
        KeysError::OtherProvingKey { .. } => true,
        // What the operating system refuses may be in order; a file that ends early is not.
        KeysError::Imported(ImportedKeyError::File { source: KeyFileError::Io(error), .. }) => {
            error.kind() == io::ErrorKind::UnexpectedEof
        }
        KeysError::Imported(ImportedKeyError::File { .. }) => true,
        _ => false,
    }
}

/// Reads a proving key of a folder.
async fn read(folder: &Path, l1_chain_id: u64, set: &Set, circuit: CircuitId) -> Result<Key, FarmKeysError> {
    let proving = ProvingKeys { directory: folder.into(), l1_chain_id };
    let Set { verifying, hash } = set.clone();
    let read = move || read_one(&proving, circuit, &verifying, hash);
    Ok(tokio::task::spawn_blocking(read).await??)
}

fn read_one(
    proving: &ProvingKeys,
    circuit: CircuitId,
    verifying: &VerifyingKeys,
    keys_hash: B256,
) -> Result<Key, KeysError> {
    let circuits = BTreeSet::from([circuit]);
    let mut keys = proving.read(&circuits, verifying, keys_hash, &mut |text| tracing::info!("{text}"))?;
    // What was asked for is there, or an error.
    keys.remove(&circuit)
        .ok_or_else(|| KeysError::NoProvingKey { circuit: circuit.name(), path: proving.directory.clone() })
}
