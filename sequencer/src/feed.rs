//! The block feed over gRPC: every sequenced block, as it comes (`proto/tandem/v1/feed.proto`).

use std::{collections::VecDeque, pin::Pin};

use alloy::primitives::B256;
use futures::Stream;
use tandem_proto::v1::{Block, FollowRequest, block_feed_server::BlockFeed};
use tandem_store::{Store, StoreError};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::{engine::HeadInfo, evm};

/// Blocks on their way to one follower; a slower one is waited for, it holds up nobody else.
const IN_FLIGHT_MAX: usize = 64;

/// Blocks that a follower may have to take back; no reorganisation of unposted blocks is longer.
const REMEMBERED_MAX: usize = 8_192;

/// Serves the feed from the store, told of new heads by the engine.
#[derive(Clone)]
pub struct Feed {
    store: Store,
    head: watch::Receiver<HeadInfo>,
}

impl Feed {
    /// Over a node's store.
    pub fn new(store: Store, head: watch::Receiver<HeadInfo>) -> Self {
        Self { store, head }
    }
}

#[tonic::async_trait]
impl BlockFeed for Feed {
    type FollowStream = Pin<Box<dyn Stream<Item = Result<Block, Status>> + Send>>;

    async fn follow(&self, request: Request<FollowRequest>) -> Result<Response<Self::FollowStream>, Status> {
        let (sender, receiver) = mpsc::channel(IN_FLIGHT_MAX);
        let follower = Follower { feed: self.clone(), next: request.into_inner().from_number, sent: VecDeque::new() };
        tokio::spawn(follower.run(sender));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

/// One subscriber's place in the chain.
struct Follower {
    feed: Feed,
    next: u64,
    /// Number and hash of the blocks sent last, oldest first: what must still stand for the next to follow.
    sent: VecDeque<(u64, B256)>,
}

impl Follower {
    async fn run(mut self, sender: mpsc::Sender<Result<Block, Status>>) {
        loop {
            self.feed.head.borrow_and_update();
            let item = match self.step() {
                Ok(Some(block)) => Ok(block),
                Ok(None) => {
                    tokio::select! {
                        changed = self.feed.head.changed() => if changed.is_err() { return },
                        () = sender.closed() => return,
                    }
                    continue;
                }
                Err(error) => Err(Status::internal(error.to_string())),
            };
            let failed = item.is_err();
            if sender.send(item).await.is_err() || failed {
                return;
            }
        }
    }

    /// The next block, after going back over those that were replaced; none at the head.
    fn step(&mut self) -> Result<Option<Block>, StoreError> {
        while let Some((number, hash)) = self.sent.back().copied() {
            if self.feed.store.block_hash(number)? == Some(hash) {
                break;
            }
            self.sent.pop_back();
            self.next = number;
        }
        let Some(block) = self.feed.store.block(self.next)? else { return Ok(None) };
        if self.sent.len() == REMEMBERED_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back((self.next, block.hash));
        self.next += 1;
        Ok(Some(evm::to_feed(&block)))
    }
}
