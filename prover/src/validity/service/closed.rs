//! A closed batch as the sequencer hands it out (`proto/tandem/v1/proving.proto`). Rules: PAY-SESSION-TX, PAY-LIMITS.
//!
//! Adversarial: every byte. Lengths, ranges and numbers are checked here; what the batch claims is [`derive`](super::derive)'s to find out.

use alloy::primitives::{Address, B256, U256};
use tandem_payments::{Fr, batch::BatchLimits, eddsa::SESSION_TX_BYTES_MAX, field::fr_checked, ledger::Env};
use tandem_proto::v1;

/// Entries that a batch may have, whatever circuits it is cut for: each posts an element of data at least. Whether they fit with their proofs turns out when they are
/// applied.
pub const ENTRIES_MAX: usize = BatchLimits::DEFAULT.elements_max();

/// What the sequencer says of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Its index on L1.
    pub index: u64,
    /// Tells batches of the same index apart.
    pub id: B256,
    /// Time and operator.
    pub env: Env,
    /// What is applied, in order.
    pub entries: Vec<Entry>,
    /// Messages of the queue consumed before it.
    pub queue_start: u64,
    /// Messages of the queue consumed after it.
    pub queue_end: u64,
    /// The queue's hash at `queue_end`, as claimed.
    pub queue_hash_end: B256,
    /// The root before it, as claimed.
    pub root_before: Fr,
    /// The root after it, as claimed.
    pub root_after: Fr,
    /// Hash of the configuration of the entry that the sequencer has it under.
    pub config_hash: B256,
    /// Hash of that entry's verifying keys.
    pub keys_hash: B256,
}

/// What is applied at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// So many messages, the next ones of the queue; at least one.
    Messages(u32),
    /// A signed operation.
    Operation {
        /// The transaction's bytes, as the sequencer gives them.
        envelope: Vec<u8>,
        /// What the operator asks, in wei per gas.
        price: u64,
    },
}

/// Why a message is no closed batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotClosed {
    /// A field has the wrong length.
    #[error("{field} has {found} bytes, not {expected}")]
    Length {
        /// The field's name in the message.
        field: &'static str,
        /// Its length, in bytes.
        found: usize,
        /// The length that it has to have, in bytes.
        expected: usize,
    },
    /// A field is no element of the scalar field.
    #[error("{0} is not below the field's modulus")]
    Element(&'static str),
    /// The batch with index 0 is genesis.
    #[error("it has index 0, which is genesis")]
    Genesis,
    /// More entries than any batch has.
    #[error("it has {found} entries, a batch has {ENTRIES_MAX} at most")]
    Entries {
        /// How many there are.
        found: usize,
    },
    /// An entry says nothing.
    #[error("entry {0} is empty")]
    Empty(usize),
    /// An envelope is longer than any transaction.
    #[error("entry {entry} has an envelope of {found} bytes, at most {SESSION_TX_BYTES_MAX} are one")]
    Envelope {
        /// Place of the entry, from 0.
        entry: usize,
        /// Bytes of the envelope.
        found: usize,
    },
}

impl TryFrom<v1::ClosedBatch> for Closed {
    type Error = NotClosed;

    fn try_from(batch: v1::ClosedBatch) -> Result<Self, NotClosed> {
        if batch.index == 0 {
            return Err(NotClosed::Genesis);
        }
        let found = batch.entries.len();
        if found > ENTRIES_MAX {
            return Err(NotClosed::Entries { found });
        }
        let operator = Address::from(bytes("operator", &batch.operator)?);
        Ok(Self {
            index: batch.index,
            id: bytes("id", &batch.id)?.into(),
            env: Env { operator, timestamp: batch.timestamp },
            entries: batch.entries.into_iter().enumerate().map(entry).collect::<Result<_, _>>()?,
            queue_start: batch.queue_start,
            queue_end: batch.queue_end,
            queue_hash_end: bytes("queue_hash_end", &batch.queue_hash_end)?.into(),
            root_before: element("root_before", &batch.root_before)?,
            root_after: element("root_after", &batch.root_after)?,
            config_hash: bytes("config_hash", &batch.config_hash)?.into(),
            keys_hash: bytes("keys_hash", &batch.keys_hash)?.into(),
        })
    }
}

fn entry((number, entry): (usize, v1::Entry)) -> Result<Entry, NotClosed> {
    match entry.entry {
        Some(v1::entry::Entry::Messages(count)) if count > 0 => Ok(Entry::Messages(count)),
        Some(v1::entry::Entry::Operation(v1::SignedOperation { envelope, price })) => match envelope.len() {
            found if found > SESSION_TX_BYTES_MAX => Err(NotClosed::Envelope { entry: number, found }),
            _ => Ok(Entry::Operation { envelope, price }),
        },
        _ => Err(NotClosed::Empty(number)),
    }
}

fn bytes<const N: usize>(field: &'static str, bytes: &[u8]) -> Result<[u8; N], NotClosed> {
    bytes.try_into().map_err(|_| NotClosed::Length { field, found: bytes.len(), expected: N })
}

fn element(field: &'static str, element: &[u8]) -> Result<Fr, NotClosed> {
    fr_checked(U256::from_be_bytes::<32>(bytes(field, element)?)).ok_or(NotClosed::Element(field))
}
