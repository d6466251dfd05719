//! The tables of a [`Store`](crate::Store), and how tables are declared. Numbers are big-endian keys, so that they are in order. What the databases of a payments
//! chain have beside some of these is declared where it is used: `ledger/rows.rs`, `sequenced.rs`.
//!
//! Blocks are stored by number: there is one chain, and what is unwound is gone. The state is the
//! set of trie nodes in `preimages`, read by hash from a header's state root.

use crate::{
    BatchRecord, BlockBody, Codec, Identity, JobSummary, JournalEntry, Json, L1BlockHead, L1Message, L2MessageRow,
    LogPlace, Marker, NodePlace, Nothing, OpenBatchRecord, Raw, Rlp, RowKey, TxPlace, records::CheckpointRow,
};
use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes};

/// Version of all tables, here and where those of a payments chain are. A directory with another one is refused.
pub const SCHEMA_VERSION: u64 = 5;

/// A column family with typed keys and values.
pub trait Table {
    /// The column family's name.
    const NAME: &'static str;
    /// What rows are found by.
    type Key: RowKey;
    /// What a row holds.
    type Value;
    /// How the value is written.
    type Codec: Codec<Self::Value>;
}

macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident $name:literal: $key:ty => $value:ty as $codec:ty;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy)]
            pub enum $table {}

            impl Table for $table {
                const NAME: &'static str = $name;
                type Key = $key;
                type Value = $value;
                type Codec = $codec;
            }
        )*

        /// The names of all tables.
        pub const TABLES: &[&str] = &[$($name),*];
    };
}
pub(crate) use tables;

tables! {
    /// Which chain the directory belongs to: one row, with key 0.
    Chain "chain": u64 => Identity as Rlp;
    /// Single numbers that the store keeps.
    Markers "markers": Marker => u64 as Rlp;

    /// Block headers by number.
    Headers "headers": u64 => Header as Rlp;
    /// Block hashes by number.
    BlockHashes "block_hashes": u64 => B256 as Rlp;
    /// Block numbers by hash.
    BlockNumbers "block_numbers": B256 => u64 as Rlp;
    /// Transactions of a block, their senders, and its L1 messages, by block number.
    Bodies "bodies": u64 => BlockBody as Rlp;
    /// Receipts of a block, EIP-2718 encoded, by its number.
    Receipts "receipts": u64 => Vec<Bytes> as Rlp;
    /// Where a transaction is, by its hash.
    Transactions "transactions": B256 => TxPlace as Rlp;
    /// Messages from L2 to L1 by index.
    L2Messages "l2_messages": u64 => L2MessageRow as Json;
    /// The complete nodes of the message tree, the messages' hashes among them, by their place.
    MessageNodes "message_nodes": NodePlace => B256 as Rlp;
    /// Which blocks hold logs of an address or with a topic: the row is all there is.
    LogBlocks "log_blocks": LogPlace => () as Nothing;

    /// State nodes, code and headers by their keccak-256 hash.
    Preimages "preimages": B256 => Bytes as Raw;

    /// Admitted transactions that are in no block, by their hash.
    Journal "journal": B256 => JournalEntry as Rlp;

    /// L1 blocks that were read, by number.
    L1Blocks "l1_blocks": u64 => L1BlockHead as Rlp;
    /// Messages of the L1 queue by index.
    Messages "messages": u64 => L1Message as Rlp;
    /// The last checkpoint stored in an L1 block, by that block's number.
    Checkpoints "checkpoints": u64 => CheckpointRow as Rlp;

    /// Batches on L1 by index.
    Batches "batches": u64 => BatchRecord as Json;
    /// Index of the batch, by the last block of those that have blocks.
    BatchEnds "batch_ends": u64 => u64 as Rlp;
    /// Batches closed but not final on L1, by the sequencer's own counter.
    Jobs "jobs": u64 => JobSummary as Rlp;
    /// Their payloads, which are large, by the same counter.
    JobPayloads "job_payloads": u64 => Bytes as Raw;
    /// Batches of this sequencer that are not closed, by their first block.
    OpenBatches "open_batches": u64 => OpenBatchRecord as Json;
    /// The L1 block that made the output after a batch final, by the batch's index.
    Settled "settled": u64 => u64 as Rlp;
    /// The L1 block from which a replica reads on after a batch, by the batch's index.
    ScanStarts "scan_starts": u64 => u64 as Rlp;
}
