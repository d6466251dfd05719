//! Ethereum's state: a trie of accounts, and a trie of storage slots per account.
//!
//! Rules (EVM-STATE-1): keys are keccak-256 of the address and of the 32-byte slot; an account that is empty per
//! EIP-161 (no nonce, no balance, no code) does not exist; a slot that is zero does not exist.

use crate::{Commit, EMPTY_ROOT_HASH, KECCAK_EMPTY, NodeSource, TrieError, tree::Tree};
use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::{RlpDecodable, RlpEncodable};

/// An account as its leaf holds it. (Not alloy-trie's type: a cargo feature adds a field to that one,
/// and what a leaf may hold must not depend on what else is compiled.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct TrieAccount {
    /// Number of transactions sent, or of contracts created.
    pub nonce: u64,
    /// The account's balance in wei.
    pub balance: U256,
    /// Root of the account's storage trie.
    pub storage_root: B256,
    /// keccak-256 of the account's code.
    pub code_hash: B256,
}

/// An account without its storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountInfo {
    /// Number of transactions sent, or of contracts created.
    pub nonce: u64,
    /// The account's balance in wei.
    pub balance: U256,
    /// keccak-256 of the account's code.
    pub code_hash: B256,
}

impl Default for AccountInfo {
    fn default() -> Self {
        Self { nonce: 0, balance: U256::ZERO, code_hash: KECCAK_EMPTY }
    }
}

impl AccountInfo {
    /// Whether the account is empty per EIP-161, and so does not exist.
    pub fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code_hash == KECCAK_EMPTY
    }
}

/// What happens to one account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountChange {
    /// The account afterwards; `None` or an empty account: it and its storage are removed.
    pub info: Option<AccountInfo>,
    /// Slots that change, with their new values; zero removes the slot.
    pub storage: BTreeMap<U256, U256>,
    /// Whether the storage is emptied before `storage` is applied.
    pub wiped: bool,
}

/// What happens to the state, by account.
pub type StateChanges = BTreeMap<Address, AccountChange>;

/// The state at one root, over one source of nodes. Nodes and storage tries that were read stay in
/// memory until [`Self::forget`].
#[derive(Debug, Clone)]
pub struct StateTrie<S> {
    source: S,
    /// The committed root. Between calls, `accounts` and `storages` are committed as well.
    root: B256,
    accounts: Tree,
    /// Storage tries in use, by hashed address; each at the storage root in the account's leaf.
    storages: BTreeMap<B256, Tree>,
}

impl<S: NodeSource> StateTrie<S> {
    /// The state with this root. Reads nothing.
    pub fn open(root: B256, source: S) -> Self {
        Self { source, root, accounts: Tree::open(root), storages: BTreeMap::new() }
    }

    /// The state root as of the last commit.
    pub const fn root(&self) -> B256 {
        self.root
    }

    /// The source of nodes.
    pub const fn source(&self) -> &S {
        &self.source
    }

    /// The source of nodes, to tell it what it should have.
    pub const fn source_mut(&mut self) -> &mut S {
        &mut self.source
    }

    /// Drops the nodes in memory. They are read again when needed.
    pub fn forget(&mut self) {
        self.accounts = Tree::open(self.root);
        self.storages.clear();
    }

    /// The account at `address`, or `None` if it does not exist.
    pub fn account(&mut self, address: Address) -> Result<Option<TrieAccount>, TrieError<S::Error>> {
        self.account_at(keccak256(address))
    }

    /// The value of an account's storage slot; zero if the slot or the account does not exist.
    pub fn storage(&mut self, address: Address, slot: U256) -> Result<U256, TrieError<S::Error>> {
        let account_key = keccak256(address);
        let Some(account) = self.account_at(account_key)? else { return Ok(U256::ZERO) };
        let key = slot_key(slot);
        let tree = storage_tree(&mut self.storages, account_key, account.storage_root);
        match tree.get(&self.source, key)? {
            None => Ok(U256::ZERO),
            Some(value) => decode_slot(value).map_err(|reason| TrieError::MalformedSlot { key, reason }),
        }
    }

    /// Applies `changes` and computes the new root; the state is then at that root. The new nodes
    /// are for the caller to keep. After an error the state is at the old root, unchanged.
    ///
    /// Slots and accounts are written in ascending order, those that are set before those that are
    /// removed, which reads fewer nodes; the order decides which nodes a witness holds.
    pub fn apply(&mut self, changes: &StateChanges) -> Result<Commit, TrieError<S::Error>> {
        let mut new_nodes = Vec::new();
        match self.apply_to_trees(changes, &mut new_nodes) {
            Ok(()) => {
                self.root = self.accounts.commit(&mut new_nodes);
                Ok(Commit { root: self.root, new_nodes })
            }
            Err(error) => {
                self.forget();
                Err(error)
            }
        }
    }

    /// The account's nodes in the format of `eth_getProof`'s `accountProof`.
    pub fn prove_account(&mut self, address: Address) -> Result<Vec<Bytes>, TrieError<S::Error>> {
        self.accounts.prove(&self.source, keccak256(address))
    }

    /// A slot's nodes in the format of `eth_getProof`'s `storageProof`; none if the account does not
    /// exist or has no storage.
    pub fn prove_storage(&mut self, address: Address, slot: U256) -> Result<Vec<Bytes>, TrieError<S::Error>> {
        let account_key = keccak256(address);
        let Some(account) = self.account_at(account_key)? else { return Ok(Vec::new()) };
        storage_tree(&mut self.storages, account_key, account.storage_root).prove(&self.source, slot_key(slot))
    }

    fn account_at(&mut self, key: B256) -> Result<Option<TrieAccount>, TrieError<S::Error>> {
        self.accounts
            .get(&self.source, key)?
            .map(|leaf| alloy_rlp::decode_exact(leaf).map_err(|reason| TrieError::MalformedAccount { key, reason }))
            .transpose()
    }

    fn apply_to_trees(
        &mut self,
        changes: &StateChanges,
        new_nodes: &mut Vec<(B256, Bytes)>,
    ) -> Result<(), TrieError<S::Error>> {
        let mut removed = Vec::new();
        for (address, change) in changes {
            let key = keccak256(address);
            match change.info.filter(|info| !info.is_empty()) {
                None => removed.push(key),
                Some(info) => {
                    let storage_root = self.apply_storage(key, change, new_nodes)?;
                    let AccountInfo { nonce, balance, code_hash } = info;
                    let leaf = TrieAccount { nonce, balance, storage_root, code_hash };
                    self.accounts.insert(&self.source, key, alloy_rlp::encode(leaf))?;
                }
            }
        }
        for key in removed {
            self.accounts.remove(&self.source, key)?;
            self.storages.remove(&key);
        }
        Ok(())
    }

    /// Applies a change to the storage trie of the account at `account_key`. The new storage root.
    fn apply_storage(
        &mut self,
        account_key: B256,
        change: &AccountChange,
        new_nodes: &mut Vec<(B256, Bytes)>,
    ) -> Result<B256, TrieError<S::Error>> {
        let root = if change.wiped {
            self.storages.remove(&account_key);
            EMPTY_ROOT_HASH
        } else {
            self.account_at(account_key)?.map_or(EMPTY_ROOT_HASH, |account| account.storage_root)
        };
        if change.storage.is_empty() {
            return Ok(root);
        }
        let tree = storage_tree(&mut self.storages, account_key, root);
        for (slot, value) in change.storage.iter().filter(|(_, value)| !value.is_zero()) {
            tree.insert(&self.source, slot_key(*slot), alloy_rlp::encode(value))?;
        }
        for (slot, _) in change.storage.iter().filter(|(_, value)| value.is_zero()) {
            tree.remove(&self.source, slot_key(*slot))?;
        }
        Ok(tree.commit(new_nodes))
    }
}

fn storage_tree(storages: &mut BTreeMap<B256, Tree>, account_key: B256, root: B256) -> &mut Tree {
    storages.entry(account_key).or_insert_with(|| Tree::open(root))
}

fn slot_key(slot: U256) -> B256 {
    keccak256(slot.to_be_bytes::<32>())
}

/// A slot's leaf: an RLP integer, never zero.
fn decode_slot(leaf: &[u8]) -> alloy_rlp::Result<U256> {
    let value: U256 = alloy_rlp::decode_exact(leaf)?;
    if value.is_zero() { Err(alloy_rlp::Error::Custom("zero slot")) } else { Ok(value) }
}
