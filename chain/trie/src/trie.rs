//! A trie with 32-byte keys over one source.

use crate::{NodeSource, TrieError, tree::Tree};
use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes};

/// The result of committing changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The new root hash.
    pub root: B256,
    /// The nodes that are new: hash and RLP, children before parents. Only nodes with an RLP of 32
    /// bytes or more have a hash of their own; the root is listed whatever its length. The empty
    /// trie has no node. A node may be listed that the source already holds.
    pub new_nodes: Vec<(B256, Bytes)>,
}

/// A Merkle-Patricia trie with 32-byte (hashed) keys.
///
/// Nodes are read from the source when needed and stay decoded in memory as long as the trie lives.
/// An operation that fails leaves the content as it was.
#[derive(Debug, Clone)]
pub struct Trie<S> {
    source: S,
    tree: Tree,
}

impl<S: NodeSource> Trie<S> {
    /// The trie with this root. Reads nothing.
    pub fn open(root: B256, source: S) -> Self {
        Self { source, tree: Tree::open(root) }
    }

    /// The root hash, uncommitted changes included (then it takes as long as a commit).
    pub fn root(&self) -> B256 {
        self.tree.root()
    }

    /// The value at `key`, or `None` if there is none.
    pub fn get(&mut self, key: B256) -> Result<Option<&[u8]>, TrieError<S::Error>> {
        self.tree.get(&self.source, key)
    }

    /// Sets `key` to `value`; an empty value removes it. Whether that changed anything.
    pub fn insert(&mut self, key: B256, value: Vec<u8>) -> Result<bool, TrieError<S::Error>> {
        if value.is_empty() {
            return self.remove(key);
        }
        self.tree.insert(&self.source, key, value)
    }

    /// Removes `key`. Whether it was there.
    pub fn remove(&mut self, key: B256) -> Result<bool, TrieError<S::Error>> {
        self.tree.remove(&self.source, key)
    }

    /// Computes the root and hands over the new nodes, which the caller makes available in the
    /// source before it opens the trie at the new root. The trie stays usable.
    pub fn commit(&mut self) -> Commit {
        let mut new_nodes = Vec::new();
        let root = self.tree.commit(&mut new_nodes);
        Commit { root, new_nodes }
    }

    /// The nodes on the way to `key`, in the format of `eth_getProof`: proves the value, or that
    /// there is none. With uncommitted changes it is for the root that [`Self::root`] gives.
    pub fn prove(&mut self, key: B256) -> Result<Vec<Bytes>, TrieError<S::Error>> {
        self.tree.prove(&self.source, key)
    }
}
