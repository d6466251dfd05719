//! L1 as the engine is told of it: queue, batches, the state after the last of them, and what the next has to obey.

use std::sync::Arc;

use alloy::primitives::{Address, B256, TxHash};
use tandem_chain::ChainConfig;
use tandem_l1::{
    BlockRef, L1Header,
    payments::{EntryRules, Ledger, Messages, Rules},
};
use tandem_payments::batch::Circuits;

use super::records::Block;

/// A batch that L1 has, and that is therefore proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landed {
    /// As far as L1 tells of it. A node that saw its operations has them by its hash.
    pub block: Arc<Block>,
    /// The L1 block that has it.
    pub l1_block: BlockRef,
    /// The L1 transaction that appended it.
    pub transaction: TxHash,
    /// The output's hash (L1-OUT-1).
    pub output: B256,
}

impl Landed {
    /// The chain's beginning as a batch: block 0, which no transaction appended.
    pub fn genesis(chain: &ChainConfig) -> Self {
        let ledger = Ledger::genesis(chain);
        let (output, state) = (ledger.output(), ledger.state());
        let block = Block {
            number: 0,
            hash: chain.hash(),
            parent_hash: B256::ZERO,
            timestamp: chain.genesis_timestamp,
            operator: Address::ZERO,
            root_before: output.state_root,
            state_root: output.state_root,
            leaf_count: state.leaf_count(),
            queue_start: 0,
            queue_end: 0,
            queue_hash: B256::ZERO,
            transactions: Some(Vec::new()),
        };
        let (l1_block, transaction) = (BlockRef::default(), TxHash::ZERO);
        Self { block: Arc::new(block), l1_block, transaction, output: output.hash() }
    }
}

/// Batches that L1 has, by index; the first is the chain's beginning. Copies share what they have in common, so that one costs nothing, however many there are.
pub type LandedBatches = rpds::VectorSync<Landed>;

/// What the next batch obeys (L1-SCHED-3), and so do all that are closed and not on L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextRules {
    /// The entry of the schedule that it falls under.
    pub entry: EntryRules,
    /// The circuits that it is cut for: those that L1 has keys of.
    pub circuits: Circuits,
}

impl From<Rules> for NextRules {
    fn from(Rules { entry, keys }: Rules) -> Self {
        let known = keys.circuits();
        let has = |id| known.iter().any(|circuit| u64::from(*circuit) == id);
        // L1 stores no set without a key of Apply (PAY-KEYS).
        Self { entry, circuits: Circuits::among(has).unwrap_or(Circuits::STANDARD) }
    }
}

/// What L1 is at a block of it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct L1View {
    /// The last block that was read.
    pub head: L1Header,
    /// The newest block that L1 has finalised, 0 if it tells of none.
    pub finalized: u64,
    /// Every message of the queue, by index.
    pub messages: Messages,
    /// Every batch by index; the first is the chain's beginning.
    pub batches: LandedBatches,
    /// The state after the last batch.
    pub ledger: Arc<Ledger>,
    /// What the next batch obeys.
    pub next: NextRules,
    /// When the chain was frozen, in seconds (PAY-FREEZE); none while it is not.
    pub frozen_at: Option<u64>,
}

impl L1View {
    /// Index of the last batch.
    pub fn last(&self) -> u64 {
        self.batches.len().saturating_sub(1) as u64
    }

    /// The hash of a batch as a block.
    pub fn hash(&self, number: u64) -> Option<B256> {
        self.batches.get(usize::try_from(number).ok()?).map(|landed| landed.block.hash)
    }

    /// The queue's hash after so many messages (L1-MSG-2), if it has as many.
    pub fn queue_hash(&self, end: u64) -> Option<B256> {
        match end.checked_sub(1) {
            None => Some(B256::ZERO),
            Some(last) => self.messages.get(usize::try_from(last).ok()?).map(|queued| queued.queue_hash),
        }
    }
}
