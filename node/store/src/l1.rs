//! What L1 taught, by L1 block, so that a reorganisation can be undone.

use crate::{
    L1BlockHead, L1BlockRecord, Marker, RowKey, Store, StoreError,
    records::L1Message,
    schema::{Checkpoints, L1Blocks, Markers, Messages, Settled, Table},
};
use tandem_chain::{Checkpoint, Message};

impl Store {
    /// Records an L1 block with its messages and checkpoints. Recording it again changes nothing.
    pub fn put_l1_block(&self, block: &L1BlockRecord) -> Result<(), StoreError> {
        let L1BlockRecord { number, hash, parent_hash, timestamp, messages, checkpoints } = block;
        let (number, hash, parent_hash, timestamp) = (*number, *hash, *parent_hash, *timestamp);
        let mut changes = self.changes();
        let head = L1BlockHead { number, hash, parent_hash, timestamp };
        changes.put::<L1Blocks>(&number, &head)?;
        for (index, message) in messages {
            let row = L1Message { l1_number: number, message: message.encode().into() };
            changes.put::<Messages>(index, &row)?;
        }
        if let Some(checkpoint) = checkpoints.last() {
            changes.put::<Checkpoints>(&number, &(*checkpoint).into())?;
        }
        changes.commit()
    }

    /// The last L1 block that was recorded.
    pub fn l1_head(&self) -> Result<Option<L1BlockHead>, StoreError> {
        Ok(self.last::<L1Blocks>()?.map(|(_, block)| block))
    }

    /// An L1 block that was recorded.
    pub fn l1_block(&self, number: u64) -> Result<Option<L1BlockHead>, StoreError> {
        self.get::<L1Blocks>(&number)
    }

    /// A message of the queue, and the number of the L1 block that queued it.
    pub fn message(&self, index: u64) -> Result<Option<(Message, u64)>, StoreError> {
        let Some(row) = self.get::<Messages>(&index)? else { return Ok(None) };
        match Message::decode(&row.message) {
            Ok(message) => Ok(Some((message, row.l1_number))),
            Err(error) => {
                Err(StoreError::Corrupt { table: Messages::NAME, key: index.encode().into(), reason: error.into() })
            }
        }
    }

    /// Number of messages in the queue.
    pub fn message_count(&self) -> Result<u64, StoreError> {
        Ok(self.last::<Messages>()?.map_or(0, |(index, _)| index.saturating_add(1)))
    }

    /// The newest checkpoint that L1 block `l1_number` or one before it stored.
    pub fn checkpoint_at_or_before(&self, l1_number: u64) -> Result<Option<Checkpoint>, StoreError> {
        let newest = self.scan_back::<Checkpoints>(&l1_number)?.next().transpose()?;
        Ok(newest.map(|(_, checkpoint)| checkpoint.into()))
    }

    /// The last L1 block that was processed to its end.
    pub fn l1_processed(&self) -> Result<Option<u64>, StoreError> {
        self.get::<Markers>(&Marker::L1Processed)
    }

    /// Records that an L1 block was processed to its end, and the batches after which the output is final since.
    pub fn finish_l1_block(&self, number: u64, settled: &[u64]) -> Result<(), StoreError> {
        let mut changes = self.changes();
        for index in settled {
            if !self.contains::<Settled>(index)? {
                changes.put::<Settled>(index, &number)?;
            }
        }
        changes.put::<Markers>(&Marker::L1Processed, &number)?;
        changes.commit()
    }

    /// Forgets what L1 blocks above `target` taught, batches and what became final included.
    pub fn unwind_l1(&self, target: u64) -> Result<(), StoreError> {
        let mut changes = self.changes();
        for row in self.scan_back::<L1Blocks>(&u64::MAX)? {
            let (number, _) = row?;
            if number <= target {
                break;
            }
            changes.delete::<L1Blocks>(&number)?;
        }
        for row in self.scan_back::<Checkpoints>(&u64::MAX)? {
            let (number, _) = row?;
            if number <= target {
                break;
            }
            changes.delete::<Checkpoints>(&number)?;
        }
        for row in self.scan_back::<Messages>(&u64::MAX)? {
            let (index, message) = row?;
            if message.l1_number <= target {
                break;
            }
            changes.delete::<Messages>(&index)?;
        }
        for row in self.scan_back::<Settled>(&u64::MAX)? {
            let (index, l1_number) = row?;
            if l1_number <= target {
                break;
            }
            changes.delete::<Settled>(&index)?;
        }
        self.remove_batches(&mut changes, |batch| batch.l1_number > target)?;
        if self.l1_processed()?.is_some_and(|processed| processed > target) {
            changes.put::<Markers>(&Marker::L1Processed, &target)?;
        }
        changes.commit()
    }
}
