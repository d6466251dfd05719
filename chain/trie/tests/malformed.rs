//! Hostile node bytes: typed errors, no panic, no unbounded work.

use alloy_primitives::{B256, Bytes};
use alloy_rlp::Encodable;
use alloy_trie::{
    Nibbles, TrieMask,
    nodes::{BranchNode, ExtensionNode, LeafNode, RlpNode},
};
use proptest::prelude::*;
use std::cell::Cell;
use std::convert::Infallible;
use tandem_trie::{MemorySource, NodeError, NodeSource, StateTrie, Trie, TrieError};

const ROOT: B256 = B256::repeat_byte(0xab);

/// Answers every request with the same bytes, and counts.
struct Same {
    node: Bytes,
    requests: Cell<usize>,
}

impl NodeSource for Same {
    type Error = Infallible;
    fn node(&self, _: B256) -> Result<Bytes, Infallible> {
        self.requests.set(self.requests.get() + 1);
        Ok(self.node.clone())
    }
}

fn same(node: impl Encodable) -> Same {
    Same { node: alloy_rlp::encode(node).into(), requests: Cell::new(0) }
}

fn reason(source: Same) -> NodeError {
    match Trie::open(ROOT, source).get(B256::ZERO) {
        Err(TrieError::Malformed { reason, .. }) => reason,
        other => panic!("expected a malformed node, got {other:?}"),
    }
}

fn branch(children: &[(u8, RlpNode)]) -> BranchNode {
    let mut mask = TrieMask::default();
    children.iter().for_each(|(nibble, _)| mask.set_bit(*nibble));
    BranchNode::new(children.iter().map(|(_, child)| child.clone()).collect(), mask)
}

fn hash_child() -> RlpNode {
    RlpNode::word_rlp(&ROOT)
}

fn zeros(nibbles: usize) -> Nibbles {
    Nibbles::from_nibbles(vec![0; nibbles])
}

#[test]
fn branch_that_leads_to_itself_ends_with_the_key() {
    let source = same(branch(&[(0, hash_child()), (1, hash_child())]));
    let mut trie = Trie::open(ROOT, &source);
    assert_eq!(trie.get(B256::ZERO), Err(TrieError::Malformed { hash: ROOT, reason: NodeError::PathLength }));
    assert_eq!(source.requests.get(), 65);
    assert!(trie.remove(B256::ZERO).is_err());
    assert!(trie.insert(B256::ZERO, vec![1]).is_err());
    assert!(trie.prove(B256::ZERO).is_err());
}

#[test]
fn extension_to_an_extension_is_refused() {
    let source = same(ExtensionNode::new(zeros(1), hash_child()));
    assert_eq!(reason(source), NodeError::ExtensionChild);
    let leaf = LeafNode::new(zeros(63), vec![1]);
    let embedded = RlpNode::from_raw(&alloy_rlp::encode(leaf));
    assert!(embedded.is_none(), "a leaf with 63 nibbles is too long to be embedded");
}

#[test]
fn extension_to_an_embedded_leaf_is_refused() {
    let leaf = RlpNode::from_raw(&alloy_rlp::encode(LeafNode::new(zeros(4), vec![1]))).unwrap();
    assert_eq!(reason(same(ExtensionNode::new(zeros(60), leaf))), NodeError::ExtensionChild);
}

#[test]
fn each_departure_from_the_canonical_form_is_refused() {
    let two = [(0, hash_child()), (1, hash_child())];
    assert_eq!(reason(same(branch(&two[..1]))), NodeError::BranchChildren);
    assert_eq!(reason(same(branch(&[]))), NodeError::BranchChildren);
    assert_eq!(reason(same(LeafNode::new(zeros(63), vec![1]))), NodeError::PathLength);
    assert_eq!(reason(same(LeafNode::new(zeros(64), vec![]))), NodeError::EmptyValue);
    assert_eq!(reason(same(ExtensionNode::new(zeros(0), hash_child()))), NodeError::PathLength);
    assert_eq!(reason(same(ExtensionNode::new(zeros(64), hash_child()))), NodeError::PathLength);

    // A child that is a short string, and one that is a list as long as a hash.
    let string = RlpNode::from_raw(&[0x83, 1, 2, 3]).unwrap();
    let mut list = [0u8; 33];
    list[0] = 0xc0 + 32;
    let list = RlpNode::from_raw(&list).unwrap();
    for child in [string, list] {
        let node = branch(&[(0, hash_child()), (1, child)]);
        assert_eq!(reason(same(node)), NodeError::ChildReference);
    }

    let raw = |bytes: &[u8]| Same { node: bytes.to_vec().into(), requests: Cell::new(0) };
    assert_eq!(reason(raw(&[0x80])), NodeError::Empty);
    let mut trailing = alloy_rlp::encode(LeafNode::new(zeros(64), vec![1]));
    trailing.push(0);
    assert_eq!(reason(raw(&trailing)), NodeError::TrailingBytes);
    assert!(matches!(reason(raw(&[])), NodeError::Rlp(_)));
    assert!(matches!(reason(raw(&[0xc3, 1, 2, 3])), NodeError::Rlp(_)));
}

#[test]
fn malformed_account_and_slot_are_typed_errors() {
    use alloy_primitives::{Address, U256, keccak256};
    let address = Address::ZERO;
    let mut accounts = Trie::open(tandem_trie::EMPTY_ROOT_HASH, MemorySource::default());
    accounts.insert(keccak256(address), vec![0xc1, 0x80]).unwrap();
    let commit = accounts.commit();
    let mut source = MemorySource::default();
    source.extend(commit.new_nodes);
    let mut state = StateTrie::open(commit.root, &source);
    assert!(matches!(state.account(address), Err(TrieError::MalformedAccount { .. })));

    for leaf in [vec![0x80], vec![0x00], vec![0xa1; 34], vec![0xc0], vec![1, 1]] {
        let mut slots = Trie::open(tandem_trie::EMPTY_ROOT_HASH, MemorySource::default());
        slots.insert(keccak256(B256::ZERO), leaf).unwrap();
        let slots = slots.commit();
        let account = tandem_trie::TrieAccount {
            nonce: 1,
            balance: U256::ZERO,
            storage_root: slots.root,
            code_hash: tandem_trie::KECCAK_EMPTY,
        };
        let mut accounts = Trie::open(tandem_trie::EMPTY_ROOT_HASH, MemorySource::default());
        accounts.insert(keccak256(address), alloy_rlp::encode(account)).unwrap();
        let commit = accounts.commit();
        let mut source = MemorySource::default();
        source.extend(commit.new_nodes.into_iter().chain(slots.new_nodes));
        let slot = StateTrie::open(commit.root, &source).storage(address, U256::ZERO);
        assert!(matches!(slot, Err(TrieError::MalformedSlot { .. })), "{slot:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Random and mutated bytes in place of every node: any result, but a result.
    #[test]
    fn no_bytes_panic(
        mut bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..120),
            Just(alloy_rlp::encode(branch(&[(0, hash_child()), (1, hash_child())]))),
            Just(alloy_rlp::encode(ExtensionNode::new(zeros(3), hash_child()))),
            Just(alloy_rlp::encode(LeafNode::new(zeros(64), vec![5; 20]))),
        ],
        mutations in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        key in any::<[u8; 32]>(),
    ) {
        for (index, byte) in mutations {
            if !bytes.is_empty() {
                let index = index.index(bytes.len());
                bytes[index] = byte;
            }
        }
        for key in [B256::ZERO, B256::new(key)] {
            let source = Same { node: bytes.clone().into(), requests: Cell::new(0) };
            let mut trie = Trie::open(ROOT, &source);
            let _ = trie.get(key).map(|_| ());
            let _ = trie.prove(key);
            let _ = trie.remove(key);
            let _ = trie.insert(key, vec![1]);
            trie.commit();
            prop_assert!(source.requests.get() <= 65 * 5);
        }
    }
}
