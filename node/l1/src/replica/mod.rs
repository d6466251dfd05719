//! Derives the chain from L1 alone: events and payloads through `Derivation` into a state machine, outputs into a store.
//!
//! No help from the sequencer, and nothing of its word. Invariant: what the store holds is a prefix of the chain that L1 held when it was
//! stored; after a reorg, a restart or a contradiction the Inbox says how much of it stands, and the rest is derived again.
//! Batches under a configuration that it was not given it does not derive; what came before them stands, and is what whoever leaves before
//! a change of rules needs (L1-NOTICE-3), so that it goes on to answer for that. Adversarial: payloads (the state machine is total), the endpoint,
//! whose lies end in another hash than the Inbox's, and the owner, who may change the rules.

mod head;
mod obstacle;
mod store;

use crate::{
    Backoff,
    bindings::Inbox,
    client::{L1Client, RpcFailure},
    payload::{PayloadError, PayloadFetcher},
    reader::{L1Block, L1Update, PostedBatch, Reader, ReaderConfig},
};
use alloy::primitives::B256;
pub use head::ReplicaHead;
pub use obstacle::LAG_BLOCKS_MAX;
use obstacle::Obstacle;
use std::{collections::VecDeque, sync::Arc, time::Duration};
pub use store::{DerivedBatch, MemoryStore, MissingPreimage, ReplicaStore};
use tandem_chain::{
    ChainConfig, Derivation, DerivationError, OutputFields, StateMachine, derive::Policy, machine::TransitionError,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What to derive, and from where.
#[derive(Clone, Debug)]
pub struct ReplicaConfig {
    /// Protocol parameters of the chain.
    pub chain: ChainConfig,
    /// The output before batch 1.
    pub genesis: OutputFields,
    /// How to read L1; `start_block` is that of the deployment.
    pub reader: ReaderConfig,
}

/// Why deriving stopped; see [`ReplicaError::policy`].
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError<E: core::error::Error> {
    /// The endpoint did not answer.
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    /// A payload cannot be had.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// Events do not fit together.
    #[error(transparent)]
    Derivation(#[from] DerivationError),
    /// L1 holds another batch in place of one that was derived.
    #[error("L1 holds another batch {index}")]
    Replaced {
        /// Index of the batch.
        index: u64,
    },
    /// L1 reorganised below what was derived.
    #[error("L1 reorganised down to block {to}")]
    Reorg {
        /// Number of the newest block that stands.
        to: u64,
    },
    /// The replica's store cannot be read or written.
    #[error("replica store: {0}")]
    Store(E),
    /// The store answered with other bytes than it was given.
    #[error("pre-image {0} in the store is corrupt")]
    Corrupt(B256),
    /// The worker that executes ended.
    #[error("execution was cancelled")]
    Cancelled,
}

impl<E: core::error::Error> ReplicaError<E> {
    /// How a service should react. [`Replica::run`] does all but `Fatal` itself.
    pub fn policy(&self) -> Policy {
        match self {
            Self::Rpc(_) | Self::Cancelled => Policy::Retry,
            Self::Payload(error) => error.policy(),
            // A reorganisation may take the batch away, and what was derived before it is needed meanwhile.
            Self::Derivation(DerivationError::ConfigMismatch { .. }) => Policy::Retry,
            Self::Derivation(error) => error.policy(),
            Self::Replaced { .. } | Self::Reorg { .. } => Policy::Reset,
            Self::Store(_) | Self::Corrupt(_) => Policy::Fatal,
        }
    }
}

/// The task that derives the chain.
#[derive(Debug)]
pub struct Replica<M, S> {
    machine: Arc<M>,
    store: S,
    client: L1Client,
    payloads: PayloadFetcher,
    config: ReplicaConfig,
    head: watch::Sender<ReplicaHead>,
}

/// What others see of a replica. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ReplicaHandle<S> {
    store: S,
    genesis: OutputFields,
    head: watch::Receiver<ReplicaHead>,
}

/// One pass over L1, from the last batch that stands.
struct Session {
    reader: Reader,
    derivation: Derivation,
    previous: OutputFields,
    head_hash: B256,
    /// L1 blocks of the messages that no batch consumed yet, by queue index.
    waiting: VecDeque<(u64, u64)>,
}

impl<M, S> Replica<M, S>
where
    M: StateMachine + Send + Sync + 'static,
    M::Block: Send + 'static,
    S: ReplicaStore<M::Block>,
{
    /// A replica over what `store` already holds. Its head stays at batch 0 until L1 has confirmed that.
    pub fn new(
        machine: M,
        store: S,
        client: L1Client,
        payloads: PayloadFetcher,
        config: ReplicaConfig,
    ) -> (Self, ReplicaHandle<S>) {
        let (head, receiver) = watch::channel(ReplicaHead::default());
        let handle = ReplicaHandle { store: store.clone(), genesis: config.genesis, head: receiver };
        (Self { machine: Arc::new(machine), store, client, payloads, config, head }, handle)
    }

    /// Derives until `token` is cancelled or an operator must act.
    pub async fn run(self, token: CancellationToken) -> Result<(), ReplicaError<S::Error>> {
        let mut backoff = Backoff::default();
        let mut obstacle = Obstacle::new(&self.config.reader.readiness, self.config.reader.confirmations);
        // A message may move to an earlier L1 block in a reorg, below where the store says to begin: then read everything.
        let mut from_start = false;
        loop {
            let before = self.head.borrow().batch_index;
            let ended = tokio::select! {
                () = token.cancelled() => return Ok(()),
                ended = self.session(from_start, &mut obstacle) => ended,
            };
            let Err(error) = ended else { continue };
            if error.policy() == Policy::Fatal {
                return Err(error);
            }
            if self.head.borrow().batch_index > before || matches!(error, ReplicaError::Reorg { .. }) {
                backoff.reset();
            }
            let is_at_end = self.head.borrow().ends_before.is_some();
            from_start =
                matches!(error, ReplicaError::Derivation(_)) && self.head.borrow().batch_index == before && !is_at_end;
            let delay = backoff.delay();
            tracing::info!(%error, ?delay, "derivation starts over from the last batch that L1 holds");
            tokio::select! {
                () = token.cancelled() => return Ok(()),
                () = tokio::time::sleep(delay) => {}
            }
        }
    }

    /// Ends only with an error.
    async fn session(&self, from_start: bool, obstacle: &mut Obstacle) -> Result<(), ReplicaError<S::Error>> {
        let head = self.rewind().await.inspect_err(|error| obstacle.met(None, error))?;
        let mut reader = self.config.reader.clone();
        if let Some(head) = head.as_ref().filter(|_| !from_start) {
            reader.start_block = head.scan_from_block.max(reader.start_block);
        }
        let mut session = Session {
            reader: Reader::new(self.client.clone(), reader),
            derivation: match &head {
                Some(head) => Derivation::after(self.config.chain.clone(), &head.header),
                None => Derivation::genesis(self.config.chain.clone()),
            },
            previous: head.as_ref().map_or(self.config.genesis, |head| head.output),
            head_hash: head.as_ref().map_or(B256::ZERO, |head| head.header.hash()),
            waiting: VecDeque::new(),
        };
        self.publish(|view| view.batch_index = session.derivation.batch_index());
        loop {
            match session.reader.next().await {
                L1Update::Block(block) => {
                    let id = block.id();
                    if let Err(error) = self.take_block(&mut session, block).await {
                        match error {
                            ReplicaError::Derivation(DerivationError::ConfigMismatch { index, .. }) => {
                                self.publish(|view| view.ends_before = Some(index));
                                obstacle.met_end(id.number, &error);
                            }
                            _ => obstacle.met(Some(id.number), &error),
                        }
                        return Err(error);
                    }
                    self.publish(|view| view.l1_block = id);
                }
                L1Update::Heads(heads) => self.publish(|view| view.l1_heads = heads),
                L1Update::Reorg { to } => return Err(ReplicaError::Reorg { to: to.number }),
            }
            obstacle.read(*self.head.borrow());
            if obstacle.is_past() && self.head.borrow().ends_before.is_some() {
                self.publish(|view| view.ends_before = None);
            }
        }
    }

    /// Drops what the Inbox no longer holds; returns the last batch that stands.
    async fn rewind(&self) -> Result<Option<DerivedBatch>, ReplicaError<S::Error>> {
        let inbox = Inbox::new(self.config.chain.inbox, self.client.provider());
        let Some(newest) = self.store.head().map_err(ReplicaError::Store)? else { return Ok(None) };
        let mut index = newest.header.index;
        let mut standing = None;
        while let Some(batch) = self.store.batch(index).map_err(ReplicaError::Store)? {
            let held = inbox.batchHashOf(index);
            if self.client.call(async { held.call().await }).await? == batch.header.hash() {
                standing = Some(batch);
                break;
            }
            index = index.saturating_sub(1);
        }
        if index < newest.header.index {
            tracing::warn!(from = newest.header.index, to = index, "unwinding batches that L1 dropped");
            self.store.unwind(index).map_err(ReplicaError::Store)?;
        }
        Ok(standing)
    }

    async fn take_block(&self, session: &mut Session, block: L1Block) -> Result<(), ReplicaError<S::Error>> {
        for queued in &block.messages {
            if queued.index >= session.derivation.queue_end() {
                session.derivation.enqueue(queued.index, queued.message.clone())?;
                session.waiting.push_back((queued.index, block.number));
            }
        }
        for posted in &block.batches {
            let index = posted.header.index;
            if index > session.derivation.batch_index() {
                self.take_batch(session, &block, posted).await?;
            } else if index == session.derivation.batch_index() && posted.header.hash() != session.head_hash {
                return Err(ReplicaError::Replaced { index });
            }
        }
        Ok(())
    }

    async fn take_batch(
        &self,
        session: &mut Session,
        block: &L1Block,
        posted: &PostedBatch,
    ) -> Result<(), ReplicaError<S::Error>> {
        let batch = self.payloads.fetch(posted, block.number, block.timestamp).await?;
        let input = session.derivation.next(batch)?;
        let (machine, store, previous) = (self.machine.clone(), self.store.clone(), session.previous);
        let executing = tokio::task::spawn_blocking(move || machine.transition(&previous, &input, &store));
        let done = executing.await.map_err(|_| ReplicaError::Cancelled)?.map_err(|error| match error {
            TransitionError::Source(error) => ReplicaError::Store(error),
            TransitionError::Corrupt(hash) => ReplicaError::Corrupt(hash),
        })?;

        while session.waiting.front().is_some_and(|(index, _)| *index < posted.header.queue_end) {
            session.waiting.pop_front();
        }
        let derived = DerivedBatch {
            header: posted.header,
            checkpoint: posted.checkpoint,
            l1_block: block.id(),
            transaction_hash: posted.transaction_hash,
            scan_from_block: session.waiting.front().map_or(block.number, |(_, number)| *number),
            output: done.output,
        };
        self.store.commit(&derived, &done.blocks, &done.preimages).map_err(ReplicaError::Store)?;
        session.previous = done.output;
        session.head_hash = posted.header.hash();
        let (batch, blocks) = (posted.header.index, done.blocks.len());
        tracing::info!(batch, blocks, l1_block = block.number, output = %done.output.hash(), "derived a batch");
        self.publish(|view| view.batch_index = batch);
        Ok(())
    }

    fn publish(&self, change: impl FnOnce(&mut ReplicaHead)) {
        self.head.send_modify(change);
    }
}

/// A batch did not come in time.
#[derive(Debug, thiserror::Error)]
pub enum WaitError<E: core::error::Error> {
    /// The batch was not derived in time.
    #[error("batch {batch_index} was not derived within {waited:?}")]
    Late {
        /// Index of the batch waited for.
        batch_index: u64,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The batch follows a configuration that the replica was not given, or comes after one that does.
    #[error("batch {batch_index} follows other rules than this program was given, which end before batch {first}")]
    OtherRules {
        /// Index of the batch waited for.
        batch_index: u64,
        /// The first batch under the other rules.
        first: u64,
    },
    /// The replica's task has ended.
    #[error("the replica has ended")]
    Ended,
    /// The replica's store cannot be read.
    #[error("replica store: {0}")]
    Store(E),
}

impl<S> ReplicaHandle<S> {
    /// How far the replica is.
    pub fn head(&self) -> ReplicaHead {
        *self.head.borrow()
    }

    /// A channel that tells every change of [`ReplicaHandle::head`].
    pub fn watch(&self) -> watch::Receiver<ReplicaHead> {
        self.head.clone()
    }

    /// What the replica writes to.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// The output after a batch, as derived; genesis for 0, none for a batch that is not derived yet.
    pub fn output<B>(&self, batch_index: u64) -> Result<Option<OutputFields>, S::Error>
    where
        S: ReplicaStore<B>,
    {
        if batch_index == 0 {
            return Ok(Some(self.genesis));
        }
        Ok(self.store.batch(batch_index)?.map(|batch| batch.output))
    }

    /// Waits until a batch is derived; its output then.
    pub async fn wait_until<B>(&self, batch_index: u64, patience: Duration) -> Result<OutputFields, WaitError<S::Error>>
    where
        S: ReplicaStore<B>,
    {
        let mut head = self.head.clone();
        let late = WaitError::Late { batch_index, waited: patience };
        let is_beyond = |head: &ReplicaHead| head.ends_before.filter(|first| batch_index >= *first);
        let reached = head.wait_for(|head| head.batch_index >= batch_index || is_beyond(head).is_some());
        let reached = tokio::time::timeout(patience, reached).await.map_err(|_| late)?;
        if let Some(first) = is_beyond(&*reached.map_err(|_| WaitError::Ended)?) {
            return Err(WaitError::OtherRules { batch_index, first });
        }
        let output = self.output(batch_index).map_err(WaitError::Store)?;
        output.ok_or(WaitError::Late { batch_index, waited: patience })
    }
}
