//! Closed batches to provers and back, over gRPC (`proto/tandem/v1/proving.proto`).
//!
//! Adversarial: whoever reaches the address. Connections are bounded, and cut when they say nothing; messages are bounded, in bytes and in number, before they are
//! read; questions that wait are counted, and what is brought back counts only if it is this node's own batch.

use std::{convert::Infallible, num::NonZeroUsize, sync::Arc, time::Duration};

use alloy::primitives::B256;
use axum::serve::Listener;
use futures::{Stream, stream};
use tandem_chain::ChainConfig;
use tandem_l1::payments::{EntryRules, verifier};
use tandem_payments::{eddsa::domain, field::integer};
use tandem_proto::v1::{
    ClosedBatch, Entry, NextBatchRequest, NextBatchResponse, ProvenRequest, ProvenResponse, SignedOperation,
    entry::Entry as Item,
    proven_response::Outcome,
    proving_server::{Proving, ProvingServer},
};
use tokio::{
    net::TcpListener,
    sync::Semaphore,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tonic::{
    Request, Response, Status,
    service::interceptor::InterceptedService,
    transport::{self, Server, server::Connected},
};

use super::{
    engine::{BatchId, EngineHandle, ProvenBatch, Taken},
    records::{Block, Origin},
    view::Records,
};
use crate::{
    commands::NoAnswer,
    rpc::connections::{Bounded, Connection},
};

/// The flag that bounds how many provers wait at a time.
pub const ASKERS_FLAG: &str = "proving-askers-max";
/// What it is by default.
pub const ASKERS_MAX: NonZeroUsize = NonZeroUsize::new(16).unwrap();

/// How long a question waits for a batch.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Requests that are served at a time beyond the questions that wait: batches that are brought back.
const REQUESTS_BEYOND_ASKERS: usize = 16;
/// How long a request may take, from its first byte to the answer: whoever stalls gives up the place.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(60);
/// Time between pings. They are answered by whatever is a client at all, so that nothing is quiet for longer but what is none, or is not there any more.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// A connection is cut when it has been silent for so long, or has left a ping unanswered.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Most bytes of a message that comes in: a call of 128 KiB, and what stands around it.
const REQUEST_BYTES_MAX: usize = (128 << 10) + 1_024;
/// Most bytes of a proven call's arguments.
const ARGUMENTS_BYTES_MAX: usize = 128 << 10;

/// Serves provers from the engine.
#[derive(Clone)]
pub struct ProvingService {
    dom: B256,
    engine: EngineHandle,
    records: Records,
    /// Counts questions that wait. A semaphore rather than a channel: refusal must be immediate.
    places: Arc<Semaphore>,
    askers_max: usize,
}

impl ProvingService {
    /// For a chain, and so many questions that wait at a time.
    pub fn new(chain: &ChainConfig, engine: EngineHandle, records: Records, askers_max: usize) -> Self {
        let dom = integer(domain(chain.l2_chain_id, chain.hash())).into();
        Self { dom, engine, records, places: Arc::new(Semaphore::new(askers_max)), askers_max }
    }

    /// Serves until `cancel` is cancelled. There are no more connections at a time than requests: each of them can have one.
    pub async fn serve(self, listener: TcpListener, cancel: CancellationToken) -> Result<(), transport::Error> {
        let requests_max = self.askers_max.saturating_add(REQUESTS_BEYOND_ASKERS).min(Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(requests_max));
        // Before the body is read. The place goes with the request and is free again when that is dropped.
        let admit = move |mut request: Request<()>| -> Result<Request<()>, Status> {
            let place = places.clone().try_acquire_owned().map_err(|_| {
                Status::resource_exhausted(format!("{requests_max} requests are served already (--{ASKERS_FLAG})"))
            })?;
            request.extensions_mut().insert(Arc::new(place));
            Ok(request)
        };
        let service = ProvingServer::new(self).max_decoding_message_size(REQUEST_BYTES_MAX);
        let service = InterceptedService::new(service, admit);
        let incoming = connections(Bounded::new(listener, requests_max, SILENCE_MAX, ASKERS_FLAG));
        Server::builder()
            .timeout(REQUEST_TIME_MAX)
            .max_concurrent_streams(u32::try_from(requests_max).unwrap_or(u32::MAX))
            .http2_keepalive_interval(Some(PING_INTERVAL))
            .http2_keepalive_timeout(Some(SILENCE_MAX))
            .add_service(service)
            .serve_with_incoming_shutdown(incoming, cancel.cancelled_owned())
            .await
    }
}

/// Connections as there is room for them.
fn connections(listener: Bounded) -> impl Stream<Item = Result<Connection, Infallible>> {
    stream::unfold(listener, |mut listener| async move {
        let (connection, _) = listener.accept().await;
        Some((Ok(connection), listener))
    })
}

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

#[tonic::async_trait]
impl Proving for ProvingService {
    async fn next_batch(&self, request: Request<NextBatchRequest>) -> Result<Response<NextBatchResponse>, Status> {
        // Among the extensions is the request's place.
        let (_, _extensions, request) = request.into_parts();
        let NextBatchRequest { dom, held_index, held_id } = request;
        if hash(&dom, "dom")? != self.dom {
            return Err(Status::failed_precondition(format!(
                "this sequencer is that of another chain, with domain {}",
                self.dom
            )));
        }
        let held = match held_index {
            0 => None,
            number => Some(BatchId { number, hash: hash(&held_id, "held_id")? }),
        };
        let _place = self.places.try_acquire().map_err(|_| {
            let askers_max = self.askers_max;
            Status::resource_exhausted(format!("{askers_max} provers wait already (--{ASKERS_FLAG})"))
        })?;
        let deadline = Instant::now() + WAIT_MAX;
        let mut changed = self.records.watch();
        loop {
            changed.borrow_and_update();
            if let Some(block) = self.engine.next_batch(held).await.map_err(unavailable)? {
                // Of the newest L1: what is handed out is cut for it, or will be before its proofs are taken.
                let rules = self.records.next_rules().ok_or_else(|| Status::unavailable("the node reads L1"))?;
                return Ok(Response::new(NextBatchResponse { batch: Some(closed(&block, &rules.entry)) }));
            }
            if !matches!(timeout_at(deadline, changed.changed()).await, Ok(Ok(()))) {
                return Ok(Response::new(NextBatchResponse { batch: None }));
            }
        }
    }

    async fn proven(&self, request: Request<ProvenRequest>) -> Result<Response<ProvenResponse>, Status> {
        // Among the extensions is the request's place.
        let (_, _extensions, request) = request.into_parts();
        let ProvenRequest { index: number, id, arguments, root_after, config_hash, keys_hash } = request;
        if arguments.len() > ARGUMENTS_BYTES_MAX {
            let length = arguments.len();
            return Err(Status::invalid_argument(format!(
                "{length} bytes of arguments, at most {ARGUMENTS_BYTES_MAX}"
            )));
        }
        let id = BatchId { number, hash: hash(&id, "id")? };
        let verifier = verifier(hash(&config_hash, "config_hash")?, hash(&keys_hash, "keys_hash")?);
        let root_after = hash(&root_after, "root_after")?;
        let proven = ProvenBatch { id, arguments: arguments.into(), root_after, verifier };
        let taken = self.engine.proven(proven).await.map_err(unavailable)?;
        let outcome = match taken.map_err(|error| Status::invalid_argument(error.to_string()))? {
            Taken::Kept => Outcome::Taken,
            Taken::Known => Outcome::Known,
            Taken::Unwanted => Outcome::Unwanted,
        };
        Ok(Response::new(ProvenResponse { outcome: outcome.into() }))
    }
}

/// A field of 32 bytes.
fn hash(bytes: &[u8], field: &'static str) -> Result<B256, Status> {
    B256::try_from(bytes).map_err(|_| Status::invalid_argument(format!("{field} has {} bytes, not 32", bytes.len())))
}

fn unavailable(error: NoAnswer) -> Status {
    Status::unavailable(error.to_string())
}

/// A batch as provers get it, with the entry that it is under.
fn closed(block: &Block, entry: &EntryRules) -> ClosedBatch {
    let mut entries: Vec<Entry> = Vec::new();
    for transaction in block.transactions.iter().flatten() {
        let item = match &transaction.origin {
            Origin::Operation { envelope, price, .. } => {
                Item::Operation(SignedOperation { envelope: envelope.to_vec(), price: *price })
            }
            Origin::Message { .. } => match entries.last_mut() {
                // Messages in a row are one entry.
                Some(Entry { entry: Some(Item::Messages(count)) }) => {
                    *count = count.saturating_add(1);
                    continue;
                }
                _ => Item::Messages(1),
            },
        };
        entries.push(Entry { entry: Some(item) });
    }
    ClosedBatch {
        index: block.number,
        id: block.hash.to_vec(),
        timestamp: block.timestamp,
        operator: block.operator.to_vec(),
        entries,
        queue_start: block.queue_start,
        queue_end: block.queue_end,
        queue_hash_end: block.queue_hash.to_vec(),
        root_before: block.root_before.to_vec(),
        root_after: block.state_root.to_vec(),
        config_hash: entry.config_hash.to_vec(),
        keys_hash: entry.keys_hash.to_vec(),
    }
}
