//! The block feed: what is in the store is what a follower gets, also after blocks were replaced.

mod common;

use std::time::{Duration, Instant};

use alloy::primitives::keccak256;
use common::{DEADLINE, chain};
use futures::StreamExt;
use tandem_chain::Checkpoint;
use tandem_evm::{BlockAttributes, BlockBuilder, EvmBlock, WorldState};
use tandem_proto::v1::{Block, FollowRequest, block_feed_client::BlockFeedClient, block_feed_server::BlockFeed};
use tandem_sequencer::{engine::HeadInfo, feed::Feed};
use tandem_store::{Options, Store};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::{oneshot, watch},
};
use tokio_util::sync::CancellationToken;

/// Builds an empty block on the head.
fn grow(store: &Store, head: &watch::Sender<HeadInfo>, timestamp: u64) -> EvmBlock {
    let parent = store.header(store.head().unwrap().number).unwrap().unwrap();
    let mut state = WorldState::open(parent.state_root, store.clone());
    let attributes = BlockAttributes { timestamp, checkpoint: Checkpoint::default(), first_of_batch: false };
    let chain = chain();
    let builder = BlockBuilder::begin(&chain, &parent, store.head().unwrap().hash, attributes, &mut state).unwrap();
    let (block, preimages) = builder.seal().unwrap();
    store.append_block(&block, &preimages).unwrap();
    head.send_replace(HeadInfo { number: block.header.number, hash: block.hash });
    block
}

#[tokio::test]
async fn followers_get_every_block_and_go_back_with_the_chain() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &chain(), Options { sync: false }).unwrap();
    let (head, receiver) = watch::channel(HeadInfo::default());
    let first = grow(&store, &head, 1_001);
    let feed = Feed::new(store.clone(), receiver, 1, DEADLINE);
    let mut blocks = feed.follow(tonic::Request::new(FollowRequest { from_number: 0 })).await.unwrap().into_inner();
    let next: fn(Option<Result<Block, tonic::Status>>) -> Block = |item| item.unwrap().unwrap();

    assert_eq!(next(blocks.next().await).number, 0);
    let got = next(blocks.next().await);
    assert_eq!((got.number, got.hash.as_slice()), (1, first.hash.as_slice()));
    assert_eq!(keccak256(&got.header), first.hash);

    let second = grow(&store, &head, 1_002);
    assert_eq!(next(blocks.next().await).hash, second.hash.to_vec());

    store.unwind_blocks(0).unwrap();
    let replaced = grow(&store, &head, 1_777);
    let again = next(blocks.next().await);
    assert_eq!((again.number, again.hash), (1, replaced.hash.to_vec()), "the feed goes back to the fork");
    let follows = grow(&store, &head, 1_778);
    assert_eq!(next(blocks.next().await).hash, follows.hash.to_vec());
}

#[tokio::test]
async fn followers_are_so_many_and_one_that_takes_nothing_loses_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &chain(), Options { sync: false }).unwrap();
    let (head, receiver) = watch::channel(HeadInfo::default());
    for timestamp in 1..100 {
        grow(&store, &head, 1_000 + timestamp);
    }
    let feed = Feed::new(store, receiver, 2, Duration::from_millis(100));
    let follow = || feed.follow(tonic::Request::new(FollowRequest { from_number: 0 }));
    let (asleep, gone) = (follow().await.unwrap(), follow().await.unwrap());
    let Err(refused) = follow().await else { panic!("a third place") };
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
    assert!(refused.message().contains("--feed-followers-max"), "{}", refused.message());

    drop(gone);
    let deadline = Instant::now() + DEADLINE;
    let (mut first, mut second) = (None, None);
    while first.is_none() || second.is_none() {
        assert!(Instant::now() < deadline, "no place became free");
        let free = if first.is_none() { &mut first } else { &mut second };
        *free = follow().await.ok();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let taken = asleep.into_inner().collect::<Vec<_>>().await;
    assert!(taken.len() < 100, "the one that slept was not waited for: {}", taken.len());
}

#[tokio::test]
async fn a_follower_that_vanished_loses_its_place_though_no_block_comes() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &chain(), Options { sync: false }).unwrap();
    let (_head, receiver) = watch::channel(HeadInfo::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let cancel = CancellationToken::new();
    let feed = Feed::new(store, receiver, 1, Duration::from_millis(300));
    let serving = tokio::spawn(feed.serve(listener, cancel.clone()));
    let follow = async |address| {
        let mut client = BlockFeedClient::connect(format!("http://{address}")).await.unwrap();
        client.follow(FollowRequest { from_number: 0 }).await
    };

    // The way to the server, which breaks without a word to either end.
    let way = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let through = way.local_addr().unwrap();
    let (breaks, broken) = oneshot::channel::<()>();
    let way = tokio::spawn(async move {
        let (mut follower, _) = way.accept().await.unwrap();
        let mut server = TcpStream::connect(address).await.unwrap();
        tokio::select! {
            _ = copy_bidirectional(&mut follower, &mut server) => {}
            _ = broken => {}
        }
        (follower, server)
    });
    let mut blocks = follow(through).await.unwrap().into_inner();
    assert_eq!(blocks.next().await.unwrap().unwrap().number, 0);
    // Who is there keeps the place, though nothing is sent for long.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(follow(address).await.unwrap_err().code(), tonic::Code::ResourceExhausted);
    breaks.send(()).unwrap();
    let _open = way.await.unwrap();
    let deadline = Instant::now() + DEADLINE;
    while follow(address).await.is_err() {
        assert!(Instant::now() < deadline, "the place did not become free");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    cancel.cancel();
    drop(blocks);
    serving.await.unwrap().unwrap();
}
