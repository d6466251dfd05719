//! Batches on L1, batches on their way there, archived payloads, and small values of components.

use crate::{
    BatchJob, BatchRecord, JobSummary, Store, StoreError,
    schema::{BatchEnds, Batches, JobPayloads, Jobs, Meta, Payloads, Table},
    store::Order,
};
use alloy_primitives::{B256, Bytes};

impl Store {
    /// Records a batch that L1 holds.
    pub fn put_batch(&self, batch: &BatchRecord) -> Result<(), StoreError> {
        let mut changes = self.changes();
        changes.put::<Batches>(&batch.header.index, batch)?;
        if batch.first_block <= batch.last_block {
            changes.put::<BatchEnds>(&batch.last_block, &batch.header.index)?;
        }
        changes.commit()
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
        for row in self.scan_back::<Batches>(&u64::MAX)? {
            let (index, batch) = row?;
            if index <= target {
                break;
            }
            changes.delete::<Batches>(&index)?;
            if batch.first_block <= batch.last_block {
                changes.delete::<BatchEnds>(&batch.last_block)?;
            }
        }
        changes.commit()
    }

    /// Records a closed batch, or what became of it.
    pub fn put_job(&self, job: &BatchJob) -> Result<(), StoreError> {
        let mut changes = self.changes();
        changes.put::<Jobs>(&job.sequence, &job.summary())?;
        changes.put::<JobPayloads>(&job.sequence, &job.payload)?;
        changes.commit()
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

    /// Forgets all closed batches.
    pub fn remove_all_jobs(&self) -> Result<(), StoreError> {
        let mut changes = self.changes();
        for job in self.job_summaries()? {
            changes.delete::<Jobs>(&job.sequence)?;
            changes.delete::<JobPayloads>(&job.sequence)?;
        }
        changes.commit()
    }

    /// Archives a payload's parts (blobs, or the calldata payload) under the batch's data hash.
    pub fn put_payload(&self, data_hash: B256, parts: &[Bytes]) -> Result<(), StoreError> {
        let mut changes = self.changes();
        changes.put::<Payloads>(&data_hash, &parts.to_vec())?;
        changes.commit()
    }

    /// An archived payload's parts.
    pub fn payload(&self, data_hash: B256) -> Result<Option<Vec<Bytes>>, StoreError> {
        self.get::<Payloads>(&data_hash)
    }

    /// Sets a component's value.
    pub fn put_meta(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        let mut changes = self.changes();
        changes.put_encoded::<Meta>(name.as_bytes(), value)?;
        changes.commit()
    }

    /// A component's value.
    pub fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.get::<Meta>(&name.to_owned())?.map(Vec::from))
    }
}
