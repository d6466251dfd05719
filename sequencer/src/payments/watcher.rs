//! Follows L1 for the engine: queue and batches, and the state that follows from them, every root of it compared with the settlement's.
//!
//! The state after L1's last batch is kept in memory and rebuilt from L1 alone: at every start, and when a reorganisation takes back a batch. Adversarial: the endpoint; what
//! it leaves out or invents is an error, and then it is asked again.

use std::{sync::Arc, time::Duration};

use alloy::{
    eips::BlockNumberOrTag,
    primitives::{B256, TxHash},
};
use tandem_chain::ChainConfig;
use tandem_l1::{
    Backoff, BlockRef, L1Client, L1Heads, RpcFailure,
    payments::{BatchEvent, HistoryError, Ledger, LedgerError, Posted, PostedError, Tracker, posted},
};
use tandem_payments::{
    data::{DataError, Effect, elements},
    ledger::Env,
};
use tandem_service::{Readiness, Trouble};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    draft::{Draft, Rules, Start},
    engine::EngineHandle,
    l1::{L1View, Landed},
    records::{Block, Transaction, block_hash},
};
use crate::commands::NoAnswer;

/// An endpoint that fails for longer is a reason not to be ready, and is told in the log.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// Most blocks of one `eth_getLogs`.
const BLOCKS_MAX: u64 = 2_000;

/// What ends the watcher.
#[derive(Debug, thiserror::Error)]
pub enum WatcherError {
    /// The engine is gone.
    #[error(transparent)]
    Engine(#[from] NoAnswer),
    /// The schedule has other rules for new batches than this node was started with.
    #[error(
        "batch {index} on L1 is under configuration {found}, this node has {expected}: start it with the deployment file of the new entry"
    )]
    OtherConfiguration {
        /// Index of the batch.
        index: u64,
        /// Hash of this node's configuration.
        expected: B256,
        /// Hash of the configuration that the batch names.
        found: B256,
    },
}

/// Why a round came to nothing.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error(transparent)]
    Posted(#[from] PostedError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    #[error(transparent)]
    Fatal(#[from] WatcherError),
}

/// Follows L1 for the engine.
pub struct Watcher {
    chain: ChainConfig,
    client: L1Client,
    tracker: Tracker,
    engine: EngineHandle,
    heads: watch::Sender<L1Heads>,
    interval: Duration,
    /// Those that `ledger` has, the chain's beginning first.
    batches: Arc<Vec<Landed>>,
    ledger: Arc<Ledger>,
    /// What was polled last has not got to everybody yet: the round after it failed.
    unfinished: bool,
    silence: Trouble,
    /// L1 is not read to its end yet.
    reading: Trouble,
}

impl Watcher {
    /// Begins at `start_block`, that of the deployment; looks at L1 after every `interval`.
    pub fn new(
        chain: ChainConfig,
        client: L1Client,
        start_block: u64,
        engine: EngineHandle,
        interval: Duration,
        readiness: &Readiness,
    ) -> (Self, watch::Receiver<L1Heads>) {
        let (heads, receiver) = watch::channel(L1Heads::default());
        let watcher = Self {
            tracker: Tracker::new(client.clone(), chain.clone(), start_block, BLOCKS_MAX),
            batches: Arc::new(vec![beginning(&chain)]),
            ledger: Arc::new(Ledger::genesis(&chain)),
            unfinished: false,
            silence: readiness.trouble("L1", SILENCE_MAX),
            reading: readiness.trouble("sync", Duration::ZERO),
            chain,
            client,
            engine,
            heads,
            interval,
        };
        (watcher, receiver)
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
                    backoff.delay()
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
        let batches_kept = match self.tracker.poll().await? {
            Some(tracked) => tracked.batches_kept,
            None if self.unfinished => self.batches.len(),
            None => return Ok(()),
        };
        self.unfinished = true;
        if batches_kept < self.batches.len() && self.batches.len() > 1 {
            warn!(from = self.batches.len() - 1, to = batches_kept, "L1 reorganised: the state is rebuilt");
            self.batches = Arc::new(vec![beginning(&self.chain)]);
            self.ledger = Arc::new(Ledger::genesis(&self.chain));
        }
        for event in self.tracker.batches().iter().skip(self.batches.len()) {
            let (index, expected, found) = (event.index, self.chain.hash(), event.fields.config_hash);
            if found != expected {
                return Err(WatcherError::OtherConfiguration { index, expected, found }.into());
            }
            let posted = posted(&self.client, self.chain.settlement, event).await?;
            let ledger = Ledger::clone(&self.ledger).apply(event, &posted, self.tracker.messages())?;
            let landed = self.landed(event, &posted)?;
            self.ledger = Arc::new(ledger);
            Arc::make_mut(&mut self.batches).push(landed);
        }
        let (head, tagged) = (self.tracker.head(), async |tag| self.client.tagged(tag).await);
        let finalized = tagged(BlockNumberOrTag::Finalized).await?;
        let view = L1View {
            head,
            finalized: finalized.map_or(0, |block| block.number),
            messages: Arc::new(self.tracker.messages().to_vec()),
            batches: self.batches.clone(),
            ledger: self.ledger.clone(),
        };
        self.engine.l1(view).await.map_err(WatcherError::from)?;
        let safe = tagged(BlockNumberOrTag::Safe).await?;
        self.heads.send_replace(L1Heads { latest: head.id, safe, finalized });
        self.unfinished = false;
        Ok(())
    }

    /// A batch as a block, as far as L1 tells of it. `self` is before it.
    fn landed(&self, event: &BatchEvent, posted: &Posted) -> Result<Landed, DataError> {
        let (fields, env, segments) = (event.fields, posted.env, &posted.segments);
        let before = self.batches.last().map(|landed| landed.block.as_ref());
        let parent_hash = before.map_or(B256::ZERO, |block| block.hash);
        let (queue_start, queue_end) = (self.ledger.output().queue_index, fields.queue_index);
        let last = queue_end.checked_sub(1).and_then(|last| usize::try_from(last).ok());
        let queue_hash = last.and_then(|last| self.tracker.messages().get(last)).map(|queued| queued.queue_hash);
        let segments = [&segments.effects, &segments.withdrawals, &segments.messages].map(|segment| segment.as_ref());
        let mut block = Block {
            number: event.index,
            hash: block_hash(event.index, parent_hash, env, segments),
            parent_hash,
            timestamp: env.timestamp,
            operator: env.operator,
            root_before: self.ledger.output().state_root,
            state_root: fields.state_root,
            leaf_count: event.leaf_count,
            queue_start,
            queue_end,
            queue_hash: queue_hash.unwrap_or_default(),
            transactions: None,
        };
        let [effects, ..] = segments;
        if Effect::decode_all(&elements(effects)?)?.iter().all(is_unsigned) {
            block.transactions = self.messages_of(&block, env);
        }
        Ok(Landed {
            block: Arc::new(block),
            l1_block: BlockRef { number: event.block, hash: event.block_hash },
            transaction: event.transaction,
            output: event.output,
        })
    }

    /// What a batch holds in which nobody signed anything.
    fn messages_of(&self, block: &Block, env: Env) -> Option<Vec<Transaction>> {
        let start = Start {
            number: block.number,
            parent_hash: block.parent_hash,
            queue_start: block.queue_start,
            queue_hash: B256::ZERO,
        };
        let mut draft = Draft::new(&self.chain, &Rules::default(), self.ledger.state().clone(), start, env);
        let range = usize::try_from(block.queue_start).ok()?..usize::try_from(block.queue_end).ok()?;
        for queued in self.tracker.messages().get(range)? {
            draft.message(&self.chain, queued).ok()?;
        }
        let sealed = draft.seal();
        sealed.block.transactions.filter(|_| sealed.block.hash == block.hash)
    }
}

/// Whether an effect needs nobody's signature.
fn is_unsigned(effect: &Effect) -> bool {
    matches!(effect, Effect::Create { .. } | Effect::Deposit | Effect::Forced | Effect::L1Key | Effect::FeeCredit)
}

/// The chain's beginning as a batch.
fn beginning(chain: &ChainConfig) -> Landed {
    let ledger = Ledger::genesis(chain);
    let (output, state) = (ledger.output(), ledger.state());
    let block = Block {
        number: 0,
        hash: chain.hash(),
        parent_hash: B256::ZERO,
        timestamp: chain.genesis_timestamp,
        operator: Default::default(),
        root_before: output.state_root,
        state_root: output.state_root,
        leaf_count: state.leaf_count(),
        queue_start: 0,
        queue_end: 0,
        queue_hash: B256::ZERO,
        transactions: Some(Vec::new()),
    };
    Landed { block: Arc::new(block), l1_block: BlockRef::default(), transaction: TxHash::ZERO, output: output.hash() }
}
