//! The block feed over gRPC: every sequenced block, as it comes (`proto/tandem/v1/feed.proto`). What is in a block, the kind of chain says.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures::Stream;
use tandem_proto::v1::{
    Block, FollowRequest,
    block_feed_server::{BlockFeed, BlockFeedServer},
};
use tandem_store::StoreError;
use tokio::{
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::spawn_blocking,
    time::timeout,
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{
    Request, Response, Status,
    transport::{self, Server, server::TcpIncoming},
};

use crate::follow::{Chain, Follower, Step};

/// The flag that bounds how many followers there are.
pub const FOLLOWERS_FLAG: &str = "feed-followers-max";
/// What it is by default.
pub const FOLLOWERS_MAX: usize = 64;

/// A chain whose blocks are fed: one for each kind. Copies read the same chain.
pub trait Fed: Chain + Clone + Send + Sync + 'static {
    /// Number of the first block that there is to feed.
    const FIRST: u64;
    /// Blocks on their way to one follower; a slower one is waited for, it holds up nobody else. As many are in memory for each follower, so that it is fewer where blocks are large.
    const IN_FLIGHT_MAX: usize;

    /// A block with what followers get of it.
    fn to_feed(block: &Self::Block) -> Block;
}

/// Serves the feed of a chain; whoever extends the chain sends a `T` to say that it did.
#[derive(Clone)]
pub struct Feed<C, T> {
    chain: C,
    head: watch::Receiver<T>,
    places: Arc<Semaphore>,
    followers_max: usize,
    patience: Duration,
}

impl<C: Fed, T: Clone + Send + Sync + 'static> Feed<C, T> {
    /// Over a node's chain, for so many followers at a time. One that takes nothing, or answers no ping, for as long as `patience` loses its place.
    pub fn new(chain: C, head: watch::Receiver<T>, followers_max: usize, patience: Duration) -> Self {
        Self { chain, head, places: Arc::new(Semaphore::new(followers_max)), followers_max, patience }
    }

    /// Serves until `cancel` is cancelled. While there are no blocks, only pings tell that a follower is not there any more.
    pub async fn serve(self, listener: TcpListener, cancel: CancellationToken) -> Result<(), transport::Error> {
        let patience = self.patience;
        let mut server =
            Server::builder().http2_keepalive_interval(Some(patience / 3)).http2_keepalive_timeout(Some(patience));
        let service = BlockFeedServer::new(self);
        server
            .add_service(service)
            .serve_with_incoming_shutdown(TcpIncoming::from(listener), cancel.cancelled_owned())
            .await
    }
}

#[tonic::async_trait]
impl<C: Fed, T: Clone + Send + Sync + 'static> BlockFeed for Feed<C, T> {
    type FollowStream = Pin<Box<dyn Stream<Item = Result<Block, Status>> + Send>>;

    async fn follow(&self, request: Request<FollowRequest>) -> Result<Response<Self::FollowStream>, Status> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| {
            let followers_max = self.followers_max;
            Status::resource_exhausted(format!("{followers_max} followers already (--{FOLLOWERS_FLAG})"))
        })?;
        let (sender, receiver) = mpsc::channel(C::IN_FLIGHT_MAX);
        let follower = Follower::from_number(request.into_inner().from_number.max(C::FIRST));
        tokio::spawn(self.clone().send(follower, sender, place));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

impl<C: Fed, T: Clone + Send + Sync + 'static> Feed<C, T> {
    async fn send(
        mut self,
        mut follower: Follower,
        sender: mpsc::Sender<Result<Block, Status>>,
        _place: OwnedSemaphorePermit,
    ) {
        loop {
            self.head.borrow_and_update();
            let chain = self.chain.clone();
            // Reading and writing out a large block takes long enough to hold up whoever shares the thread.
            let reading = spawn_blocking(move || {
                let step = next(&mut follower, &chain);
                (follower, step)
            });
            let Ok((advanced, step)) = reading.await else { return };
            follower = advanced;
            let item = match step {
                Ok(Some(Step::Block(block))) => Ok(block),
                // What replaces a block has its number, which says as much.
                Ok(Some(Step::TakenBack { .. })) => continue,
                Ok(None) => {
                    tokio::select! {
                        changed = self.head.changed() => if changed.is_err() { return },
                        () = sender.closed() => return,
                    }
                    continue;
                }
                Err(error) => Err(Status::internal(error.to_string())),
            };
            let failed = item.is_err();
            if !matches!(timeout(self.patience, sender.send(item)).await, Ok(Ok(()))) || failed {
                return;
            }
        }
    }
}

/// The follower's next step, with a block as it is fed.
fn next<C: Fed>(follower: &mut Follower, chain: &C) -> Result<Option<Step<Block>>, StoreError> {
    let step = follower.step(chain)?;
    Ok(step.map(|step| match step {
        Step::Block(block) => Step::Block(C::to_feed(&block)),
        Step::TakenBack { hash } => Step::TakenBack { hash },
    }))
}
