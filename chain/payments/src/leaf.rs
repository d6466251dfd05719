//! Leaves of the state tree (PAY-LEAF): one per (address, token), linked in key order.
//!
//! Twin: `prover/circuits/src/apply/leaf.rs`.

use crate::field::{address_fr, fr};
use crate::{poseidon, tags};
use alloy_primitives::{Address, U256};
use ark_bn254::Fr;
use ark_ff::Zero;

/// What names a leaf. Ordered by address, then token; token zero is ETH.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The account that owns the leaf.
    pub address: Address,
    /// The ERC-20 on L1, zero for ETH.
    pub token: Address,
}

impl Key {
    /// The key of the sentinel, and the `next` of the last leaf.
    pub const ZERO: Self = Self { address: Address::ZERO, token: Address::ZERO };

    /// The key of an address's ETH leaf.
    pub fn eth(address: Address) -> Self {
        Self { address, token: Address::ZERO }
    }
}

/// A leaf of the state tree (PAY-LEAF).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leaf {
    /// The account and token that the leaf is for.
    pub key: Key,
    /// The next key in order, zero at the end.
    pub next: Key,
    /// Operations that the owner's signatures have authorised (ETH leaf).
    pub nonce: u64,
    /// In wei, or in the token's own unit.
    pub balance: u128,
    /// Hash of the owner's Ethereum public key, zero if not registered (ETH leaf).
    pub key_hash: Fr,
    /// Hash of the session key, zero if none (ETH leaf).
    pub session_hash: Fr,
}

impl Leaf {
    /// A new leaf without anything in it.
    pub fn new(key: Key, next: Key) -> Self {
        Self { key, next, ..Self::default() }
    }

    /// Its hash in the tree.
    pub fn hash(&self) -> Fr {
        poseidon::hash_tagged(tags::LEAF, &self.fields())
    }

    /// Its fields in the order of the hash.
    pub fn fields(&self) -> [Fr; 8] {
        [
            address_fr(self.key.address),
            address_fr(self.key.token),
            address_fr(self.next.address),
            address_fr(self.next.token),
            Fr::from(self.nonce),
            fr(U256::from(self.balance)),
            self.key_hash,
            self.session_hash,
        ]
    }

    /// Whether `key` lies strictly between this leaf's key and its next: proof that no leaf has it (PAY-UNIQUE).
    pub fn spans(&self, key: Key) -> bool {
        self.key < key && (self.next == Key::ZERO || key < self.next)
    }
}

/// The hash of the leaf that is not there.
pub fn empty() -> Fr {
    Fr::zero()
}
