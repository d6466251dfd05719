//! What every method reads: the store, the engine, and which block a tag means.

use std::sync::Arc;

use alloy::{
    consensus::Header,
    eips::{BlockId, BlockNumberOrTag},
    primitives::B256,
};
use tandem_chain::ChainConfig;
use tandem_evm::{EvmBlock, Recovered, WorldState};
use tandem_l1::{L1Heads, Stuck};
use tandem_service::Readiness;
use tandem_store::{Head, Store};
use tokio::sync::{Semaphore, watch};

use super::{RpcError, RpcLimits};
use crate::{
    engine::EngineHandle,
    mempool::{Dropped, Fate},
    settled,
};

/// How often a question is asked again whose answer a reorganisation changed meanwhile.
const TRIES: usize = 8;

/// What is known of a transaction.
pub(super) enum Located {
    /// In a block.
    Included {
        /// The block.
        block: Box<EvmBlock>,
        /// Its place there.
        index: usize,
    },
    /// In the pool.
    Waiting {
        /// The transaction.
        transaction: Arc<Recovered>,
        /// Its sender's next nonce; what has a higher one waits behind a gap.
        pending_nonce: u64,
    },
    /// Acknowledged, and dropped not long ago.
    Dropped(Dropped),
    /// Nothing.
    Unknown,
}

/// Shared by all requests. Cheap to clone.
#[derive(Clone)]
pub struct RpcContext {
    pub(super) chain: Arc<ChainConfig>,
    pub(super) store: Store,
    pub(super) engine: EngineHandle,
    pub(super) limits: RpcLimits,
    l1_heads: watch::Receiver<L1Heads>,
    /// What keeps the node from its work.
    readiness: Readiness,
    /// What does not get to L1.
    stuck: Option<watch::Receiver<Option<Stuck>>>,
    /// Counts all blocking work. A semaphore rather than a channel: refusal must be immediate.
    waiting: Arc<Semaphore>,
    /// Counts what works.
    working: Arc<Semaphore>,
}

impl RpcContext {
    /// Over a node's parts.
    pub fn new(
        chain: ChainConfig,
        store: Store,
        engine: EngineHandle,
        l1_heads: watch::Receiver<L1Heads>,
        limits: RpcLimits,
    ) -> Self {
        Self {
            chain: Arc::new(chain),
            store,
            engine,
            l1_heads,
            readiness: Readiness::default(),
            stuck: None,
            waiting: Arc::new(Semaphore::new(limits.waiting_max)),
            working: Arc::new(Semaphore::new(limits.working())),
            limits,
        }
    }

    /// With the reasons that other parts of the node have not to be ready.
    pub fn with_readiness(self, readiness: Readiness) -> Self {
        Self { readiness, ..self }
    }

    /// With the poster's word on what does not get to L1.
    pub fn with_stuck(self, stuck: watch::Receiver<Option<Stuck>>) -> Self {
        Self { stuck: Some(stuck), ..self }
    }

    /// Why the node is not ready, as its parts say.
    pub(super) fn unready(&self) -> Vec<String> {
        let stuck = self.stuck.as_ref().and_then(|stuck| stuck.borrow().as_ref().map(Stuck::to_string));
        self.readiness.reasons().into_iter().chain(stuck).collect()
    }

    /// Runs reading or executing work off the network threads.
    pub(super) async fn blocking<T: Send + 'static>(
        self,
        work: impl FnOnce(&Self) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let place = self.waiting.clone().try_acquire_owned().map_err(|_| RpcError::Overloaded)?;
        let turn = self.working.clone().acquire_owned().await.map_err(|_| RpcError::Overloaded)?;
        let done = tokio::task::spawn_blocking(move || {
            let _held = (place, turn);
            work(&self)
        });
        done.await.map_err(|error| RpcError::Internal(error.to_string()))?
    }

    /// The newest block.
    pub(super) fn head(&self) -> Result<Head, RpcError> {
        Ok(self.store.head()?)
    }

    /// How far L1 is.
    pub(super) fn l1_heads(&self) -> L1Heads {
        *self.l1_heads.borrow()
    }

    /// Newest block whose batch is on L1.
    pub(super) fn safe_number(&self) -> Result<u64, RpcError> {
        Ok(self.store.last_batch()?.map_or(0, |batch| batch.last_block))
    }

    /// Newest block whose batch is in a finalised L1 block.
    pub(super) fn finalized_number(&self) -> Result<u64, RpcError> {
        let Some(finalized) = self.l1_heads().finalized else { return Ok(0) };
        let mut batch = self.store.last_batch()?;
        while let Some(record) = batch {
            if record.l1_number <= finalized.number {
                return Ok(record.last_block);
            }
            batch = record
                .header
                .index
                .checked_sub(1)
                .filter(|index| *index > 0)
                .map_or(Ok(None), |index| self.store.batch(index))?;
        }
        Ok(0)
    }

    /// Newest block whose output is final in the settlement.
    pub(super) fn settled_number(&self) -> Result<u64, RpcError> {
        Ok(settled::last(&self.store)?.map_or(0, |batch| batch.last_block))
    }

    /// The number that a block id means, if that block exists.
    pub(super) fn number(&self, id: BlockId) -> Result<Option<u64>, RpcError> {
        let head = self.head()?.number;
        match id {
            BlockId::Hash(hash) => Ok(self.store.block_number(hash.block_hash)?),
            BlockId::Number(BlockNumberOrTag::Latest | BlockNumberOrTag::Pending) => Ok(Some(head)),
            BlockId::Number(BlockNumberOrTag::Earliest) => Ok(Some(0)),
            BlockId::Number(BlockNumberOrTag::Safe) => self.safe_number().map(Some),
            BlockId::Number(BlockNumberOrTag::Finalized) => self.finalized_number().map(Some),
            BlockId::Number(BlockNumberOrTag::Number(number)) => Ok(Some(number).filter(|number| *number <= head)),
        }
    }

    /// The header of a block that must exist; the newest if none is named.
    pub(super) fn header(&self, id: Option<BlockId>) -> Result<Header, RpcError> {
        for _ in 0..TRIES {
            let number = self.number(id.unwrap_or_default())?.ok_or(RpcError::UnknownBlock)?;
            // What a tag named may have been taken back since.
            if let Some(header) = self.store.header(number)? {
                return Ok(header);
            }
        }
        Err(RpcError::UnknownBlock)
    }

    /// A block, all of it from one chain: its parts are read one by one, and a reorganisation may come between.
    pub(super) fn block(&self, number: u64) -> Result<Option<EvmBlock>, RpcError> {
        for _ in 1..TRIES {
            let hash = self.store.block_hash(number)?;
            let block = self.store.block(number);
            if self.store.block_hash(number)? == hash {
                return Ok(block?);
            }
        }
        Ok(self.store.block(number)?)
    }

    /// The block that holds a transaction, and the transaction's place in it.
    pub(super) fn included(&self, hash: B256) -> Result<Option<(EvmBlock, usize)>, RpcError> {
        for _ in 0..TRIES {
            let Some(place) = self.store.transaction_place(hash)? else { return Ok(None) };
            let index = usize::try_from(place.index).unwrap_or(usize::MAX);
            let block = self.block(place.block_number)?;
            let found = block.filter(|block| block.transactions.get(index).is_some_and(|found| found.hash() == hash));
            if let Some(block) = found {
                return Ok(Some((block, index)));
            }
        }
        Ok(None)
    }

    /// Where a transaction is. The engine publishes in such an order (see [`crate::mempool::PoolView`]) that store, pool and store again
    /// overlook nothing, unless blocks are taken back meanwhile.
    pub(super) fn locate(&self, hash: B256) -> Result<Located, RpcError> {
        let pool = self.engine.pool();
        let mut found = Located::Unknown;
        for _ in 0..TRIES {
            let rewinds = pool.rewinds();
            if let Some((block, index)) = self.included(hash)? {
                return Ok(Located::Included { block: block.into(), index });
            }
            found = match pool.fate(&hash) {
                Some(Fate::Waiting { transaction, pending_nonce }) => {
                    return Ok(Located::Waiting { transaction, pending_nonce });
                }
                Some(Fate::Dropped(reason)) => Located::Dropped(reason),
                None => Located::Unknown,
            };
            if let Some((block, index)) = self.included(hash)? {
                return Ok(Located::Included { block: block.into(), index });
            }
            if pool.rewinds() == rewinds {
                break;
            }
        }
        Ok(found)
    }

    /// The state after a block that must exist.
    pub(super) fn state(&self, id: Option<BlockId>) -> Result<(Header, WorldState<Store>), RpcError> {
        let header = self.header(id)?;
        let state = WorldState::open(header.state_root, self.store.clone());
        Ok((header, state))
    }
}
