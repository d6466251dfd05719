//! The L1 watcher: reads L1 block by block into the store and tells the engine what it means.
//!
//! L1's endpoint is untrusted in content: messages and batches are checked by hash where they are used. Every block is processed to its
//! end before it is recorded as processed, so that a restart repeats at most one block, and repeating changes nothing.

use std::time::Duration;

use alloy::primitives::{B256, U256};
use tandem_chain::{BatchHeader, ChainConfig, Message};
use tandem_l1::{
    AppendData, Backoff, BlockRef, ClaimEvent, L1Block, L1Client, L1Heads, L1Update, PayloadFetcher, PostedBatch,
    Reader, ReaderConfig,
};
use tandem_service::Trouble;
use tandem_store::{BatchJob, L1BlockRecord, Store, StoreError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    engine::{Adoption, AskError, EngineHandle, L1Place, L1Tip, Landed, Landing},
    evm,
    poster::append_of,
    settled::{self, Doubt, Settled},
    signals::Signals,
};

/// L1 blocks of history that the reader is given after a restart, to find a reorganisation that happened meanwhile.
const RESUME_BLOCKS: u64 = 256;

/// What ends the watcher.
#[derive(Debug, thiserror::Error)]
pub enum WatcherError {
    /// The database cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine is gone.
    #[error(transparent)]
    Engine(#[from] AskError),
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

/// Whether what L1 gave follows what it gave before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    Follows,
    /// This, which comes before it, was left out, as by an endpoint that is behind in its logs.
    Misses(&'static str),
    /// The node ends before everything of it was processed.
    Cancelled,
}

/// Follows L1 for the sequencer.
pub struct Watcher {
    store: Store,
    engine: EngineHandle,
    client: L1Client,
    payloads: PayloadFetcher,
    reader: Reader,
    config: ReaderConfig,
    config_hash: B256,
    /// Hash of the output that the chain begins with.
    genesis_output: B256,
    /// L1's base fee as it was told last, in wei.
    base_fee: U256,
    /// How long to wait before L1 is read again.
    backoff: Backoff,
    heads: watch::Sender<L1Heads>,
    signals: Signals,
    confirmations: u64,
    synced: bool,
    /// L1 is not read to its end yet.
    reading: Trouble,
    /// Something is left out.
    left_out: Trouble,
    /// The L1 block that shows it: past that one it is not any more.
    missed_at: u64,
    doubt: Doubt,
}

impl Watcher {
    /// Continues after the last processed L1 block.
    pub fn new(
        store: Store,
        engine: EngineHandle,
        client: L1Client,
        payloads: PayloadFetcher,
        config: ReaderConfig,
        chain: &ChainConfig,
        signals: Signals,
    ) -> Result<(Self, watch::Receiver<L1Heads>), StoreError> {
        let known = known_blocks(&store)?;
        let confirmations = config.confirmations;
        let reader = Reader::resume(client.clone(), config.clone(), known);
        let (heads, receiver) = watch::channel(L1Heads::default());
        let reading = config.readiness.trouble("sync", Duration::ZERO);
        let left_out = config.readiness.trouble("L1 events", Duration::ZERO);
        let doubt = Doubt::new(&config.readiness);
        let watcher = Self {
            store,
            engine,
            client,
            payloads,
            reader,
            config,
            config_hash: chain.hash(),
            genesis_output: evm::genesis_output(chain)?,
            base_fee: U256::ZERO,
            backoff: Backoff::default(),
            heads,
            signals,
            confirmations,
            synced: false,
            reading,
            left_out,
            missed_at: 0,
            doubt,
        };
        Ok((watcher, receiver))
    }

    /// Watches L1 until `cancel` is cancelled.
    pub async fn run(mut self, cancel: CancellationToken) -> Result<(), WatcherError> {
        self.say_reading()?;
        loop {
            let update = tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                () = self.signals.behind.notified() => {
                    let processed = self.store.l1_processed()?.unwrap_or_default();
                    self.read_again("a batch of ours", processed, &cancel).await?;
                    continue;
                }
                update = self.reader.next() => update,
            };
            match update {
                L1Update::Block(block) => {
                    let number = block.number;
                    match self.block(block, &cancel).await? {
                        Fit::Follows if number >= self.missed_at => {
                            self.backoff = Backoff::default();
                            self.left_out.is_over();
                        }
                        Fit::Follows => {}
                        Fit::Misses(what) => self.read_again(what, number, &cancel).await?,
                        Fit::Cancelled => return Ok(()),
                    }
                }
                L1Update::Reorg { to } => {
                    self.engine.l1_reorg(to.number).await?;
                    self.doubt.is_void();
                    self.signals.changed.notify_one();
                }
                L1Update::Heads(heads) => {
                    self.heads.send_replace(heads);
                    self.forget_finalized(&heads)?;
                    self.tell_if_synced(&heads).await?;
                }
            }
        }
    }

    /// Goes back to where everything was read for certain: the last batch, or the last message if that is before it.
    async fn read_again(
        &mut self,
        missing: &str,
        missed_at: u64,
        cancel: &CancellationToken,
    ) -> Result<(), WatcherError> {
        self.missed_at = missed_at;
        let batch = self.store.last_batch()?.map(|batch| batch.l1_number);
        let newest = self.store.message_count()?.checked_sub(1);
        let message = newest.map_or(Ok(None), |index| self.store.message(index))?.map(|(_, l1_number)| l1_number);
        let certain = batch.into_iter().chain(message).min().unwrap_or(self.config.start_block);
        let to = certain.saturating_sub(1);
        let why = || format!("the endpoint leaves out {missing}, before L1 block {missed_at}");
        if let Some(lasts) = self.left_out.holds(why) {
            warn!(
                missing,
                missed_at,
                to,
                ?lasts,
                "L1 left something out: reading it again; if that lasts, use another endpoint"
            );
        }
        self.engine.l1_reorg(to).await?;
        self.reader = Reader::resume(self.client.clone(), self.config.clone(), known_blocks(&self.store)?);
        tokio::select! {
            () = cancel.cancelled() => {}
            () = tokio::time::sleep(self.backoff.delay()) => {}
        }
        Ok(())
    }

    async fn block(&mut self, block: L1Block, cancel: &CancellationToken) -> Result<Fit, WatcherError> {
        let known = self.store.message_count()?;
        if block.messages.first().is_some_and(|first| first.index > known) {
            return Ok(Fit::Misses("a message"));
        }
        // Asked before anything is stored, so that the engine hears of the block at once.
        let tip = match self.client.latest().await {
            Ok(newest) => L1Tip { timestamp: newest.timestamp, base_fee: U256::from(newest.base_fee) },
            Err(_) => L1Tip {
                timestamp: block.timestamp,
                base_fee: block.checkpoints.last().map_or(self.base_fee, |checkpoint| checkpoint.base_fee),
            },
        };
        self.base_fee = tip.base_fee;
        let messages: Vec<(u64, Message)> =
            block.messages.iter().map(|queued| (queued.index, queued.message.clone())).collect();
        self.store.put_l1_block(&L1BlockRecord {
            number: block.number,
            hash: block.hash,
            parent_hash: block.parent_hash,
            timestamp: block.timestamp,
            messages: messages.clone(),
            checkpoints: block.checkpoints.clone(),
        })?;
        self.engine.l1_block(messages, tip).await?;
        for posted in &block.batches {
            match self.batch(posted, &block, cancel).await? {
                Fit::Follows => {}
                unfit => return Ok(unfit),
            }
        }
        let mut settled = Vec::new();
        for claim in &block.claims {
            match *claim {
                ClaimEvent::Finalized { output, .. } => {
                    let found = settled::find(&self.store, self.genesis_output, block.number, output)?;
                    if !self.doubt.passes(found, block.number, output) {
                        return Ok(Fit::Misses("the batch of a final output"));
                    }
                    if let Settled::Batch(index) = found {
                        settled.push(index);
                    }
                }
                ClaimEvent::Contested { slot_id } => {
                    warn!(%slot_id, "claims on L1 contradict each other: withdrawals wait for the dispute");
                }
                ClaimEvent::Failed { slot_id } => {
                    error!(%slot_id, "a dispute found that the fraud-proof program has no answer: nothing becomes final until the owner replaces it");
                }
                ClaimEvent::Decided { slot_id, winner, output } => {
                    info!(%slot_id, %winner, %output, "a dispute is decided");
                }
                ClaimEvent::Discarded { claim_id, status, burned } => {
                    info!(%claim_id, ?status, %burned, "a claim is out")
                }
                ClaimEvent::Posted { .. } => {}
            }
        }
        self.store.finish_l1_block(block.number, &settled)?;
        let heads = *self.heads.borrow();
        self.tell_if_synced(&heads).await?;
        Ok(Fit::Follows)
    }

    /// No blocks are built before L1 was read to its end.
    fn say_reading(&mut self) -> Result<(), WatcherError> {
        let processed = self.store.l1_processed()?.unwrap_or_default();
        let latest = self.heads.borrow().latest.number;
        if let Some(lasts) =
            self.reading.holds(|| format!("L1 is read up to block {processed} of {latest}: no blocks yet"))
        {
            match lasts.is_zero() {
                true => info!(processed, "reading L1 to its end before the first block"),
                false => warn!(processed, latest, ?lasts, "L1 is not read to its end yet: no blocks until then"),
            }
        }
        Ok(())
    }

    /// Lets the engine sequence once everything that L1 holds was processed.
    async fn tell_if_synced(&mut self, heads: &L1Heads) -> Result<(), WatcherError> {
        if self.synced {
            return Ok(());
        }
        let processed = self.store.l1_processed()?;
        let is_read = processed.is_some_and(|processed| processed + self.confirmations >= heads.latest.number);
        if heads.latest.number == 0 || !is_read {
            return self.say_reading();
        }
        self.engine.synced().await?;
        self.synced = true;
        self.reading.is_over();
        Ok(())
    }

    async fn batch(
        &mut self,
        posted: &PostedBatch,
        block: &L1Block,
        cancel: &CancellationToken,
    ) -> Result<Fit, WatcherError> {
        let header = posted.header;
        let last = self.store.last_batch()?;
        let (next_index, parent, safe) = last
            .as_ref()
            .map_or((1, B256::ZERO, 0), |batch| (batch.header.index + 1, batch.header.hash(), batch.last_block));
        if header.index < next_index {
            return Ok(Fit::Follows);
        }
        if header.index != next_index || header.parent_hash != parent {
            return Ok(Fit::Misses("a batch"));
        }
        if header.config_hash != self.config_hash {
            let (index, expected, found) = (header.index, self.config_hash, header.config_hash);
            return Err(WatcherError::OtherConfiguration { index, expected, found });
        }
        let place = L1Place { number: block.number, hash: block.hash, transaction: posted.transaction_hash };
        let fit = match self.store.job_from(safe + 1)? {
            Some(job) if is_job(&header, &job).await => {
                let landed = Landed {
                    header,
                    checkpoint: posted.checkpoint,
                    first_block: job.first_block,
                    last_block: job.last_block,
                    place,
                };
                match self.engine.landed(landed).await? {
                    Landing::Recorded => Fit::Follows,
                    Landing::DatedOtherwise => self.foreign(posted, block, place, cancel).await?,
                }
            }
            _ => self.foreign(posted, block, place, cancel).await?,
        };
        self.signals.changed.notify_one();
        Ok(fit)
    }

    async fn foreign(
        &mut self,
        posted: &PostedBatch,
        block: &L1Block,
        place: L1Place,
        cancel: &CancellationToken,
    ) -> Result<Fit, WatcherError> {
        let first = self.store.last_batch()?.map_or(0, |batch| batch.header.queue_end);
        let mut messages = Vec::new();
        for index in first..posted.header.queue_end {
            messages.extend(self.store.message(index)?.map(|(message, _)| message));
        }
        let Some(batch) = self.fetch(posted, block, cancel).await else { return Ok(Fit::Cancelled) };
        Ok(match self.engine.foreign(batch, messages, place).await? {
            Adoption::Adopted => Fit::Follows,
            Adoption::DoesNotFit => Fit::Misses("a message or a batch"),
        })
    }

    /// The payload of a batch that is not ours; tries until it is there, for without it the chain cannot continue.
    async fn fetch(
        &self,
        posted: &PostedBatch,
        block: &L1Block,
        cancel: &CancellationToken,
    ) -> Option<tandem_chain::derive::L1Batch> {
        let mut backoff = Backoff::default();
        let index = posted.header.index;
        let mut missing = self.config.readiness.trouble("payload", Duration::ZERO);
        loop {
            match self.payloads.fetch(posted, block.number, block.timestamp).await {
                Ok(batch) => {
                    if let Some(lasted) = missing.is_over() {
                        info!(index, ?lasted, "the payload of the batch is there");
                    }
                    return Some(batch);
                }
                Err(error) => {
                    if let Some(lasts) = missing.holds(|| format!("that of batch {index} is not available: {error}")) {
                        warn!(
                            index,
                            %error,
                            ?lasts,
                            "the payload of a batch is not available: add a blob source or an archive that has it; trying on"
                        );
                    }
                }
            }
            tokio::select! {
                () = cancel.cancelled() => return None,
                () = tokio::time::sleep(backoff.delay()) => {}
            }
        }
    }

    /// Forgets jobs whose batch can no longer be reorganised away.
    fn forget_finalized(&self, heads: &L1Heads) -> Result<(), StoreError> {
        let Some(finalized) = heads.finalized else { return Ok(()) };
        for job in self.store.job_summaries()? {
            match self.store.batch_of_block(job.last_block)? {
                Some(batch) if batch.l1_number <= finalized.number => self.store.remove_job(job.sequence)?,
                _ => break,
            }
        }
        Ok(())
    }
}

/// Whether the batch on L1 is this job, as calldata or as blobs.
async fn is_job(header: &BatchHeader, job: &BatchJob) -> bool {
    match AppendData::sent_as(header.data_kind, job.payload.clone()) {
        Some(data) => append_of(job, header.index, header.parent_content_hash, data).is(header).await,
        None => false,
    }
}

/// L1 blocks that were processed, oldest first, for the reader to resume from.
fn known_blocks(store: &Store) -> Result<Vec<BlockRef>, StoreError> {
    let Some(processed) = store.l1_processed()? else { return Ok(Vec::new()) };
    let mut known = Vec::new();
    for number in processed.saturating_sub(RESUME_BLOCKS)..=processed {
        known.extend(store.l1_block(number)?.map(|block| BlockRef { number: block.number, hash: block.hash }));
    }
    info!(processed, "resuming L1 after the last processed block");
    Ok(known)
}
