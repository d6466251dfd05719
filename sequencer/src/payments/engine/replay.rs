//! Operations that are applied again: after a start, and when batches are taken back.
//!
//! They were acknowledged where they stood, between messages of the queue that pay for them or set their key. Applied again they come before messages wherever they can,
//! and what is refused waits on for as long as a message may come that it stands on: L1 may have lost it for a moment, or it is not deep enough yet.

use super::Engine;
use crate::payments::l1::L1View;

/// L1 blocks for which messages that were taken may be missing before they count as lost: an endpoint that lags has them later, and most reorganisations bring them back.
pub(super) const REQUEUE_BLOCKS: u64 = 16;

/// How long what waits is applied again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replay {
    /// Messages after which all of it was applied once; none if this process does not know.
    messages: Option<u64>,
    /// The L1 block from which on no message is waited for any more.
    until: u64,
}

impl Engine {
    /// What waits was applied once, and is applied again from here on. `head` is L1's newest block.
    pub(super) fn begin_replay(&mut self, head: u64) {
        // What the process before had taken into its open batch is not stored.
        let is_known = self.view.is_some() && self.replay.is_none_or(|replay| replay.messages.is_some());
        let until = head.saturating_add(REQUEUE_BLOCKS).saturating_add(self.config.l1_depth);
        self.replay = Some(Replay { messages: is_known.then_some(self.messages_taken), until });
    }

    /// Messages come before what waits from here on, and what the ledger refuses is given up.
    pub(super) fn end_replay(&mut self) {
        self.replay = None;
        self.messages_taken = self.queue_end();
    }

    /// Whether no message can come any more that something waits for.
    pub(super) fn is_replay_over(&self, replay: Replay, view: &L1View) -> bool {
        self.pool.is_empty()
            || view.head.id.number >= replay.until
            || replay.messages.is_some_and(|messages| self.queue_end() >= messages)
    }

    /// How many messages of the queue are taken, the open batch's among them.
    pub(super) fn queue_end(&self) -> u64 {
        self.open.as_ref().map_or(self.tip.start.queue_start, |open| open.draft.queue_end())
    }
}
