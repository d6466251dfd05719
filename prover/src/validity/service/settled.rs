//! What L1 says that the next batches stand on: the last proven batch with its state, the messages behind it, and the rules that hold.

use std::sync::Arc;

use alloy::primitives::B256;
use tandem_circuits::groth16::VerifyingKeys;
use tandem_l1::{
    L1Header,
    payments::{Messages, Queued, QueuedRecord},
};
use tandem_payments::{Fr, state::State};

/// The chain after a batch.
#[derive(Clone, Debug)]
pub struct Base {
    /// Index of the batch; 0 is genesis.
    pub index: u64,
    /// All leaves after it.
    pub state: State,
    /// Its time, in seconds.
    pub timestamp: u64,
    /// Messages consumed after it.
    pub queue_end: u64,
}

impl Base {
    /// The state root after the batch.
    pub fn root(&self) -> Fr {
        self.state.root()
    }
}

/// The queue, of which a batch may take what no batch on L1 has taken. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    /// Index of the first message that waits.
    pub start: u64,
    /// All messages from the first ever queued on, as far as L1 has them.
    pub messages: Messages,
}

impl Queue {
    /// Messages that were ever queued.
    pub fn end(&self) -> u64 {
        self.messages.len() as u64
    }

    /// The queue's hash after its first `end` messages (L1-MSG-2); none of those that batches have taken, and if L1 does not have as many.
    pub fn hash_at(&self, end: u64) -> Option<B256> {
        if end < self.start {
            return None;
        }
        match end.checked_sub(1) {
            None => Some(B256::ZERO),
            Some(last) => self.messages.queued(last).map(|queued| queued.queue_hash),
        }
    }

    /// A message that waits, by its index in the queue.
    pub fn get(&self, index: u64) -> Option<&QueuedRecord> {
        self.messages.queued(index).filter(|_| index >= self.start)
    }
}

/// The rules that the next batch obeys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Hash of the configuration.
    pub config_hash: B256,
    /// Hash of the verifying keys.
    pub keys_hash: B256,
    /// Messages that a batch may take.
    pub messages_max: u64,
    /// Gas that these may have together.
    pub message_gas_max: u64,
    /// How old a batch's time may be on L1, in seconds.
    pub age_max_s: u64,
}

/// L1 at one block.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The block of L1 as of which all of it holds.
    pub head: L1Header,
    /// The chain after the last batch on L1.
    pub base: Arc<Base>,
    /// The last batch that lies deep enough for nothing to take it back; 0 if none does.
    pub deep: u64,
    /// The messages that wait.
    pub queue: Queue,
    /// What the next batch obeys.
    pub rules: Rules,
    /// By which its proofs are judged.
    pub keys: Arc<VerifyingKeys>,
    /// When the chain was frozen, in seconds; zero if it is not.
    pub frozen_at: u64,
}
