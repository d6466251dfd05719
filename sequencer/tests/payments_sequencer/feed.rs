//! The block feed: what a replica, which has effects from L1, learns of what users sent.

use std::{pin::Pin, time::Duration};

use alloy::primitives::{B256, keccak256};
use alloy::rlp::{Decodable, Header};
use futures::{Stream, StreamExt};
use tandem_proto::v1::{self, FollowRequest, block_feed_server::BlockFeed};
use tandem_sequencer::{feed::Feed, payments::records::Block};
use tonic::{Request, Status};

use super::rig::{ETHER, L1, Rig, config};

const DEADLINE: Duration = Duration::from_secs(60);

type Blocks = Pin<Box<dyn Stream<Item = Result<v1::Block, Status>> + Send>>;

async fn follow(rig: &Rig, from_number: u64) -> Blocks {
    let feed = Feed::new(rig.records.clone(), rig.records.watch(), 1, DEADLINE);
    feed.follow(Request::new(FollowRequest { from_number })).await.unwrap().into_inner()
}

async fn next(blocks: &mut Blocks) -> v1::Block {
    tokio::time::timeout(DEADLINE, blocks.next()).await.expect("a block").unwrap().unwrap()
}

fn hashes(block: &v1::Block) -> Vec<B256> {
    block.transactions.iter().map(keccak256).collect()
}

/// Number and parent, the first two fields of the header.
fn place(block: &v1::Block) -> (u64, B256) {
    let mut header = block.header.as_slice();
    assert!(Header::decode(&mut header).unwrap().list);
    (u64::decode(&mut header).unwrap(), B256::decode(&mut header).unwrap())
}

fn is(got: &v1::Block, block: &Block) {
    assert_eq!((got.number, got.hash.as_slice()), (block.number, block.hash.as_slice()));
    assert_eq!(place(got), (block.number, block.parent_hash));
    assert_eq!(got.message_count, block.queue_end - block.queue_start);
    assert!(got.receipts.is_empty(), "effects are on L1");
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_learn_the_hashes_of_what_users_sent() {
    let (mut l1, directory, elsewhere) = (L1::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    l1.fund(1, ETHER);
    let rig = Rig::start(directory.path(), config(), &l1).await;
    // There is no block 0: block 1 is the first that comes.
    let mut blocks = follow(&rig, 0).await;
    let first = rig.settle_next(&mut l1).await;
    let got = next(&mut blocks).await;
    is(&got, &first);
    let known: Vec<B256> = first.transactions.iter().flatten().map(|transaction| transaction.hash).collect();
    assert_eq!((hashes(&got), got.message_count, got.transactions_unknown), (known, 2, false));
    assert!(got.transactions.iter().all(|message| message[0] == 0x7e));

    let hash = rig.transfer(1, 0, 2, 7).await;
    let second = rig.settle_next(&mut l1).await;
    let got = next(&mut blocks).await;
    is(&got, &second);
    assert_eq!((hashes(&got), got.transactions_unknown), (vec![hash], false));

    // Who has the same batches from L1 alone has the same blocks, and says that it does not know who sent what.
    let other = Rig::start(elsewhere.path(), config(), &l1).await;
    let mut blocks = follow(&other, 1).await;
    let messages = next(&mut blocks).await;
    is(&messages, &first);
    assert!(!messages.transactions_unknown, "messages are on L1");
    let unseen = next(&mut blocks).await;
    is(&unseen, &second);
    assert!(unseen.transactions_unknown && unseen.transactions.is_empty());
}
