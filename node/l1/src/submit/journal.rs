//! What is under way, kept where a killed process finds it again.

use super::{Fees, L1Call};
use alloy::primitives::TxHash;
use std::{fs, io, io::Write, path::PathBuf};

/// One signed transaction for a call. Signing is deterministic, so that the fees stand for the transaction.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attempt {
    /// Transaction hash.
    pub hash: TxHash,
    /// What it bids.
    pub fees: Fees,
}

/// A call under way.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PendingCall {
    /// The call, its gas limit filled in.
    pub call: L1Call,
    /// Nonce that all attempts share.
    pub nonce: u64,
    /// Every transaction that may have been broadcast, oldest first.
    pub attempts: Vec<Attempt>,
}

/// Holds at most one call; every method is durable when it returns.
pub trait Journal: Send {
    /// The call under way.
    fn load(&self) -> io::Result<Option<PendingCall>>;
    /// Replaces it.
    fn store(&mut self, pending: &PendingCall) -> io::Result<()>;
    /// Nothing is under way.
    fn clear(&mut self) -> io::Result<()>;
}

/// A journal in one file, replaced as a whole.
#[derive(Debug)]
pub struct FileJournal {
    path: PathBuf,
}

impl FileJournal {
    /// The file; its directory must exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl Journal for FileJournal {
    fn load(&self) -> io::Result<Option<PendingCall>> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn store(&mut self, pending: &PendingCall) -> io::Result<()> {
        let partial = self.path.with_extension("partial");
        let mut file = fs::File::create(&partial)?;
        file.write_all(&serde_json::to_vec(pending)?)?;
        file.sync_all()?;
        fs::rename(&partial, &self.path)?;
        sync_directory(&self.path)
    }

    fn clear(&mut self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => sync_directory(&self.path),
        }
    }
}

/// Makes a rename or removal durable.
fn sync_directory(path: &std::path::Path) -> io::Result<()> {
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => fs::File::open(parent)?.sync_all(),
        None => fs::File::open(".")?.sync_all(),
    }
}

/// A journal that does not outlive its process: for tools that a person runs and repeats.
#[derive(Clone, Debug, Default)]
pub struct MemoryJournal {
    pending: Option<PendingCall>,
}

impl Journal for MemoryJournal {
    fn load(&self) -> io::Result<Option<PendingCall>> {
        Ok(self.pending.clone())
    }

    fn store(&mut self, pending: &PendingCall) -> io::Result<()> {
        self.pending = Some(pending.clone());
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.pending = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::{Address, B256, U256};

    fn pending() -> PendingCall {
        PendingCall {
            call: L1Call {
                purpose: "append".into(),
                to: Address::repeat_byte(1).into(),
                input: vec![1, 2, 3].into(),
                value: U256::MAX,
                blobs: vec![vec![4; 10].into()],
                gas_limit: Some(5),
            },
            nonce: 6,
            attempts: vec![Attempt { hash: B256::repeat_byte(7), fees: Fees::over(u64::MAX.into(), 9, Some(1)) }],
        }
    }

    #[test]
    fn a_new_journal_on_the_same_file_finds_the_call() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.json");
        let mut journal = FileJournal::new(&path);
        assert_eq!(journal.load().unwrap(), None);
        journal.store(&pending()).unwrap();
        assert_eq!(FileJournal::new(&path).load().unwrap(), Some(pending()));
        journal.clear().unwrap();
        journal.clear().unwrap();
        assert_eq!(FileJournal::new(&path).load().unwrap(), None);
    }

    #[test]
    fn a_damaged_journal_is_an_error_not_an_absence() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.json");
        fs::write(&path, b"{\"nonce\":").unwrap();
        assert!(FileJournal::new(&path).load().is_err());
    }
}
