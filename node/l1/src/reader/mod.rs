//! Follows L1 by block hash: what the Inbox and the Settlement emitted, block by block, and every reorg.
//!
//! Rules: L1-MSG-6, L1-CP-3, L1-BATCH-8. Invariant: a block that comes out extends the one that came out before it, unless a
//! [`L1Update::Reorg`] stands between them. Adversarial: the endpoint. An event that does not match its own hash is refused here;
//! missing or invented ones are found by `tandem_chain::Derivation`, whose consumer then starts a new reader further back.

mod bad_event;
mod config;
mod dispute;
mod error;
mod events;
mod history;

use crate::{
    Backoff,
    client::{BlockRef, L1Client, L1Header},
};
use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    rpc::types::Filter,
};
pub use bad_event::BadEvent;
pub use config::ReaderConfig;
pub use dispute::{DisputeEvent, DisputeLog};
pub use error::ReaderError;
pub(crate) use events::posted_batch;
pub use events::{ClaimEvent, ClosedEpoch, L1Block, PostedBatch, QueuedMessage};
use history::History;
use std::{collections::VecDeque, time::Duration};
use tandem_service::Trouble;

/// An endpoint that fails for longer is a reason not to be ready, and is told in the log.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Up to this distance from the tip blocks come one by one, each with its own logs; farther away by ranges.
const FOLLOW_BLOCKS_MAX: u64 = 4;

/// How far L1 is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct L1Heads {
    /// Newest block, whatever the confirmation depth.
    pub latest: BlockRef,
    /// As the endpoint's `safe` tag says; none if it knows none.
    pub safe: Option<BlockRef>,
    /// The newest finalised block, as the endpoint's `finalized` tag says.
    pub finalized: Option<BlockRef>,
}

/// What a reader gives out, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum L1Update {
    /// The next block. Far from the tip, blocks without events are left out, except the last of a range.
    Block(L1Block),
    /// Everything above `to` is void.
    Reorg {
        /// The newest block that still holds.
        to: BlockRef,
    },
    /// The safe or the finalised head moved.
    Heads(L1Heads),
}

/// Follows L1. Owned by one task.
#[derive(Debug)]
pub struct Reader {
    client: L1Client,
    config: ReaderConfig,
    resume: Vec<BlockRef>,
    history: Option<History>,
    heads: L1Heads,
    range_blocks: u64,
    ready: VecDeque<L1Update>,
    silence: Trouble,
}

impl Reader {
    /// A reader that begins at `config.start_block`.
    pub fn new(client: L1Client, config: ReaderConfig) -> Self {
        Self::resume(client, config, Vec::new())
    }

    /// Continues after blocks that an earlier reader gave out (ascending, gaps allowed). If some of them are gone meanwhile,
    /// a [`L1Update::Reorg`] comes first.
    pub fn resume(client: L1Client, config: ReaderConfig, known: Vec<BlockRef>) -> Self {
        let range_blocks = config.backfill_blocks_max.max(1);
        let silence = config.readiness.trouble("L1", SILENCE_MAX);
        Self {
            client,
            config,
            resume: known,
            history: None,
            heads: L1Heads::default(),
            range_blocks,
            ready: VecDeque::new(),
            silence,
        }
    }

    /// The last block given out (or about to be).
    pub fn position(&self) -> Option<BlockRef> {
        self.history.as_ref().map(History::tip)
    }

    /// The heads as last seen.
    pub fn heads(&self) -> L1Heads {
        self.heads
    }

    /// The next update; waits for it, and asks again after failures. Cancel-safe.
    pub async fn next(&mut self) -> L1Update {
        let mut backoff = Backoff::default();
        loop {
            if let Some(update) = self.ready.pop_front() {
                return update;
            }
            match self.poll().await {
                Ok(()) => {
                    if let Some(lasted) = self.silence.is_over() {
                        tracing::info!(?lasted, "L1 can be read again");
                    }
                    if self.ready.is_empty() {
                        backoff.reset();
                        tokio::time::sleep(self.config.poll_interval).await;
                    }
                }
                Err(error) => {
                    if let Some(lasts) = self.silence.holds(|| format!("cannot be read: {error}")) {
                        tracing::warn!(%error, ?lasts, "L1 cannot be read: check the endpoint and --l1-rpc; trying on");
                    }
                    tokio::time::sleep(backoff.delay()).await;
                }
            }
        }
    }

    /// The next update if there is one now; one failure is one error. Cancel-safe.
    pub async fn try_next(&mut self) -> Result<Option<L1Update>, ReaderError> {
        if self.ready.is_empty() {
            self.poll().await?;
        }
        Ok(self.ready.pop_front())
    }

    /// One round of questions. Changes `self` only after the last answer, so that a dropped future loses nothing.
    async fn poll(&mut self) -> Result<(), ReaderError> {
        let history = match self.history.take() {
            Some(history) => self.history.insert(history),
            None => {
                let history = self.anchor().await?;
                self.history.insert(history)
            }
        };
        let tip = history.tip();
        let latest = self.client.latest().await?;
        let target = latest.id.number.saturating_sub(self.config.confirmations);

        if let Some(to) = self.reorg_to(tip, &latest, target).await? {
            if let Some(history) = &mut self.history {
                history.unwind(to.number);
            }
            tracing::warn!(from = tip.number, to = to.number, "L1 reorganised");
            self.ready.push_back(L1Update::Reorg { to });
            return Ok(());
        }
        let blocks = match target.saturating_sub(tip.number) {
            0 => Vec::new(),
            1..=FOLLOW_BLOCKS_MAX => self.follow(tip, target).await?,
            _ => self.backfill(tip, target).await?,
        };
        let heads = self.read_heads(&latest).await?;
        for block in blocks {
            if let Some(history) = &mut self.history {
                history.push(block.id());
            }
            self.ready.push_back(L1Update::Block(block));
        }
        if heads != self.heads {
            self.heads = heads;
            self.ready.push_back(L1Update::Heads(heads));
        }
        Ok(())
    }

    async fn anchor(&self) -> Result<History, ReaderError> {
        let number = self.config.start_block.saturating_sub(1);
        let anchor = self.client.header(BlockId::number(number)).await?;
        let anchor = anchor.ok_or(ReaderError::NotStarted { start_block: self.config.start_block })?;
        let known = self.resume.iter().copied().filter(|block| block.number > number);
        Ok(History::new(anchor.id, known, self.config.history_blocks_max))
    }

    /// Whether the tip is gone, and then the newest block given out that is not.
    async fn reorg_to(&self, tip: BlockRef, latest: &L1Header, target: u64) -> Result<Option<BlockRef>, ReaderError> {
        if latest.id == tip || (latest.parent_hash == tip.hash && target > tip.number) {
            return Ok(None);
        }
        if self.is_canonical(tip).await? {
            return Ok(None);
        }
        let Some(history) = &self.history else { return Ok(None) };
        for &block in history.below_tip() {
            if self.is_canonical(block).await? {
                return Ok(Some(block));
            }
        }
        // Not even the anchor holds: begin with whatever stands in its place.
        Ok(Some(self.anchor().await?.tip()))
    }

    async fn is_canonical(&self, block: BlockRef) -> Result<bool, ReaderError> {
        Ok(self.client.header(BlockId::number(block.number)).await?.is_some_and(|header| header.id == block))
    }

    /// Block by block up to `target`; stops early where the chain moves.
    async fn follow(&self, tip: BlockRef, target: u64) -> Result<Vec<L1Block>, ReaderError> {
        let mut blocks = Vec::new();
        let mut parent = tip;
        for number in tip.number + 1..=target {
            let header = self.client.header(BlockId::number(number)).await?;
            let Some(header) = header.filter(|header| header.parent_hash == parent.hash) else { break };
            let logs = self.client.logs(&self.filter().at_block_hash(header.id.hash)).await?;
            blocks.push(events::collect(&header, &self.config, logs)?);
            parent = header.id;
        }
        Ok(blocks)
    }

    /// One range of blocks towards `target`; smaller next time if the endpoint refuses.
    async fn backfill(&mut self, tip: BlockRef, target: u64) -> Result<Vec<L1Block>, ReaderError> {
        let first = tip.number + 1;
        let last = target.min(tip.number.saturating_add(self.range_blocks));
        match self.read_range(first, last).await {
            Ok(blocks) => {
                self.range_blocks = self.range_blocks.saturating_mul(2).min(self.config.backfill_blocks_max.max(1));
                Ok(blocks)
            }
            Err(error) => {
                if matches!(&error, ReaderError::Rpc(_)) {
                    self.range_blocks = (self.range_blocks / 2).max(1);
                }
                Err(error)
            }
        }
    }

    /// The end's hash is the same before and after, so all that was read in between belongs to its chain.
    async fn read_range(&self, first: u64, last: u64) -> Result<Vec<L1Block>, ReaderError> {
        let moved = |number| ReaderError::Moved { number };
        let end = self.client.header(BlockId::number(last)).await?.ok_or(moved(last))?;
        let mut logs = self.client.logs(&self.filter().from_block(first).to_block(last)).await?;
        let mut numbers: Vec<u64> = logs.iter().filter_map(|log| log.block_number).collect();
        numbers.push(last);
        numbers.sort_unstable();
        numbers.dedup();

        let mut blocks = Vec::with_capacity(numbers.len());
        for number in numbers.into_iter().filter(|number| (first..=last).contains(number)) {
            let header = if number == last { Some(end) } else { self.client.header(BlockId::number(number)).await? };
            let header = header.ok_or(moved(number))?;
            let (own, rest) = logs.into_iter().partition(|log| log.block_number == Some(number));
            logs = rest;
            blocks.push(events::collect(&header, &self.config, own)?);
        }
        if self.is_canonical(end.id).await? { Ok(blocks) } else { Err(moved(last)) }
    }

    fn filter(&self) -> Filter {
        let mut addresses = vec![self.config.inbox, self.config.settlement];
        addresses.extend(&self.config.disputes);
        Filter::new().address(addresses).event_signature(events::topics(&self.config))
    }

    async fn read_heads(&self, latest: &L1Header) -> Result<L1Heads, ReaderError> {
        if latest.id == self.heads.latest {
            return Ok(self.heads);
        }
        Ok(L1Heads {
            latest: latest.id,
            safe: self.client.tagged(BlockNumberOrTag::Safe).await?,
            finalized: self.client.tagged(BlockNumberOrTag::Finalized).await?,
        })
    }
}
