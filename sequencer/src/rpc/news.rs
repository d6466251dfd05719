//! What subscriptions and filters are told: blocks that came and went with their logs, and transactions that arrived.
//!
//! One task follows the store, so that whatever is announced can be read already. Readers keep a cursor each (see [`crate::ring`]).

use std::{sync::Arc, time::Duration};

use alloy::primitives::{B256, Bloom, Log};
use serde_json::Value;
use tandem_evm::Recovered;
use tandem_service::Reminder;
use tandem_store::Store;
use tokio::sync::watch;

use super::{Methods, RpcError};
use crate::{
    engine::HeadInfo,
    follow::{Follower, Step},
    ring::Ring,
};

/// Bytes of blocks and logs that are remembered, about: some minutes of full blocks, hours of others.
const CHAIN_BYTES_MAX: usize = 64 << 20;
/// What a block takes beside its logs, and a log beside its data, about.
const OVERHEAD_BYTES: usize = 1_024;
/// Time until the store is read again after it failed.
const RETRY: Duration = Duration::from_secs(1);

/// A block as it is announced.
#[derive(Debug)]
pub struct BlockNews {
    /// The block's number.
    pub number: u64,
    /// The block's hash.
    pub hash: B256,
    /// The bloom of its logs, by which filters pass over it.
    pub bloom: Bloom,
    /// Its header, as subscribers get it.
    pub head: Value,
    /// Its logs: what filters look at, and what is answered.
    pub logs: Vec<(Log, Value)>,
}

impl BlockNews {
    /// Bytes of memory, about: data stands in the log and, in hex, in the answer.
    fn weight(&self) -> usize {
        let logs =
            self.logs.iter().map(|(log, _)| OVERHEAD_BYTES.saturating_add(log.data.data.len().saturating_mul(3)));
        logs.fold(OVERHEAD_BYTES, usize::saturating_add)
    }
}

/// What happens to the chain.
#[derive(Clone, Debug)]
pub enum ChainEvent {
    /// A block on top of the last.
    Added(Arc<BlockNews>),
    /// The last block is not the chain's any more.
    Removed(Arc<BlockNews>),
}

impl ChainEvent {
    fn added(&self, hash: B256) -> Option<Arc<BlockNews>> {
        match self {
            Self::Added(block) if block.hash == hash => Some(block.clone()),
            Self::Added(_) | Self::Removed(_) => None,
        }
    }
}

/// See the module. Cheap to clone.
#[derive(Clone, Debug)]
pub struct News {
    chain: Arc<Ring<ChainEvent>>,
    pool: Arc<Ring<Arc<Recovered>>>,
}

impl News {
    /// With the arrivals of a pool.
    pub fn new(pool: Arc<Ring<Arc<Recovered>>>) -> Self {
        Self { chain: Arc::new(Ring::new(CHAIN_BYTES_MAX)), pool }
    }

    /// What happens to the chain.
    pub fn chain(&self) -> &Ring<ChainEvent> {
        &self.chain
    }

    /// What arrives in the pool.
    pub fn pool(&self) -> &Ring<Arc<Recovered>> {
        &self.pool
    }

    /// Follows the chain from its head on, for ever. Whoever reads is told of nothing that the store does not have.
    pub async fn follow(self, methods: Methods, store: Store, mut head: watch::Receiver<HeadInfo>) {
        let HeadInfo { number, hash } = *head.borrow_and_update();
        let mut follower = Follower::after(number, hash);
        let mut failing = Reminder::default();
        loop {
            match self.step(methods, &store, &mut follower) {
                Ok(true) => continue,
                Ok(false) if head.changed().await.is_err() => return,
                Ok(false) => {
                    failing.is_over(std::time::Instant::now());
                }
                Err(error) => {
                    if failing.holds(std::time::Instant::now()).is_some() {
                        tracing::error!(%error, "subscribers are told of no blocks: the database cannot be read; restart the node");
                    }
                    tokio::time::sleep(RETRY).await;
                }
            }
            head.borrow_and_update();
        }
    }

    /// Whether there was anything to tell.
    fn step(&self, methods: Methods, store: &Store, follower: &mut Follower) -> Result<bool, RpcError> {
        match follower.step(store)? {
            None => return Ok(false),
            Some(Step::Block(block)) => {
                let news = (methods.announce)(&block)?;
                let weight = news.weight();
                self.chain.push(ChainEvent::Added(Arc::new(news)), weight);
            }
            Some(Step::TakenBack { hash }) => match self.chain.find_newest(|event| event.added(hash)) {
                // Its logs are shared with the event that added it.
                Some(block) => self.chain.push(ChainEvent::Removed(block), OVERHEAD_BYTES),
                // Nobody remembers what was in it: all must read the chain anew.
                None => self.chain.clear(),
            },
        }
        Ok(true)
    }
}
