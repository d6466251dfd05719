//! The tree of the messages from L2 to L1, as far as its nodes are complete, so that a root and a proof take one row for each level.
//!
//! Implements L1-WD-2; twins: [`tandem_chain::MessageTree`], which needs all leaves, and `MessagePasser.sol`. A node is complete when a leaf
//! stands in each of its places; then it never changes again, whatever follows. Leaves come and go at the end alone, with the block that sent
//! them, and a node goes with the leaf that completed it.

use crate::{
    NodePlace, Store, StoreError,
    changes::Changes,
    schema::{MessageNodes, Table},
};
use alloy_primitives::{B256, keccak256};
use std::{cmp::Ordering, collections::HashMap};
use tandem_chain::message_tree::{TREE_DEPTH, empty_roots};

/// A proof that a message is in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageProof {
    /// The siblings from the leaf upwards, one for each level.
    pub siblings: Vec<B256>,
    /// The root that they lead to.
    pub root: B256,
}

/// The tree while leaves are added to it in one write, which reads do not see yet.
pub(crate) struct TreeGrowth<'s> {
    store: &'s Store,
    added: HashMap<NodePlace, B256>,
}

impl<'s> TreeGrowth<'s> {
    pub(crate) fn new(store: &'s Store) -> Self {
        Self { store, added: HashMap::new() }
    }

    /// Adds the next leaf and what it completes.
    pub(crate) fn add(&mut self, changes: &mut Changes, index: u64, leaf: B256) -> Result<(), StoreError> {
        let (mut place, mut hash) = (NodePlace::leaf(index), leaf);
        loop {
            changes.put::<MessageNodes>(&place, &hash)?;
            self.added.insert(place, hash);
            let Some(above) = place.completes() else { return Ok(()) };
            let left = NodePlace { index: place.index.saturating_sub(1), ..place };
            let left = match self.added.get(&left) {
                Some(hash) => *hash,
                None => self.store.message_node(left)?,
            };
            (place, hash) = (above, node(left, hash));
        }
    }
}

/// Removes the last leaf and what it had completed.
pub(crate) fn remove_leaf(changes: &mut Changes, index: u64) -> Result<(), StoreError> {
    let mut place = Some(NodePlace::leaf(index));
    while let Some(gone) = place {
        changes.delete::<MessageNodes>(&gone)?;
        place = gone.completes();
    }
    Ok(())
}

impl Store {
    /// The proof of message `index` against the tree over the first `count` messages; none unless that holds it.
    pub fn message_proof(&self, index: u64, count: u64) -> Result<Option<MessageProof>, StoreError> {
        if index >= count || count >> TREE_DEPTH != 0 {
            return Ok(None);
        }
        let mut siblings = Vec::with_capacity(TREE_DEPTH);
        // The first node of each level that is not complete: leaves end in it, or before it.
        let mut edge = B256::ZERO;
        for (height, empty) in (0u8..).zip(empty_roots()).take(TREE_DEPTH) {
            let complete = count >> height;
            let sibling = (index >> height) ^ 1;
            siblings.push(match sibling.cmp(&complete) {
                Ordering::Less => self.message_node(NodePlace { height, index: sibling })?,
                Ordering::Equal => edge,
                Ordering::Greater => empty,
            });
            edge = match complete.checked_sub(1).filter(|last| last % 2 == 0) {
                Some(last) => node(self.message_node(NodePlace { height, index: last })?, edge),
                None => node(edge, empty),
            };
        }
        Ok(Some(MessageProof { siblings, root: edge }))
    }

    /// A node that must be complete.
    fn message_node(&self, place: NodePlace) -> Result<B256, StoreError> {
        let missing = StoreError::MissingRow { table: MessageNodes::NAME, number: place.index };
        self.get::<MessageNodes>(&place)?.ok_or(missing)
    }
}

/// The hash of a node over its two (L1-WD-2).
fn node(left: B256, right: B256) -> B256 {
    keccak256([left, right].concat())
}
