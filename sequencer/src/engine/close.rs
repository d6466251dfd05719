//! When the open batch ends, what is ordered of the closer, and what becomes of a closed batch.

use std::sync::Arc;

use tandem_chain::Message;
use tandem_store::BatchJob;
use tracing::info;

use super::{
    Engine, EngineError,
    closer::{Closed, Closing, Order},
};
use crate::evm::OpenBatch;

/// Batches that may wait for the closer. Their blocks are in memory; with so many, blocks wait too.
const CLOSING_MAX: usize = 4;

impl Engine {
    /// Decides that the open batch ends with the head. Says whether it did: not while too many batches are on their way.
    pub(super) fn close_batch(&mut self, reason: &'static str) -> Result<bool, EngineError> {
        if self.closing.len() >= CLOSING_MAX {
            return Ok(false);
        }
        let Some(open) = self.open.take() else { return Ok(false) };
        let last_block = self.execution.number();
        let record = tandem_store::OpenBatchRecord { last_block: Some(last_block), ..open.record() };
        self.store.put_open_batch(&record)?;
        self.push_closing(open, last_block, reason)?;
        self.execution.forget();
        self.order_closings()?;
        Ok(true)
    }

    /// A batch ends with block `last_block`.
    pub(super) fn push_closing(
        &mut self,
        batch: OpenBatch,
        last_block: u64,
        reason: &'static str,
    ) -> Result<(), EngineError> {
        let missing = EngineError::BlockMissing { number: last_block };
        let Some(header) = self.store.header(last_block)? else { return Err(missing) };
        let Some(last_hash) = self.store.block_hash(last_block)? else { return Err(missing) };
        let Some(queue_end) = self.store.queue_index_after(last_block)? else { return Err(missing) };
        let (batch, timestamp) = (Arc::new(batch), header.timestamp);
        self.closing.push_back(Closing { batch, last_block, last_hash, timestamp, queue_end, reason, order: None });
        Ok(())
    }

    /// Hands closing batches to the closer. After an L1 reorganisation they wait until their messages are read again.
    pub(super) fn order_closings(&mut self) -> Result<(), EngineError> {
        for place in 0..self.closing.len() {
            // The chain may be taken back on the way, and with it what was closing.
            let Some(closing) = self.closing.get(place) else { break };
            if closing.order.is_some() {
                continue;
            }
            let (first_block, queue_end) = (closing.batch.first_block, closing.queue_end);
            let previous = self.output_at(first_block - 1)?;
            let Some(messages) = self.consumed_messages(previous.queue_index, queue_end)? else { break };
            let Some(queue_hash) = self.queue_hash(queue_end)? else { break };
            // L1 may have replaced one that the watcher has stored and not told of yet.
            let indexed: Vec<(u64, Message)> = (previous.queue_index..).zip(messages.clone()).collect();
            if !self.check_messages(&indexed)? {
                break;
            }
            if let Some(closing) = self.closing.get_mut(place) {
                let Closing { last_block, last_hash, timestamp, .. } = *closing;
                let batch = closing.batch.clone();
                let order =
                    Order { batch, last_block, last_hash, timestamp, previous, messages, queue_end, queue_hash };
                self.closer.order(closing.order.insert(Arc::new(order)));
            }
        }
        Ok(())
    }

    /// Makes jobs of what the closer has done.
    pub(super) fn adopt_closed(&mut self) -> Result<(), EngineError> {
        while let Some(Closed { last_hash, payload }) = self.closer.take()? {
            // It works in order. What is not awaited was taken back meanwhile.
            let Some(closing) = self.closing.pop_front_if(|closing| closing.last_hash == last_hash) else { continue };
            let Some(order) = closing.order else { continue };
            let payload = payload?;
            let payload_bytes = payload.len();
            let Order { batch, last_block, queue_end, queue_hash, .. } = &*order;
            let sequence = self.store.add_job(BatchJob {
                sequence: 0,
                first_block: batch.first_block,
                last_block: *last_block,
                checkpoint: batch.checkpoint,
                queue_end: *queue_end,
                queue_hash: *queue_hash,
                work_gas: batch.work_gas(),
                payload: payload.into(),
            })?;
            info!(
                sequence,
                first_block = batch.first_block,
                last_block,
                transactions = batch.transaction_count,
                messages = batch.message_count,
                payload_bytes,
                work_gas = batch.work_gas(),
                reason = closing.reason,
                "batch closed"
            );
            self.closed.notify_one();
        }
        Ok(())
    }
}
