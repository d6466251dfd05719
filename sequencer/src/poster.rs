//! The poster: brings closed batches to L1, one after the other, and keeps checkpoints fresh.
//!
//! Which batch is next follows from the store alone: the first closed one that no batch on L1 covers. The Inbox's compare-and-swap makes posting it
//! twice impossible; the transaction journal makes trying it twice rare.

use std::time::Duration;

use alloy::{
    primitives::{Address, B256, Bytes, TxKind},
    sol_types::{SolCall, SolInterface},
};
use tandem_chain::{ChainConfig, blob, derive::Policy};
use tandem_l1::{
    bindings::{AppendArgs, Inbox},
    submit::{FileJournal, L1Call, Outcome, SubmitError, Submitter},
};
use tandem_store::{BatchJob, Store, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::{data::DataMode, engine::EngineHandle, signals::Signals};

/// So many refusals in a row, and the watcher reads L1 again.
const REFUSALS_MAX: u32 = 8;

/// How the poster works.
#[derive(Clone, Copy, Debug)]
pub struct PosterConfig {
    /// How payloads travel.
    pub data_mode: DataMode,
    /// Looks again at least this often.
    pub interval: Duration,
    /// A new checkpoint is stored on L1 when the newest is this old, in seconds.
    pub checkpoint_age_s: u64,
}

/// What ends the poster.
#[derive(Debug, thiserror::Error)]
pub enum PosterError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine is gone.
    #[error("engine: {0}")]
    Engine(#[from] crate::engine::SubmitError),
    /// The key cannot post.
    #[error("cannot post to L1: {0}")]
    Submit(#[from] SubmitError),
}

/// See the module.
pub struct Poster {
    chain: ChainConfig,
    store: Store,
    engine: EngineHandle,
    submitter: Submitter<FileJournal>,
    config: PosterConfig,
    signals: Signals,
    /// Refusals in a row, which a batch that the watcher has not seen would explain.
    refusals: u32,
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
    ) -> Self {
        Self { chain, store, engine, submitter, config, signals, refusals: 0 }
    }

    /// Works until `cancel`.
    pub async fn run(mut self, cancel: CancellationToken) -> Result<(), PosterError> {
        let mut resume = true;
        loop {
            let work = async {
                if resume && let Some((call, outcome)) = self.submitter.resume().await? {
                    report(&call.purpose, &outcome);
                }
                self.post_next().await
            };
            let done = tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                done = work => done,
            };
            resume = match done {
                Ok(()) => false,
                Err(PosterError::Submit(error)) if error.policy() != Policy::Fatal => {
                    warn!(%error, "posting to L1 is delayed");
                    matches!(
                        error,
                        SubmitError::Late { .. }
                            | SubmitError::Pending { .. }
                            | SubmitError::Rpc(_)
                            | SubmitError::FeesTooHigh { .. }
                    )
                }
                Err(PosterError::Submit(error @ SubmitError::Underfunded { .. })) => {
                    error!(%error, "fund the sequencer's L1 account; batches wait meanwhile");
                    true
                }
                Err(error) => return Err(error),
            };
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                () = self.signals.changed.notified() => {}
                () = tokio::time::sleep(self.config.interval) => {}
            }
        }
    }

    /// Posts the next batch if one is closed; else stores a checkpoint if the newest is old.
    async fn post_next(&mut self) -> Result<(), PosterError> {
        let last = self.store.last_batch()?;
        let safe = last.as_ref().map_or(0, |batch| batch.last_block);
        let Some(job) = self.store.job_from(safe + 1)? else {
            return self.refresh_checkpoint().await;
        };
        let (index, parent_hash) = last.map_or((1, B256::ZERO), |batch| (batch.header.index + 1, batch.header.hash()));
        let call = self.append_call(index, parent_hash, &job)?;
        let outcome = self.submitter.submit(call).await;
        if let Err(SubmitError::Refused { data }) = &outcome {
            if is_hopeless(data) {
                warn!(index, %data, "the batch waited too long for the Inbox to take it: re-sequencing");
                return Ok(self.engine.resequence().await?);
            }
            warn!(index, %data, "Inbox refuses the batch: waiting for the watcher to see why");
            self.refusals += 1;
            if self.refusals.is_multiple_of(REFUSALS_MAX) {
                self.signals.behind.notify_one();
            }
            return Ok(());
        }
        self.refusals = 0;
        let outcome = outcome?;
        report("append", &outcome);
        if matches!(outcome, Outcome::Included(_)) {
            self.wait_until_seen(job.last_block).await?;
        }
        Ok(())
    }

    /// Waits until the watcher has recorded the batch, so that the next names the right parent; gives up after a while, as L1 may reorganise.
    async fn wait_until_seen(&self, last_block: u64) -> Result<(), StoreError> {
        for _ in 0..600 {
            if self.store.batch_of_block(last_block)?.is_some() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    fn append_call(&self, index: u64, parent_hash: B256, job: &BatchJob) -> Result<L1Call, StoreError> {
        let args = AppendArgs {
            index,
            parentHash: parent_hash,
            queueEnd: job.queue_end,
            queueHash: job.queue_hash,
            checkpoint: job.checkpoint.into(),
        };
        let to = TxKind::Call(self.chain.inbox);
        let prices = self.store.checkpoint_at_or_before(u64::MAX)?;
        Ok(if self.config.data_mode.is_blobs(job.payload.len(), prices.as_ref()) {
            let blobs = blob::pack(&job.payload).into_iter().map(Bytes::from).collect();
            let input = Inbox::appendBlobsCall { args }.abi_encode().into();
            L1Call { purpose: format!("batch {index} as blobs"), to, input, blobs, ..Default::default() }
        } else {
            let input = Inbox::appendCalldataCall { args, payload: job.payload.clone() }.abi_encode().into();
            L1Call { purpose: format!("batch {index} as calldata"), to, input, ..Default::default() }
        })
    }

    /// Batches can only name stored checkpoints: stores one if the newest is old.
    async fn refresh_checkpoint(&mut self) -> Result<(), PosterError> {
        let Some(l1_head) = self.store.l1_head()? else { return Ok(()) };
        let age_s = self
            .store
            .checkpoint_at_or_before(u64::MAX)?
            .map(|newest| l1_head.timestamp.saturating_sub(newest.timestamp));
        if age_s.is_some_and(|age_s| age_s < self.config.checkpoint_age_s) {
            return Ok(());
        }
        let input = Inbox::checkpointCall {}.abi_encode().into();
        let call =
            L1Call { purpose: "checkpoint".into(), to: TxKind::Call(self.chain.inbox), input, ..Default::default() };
        report("checkpoint", &self.submitter.submit(call).await?);
        Ok(())
    }

    /// The account that posts.
    pub fn account(&self) -> Address {
        self.submitter.account()
    }
}

/// Whether the Inbox refuses a batch for a reason that time only makes worse: its checkpoint is too old or before its parent's (L1-CP-2), or it
/// leaves messages that became overdue while it waited (L1-BATCH-6).
fn is_hopeless(revert_data: &[u8]) -> bool {
    matches!(
        Inbox::InboxErrors::abi_decode(revert_data),
        Ok(Inbox::InboxErrors::Inbox_CheckpointTooOld(_)
            | Inbox::InboxErrors::Inbox_CheckpointBeforeLast(_)
            | Inbox::InboxErrors::Inbox_OverdueMessageLeft(_))
    )
}

/// Tells what an operator must know; the submitter itself tells of successes.
fn report(purpose: &str, outcome: &Outcome) {
    match outcome {
        Outcome::Included(_) => {}
        Outcome::Reverted { receipt, data } => {
            warn!(purpose, transaction = %receipt.transaction_hash, %data, "reverted on L1: somebody else was first, or L1 reorganised");
        }
        Outcome::Displaced { nonce } => {
            error!(purpose, nonce, "the sequencer's L1 key is used by another process: stop one of them")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::sol_types::SolError;

    #[test]
    fn only_what_time_makes_worse_is_hopeless() {
        let old = Inbox::Inbox_CheckpointTooOld { timestamp: 1, maxAgeSeconds: 2 }.abi_encode();
        let overdue = Inbox::Inbox_OverdueMessageLeft { index: 1 }.abi_encode();
        let race = Inbox::Inbox_WrongIndex { expected: 1, actual: 2 }.abi_encode();
        assert!(is_hopeless(&old) && is_hopeless(&overdue));
        assert!(!is_hopeless(&race) && !is_hopeless(&[]));
    }
}
