//! Blobs and their versioned hashes (EIP-4844).

use alloy::{
    eips::eip4844::{
        c_kzg::{self, KzgSettings},
        kzg_to_versioned_hash,
    },
    primitives::{B256, Bytes, FixedBytes},
};

/// The mainnet trusted setup, without tables that only speed up cell proofs.
pub fn kzg_settings() -> &'static KzgSettings {
    c_kzg::ethereum_kzg_settings(0)
}

/// The commitment to a blob; none if the bytes are no blob (length, or an element beyond the field).
pub fn blob_commitment(blob: &[u8]) -> Option<FixedBytes<48>> {
    let blob = c_kzg::Blob::from_bytes(blob).ok()?;
    let commitment = kzg_settings().blob_to_kzg_commitment(&blob).ok()?;
    Some(FixedBytes(commitment.to_bytes().into_inner()))
}

/// The versioned hash of a blob; none if the bytes are no blob.
pub fn versioned_hash(blob: &[u8]) -> Option<B256> {
    blob_commitment(blob).map(|commitment| kzg_to_versioned_hash(commitment.as_slice()))
}

/// The versioned hashes of blobs, computed off the async threads; none if one is no blob.
pub async fn versioned_hashes(blobs: &[Bytes]) -> Option<Vec<B256>> {
    let blobs = blobs.to_vec();
    let hashing = tokio::task::spawn_blocking(move || blobs.iter().map(|blob| versioned_hash(blob)).collect());
    hashing.await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::b256;
    use tandem_chain::blob::BLOB_BYTES;

    #[test]
    fn the_empty_blob_has_its_known_hash() {
        // The commitment to the zero polynomial is the point at infinity, 0xc0 followed by zeros; the hash is sha256 of it
        // with version byte 1 (EIP-4844).
        let expected = b256!("010657f37554c781402a22917dee2f75def7ab966d7b770905398eba3c444014");
        assert_eq!(versioned_hash(&vec![0; BLOB_BYTES]), Some(expected));
    }

    #[test]
    fn what_is_no_blob_has_no_hash() {
        assert_eq!(versioned_hash(&[0; 32]), None);
        let mut beyond_field = vec![0; BLOB_BYTES];
        beyond_field[..32].fill(0xff);
        assert_eq!(versioned_hash(&beyond_field), None);
    }
}
