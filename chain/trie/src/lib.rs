//! Sparse Merkle-Patricia trie: Ethereum's state commitment over any source of nodes.
//!
//! One trie serves the node's store, the witnesses of stateless execution and the fraud proof's
//! pre-image oracle. A trie is opened at a root hash; nodes are read by hash when a path needs
//! them, kept decoded, and written back as the list of new nodes that `commit` returns.
//!
//! * [`Trie`]: 32-byte keys to byte strings over one [`NodeSource`].
//! * [`StateTrie`]: accounts and storage slots over one [`NodeSource`].
//! * [`HashChecked`], [`RecordingSource`], [`MemorySource`]: adapters and a source in memory.
//!
//! Rules: the "secure" (hashed-key) trie of the Yellow Paper, appendix D, with keys of exactly 64
//! nibbles, so that branches never carry a value; account existence follows EIP-161.
//!
//! Invariants: a trie held in memory is canonical (no branch with fewer than two children, no
//! extension that leads to anything but a branch); an operation that fails leaves the content as
//! it was. Collapsing a branch reads the remaining child, so that a recorded witness contains it.
//!
//! Adversarial inputs: node bytes. Wrap a source that is not trusted in [`HashChecked`]. Bytes
//! that are no canonical node give [`TrieError::Malformed`]; recursion is bounded by the 64 nibbles
//! of a key, whatever the bytes say.
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing
    )
)]

extern crate alloc;

mod error;
mod node;
mod source;
mod state;
mod tree;
mod trie;

pub use alloy_trie::{EMPTY_ROOT_HASH, KECCAK_EMPTY};
pub use error::{NodeError, TrieError};
pub use source::{CheckedError, HashChecked, MemorySource, MissingNode, NodeSource, RecordingSource};
pub use state::{AccountChange, AccountInfo, StateChanges, StateTrie, TrieAccount};
pub use trie::{Commit, Trie};
