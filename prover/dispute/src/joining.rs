//! What a call that joins brings along: DISP-JOIN-1.

use alloy_primitives::{Address, B256};

use crate::{Children, HEIGHT, Tree};

/// What a call that joins brings along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joining {
    /// Who locks the bond.
    pub joiner: Address,
    /// The two nodes below the root.
    pub children: Children,
    /// The commitment's last leaf.
    pub last: B256,
    /// Its siblings below the root's right child.
    pub path: Vec<B256>,
}

impl Joining {
    /// Joins for a commitment whose tree is at hand.
    pub fn with(joiner: Address, tree: &impl Tree) -> Self {
        let last = tree.node(0, (1 << HEIGHT) - 1);
        Self { joiner, children: tree.children(HEIGHT, 0), last, path: tree.last_path() }
    }
}
