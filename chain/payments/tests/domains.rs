//! Hashes of one kind are no hashes of another (PAY-TAG, PAY-NODE, PAY-LEAF).

use ark_bn254::Fr;
use ark_ff::Zero;
use std::collections::BTreeSet;
use tandem_payments::{
    field::integer,
    leaf::{self, Leaf},
    poseidon, tags,
    tree::{Tree, node},
};

#[test]
fn a_leaf_that_holds_nothing_is_not_the_empty_leaf() {
    let sentinel = Leaf::default();
    assert_eq!(sentinel.balance, 0);
    assert_ne!(sentinel.hash(), leaf::empty());
    // nor does it stand where the empty one stood
    let mut tree = Tree::default();
    let before = tree.root();
    tree.set(3, sentinel.hash());
    assert_ne!(tree.root(), before);
}

#[test]
fn a_leaf_is_no_node_and_no_hash_without_its_tag() {
    let leaf = Leaf::default();
    let zero = Fr::zero();
    assert_ne!(leaf.hash(), node(&[zero; 4]));
    assert_ne!(leaf.hash(), poseidon::hash(&leaf.fields()));
    // a node is not the leaf above it: neither zero children nor the tag of leaves as a child make one
    assert_ne!(leaf.hash(), node(&[tags::LEAF.to_fr(), zero, zero, zero]));
}

#[test]
fn every_use_has_a_tag_of_its_own() {
    let tags = [
        tags::LEAF,
        tags::NODE,
        tags::OPERATION,
        tags::VALUE_SESSION,
        tags::VALUE_ETHEREUM,
        tags::VALUE_REGISTER,
        tags::KEY_SESSION,
        tags::KEY_ETHEREUM,
        tags::DIGEST_DATA,
        tags::DIGEST_VALUES,
    ];
    let distinct: BTreeSet<_> = tags.iter().map(|tag| integer(tag.to_fr())).collect();
    assert_eq!(distinct.len(), tags.len());
    assert!(tags.iter().all(|tag| !tag.to_fr().is_zero()));
}
