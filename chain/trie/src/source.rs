//! Where trie nodes come from, and adapters around it.

use alloc::collections::BTreeMap;
use alloy_primitives::{B256, Bytes, keccak256, map::B256Map};
use core::cell::RefCell;

/// Delivers the RLP of trie nodes by their keccak-256 hash.
///
/// A source that is trusted (the node's own store) is used as it is; any other is wrapped in
/// [`HashChecked`].
pub trait NodeSource {
    /// Why a node could not be delivered.
    type Error;

    /// The RLP of the node whose keccak-256 hash is `hash`.
    fn node(&self, hash: B256) -> Result<Bytes, Self::Error>;
}

impl<S: NodeSource + ?Sized> NodeSource for &S {
    type Error = S::Error;

    fn node(&self, hash: B256) -> Result<Bytes, Self::Error> {
        (**self).node(hash)
    }
}

/// No node with this hash is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no node with hash {0}")]
pub struct MissingNode(pub B256);

/// Nodes in memory: a decoded witness, or the whole state of a test.
#[derive(Debug, Clone, Default)]
pub struct MemorySource {
    nodes: B256Map<Bytes>,
}

impl MemorySource {
    /// Stores `nodes` under the hashes they are given with, unchecked.
    pub fn extend(&mut self, nodes: impl IntoIterator<Item = (B256, Bytes)>) {
        self.nodes.extend(nodes);
    }

    /// Stores witness nodes under the hashes computed here, so that the source needs no check.
    pub fn from_witness(nodes: impl IntoIterator<Item = Bytes>) -> Self {
        Self { nodes: nodes.into_iter().map(|node| (keccak256(&node), node)).collect() }
    }

    /// How many nodes the source holds.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

impl NodeSource for MemorySource {
    type Error = MissingNode;

    fn node(&self, hash: B256) -> Result<Bytes, MissingNode> {
        self.nodes.get(&hash).cloned().ok_or(MissingNode(hash))
    }
}

/// Why a [`HashChecked`] source did not deliver a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckedError<E> {
    /// The inner source failed.
    #[error(transparent)]
    Source(E),
    /// The inner source delivered bytes with another hash.
    #[error("node with hash {actual} delivered for {requested}")]
    HashMismatch {
        /// The hash that was asked for.
        requested: B256,
        /// The hash of what was delivered.
        actual: B256,
    },
}

/// A source whose nodes are accepted only if they hash to what was asked for.
#[derive(Debug, Clone)]
pub struct HashChecked<S>(pub S);

impl<S: NodeSource> NodeSource for HashChecked<S> {
    type Error = CheckedError<S::Error>;

    fn node(&self, hash: B256) -> Result<Bytes, Self::Error> {
        let node = self.0.node(hash).map_err(CheckedError::Source)?;
        let actual = keccak256(&node);
        if actual == hash { Ok(node) } else { Err(CheckedError::HashMismatch { requested: hash, actual }) }
    }
}

/// Records every node read through it: the witness of what was done with the trie.
///
/// For one thread (the recording is a `RefCell`).
#[derive(Debug)]
pub struct RecordingSource<S> {
    inner: S,
    nodes: RefCell<BTreeMap<B256, Bytes>>,
}

impl<S> RecordingSource<S> {
    /// Starts with an empty recording.
    pub const fn new(inner: S) -> Self {
        Self { inner, nodes: RefCell::new(BTreeMap::new()) }
    }

    /// The nodes read so far, by hash.
    pub fn into_nodes(self) -> BTreeMap<B256, Bytes> {
        self.nodes.into_inner()
    }
}

impl<S: NodeSource> NodeSource for RecordingSource<S> {
    type Error = S::Error;

    fn node(&self, hash: B256) -> Result<Bytes, S::Error> {
        if let Some(node) = self.nodes.borrow().get(&hash) {
            return Ok(node.clone());
        }
        let node = self.inner.node(hash)?;
        self.nodes.borrow_mut().insert(hash, node.clone());
        Ok(node)
    }
}
