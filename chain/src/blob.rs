//! Payload bytes inside EIP-4844 blobs. Rule L1-BATCH-3. Blob contents are adversarial; their versioned hashes are checked elsewhere.

use alloc::{vec, vec::Vec};

/// Bytes of a blob (EIP-4844).
pub const BLOB_BYTES: usize = 131_072;
/// Bytes of a field element, of which the first is zero.
const ELEMENT_BYTES: usize = 32;
/// Payload bytes per blob, the length prefix of the first included.
pub const BLOB_CAPACITY_BYTES: usize = BLOB_BYTES / ELEMENT_BYTES * (ELEMENT_BYTES - 1);
const LENGTH_BYTES: usize = 4;

/// Payload bytes that `blobs` blobs can carry.
pub const fn capacity_bytes(blobs: usize) -> usize {
    blobs.saturating_mul(BLOB_CAPACITY_BYTES).saturating_sub(LENGTH_BYTES)
}

/// Packs a payload into as few blobs as it needs, at least one.
///
/// # Panics
/// If the payload is longer than [`capacity_bytes`] of [`crate::batch::BLOBS_MAX`] blobs: the caller sized it.
pub fn pack(payload: &[u8]) -> Vec<Vec<u8>> {
    assert!(payload.len() <= capacity_bytes(crate::batch::BLOBS_MAX), "payload exceeds the blobs of one transaction");
    let framed = [&(payload.len() as u32).to_be_bytes(), payload].concat();
    framed
        .chunks(BLOB_CAPACITY_BYTES)
        .map(|part| {
            let mut blob = vec![0; BLOB_BYTES];
            for (element, bytes) in blob.chunks_mut(ELEMENT_BYTES).zip(part.chunks(ELEMENT_BYTES - 1)) {
                element.iter_mut().skip(1).zip(bytes).for_each(|(place, byte)| *place = *byte);
            }
            blob
        })
        .collect()
}

/// The payload of a transaction's blobs, or `None` if the framing is broken (then the payload counts as empty).
pub fn unpack<B: AsRef<[u8]>>(blobs: &[B]) -> Option<Vec<u8>> {
    let mut framed = Vec::with_capacity(blobs.len().saturating_mul(BLOB_CAPACITY_BYTES));
    for blob in blobs {
        let blob = blob.as_ref();
        if blob.len() != BLOB_BYTES {
            return None;
        }
        for element in blob.chunks(ELEMENT_BYTES) {
            let (zero, bytes) = element.split_first()?;
            if *zero != 0 {
                return None;
            }
            framed.extend_from_slice(bytes);
        }
    }
    let (length, rest) = framed.split_first_chunk::<LENGTH_BYTES>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (payload, padding) = (rest.get(..length)?, rest.get(length..)?);
    padding.iter().all(|byte| *byte == 0).then(|| payload.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_survive_packing() {
        for length in [0, 1, 30, 31, 32, capacity_bytes(1), capacity_bytes(1) + 1, capacity_bytes(2)] {
            let payload: Vec<u8> = (0..length).map(|index| index as u8).collect();
            let blobs = pack(&payload);
            assert_eq!(unpack(&blobs), Some(payload));
        }
        assert_eq!(pack(&vec![1; capacity_bytes(1)]).len(), 1);
        assert_eq!(pack(&vec![1; capacity_bytes(1) + 1]).len(), 2);
    }

    /// Tests L1-BATCH-3.
    #[test]
    fn broken_framing_is_no_payload() {
        let good = pack(b"payload");
        for (at, why) in
            [(0, "length beyond capacity"), (32, "element above 31 bytes"), (BLOB_BYTES - 1, "padding not zero")]
        {
            let mut bad = good.clone();
            bad[0][at + usize::from(at == 0)] = 0xff;
            assert_eq!(unpack(&bad), None, "{why}");
        }
        assert_eq!(unpack::<Vec<u8>>(&[]), None);
        assert_eq!(unpack(&[vec![0; 7]]), None);
    }
}
