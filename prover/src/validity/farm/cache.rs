//! The folder in which a worker keeps proving keys that it fetched, a folder in it for each set. Several processes may share it, and any of them may be killed.
//!
//! Invariant: nothing is deleted while another process uses the folder. Each holds a shared lock of it, and deletes only while it has the lock alone.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use alloy::{hex, primitives::B256};
use tandem_circuits::circuit::CircuitId;

use super::objects::PARTIAL;

/// The folder of all sets.
#[derive(Debug)]
pub struct KeyCache {
    folder: PathBuf,
    /// Held for as long as it is open. None if there can be no such file, as on a disk that is full: then nothing is deleted.
    lock: Option<File>,
}

impl KeyCache {
    /// A folder, which is created if it is missing. What processes that were killed left half written there is deleted, unless others use it.
    pub fn open(folder: PathBuf) -> Self {
        let lock = fs::create_dir_all(&folder).and_then(|()| File::create(folder.join("keys.lock"))).ok();
        let cache = Self { folder, lock };
        cache.alone(|| {
            let files = sets(&cache.folder).iter().flat_map(|set| paths(set)).collect::<Vec<_>>();
            for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == PARTIAL)) {
                delete(fs::remove_file(file), file);
            }
        });
        cache
    }

    /// Where keys of no certain set are: those of a devnet, which are made.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of a set, which need not exist.
    pub fn of(&self, keys_hash: B256) -> PathBuf {
        self.folder.join(hex::encode(keys_hash))
    }

    /// Deletes the files of a circuit's key in a folder of this cache: they are not what they should be.
    ///
    /// # Errors
    /// If they cannot be deleted.
    pub fn remove(folder: &Path, circuit: CircuitId) -> io::Result<()> {
        let prefix = format!("{}-", circuit.name());
        let is_of = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
                && path.extension().is_some_and(|end| end == "key")
        };
        paths(folder).into_iter().filter(is_of).try_for_each(fs::remove_file)
    }

    /// Deletes all sets but one, whose keys are there: L1 has it now. Unless other processes use the folder, which may still be at the one before.
    pub fn keep_only(&self, keys_hash: B256) {
        let kept = self.of(keys_hash);
        self.alone(|| {
            for set in sets(&self.folder).into_iter().filter(|set| *set != kept) {
                delete(fs::remove_dir_all(&set), &set);
            }
        });
    }

    /// Does something if no other process uses the folder, and keeps others from using it meanwhile.
    fn alone(&self, deletes: impl FnOnce()) {
        let Some(lock) = &self.lock else { return };
        if lock.try_lock().is_ok() {
            deletes();
        }
        // Also after a lock that was not had, which may have cost the shared one. Whoever has it alone has it for a moment.
        let _ = lock.lock_shared();
    }
}

/// The folders of sets, each named by its hash.
fn sets(folder: &Path) -> Vec<PathBuf> {
    let is_set = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.len() == 64 && name.bytes().all(|letter| letter.is_ascii_hexdigit()) && path.is_dir()
    };
    paths(folder).into_iter().filter(is_set).collect()
}

/// What is in a folder; nothing if it cannot be read.
fn paths(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// What cannot be deleted costs room, and no more.
fn delete(deleted: io::Result<()>, path: &Path) {
    let path = path.display();
    match deleted {
        Ok(()) => tracing::info!(%path, "deleted what is left of keys that nobody needs"),
        Err(error) => tracing::info!(%path, %error, "keys that nobody needs cannot be deleted"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETS: [B256; 2] = [B256::repeat_byte(1), B256::repeat_byte(2)];

    /// A cache with both sets, a key and half a key in each.
    fn filled(folder: &Path) {
        for set in SETS.map(|set| folder.join(hex::encode(set))) {
            fs::create_dir_all(&set).unwrap();
            for name in ["apply-small-ab.key", "apply-large-ab.key", "apply-small-ab.7-0.partial"] {
                fs::write(set.join(name), [1]).unwrap();
            }
        }
    }

    fn count(folder: &Path) -> usize {
        SETS.iter().map(|set| paths(&folder.join(hex::encode(set))).len()).sum()
    }

    #[test]
    fn what_was_left_is_deleted_by_whoever_is_alone() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path();
        fs::create_dir_all(folder.join("other")).unwrap();
        filled(folder);
        let first = KeyCache::open(folder.into());
        assert_eq!(count(folder), 4, "no half keys");
        // While two use it, neither deletes what may be the other's.
        filled(folder);
        let second = KeyCache::open(folder.into());
        first.keep_only(SETS[0]);
        second.keep_only(SETS[0]);
        assert_eq!(count(folder), 6);
        drop(first);
        second.keep_only(SETS[0]);
        assert_eq!((count(folder), second.of(SETS[1]).exists()), (3, false));
        assert!(folder.join("other").exists());
    }

    #[test]
    fn only_the_key_that_is_wrong_is_deleted() {
        let directory = tempfile::tempdir().unwrap();
        filled(directory.path());
        let set = KeyCache::open(directory.path().into()).of(SETS[0]);
        KeyCache::remove(&set, CircuitId::ApplySmall).unwrap();
        let left: Vec<_> = paths(&set).iter().map(|path| path.file_name().unwrap().to_owned()).collect();
        assert_eq!(left, ["apply-large-ab.key"]);
        KeyCache::remove(&set.join("nowhere"), CircuitId::ApplySmall).unwrap();
    }
}
