//! What subscriptions and filters are told: blocks that came and went with their logs, and transactions that arrived.
//!
//! One task follows the store, so that whatever is announced can be read already. Readers keep a cursor each (see [`crate::ring`]).

use std::{sync::Arc, time::Duration};

use alloy::primitives::{B256, Bloom, Log};
use serde_json::Value;
use tandem_service::Reminder;
use tokio::sync::watch;

use super::RpcError;
use crate::{
    follow::{Chain, Follower, Step},
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
    /// Its logs: what filters look at, and what is answered. None if this node does not know them, which is not to have none.
    pub logs: Option<Vec<(Log, Value)>>,
}

impl BlockNews {
    /// Bytes of memory, about: data stands in the log and, in hex, in the answer.
    fn weight(&self) -> usize {
        let logs = self.logs.iter().flatten();
        let weights = logs.map(|(log, _)| OVERHEAD_BYTES.saturating_add(log.data.data.len().saturating_mul(3)));
        weights.fold(OVERHEAD_BYTES, usize::saturating_add)
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

/// What subscriptions and filters are told of: the chain's events, and transactions as they arrive. Cheap to clone.
#[derive(Clone, Debug)]
pub struct News<A> {
    chain: Arc<Ring<ChainEvent>>,
    pool: Arc<Ring<A>>,
}

impl<A: Clone> News<A> {
    /// With the arrivals of a pool.
    pub fn new(pool: Arc<Ring<A>>) -> Self {
        Self { chain: Arc::new(Ring::new(CHAIN_BYTES_MAX)), pool }
    }

    /// What happens to the chain.
    pub fn chain(&self) -> &Ring<ChainEvent> {
        &self.chain
    }

    /// What arrives in the pool.
    pub fn pool(&self) -> &Ring<A> {
        &self.pool
    }

    /// Follows a chain from after a block on, for as long as somebody tells when its head `changes`. Blocks are told of as `announce` has them, and nothing that
    /// cannot be read.
    pub async fn follow<C: Chain, T>(
        self,
        chain: C,
        after: (u64, B256),
        announce: impl Fn(&C::Block) -> Result<BlockNews, RpcError>,
        mut changes: watch::Receiver<T>,
    ) {
        let mut follower = Follower::after(after.0, after.1);
        let mut failing = Reminder::default();
        loop {
            changes.borrow_and_update();
            match self.step(&chain, &announce, &mut follower) {
                Ok(true) => continue,
                Ok(false) if changes.changed().await.is_err() => return,
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
        }
    }

    /// Whether there was anything to tell.
    fn step<C: Chain>(
        &self,
        chain: &C,
        announce: impl Fn(&C::Block) -> Result<BlockNews, RpcError>,
        follower: &mut Follower,
    ) -> Result<bool, RpcError> {
        match follower.step(chain)? {
            None => return Ok(false),
            Some(Step::Block(block)) => {
                let news = announce(&block)?;
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
