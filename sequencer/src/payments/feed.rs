//! Batches as blocks of the feed (`proto/tandem/v1/feed.proto`): how a replica, which has effects from L1, learns the hashes of users' transactions.

use alloy::rlp::{Encodable, Header};
use tandem_proto::v1;

use super::{
    records::{Block, Transaction},
    view::Records,
};
use crate::feed::Fed;

impl Fed for Records {
    /// The chain's beginning is no batch.
    const FIRST: u64 = 1;
    /// A full batch holds thousands of envelopes.
    const IN_FLIGHT_MAX: usize = 8;

    fn to_feed(block: &Self::Block) -> v1::Block {
        v1::Block {
            number: block.number,
            hash: block.hash.to_vec(),
            header: header(block),
            transactions: block.transactions.iter().flatten().map(Transaction::encoded).collect(),
            receipts: Vec::new(),
            message_count: block.queue_end.saturating_sub(block.queue_start),
            transactions_unknown: block.transactions.is_none(),
        }
    }
}

/// What is known of a block beside its transactions, as the schema has it.
fn header(block: &Block) -> Vec<u8> {
    let fields: [&dyn Encodable; 10] = [
        &block.number,
        &block.parent_hash,
        &block.timestamp,
        &block.operator,
        &block.root_before,
        &block.state_root,
        &block.leaf_count,
        &block.queue_start,
        &block.queue_end,
        &block.queue_hash,
    ];
    let payload_length = fields.iter().map(|field| field.length()).sum();
    let mut encoded = Vec::new();
    Header { list: true, payload_length }.encode(&mut encoded);
    fields.iter().for_each(|field| field.encode(&mut encoded));
    encoded
}
