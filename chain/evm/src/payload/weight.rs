//! How much of a batch a transaction can take, whatever else the batch holds: what a builder counts with.
//!
//! Not part of the rules. Too low a bound would let a builder promise blocks that no payload can carry, so it errs on the other side.
#![allow(clippy::arithmetic_side_effects, reason = "sizes of what is in memory, times 64 at most")]

use super::{SignedTransaction, decode::TRANSACTION_BASE_BYTES, layout};

/// References into dictionaries, lengths and codes beside what RLP has too.
const REFERENCE_BYTES: usize = 24;

/// Upper bound, in bytes, of what the transaction adds to the columns, to the payload without compression, and to what the decoder charges
/// against its cap (EVM-PL-7).
pub fn bytes_max(transaction: &SignedTransaction) -> usize {
    let fields = transaction.fields();
    let input = fields.input().len();
    let entries = fields.access_list().map_or(0, |list| list.len());
    let authorizations = fields.authorization_list().map_or(0, <[_]>::len);
    // Signatures are posted whole, however short RLP has them; a word of calldata takes its kind and up to two widths more.
    let posted = transaction.encode_2718().len()
        + input / 8
        + REFERENCE_BYTES * (1 + entries)
        + (layout::SIGNATURE_BYTES + REFERENCE_BYTES) * (1 + authorizations);
    posted.max(charged_bytes(transaction))
}

/// What the decoder charges for the transaction against its cap (EVM-PL-7).
pub(super) fn charged_bytes(transaction: &SignedTransaction) -> usize {
    let fields = transaction.fields();
    let entries = fields.access_list().map_or(&[][..], |list| list);
    let keys: usize = entries.iter().map(|entry| entry.storage_keys.len()).sum();
    let authorizations = fields.authorization_list().map_or(0, <[_]>::len);
    TRANSACTION_BASE_BYTES * (1 + authorizations)
        + fields.input().len()
        + layout::ADDRESS_BYTES * entries.len()
        + layout::WORD_BYTES * keys
}
