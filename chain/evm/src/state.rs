//! The world state while blocks are executed: a trie below, the current block's changes above.
//!
//! Rules: EVM-STATE-1, EVM-SYS-1 (`docs/spec/evm.md`). Twin: none, the guest runs this code. Reads are answered by a
//! [`PreimageSource`]; what it answers is checked by whoever built it.

use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, map::AddressMap};
use core::fmt;
use revm::{
    database_interface::{DBErrorMarker, Database, DatabaseCommit},
    state::{Account, AccountInfo, Bytecode},
};
use tandem_chain::{Checkpoint, PreimageSource, Preimages, TransitionError};
use tandem_trie::{AccountChange, StateChanges, StateTrie, TrieAccount, TrieError};

use crate::{
    nodes::Nodes,
    predeploys::{
        self, ADDRESS_TABLE, HISTORY_STORAGE, L1_INFO, MESSAGE_COUNT_SLOT, MESSAGE_PASSER, MESSAGE_ROOT_SLOT,
    },
};

/// Slots of the history contract (EIP-2935).
const HISTORY_WINDOW: u64 = 8191;
/// Code that is kept in case it is read again. A batch's gas can read more than the guest has memory (VM-9).
const READ_CODE_BYTES_MAX: usize = 64 << 20;

/// The state cannot be read: the source lacks a pre-image or holds one that is malformed.
#[derive(Debug, thiserror::Error)]
pub enum StateError<E: core::error::Error + Send + Sync + 'static> {
    /// A trie node is missing or malformed.
    #[error("state node: {0}")]
    Trie(#[from] TrieError<E>),
    /// A contract's code is missing.
    #[error("code: {0}")]
    Code(E),
}

impl<E: core::error::Error + Send + Sync + 'static> DBErrorMarker for StateError<E> {}

impl<E: core::error::Error + Send + Sync + 'static> From<StateError<E>> for TransitionError<E> {
    fn from(error: StateError<E>) -> Self {
        match error {
            StateError::Trie(TrieError::Source(error)) | StateError::Code(error) => Self::Source(error),
            StateError::Trie(TrieError::Malformed { hash, .. }) => Self::Corrupt(hash),
            StateError::Trie(TrieError::MalformedAccount { key, .. } | TrieError::MalformedSlot { key, .. }) => {
                Self::Corrupt(key)
            }
        }
    }
}

/// One account as the block under construction sees it.
#[derive(Clone, Debug, Default)]
struct Entry {
    info: Option<AccountInfo>,
    storage: BTreeMap<U256, U256>,
    /// Slots that are not in `storage` are zero, whatever the trie holds.
    wiped: bool,
}

/// The state after the last sealed block, and the changes since.
#[derive(Clone)]
pub struct WorldState<S> {
    trie: StateTrie<Nodes<S>>,
    entries: BTreeMap<Address, Entry>,
    changes: StateChanges,
    /// Code that came with changes: the source need not have it yet.
    codes: BTreeMap<B256, Bytecode>,
    new_codes: Preimages,
    /// Code from the source, and how many bytes of it.
    read_codes: BTreeMap<B256, Bytecode>,
    read_code_bytes: usize,
}

impl<S> fmt::Debug for WorldState<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorldState").field("changes", &self.changes.len()).finish_non_exhaustive()
    }
}

impl<S: PreimageSource> WorldState<S> {
    /// The state with this root. Reads nothing.
    pub fn open(root: B256, source: S) -> Self {
        Self {
            trie: StateTrie::open(root, Nodes::new(source)),
            entries: BTreeMap::new(),
            changes: BTreeMap::new(),
            codes: BTreeMap::new(),
            new_codes: Vec::new(),
            read_codes: BTreeMap::new(),
            read_code_bytes: 0,
        }
    }

    /// Root after the last sealed block.
    pub fn root(&self) -> B256 {
        self.trie.root()
    }

    /// The trie after the last sealed block, for proofs.
    pub fn trie_mut(&mut self) -> &mut StateTrie<Nodes<S>> {
        &mut self.trie
    }

    /// Frees the memory of everything that can be read again. The source must have what sealed blocks wrote.
    pub fn forget(&mut self) {
        self.forget_nodes();
        self.trie.source_mut().forget_written();
        self.codes.clear();
        self.forget_read_codes();
    }

    fn forget_nodes(&mut self) {
        self.trie.forget();
        self.trie.source().dropped();
    }

    fn forget_read_codes(&mut self) {
        self.read_codes.clear();
        self.read_code_bytes = 0;
    }

    /// Drops the changes since the last sealed block. Code that only they brought is forgotten too, so that it counts as new if it comes again.
    pub fn discard(&mut self) {
        self.entries.clear();
        self.changes.clear();
        for (hash, _) in self.new_codes.drain(..) {
            self.codes.remove(&hash);
        }
    }

    /// Folds the changes into the trie. Returns the new root and the new pre-images.
    pub fn seal(&mut self) -> Result<(B256, Preimages), StateError<S::Error>> {
        let commit = self.trie.apply(&self.changes)?;
        let mut preimages = commit.new_nodes;
        self.trie.source_mut().write(&preimages);
        preimages.append(&mut self.new_codes);
        self.entries.clear();
        self.changes.clear();
        Ok((commit.root, preimages))
    }

    /// The account's balance and nonce, or none if it does not exist.
    pub fn account(&mut self, address: Address) -> Result<Option<AccountInfo>, StateError<S::Error>> {
        Ok(self.entry(address)?.info.clone())
    }

    /// The account's balance in wei.
    pub fn balance(&mut self, address: Address) -> Result<U256, StateError<S::Error>> {
        Ok(self.account(address)?.map_or(U256::ZERO, |info| info.balance))
    }

    /// Adds wei to an account. Saturates: there is less ether than 2^256 wei.
    pub fn credit(&mut self, address: Address, amount: U256) -> Result<(), StateError<S::Error>> {
        if amount.is_zero() {
            return Ok(());
        }
        let mut info = self.account(address)?.unwrap_or_default();
        info.balance = info.balance.saturating_add(amount);
        self.set_info(address, info);
        Ok(())
    }

    /// Takes wei from an account, if it has as much. Says whether it had.
    pub fn debit(&mut self, address: Address, amount: U256) -> Result<bool, StateError<S::Error>> {
        if amount.is_zero() {
            return Ok(true);
        }
        let Some(mut info) = self.account(address)? else { return Ok(false) };
        let Some(rest) = info.balance.checked_sub(amount) else { return Ok(false) };
        info.balance = rest;
        self.set_info(address, info);
        Ok(true)
    }

    /// Counts a transaction in an account's nonce. Saturates: there are fewer than 2^64.
    pub(crate) fn count_nonce(&mut self, address: Address) -> Result<(), StateError<S::Error>> {
        let mut info = self.account(address)?.unwrap_or_default();
        info.nonce = info.nonce.saturating_add(1);
        self.set_info(address, info);
        Ok(())
    }

    /// Puts a genesis account in place.
    pub fn insert(&mut self, address: Address, nonce: u64, balance: U256, code: &Bytes, storage: &[(U256, U256)]) {
        let bytecode = Bytecode::new_raw(code.clone());
        let info = AccountInfo { balance, nonce, code_hash: bytecode.hash_slow(), code: None, ..Default::default() };
        self.learn_code(info.code_hash, &bytecode);
        self.set_info(address, info);
        for (slot, value) in storage {
            self.set_storage(address, *slot, *value);
        }
    }

    /// Records the parent's hash where BLOCKHASH and the history contract find it (EVM-SYS-1, EIP-2935).
    pub fn record_block_hash(&mut self, number: u64, hash: B256) -> Result<(), StateError<S::Error>> {
        self.entry(HISTORY_STORAGE)?;
        self.set_storage(HISTORY_STORAGE, U256::from(number % HISTORY_WINDOW), hash.into());
        Ok(())
    }

    /// Root of the L2-to-L1 message tree.
    pub fn message_root(&mut self) -> Result<B256, StateError<S::Error>> {
        Ok(self.storage(MESSAGE_PASSER, MESSAGE_ROOT_SLOT)?.into())
    }

    /// Messages that L2 sent to L1 so far.
    pub fn message_count(&mut self) -> Result<u64, StateError<S::Error>> {
        Ok(self.storage(MESSAGE_PASSER, MESSAGE_COUNT_SLOT)?.saturating_to())
    }

    /// The checkpoint that the chain last stored (PRE-INFO-2).
    pub fn checkpoint(&mut self) -> Result<Checkpoint, StateError<S::Error>> {
        let place = self.storage(L1_INFO, U256::ZERO)?;
        let low_bits = |word: U256| word.as_limbs()[0];
        Ok(Checkpoint {
            number: low_bits(place),
            timestamp: low_bits(place.wrapping_shr(64)),
            base_fee: self.storage(L1_INFO, U256::from(1))?,
            blob_base_fee: self.storage(L1_INFO, U256::from(2))?,
        })
    }

    /// The account's code; empty if it has none.
    pub fn code(&mut self, address: Address) -> Result<Bytes, StateError<S::Error>> {
        match self.account(address)? {
            Some(info) => Ok(self.code_by_hash(info.code_hash)?.original_bytes()),
            None => Ok(Bytes::new()),
        }
    }

    /// The address that the state's table names `index`, if any.
    pub fn table_address(&mut self, index: u64) -> Result<Option<Address>, StateError<S::Error>> {
        let word = B256::from(self.storage(ADDRESS_TABLE, predeploys::address_slot(index))?);
        Ok((!word.is_zero()).then(|| Address::from_word(word)))
    }

    /// The index by which the state's table names `account`, if it does: the inverse of [`WorldState::table_address`].
    pub fn table_index(&mut self, account: Address) -> Result<Option<u64>, StateError<S::Error>> {
        let word = self.storage(ADDRESS_TABLE, predeploys::address_index_slot(account))?;
        Ok(word.saturating_to::<u64>().checked_sub(1))
    }

    fn entry(&mut self, address: Address) -> Result<&mut Entry, StateError<S::Error>> {
        use alloc::collections::btree_map::Entry as Slot;
        // Every read of the trie comes through here.
        if self.trie.source().are_many() {
            self.forget_nodes();
        }
        match self.entries.entry(address) {
            Slot::Occupied(entry) => Ok(entry.into_mut()),
            Slot::Vacant(vacant) => {
                let info = self.trie.account(address)?.map(info_of);
                Ok(vacant.insert(Entry { info, ..Default::default() }))
            }
        }
    }

    fn set_info(&mut self, address: Address, info: AccountInfo) {
        let info = Some(info).filter(|info| !info.is_empty());
        self.changes.entry(address).or_default().info = info.as_ref().map(|info| tandem_trie::AccountInfo {
            nonce: info.nonce,
            balance: info.balance,
            code_hash: info.code_hash,
        });
        self.entries.entry(address).or_default().info = info;
    }

    fn set_storage(&mut self, address: Address, slot: U256, value: U256) {
        let entry = self.entries.entry(address).or_default();
        entry.storage.insert(slot, value);
        let info = entry.info.as_ref().map(|info| tandem_trie::AccountInfo {
            nonce: info.nonce,
            balance: info.balance,
            code_hash: info.code_hash,
        });
        let change = self.changes.entry(address).or_insert_with(|| AccountChange { info, ..Default::default() });
        change.storage.insert(slot, value);
    }

    fn wipe(&mut self, address: Address) {
        let entry = self.entries.entry(address).or_default();
        entry.storage.clear();
        entry.wiped = true;
        let change = self.changes.entry(address).or_default();
        change.storage.clear();
        change.wiped = true;
    }

    fn learn_code(&mut self, hash: B256, code: &Bytecode) {
        let known = self.codes.contains_key(&hash) || self.read_codes.contains_key(&hash);
        if hash != KECCAK256_EMPTY && !known {
            self.new_codes.push((hash, code.original_bytes()));
            self.codes.insert(hash, code.clone());
        }
    }
}

fn info_of(account: TrieAccount) -> AccountInfo {
    AccountInfo {
        balance: account.balance,
        nonce: account.nonce,
        code_hash: account.code_hash,
        code: None,
        ..Default::default()
    }
}

impl<S: PreimageSource> Database for WorldState<S> {
    type Error = StateError<S::Error>;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        self.account(address)
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, Self::Error> {
        if code_hash == KECCAK256_EMPTY || code_hash.is_zero() {
            return Ok(Bytecode::default());
        }
        if let Some(code) = self.codes.get(&code_hash).or_else(|| self.read_codes.get(&code_hash)) {
            return Ok(code.clone());
        }
        let bytes = self.trie.source().source.preimage(code_hash).map_err(StateError::Code)?;
        if self.read_code_bytes.saturating_add(bytes.len()) > READ_CODE_BYTES_MAX {
            self.forget_read_codes();
        }
        self.read_code_bytes = self.read_code_bytes.saturating_add(bytes.len());
        let code = Bytecode::new_raw(bytes);
        self.read_codes.insert(code_hash, code.clone());
        Ok(code)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, Self::Error> {
        let entry = self.entry(address)?;
        if let Some(value) = entry.storage.get(&slot) {
            return Ok(*value);
        }
        if entry.wiped {
            return Ok(U256::ZERO);
        }
        let value = self.trie.storage(address, slot)?;
        if let Some(entry) = self.entries.get_mut(&address) {
            entry.storage.insert(slot, value);
        }
        Ok(value)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Self::Error> {
        Ok(self.storage(HISTORY_STORAGE, U256::from(number % HISTORY_WINDOW))?.into()) // EVM-ENV-3
    }
}

impl<S: PreimageSource> DatabaseCommit for WorldState<S> {
    fn commit(&mut self, accounts: AddressMap<Account>) {
        for (address, account) in accounts {
            if !account.is_touched() {
                continue;
            }
            if account.is_selfdestructed() {
                self.wipe(address);
                self.set_info(address, AccountInfo::default());
                continue;
            }
            if account.is_created() {
                self.wipe(address);
            }
            // Called code comes along too. It is no news, and kept it would outgrow the guest's memory.
            let before = self.entries.get(&address).and_then(|entry| entry.info.as_ref());
            let is_new = before.is_none_or(|info| info.code_hash != account.info.code_hash);
            if let Some(code) = account.info.code.as_ref().filter(|_| is_new) {
                self.learn_code(account.info.code_hash, code);
            }
            self.set_info(address, AccountInfo { code: None, ..account.info.clone() });
            for (slot, value) in account.changed_storage_slots() {
                self.set_storage(address, *slot, value.present_value);
            }
        }
    }
}
