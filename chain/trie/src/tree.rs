//! The trie's algorithms over nodes in memory and a source for those that are not.
//!
//! A [`Tree`] holds no source: it is passed to each operation, so that the account trie and all
//! storage tries of a state share one. Recursion is at most as deep as a key has nibbles (64): every
//! branch and extension consumes at least one, which [`Link::load`] enforces on loaded nodes.

use crate::{
    EMPTY_ROOT_HASH, NodeSource, TrieError,
    node::{Children, Expected, Link, Node},
};
use alloc::{boxed::Box, vec::Vec};
use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;

/// A trie with 32-byte keys. `None` is the empty trie.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    root: Option<Link>,
}

impl Tree {
    /// The trie with this root; nothing is read yet.
    pub(crate) fn open(root: B256) -> Self {
        Self { root: (root != EMPTY_ROOT_HASH).then_some(Link::Hash(root)) }
    }

    /// The root hash, uncommitted changes included.
    pub(crate) fn root(&self) -> B256 {
        match &self.root {
            None => EMPTY_ROOT_HASH,
            Some(Link::Hash(hash)) => *hash,
            Some(Link::Loaded(root)) => match root.reference.as_ref().and_then(|r| r.as_hash()) {
                Some(hash) => hash,
                None => root.node.hash(),
            },
        }
    }

    /// The value at `key`, if there is one.
    pub(crate) fn get<S: NodeSource>(&mut self, source: &S, key: B256) -> Result<Option<&[u8]>, TrieError<S::Error>> {
        let mut path = Nibbles::unpack_array(&key.0);
        let mut next = self.root.as_mut();
        let mut expected = Expected::Any;
        while let Some(link) = next {
            next = match &mut link.load(source, path.len(), expected)?.node {
                Node::Leaf { path: leaf, value } => return Ok((*leaf == path).then_some(&**value)),
                Node::Extension { path: extension, child } => {
                    let Some(rest) = strip_prefix(&path, extension) else { return Ok(None) };
                    path = rest;
                    expected = Expected::Branch;
                    Some(child)
                }
                Node::Branch { children } => {
                    let (nibble, rest) = split_first(&path);
                    path = rest;
                    expected = Expected::Any;
                    child_mut(children, nibble).as_mut()
                }
            };
        }
        Ok(None)
    }

    /// Sets `key` to `value` (not empty). Whether that changed anything.
    pub(crate) fn insert<S: NodeSource>(
        &mut self,
        source: &S,
        key: B256,
        value: Vec<u8>,
    ) -> Result<bool, TrieError<S::Error>> {
        let path = Nibbles::unpack_array(&key.0);
        match &mut self.root {
            Some(root) => insert(root, source, path, value, Expected::Any),
            root => {
                *root = Some(Link::dirty(Node::Leaf { path, value }));
                Ok(true)
            }
        }
    }

    /// Removes `key`. Whether it was there.
    pub(crate) fn remove<S: NodeSource>(&mut self, source: &S, key: B256) -> Result<bool, TrieError<S::Error>> {
        let path = Nibbles::unpack_array(&key.0);
        let Some(root) = &mut self.root else { return Ok(false) };
        if root.load(source, path.len(), Expected::Any)?.node.is_leaf_at(&path) {
            self.root = None;
            return Ok(true);
        }
        remove(root, source, path, Expected::Any)
    }

    /// Hashes what changed and appends the new nodes: those with RLP of 32 bytes or more, and the
    /// root. The root hash.
    pub(crate) fn commit(&mut self, new_nodes: &mut Vec<(B256, Bytes)>) -> B256 {
        let Some(link) = &mut self.root else { return EMPTY_ROOT_HASH };
        let changed = matches!(link, Link::Loaded(root) if root.reference.is_none());
        link.commit(new_nodes);
        let root = self.root();
        if let (true, Some(Link::Loaded(loaded))) = (changed, &self.root)
            && loaded.reference.as_ref().is_some_and(|reference| !reference.is_hash())
        {
            new_nodes.push((root, loaded.node.encode().into()));
        }
        root
    }

    /// The RLP of the nodes from the root to `key`, or to where the trie shows that `key` is absent:
    /// `eth_getProof`'s format (embedded nodes are inside their parents; no node for an empty trie).
    pub(crate) fn prove<S: NodeSource>(&mut self, source: &S, key: B256) -> Result<Vec<Bytes>, TrieError<S::Error>> {
        let mut proof = Vec::new();
        let mut path = Nibbles::unpack_array(&key.0);
        let mut next = self.root.as_mut();
        let mut expected = Expected::Any;
        while let Some(link) = next {
            let node = &mut link.load(source, path.len(), expected)?.node;
            let rlp = node.encode();
            if rlp.len() >= 32 || proof.is_empty() {
                proof.push(rlp.into());
            }
            next = match node {
                Node::Leaf { .. } => None,
                Node::Extension { path: extension, child } => {
                    let Some(rest) = strip_prefix(&path, extension) else { break };
                    path = rest;
                    expected = Expected::Branch;
                    Some(child)
                }
                Node::Branch { children } => {
                    let (nibble, rest) = split_first(&path);
                    path = rest;
                    expected = Expected::Any;
                    child_mut(children, nibble).as_mut()
                }
            };
        }
        Ok(proof)
    }
}

/// Sets the rest of a key below `link`. Whether that changed anything.
fn insert<S: NodeSource>(
    link: &mut Link,
    source: &S,
    path: Nibbles,
    value: Vec<u8>,
    expected: Expected,
) -> Result<bool, TrieError<S::Error>> {
    let loaded = link.load(source, path.len(), expected)?;
    let changed = match &mut loaded.node {
        Node::Leaf { path: leaf, value: old } if *leaf == path => core::mem::replace(old, value) != *old,
        Node::Leaf { path: leaf, .. } => {
            let shared = leaf.common_prefix_length(&path);
            let old = loaded.node.take();
            loaded.node = fork(shared, old, path, value);
            true
        }
        Node::Extension { path: extension, child } => match strip_prefix(&path, extension) {
            Some(rest) => insert(child, source, rest, value, Expected::Branch)?,
            None => {
                let shared = extension.common_prefix_length(&path);
                let old = loaded.node.take();
                loaded.node = fork(shared, old, path, value);
                true
            }
        },
        Node::Branch { children } => {
            let (nibble, rest) = split_first(&path);
            match child_mut(children, nibble) {
                Some(child) => insert(child, source, rest, value, Expected::Any)?,
                slot => {
                    *slot = Some(Link::dirty(Node::Leaf { path: rest, value }));
                    true
                }
            }
        }
    };
    if changed {
        loaded.reference = None;
    }
    Ok(changed)
}

/// The node that replaces `old`, a leaf or extension whose path shares only the first `shared`
/// nibbles with `path`: a branch, below an extension if they share any.
fn fork(shared: usize, old: Node, path: Nibbles, value: Vec<u8>) -> Node {
    let mut children: Box<Children> = Box::new([const { None }; 16]);
    let (old_nibble, old_child) = match old {
        Node::Leaf { path: leaf, value } => {
            let (nibble, rest) = split_first(&leaf.slice(shared..));
            (nibble, Link::dirty(Node::Leaf { path: rest, value }))
        }
        Node::Extension { path: extension, child } => {
            let (nibble, rest) = split_first(&extension.slice(shared..));
            if rest.is_empty() { (nibble, child) } else { (nibble, Link::dirty(Node::Extension { path: rest, child })) }
        }
        Node::Branch { .. } => unreachable!("a branch has no path to fork"),
    };
    let (nibble, rest) = split_first(&path.slice(shared..));
    *child_mut(&mut children, old_nibble) = Some(old_child);
    *child_mut(&mut children, nibble) = Some(Link::dirty(Node::Leaf { path: rest, value }));
    let branch = Node::Branch { children };
    if shared == 0 { branch } else { Node::Extension { path: path.slice(..shared), child: Link::dirty(branch) } }
}

/// Removes the rest of a key below `link`, which is not the leaf to remove. Whether it was there.
fn remove<S: NodeSource>(
    link: &mut Link,
    source: &S,
    path: Nibbles,
    expected: Expected,
) -> Result<bool, TrieError<S::Error>> {
    let loaded = link.load(source, path.len(), expected)?;
    match &mut loaded.node {
        Node::Leaf { .. } => return Ok(false),
        Node::Extension { path: extension, child } => {
            let Some(rest) = strip_prefix(&path, extension) else { return Ok(false) };
            if !remove(child, source, rest, Expected::Branch)? {
                return Ok(false);
            }
            if let Node::Extension { path: extension, child: Link::Loaded(below) } = loaded.node.take() {
                loaded.node = Node::prefixed(extension, below);
            }
        }
        Node::Branch { children } => {
            let (nibble, rest) = split_first(&path);
            let Some(child) = child_mut(children, nibble) else { return Ok(false) };
            if !child.load(source, rest.len(), Expected::Any)?.node.is_leaf_at(&rest) {
                if !remove(child, source, rest, Expected::Any)? {
                    return Ok(false);
                }
            } else if let Some(collapsed) = remove_child(children, nibble, source, rest.len())? {
                loaded.node = collapsed;
            }
        }
    }
    loaded.reference = None;
    Ok(true)
}

/// Removes the child at `nibble`. If one child remains, the node that replaces the branch: that
/// child is read first, so that a failing source changes nothing.
fn remove_child<S: NodeSource>(
    children: &mut Children,
    nibble: u8,
    source: &S,
    remaining: usize,
) -> Result<Option<Node>, TrieError<S::Error>> {
    let mut others = (0u8..).zip(children.iter_mut()).filter(|(n, c)| *n != nibble && c.is_some());
    let only = match (others.next(), others.next()) {
        (Some((sibling, Some(link))), None) => {
            link.load(source, remaining, Expected::Any)?;
            Some(sibling)
        }
        _ => None,
    };
    *child_mut(children, nibble) = None;
    Ok(only.and_then(|sibling| match child_mut(children, sibling).take() {
        Some(Link::Loaded(below)) => Some(Node::prefixed(Nibbles::from_nibbles_unchecked([sibling]), below)),
        _ => None,
    }))
}

impl Node {
    /// Whether this is the leaf that ends a key with `path`.
    fn is_leaf_at(&self, path: &Nibbles) -> bool {
        matches!(self, Self::Leaf { path: leaf, .. } if leaf == path)
    }
}

/// What follows `prefix` in `path`, if `path` starts with it.
fn strip_prefix(path: &Nibbles, prefix: &Nibbles) -> Option<Nibbles> {
    path.starts_with(prefix).then(|| path.slice(prefix.len()..))
}

/// The first nibble and the rest. A path is never empty where a branch is, nor where paths fork.
fn split_first(path: &Nibbles) -> (u8, Nibbles) {
    (path.get_unchecked(0), path.slice(1..))
}

/// The child of a branch at `nibble` (below 16).
#[allow(clippy::indexing_slicing, reason = "a nibble is below 16, and a branch has as many children")]
fn child_mut(children: &mut Children, nibble: u8) -> &mut Option<Link> {
    &mut children[usize::from(nibble)]
}
