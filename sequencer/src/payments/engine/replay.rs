//! Operations that are applied again: after a start, and when batches are taken back.
//!
//! They were acknowledged where they stood, between messages of the queue that pay for them or set their key. Applied again they come before messages wherever they can,
//! and what is refused waits on for as long as a message may come that it stands on: L1 may have lost it for a moment, or it is not deep enough yet.

use super::{Engine, Queue, Replay};
use crate::payments::l1::L1View;

/// L1 blocks for which messages that were taken may be missing before they count as lost: an endpoint that lags has them later, and most reorganisations bring them back.
pub(super) const REQUEUE_BLOCKS: u64 = 16;

impl Engine {
    /// What waits was applied once, and is applied again from here on. `head` is L1's newest block.
    pub(super) fn begin_replay(&mut self, head: u64) {
        // What the process before had taken into its open batch is not stored.
        let is_known = self.view.is_some() && self.replay.is_none_or(|replay| replay.taken.is_some());
        let until = head.saturating_add(REQUEUE_BLOCKS).saturating_add(self.config.l1_depth);
        self.replay = Some(Replay { taken: is_known.then_some(self.taken), until });
    }

    /// Messages come before what waits from here on, and what the ledger refuses is given up.
    pub(super) fn end_replay(&mut self) {
        self.replay = None;
        self.taken = self.queue();
    }

    /// Notes that messages up to here are taken.
    pub(super) fn note_taken(&mut self, queue: Queue) {
        if queue.end >= self.taken.end {
            self.taken = queue;
        }
    }

    /// Whether no message can come any more that something waits for: L1 has those that were taken once, and they are taken again.
    pub(super) fn is_replay_over(&self, replay: Replay, view: &L1View) -> bool {
        self.pool.is_empty()
            || view.head.id.number >= replay.until
            || replay
                .taken
                .is_some_and(|taken| self.queue().end >= taken.end && view.queue_hash(taken.end) == Some(taken.hash))
    }

    /// The queue as far as it is taken, by the open batch or those before.
    pub(super) fn queue(&self) -> Queue {
        let start = &self.tip.start;
        let of_tip = Queue { end: start.queue_start, hash: start.queue_hash };
        let draft = self.open.as_ref().map(|open| &open.draft);
        draft.map_or(of_tip, |draft| Queue { end: draft.queue_end(), hash: draft.queue_hash() })
    }
}
