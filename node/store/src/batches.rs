//! Batches on L1, what of them is final, and batches on their way there.

use crate::{
    BatchJob, BatchRecord, JobSummary, Marker, OpenBatchRecord, Store, StoreError,
    changes::Changes,
    schema::{BatchEnds, Batches, JobPayloads, Jobs, Markers, OpenBatches, ScanStarts, Settled, Table},
    store::Order,
};

impl Store {
    /// Records a batch that L1 holds.
    pub fn put_batch(&self, batch: &BatchRecord) -> Result<(), StoreError> {
        let mut changes = self.changes();
        write_batch(&mut changes, batch)?;
        changes.commit()
    }

    /// Records a batch that a replica derived, and the L1 block from which it reads on.
    pub fn put_derived_batch(&self, batch: &BatchRecord, scan_from_block: u64) -> Result<(), StoreError> {
        let mut changes = self.changes();
        write_batch(&mut changes, batch)?;
        changes.put::<ScanStarts>(&batch.header.index, &scan_from_block)?;
        changes.commit()
    }

    /// The L1 block from which a replica reads on after a batch, which it has derived.
    pub fn scan_start(&self, index: u64) -> Result<u64, StoreError> {
        let missing = StoreError::MissingRow { table: ScanStarts::NAME, number: index };
        self.get::<ScanStarts>(&index)?.ok_or(missing)
    }

    /// A batch by index.
    pub fn batch(&self, index: u64) -> Result<Option<BatchRecord>, StoreError> {
        self.get::<Batches>(&index)
    }

    /// The last batch that L1 holds.
    pub fn last_batch(&self) -> Result<Option<BatchRecord>, StoreError> {
        Ok(self.last::<Batches>()?.map(|(_, batch)| batch))
    }

    /// The batch on L1 that holds a block; none for genesis and for blocks not on L1.
    pub fn batch_of_block(&self, number: u64) -> Result<Option<BatchRecord>, StoreError> {
        let end = self.scan::<BatchEnds>(&number, Order::Ascending)?.next().transpose()?;
        let Some((_, index)) = end else { return Ok(None) };
        let missing = StoreError::MissingRow { table: Batches::NAME, number: index };
        let batch = self.batch(index)?.ok_or(missing)?;
        Ok(Some(batch).filter(|batch| batch.first_block <= number))
    }

    /// Forgets the batches above index `target`.
    pub fn unwind_batches(&self, target: u64) -> Result<(), StoreError> {
        let mut changes = self.changes();
        self.remove_batches(&mut changes, |batch| batch.header.index > target)?;
        changes.commit()
    }

    /// Removes the last batches, as long as `is_void` says so, with all that is known of them.
    pub(crate) fn remove_batches(
        &self,
        changes: &mut Changes,
        is_void: impl Fn(&BatchRecord) -> bool,
    ) -> Result<(), StoreError> {
        for row in self.scan_back::<Batches>(&u64::MAX)? {
            let (index, batch) = row?;
            if !is_void(&batch) {
                break;
            }
            changes.delete::<Batches>(&index)?;
            changes.delete::<ScanStarts>(&index)?;
            changes.delete::<Settled>(&index)?;
            if batch.first_block <= batch.last_block {
                changes.delete::<BatchEnds>(&batch.last_block)?;
            }
        }
        Ok(())
    }

    /// The last batch after which the output is final on L1.
    pub fn last_settled(&self) -> Result<Option<BatchRecord>, StoreError> {
        let Some((index, _)) = self.last::<Settled>()? else { return Ok(None) };
        let missing = StoreError::MissingRow { table: Batches::NAME, number: index };
        self.batch(index)?.ok_or(missing).map(Some)
    }

    /// The batches of this sequencer that are not closed, in order.
    pub fn open_batches(&self) -> Result<Vec<OpenBatchRecord>, StoreError> {
        self.all::<OpenBatches>()?.map(|row| Ok(row?.1)).collect()
    }

    /// Records where an open batch ends, or that it is open. With its first block: see [`Self::append_first_block`].
    pub fn put_open_batch(&self, batch: &OpenBatchRecord) -> Result<(), StoreError> {
        let mut changes = self.changes();
        changes.put::<OpenBatches>(&batch.first_block, batch)?;
        changes.commit()
    }

    /// Records a closed batch in place of the open one, under the counter's next number, which is returned.
    pub fn add_job(&self, mut job: BatchJob) -> Result<u64, StoreError> {
        job.sequence = self.get::<Markers>(&Marker::NextJob)?.unwrap_or_default();
        let mut changes = self.changes();
        changes.put::<Jobs>(&job.sequence, &job.summary())?;
        changes.put::<JobPayloads>(&job.sequence, &job.payload)?;
        changes.put::<Markers>(&Marker::NextJob, &job.sequence.saturating_add(1))?;
        changes.delete::<OpenBatches>(&job.first_block)?;
        changes.commit()?;
        Ok(job.sequence)
    }

    /// Forgets the batches of this sequencer that are not on L1 and hold blocks above `target`.
    pub(crate) fn remove_own_batches(&self, changes: &mut Changes, target: u64) -> Result<(), StoreError> {
        for open in self.open_batches()? {
            if open.last_block.is_none_or(|last| last > target) {
                changes.delete::<OpenBatches>(&open.first_block)?;
            }
        }
        for job in self.job_summaries()?.iter().filter(|job| job.last_block > target) {
            changes.delete::<Jobs>(&job.sequence)?;
            changes.delete::<JobPayloads>(&job.sequence)?;
        }
        Ok(())
    }

    /// The closed batches, in order, without their payloads.
    pub fn job_summaries(&self) -> Result<Vec<JobSummary>, StoreError> {
        self.all::<Jobs>()?.map(|row| Ok(row?.1)).collect()
    }

    /// The closed batches, in order. Reads every payload: see [`Self::job_summaries`] and [`Self::job_from`].
    pub fn jobs(&self) -> Result<Vec<BatchJob>, StoreError> {
        self.job_summaries()?.into_iter().map(|job| self.with_payload(job)).collect()
    }

    /// The closed batch that begins with a block. Of several, the first: it was closed first.
    pub fn job_from(&self, first_block: u64) -> Result<Option<BatchJob>, StoreError> {
        let found = self.job_summaries()?.into_iter().find(|job| job.first_block == first_block);
        found.map(|job| self.with_payload(job)).transpose()
    }

    fn with_payload(&self, job: JobSummary) -> Result<BatchJob, StoreError> {
        let missing = StoreError::MissingRow { table: JobPayloads::NAME, number: job.sequence };
        let payload = self.get::<JobPayloads>(&job.sequence)?.ok_or(missing)?;
        Ok(job.with_payload(payload))
    }

    /// The batch that was closed last, of those that are not forgotten; without its payload.
    pub fn last_job(&self) -> Result<Option<JobSummary>, StoreError> {
        Ok(self.last::<Jobs>()?.map(|(_, job)| job))
    }

    /// Forgets a closed batch.
    pub fn remove_job(&self, sequence: u64) -> Result<(), StoreError> {
        let mut changes = self.changes();
        changes.delete::<Jobs>(&sequence)?;
        changes.delete::<JobPayloads>(&sequence)?;
        changes.commit()
    }
}

fn write_batch(changes: &mut Changes, batch: &BatchRecord) -> Result<(), StoreError> {
    changes.put::<Batches>(&batch.header.index, batch)?;
    if batch.first_block <= batch.last_block {
        changes.put::<BatchEnds>(&batch.last_block, &batch.header.index)?;
    }
    Ok(())
}
