//! Batches that are being proven, on disk: the assembly's bytes of each in one file, replaced as a whole after each proof.
//!
//! Invariant: at any instant the file is whole or absent, and what is read from it was verified again. Adversarial: the disk, a kill at any moment, a second process.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use tandem_circuits::groth16::{ASSEMBLY_BYTES_MAX, Assembly, VerifyingKeys, WireError};

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BatchFileError {
    /// The file cannot be read or written.
    #[error("{path}: {error}")]
    Io {
        /// The file's path.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        error: io::Error,
    },
    /// Another process has the folder.
    #[error("another process proves in {directory}: wait for its end, or give another --data-dir")]
    InUse {
        /// The folder that it has.
        directory: PathBuf,
    },
}

/// What the file holds.
#[derive(Debug)]
pub enum Stored {
    /// There is no file.
    Nothing,
    /// A batch with the proofs so far, each verified.
    Batch(Box<Assembly>),
    /// Torn, damaged, or not of these keys: nothing in it is used.
    Unusable(WireError),
}

/// A folder, of which this process is the only user until it and its files are dropped. Cheap to clone.
#[derive(Clone, Debug)]
pub struct BatchFolder {
    directory: PathBuf,
    /// Held for as long as it is open.
    lock: Arc<File>,
}

impl BatchFolder {
    /// A folder, which is created if it is missing and locked.
    ///
    /// # Errors
    /// If it cannot be used, or another process uses it.
    pub fn open(directory: &Path) -> Result<Self, BatchFileError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            |error| BatchFileError::Io { path, error }
        };
        fs::create_dir_all(directory).map_err(at(directory))?;
        let lock_path = directory.join("proving.lock");
        let lock = File::create(&lock_path).map_err(at(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { directory: directory.into(), lock: Arc::new(lock) }),
            Err(TryLockError::WouldBlock) => Err(BatchFileError::InUse { directory: directory.into() }),
            Err(TryLockError::Error(error)) => Err(at(&lock_path)(error)),
        }
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The file of a name.
    pub fn file(&self, name: &str) -> BatchFile {
        BatchFile { path: self.directory.join(name).with_extension("assembly"), _lock: self.lock.clone() }
    }
}

/// The file of one batch.
#[derive(Debug)]
pub struct BatchFile {
    path: PathBuf,
    /// Keeps other processes out of the folder.
    _lock: Arc<File>,
}

impl BatchFile {
    /// The only file of a folder.
    ///
    /// # Errors
    /// As [`BatchFolder::open`].
    pub fn open(directory: &Path) -> Result<Self, BatchFileError> {
        Ok(BatchFolder::open(directory)?.file("batch"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The batch in the file, its proofs verified again.
    ///
    /// # Errors
    /// If the disk fails. Bytes that are no such batch are no error but [`Stored::Unusable`].
    pub fn load(&self, keys: &VerifyingKeys) -> Result<Stored, BatchFileError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Stored::Nothing),
            Err(error) => return Err(self.io(error)),
        };
        let mut bytes = Vec::new();
        // One byte more than any assembly has, whatever the file is.
        let limit = ASSEMBLY_BYTES_MAX as u64 + 1;
        file.take(limit).read_to_end(&mut bytes).map_err(|error| self.io(error))?;
        Ok(match Assembly::decode(&bytes, keys) {
            Ok(assembly) => Stored::Batch(Box::new(assembly)),
            Err(error) => Stored::Unusable(error),
        })
    }

    /// Puts a batch in the place of what the file held; durable when it returns.
    ///
    /// # Errors
    /// If the disk fails: the file holds what it held.
    pub fn store(&self, assembly: &Assembly) -> Result<(), BatchFileError> {
        self.replace(&assembly.encode()).map_err(|error| self.io(error))
    }

    /// Forgets the batch.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn remove(&self) -> Result<(), BatchFileError> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.io(error)),
            _ => Ok(()),
        }
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let partial = self.path.with_extension("partial");
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, &self.path)?;
        // Makes the rename durable.
        match self.path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            Some(parent) => File::open(parent)?.sync_all(),
            None => File::open(".")?.sync_all(),
        }
    }

    fn io(&self, error: io::Error) -> BatchFileError {
        BatchFileError::Io { path: self.path.clone(), error }
    }
}
