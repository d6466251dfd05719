//! What L1 says, and how the chain follows: batches that landed, batches of others, reorganisations.

use alloy::primitives::B256;
use tandem_chain::{
    BatchHeader, Checkpoint, Derivation, Message, OutputFields, derive::L1Batch, message::queue_hash_after,
};
use tandem_store::BatchRecord;
use tracing::{info, warn};

use super::{Adoption, Engine, EngineError, L1Place, Landed, Landing};
use crate::evm;

/// L1 blocks beyond the old head in which a reorganised message may be queued again before blocks that consumed it are taken back.
const REQUEUE_BLOCKS: u64 = 16;

impl Engine {
    /// Blocks that L1 holds.
    fn safe_number(&self) -> Result<u64, EngineError> {
        Ok(self.store.last_batch()?.map_or(0, |batch| batch.last_block))
    }

    /// Records a batch of ours, unless it was posted so early by L1's clock that EVM-TIME-1 moves its blocks.
    pub(super) fn batch_landed(&mut self, landed: &Landed) -> Result<Landing, EngineError> {
        let missing = EngineError::BlockMissing { number: landed.last_block };
        let last_timestamp = self.store.header(landed.last_block)?.ok_or(missing)?.timestamp;
        if last_timestamp > landed.header.posted_at.saturating_add(self.chain.max_timestamp_drift) {
            warn!(
                index = landed.header.index,
                last_timestamp,
                posted_at = landed.header.posted_at,
                "a batch of ours was posted so early by L1's clock that its blocks are dated anew: set the machine's clock (NTP)"
            );
            return Ok(Landing::DatedOtherwise);
        }
        let mut output = self.output_at(landed.last_block)?;
        output.batch_hash = landed.header.hash();
        self.put_batch(landed.header, landed.checkpoint, output, landed.first_block, landed.last_block, landed.place)?;
        info!(
            index = landed.header.index,
            last_block = landed.last_block,
            l1_block = landed.place.number,
            "batch is on L1"
        );
        Ok(Landing::Recorded)
    }

    /// Derives a batch that this engine did not build, on top of the last batch that L1 holds.
    pub(super) fn foreign_batch(
        &mut self,
        batch: L1Batch,
        messages: Vec<Message>,
        place: L1Place,
    ) -> Result<Adoption, EngineError> {
        let header = batch.header;
        warn!(
            index = header.index,
            l1_block = place.number,
            "batch of another author on L1: re-sequencing on top of it"
        );
        let safe = self.safe_number()?;
        let mut derivation = match self.store.last_batch()? {
            Some(last) => Derivation::after(self.chain.clone(), &last.header),
            None => Derivation::genesis(self.chain.clone()),
        };
        let first_message = derivation.messages_known();
        for (index, message) in (first_message..).zip(messages) {
            if let Err(error) = derivation.enqueue(index, message) {
                warn!(%error, "message does not fit: L1 must be read again");
                return Ok(Adoption::DoesNotFit);
            }
        }
        let checkpoint = batch.checkpoint;
        let input = match derivation.next(batch) {
            Ok(input) => input,
            Err(error) => {
                warn!(%error, "batch does not fit: L1 must be read again");
                return Ok(Adoption::DoesNotFit);
            }
        };
        let previous = self.output_at(safe)?;
        let transition = evm::derive(&previous, &input, &self.store)?;
        self.rewind(safe)?;
        self.store.put_preimages(&transition.preimages)?;
        for block in &transition.blocks {
            self.store.append_block(block, &[])?;
        }
        self.load_head()?;
        self.put_batch(header, checkpoint, transition.output, safe + 1, self.execution.number(), place)?;
        self.check_continuity()?;
        self.reload_mempool()?;
        Ok(Adoption::Adopted)
    }

    pub(super) fn l1_reorg(&mut self, to: u64) -> Result<(), EngineError> {
        let old_head = self.store.l1_head()?.map_or(to, |head| head.number);
        self.reorg_deadline = Some(old_head.saturating_add(REQUEUE_BLOCKS).max(self.reorg_deadline.unwrap_or(0)));
        self.store.unwind_l1(to)?;
        self.check_continuity()
    }

    /// Messages that L1 has now, against those that blocks consumed before a reorganisation. Where they differ the blocks are taken back, and
    /// the answer is false.
    pub(super) fn check_messages(&mut self, messages: &[(u64, Message)]) -> Result<bool, EngineError> {
        for (index, message) in messages.iter().filter(|(index, _)| *index < self.queue_index) {
            let expected = evm::message_hash(*index, message);
            if self.store.transaction_place(expected)?.is_none() {
                warn!(index, "L1 replaced a message that blocks consumed: re-sequencing");
                self.resequence()?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes back blocks that name a checkpoint which a reorganisation of L1 removed: the Inbox will never take their batch.
    pub(super) fn check_checkpoints(&mut self) -> Result<(), EngineError> {
        let head = self.store.l1_head()?.map_or(0, |head| head.number);
        let safe = self.safe_number()?;
        let jobs = self.store.job_summaries()?;
        let unposted = jobs.iter().filter(|job| job.last_block > safe).map(|job| job.checkpoint);
        let closing = self.closing.iter().map(|closing| closing.batch.checkpoint);
        for checkpoint in unposted.chain(closing).chain(self.open.as_ref().map(|open| open.checkpoint)) {
            let is_read = checkpoint.number <= head;
            if is_read && self.store.checkpoint_at_or_before(checkpoint.number)? != Some(checkpoint) {
                warn!(number = checkpoint.number, "L1 lost a checkpoint that blocks name: re-sequencing");
                return self.resequence();
            }
        }
        Ok(())
    }

    /// Takes back blocks whose messages an L1 reorganisation removed for good: while they might come back, the blocks stay as promised.
    pub(super) fn check_missing_messages(&mut self) -> Result<(), EngineError> {
        let head = self.store.l1_head()?.map_or(0, |head| head.number);
        if self.queue_hash(self.queue_index)?.is_some() {
            self.reorg_deadline = None;
        } else if head >= *self.reorg_deadline.get_or_insert(head.saturating_add(REQUEUE_BLOCKS)) {
            warn!(queue_index = self.queue_index, "L1 lost messages that blocks consumed: re-sequencing without them");
            self.resequence()?;
        }
        Ok(())
    }

    /// Batches on L1, closed batches and the open one must follow each other without a gap; where they do not, what follows the gap is
    /// sequenced again.
    pub(super) fn check_continuity(&mut self) -> Result<(), EngineError> {
        let safe = self.safe_number()?;
        let jobs = self.store.job_summaries()?;
        let mut covered = safe;
        for job in jobs.iter().filter(|job| job.last_block > safe) {
            if job.first_block != covered + 1 || job.last_block > self.execution.number() {
                warn!(block = covered, "closed batches do not follow the last one on L1: re-sequencing");
                self.rewind(safe)?;
                return self.reload_mempool();
            }
            covered = job.last_block;
        }
        self.reload_open_batches(covered)
    }

    /// Takes everything after the last batch on L1 back and sequences it again.
    pub(super) fn resequence(&mut self) -> Result<(), EngineError> {
        let safe = self.safe_number()?;
        self.rewind(safe)?;
        self.reload_mempool()
    }

    /// Takes the chain back to block `to`; displaced transactions are in the journal then.
    pub(super) fn rewind(&mut self, to: u64) -> Result<(), EngineError> {
        self.forget_open_batches();
        self.publish_rewind(to)?;
        let displaced = self.store.unwind_blocks(to)?;
        self.load_head()?;
        info!(to, displaced_blocks = displaced.len(), "chain taken back");
        Ok(())
    }

    fn put_batch(
        &self,
        header: BatchHeader,
        checkpoint: Checkpoint,
        output: OutputFields,
        first_block: u64,
        last_block: u64,
        place: L1Place,
    ) -> Result<(), EngineError> {
        Ok(self.store.put_batch(&BatchRecord {
            header,
            output,
            first_block,
            last_block,
            l1_number: place.number,
            l1_hash: place.hash,
            l1_tx: place.transaction,
            checkpoint,
        })?)
    }

    /// The output after block `number`, but for the batch hash, which only L1 knows.
    pub(super) fn output_at(&self, number: u64) -> Result<OutputFields, EngineError> {
        Ok(evm::output_at(&self.chain, &self.store, number)?)
    }

    /// Messages from `first` to before `end`; none while one of them is not in the store, as after an L1 reorganisation.
    pub(super) fn consumed_messages(&self, first: u64, end: u64) -> Result<Option<Vec<Message>>, EngineError> {
        (first..end).map(|index| Ok(self.store.message(index)?.map(|(message, _)| message))).collect()
    }

    /// The queue's hash at `end`, from the last batch on L1 on; none while a message before is not in the store.
    pub(super) fn queue_hash(&self, end: u64) -> Result<Option<B256>, EngineError> {
        let (mut hash, first) = match self.store.last_batch()? {
            Some(batch) => (batch.header.queue_hash, batch.header.queue_end),
            None => (B256::ZERO, 0),
        };
        for index in first..end {
            let Some((message, _)) = self.store.message(index)? else { return Ok(None) };
            hash = queue_hash_after(hash, message.hash());
        }
        Ok(Some(hash))
    }
}
