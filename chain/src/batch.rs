//! Batches as L1 orders them. Rules L1-BATCH-1, L1-BATCH-2; twin: `Inbox.sol`.

use crate::abi::Words;
use alloc::vec::Vec;
use alloy_primitives::{B256, keccak256};

/// Calldata is hashed in pieces, so that every pre-image fits one L1 transaction (L1-BATCH-2).
pub const CALLDATA_CHUNK_BYTES: usize = 65_536;
/// Most payload bytes that one append may carry as calldata (L1-BATCH-2).
pub const CALLDATA_BYTES_MAX: usize = 122_880;
/// Most blobs that one append may carry (L1-BATCH-2).
pub const BLOBS_MAX: usize = 6;

/// Where a batch's payload lies (L1-BATCH-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "camelCase"))]
#[repr(u8)]
pub enum DataKind {
    /// No payload: a forced batch.
    None = 0,
    /// In the input of the appending transaction.
    Calldata = 1,
    /// In the blobs of the appending transaction.
    Blobs = 2,
}

/// A data kind that no Inbox emits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown batch data kind {0}")]
pub struct UnknownDataKind(pub u8);

impl TryFrom<u8> for DataKind {
    type Error = UnknownDataKind;

    fn try_from(kind: u8) -> Result<Self, UnknownDataKind> {
        match kind {
            0 => Ok(Self::None),
            1 => Ok(Self::Calldata),
            2 => Ok(Self::Blobs),
            other => Err(UnknownDataKind(other)),
        }
    }
}

/// What L1 fixes about a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "camelCase"))]
pub struct BatchHeader {
    /// Index of the batch; the first one is 1.
    pub index: u64,
    /// Hash of the batch before, zero for the first.
    pub parent_hash: B256,
    /// Content hash of the batch before, zero for the first.
    pub parent_content_hash: B256,
    /// Where the payload lies.
    pub data_kind: DataKind,
    /// Commitment to the payload.
    pub data_hash: B256,
    /// Messages consumed after this batch, counted from the queue's start.
    pub queue_end: u64,
    /// The queue's hash at `queue_end`.
    pub queue_hash: B256,
    /// Hash of the checkpoint that the batch names.
    pub checkpoint_hash: B256,
    /// The configuration in force.
    pub config_hash: B256,
    /// The work that the batch declares, in gas (L1-WORK-1).
    pub work_gas: u64,
    /// L1 time of inclusion, in seconds.
    pub posted_at: u64,
}

impl BatchHeader {
    /// The batch's hash `batchHash` (L1-BATCH-1).
    pub fn hash(&self) -> B256 {
        self.words().hash()
    }

    /// `contentHash` (L1-BATCH-1): of all that is known before the batch is posted.
    pub fn content_hash(&self) -> B256 {
        self.content_words().hash()
    }

    /// The bytes that are hashed.
    pub fn encode(&self) -> Vec<u8> {
        self.words().encode()
    }

    /// The bytes that the content hash is of.
    pub fn encode_content(&self) -> Vec<u8> {
        self.content_words().encode()
    }

    fn words(&self) -> Words {
        Words::default().word(self.content_hash()).word(self.parent_hash).uint(self.posted_at)
    }

    fn content_words(&self) -> Words {
        Words::default()
            .uint(self.index)
            .word(self.parent_content_hash)
            .uint(self.data_kind as u8)
            .word(self.data_hash)
            .uint(self.queue_end)
            .word(self.queue_hash)
            .word(self.checkpoint_hash)
            .word(self.config_hash)
            .uint(self.work_gas)
    }
}

/// `dataHash` of a calldata payload (L1-BATCH-2).
pub fn calldata_hash(payload: &[u8]) -> B256 {
    keccak256(payload.chunks(CALLDATA_CHUNK_BYTES).map(keccak256).collect::<Vec<_>>().concat())
}

/// `dataHash` of a blob payload (L1-BATCH-2).
pub fn blobs_hash(versioned_hashes: &[B256]) -> B256 {
    keccak256(versioned_hashes.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn calldata_is_hashed_in_chunks() {
        let payload = vec![7; CALLDATA_CHUNK_BYTES + 1];
        let expected = keccak256([keccak256(&payload[..CALLDATA_CHUNK_BYTES]), keccak256([7])].concat());
        assert_eq!(calldata_hash(&payload), expected);
        assert_eq!(calldata_hash(&[]), keccak256([]));
        assert_ne!(calldata_hash(&payload), keccak256(keccak256(&payload)));
    }

    #[test]
    fn unknown_kinds_are_refused() {
        assert_eq!(DataKind::try_from(2), Ok(DataKind::Blobs));
        assert_eq!(DataKind::try_from(3), Err(UnknownDataKind(3)));
    }
}
