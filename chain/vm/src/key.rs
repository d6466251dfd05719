//! Names of pre-images (VM-7). Twin: `contracts/src/vm/Preimage.sol`.

use alloy_primitives::{B256, keccak256};

/// Field elements of a blob.
pub const BLOB_ELEMENTS: u64 = 4096;

/// What a key's first byte says about its pre-image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Data, by its hash.
    Keccak,
    /// An element of a blob, by versioned hash and index.
    Blob,
}

/// The name of a pre-image: a kind and 31 bytes of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OracleKey(pub B256);

impl OracleKey {
    /// The key of the data with this hash.
    pub const fn keccak(hash: B256) -> Self {
        Self::of_kind(1, hash)
    }

    /// The key of some data.
    pub fn of_data(data: &[u8]) -> Self {
        Self::keccak(keccak256(data))
    }

    /// The key of a blob's element. No element at or above [`BLOB_ELEMENTS`] has a pre-image.
    pub fn blob(versioned_hash: B256, index: u64) -> Self {
        let mut name = [0; 40];
        name[..32].copy_from_slice(versioned_hash.as_slice());
        name[32..].copy_from_slice(&index.to_be_bytes());
        Self::of_kind(2, keccak256(name))
    }

    /// The key of an epoch's inputs, which the initial state holds (VM-3).
    pub fn inputs(previous_output: B256, first_batch_hash: B256, last_batch_hash: B256) -> Self {
        Self::of_data(&[previous_output.0, first_batch_hash.0, last_batch_hash.0].concat())
    }

    /// What the key names; nothing for a kind that does not exist.
    pub const fn kind(&self) -> Option<KeyKind> {
        match self.0.0[0] {
            1 => Some(KeyKind::Keccak),
            2 => Some(KeyKind::Blob),
            _ => None,
        }
    }

    const fn of_kind(kind: u8, mut hash: B256) -> Self {
        hash.0[0] = kind;
        Self(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::b256;

    #[test]
    fn keys_are_hashes_with_a_kind() {
        // keccak("") from the Ethereum Yellow Paper.
        let empty = b256!("01d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
        assert_eq!(OracleKey::of_data(&[]), OracleKey(empty));
        assert_eq!(OracleKey::of_data(&[]).kind(), Some(KeyKind::Keccak));
        assert_eq!(OracleKey::blob(B256::ZERO, 1).kind(), Some(KeyKind::Blob));
        assert_ne!(OracleKey::blob(B256::ZERO, 1), OracleKey::blob(B256::ZERO, 2));
        assert_eq!(OracleKey(B256::ZERO).kind(), None);
        assert_eq!(OracleKey(B256::repeat_byte(3)).kind(), None);
    }
}
