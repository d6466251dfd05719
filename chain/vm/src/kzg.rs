//! Blob elements with c-kzg: proving them for witnesses, and verifying them as L1's precompile does (VM-7, VM-8).
//!
//! Blobs are adversarial in content and checked against their versioned hash when they are added.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use alloy_primitives::{B256, U256, uint};
use c_kzg::{Blob, Bytes32, Bytes48, KzgSettings};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::{
    key::{BLOB_ELEMENTS, OracleKey},
    oracle::{BlobProof, Oracle, PreimageMap},
    reference::PointEvaluation,
};

/// Order of BLS12-381's scalar field.
const MODULUS: U256 = uint!(0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001_U256);
/// 7^((r-1)/4096), of order 4096.
const ROOT_OF_UNITY: U256 = uint!(0x564c0a11a0f704f4fc3e8acfe0f8245f0ad1347b378fbf96e206da11a5d36306_U256);
/// First byte of a versioned hash (EIP-4844).
const VERSION: u8 = 1;

/// Why a blob is not added.
#[derive(Debug, Error)]
pub enum BlobError {
    /// Not a blob: its size, or an element that is no field element.
    #[error("not a blob: {0}")]
    Invalid(#[from] c_kzg::Error),
    /// The blob of another versioned hash.
    #[error("blob has versioned hash {actual}")]
    VersionedHash {
        /// The versioned hash that the blob has.
        actual: B256,
    },
}

/// Point evaluation by c-kzg with Ethereum's trusted setup.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kzg;

fn settings() -> &'static KzgSettings {
    c_kzg::ethereum_kzg_settings(0)
}

/// Where the blob's polynomial has the value of element `index`, below 4096: roots of unity in bit-reversed order.
fn point(index: u64) -> Bytes32 {
    let reversed = (index as u16).reverse_bits() >> 4;
    Bytes32::new(ROOT_OF_UNITY.pow_mod(U256::from(reversed), MODULUS).to_be_bytes())
}

fn versioned_hash(commitment: &[u8; 48]) -> B256 {
    let mut hash: [u8; 32] = Sha256::digest(commitment).into();
    hash[0] = VERSION;
    hash.into()
}

impl PointEvaluation for Kzg {
    fn holds(&self, hash: B256, index: u64, value: B256, commitment: &[u8; 48], proof: &[u8; 48]) -> bool {
        let [commitment_bytes, proof] = [commitment, proof].map(|bytes| Bytes48::new(*bytes));
        let opened = settings().verify_kzg_proof(&commitment_bytes, &point(index), &Bytes32::new(value.0), &proof);
        opened.unwrap_or(false) && hash == versioned_hash(commitment)
    }
}

/// The oracle of an epoch whose payloads lie in blobs: elements are proven when a witness needs one.
#[derive(Clone, Debug, Default)]
pub struct BlobOracle {
    /// Pre-images of every other kind.
    pub preimages: PreimageMap,
    blobs: BTreeMap<B256, (Arc<Blob>, [u8; 48])>,
    elements: BTreeMap<OracleKey, (B256, u64)>,
}

impl BlobOracle {
    /// Adds a blob with all its elements.
    pub fn insert_blob(&mut self, expected: B256, blob: &[u8]) -> Result<(), BlobError> {
        let Entry::Vacant(entry) = self.blobs.entry(expected) else { return Ok(()) };
        let parsed = Blob::from_bytes(blob)?;
        let commitment = settings().blob_to_kzg_commitment(&parsed)?.to_bytes().into_inner();
        let actual = versioned_hash(&commitment);
        if actual != expected {
            return Err(BlobError::VersionedHash { actual });
        }
        for (index, value) in (0..BLOB_ELEMENTS).zip(blob.as_chunks::<32>().0) {
            self.preimages.insert_blob_element(expected, index, value.into());
            self.elements.insert(OracleKey::blob(expected, index), (expected, index));
        }
        entry.insert((Arc::new(parsed), commitment));
        Ok(())
    }
}

impl Oracle for BlobOracle {
    fn preimage(&mut self, key: OracleKey) -> Option<Arc<[u8]>> {
        self.preimages.preimage(key)
    }

    fn blob_proof(&mut self, key: OracleKey) -> Option<BlobProof> {
        let (versioned_hash, index) = *self.elements.get(&key)?;
        let (blob, commitment) = self.blobs.get(&versioned_hash)?;
        let (proof, value) = settings().compute_kzg_proof(blob, &point(index)).ok()?;
        let value = B256::from_slice(value.as_slice());
        Some(BlobProof { versioned_hash, index, value, commitment: *commitment, proof: proof.to_bytes().into_inner() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::NoPreimages;
    use alloc::{vec, vec::Vec};

    /// Elements that differ, and a versioned hash that is theirs.
    fn sample() -> (Vec<u8>, B256) {
        let mut blob = vec![0; c_kzg::BYTES_PER_BLOB];
        for (index, element) in blob.chunks_exact_mut(32).enumerate() {
            element[29..].copy_from_slice(&(index as u32 * 7 + 1).to_be_bytes()[1..]);
        }
        let commitment = settings().blob_to_kzg_commitment(&Blob::from_bytes(&blob).unwrap()).unwrap();
        let hash = versioned_hash(&commitment.to_bytes().into_inner());
        (blob, hash)
    }

    #[test]
    fn every_kind_of_element_is_proven() {
        let (blob, hash) = sample();
        let mut oracle = BlobOracle::default();
        oracle.insert_blob(hash, &blob).unwrap();
        for index in [0, 1, 2, 2048, 4095] {
            let key = OracleKey::blob(hash, index);
            let value = &blob[32 * index as usize..][..32];
            assert_eq!(*oracle.preimage(key).unwrap(), *value);
            let BlobProof { versioned_hash, value: proven, commitment, proof, .. } = oracle.blob_proof(key).unwrap();
            assert_eq!(proven.as_slice(), value);
            assert!(Kzg.holds(versioned_hash, index, proven, &commitment, &proof));
            assert!(!Kzg.holds(versioned_hash, index ^ 1, proven, &commitment, &proof));
            assert!(!Kzg.holds(versioned_hash, index, B256::repeat_byte(1), &commitment, &proof));
            assert!(!Kzg.holds(B256::ZERO, index, proven, &commitment, &proof));
        }
        assert_eq!(oracle.blob_proof(OracleKey::blob(hash, 4096)), None);
        assert_eq!(NoPreimages.blob_proof(OracleKey::blob(hash, 0)), None);
    }

    #[test]
    fn other_blobs_are_refused() {
        let (mut blob, hash) = sample();
        let mut oracle = BlobOracle::default();
        assert!(matches!(oracle.insert_blob(hash, &blob[1..]), Err(BlobError::Invalid(_))));
        blob[31] ^= 1;
        assert!(matches!(oracle.insert_blob(hash, &blob), Err(BlobError::VersionedHash { .. })));
        blob[0] = 0xff;
        assert!(matches!(oracle.insert_blob(hash, &blob), Err(BlobError::Invalid(_))));
        assert_eq!(oracle.preimage(OracleKey::blob(hash, 0)), None);
    }
}
