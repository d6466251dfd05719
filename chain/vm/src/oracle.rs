//! Where an emulator gets pre-images from, and the stream that a guest reads of one (VM-6, VM-7).

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

use alloy_primitives::{B256, keccak256};

use crate::key::OracleKey;

/// What shows a blob element on L1: the versioned hash, the index, the value, the commitment and the opening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobProof {
    /// Hash of the commitment, as in the batch.
    pub versioned_hash: B256,
    /// Index of the element in the blob.
    pub index: u64,
    /// The value of the element, big-endian.
    pub value: B256,
    /// KZG commitment to the blob.
    pub commitment: [u8; 48],
    /// KZG opening at the element's root of unity.
    pub proof: [u8; 48],
}

impl BlobProof {
    /// The bytes that a witness carries (VM-8).
    pub fn encode(&self) -> Vec<u8> {
        let mut index = [0; 32];
        index[24..].copy_from_slice(&self.index.to_be_bytes());
        [self.versioned_hash.as_slice(), &index, self.value.as_slice(), &self.commitment, &self.proof].concat()
    }
}

/// A source of pre-images. It vouches for them: emulators do not check that they fit their keys, L1 does.
pub trait Oracle {
    /// The pre-image of a key, or nothing when it is not at hand.
    fn preimage(&mut self, key: OracleKey) -> Option<Arc<[u8]>>;

    /// What a witness needs to show the pre-image of a blob key.
    fn blob_proof(&mut self, key: OracleKey) -> Option<BlobProof>;
}

/// An oracle that knows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPreimages;

impl Oracle for NoPreimages {
    fn preimage(&mut self, _: OracleKey) -> Option<Arc<[u8]>> {
        None
    }

    fn blob_proof(&mut self, _: OracleKey) -> Option<BlobProof> {
        None
    }
}

/// An oracle that has everything in memory.
#[derive(Clone, Debug, Default)]
pub struct PreimageMap {
    preimages: BTreeMap<OracleKey, Arc<[u8]>>,
    blobs: BTreeMap<OracleKey, BlobProof>,
}

impl PreimageMap {
    /// Adds data under its own hash, which it returns.
    pub fn insert(&mut self, data: &[u8]) -> B256 {
        let hash = keccak256(data);
        self.preimages.insert(OracleKey::keccak(hash), data.into());
        hash
    }

    /// Adds a blob element without a proof: enough to run, not to make a witness of the step that reads it.
    pub fn insert_blob_element(&mut self, versioned_hash: B256, index: u64, value: B256) {
        self.preimages.insert(OracleKey::blob(versioned_hash, index), value.as_slice().into());
    }

    /// Adds a blob element with its proof.
    pub fn insert_blob(&mut self, proof: BlobProof) {
        let key = OracleKey::blob(proof.versioned_hash, proof.index);
        self.preimages.insert(key, proof.value.as_slice().into());
        self.blobs.insert(key, proof);
    }
}

impl Oracle for PreimageMap {
    fn preimage(&mut self, key: OracleKey) -> Option<Arc<[u8]>> {
        self.preimages.get(&key).cloned()
    }

    fn blob_proof(&mut self, key: OracleKey) -> Option<BlobProof> {
        self.blobs.get(&key).cloned()
    }
}

/// The eight bytes at an offset of a pre-image's stream, as LD reads them.
pub fn stream_word(preimage: &[u8], offset: u64) -> u64 {
    let length = (preimage.len() as u64).to_le_bytes();
    let byte = |at: u64| match at.checked_sub(8) {
        None => length.get(at as usize).copied().unwrap_or_default(),
        Some(at) => usize::try_from(at).ok().and_then(|at| preimage.get(at)).copied().unwrap_or(0),
    };
    u64::from_le_bytes(core::array::from_fn(|index| offset.checked_add(index as u64).map_or(0, byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_length_data_zeros() {
        let data: Vec<u8> = (1..=11).collect();
        assert_eq!(stream_word(&data, 0), 11);
        assert_eq!(stream_word(&data, 8), 0x0807_0605_0403_0201);
        assert_eq!(stream_word(&data, 16), 0x000b_0a09);
        assert_eq!(stream_word(&data, 24), 0);
        assert_eq!(stream_word(&data, 4), 0x0403_0201_0000_0000);
        assert_eq!(stream_word(&data, u64::MAX - 3), 0);
        assert_eq!(stream_word(&[], 0), 0);
    }
}
