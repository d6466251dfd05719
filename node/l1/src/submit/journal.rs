//! What was handed to L1 and may still be included, by nonce, kept where a killed process finds it again.
//!
//! The journal is no list of work: what takes a nonce is decided from L1's present state each time. It says which of our transactions may
//! be in a pool or come back with a reorganisation, so that a restart sends the same bytes again where the call is still right, outbids
//! them where it is not, and recognises what was included.

use super::Fees;
use alloy::primitives::{Address, B256, TxHash};
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Of the file's format. Version 1 was a single call without a version.
const VERSION: u64 = 2;

/// One signed transaction. Signing is deterministic, so that call, nonce, gas limit and fees stand for it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attempt {
    /// Hash of the transaction.
    pub hash: TxHash,
    /// What it is for.
    pub purpose: String,
    /// Which call it makes: [`L1Call::id`](super::L1Call::id).
    pub call: B256,
    /// Gas limit of the transaction.
    pub gas_limit: u64,
    /// What it bids; a bid for blob gas means that it carries blobs.
    pub fees: Fees,
}

impl Attempt {
    /// Whether it carries blobs.
    pub fn has_blobs(&self) -> bool {
        self.fees.max_fee_per_blob_gas.is_some()
    }
}

/// Everything that was broadcast with one nonce: at most one of them is ever included.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sent {
    /// The account that sent them.
    pub account: Address,
    /// Nonce that all attempts share.
    pub nonce: u64,
    /// Oldest first, of one call or of several that followed each other.
    pub attempts: Vec<Attempt>,
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be read or written.
    #[error("transaction journal {path}: {error}")]
    Io {
        /// The journal's path.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        error: io::Error,
    },
    /// The file is no journal.
    #[error("transaction journal {path} is damaged ({error}): move it away; what it names is found on L1 or outbid")]
    Damaged {
        /// The journal's path.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: serde_json::Error,
    },
    /// The file is a journal in another format.
    #[error(
        "transaction journal {path} is of another version of this program: move it away; what it names is found on L1 or outbid"
    )]
    OtherVersion {
        /// The journal's path.
        path: PathBuf,
    },
}

/// Holds a list by nonce; what was stored is durable when the method returns.
pub trait Journal: Send {
    /// The list; empty if nothing was stored.
    fn load(&self) -> Result<Vec<Sent>, JournalError>;
    /// Puts another list in the place of the one stored.
    fn store(&mut self, sent: &[Sent]) -> Result<(), JournalError>;
}

/// A journal in one file, replaced as a whole.
#[derive(Debug)]
pub struct FileJournal {
    path: PathBuf,
}

/// What the file holds, as JSON.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u64,
    sent: Vec<Sent>,
}

/// What tells the file's format.
#[derive(serde::Deserialize)]
struct Versioned {
    version: Option<u64>,
}

impl FileJournal {
    /// The file; its directory must exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn io(&self, error: io::Error) -> JournalError {
        JournalError::Io { path: self.path.clone(), error }
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let partial = self.path.with_extension("partial");
        let mut file = fs::File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, &self.path)?;
        sync_directory(&self.path)
    }
}

impl Journal for FileJournal {
    fn load(&self) -> Result<Vec<Sent>, JournalError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.io(error)),
        };
        let path = || self.path.clone();
        let damaged = |error| JournalError::Damaged { path: path(), error };
        let Versioned { version } = serde_json::from_slice(&bytes).map_err(damaged)?;
        if version != Some(VERSION) {
            return Err(JournalError::OtherVersion { path: path() });
        }
        Ok(serde_json::from_slice::<Document>(&bytes).map_err(damaged)?.sent)
    }

    fn store(&mut self, sent: &[Sent]) -> Result<(), JournalError> {
        let document = Document { version: VERSION, sent: sent.to_vec() };
        let bytes = serde_json::to_vec(&document).map_err(|error| self.io(error.into()))?;
        self.replace(&bytes).map_err(|error| self.io(error))
    }
}

/// Makes a rename durable.
fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => fs::File::open(parent)?.sync_all(),
        None => fs::File::open(".")?.sync_all(),
    }
}

/// A journal that does not outlive its process: for tools that a person runs and repeats.
#[derive(Clone, Debug, Default)]
pub struct MemoryJournal {
    sent: Vec<Sent>,
}

impl Journal for MemoryJournal {
    fn load(&self) -> Result<Vec<Sent>, JournalError> {
        Ok(self.sent.clone())
    }

    fn store(&mut self, sent: &[Sent]) -> Result<(), JournalError> {
        self.sent = sent.to_vec();
        Ok(())
    }
}

/// One account's part of a journal, in memory and behind it. Memory never knows more than the journal does.
#[derive(Debug)]
pub(super) struct Ledger<J> {
    journal: J,
    account: Address,
    /// What was sent, in ascending order of nonces.
    sent: Vec<Sent>,
}

impl<J: Journal> Ledger<J> {
    /// What the journal holds of `account`; another account's nonces say nothing about this one's, and go with the next write.
    pub fn open(journal: J, account: Address) -> Result<Self, JournalError> {
        let mut sent = journal.load()?;
        sent.retain(|sent| sent.account == account);
        sent.sort_by_key(|sent| sent.nonce);
        Ok(Self { journal, account, sent })
    }

    pub fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// Attempts with a nonce, oldest first.
    pub fn attempts(&self, nonce: u64) -> &[Attempt] {
        self.sent.iter().find(|sent| sent.nonce == nonce).map_or(&[], |sent| sent.attempts.as_slice())
    }

    /// The newest attempt that is not included if L1's next nonce is `next`.
    pub fn newest_open(&self, next: u64) -> Option<&Attempt> {
        self.sent.iter().filter(|sent| sent.nonce >= next).find_map(|sent| sent.attempts.last())
    }

    /// The newest attempts with later nonces.
    pub fn after(&self, nonce: u64) -> impl Iterator<Item = (u64, &Attempt)> {
        let later = self.sent.iter().filter(move |sent| sent.nonce > nonce);
        later.filter_map(|sent| Some((sent.nonce, sent.attempts.last()?)))
    }

    /// Comes before its broadcast. One that is there already stays where it is.
    pub fn push(&mut self, nonce: u64, attempt: Attempt) -> Result<(), JournalError> {
        if self.attempts(nonce).iter().any(|known| known.hash == attempt.hash) {
            return Ok(());
        }
        let mut next = self.sent.clone();
        match next.iter().position(|sent| sent.nonce >= nonce) {
            Some(place) if next[place].nonce == nonce => next[place].attempts.push(attempt),
            place => {
                let sent = Sent { account: self.account, nonce, attempts: vec![attempt] };
                next.insert(place.unwrap_or(next.len()), sent);
            }
        }
        self.replace(next)
    }

    /// Takes back an attempt that the endpoint refused, so that nobody has it.
    pub fn withdraw(&mut self, nonce: u64, hash: TxHash) -> Result<(), JournalError> {
        let mut next = self.sent.clone();
        for sent in next.iter_mut().filter(|sent| sent.nonce == nonce) {
            sent.attempts.retain(|attempt| attempt.hash != hash);
        }
        next.retain(|sent| !sent.attempts.is_empty());
        self.replace(next)
    }

    /// Nonces below `nonce` are final. Written with the next change: to remember too much does no harm.
    pub fn forget_below(&mut self, nonce: u64) {
        self.sent.retain(|sent| sent.nonce >= nonce);
    }

    fn replace(&mut self, next: Vec<Sent>) -> Result<(), JournalError> {
        self.journal.store(&next)?;
        self.sent = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: Address = Address::repeat_byte(1);

    fn attempt(seed: u8) -> Attempt {
        Attempt {
            hash: B256::repeat_byte(seed),
            purpose: "append".into(),
            call: B256::repeat_byte(9),
            gas_limit: 5,
            fees: Fees::over(u64::MAX.into(), 9, Some(1)),
        }
    }

    fn file() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.json");
        (directory, path)
    }

    fn ledger(path: &Path) -> Ledger<FileJournal> {
        Ledger::open(FileJournal::new(path), ACCOUNT).unwrap()
    }

    #[test]
    fn a_new_ledger_on_the_same_file_finds_the_list() {
        let (_directory, path) = file();
        let mut first = ledger(&path);
        assert!(first.is_empty());
        for (nonce, seed) in [(7, 1), (5, 2), (7, 3), (6, 4), (7, 3)] {
            first.push(nonce, attempt(seed)).unwrap();
        }
        let second = ledger(&path);
        assert_eq!(second.sent, first.sent);
        assert_eq!(second.sent.iter().map(|sent| sent.nonce).collect::<Vec<_>>(), [5, 6, 7]);
        assert_eq!(second.attempts(7), [attempt(1), attempt(3)]);
        assert_eq!(second.attempts(8), []);
    }

    #[test]
    fn what_is_final_is_forgotten_and_what_was_refused_withdrawn() {
        let (_directory, path) = file();
        let mut first = ledger(&path);
        for (nonce, seed) in [(5, 1), (6, 2), (7, 3), (7, 4)] {
            first.push(nonce, attempt(seed)).unwrap();
        }
        first.forget_below(6);
        first.withdraw(7, attempt(4).hash).unwrap();
        assert_eq!(first.attempts(5), []);
        assert_eq!(ledger(&path).sent, first.sent);
        assert_eq!(first.newest_open(6).map(|open| open.hash), Some(attempt(2).hash));
        assert_eq!(first.newest_open(7).map(|open| open.hash), Some(attempt(3).hash));
        first.withdraw(7, attempt(3).hash).unwrap();
        assert_eq!(first.newest_open(7), None);
        assert_eq!(ledger(&path).sent.len(), 1);
    }

    #[test]
    fn another_accounts_nonces_count_for_nothing() {
        let (_directory, path) = file();
        ledger(&path).push(5, attempt(1)).unwrap();
        assert!(Ledger::open(FileJournal::new(&path), Address::repeat_byte(2)).unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_stored_is_not_remembered() {
        let (directory, path) = file();
        let mut ledger = ledger(&path);
        drop(directory);
        assert!(matches!(ledger.push(5, attempt(1)), Err(JournalError::Io { .. })));
        assert!(ledger.is_empty());
    }

    #[test]
    fn a_damaged_journal_is_an_error_not_an_absence() {
        let (_directory, path) = file();
        for damaged in ["", "{\"version\":2,", "[]", "{\"version\":2,\"sent\":[{\"nonce\":1}]}"] {
            fs::write(&path, damaged).unwrap();
            let loaded = FileJournal::new(&path).load();
            assert!(matches!(loaded, Err(JournalError::Damaged { .. })), "{damaged}: {loaded:?}");
        }
    }

    #[test]
    fn a_journal_of_an_earlier_version_is_not_misread() {
        let (_directory, path) = file();
        for other in ["{\"call\":{\"purpose\":\"append\"},\"nonce\":6,\"attempts\":[]}", "{\"version\":3}"] {
            fs::write(&path, other).unwrap();
            let loaded = FileJournal::new(&path).load();
            assert!(matches!(loaded, Err(JournalError::OtherVersion { .. })), "{other}: {loaded:?}");
        }
    }
}
