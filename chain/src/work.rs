//! How much a batch makes others do, and how fast the sequencer may make them do it. Rules L1-WORK-1 to L1-WORK-3; twin: `WorkMeter.sol`.
//!
//! Everything is counted in gas, at rates that bound what it takes in the fraud-proof machine (VM-9).

use crate::blob::BLOB_CAPACITY_BYTES;

/// What a block of a payload takes of the batch's declared work beside its transactions.
pub const GAS_PER_BLOCK: u64 = 1_200;
/// What a byte of a payload takes of the batch's declared work, of the columns or of what is built of them.
pub const GAS_PER_PAYLOAD_BYTE: u64 = 7;
/// Weight of a message beside its gas: it can come to a block of its own.
pub const GAS_PER_MESSAGE: u64 = GAS_PER_BLOCK;
/// Weight of a posted byte.
pub const GAS_PER_POSTED_BYTE: u64 = 13;
/// Weight of a batch beside everything that it holds.
pub const GAS_PER_BATCH: u64 = 100_000;

/// Declared work that drains from L1's bucket in a second.
pub const WORK_GAS_PER_SECOND: u64 = 25_000_000;
/// Posted bytes that drain from L1's bucket in a second.
pub const BYTES_PER_SECOND: u64 = 63_488;
/// Declared work that the empty bucket takes.
pub const BUCKET_WORK_GAS: u64 = 48 * WORK_GAS_PER_SECOND;
/// Posted bytes that the empty bucket takes.
pub const BUCKET_BYTES: u64 = 48 * BYTES_PER_SECOND;

/// Posted bytes of so many blobs, whatever is in them.
pub fn blob_bytes(blobs: usize) -> u64 {
    (blobs as u64).saturating_mul(BLOB_CAPACITY_BYTES as u64)
}

/// What a payload of so many blocks and bytes takes of the declared work before any transaction; the bytes are those of the columns, or of what
/// is built of them if that is more (EVM-WORK-1).
pub fn payload_work_gas(blocks: u64, bytes: u64) -> u64 {
    blocks.saturating_mul(GAS_PER_BLOCK).saturating_add(bytes.saturating_mul(GAS_PER_PAYLOAD_BYTE))
}

/// The weight of a batch (L1-WORK-2).
pub fn weight_gas(work_gas: u64, messages: u64, message_gas: u64, posted_bytes: u64) -> u64 {
    GAS_PER_BATCH
        .saturating_add(work_gas)
        .saturating_add(message_gas)
        .saturating_add(messages.saturating_mul(GAS_PER_MESSAGE))
        .saturating_add(posted_bytes.saturating_mul(GAS_PER_POSTED_BYTE))
}
