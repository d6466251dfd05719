//! Blocks as the feed sends them (`proto/tandem/v1/feed.proto`).

use tandem_evm::{Receipt, Transaction};
use tandem_proto::v1::Block;
use tandem_store::Store;

use crate::feed::Fed;

impl Fed for Store {
    const FIRST: u64 = 0;
    const IN_FLIGHT_MAX: usize = 64;

    fn to_feed(block: &Self::Block) -> Block {
        Block {
            number: block.header.number,
            hash: block.hash.to_vec(),
            header: alloy::rlp::encode(&block.header),
            transactions: block.transactions.iter().map(Transaction::encode_2718).collect(),
            receipts: block.receipts.iter().map(Receipt::encode_2718).collect(),
            message_count: block.message_count,
            transactions_unknown: false,
        }
    }
}
