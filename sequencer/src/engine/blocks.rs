//! When a block is due, and what becomes of the chain when it is built.

use std::time::Duration;

use tandem_chain::Message;
use tandem_evm::EvmBlock;
use tracing::debug;

use super::{Engine, EngineConfig, EngineError, HeadInfo};
use crate::{
    evm::{self, Built},
    sync_state::SyncState,
};

/// The last block of a batch, and the first of the next.
const BLOCKS_PER_TICK_MAX: usize = 2;

impl Engine {
    /// Does what is due once per block time: builds a block if there is something to put in or an empty one is due, and closes the batch if it
    /// is time.
    pub fn tick(&mut self) -> Result<(), EngineError> {
        self.order_closings()?;
        self.adopt_closed()?;
        if *self.sync.borrow() == SyncState::Reading {
            return Ok(());
        }
        self.time.warn_of_skew();
        self.expire_waiting()?;
        self.close_if_due()?;
        // A block that the batch's end cut short is followed by the next batch's first one.
        for _ in 0..BLOCKS_PER_TICK_MAX {
            if !self.close_if_full()? || !self.is_block_due()? || !self.build_block()? {
                break;
            }
        }
        Ok(())
    }

    fn is_block_due(&self) -> Result<bool, EngineError> {
        let (timestamp, checkpoint) = (self.next_timestamp(), self.fee_checkpoint()?);
        let base_fee = self.execution.base_fee(timestamp, &checkpoint);
        Ok(self.mempool.has_executable(base_fee)
            || self.is_block_wanted
            || self.is_empty_block_due()
            || self.next_message(self.queue_index)?.is_some())
    }

    /// What a block that is built now is dated, its checkpoint aside.
    pub(super) fn next_timestamp(&self) -> u64 {
        self.time.now_s().max(self.execution.timestamp())
    }

    /// Whether it is time for a block although there is nothing to put in.
    fn is_empty_block_due(&self) -> bool {
        let EngineConfig { heartbeat_ms, confirmation_time_ms, .. } = self.config;
        let wait_ms = if self.confirmations_owed > 0 { confirmation_time_ms.min(heartbeat_ms) } else { heartbeat_ms };
        self.time.clock.since(self.head_since) >= Duration::from_millis(wait_ms)
    }

    /// Empty blocks that must follow the head so that as many as promised follow the last block that is not empty.
    pub(super) fn count_confirmations_owed(&self) -> Result<u64, EngineError> {
        for empty in 0..self.config.confirmation_blocks {
            let Some(number) = self.execution.number().checked_sub(empty).filter(|number| *number > 0) else {
                return Ok(0);
            };
            let block = self.store.block(number)?.ok_or(EngineError::BlockMissing { number })?;
            if !evm::is_empty(&block) {
                return Ok(self.config.confirmation_blocks - empty);
            }
        }
        Ok(0)
    }

    /// Builds a block. Says whether the end of the batch cut it short.
    fn build_block(&mut self) -> Result<bool, EngineError> {
        if !self.open_batch()? {
            return Ok(false);
        }
        let messages = self.messages_within()?;
        let prices = self.store.checkpoint_at_or_before(u64::MAX)?;
        let timestamp = self.next_timestamp();
        let transaction_bytes_max = self.config.batch.transaction_bytes_max(&self.chain);
        let Some(open) = &mut self.open else { return Ok(false) };
        open.set_prices(&self.config.batch, prices.as_ref());
        let messages = (self.queue_index, messages.as_slice());
        let built = self.execution.build(open, timestamp, messages, &self.mempool, transaction_bytes_max)?;
        let Built { block, preimages, dropped, is_cut_short } = built;
        match open.block_count() {
            0 => self.store.append_first_block(&block, &preimages, &open.record())?,
            _ => self.store.append_block(&block, &preimages)?,
        }
        self.adopt(&block)?;
        self.queue_index = self.queue_index.saturating_add(block.message_count);
        self.forget_executed(&block, dropped)?;
        debug!(
            number = block.header.number,
            transactions = block.transactions.len(),
            gas_used = block.header.gas_used,
            "block built"
        );
        self.close_if_full()?;
        Ok(is_cut_short)
    }

    /// Makes a block that is in the store the head.
    fn adopt(&mut self, block: &EvmBlock) -> Result<(), EngineError> {
        if let Some(open) = &mut self.open {
            open.end_block(block)?;
        }
        self.execution.adopt(block);
        self.head_since = self.time.clock.moment();
        self.is_block_wanted = false;
        self.confirmations_owed = match evm::is_empty(block) {
            true => self.confirmations_owed.saturating_sub(1),
            false => self.config.confirmation_blocks,
        };
        self.head_sender.send_replace(HeadInfo { number: block.header.number, hash: block.hash });
        Ok(())
    }

    /// The messages for the next block that the open batch still has room for (L1-BATCH-6).
    fn messages_within(&self) -> Result<Vec<Message>, EngineError> {
        let Some(open) = &self.open else { return Ok(Vec::new()) };
        let count_left = self.chain.max_messages_per_batch.saturating_sub(open.message_count);
        let batch_gas_left = self.chain.max_message_gas_per_batch.saturating_sub(open.message_gas);
        let mut gas_left = evm::message_gas_max(&self.chain).min(batch_gas_left);
        let mut messages = Vec::new();
        for index in (self.queue_index..).take(usize::try_from(count_left).unwrap_or(usize::MAX)) {
            let Some(message) = self.next_message(index)? else { break };
            let Some(rest) = gas_left.checked_sub(message.gas_limit) else { break };
            gas_left = rest;
            messages.push(message);
        }
        Ok(messages)
    }

    /// Message `index` of the queue, once enough L1 blocks lie on it.
    pub(super) fn next_message(&self, index: u64) -> Result<Option<Message>, EngineError> {
        let Some((message, l1_number)) = self.store.message(index)? else { return Ok(None) };
        let l1_head = self.store.l1_head()?.map_or(0, |head| head.number);
        Ok((l1_number.saturating_add(self.config.l1_depth) <= l1_head).then_some(message))
    }
}
