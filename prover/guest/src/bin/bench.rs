#![no_std]
#![no_main]
//! A program that needs no oracle, so that qemu-user runs it too: hashing, signatures, 256-bit arithmetic and a tree on the heap,
//! in shares like those of executing blocks. Its exit code is made of everything that it computed.

extern crate alloc;

use alloc::{collections::BTreeMap, vec::Vec};

use alloy_primitives::{B256, U256, keccak256};
use k256::ecdsa::{RecoveryId, Signature, SigningKey, VerifyingKey};
use tandem_guest::{exit, set_output};

#[unsafe(no_mangle)]
fn main() {
    let mut digest = B256::ZERO;
    for _ in 0..20 {
        digest = recover(hash_and_sort(digest));
    }
    set_output(digest.0);
    exit(u64::from(digest.0[31] & 0x7f));
}

/// Fills a map with nodes of some hundred bytes, replaces a part, and hashes what it holds in order.
fn hash_and_sort(seed: B256) -> B256 {
    let mut nodes: BTreeMap<B256, Vec<u8>> = BTreeMap::new();
    let mut key = seed;
    for number in 0..400_u64 {
        key = keccak256(key);
        let word = U256::from_be_bytes(key.0);
        let mixed: U256 = word.wrapping_mul(word).wrapping_add(U256::from(number)) % (U256::from(number) + (U256::ONE << 200));
        nodes.insert(key, mixed.to_be_bytes::<32>().repeat(1 + (number % 17) as usize));
        if number % 3 == 0 {
            nodes.pop_first();
        }
    }
    let hashes: Vec<u8> = nodes.into_iter().flat_map(|(key, node)| (key ^ keccak256(node)).0).collect();
    keccak256(hashes)
}

/// Signs a hash and recovers the signer, which must be the right one.
fn recover(hash: B256) -> B256 {
    let key = SigningKey::from_slice(keccak256(hash).as_slice()).expect("a hash below the curve's order");
    let (signature, recovery): (Signature, RecoveryId) = key.sign_prehash_recoverable(hash.as_slice()).expect("32 bytes");
    let signer = VerifyingKey::recover_from_prehash(hash.as_slice(), &signature, recovery).expect("a signer");
    assert_eq!(signer, *key.verifying_key());
    keccak256(signer.to_encoded_point(false).as_bytes())
}
