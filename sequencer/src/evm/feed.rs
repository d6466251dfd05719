//! Blocks as the feed sends them (`proto/tandem/v1/feed.proto`).

use tandem_evm::{EvmBlock, Receipt, Transaction};
use tandem_proto::v1::Block;

/// A block with everything that a follower checks it by.
pub(crate) fn to_feed(block: &EvmBlock) -> Block {
    Block {
        number: block.header.number,
        hash: block.hash.to_vec(),
        header: alloy::rlp::encode(&block.header),
        transactions: block.transactions.iter().map(Transaction::encode_2718).collect(),
        receipts: block.receipts.iter().map(Receipt::encode_2718).collect(),
        message_count: block.message_count,
    }
}
