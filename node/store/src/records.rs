//! What rows hold, and what callers hand over.

use crate::RowKey;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};
use std::fmt;
use tandem_chain::{BatchHeader, Checkpoint, L2Message, Message, OutputFields};

/// Which chain a store belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Identity {
    /// Chain id of L2.
    pub chain_id: u64,
    /// Hash of the chain's configuration.
    pub config_hash: B256,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chain {} with configuration {}", self.chain_id, self.config_hash)
    }
}

/// What the store keeps one number for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Marker {
    /// Schema version of the directory.
    SchemaVersion = 0,
    /// The last block of the chain.
    Head = 1,
    /// Last L1 block that was processed to its end.
    L1Processed = 2,
    /// Number of the next closed batch, by the sequencer's own counter.
    NextJob = 3,
    /// Index of the batch after which a ledger's state is; 0 for genesis.
    LedgerTip = 4,
    /// Index of the first batch that a ledger can undo; one more than the tip if it can undo none.
    LedgerUndoFirst = 5,
    /// The newest L1 block that a ledger was told is final; no row before it was told of any.
    LedgerFinal = 6,
}

impl Marker {
    const ALL: [Self; 7] = [
        Self::SchemaVersion,
        Self::Head,
        Self::L1Processed,
        Self::NextJob,
        Self::LedgerTip,
        Self::LedgerUndoFirst,
        Self::LedgerFinal,
    ];
}

impl RowKey for Marker {
    fn encode(&self) -> Vec<u8> {
        vec![*self as u8]
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|marker| bytes == [*marker as u8])
    }
}

/// The last block of the chain, by number and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Number of the block.
    pub number: u64,
    /// Hash of the block.
    pub hash: B256,
}

/// Where a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct TxPlace {
    /// Number of its block.
    pub block_number: u64,
    /// Its index in the block, from 0.
    pub index: u64,
}

/// A block but for header and receipts.
#[derive(Debug, Clone, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct BlockBody {
    /// The transactions, EIP-2718 encoded.
    pub transactions: Vec<Bytes>,
    /// The senders of the transactions, in the same order.
    pub senders: Vec<Address>,
    /// L1 messages that the block consumed.
    pub message_count: u64,
    /// L1 messages consumed up to and including this block.
    pub queue_index: u64,
}

/// A message from L2 to L1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct L2MessageRow {
    /// The message as L2 sent it.
    pub message: L2Message,
    /// The block that sent it.
    pub block_number: u64,
}

/// An admitted transaction that is in no block.
#[derive(Debug, Clone, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct JournalEntry {
    /// Order of admission; transactions of unwound blocks come before all others.
    pub sequence: u64,
    /// The account that signed the transaction.
    pub sender: Address,
    /// The signed transaction, EIP-2718 encoded.
    pub transaction: Bytes,
}

/// An L1 block with what it taught.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct L1BlockRecord {
    /// Number of the L1 block.
    pub number: u64,
    /// Hash of the L1 block.
    pub hash: B256,
    /// Hash of the L1 block before it.
    pub parent_hash: B256,
    /// Its time in seconds.
    pub timestamp: u64,
    /// Messages that it queued, with their indices.
    pub messages: Vec<(u64, Message)>,
    /// Checkpoints that it stored, in order.
    pub checkpoints: Vec<Checkpoint>,
}

/// An L1 block that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct L1BlockHead {
    /// Number of the L1 block.
    pub number: u64,
    /// Hash of the L1 block.
    pub hash: B256,
    /// Hash of the L1 block before it.
    pub parent_hash: B256,
    /// Its time in seconds.
    pub timestamp: u64,
}

/// A message of the L1 queue.
#[derive(Debug, Clone, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct L1Message {
    /// Number of the L1 block that queued it.
    pub l1_number: u64,
    /// The message as [`Message::encode`] writes it.
    pub message: Bytes,
}

/// A checkpoint as a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct CheckpointRow {
    number: u64,
    timestamp: u64,
    base_fee: U256,
    blob_base_fee: U256,
}

impl From<Checkpoint> for CheckpointRow {
    fn from(checkpoint: Checkpoint) -> Self {
        let Checkpoint { number, timestamp, base_fee, blob_base_fee } = checkpoint;
        Self { number, timestamp, base_fee, blob_base_fee }
    }
}

impl From<CheckpointRow> for Checkpoint {
    fn from(row: CheckpointRow) -> Self {
        let CheckpointRow { number, timestamp, base_fee, blob_base_fee } = row;
        Self { number, timestamp, base_fee, blob_base_fee }
    }
}

/// A batch on L1, and what it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BatchRecord {
    /// The batch's header, as the Inbox holds it.
    pub header: BatchHeader,
    /// The state after it.
    pub output: OutputFields,
    /// Number of its first block; one more than `last_block` if it made none.
    pub first_block: u64,
    /// Number of the last block after it.
    pub last_block: u64,
    /// Number of the L1 block that holds the append.
    pub l1_number: u64,
    /// Hash of that block.
    pub l1_hash: B256,
    /// Hash of the appending transaction.
    pub l1_tx: B256,
    /// The checkpoint that the header names.
    pub checkpoint: Checkpoint,
}

/// A batch of this sequencer that is not closed: where it starts, and where it ends if that is decided. Blocks that neither belong to one of these nor
/// to a closed batch are not ours to post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenBatchRecord {
    /// Number of its first block.
    pub first_block: u64,
    /// Number of its last block; none while it takes blocks.
    pub last_block: Option<u64>,
    /// The checkpoint that it names.
    pub checkpoint: Checkpoint,
}

/// A batch that this sequencer closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchJob {
    /// The sequencer's own counter.
    pub sequence: u64,
    /// Number of its first block.
    pub first_block: u64,
    /// Number of its last block.
    pub last_block: u64,
    /// The checkpoint that it names.
    pub checkpoint: Checkpoint,
    /// Where its messages end.
    pub queue_end: u64,
    /// Hash of the queue there.
    pub queue_hash: B256,
    /// The work that it declares, in gas.
    pub work_gas: u64,
    /// The payload, framing not included.
    pub payload: Bytes,
}

/// A batch that this sequencer closed, but for its payload, which may be large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobSummary {
    /// The sequencer's own counter.
    pub sequence: u64,
    /// Number of its first block.
    pub first_block: u64,
    /// Number of its last block.
    pub last_block: u64,
    /// The checkpoint that it names.
    pub checkpoint: Checkpoint,
    /// Where its messages end.
    pub queue_end: u64,
    /// Hash of the queue there.
    pub queue_hash: B256,
    /// The work that it declares, in gas.
    pub work_gas: u64,
}

impl JobSummary {
    /// The whole job, with its payload.
    pub fn with_payload(self, payload: Bytes) -> BatchJob {
        let Self { sequence, first_block, last_block, checkpoint, queue_end, queue_hash, work_gas } = self;
        BatchJob { sequence, first_block, last_block, checkpoint, queue_end, queue_hash, work_gas, payload }
    }
}

impl BatchJob {
    /// Everything but the payload.
    pub fn summary(&self) -> JobSummary {
        let Self { sequence, first_block, last_block, checkpoint, queue_end, queue_hash, work_gas, payload: _ } = *self;
        JobSummary { sequence, first_block, last_block, checkpoint, queue_end, queue_hash, work_gas }
    }
}

#[derive(RlpEncodable, RlpDecodable)]
struct JobSummaryRlp {
    sequence: u64,
    first_block: u64,
    last_block: u64,
    checkpoint: CheckpointRow,
    queue_end: u64,
    queue_hash: B256,
    work_gas: u64,
}

impl Encodable for JobSummary {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        let Self { sequence, first_block, last_block, checkpoint, queue_end, queue_hash, work_gas } = *self;
        let checkpoint = checkpoint.into();
        JobSummaryRlp { sequence, first_block, last_block, checkpoint, queue_end, queue_hash, work_gas }.encode(out);
    }
}

impl Decodable for JobSummary {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let JobSummaryRlp { sequence, first_block, last_block, checkpoint, queue_end, queue_hash, work_gas } =
            JobSummaryRlp::decode(buf)?;
        Ok(Self { sequence, first_block, last_block, checkpoint: checkpoint.into(), queue_end, queue_hash, work_gas })
    }
}
