//! Queue and batches, followed from poll to poll. Rules: L1-MSG-2, L1-MSG-8, PAY-OUTPUT.
//!
//! What [`super::read`] reads at once, this reads bit by bit; a reorganisation takes back what came after the newest block that still stands.

use std::collections::VecDeque;

use alloy::eips::BlockId;
use tandem_chain::ChainConfig;

use super::history::{BatchEvent, History, HistoryError, QueuedRecord};
use crate::client::{BlockRef, L1Client, L1Header};

/// Blocks remembered for finding out how deep a reorganisation is; after a deeper one everything is read again.
const READ_BLOCKS_MAX: usize = 1_024;

/// Follows the events of queue and settlement. Owned by one task.
#[derive(Debug)]
pub struct Tracker {
    client: L1Client,
    chain: ChainConfig,
    start_block: u64,
    blocks_max: u64,
    /// Everything up to the last of `read`.
    history: History,
    /// Blocks up to which was read, the newest last.
    read: VecDeque<BlockRef>,
    /// Of the batches that the last poll that succeeded gave, those that stand as they did, if a poll has failed since.
    kept: Option<usize>,
}

/// What a poll found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// Batches, genesis included, that the last poll that succeeded gave and that stand as they did.
    pub batches_kept: usize,
}

impl Tracker {
    /// Begins at `start_block`, that of the deployment; `blocks_max` bounds the blocks of one `eth_getLogs`.
    pub fn new(client: L1Client, chain: ChainConfig, start_block: u64, blocks_max: u64) -> Self {
        Self { client, chain, start_block, blocks_max, history: History::empty(), read: VecDeque::new(), kept: None }
    }

    /// The last block that was read; meaningless before the first poll.
    pub fn head(&self) -> L1Header {
        self.history.head
    }

    /// Every message, by index.
    pub fn messages(&self) -> &[QueuedRecord] {
        &self.history.messages
    }

    /// Every batch, by index, genesis first.
    pub fn batches(&self) -> &[BatchEvent] {
        &self.history.batches
    }

    /// Reads up to L1's newest block; none if that was read already. After an error ask again: what was taken back is read anew then.
    pub async fn poll(&mut self) -> Result<Option<Tracked>, HistoryError> {
        let head = self.client.latest().await?;
        if self.kept.is_none() && self.read.back() == Some(&head.id) {
            return Ok(None);
        }
        // From here on a failure leaves the history as no caller knows it.
        let known = *self.kept.get_or_insert(self.history.batches.len());
        while let Some(last) = self.read.back() {
            let found = self.client.header(BlockId::number(last.number)).await?;
            if found.is_some_and(|header| header.id == *last) {
                break;
            }
            self.read.pop_back();
        }
        let stands = self.read.back().map(|last| last.number);
        self.history.unwind(stands);
        let batches_kept = known.min(self.history.batches.len());
        self.kept = Some(batches_kept);
        let first = stands.map_or(self.start_block, |number| number.saturating_add(1));
        self.history.extend(&self.client, &self.chain, first, head, self.blocks_max).await?;
        if stands.is_none_or(|number| number < head.id.number) {
            self.read.push_back(head.id);
        }
        if self.read.len() > READ_BLOCKS_MAX {
            self.read.pop_front();
        }
        self.kept = None;
        Ok(Some(Tracked { batches_kept }))
    }
}
