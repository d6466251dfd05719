//! What every method reads, and which block and which state a tag means.

use std::sync::Arc;

use alloy::eips::{BlockId, BlockNumberOrTag};
use tandem_chain::ChainConfig;
use tandem_l1::{L1Client, L1Heads};
use tandem_payments::batch::Circuits;
use tandem_service::Readiness;
use tokio::sync::watch;

use super::{json, refusal::Refusal, tokens::Tokens};
use crate::{
    payments::{
        engine::{EngineConfig, EngineHandle, NotAdmitted},
        records::Block,
        signed::Signed,
        view::{Heads, Moment, Records},
    },
    ring::Ring,
    rpc::{Filters, Hosts, News, RpcError, RpcLimits, Turns},
    sync_state::SyncState,
};

/// How often a question is asked again whose answer changed meanwhile.
pub(super) const TRIES: usize = 8;

/// Bytes of operations that arrived lately and are remembered, about.
const ARRIVALS_BYTES_MAX: usize = 16 << 20;

/// Shared by all requests. Cheap to clone.
#[derive(Clone)]
pub struct PaymentsContext {
    pub(super) chain: Arc<ChainConfig>,
    pub(super) config: EngineConfig,
    pub(super) records: Records,
    pub(super) engine: EngineHandle,
    pub(super) l1_heads: watch::Receiver<L1Heads>,
    pub(super) limits: RpcLimits,
    pub(super) readiness: Readiness,
    pub(super) hosts: Arc<Hosts>,
    pub(super) news: News<Arc<Signed>>,
    pub(super) filters: Filters,
    pub(super) sync: watch::Sender<SyncState>,
    pub(super) tokens: Tokens,
    pub(super) turns: Turns,
}

impl PaymentsContext {
    /// Over a node's parts.
    pub fn new(
        chain: ChainConfig,
        config: EngineConfig,
        records: Records,
        engine: EngineHandle,
        l1_heads: watch::Receiver<L1Heads>,
        limits: RpcLimits,
        readiness: Readiness,
    ) -> Self {
        Self {
            chain: Arc::new(chain),
            config,
            records,
            engine,
            l1_heads,
            news: News::new(Arc::new(Ring::new(ARRIVALS_BYTES_MAX))),
            filters: Filters::new(limits.filters_max, limits.filter_idle_max()),
            sync: watch::Sender::new(SyncState::Reading),
            tokens: Tokens::default(),
            turns: Turns::new(limits),
            limits,
            readiness,
            hosts: Arc::default(),
        }
    }

    /// Takes requests in these names only.
    pub fn with_hosts(self, hosts: Hosts) -> Self {
        Self { hosts: Arc::new(hosts), ..self }
    }

    /// Asks L1 what tokens are called.
    pub fn with_l1(self, l1: L1Client) -> Self {
        Self { tokens: Tokens::of(l1, self.chain.bridge), ..self }
    }

    /// Runs reading work off the network threads.
    pub(super) async fn blocking<T: Send + 'static>(
        self,
        work: impl FnOnce(&Self) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        self.turns.clone().question(move |turns| work(&Self { turns, ..self })).await
    }

    /// Likewise, for what concerns a transaction that is offered.
    pub(super) async fn offering<T: Send + 'static>(
        self,
        work: impl FnOnce(&Self) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        self.turns.clone().offer(move |turns| work(&Self { turns, ..self })).await
    }

    /// Whether L1 was read to its end once; before that nothing is known of the chain.
    pub(super) fn is_synced(&self) -> bool {
        self.records.landed(0).is_some()
    }

    /// Refuses a question about the chain until then.
    pub(super) fn check_synced(&self) -> Result<(), RpcError> {
        if self.is_synced() { Ok(()) } else { Err(Refusal::from(NotAdmitted::Syncing).into()) }
    }

    /// How blocks and transactions of this chain are shown.
    pub(super) fn shown(&self) -> json::Shown {
        let circuits = self.records.next_rules().map_or(Circuits::STANDARD, |next| next.circuits);
        json::Shown { chain_id: self.chain.l2_chain_id, gas_limit: json::gas_limit(&circuits) }
    }

    /// The number that a block id means, if there is such a block; at `pending` that of the last closed one.
    pub(super) fn number(&self, id: BlockId) -> Result<Option<u64>, RpcError> {
        let heads = self.records.heads();
        Ok(match id {
            BlockId::Hash(hash) => self.records.number(hash.block_hash)?.filter(|number| *number <= heads.latest),
            BlockId::Number(tag) => number_of(tag, &heads),
        })
    }

    /// Refuses a block that there is not.
    pub(super) fn check_block(&self, id: Option<BlockId>) -> Result<(), RpcError> {
        match id {
            Some(id) => self.number(id)?.map(|_| ()).ok_or(RpcError::UnknownBlock),
            None => Ok(()),
        }
    }

    /// A block of the chain. The chain's beginning is no batch, but a block that holds nothing.
    pub(super) fn block(&self, number: u64) -> Result<Option<Arc<Block>>, RpcError> {
        match number {
            0 => Ok(self.records.landed(0).map(|landed| landed.block)),
            _ => Ok(self.records.block(number)?),
        }
    }

    /// The block that an id means; at `pending` the last closed one.
    pub(super) fn block_of(&self, id: BlockId) -> Result<Option<Arc<Block>>, RpcError> {
        for _ in 0..TRIES {
            let Some(number) = self.number(id)? else { return Ok(None) };
            let block = self.block(number)?;
            let is_named = |block: &Block| match id {
                BlockId::Hash(hash) => block.hash == hash.block_hash,
                BlockId::Number(_) => true,
            };
            // It may have been taken back since.
            if let Some(block) = block.filter(|block| is_named(block)) {
                return Ok(Some(block));
            }
        }
        Ok(None)
    }

    /// Reads a state, that after the last closed block if none is named.
    pub(super) fn at<T>(&self, id: Option<BlockId>, read: impl Fn(&Records, Moment) -> T) -> Result<T, RpcError> {
        let id = id.unwrap_or_default();
        let mut found = self.moment(id)?;
        for _ in 1..TRIES {
            let value = read(&self.records, found);
            // A block that was closed meanwhile has moved the states on.
            let after = self.moment(id)?;
            if after == found {
                return Ok(value);
            }
            found = after;
        }
        Ok(read(&self.records, found))
    }

    /// The kept state that a block id means.
    pub(super) fn moment(&self, id: BlockId) -> Result<Moment, RpcError> {
        match id {
            BlockId::Number(BlockNumberOrTag::Pending) => return Ok(Moment::Pending),
            BlockId::Number(BlockNumberOrTag::Latest) => return Ok(Moment::Latest),
            BlockId::Number(BlockNumberOrTag::Safe) => return Ok(Moment::Settled),
            BlockId::Number(_) | BlockId::Hash(_) => {}
        }
        let number = self.number(id)?.ok_or(RpcError::UnknownBlock)?;
        let Heads { latest, settled, .. } = self.records.heads();
        match number {
            _ if number == latest => Ok(Moment::Latest),
            _ if number == settled => Ok(Moment::Settled),
            _ => Err(Refusal::StateNotKept { number, latest, settled }.into()),
        }
    }
}

/// The number that a tag means, if there is such a block.
fn number_of(tag: BlockNumberOrTag, heads: &Heads) -> Option<u64> {
    Some(match tag {
        BlockNumberOrTag::Latest | BlockNumberOrTag::Pending => heads.latest,
        BlockNumberOrTag::Earliest => 0,
        BlockNumberOrTag::Safe => heads.settled,
        BlockNumberOrTag::Finalized => heads.finalized,
        BlockNumberOrTag::Number(number) => return Some(number).filter(|number| *number <= heads.latest),
    })
}
