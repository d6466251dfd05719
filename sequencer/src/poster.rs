//! The poster: brings closed batches to L1, one after the other, and keeps checkpoints fresh.
//!
//! Which batch is next follows from the store alone: the first closed one that no batch on L1 covers. That is asked before every
//! transaction, so that what a reorganisation, a kill or a long wait made of the last one needs no care of its own. The Inbox's
//! compare-and-swap makes posting it twice impossible; the transaction journal makes trying it twice rare.

mod round;
mod troubles;

use std::time::{Duration, Instant};

use alloy::primitives::{Address, B256};
use tandem_chain::{
    ChainConfig,
    batch::CALLDATA_BYTES_MAX,
    work::{BYTES_PER_SECOND, WORK_GAS_PER_SECOND},
};
use tandem_l1::{
    Append, AppendData, AppendOutcome, Appender, Backoff, BlockRef,
    append::AppendError,
    bindings::Inbox::InboxErrors,
    checkpoint,
    submit::{FileJournal, Outcome, PooledKind, Submitter},
};
use tandem_service::Readiness;
use tandem_store::{BatchJob, Store};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{data::DataMode, engine::EngineHandle, signals::Signals};
pub use round::PosterError;
use round::Round;
use troubles::Troubles;

/// So many refusals in a row, and the watcher reads L1 again.
const REFUSALS_MAX: u32 = 8;

/// The watcher should see a batch that L1 holds within this time.
const SEEN_TIME_MAX: Duration = Duration::from_secs(30);

/// Shortest time between tries while L1's bucket is full: what it says is rounded to seconds.
const FULL_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Longest time between tries while L1 does not let us post.
const RETRY_INTERVAL_MAX: Duration = Duration::from_secs(60);

/// How the poster works.
#[derive(Clone, Copy, Debug)]
pub struct PosterConfig {
    /// How payloads travel to L1.
    pub data_mode: DataMode,
    /// Looks again at least this often.
    pub interval: Duration,
    /// A new checkpoint is stored on L1 when the newest is this old, in seconds.
    pub checkpoint_age_s: u64,
}

/// The task that brings closed batches to L1; the module says how.
pub struct Poster {
    chain: ChainConfig,
    store: Store,
    engine: EngineHandle,
    appender: Appender<FileJournal>,
    config: PosterConfig,
    signals: Signals,
    /// Refusals in a row, which something that the watcher has not seen would explain.
    refusals: u32,
    troubles: Troubles,
}

impl Poster {
    /// A poster for the sequencer's key.
    pub fn new(
        chain: ChainConfig,
        store: Store,
        engine: EngineHandle,
        submitter: Submitter<FileJournal>,
        config: PosterConfig,
        signals: Signals,
        readiness: &Readiness,
    ) -> Self {
        let appender = Appender::new(submitter, chain.inbox);
        let troubles = Troubles::new(readiness);
        Self { chain, store, engine, appender, config, signals, refusals: 0, troubles }
    }

    /// The account that posts.
    pub fn account(&self) -> Address {
        self.appender.submitter().account()
    }

    /// Posts until `cancel` is cancelled.
    pub async fn run(mut self, cancel: CancellationToken) -> Result<(), PosterError> {
        let mut retry = Backoff::new(self.config.interval, RETRY_INTERVAL_MAX);
        loop {
            let round = tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                round = self.post_next() => round,
            };
            self.troubles.hear(Instant::now(), &round);
            let delay = match round {
                Ok(Round::Moved) => {
                    retry.reset();
                    continue;
                }
                Ok(Round::Idle) => {
                    retry.reset();
                    self.appender.submitter_mut().rest();
                    self.config.interval
                }
                Ok(Round::Refused { .. }) => self.config.interval,
                Ok(Round::Full { wait, .. }) => wait.clamp(FULL_INTERVAL_MIN, RETRY_INTERVAL_MAX),
                Err(error) if error.is_passing() => retry.delay(),
                Err(error) => return Err(error),
            };
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                () = self.signals.changed.notified() => {}
                () = tokio::time::sleep(delay) => {}
            }
        }
    }

    /// Posts the next batch if one is closed; else stores a checkpoint if the newest is old.
    async fn post_next(&mut self) -> Result<Round, PosterError> {
        let last = self.store.last_batch()?;
        let safe = last.as_ref().map_or(0, |batch| batch.last_block);
        let Some(job) = self.store.job_from(safe + 1)? else {
            self.troubles.is_idle(Instant::now());
            return self.refresh_checkpoint().await;
        };
        let (index, parent_content_hash) =
            last.map_or((1, B256::ZERO), |batch| (batch.header.index + 1, batch.header.content_hash()));
        let append = append_of(&job, index, parent_content_hash, self.data(&job).await?);
        let outcome = self.appender.append(&append).await?;
        if !matches!(outcome, AppendOutcome::Refused { .. }) {
            self.refusals = 0;
        }
        match outcome {
            AppendOutcome::Posted { block, .. } => {
                self.troubles.has_posted(Instant::now());
                self.wait_until_seen(index, Some(block)).await?;
            }
            AppendOutcome::Lost { winner } => {
                warn!(index, transaction = %winner.transaction_hash, "another batch was first on L1");
                self.wait_until_seen(index, None).await?;
            }
            // The submitter told.
            AppendOutcome::Superseded | AppendOutcome::Displaced { .. } => {}
            AppendOutcome::Refused { reason } if is_hopeless(reason.as_ref()) => {
                warn!(index, ?reason, "the batch waited too long for the Inbox to take it: re-sequencing");
                self.engine.resequence().await?;
            }
            AppendOutcome::Refused { reason } => {
                if let Some(wait) = reason.as_ref().and_then(drain_time) {
                    return Ok(Round::Full { index, wait });
                }
                self.refusals += 1;
                if self.refusals.is_multiple_of(REFUSALS_MAX) {
                    self.signals.behind.notify_one();
                }
                return Ok(Round::Refused { index, reason });
            }
        }
        Ok(Round::Moved)
    }

    /// Waits until the watcher has recorded the batch that L1 holds, so that the next names the right parent; or until `block`, which had
    /// it, is reorganised away. A watcher that does not see it in time reads L1 again.
    async fn wait_until_seen(&self, index: u64, block: Option<BlockRef>) -> Result<(), PosterError> {
        let started = Instant::now();
        let mut looked = started;
        while self.store.batch(index)?.is_none() {
            if started.elapsed() >= SEEN_TIME_MAX {
                self.signals.behind.notify_one();
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            if let Some(block) = block
                && looked.elapsed() >= self.config.interval
            {
                looked = Instant::now();
                let header = self.appender.client().header(block.number).await.map_err(AppendError::from)?;
                if header.is_none_or(|header| header.id != block) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// How the payload travels: if it can travel either way, as what waits in L1's pool does.
    async fn data(&self, job: &BatchJob) -> Result<AppendData, PosterError> {
        let payload = job.payload.clone();
        let is_open = self.config.data_mode == DataMode::Auto && payload.len() <= CALLDATA_BYTES_MAX;
        let pooled = match is_open {
            true => self.appender.submitter().pooled_kind().await.map_err(AppendError::from)?,
            false => None,
        };
        let prices = self.store.checkpoint_at_or_before(u64::MAX)?;
        let as_blobs = match pooled {
            Some(kind) => kind == PooledKind::Blobs,
            None => self.config.data_mode.is_blobs(payload.len(), prices.as_ref()),
        };
        Ok(if as_blobs { AppendData::Blobs(payload) } else { AppendData::Calldata(payload) })
    }

    /// Batches can only name stored checkpoints: stores one if the newest is old.
    async fn refresh_checkpoint(&mut self) -> Result<Round, PosterError> {
        let Some(l1_head) = self.store.l1_head()? else { return Ok(Round::Idle) };
        let age_s = self
            .store
            .checkpoint_at_or_before(u64::MAX)?
            .map(|newest| l1_head.timestamp.saturating_sub(newest.timestamp));
        if age_s.is_some_and(|age_s| age_s < self.config.checkpoint_age_s) {
            return Ok(Round::Idle);
        }
        let call = checkpoint::call(self.chain.inbox);
        match self.appender.submitter_mut().submit(call).await.map_err(AppendError::from)? {
            Outcome::Displaced { .. } | Outcome::Superseded { .. } => return Ok(Round::Moved),
            Outcome::Included(_) | Outcome::Reverted { .. } => {}
        }
        // The watcher has yet to see it; without the pause there would be another.
        Ok(Round::Idle)
    }
}

/// The append that makes a closed batch the one with this index, after a parent of this content.
pub fn append_of(job: &BatchJob, index: u64, parent_content_hash: B256, data: AppendData) -> Append {
    let BatchJob { queue_end, queue_hash, checkpoint, work_gas, .. } = *job;
    Append { index, parent_content_hash, queue_end, queue_hash, checkpoint, work_gas, data }
}

/// Whether the Inbox refuses a batch for a reason that time only makes worse: its checkpoint is too old or before its parent's (L1-CP-2), or it
/// leaves messages that became overdue while it waited (L1-BATCH-6).
fn is_hopeless(reason: Option<&InboxErrors>) -> bool {
    matches!(
        reason,
        Some(
            InboxErrors::Inbox_CheckpointTooOld(_)
                | InboxErrors::Inbox_CheckpointBeforeLast(_)
                | InboxErrors::Inbox_OverdueMessageLeft(_)
        )
    )
}

/// How long the bucket of L1-WORK-3 has to drain before it takes a batch that it refused, by L1's clock; none if it was not the bucket.
fn drain_time(reason: &InboxErrors) -> Option<Duration> {
    let (wanted, left, per_second) = match reason {
        InboxErrors::WorkMeter_WorkGasFull(full) => (full.workGas, full.left, WORK_GAS_PER_SECOND),
        InboxErrors::WorkMeter_BytesFull(full) => (full.postedBytes, full.left, BYTES_PER_SECOND),
        _ => return None,
    };
    let lacking: u64 = wanted.saturating_sub(left).saturating_to();
    Some(Duration::from_secs(lacking.div_ceil(per_second)))
}

#[cfg(test)]
mod tests {
    use alloy::primitives::U256;

    use super::*;
    use tandem_l1::bindings::Inbox;

    #[test]
    fn a_full_bucket_says_how_long_it_drains() {
        let (wanted, left) = (U256::from(100_000_001), U256::from(50_000_000));
        let work = InboxErrors::WorkMeter_WorkGasFull(Inbox::WorkMeter_WorkGasFull { workGas: wanted, left });
        assert_eq!(drain_time(&work), Some(Duration::from_secs(3)), "25 million a second");
        let (wanted, left) = (U256::from(126_976), U256::ZERO);
        let bytes = InboxErrors::WorkMeter_BytesFull(Inbox::WorkMeter_BytesFull { postedBytes: wanted, left });
        assert_eq!(drain_time(&bytes), Some(Duration::from_secs(2)));
        assert!(!is_hopeless(Some(&work)) && !is_hopeless(Some(&bytes)), "time makes it better");
        assert_eq!(drain_time(&InboxErrors::Inbox_NoBlobs(Inbox::Inbox_NoBlobs {})), None);
    }

    #[test]
    fn only_what_time_makes_worse_is_hopeless() {
        let old = Inbox::Inbox_CheckpointTooOld { timestamp: 1, maxAgeSeconds: 2 };
        let overdue = Inbox::Inbox_OverdueMessageLeft { index: 1 };
        let race = Inbox::Inbox_WrongIndex { expected: 1, actual: 2 };
        assert!(is_hopeless(Some(&InboxErrors::Inbox_CheckpointTooOld(old))));
        assert!(is_hopeless(Some(&InboxErrors::Inbox_OverdueMessageLeft(overdue))));
        assert!(!is_hopeless(Some(&InboxErrors::Inbox_WrongIndex(race))) && !is_hopeless(None));
    }
}
