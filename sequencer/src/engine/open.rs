//! Opening batches, and which are open: what a restart continues with.

use std::time::Duration;

use tandem_chain::{Checkpoint, message::MESSAGE_GAS_MAX};
use tracing::warn;

use super::{Engine, EngineError};
use crate::evm::OpenBatch;

/// While so many closed batches are not on L1, the open one closes only when it is full.
const UNPOSTED_YOUNG_MAX: usize = 8;
/// While so many closed batches are not on L1, blocks wait. L1's bucket takes one with six blobs every 12 seconds (L1-WORK-3): all of them are on L1
/// long before their checkpoints are too old for it (L1-CP-2, an hour at least).
const UNPOSTED_MAX: usize = 64;

impl Engine {
    /// Opens a batch unless one is open. False while L1 offers no checkpoint that could be named.
    pub(super) fn open_batch(&mut self) -> Result<bool, EngineError> {
        if self.open.is_some() {
            return Ok(true);
        }
        let checkpoint = self.next_checkpoint()?;
        self.troubles.has_checkpoint(self.time.clock.instant(), checkpoint.is_some());
        let Some(checkpoint) = checkpoint else { return Ok(false) };
        let opened = self.time.clock.moment();
        let open = OpenBatch::new(&self.chain, &self.config.batch, checkpoint, self.execution.number() + 1, opened);
        self.open = Some(open);
        Ok(true)
    }

    /// The newest checkpoint that is deep enough on L1, young enough, and not older than the one before (L1-CP-2).
    pub(super) fn next_checkpoint(&self) -> Result<Option<Checkpoint>, EngineError> {
        let Some(l1_head) = self.store.l1_head()? else { return Ok(None) };
        let deep = l1_head.number.saturating_sub(self.config.l1_depth);
        let closing = self.closing.back().map_or(0, |closing| closing.batch.checkpoint.number);
        let closed = self.store.last_job()?.map_or(0, |job| job.checkpoint.number);
        let landed = self.store.last_batch()?.map_or(0, |batch| batch.checkpoint.number);
        let previous = closing.max(closed).max(landed);
        Ok(self.store.checkpoint_at_or_before(deep)?.filter(|checkpoint| {
            checkpoint.number >= previous
                && l1_head.timestamp.saturating_sub(checkpoint.timestamp) <= self.config.checkpoint_age_max_s
        }))
    }

    /// Forgets the batches that are no jobs yet: the store forgets them when it takes their blocks back.
    pub(super) fn forget_open_batches(&mut self) {
        self.open = None;
        self.closing.clear();
    }

    /// Rebuilds the batches that are no jobs yet from the blocks after `last_closed`, unless they are at hand. Blocks there that no batch of ours
    /// was opened for, as those of another author's batch that L1 reorganised away or whose derivation a kill interrupted, are taken back.
    pub(super) fn reload_open_batches(&mut self, last_closed: u64) -> Result<(), EngineError> {
        let first = self.closing.front().map(|closing| closing.batch.first_block);
        if first.or(self.open.as_ref().map(|open| open.first_block)) == Some(last_closed + 1) {
            return Ok(());
        }
        self.forget_open_batches();
        let records = self.store.open_batches()?;
        let mut covered = last_closed;
        for record in records.into_iter().skip_while(|record| record.first_block <= last_closed) {
            let last_block = record.last_block.unwrap_or(self.execution.number());
            if covered == self.execution.number()
                || record.first_block != covered + 1
                || last_block > self.execution.number()
            {
                break;
            }
            let batch = self.rebuild(&record, last_block)?;
            match record.last_block {
                None => self.open = Some(batch),
                Some(_) => self.push_closing(batch, last_block, "closed before the restart")?,
            }
            covered = last_block;
        }
        if covered < self.execution.number() {
            warn!(block = covered, "blocks above belong to no batch: re-sequencing");
            self.rewind(last_closed)?;
            return self.reload_mempool();
        }
        Ok(())
    }

    fn rebuild(&self, record: &tandem_store::OpenBatchRecord, last_block: u64) -> Result<OpenBatch, EngineError> {
        // How long it was open before is not known; what its first block is dated tells, within bounds.
        let missing = EngineError::BlockMissing { number: record.first_block };
        let dated = self.store.header(record.first_block)?.ok_or(missing)?.timestamp;
        let opened = self.time.moment_of(dated, Duration::from_millis(self.config.batch.age_max_ms));
        let mut batch = OpenBatch::new(&self.chain, &self.config.batch, record.checkpoint, record.first_block, opened);
        for number in record.first_block..=last_block {
            batch.push(&self.store.block(number)?.ok_or(EngineError::BlockMissing { number })?)?;
        }
        Ok(batch)
    }

    /// Closes the open batch if it is full. False if blocks have to wait until it can be closed.
    pub(super) fn close_if_full(&mut self) -> Result<bool, EngineError> {
        let (messages_max, message_gas_max) = (self.chain.max_messages_per_batch, self.chain.max_message_gas_per_batch);
        let Some(open) = &mut self.open else { return Ok(true) };
        let is_full = open.is_full()
            || open.message_count >= messages_max
            || open.message_gas.saturating_add(MESSAGE_GAS_MAX) > message_gas_max;
        let has_room = !is_full || (self.unposted_count()? < UNPOSTED_MAX && self.close_batch("full")?);
        let unposted = if has_room { 0 } else { self.unposted_count()? };
        self.troubles.has_room(self.time.clock.instant(), has_room, self.closing.len(), unposted);
        Ok(has_room)
    }

    /// Closes the open batch if it is old enough, or old enough for L1's price.
    pub(super) fn close_if_due(&mut self) -> Result<(), EngineError> {
        let Some(open) = self.open.as_ref().filter(|open| open.block_count() > 0) else { return Ok(()) };
        let age = self.time.clock.since(open.opened);
        let is_idle = open.transaction_count + open.message_count == 0;
        let due = if is_idle {
            age >= Duration::from_millis(self.config.idle_age_max_ms)
        } else {
            self.config.batch.is_due(age, self.l1_base_fee.saturating_to(), self.price.get())
        };
        // One more would only wait with those that wait for L1, and would post more bytes by itself than what fills it later adds to it.
        if due && self.unposted_count()? < UNPOSTED_YOUNG_MAX {
            self.close_batch("due")?;
        }
        Ok(())
    }

    /// Closed batches that are not on L1.
    fn unposted_count(&self) -> Result<usize, EngineError> {
        let safe = self.store.last_batch()?.map_or(0, |batch| batch.last_block);
        Ok(self.store.job_summaries()?.iter().filter(|job| job.last_block > safe).count())
    }
}
