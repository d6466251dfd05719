//! All the wei there is: the state trie, walked from its root.

use alloy_primitives::{B256, U256};
use alloy_rlp::Decodable;
use alloy_trie::{TrieAccount, nodes::TrieNode};
use tandem_chain::PreimageSource;

use crate::chain::Memory;

/// The sum of all balances under a state root.
pub fn supply(memory: &Memory, root: B256) -> U256 {
    let node = memory.preimage(root).unwrap();
    // Accounts are longer than a hash, so no node is inlined in another.
    match TrieNode::decode(&mut node.as_ref()).unwrap() {
        TrieNode::EmptyRoot => U256::ZERO,
        TrieNode::Leaf(leaf) => TrieAccount::decode(&mut leaf.value.as_slice()).unwrap().balance,
        TrieNode::Extension(extension) => supply(memory, extension.child.as_hash().unwrap()),
        TrieNode::Branch(branch) => branch.stack.iter().map(|child| supply(memory, child.as_hash().unwrap())).sum(),
    }
}
