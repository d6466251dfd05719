//! Follows L1 for the engine: queue and batches, the state that follows from them, every root of it compared with the settlement's, what the next batch obeys, and whether the
//! chain has ended. Rules: L1-SCHED-3, PAY-FREEZE, PAY-STORE.
//!
//! Which configuration a batch on L1 was under is in its output, and no matter here: the state that it gave is compared, and the chain's name stays what it was at first.
//! All of it is on disk, and so is each batch as a block, in the same write as the state after it: a start goes on from there. Adversarial: the endpoint; what it leaves out
//! or invents is an error, and then it is asked again.

use std::{sync::Arc, time::Duration};

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::{Address, B256},
};
use tandem_chain::ChainConfig;
use tandem_l1::{
    Backoff, BlockRef, L1Client, L1Header, L1Heads, RpcFailure,
    bindings::ValiditySettlement,
    payments::{Applied, BatchEvent, FollowError, Follower, Ledger, Messages, Queued, RulesError, RulesReader},
};
use tandem_payments::{
    data::{Effect, elements},
    ledger::Env,
};
use tandem_service::{Readiness, Trouble};
use tandem_store::{LedgerStore, StoreError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    draft::{Draft, Rules, Start},
    engine::EngineHandle,
    l1::{L1View, Landed, LandedBatches},
    records::{Block, Transaction, block_hash},
};
use crate::commands::NoAnswer;

/// An endpoint that fails for longer is a reason not to be ready, and is told in the log.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// Most blocks of one `eth_getLogs`.
const BLOCKS_MAX: u64 = 2_000;
/// Batches that are read from disk before others get a turn: a start reads all of them.
const NOTES_AT_ONCE: usize = 64;

/// What ends the watcher, or keeps it from starting.
#[derive(Debug, thiserror::Error)]
pub enum WatcherError {
    /// The ledger cannot be kept.
    #[error(transparent)]
    Ledger(FollowError),
    /// The block of a batch cannot be read.
    #[error("ledger: {0}")]
    Store(#[from] StoreError),
    /// The database has a batch without its block.
    #[error("ledger: batch {index} has no block; delete the ledger's directory, L1 has everything")]
    NoBlock {
        /// Index of the batch.
        index: u64,
    },
    /// The engine is gone.
    #[error(transparent)]
    Engine(#[from] NoAnswer),
}

/// Why a round came to nothing.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error(transparent)]
    Follow(FollowError),
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    #[error("rules for the next batch: {0}")]
    Rules(#[from] RulesError),
    #[error(transparent)]
    Fatal(#[from] WatcherError),
}

impl From<FollowError> for RoundError {
    fn from(error: FollowError) -> Self {
        if error.is_fatal() { Self::Fatal(WatcherError::Ledger(error)) } else { Self::Follow(error) }
    }
}

/// Follows L1 for the engine.
pub struct Watcher {
    chain: ChainConfig,
    client: L1Client,
    follower: Follower,
    rules: RulesReader,
    engine: EngineHandle,
    heads: watch::Sender<L1Heads>,
    interval: Duration,
    /// Those that the engine was told of or is next, the chain's beginning first.
    batches: LandedBatches,
    /// What was polled last has not got to everybody yet: the round after it failed.
    unfinished: bool,
    silence: Trouble,
    /// L1 is not read to its end yet.
    reading: Trouble,
    /// The chain was frozen.
    ended: Trouble,
}

impl Watcher {
    /// Goes on from what `store` has; `start_block` is that of the deployment. `rules` are those of its schedule. Looks at L1 after every `interval`.
    ///
    /// # Errors
    /// If the store is damaged.
    pub async fn open(
        chain: ChainConfig,
        client: L1Client,
        (store, start_block): (LedgerStore, u64),
        rules: RulesReader,
        engine: EngineHandle,
        interval: Duration,
        readiness: &Readiness,
    ) -> Result<(Self, watch::Receiver<L1Heads>), WatcherError> {
        let (heads, receiver) = watch::channel(L1Heads::default());
        let follower = Follower::open(client.clone(), chain.clone(), start_block, BLOCKS_MAX, store).await;
        let watcher = Self {
            follower: follower.map_err(WatcherError::Ledger)?,
            batches: LandedBatches::from_iter([Landed::genesis(&chain)]),
            unfinished: false,
            silence: readiness.trouble("L1", SILENCE_MAX),
            reading: readiness.trouble("sync", Duration::ZERO),
            ended: readiness.trouble("chain", Duration::ZERO),
            chain,
            client,
            rules,
            engine,
            heads,
            interval,
        };
        Ok((watcher, receiver))
    }

    /// Watches L1 until `cancel` is cancelled.
    pub async fn run(mut self, cancel: CancellationToken) -> Result<(), WatcherError> {
        let mut backoff = Backoff::default();
        if self.reading.holds(|| "L1 is read to its end before the first batch".into()).is_some() {
            info!("reading L1 to its end before the first batch");
        }
        loop {
            let round = tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                round = self.round() => round,
            };
            let delay = match round {
                Ok(()) => {
                    backoff.reset();
                    self.reading.is_over();
                    if let Some(lasted) = self.silence.is_over() {
                        info!(?lasted, "L1 can be read again");
                    }
                    self.interval
                }
                Err(RoundError::Fatal(error)) => return Err(error),
                Err(error) => {
                    if let Some(lasts) = self.silence.holds(|| format!("cannot be read: {error}")) {
                        warn!(%error, ?lasts, "L1 cannot be read: check the endpoint and --l1-rpc; trying on");
                    }
                    // An endpoint that lags answers well, and is soon where it was.
                    let is_behind = matches!(&error, RoundError::Follow(error) if error.is_behind());
                    if is_behind { self.interval } else { backoff.delay() }
                }
            };
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                () = tokio::time::sleep(delay) => {}
            }
        }
    }

    /// Reads on, and tells the engine if there is anything new. What a round that failed has left undone, the next does.
    async fn round(&mut self) -> Result<(), RoundError> {
        let chain = &self.chain;
        let advanced = self.follower.advance_noting(|applied: Applied<'_, Block>| block_of(chain, &applied)).await?;
        let Some(batches_kept) = advanced.map(|advanced| advanced.batches_kept.max(1)).or(self.told_all()) else {
            return Ok(());
        };
        self.unfinished = true;
        if batches_kept < self.batches.len() {
            let (from, to) = (self.batches.len().saturating_sub(1), batches_kept.saturating_sub(1));
            let rebuilt = advanced.is_some_and(|advanced| advanced.rebuilt);
            warn!(from, to, rebuilt, "L1 reorganised: batches are taken back");
            while self.batches.len() > batches_kept {
                self.batches.drop_last_mut();
            }
        }
        for event in self.follower.batches().iter().skip(self.batches.len()) {
            let landed = self.landed(event)?;
            self.batches.push_back_mut(landed);
            if self.batches.len().is_multiple_of(NOTES_AT_ONCE) {
                tokio::task::yield_now().await;
            }
        }
        let head = self.follower.head();
        let next = self.rules.read(head).await?.into();
        let frozen_at = frozen_at(&self.client, self.chain.settlement, head).await?;
        let tagged = async |tag| self.client.tagged(tag).await;
        let finalized = tagged(BlockNumberOrTag::Finalized).await?;
        let view = L1View {
            head,
            finalized: finalized.map_or(0, |block| block.number),
            messages: self.follower.messages().clone(),
            batches: self.batches.clone(),
            ledger: Arc::new(self.follower.ledger().clone()),
            next,
            frozen_at,
        };
        self.engine.l1(view).await.map_err(WatcherError::from)?;
        let safe = tagged(BlockNumberOrTag::Safe).await?;
        self.heads.send_replace(L1Heads { latest: head.id, safe, finalized });
        self.unfinished = false;
        self.tell_of_end(frozen_at);
        Ok(())
    }

    /// Says so once the chain has ended: it lasts, and nobody can change it.
    fn tell_of_end(&mut self, frozen_at: Option<u64>) {
        let Some(at) = frozen_at else {
            if self.ended.is_over().is_some() {
                info!("L1 took back the end of the chain: sequencing again");
            }
            return;
        };
        let is_told = self.ended.is_told();
        self.ended.holds(|| format!("it ended at L1 time {at}: leave with tandem escape"));
        if !is_told {
            error!(
                at,
                "the chain was frozen on L1, for good: nothing is taken any more; stop the node, everybody leaves with tandem escape"
            );
        }
    }

    /// How many batches the engine is to be told of again, if it was not told of all that is known.
    fn told_all(&self) -> Option<usize> {
        self.unfinished.then_some(self.batches.len())
    }

    /// A batch that was applied, as L1 has it.
    fn landed(&self, event: &BatchEvent) -> Result<Landed, WatcherError> {
        let index = event.index;
        let block: Block = self.follower.note(index)?.ok_or(WatcherError::NoBlock { index })?;
        Ok(Landed {
            block: Arc::new(block),
            l1_block: BlockRef { number: event.block, hash: event.block_hash },
            transaction: event.transaction,
            output: event.output,
        })
    }
}

/// When the chain was frozen, in seconds, as of a block; none if it was not.
async fn frozen_at(client: &L1Client, settlement: Address, head: L1Header) -> Result<Option<u64>, RpcFailure> {
    let settlement = ValiditySettlement::new(settlement, client.provider());
    let at = BlockId::hash(head.id.hash);
    let frozen_at = client.call(async { settlement.frozenAt().block(at).call().await }).await?;
    Ok(Some(frozen_at).filter(|at| *at != 0))
}

/// A batch as a block, as far as L1 tells of it.
fn block_of(chain: &ChainConfig, applied: &Applied<'_, Block>) -> Block {
    let Applied { event, posted, before, messages, note_before } = applied;
    let (fields, env, segments) = (event.fields, posted.env, &posted.segments);
    let parent_hash = note_before.as_ref().map_or_else(|| chain.hash(), |block| block.hash);
    let (queue_start, queue_end) = (before.output().queue_index, fields.queue_index);
    let last = queue_end.checked_sub(1).and_then(|last| messages.queued(last));
    let segments = [&segments.effects, &segments.withdrawals, &segments.messages].map(|segment| segment.as_ref());
    let mut block = Block {
        number: event.index,
        hash: block_hash(event.index, parent_hash, env, segments),
        parent_hash,
        timestamp: env.timestamp,
        operator: env.operator,
        root_before: before.output().state_root,
        state_root: fields.state_root,
        leaf_count: event.leaf_count,
        queue_start,
        queue_end,
        queue_hash: last.map(|queued| queued.queue_hash).unwrap_or_default(),
        transactions: None,
    };
    let [effects, ..] = segments;
    let effects = elements(effects).and_then(|elements| Effect::decode_all(&elements));
    if effects.is_ok_and(|effects| effects.iter().all(is_unsigned)) {
        block.transactions = messages_of(chain, before, messages, &block, env);
    }
    block
}

/// What a batch holds in which nobody signed anything.
fn messages_of(
    chain: &ChainConfig,
    before: &Ledger,
    messages: &Messages,
    block: &Block,
    env: Env,
) -> Option<Vec<Transaction>> {
    let start = Start {
        number: block.number,
        parent_hash: block.parent_hash,
        queue_start: block.queue_start,
        queue_hash: B256::ZERO,
    };
    let mut draft = Draft::new(chain, &Rules::default(), before.state().clone(), start, env);
    for index in block.queue_start..block.queue_end {
        draft.message(messages.queued(index)?).ok()?;
    }
    let sealed = draft.seal();
    sealed.block.transactions.filter(|_| sealed.block.hash == block.hash)
}

/// Whether an effect needs nobody's signature.
fn is_unsigned(effect: &Effect) -> bool {
    matches!(effect, Effect::Create { .. } | Effect::Deposit | Effect::Forced | Effect::L1Key | Effect::FeeCredit)
}
