//! The trie against Ethereum's vectors, against alloy-trie's `HashBuilder`, and against itself.

use alloy_primitives::{B256, Bytes, b256, hex, keccak256};
use alloy_trie::{HashBuilder, Nibbles, proof::verify_proof};
use proptest::prelude::*;
use std::collections::BTreeMap;
use tandem_trie::{
    EMPTY_ROOT_HASH, HashChecked, MemorySource, MissingNode, NodeSource, RecordingSource, Trie, TrieError,
};

type Content = BTreeMap<B256, Vec<u8>>;

/// The root by alloy-trie's builder, from scratch.
fn rebuilt_root(content: &Content) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, value) in content {
        builder.add_leaf(Nibbles::unpack(key), value);
    }
    builder.root()
}

/// A committed trie with `content`, and its nodes.
fn stored(content: &Content) -> (B256, MemorySource) {
    let mut trie = Trie::open(EMPTY_ROOT_HASH, MemorySource::default());
    for (key, value) in content {
        trie.insert(*key, value.clone()).unwrap();
    }
    let commit = trie.commit();
    let mut source = MemorySource::default();
    source.extend(commit.new_nodes);
    (commit.root, source)
}

/// Keys that share long prefixes: `prefix` zero bytes, then one byte, then zeros and a last nibble.
fn key(prefix: usize, byte: u8, last: u8) -> B256 {
    let mut key = B256::ZERO;
    key[prefix % 32] = byte;
    key[31] |= last & 0x0f;
    key
}

/// The case test1 of ethereum/tests, TrieTests/hex_encoded_securetrie_test.json.
#[test]
fn ethereum_tests_hex_encoded_secure_trie() {
    let data = [
        (
            hex!("a94f5374fce5edbc8e2a8697c15331677e6ebf0b"),
            hex!(
                "f848018405f446a7a056e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421a0c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
            )
            .to_vec(),
        ),
        (
            hex!("095e7baea6a6c7c4c2dfeb977efac326af552d87"),
            hex!(
                "f8440101a056e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421a004bccc5d94f4d1f99aab44369a910179931772f2a5c001c3229f57831c102769"
            )
            .to_vec(),
        ),
        (
            hex!("d2571607e241ecf590ed94b12d87c94babe36db6"),
            hex!(
                "f8440180a0ba4b47865c55a341a4a78759bb913cd15c3ee8eaf30a62fa8d1c8863113d84e8a0c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
            )
            .to_vec(),
        ),
        (
            hex!("62c01474f089b07dae603491675dc5b5748f7049"),
            hex!(
                "f8448080a056e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421a0c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
            )
            .to_vec(),
        ),
        (
            hex!("2adc25665018aa1fe0e6bc666dac8fc2697ff9ba"),
            hex!(
                "f8478083019a59a056e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421a0c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
            )
            .to_vec(),
        ),
    ];
    let content = data.into_iter().map(|(address, leaf)| (keccak256(address), leaf)).collect();
    assert_eq!(stored(&content).0, b256!("730a444e08ab4b8dee147c9b232fc52d34a223d600031c1e9d25bfc985cbd797"));
}

/// ethereum/tests, TrieTests/trietest_secureTrie.json, emptyValues (a null removes the key).
#[test]
fn ethereum_tests_secure_trie_with_removals() {
    let mut trie = Trie::open(EMPTY_ROOT_HASH, MemorySource::default());
    for (key, value) in [
        ("do", "verb"),
        ("ether", "wookiedoo"),
        ("horse", "stallion"),
        ("shaman", "horse"),
        ("doge", "coin"),
        ("ether", ""),
        ("dog", "puppy"),
        ("shaman", ""),
    ] {
        trie.insert(keccak256(key), value.into()).unwrap();
    }
    assert_eq!(trie.commit().root, b256!("29b235a58c3c25ab83010c327d5932bcf05324b7d6b1185e650798034783ca9d"));
}

#[test]
fn empty_trie_has_no_nodes_and_proves_absence() {
    let mut trie = Trie::open(EMPTY_ROOT_HASH, MemorySource::default());
    assert_eq!(trie.get(B256::ZERO).unwrap(), None);
    assert!(!trie.remove(B256::ZERO).unwrap());
    assert_eq!(trie.prove(B256::ZERO).unwrap(), Vec::<Bytes>::new());
    let commit = trie.commit();
    assert_eq!((commit.root, commit.new_nodes.len()), (EMPTY_ROOT_HASH, 0));
}

#[test]
fn writing_what_is_there_makes_no_nodes() {
    let content: Content = (0..100u8).map(|i| (keccak256([i]), vec![i; 40])).collect();
    let (root, source) = stored(&content);
    let mut trie = Trie::open(root, source);
    for (key, value) in &content {
        assert!(!trie.insert(*key, value.clone()).unwrap());
    }
    assert!(!trie.remove(B256::ZERO).unwrap());
    let commit = trie.commit();
    assert_eq!((commit.root, commit.new_nodes.len()), (root, 0));
}

/// Removing one of two keys below an extension collapses branch and extension into a leaf, and the
/// remaining sibling is read from the source.
#[test]
fn removal_reads_the_sibling_it_collapses_into() {
    let kept = (key(3, 0x11, 1), vec![1; 40]);
    let gone = (key(3, 0x12, 2), vec![2; 40]);
    let far = (key(0, 0xf0, 3), vec![3; 40]);
    let content = Content::from([kept.clone(), gone.clone(), far.clone()]);
    let (root, source) = stored(&content);

    let recorder = RecordingSource::new(&source);
    let mut trie = Trie::open(root, &recorder);
    assert!(trie.remove(gone.0).unwrap());
    let after = trie.commit().root;
    assert_eq!(after, rebuilt_root(&Content::from([kept.clone(), far])));

    // Root branch, extension, inner branch, both leaves: the kept leaf is in the witness.
    let nodes = recorder.into_nodes();
    assert_eq!(nodes.len(), 5);
    let kept_leaf = nodes.iter().find(|(_, rlp)| rlp.ends_with(&kept.1)).unwrap();

    // Without it the removal fails, and the trie is as it was.
    let mut partial = MemorySource::default();
    partial.extend(nodes.iter().filter(|(h, _)| *h != kept_leaf.0).map(|(h, n)| (*h, n.clone())));
    let mut trie = Trie::open(root, partial);
    assert_eq!(trie.remove(gone.0), Err(TrieError::Source(MissingNode(*kept_leaf.0))));
    assert_eq!(trie.get(gone.0).unwrap(), Some(&gone.1[..]));
    assert_eq!(trie.commit().root, root);
}

#[test]
fn small_root_is_listed_under_its_hash() {
    // A short value directly below a branch is embedded; the root is a node whatever its length.
    let content = Content::from([(B256::ZERO, vec![1])]);
    let mut trie = Trie::open(EMPTY_ROOT_HASH, MemorySource::default());
    trie.insert(B256::ZERO, vec![1]).unwrap();
    let commit = trie.commit();
    assert_eq!(commit.root, rebuilt_root(&content));
    assert_eq!(commit.new_nodes.len(), 1);
    assert_eq!(commit.new_nodes[0].0, commit.root);
    assert_eq!(keccak256(&commit.new_nodes[0].1), commit.root);
}

#[test]
fn substituted_node_is_refused() {
    struct Substituting(Bytes);
    impl NodeSource for Substituting {
        type Error = MissingNode;
        fn node(&self, _: B256) -> Result<Bytes, MissingNode> {
            Ok(self.0.clone())
        }
    }
    let honest = Content::from([(B256::ZERO, vec![1; 40])]);
    let forged = Content::from([(B256::ZERO, vec![2; 40])]);
    let (root, _) = stored(&honest);
    let (forged_root, forged_nodes) = stored(&forged);
    let node = forged_nodes.node(forged_root).unwrap();

    assert_eq!(Trie::open(root, Substituting(node.clone())).get(B256::ZERO).unwrap(), Some(&[2; 40][..]));
    assert!(Trie::open(root, HashChecked(Substituting(node))).get(B256::ZERO).is_err());
}

/// One step of a random history. Keys are drawn from few, so that removals hit.
#[derive(Debug, Clone)]
enum Step {
    Insert(B256, Vec<u8>),
    Remove(B256),
    /// Commit and reopen from the nodes alone.
    Reopen,
}

fn keys() -> impl Strategy<Value = B256> {
    prop_oneof![
        (0..40u8).prop_map(|i| keccak256([i])),
        (0..32usize, prop::sample::select(vec![0x01, 0x10, 0x11, 0x81]), 0..3u8)
            .prop_map(|(prefix, byte, last)| key(prefix, byte, last)),
    ]
}

fn steps(max: usize) -> impl Strategy<Value = Vec<Step>> {
    let value = prop_oneof![prop::collection::vec(any::<u8>(), 1..3), prop::collection::vec(any::<u8>(), 30..80),];
    prop::collection::vec(
        prop_oneof![
            4 => (keys(), value).prop_map(|(key, value)| Step::Insert(key, value)),
            4 => keys().prop_map(Step::Remove),
            1 => Just(Step::Reopen),
        ],
        0..max,
    )
}

/// Runs `steps`; the content by a plain map, the root, and all nodes ever committed.
fn run(steps: &[Step]) -> (Content, B256, MemorySource) {
    let (mut content, mut source) = (Content::new(), MemorySource::default());
    let mut trie = Trie::open(EMPTY_ROOT_HASH, source.clone());
    for step in steps {
        match step {
            Step::Insert(key, value) => {
                let changed = content.insert(*key, value.clone()).as_ref() != Some(value);
                assert_eq!(trie.insert(*key, value.clone()).unwrap(), changed);
            }
            Step::Remove(key) => {
                assert_eq!(trie.remove(*key).unwrap(), content.remove(key).is_some());
            }
            Step::Reopen => {
                let commit = trie.commit();
                source.extend(commit.new_nodes);
                trie = Trie::open(commit.root, source.clone());
            }
        }
    }
    let root = trie.root();
    let commit = trie.commit();
    assert_eq!(commit.root, root, "root before and after the commit");
    source.extend(commit.new_nodes);
    (content, commit.root, source)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any history ends in the root that its content has from scratch, and reads back.
    #[test]
    fn history_does_not_matter(steps in steps(120)) {
        let (content, root, source) = run(&steps);
        prop_assert_eq!(root, rebuilt_root(&content));
        let mut trie = Trie::open(root, HashChecked(source));
        for step in &steps {
            if let Step::Insert(key, _) | Step::Remove(key) = step {
                prop_assert_eq!(trie.get(*key).unwrap(), content.get(key).map(|v| &v[..]));
            }
        }
    }

    /// alloy-trie accepts the proof of every key, present or absent, and of no other value.
    #[test]
    fn proofs_verify(steps in steps(60), absent in keys()) {
        let (content, root, source) = run(&steps);
        let mut trie = Trie::open(root, source);
        for key in content.keys().copied().chain([absent, B256::repeat_byte(0xee)]) {
            let proof = trie.prove(key).unwrap();
            let value = content.get(&key).cloned();
            prop_assert_eq!(
                verify_proof(root, Nibbles::unpack(key), value.clone(), &proof), Ok(())
            );
            let other = value.map_or(Some(vec![7]), |_| None);
            prop_assert!(verify_proof(root, Nibbles::unpack(key), other, &proof).is_err());
        }
    }

    /// A proof taken before the commit is one for the new root.
    #[test]
    fn proofs_of_uncommitted_changes_verify(first in steps(40), key in keys()) {
        let (mut content, root, source) = run(&first);
        let mut trie = Trie::open(root, source);
        trie.insert(key, vec![9; 50]).unwrap();
        content.insert(key, vec![9; 50]);
        let proof = trie.prove(key).unwrap();
        let root = rebuilt_root(&content);
        prop_assert_eq!(
            verify_proof(root, Nibbles::unpack(key), Some(vec![9; 50]), &proof), Ok(())
        );
    }

    /// The nodes recorded during changes suffice to make the same changes, and none is superfluous.
    #[test]
    fn witness_is_complete_and_minimal(first in steps(80), then in steps(12)) {
        fn change<S: NodeSource>(root: B256, source: S, steps: &[Step]) -> Result<B256, TrieError<S::Error>> {
            let mut trie = Trie::open(root, source);
            for step in steps {
                match step {
                    Step::Insert(key, value) => trie.insert(*key, value.clone())?,
                    Step::Remove(key) => trie.remove(*key)?,
                    Step::Reopen => false,
                };
            }
            Ok(trie.commit().root)
        }
        let (_, root, source) = run(&first);
        let recorder = RecordingSource::new(&source);
        let after = change(root, &recorder, &then).unwrap();
        let witness: Vec<Bytes> = recorder.into_nodes().into_values().collect();
        let replayed = change(root, MemorySource::from_witness(witness.clone()), &then);
        prop_assert_eq!(replayed, Ok(after));
        for left_out in 0..witness.len() {
            let mut fewer = witness.clone();
            fewer.remove(left_out);
            prop_assert!(change(root, MemorySource::from_witness(fewer), &then).is_err());
        }
    }
}
