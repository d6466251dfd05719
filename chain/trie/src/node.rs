//! Decoded trie nodes: strict decoding from bytes, lazy loading, encoding.
//!
//! Adversarial input: the bytes given to [`Link::load`]. Decoding accepts only nodes that a
//! canonical trie can hold at that depth.

use crate::{NodeError, NodeSource, TrieError};
use alloc::{boxed::Box, vec::Vec};
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::{Decodable, EMPTY_LIST_CODE, EMPTY_STRING_CODE};
use alloy_trie::{
    Nibbles, TrieMask,
    nodes::{BranchNodeRef, ExtensionNodeRef, LeafNodeRef, RlpNode, TrieNode},
};

/// Children of a branch, by nibble.
pub(crate) type Children = [Option<Link>; 16];

/// A decoded node. `path` holds the nibbles that the node itself consumes.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    /// The end of a key, with its value (never empty).
    Leaf { path: Nibbles, value: Vec<u8> },
    /// A common path of at least one nibble, followed by a branch.
    Extension { path: Nibbles, child: Link },
    /// A branch of at least two children.
    Branch { children: Box<Children> },
}

/// Where a node's child is: still in the source, or decoded in memory.
#[derive(Debug, Clone)]
pub(crate) enum Link {
    /// In the source, under this hash.
    Hash(B256),
    /// In memory, decoded, and perhaps changed.
    Loaded(Box<Loaded>),
}

/// A node in memory.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// How a parent refers to the node; `None` since the node or one below it changed.
    pub(crate) reference: Option<RlpNode>,
    pub(crate) node: Node,
}

/// Which kinds of node may stand at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Any node: the root, or a branch's child.
    Any,
    /// A branch: an extension's child.
    Branch,
}

impl Link {
    /// A changed or new node.
    pub(crate) fn dirty(node: Node) -> Self {
        Self::Loaded(Box::new(Loaded { reference: None, node }))
    }

    /// The node, read from `source` if it is not in memory. `remaining` is the number of key
    /// nibbles from this node on.
    pub(crate) fn load<S: NodeSource>(
        &mut self,
        source: &S,
        remaining: usize,
        expected: Expected,
    ) -> Result<&mut Loaded, TrieError<S::Error>> {
        if let Self::Hash(hash) = *self {
            let rlp = source.node(hash).map_err(TrieError::Source)?;
            let node =
                Node::decode(&rlp, remaining, expected).map_err(|reason| TrieError::Malformed { hash, reason })?;
            let reference = Some(RlpNode::word_rlp(&hash));
            *self = Self::Loaded(Box::new(Loaded { reference, node }));
        }
        match self {
            Self::Loaded(loaded) => Ok(loaded),
            Self::Hash(_) => unreachable!("replaced above"),
        }
    }

    /// How a parent refers to this node. Changed nodes are encoded anew, and nothing is remembered.
    pub(crate) fn reference(&self) -> RlpNode {
        match self {
            Self::Hash(hash) => RlpNode::word_rlp(hash),
            Self::Loaded(loaded) => match &loaded.reference {
                Some(reference) => reference.clone(),
                None => RlpNode::from_rlp(&loaded.node.encode()),
            },
        }
    }

    /// Encodes what changed below and including this node, remembers the references and appends the
    /// new nodes that have a hash of their own (32 bytes or longer) to `new_nodes`.
    pub(crate) fn commit(&mut self, new_nodes: &mut Vec<(B256, Bytes)>) {
        let Self::Loaded(loaded) = self else { return };
        if loaded.reference.is_some() {
            return;
        }
        match &mut loaded.node {
            Node::Leaf { .. } => {}
            Node::Extension { child, .. } => child.commit(new_nodes),
            Node::Branch { children } => {
                children.iter_mut().flatten().for_each(|child| child.commit(new_nodes));
            }
        }
        let rlp = loaded.node.encode();
        let reference = RlpNode::from_rlp(&rlp);
        if let Some(hash) = reference.as_hash() {
            new_nodes.push((hash, rlp.into()));
        }
        loaded.reference = Some(reference);
    }

    /// The child that `rlp` stands for: a hash, or an embedded node decoded at once.
    fn decode(rlp: &RlpNode, remaining: usize, expected: Expected) -> Result<Self, NodeError> {
        match rlp.as_slice() {
            [first, hash @ ..] if *first == EMPTY_STRING_CODE.wrapping_add(32) => {
                let hash = <[u8; 32]>::try_from(hash).map_err(|_| NodeError::ChildReference)?;
                Ok(Self::Hash(B256::new(hash)))
            }
            embedded @ [first, ..] if *first >= EMPTY_LIST_CODE && embedded.len() < 32 => {
                let node = Node::decode(embedded, remaining, expected)?;
                Ok(Self::Loaded(Box::new(Loaded { reference: Some(rlp.clone()), node })))
            }
            _ => Err(NodeError::ChildReference),
        }
    }
}

impl Node {
    /// Decodes a node below which `remaining` nibbles of the key are left, its own included.
    fn decode(mut rlp: &[u8], remaining: usize, expected: Expected) -> Result<Self, NodeError> {
        let node = TrieNode::decode(&mut rlp).map_err(NodeError::Rlp)?;
        if !rlp.is_empty() {
            return Err(NodeError::TrailingBytes);
        }
        match (node, expected) {
            (TrieNode::EmptyRoot, _) => Err(NodeError::Empty),
            (TrieNode::Branch(branch), _) => {
                let below = remaining.checked_sub(1).ok_or(NodeError::PathLength)?;
                if branch.stack.len() < 2 {
                    return Err(NodeError::BranchChildren);
                }
                let mut children = Box::new([const { None }; 16]);
                for (slot, (_, child)) in children.iter_mut().zip(branch.as_ref().children()) {
                    *slot = child.map(|rlp| Link::decode(rlp, below, Expected::Any)).transpose()?;
                }
                Ok(Self::Branch { children })
            }
            (_, Expected::Branch) => Err(NodeError::ExtensionChild),
            (TrieNode::Extension(extension), Expected::Any) => {
                let path = extension.key;
                let below = remaining.checked_sub(path.len()).ok_or(NodeError::PathLength)?;
                if path.is_empty() || below == 0 {
                    return Err(NodeError::PathLength);
                }
                let child = Link::decode(&extension.child, below, Expected::Branch)?;
                Ok(Self::Extension { path, child })
            }
            (TrieNode::Leaf(leaf), Expected::Any) => {
                if leaf.key.len() != remaining {
                    return Err(NodeError::PathLength);
                }
                if leaf.value.is_empty() {
                    return Err(NodeError::EmptyValue);
                }
                Ok(Self::Leaf { path: leaf.key, value: leaf.value })
            }
        }
    }

    /// The node's RLP, whose keccak is its hash.
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Leaf { path, value } => alloy_rlp::encode(LeafNodeRef::new(path, value)),
            Self::Extension { path, child } => alloy_rlp::encode(ExtensionNodeRef::new(path, &child.reference())),
            Self::Branch { children } => {
                let mut mask = TrieMask::default();
                let mut stack = Vec::with_capacity(16);
                for (nibble, child) in (0u8..).zip(children.iter()) {
                    if let Some(child) = child {
                        mask.set_bit(nibble);
                        stack.push(child.reference());
                    }
                }
                alloy_rlp::encode(BranchNodeRef::new(&stack, mask))
            }
        }
    }

    /// keccak-256 of the node's RLP, whatever its length: the hash of a root.
    pub(crate) fn hash(&self) -> B256 {
        keccak256(self.encode())
    }

    /// The canonical node for `prefix` (not empty) followed by `below`: paths merge into leaves and
    /// extensions, a branch gets an extension.
    pub(crate) fn prefixed(prefix: Nibbles, mut below: Box<Loaded>) -> Self {
        match below.node.take() {
            Self::Leaf { path, value } => Self::Leaf { path: prefix.join(&path), value },
            Self::Extension { path, child } => Self::Extension { path: prefix.join(&path), child },
            branch @ Self::Branch { .. } => {
                below.node = branch;
                Self::Extension { path: prefix, child: Link::Loaded(below) }
            }
        }
    }

    /// Takes the node out, leaving a leaf that the caller overwrites.
    pub(crate) fn take(&mut self) -> Self {
        core::mem::replace(self, Self::Leaf { path: Nibbles::new(), value: Vec::new() })
    }
}
