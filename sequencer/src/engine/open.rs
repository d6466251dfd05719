//! Opening and closing batches.

use std::{cell::RefCell, time::Duration};

use alloy::primitives::{Address, B256};
use tandem_chain::{BatchHeader, BatchInput, Checkpoint, DataKind, OutputFields, StateMachine, batch::calldata_hash};
use tandem_evm::{Evm, WorldState};
use tandem_store::BatchJob;
use tracing::{debug, info, warn};

use super::{Engine, EngineError, OpenBatch};

/// Where the start of the open batch is kept across restarts.
const OPEN_BATCH: &str = "engine/open_batch";
/// Where the number of the next job is kept.
const NEXT_JOB: &str = "engine/next_job";

/// Where the open batch starts: without it, blocks after the last closed batch are not ours to post.
#[derive(serde::Deserialize, serde::Serialize)]
struct OpenRecord {
    first_block: u64,
    checkpoint: Checkpoint,
}

/// What the open batch still has room for, while a block is built.
#[derive(Debug)]
pub(super) struct Quota {
    pub checkpoint: Checkpoint,
    pub first_of_batch: bool,
    pub work_gas_left: u64,
    bytes_left: usize,
    spent_bytes: usize,
    transactions_left: u64,
    messages_left: u64,
    message_gas_left: u64,
}

impl Quota {
    /// Whether a transaction of so many bytes fits.
    pub fn fits(&self, bytes: usize) -> bool {
        bytes <= self.bytes_left
    }

    /// Bounds of what was taken.
    pub fn spent_bytes(&self) -> usize {
        self.spent_bytes
    }

    /// Whether no transaction at all fits.
    pub fn is_spent(&self) -> bool {
        self.transactions_left == 0 || self.work_gas_left < tandem_evm::block::MIN_WORK_GAS
    }

    /// Takes one transaction's share.
    pub fn spend(&mut self, bytes: usize, work: u64) {
        self.bytes_left = self.bytes_left.saturating_sub(bytes);
        self.spent_bytes += bytes;
        self.work_gas_left = self.work_gas_left.saturating_sub(work);
        self.transactions_left = self.transactions_left.saturating_sub(1);
    }

    /// Takes one message's share, if there is room (L1-BATCH-6).
    pub fn take_message(&mut self, gas_limit: u64) -> bool {
        if self.messages_left == 0 || gas_limit > self.message_gas_left {
            return false;
        }
        self.messages_left -= 1;
        self.message_gas_left -= gas_limit;
        true
    }
}

impl Engine {
    /// The open batch's room, after opening one if need be. None while L1 offers no checkpoint that could be named.
    pub(super) fn open_batch(&mut self) -> Result<Option<Quota>, EngineError> {
        if self.open.is_none() {
            let Some(checkpoint) = self.next_checkpoint()? else { return Ok(None) };
            let first_block = self.head.number + 1;
            let encoded = serde_json::to_vec(&OpenRecord { first_block, checkpoint })
                .map_err(|_| EngineError::MetaUnreadable { key: OPEN_BATCH })?;
            self.store.put_meta(OPEN_BATCH, &encoded)?;
            let opened = self.time.clock.moment();
            self.open = Some(OpenBatch::new(&self.chain, checkpoint, first_block, opened));
        }
        let (chain, policy) = (&self.chain, &self.config.batch);
        Ok(self.open.as_mut().map(|open| Quota {
            checkpoint: open.checkpoint,
            first_of_batch: open.block_count() == 0,
            work_gas_left: open.work_gas_left,
            bytes_left: open.bytes_left(chain, policy),
            spent_bytes: 0,
            transactions_left: chain.max_transactions_per_batch.saturating_sub(open.transaction_count),
            messages_left: chain.max_messages_per_batch.saturating_sub(open.message_count),
            message_gas_left: chain.max_message_gas_per_batch.saturating_sub(open.message_gas),
        }))
    }

    /// The newest checkpoint that is deep enough on L1, young enough, and not older than the one before (L1-CP-2).
    pub(super) fn next_checkpoint(&self) -> Result<Option<Checkpoint>, EngineError> {
        let Some(l1_head) = self.store.l1_head()? else { return Ok(None) };
        let deep = l1_head.number.saturating_sub(self.config.l1_depth);
        let closed = self.store.last_job()?.map_or(0, |job| job.checkpoint.number);
        let landed = self.store.last_batch()?.map_or(0, |batch| batch.checkpoint.number);
        let previous = closed.max(landed);
        Ok(self.store.checkpoint_at_or_before(deep)?.filter(|checkpoint| {
            checkpoint.number >= previous
                && l1_head.timestamp.saturating_sub(checkpoint.timestamp) <= self.config.checkpoint_age_max_s
        }))
    }

    /// Forgets that a batch was open: before blocks are taken back, so that what replaces them is never mistaken for it.
    pub(super) fn forget_open_batch(&mut self) -> Result<(), EngineError> {
        self.open = None;
        Ok(self.store.put_meta(OPEN_BATCH, &[])?)
    }

    /// Rebuilds the open batch from the blocks after `last_closed`. Blocks there that no batch of ours was opened for, as those of another author's
    /// batch that L1 reorganised away or whose derivation a kill interrupted, are taken back.
    pub(super) fn reload_open_batch(&mut self, last_closed: u64) -> Result<(), EngineError> {
        self.open = None;
        if self.head.number == last_closed {
            return Ok(());
        }
        let record = self.store.meta(OPEN_BATCH)?.and_then(|bytes| serde_json::from_slice::<OpenRecord>(&bytes).ok());
        let Some(record) = record.filter(|record| record.first_block == last_closed + 1) else {
            warn!(block = last_closed, "blocks above belong to no batch: re-sequencing");
            self.rewind(last_closed)?;
            return self.reload_mempool();
        };
        // How long it was open before is not known; what its first block is dated tells, within bounds.
        let dated = self.store.header(record.first_block)?.map_or(0, |header| header.timestamp);
        let opened = self.time.moment_of(dated, Duration::from_millis(self.config.batch.age_max_ms));
        let mut open = OpenBatch::new(&self.chain, record.checkpoint, record.first_block, opened);
        for number in last_closed + 1..=self.head.number {
            open.push(&self.store.block(number)?.ok_or(EngineError::BlockMissing { number })?);
        }
        self.open = Some(open);
        Ok(())
    }

    pub(super) fn close_if_full(&mut self) -> Result<(), EngineError> {
        let (chain, policy) = (self.chain.clone(), self.config.batch);
        let full = |open: &mut OpenBatch| {
            open.is_full(&chain, &policy)
                || open.message_count >= chain.max_messages_per_batch
                || open.message_gas.saturating_add(tandem_chain::message::MESSAGE_GAS_MAX)
                    > chain.max_message_gas_per_batch
        };
        if self.open.as_mut().is_some_and(full) { self.close_batch("full") } else { Ok(()) }
    }

    pub(super) fn close_if_due(&mut self) -> Result<(), EngineError> {
        let Some(open) = self.open.as_ref().filter(|open| open.block_count() > 0) else { return Ok(()) };
        let age = self.time.clock.since(open.opened);
        let is_idle = open.transaction_count + open.message_count == 0;
        let due = if is_idle {
            age >= Duration::from_millis(self.config.idle_age_max_ms)
        } else {
            self.config.batch.is_due(age, self.l1_base_fee.saturating_to(), self.price.get())
        };
        if due { self.close_batch("due") } else { Ok(()) }
    }

    /// Encodes the batch, checks that it derives to the blocks that were promised, and leaves it to the submitter.
    pub(super) fn close_batch(&mut self, reason: &'static str) -> Result<(), EngineError> {
        let Some(first_block) = self.open.as_ref().map(|open| open.first_block) else { return Ok(()) };
        let previous = self.output_at(first_block - 1)?;
        let (Some(messages), Some(queue_hash)) =
            (self.consumed_messages(previous.queue_index)?, self.queue_hash(self.queue_index)?)
        else {
            debug!("batch stays open until L1's messages are read again after a reorganisation");
            return Ok(());
        };
        // L1 may have replaced one that the watcher has stored and not told of yet.
        let indexed: Vec<(u64, tandem_chain::Message)> = (previous.queue_index..).zip(messages.clone()).collect();
        if !self.check_messages(&indexed)? {
            return Ok(());
        }
        let Some(open) = self.open.take() else { return Ok(()) };
        let payload = self.encode(&open, &previous)?;
        self.check_derivation(&open, &previous, messages, queue_hash, payload.clone())?;
        let sequence = self.next_sequence()?;
        self.store.put_job(&BatchJob {
            sequence,
            first_block: open.first_block,
            last_block: self.head.number,
            checkpoint: open.checkpoint,
            queue_end: self.queue_index,
            queue_hash,
            payload: payload.clone().into(),
            tx: None,
        })?;
        info!(
            sequence,
            first_block = open.first_block,
            last_block = self.head.number,
            transactions = open.transaction_count,
            messages = open.message_count,
            payload_bytes = payload.len(),
            reason,
            "batch closed"
        );
        self.state.forget();
        self.closed.notify_one();
        Ok(())
    }

    /// The payload as it is posted, with the names that the address table gives at the state before the batch (EVM-PL-5).
    fn encode(&self, open: &OpenBatch, previous: &OutputFields) -> Result<Vec<u8>, EngineError> {
        let table = RefCell::new(WorldState::open(previous.state_root, &self.store));
        let failed = RefCell::new(None);
        let index_of = |address: &Address| {
            table.borrow_mut().table_index(*address).unwrap_or_else(|error| {
                failed.replace(Some(error));
                None
            })
        };
        let payload = open.encode(&self.chain, index_of)?;
        failed.into_inner().map_or(Ok(payload), |error| Err(error.into()))
    }

    fn check_derivation(
        &self,
        open: &OpenBatch,
        previous: &OutputFields,
        messages: Vec<tandem_chain::Message>,
        queue_hash: B256,
        payload: Vec<u8>,
    ) -> Result<(), EngineError> {
        let header = BatchHeader {
            index: 0,
            parent_hash: previous.batch_hash,
            data_kind: DataKind::Calldata,
            data_hash: calldata_hash(&payload),
            queue_end: self.queue_index,
            queue_hash,
            checkpoint_hash: open.checkpoint.hash(),
            config_hash: self.chain.hash(),
            posted_at: self.head.timestamp,
        };
        let input = BatchInput {
            header,
            config: self.chain.clone(),
            checkpoint: open.checkpoint,
            messages,
            payload: payload.into(),
        };
        let derived = Evm.transition(previous, &input, &self.store)?.output;
        if derived.last_block_hash == self.head_hash && derived.queue_index == self.queue_index {
            return Ok(());
        }
        Err(EngineError::DerivationDiffers {
            first_block: open.first_block,
            last_block: self.head.number,
            derived: derived.last_block_hash,
            sequenced: self.head_hash,
        })
    }

    fn next_sequence(&self) -> Result<u64, EngineError> {
        let unreadable = EngineError::MetaUnreadable { key: NEXT_JOB };
        let sequence = match self.store.meta(NEXT_JOB)? {
            None => 0,
            Some(bytes) => u64::from_be_bytes(bytes.as_slice().try_into().map_err(|_| unreadable)?),
        };
        self.store.put_meta(NEXT_JOB, &(sequence + 1).to_be_bytes())?;
        Ok(sequence)
    }
}
