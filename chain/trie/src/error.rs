//! What can go wrong while a trie is read or changed.

use alloy_primitives::B256;

/// Why an operation on a trie failed. The trie's content is as it was before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrieError<E> {
    /// The source did not deliver a node.
    #[error("node source: {0}")]
    Source(E),
    /// The bytes the source delivered for this hash are no canonical trie node at this place.
    #[error("malformed node {hash}: {reason}")]
    Malformed {
        /// The hash under which the bytes were requested.
        hash: B256,
        /// What is wrong with them.
        reason: NodeError,
    },
    /// The value of an account's leaf is not an RLP account.
    #[error("malformed account leaf {key}: {reason}")]
    MalformedAccount {
        /// Keccak of the account's address.
        key: B256,
        /// What the decoder found wrong.
        reason: alloy_rlp::Error,
    },
    /// The value of a storage leaf is not an RLP integer of at most 256 bits, or is zero.
    #[error("malformed storage leaf {key}: {reason}")]
    MalformedSlot {
        /// Keccak of the slot's number.
        key: B256,
        /// What the decoder found wrong.
        reason: alloy_rlp::Error,
    },
}

/// Why bytes are no canonical trie node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// Not the RLP of any trie node.
    #[error("not the encoding of a trie node: {0}")]
    Rlp(alloy_rlp::Error),
    /// Bytes follow the node.
    #[error("bytes follow the node")]
    TrailingBytes,
    /// The encoding of the empty trie, which is never a node below a root.
    #[error("empty node")]
    Empty,
    /// The node's path does not fit the nibbles that are left of a 64-nibble key.
    #[error("path does not fit the key's length")]
    PathLength,
    /// A branch with fewer than two children.
    #[error("branch with fewer than two children")]
    BranchChildren,
    /// A child that is neither a hash nor an embedded node shorter than 32 bytes.
    #[error("child is neither a hash nor an embedded node")]
    ChildReference,
    /// An extension that leads to a leaf or to another extension.
    #[error("extension does not lead to a branch")]
    ExtensionChild,
    /// A leaf with an empty value, which stands for an absent key.
    #[error("leaf with an empty value")]
    EmptyValue,
}
