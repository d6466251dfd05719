//! The batch under construction: what it holds, and how large it will be.
//!
//! Its size is bounded from above at all times, so that a closed batch always fits L1: the columns are written as transactions come, and know
//! what they take without compression. Where that is too much they are compressed, and count as measured, plus the loose bounds of everything
//! added since: what is added may make the rest compress worse. Measuring is repeated while it gains room, a few times in a batch's life.
//! Columns, and what the decoder charges, stay below its cap: what compresses well would else grow into a batch that fits L1 and that no node
//! decodes.

use alloy::primitives::Address;
use tandem_chain::{ChainConfig, Checkpoint, batch::CALLDATA_BYTES_MAX, work::payload_work_gas};
use tandem_evm::{
    EvmBlock, Transaction,
    block::MIN_WORK_GAS,
    payload::{self, EncodeError, Payload, PayloadBlock, PayloadWriter, SignedTransaction, bytes_max},
};

use super::ExecutionError;
use crate::{
    batch::{BatchPolicy, PAYLOAD_OVERHEAD_BYTES},
    clock::Moment,
};

/// Bytes that a block costs at most beside its transactions.
const BLOCK_OVERHEAD_BYTES: usize = 24;
/// Compressing again is worth it once this share of the limit was added since.
const MEASURE_SHARE: usize = 8;
/// A batch with less than this share of the limit left is full.
const FULL_SHARE: usize = 50;
/// Compression levels of Zstandard: quick while measuring, thorough when it counts.
const LEVEL_MEASURE: i32 = 3;
const LEVEL_POST: i32 = 19;

/// A batch that still takes blocks.
#[derive(Clone, Debug)]
pub struct OpenBatch {
    /// Its checkpoint, fixed before the first block.
    pub checkpoint: Checkpoint,
    /// Number of its first block.
    pub first_block: u64,
    /// When it was opened.
    pub opened: Moment,
    /// Messages that its blocks consumed.
    pub message_count: u64,
    /// Gas limits of those messages.
    pub message_gas: u64,
    /// Transactions signed by users, those of the block under construction included.
    pub transaction_count: u64,
    payload: Payload,
    writer: PayloadWriter<fn(&Address) -> Option<u64>>,
    /// Most that it may declare (EVM-WORK-1).
    work_gas_max: u64,
    /// What its transactions took.
    work_gas_used: u64,
    /// What it must declare for them: whatever a transaction uses, its whole limit must be left when it begins.
    work_gas_needed: u64,
    /// Most payload bytes at present.
    bytes_max: usize,
    /// Likewise, if a transaction is in it that calldata cannot carry for certain.
    blob_bytes_max: usize,
    /// The decoder's cap on bytes (EVM-PL-7).
    decoded_bytes_max: usize,
    blocks_max: u64,
    transactions_max: u64,
    /// Whether a transaction was left to the next batch.
    is_cut_short: bool,
    /// Size when it was compressed last.
    measured_bytes: Option<usize>,
    /// Loose bounds of everything added since.
    unmeasured_bytes: usize,
}

impl OpenBatch {
    /// A batch without blocks.
    pub fn new(
        config: &ChainConfig,
        policy: &BatchPolicy,
        checkpoint: Checkpoint,
        first_block: u64,
        opened: Moment,
    ) -> Self {
        Self {
            checkpoint,
            first_block,
            opened,
            message_count: 0,
            message_gas: 0,
            transaction_count: 0,
            payload: Payload::default(),
            writer: PayloadWriter::without_book(config.l2_chain_id),
            work_gas_max: config.max_work_gas_per_batch,
            work_gas_used: 0,
            work_gas_needed: 0,
            bytes_max: policy.bytes_max(0, Some(&checkpoint)),
            blob_bytes_max: policy.blob_bytes_max(),
            decoded_bytes_max: usize::try_from(config.max_payload_bytes).unwrap_or(usize::MAX),
            blocks_max: config.max_blocks_per_batch,
            transactions_max: config.max_transactions_per_batch,
            is_cut_short: false,
            measured_bytes: None,
            unmeasured_bytes: 0,
        }
    }

    /// What is kept of it across restarts while it takes blocks.
    pub fn record(&self) -> tandem_store::OpenBatchRecord {
        let (first_block, checkpoint) = (self.first_block, self.checkpoint);
        tandem_store::OpenBatchRecord { first_block, last_block: None, checkpoint }
    }

    /// Takes a block that is built: after a restart.
    pub fn push(&mut self, block: &EvmBlock) -> Result<(), ExecutionError> {
        let mut gas_before = 0;
        for (transaction, receipt) in block.transactions.iter().zip(&block.receipts) {
            let gas_used = receipt.cumulative_gas_used.saturating_sub(gas_before);
            gas_before = receipt.cumulative_gas_used;
            if let Transaction::Signed(signed) = transaction {
                self.take(signed.transaction(), gas_used.max(MIN_WORK_GAS))?;
            }
        }
        self.end_block(block)
    }

    /// Takes a transaction of the block that is being built, and the work that it took.
    pub fn take(&mut self, transaction: &SignedTransaction, work_gas: u64) -> Result<(), ExecutionError> {
        self.writer.push(transaction)?;
        self.unmeasured_bytes += bytes_max(transaction);
        let gas_limit = transaction.fields().gas_limit().max(MIN_WORK_GAS);
        self.work_gas_needed = self.work_gas_needed.max(self.work_gas_used.saturating_add(gas_limit));
        self.work_gas_used = self.work_gas_used.saturating_add(work_gas);
        self.transaction_count += 1;
        if is_beyond_calldata(bytes_max(transaction)) {
            // Only what is chosen ends with calldata: blobs carry it, whatever they cost.
            self.bytes_max = self.bytes_max.max(self.blob_bytes_max);
        }
        Ok(())
    }

    /// Ends the block that was built of the transactions taken since the last one.
    pub fn end_block(&mut self, block: &EvmBlock) -> Result<(), ExecutionError> {
        let mut transactions = Vec::new();
        for transaction in &block.transactions {
            match transaction {
                Transaction::Signed(signed) => transactions.push(signed.transaction().clone()),
                Transaction::Deposit(deposit) if deposit.is_system => {}
                Transaction::Deposit(deposit) => self.message_gas += deposit.gas_limit,
            }
        }
        self.message_count += block.message_count;
        let message_count = u32::try_from(block.message_count).unwrap_or(u32::MAX);
        self.writer.end_block(block.header.timestamp, message_count)?;
        self.unmeasured_bytes += BLOCK_OVERHEAD_BYTES;
        self.payload.blocks.push(PayloadBlock { timestamp: block.header.timestamp, message_count, transactions });
        Ok(())
    }

    /// How many blocks the batch holds so far.
    pub fn block_count(&self) -> u64 {
        self.payload.blocks.len() as u64
    }

    /// What it holds may be posted like this, as L1's prices are now.
    pub fn set_prices(&mut self, policy: &BatchPolicy, prices: Option<&Checkpoint>) {
        self.bytes_max = policy.bytes_max(self.posted_bytes_max(), prices);
    }

    /// Upper bound of its payload.
    pub fn posted_bytes_max(&self) -> usize {
        let written = self.writer.sizes().posted;
        self.measured_bytes.map_or(written, |measured| written.min(measured + self.unmeasured_bytes))
    }

    /// Bytes that can be added for certain.
    fn bytes_left(&self) -> usize {
        self.bytes_left_of(self.bytes_max)
    }

    /// Likewise, if so many may be posted.
    fn bytes_left_of(&self, posted_max: usize) -> usize {
        let sizes = self.writer.sizes();
        let decoded_left =
            self.decoded_bytes_max.saturating_sub(sizes.columns.max(sizes.charged) + PAYLOAD_OVERHEAD_BYTES);
        posted_max.saturating_sub(self.posted_bytes_max() + PAYLOAD_OVERHEAD_BYTES).min(decoded_left)
    }

    /// As [`Self::bytes_left`], after compressing what there is if that may gain room where less than `wanted` is left.
    fn bytes_left_for(&mut self, wanted: usize) -> usize {
        let left = self.bytes_left();
        if left >= wanted || self.unmeasured_bytes < self.bytes_max / MEASURE_SHARE {
            return left;
        }
        self.measured_bytes = Some(self.writer.finish().compressed(LEVEL_MEASURE).len());
        self.unmeasured_bytes = 0;
        self.bytes_left()
    }

    /// Whether a transaction certainly fits, by its bytes.
    pub fn has_room_for(&mut self, transaction: &SignedTransaction) -> bool {
        let wanted = bytes_max(transaction) + BLOCK_OVERHEAD_BYTES;
        self.bytes_left_for(wanted) >= wanted
            || (is_beyond_calldata(bytes_max(transaction)) && self.bytes_left_of(self.blob_bytes_max) >= wanted)
    }

    /// The work that it declares: what its blocks and bytes take, and its transactions. An upper bound, since the address table may shorten it.
    pub fn work_gas(&self) -> u64 {
        self.payload_work_gas(0, 0).saturating_add(self.work_gas_needed)
    }

    /// What is left for a transaction of the block under construction.
    pub fn work_gas_left_for(&self, transaction: &SignedTransaction) -> u64 {
        let taken = self.payload_work_gas(1, bytes_max(transaction) + BLOCK_OVERHEAD_BYTES);
        self.work_gas_max.saturating_sub(taken.saturating_add(self.work_gas_used))
    }

    /// What blocks and bytes take before any transaction, with so many added (EVM-WORK-1).
    fn payload_work_gas(&self, blocks: u64, bytes: usize) -> u64 {
        let sizes = self.writer.sizes();
        payload_work_gas(self.block_count() + blocks, (sizes.columns.max(sizes.charged) + bytes) as u64)
    }

    /// A transaction was left to the next batch: this one is full.
    pub fn cut_short(&mut self) {
        self.is_cut_short = true;
    }

    /// Whether it takes no further transaction whatever that is: the work, or a number, is used up.
    pub fn is_used_up(&self) -> bool {
        let taken = self.payload_work_gas(1, BLOCK_OVERHEAD_BYTES).saturating_add(self.work_gas_needed);
        self.work_gas_max.saturating_sub(taken) < MIN_WORK_GAS || self.transaction_count >= self.transactions_max
    }

    /// Whether the next block must open another batch: a limit is reached, or all but.
    pub fn is_full(&mut self) -> bool {
        let share = self.bytes_max / FULL_SHARE;
        self.is_cut_short
            || self.is_used_up()
            || self.block_count() >= self.blocks_max
            || self.bytes_left_for(share) < share
    }

    /// The payload as it is posted. Of both levels the shorter: that it is no longer than was measured is promised.
    pub fn encode(
        &self,
        config: &ChainConfig,
        index_of: impl Fn(&Address) -> Option<u64>,
    ) -> Result<Vec<u8>, EncodeError> {
        let encoded = payload::encode(&self.payload, config.l2_chain_id, index_of)?;
        let [thorough, quick] = [LEVEL_POST, LEVEL_MEASURE].map(|level| encoded.compressed(level));
        Ok(if thorough.len() <= quick.len() { thorough } else { quick })
    }
}

/// Whether a transaction of so many bytes may be more than calldata carries, alone in its batch.
fn is_beyond_calldata(bytes: usize) -> bool {
    bytes + BLOCK_OVERHEAD_BYTES + 2 * PAYLOAD_OVERHEAD_BYTES > CALLDATA_BYTES_MAX
}

#[cfg(test)]
mod tests {
    use alloy::{
        consensus::{SignableTransaction, TxEip1559},
        primitives::{Signature, TxKind, U256, keccak256},
    };
    use tandem_evm::payload::SignedTransaction;

    use super::*;

    /// A transfer to an account that the batch has not seen.
    fn transfer(nonce: u64) -> SignedTransaction {
        let tx = TxEip1559 {
            chain_id: 1,
            nonce,
            gas_limit: 21_000,
            max_fee_per_gas: 1_000_000_000,
            max_priority_fee_per_gas: 1,
            to: TxKind::Call(Address::from_word(keccak256(nonce.to_be_bytes()))),
            value: U256::from(1_000_000 + nonce),
            ..Default::default()
        };
        let word = |seed: u64| U256::from_be_bytes(keccak256(seed.to_be_bytes()).0) >> 1;
        SignedTransaction::Eip1559(tx.into_signed(Signature::new(word(nonce + 1_000), word(nonce + 2_000), false)))
    }

    #[test]
    fn empty_blocks_cost_next_to_nothing() {
        const TRANSACTIONS: u64 = 100;
        const EMPTY_BLOCKS: u64 = 12;
        let payload_bytes = |empty_blocks: u64| {
            let mut timestamp = 1_800_000_000;
            let mut blocks = Vec::new();
            for nonce in 0..TRANSACTIONS {
                // A transaction now and then, after pauses of no regular length.
                timestamp += 40 + nonce * nonce % 97;
                blocks.push(PayloadBlock { timestamp, message_count: 0, transactions: vec![transfer(nonce)] });
                for empty in 1..=empty_blocks {
                    blocks.push(PayloadBlock { timestamp: timestamp + empty, ..Default::default() });
                }
            }
            payload::encode(&Payload { blocks }, 1, |_| None).unwrap().compressed(LEVEL_POST).len()
        };
        let (without, with) = (payload_bytes(0), payload_bytes(EMPTY_BLOCKS));
        let per_block = (with - without) as f64 / (TRANSACTIONS * EMPTY_BLOCKS) as f64;
        println!("{per_block:.3} bytes per empty block beside {} bytes per transaction", without as u64 / TRANSACTIONS);
        assert!(per_block < 1.0, "{per_block}");
    }
}
