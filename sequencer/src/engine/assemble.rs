//! Building blocks: when one is due, what goes in.

use std::{collections::BTreeSet, time::Duration};

use alloy::primitives::Address;
use tandem_evm::{BlockAttributes, BlockBuilder, EvmBlock, Rejected, Transaction, payload::bytes_max};
use tracing::debug;

use super::{Engine, EngineConfig, EngineError, HeadInfo, OpenBatch, open::Quota};
use tandem_evm::fees;

impl Engine {
    /// Does what is due once per block time: builds a block if there is something to put in or an empty one is due, and closes the batch if
    /// it is time.
    pub fn tick(&mut self) -> Result<(), EngineError> {
        if !self.synced {
            return Ok(());
        }
        self.time.warn_of_skew();
        self.close_if_due()?;
        let timestamp = self.time.now_s().max(self.head.timestamp);
        let base_fee = fees::base_fee(&self.head, timestamp, self.chain.min_base_fee);
        let message = self.next_message(self.queue_index)?;
        if message.is_none() && !self.mempool.has_executable(base_fee) && !self.is_empty_block_due() {
            return Ok(());
        }
        self.build_block(timestamp)
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
            let Some(number) = self.head.number.checked_sub(empty).filter(|number| *number > 0) else { return Ok(0) };
            let block = self.store.block(number)?.ok_or(EngineError::BlockMissing { number })?;
            if !is_empty(&block) {
                return Ok(self.config.confirmation_blocks - empty);
            }
        }
        Ok(0)
    }

    fn build_block(&mut self, timestamp: u64) -> Result<(), EngineError> {
        let Some(mut quota) = self.open_batch()? else { return Ok(()) };
        let attributes = BlockAttributes {
            timestamp: timestamp.max(quota.checkpoint.timestamp),
            checkpoint: quota.checkpoint,
            first_of_batch: quota.first_of_batch,
        };
        // Read before the builder borrows the state.
        let waiting = self.messages_within(&mut quota)?;
        let mut builder = BlockBuilder::begin(&self.chain, &self.head, self.head_hash, attributes, &mut self.state)?;
        let mut queue_index = self.queue_index;
        for message in &waiting {
            if !builder.push_message(queue_index, message)? {
                break;
            }
            queue_index += 1;
        }
        let mut invalid = Vec::new();
        let (mut batch_is_full, mut some_do_not_fit) = (false, false);
        let mut best = self.mempool.best(builder.base_fee());
        while let Some(transaction) = best.next() {
            if builder.gas_left() < tandem_evm::block::MIN_WORK_GAS || quota.is_spent() {
                break;
            }
            let bytes = bytes_max(transaction.transaction());
            if !quota.fits(bytes) {
                some_do_not_fit = true;
                continue;
            }
            match builder.push_transaction(transaction.clone(), quota.work_gas_left) {
                Ok(work) => {
                    quota.spend(bytes, work);
                    best.follow(&transaction);
                }
                Err(Rejected::State(error)) => return Err(error.into()),
                Err(Rejected::BatchFull { .. }) => batch_is_full = true,
                Err(Rejected::BlockFull { .. }) => {}
                Err(rejected) => {
                    debug!(hash = %transaction.transaction().hash(), %rejected, "transaction dropped");
                    invalid.push(*transaction.transaction().hash());
                }
            }
        }
        let (block, preimages) = builder.seal()?;
        self.store.append_block(&block, &preimages)?;
        self.adopt(&block);
        self.queue_index = queue_index;
        self.forget_executed(&block, &invalid)?;
        debug!(
            number = block.header.number,
            transactions = block.transactions.len(),
            gas_used = block.header.gas_used,
            "block built"
        );
        // What was added may turn out smaller than its bound, and make room; a little will not.
        batch_is_full |= some_do_not_fit && quota.spent_bytes() <= OpenBatch::measured_bytes_min(&self.config.batch);
        if batch_is_full { self.close_batch("full") } else { self.close_if_full() }
    }

    /// Makes a block that is in the store the head.
    pub(super) fn adopt(&mut self, block: &EvmBlock) {
        if let Some(open) = &mut self.open {
            open.push(block);
        }
        self.head = block.header.clone();
        self.head_hash = block.hash;
        self.head_since = self.time.clock.moment();
        self.confirmations_owed = match is_empty(block) {
            true => self.confirmations_owed.saturating_sub(1),
            false => self.config.confirmation_blocks,
        };
        self.head_sender.send_replace(HeadInfo { number: block.header.number, hash: block.hash });
    }

    /// Brings the mempool up to the block: its senders' nonces, and what turned out invalid.
    pub(super) fn forget_executed(
        &mut self,
        block: &EvmBlock,
        invalid: &[alloy::primitives::B256],
    ) -> Result<(), EngineError> {
        let mut gone = invalid.to_vec();
        let mut senders: BTreeSet<Address> = block.transactions.iter().map(Transaction::from).collect();
        senders.extend(invalid.iter().filter_map(|hash| self.mempool.remove(hash)));
        for sender in senders {
            // Others than the sender may have raised the nonce: authorisations, code that creates.
            let (nonce, _) = self.account(sender)?;
            gone.extend(self.mempool.advance(sender, nonce));
        }
        if !gone.is_empty() {
            self.store.journal_remove(&gone)?;
        }
        self.state.discard();
        Ok(())
    }

    /// The messages for the next block that the batch still has room for.
    fn messages_within(&self, quota: &mut Quota) -> Result<Vec<tandem_chain::Message>, EngineError> {
        let mut messages = Vec::new();
        let mut gas_left = self.chain.block_gas_limit.saturating_sub(tandem_evm::transaction::CHECKPOINT_GAS);
        let mut index = self.queue_index;
        while let Some(message) = self.next_message(index)? {
            if message.gas_limit > gas_left || !quota.take_message(message.gas_limit) {
                break;
            }
            gas_left -= message.gas_limit;
            index += 1;
            messages.push(message);
        }
        Ok(messages)
    }

    /// Message `index` of the queue, once enough L1 blocks lie on it.
    pub(super) fn next_message(&self, index: u64) -> Result<Option<tandem_chain::Message>, EngineError> {
        let Some((message, l1_number)) = self.store.message(index)? else { return Ok(None) };
        let l1_head = self.store.l1_head()?.map_or(0, |head| head.number);
        Ok((l1_number.saturating_add(self.config.l1_depth) <= l1_head).then_some(message))
    }
}

/// Whether nothing happened in a block that anybody asked for: at most a batch's checkpoint is in it.
fn is_empty(block: &EvmBlock) -> bool {
    block
        .transactions
        .iter()
        .all(|transaction| matches!(transaction, Transaction::Deposit(deposit) if deposit.is_system))
}
