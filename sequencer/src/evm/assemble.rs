//! Building blocks, with the rulebook's builder: messages first, then what waits and pays best.

use alloy::primitives::{Address, B256};
use tandem_chain::{ChainConfig, Message, machine::Preimages};
use tandem_evm::{
    BlockAttributes, BlockBuilder, EvmBlock, Recovered, Rejected, Transaction, block::MIN_WORK_GAS, payload::bytes_max,
    transaction::CHECKPOINT_GAS,
};
use tandem_store::Store;

use super::{Execution, ExecutionError, OpenBatch, admission::dropped};
use crate::mempool::{Best, Dropped, Mempool, Refused};

/// A block that nobody has seen yet.
pub(crate) struct Built {
    /// The block that was sealed.
    pub block: EvmBlock,
    /// What the store must have before the block.
    pub preimages: Preimages,
    /// Waiting transactions that no block can hold, and why.
    pub dropped: Vec<(B256, Dropped)>,
    /// Whether a transaction was left to the next batch, which [`OpenBatch::is_full`] knows as well.
    pub is_cut_short: bool,
}

impl Execution {
    /// Builds a block on the head from messages, of which the first is the queue's `first_message`, and from what waits. The batch takes the
    /// transactions; [`OpenBatch::end_block`] is the caller's. `transaction_bytes_max`: what no batch has room for.
    pub fn build(
        &mut self,
        open: &mut OpenBatch,
        timestamp: u64,
        (first_message, messages): (u64, &[Message]),
        pool: &Mempool,
        transaction_bytes_max: usize,
    ) -> Result<Built, ExecutionError> {
        let attributes = BlockAttributes {
            timestamp: timestamp.max(open.checkpoint.timestamp),
            checkpoint: open.checkpoint,
            first_of_batch: open.block_count() == 0,
        };
        let mut builder = BlockBuilder::begin(&self.chain, &self.head, self.head_hash, attributes, &mut self.state)?;
        for (index, message) in (first_message..).zip(messages) {
            if !builder.push_message(index, message)? {
                break;
            }
        }
        let best = pool.best(builder.base_fee());
        let Filled { dropped, is_cut_short } = fill(&mut builder, open, best, transaction_bytes_max)?;
        if is_cut_short {
            open.cut_short();
        }
        let (block, preimages) = builder.seal()?;
        Ok(Built { block, preimages, dropped, is_cut_short })
    }
}

/// What became of the transactions that wait.
struct Filled {
    /// Those that no block can hold, and why.
    dropped: Vec<(B256, Dropped)>,
    /// Whether one was left to the next batch.
    is_cut_short: bool,
}

/// Puts what waits into a block, the best paying first, as far as block and batch have room. `transaction_bytes_max`: what no batch has room for.
fn fill(
    builder: &mut BlockBuilder<'_, Store>,
    open: &mut OpenBatch,
    mut best: Best<'_>,
    transaction_bytes_max: usize,
) -> Result<Filled, ExecutionError> {
    let mut filled = Filled { dropped: Vec::new(), is_cut_short: false };
    while let Some(transaction) = best.next() {
        let hash = *transaction.transaction().hash();
        if builder.gas_left() < MIN_WORK_GAS {
            break;
        }
        let bytes = bytes_max(transaction.transaction());
        if bytes > transaction_bytes_max {
            // It was accepted when batches were allowed to be larger.
            let refused = Refused::LargerThanBatch { bytes, limit: transaction_bytes_max };
            filled.dropped.push((hash, Dropped::Refused(refused)));
            continue;
        }
        if open.is_used_up() || !open.has_room_for(transaction.transaction()) {
            filled.is_cut_short = true;
            if open.is_full() {
                break;
            }
            continue;
        }
        let work_gas_left = open.work_gas_left_for(transaction.transaction());
        match builder.push_transaction(transaction.as_ref().clone(), work_gas_left) {
            Ok(work_gas) => {
                open.take(transaction.transaction(), work_gas)?;
                best.follow(&transaction);
            }
            Err(Rejected::BatchFull { .. }) => filled.is_cut_short = true,
            Err(Rejected::BlockFull { .. }) => {}
            Err(rejected) => filled.dropped.push((hash, dropped(rejected)?)),
        }
    }
    Ok(filled)
}

/// Whether nothing happened in a block that anybody asked for: at most a batch's checkpoint is in it.
pub(crate) fn is_empty(block: &EvmBlock) -> bool {
    block
        .transactions
        .iter()
        .all(|transaction| matches!(transaction, Transaction::Deposit(deposit) if deposit.is_system))
}

/// What users signed of a block.
pub(crate) fn signed(block: &EvmBlock) -> impl Iterator<Item = &Recovered> {
    block.transactions.iter().filter_map(|transaction| match transaction {
        Transaction::Signed(signed) => Some(signed),
        Transaction::Deposit(_) => None,
    })
}

/// Whose nonces a block may have changed, deposits' senders included.
pub(crate) fn senders(block: &EvmBlock) -> impl Iterator<Item = Address> {
    block.transactions.iter().map(Transaction::from)
}

/// Who signed the authorisations of a block's transactions (EIP-7702), valid or not.
pub(crate) fn authorities(block: &EvmBlock) -> impl Iterator<Item = Address> {
    let lists = signed(block).filter_map(|signed| signed.transaction().fields().authorization_list());
    lists.flatten().filter_map(|authorization| authorization.recover_authority().ok())
}

/// Gas that a block has for messages.
pub(crate) fn message_gas_max(chain: &ChainConfig) -> u64 {
    chain.block_gas_limit.saturating_sub(CHECKPOINT_GAS)
}
