//! What every method reads: the store, the engine, which block a tag means, and what the chain kind answers.

use std::sync::Arc;

use alloy::eips::{BlockId, BlockNumberOrTag};
use serde_json::Value;
use tandem_chain::ChainConfig;
use tandem_evm::{EvmBlock, Recovered};
use tandem_l1::{L1Client, L1Heads};
use tandem_service::Readiness;
use tandem_store::{Head, Store};
use tokio::sync::watch;

use super::{
    Hosts, Params, RpcError, RpcLimits, Turns,
    installed::Filters,
    news::{BlockNews, News},
};
use crate::{engine::EngineHandle, mempool::PoolView};

/// What a chain kind answers: all that depends on what its blocks and transactions are.
#[derive(Clone, Copy)]
pub struct Methods {
    /// Decodes a transaction that is offered, and recovers its signer.
    pub recover: fn(&[u8]) -> Result<Recovered, RpcError>,
    /// A block as subscribers are told of it.
    pub announce: fn(&EvmBlock) -> Result<BlockNews, RpcError>,
    /// A waiting transaction as answers show it.
    pub waiting: fn(&Recovered) -> Result<Value, RpcError>,
    /// Answers a method that only reads; [`RpcError::UnknownMethod`] if the kind has none of this name.
    pub read: fn(&RpcContext, &str, &Params) -> Result<Value, RpcError>,
}

/// Shared by all requests. Cheap to clone.
#[derive(Clone)]
pub struct RpcContext {
    pub(super) methods: Methods,
    pub(crate) chain: Arc<ChainConfig>,
    pub(crate) store: Store,
    /// For the transport alone: answers of a chain kind read the pool by [`Self::pool`], and ask the engine nothing.
    pub(super) engine: EngineHandle,
    pub(crate) limits: RpcLimits,
    pub(super) hosts: Arc<Hosts>,
    pub(crate) news: News<Arc<Recovered>>,
    pub(crate) filters: Filters,
    l1_heads: watch::Receiver<L1Heads>,
    /// What keeps the node from its work.
    readiness: Readiness,
    pub(crate) turns: Turns,
    /// L1, if callers may move its clock.
    l1_clock: Option<L1Client>,
}

impl RpcContext {
    /// Over a node's parts, for a chain of the kind that `methods` answers for.
    pub fn new(
        methods: Methods,
        chain: ChainConfig,
        store: Store,
        engine: EngineHandle,
        l1_heads: watch::Receiver<L1Heads>,
        limits: RpcLimits,
    ) -> Self {
        Self {
            methods,
            chain: Arc::new(chain),
            store,
            news: News::new(engine.pool().arrivals()),
            filters: Filters::new(limits.filters_max, limits.filter_idle_max()),
            engine,
            l1_heads,
            readiness: Readiness::default(),
            turns: Turns::new(limits),
            hosts: Arc::default(),
            l1_clock: None,
            limits,
        }
    }

    /// With the reasons that other parts of the node have not to be ready.
    pub fn with_readiness(self, readiness: Readiness) -> Self {
        Self { readiness, ..self }
    }

    /// Takes requests in these names only.
    pub fn with_hosts(self, hosts: Hosts) -> Self {
        Self { hosts: Arc::new(hosts), ..self }
    }

    /// Lets callers move the clock of L1: only where L1 is a toy.
    pub fn with_l1_clock(self, l1: Option<L1Client>) -> Self {
        Self { l1_clock: l1, ..self }
    }

    /// L1, if callers may move its clock.
    pub(crate) fn l1_clock(&self) -> Option<&L1Client> {
        self.l1_clock.as_ref()
    }

    /// Why the node is not ready: as its parts say, because L1 was not seen yet, or because the head cannot be read.
    pub(super) fn reasons(&self) -> Vec<String> {
        let mut reasons = self.readiness.reasons();
        if self.l1_heads().latest.number == 0 {
            reasons.push("L1 is not reached yet".into());
        }
        if self.head().is_err() {
            reasons.push("database does not answer".into());
        }
        reasons
    }

    /// Runs reading or executing work off the network threads.
    pub(crate) async fn blocking<T: Send + 'static>(
        self,
        work: impl FnOnce(&Self) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        self.turns.clone().question(move |turns| work(&Self { turns, ..self })).await
    }

    /// Likewise, for what concerns a transaction that is offered.
    pub(crate) async fn offering<T: Send + 'static>(
        self,
        work: impl FnOnce(&Self) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        self.turns.clone().offer(move |turns| work(&Self { turns, ..self })).await
    }

    /// The newest block, by number and hash.
    pub(crate) fn head(&self) -> Result<Head, RpcError> {
        Ok(self.store.head()?)
    }

    /// What waits and what was dropped, as the engine published it last.
    pub(crate) fn pool(&self) -> &PoolView {
        self.engine.pool()
    }

    /// How far L1 is.
    pub(crate) fn l1_heads(&self) -> L1Heads {
        *self.l1_heads.borrow()
    }

    /// Newest block whose batch is on L1.
    pub(crate) fn safe_number(&self) -> Result<u64, RpcError> {
        Ok(self.store.last_batch()?.map_or(0, |batch| batch.last_block))
    }

    /// Newest block whose batch is in a finalised L1 block.
    pub(crate) fn finalized_number(&self) -> Result<u64, RpcError> {
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
    pub(crate) fn settled_number(&self) -> Result<u64, RpcError> {
        Ok(self.store.last_settled()?.map_or(0, |batch| batch.last_block))
    }

    /// The number that a block id means, if that block exists.
    pub(crate) fn number(&self, id: BlockId) -> Result<Option<u64>, RpcError> {
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
}
