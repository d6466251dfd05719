//! What L1 says, and what follows for what was closed here.
//!
//! L1 has a batch only with its proofs, so that it is right and final as long as L1 stays as it is. Five things can come: our batches land; another author's batch
//! takes the place of ours (forced, or after another node with the same key); L1 reorganises; another entry of the schedule begins with the next batch (L1-SCHED-3); the chain
//! is frozen (PAY-FREEZE). Then batches that no longer follow are taken back, and what was in them waits again; those that still do are kept as they are, with their proofs, or,
//! under another entry, cut anew and without them.

use std::{fmt::Display, sync::Arc};

use tandem_l1::payments::EntryRules;
use tandem_payments::state::State;
use tracing::{info, warn};

use super::{Engine, EngineError, Tip, replay::REQUEUE_BLOCKS};
use crate::payments::{
    draft::{Draft, Start},
    l1::L1View,
    records::Block,
};

impl Engine {
    /// L1 is this now.
    pub(super) fn follow(&mut self, view: L1View) -> Result<(), EngineError> {
        if self.may_catch_up(&view)? {
            warn!(
                head = view.head.id.number,
                messages = view.messages.len(),
                "L1 lacks messages that batches took: nothing is taken back yet, they may come again"
            );
            return self.follow_batches(view);
        }
        let before = self.view.as_ref().map(L1View::last);
        let is_under_another = self.go_over(&view);
        let (head, last) = (self.store.last()?.0, view.last());
        let mut common = head.min(last);
        while common > 0 && self.store.hash(common)? != view.hash(common) {
            common -= 1;
        }
        let is_first = before.is_none();
        if common < last {
            self.adopt(&view, common)?;
        } else if before.is_some_and(|before| before <= last) && !is_under_another {
            self.land(last);
        } else {
            self.restore(&view)?;
        }
        self.forget_final(&view)?;
        self.view = Some(view);
        self.check_messages()?;
        self.end_if_frozen()?;
        if is_first {
            let (batch, waiting) = (self.tip.start.number - 1, self.pool.len());
            info!(batch, settled = last, closed = self.closed.len(), waiting, "L1 is read to its end: sequencing");
        }
        self.fill()?;
        self.publish()?;
        self.postable.notify_one();
        Ok(())
    }

    /// From here on batches are for what L1 asks of the next one now. Whether they have another configuration or other keys than before: then L1 does not take what was proven
    /// under those, and closed batches have to be cut anew.
    fn go_over(&mut self, view: &L1View) -> bool {
        self.rules = self.config.rules(&view.next);
        let verifier = view.next.entry.verifier();
        let before = std::mem::replace(&mut self.verifier, verifier);
        let is_under_another = self.view.is_some() && before != verifier;
        if is_under_another {
            let EntryRules { config_hash, keys_hash, .. } = view.next.entry;
            let closed = self.closed.len();
            info!(%config_hash, %keys_hash, closed, "another entry of the schedule begins with the next batch: closed ones are cut for it");
        }
        is_under_another
    }

    /// Whether this is what L1 told before, without some of the messages that were taken, and not for long. Then what it told before still holds.
    fn may_catch_up(&self, view: &L1View) -> Result<bool, EngineError> {
        let Some(before) = &self.view else { return Ok(false) };
        let (taken, told, last) = (self.queue().end, view.messages.len() as u64, view.last());
        let is_over = view.head.id.number >= before.head.id.number.saturating_add(REQUEUE_BLOCKS);
        if told >= taken || is_over || view.queue_hash(told) != before.queue_hash(told) {
            return Ok(false);
        }
        // Its last batch is one of the chain, and so are those before.
        Ok(self.store.hash(last)? == view.hash(last))
    }

    /// L1 lacks messages, and so it may lack batches that took them: those are closed again as they were, and go to L1 once more when it has the messages. Some may be
    /// there again before.
    fn follow_batches(&mut self, view: L1View) -> Result<(), EngineError> {
        let Some(before) = self.view.as_ref().filter(|before| view.last() != before.last()) else { return Ok(()) };
        let (last, has_more) = (view.last(), view.last() > before.last());
        let view = L1View { head: before.head, messages: before.messages.clone(), ..view };
        if !self.go_over(&view) && has_more {
            self.land(last);
        } else {
            self.restore(&view)?;
        }
        self.view = Some(view);
        self.fill()?;
        self.publish()?;
        self.postable.notify_one();
        Ok(())
    }

    /// Our batches are on L1.
    fn land(&mut self, last: u64) {
        while let Some(closed) = self.closed.pop_front_if(|closed| closed.block.number <= last) {
            info!(batch = closed.block.number, hash = %closed.block.hash, "batch is proven on L1");
        }
    }

    /// L1 has batches that are not ours, or that this node never saw.
    fn adopt(&mut self, view: &L1View, common: u64) -> Result<(), EngineError> {
        self.unwind(common, tip_of(view), &"L1 has another batch in their place")?;
        for landed in view.batches.iter().skip(1).skip_while(|landed| landed.block.number <= common) {
            // One of ours that was displaced and is back is known by its hash.
            let known: Option<Block> = self.store.block(landed.block.hash)?;
            self.extend(known.as_ref().unwrap_or(&landed.block))?;
        }
        info!(from = common + 1, to = view.last(), "batches taken over from L1");
        self.closed.clear();
        self.reload(view.head.id.number)
    }

    /// Begins anew from L1's last batch: after a start, after L1 went back behind batches of ours, and under another entry of the schedule.
    fn restore(&mut self, view: &L1View) -> Result<(), EngineError> {
        self.closed.clear();
        self.tip = tip_of(view);
        let (head, _) = self.store.last()?;
        for number in (view.last()..=head).skip(1) {
            let (block, state) = (self.stored(number)?, State::clone(&self.tip.state));
            match Draft::again(&self.chain, &self.rules, state, self.tip.start, &view.messages, &block) {
                Ok(sealed) => self.push_closed(sealed)?,
                Err(why) => {
                    self.unwind(number - 1, self.tip.clone(), &why)?;
                    break;
                }
            }
        }
        if !self.closed.is_empty() {
            info!(
                from = view.last() + 1,
                to = self.tip.start.number - 1,
                "closed batches stand on L1's last as they did"
            );
        }
        self.reload(view.head.id.number)
    }

    /// Takes back the batches whose messages L1 has lost or replaced, and the open one if it holds such.
    fn check_messages(&mut self) -> Result<(), EngineError> {
        let Some(view) = self.view.clone() else { return Ok(()) };
        let has = |end: u64, hash| view.queue_hash(end) == Some(hash);
        let lost = self.closed.iter().find(|closed| !has(closed.block.queue_end, closed.block.queue_hash));
        if let Some(number) = lost.map(|closed| closed.block.number) {
            return self.take_back(number, &"L1 reorganised, and the queue has other messages");
        }
        if let Some(open) = &self.open
            && !has(open.draft.queue_end(), open.draft.queue_hash())
        {
            warn!("L1 reorganised, and the queue has other messages than the open batch took: it is filled anew");
            self.reload(view.head.id.number)?;
        }
        Ok(())
    }

    /// Takes back closed batches from a number on.
    pub(super) fn take_back(&mut self, number: u64, why: &dyn Display) -> Result<(), EngineError> {
        let Some(view) = &self.view else { return Ok(()) };
        let head = view.head.id.number;
        let tip = match self.closed.iter().rev().find(|closed| closed.block.number < number) {
            Some(closed) => Tip {
                start: Start {
                    number,
                    parent_hash: closed.block.hash,
                    queue_start: closed.block.queue_end,
                    queue_hash: closed.block.queue_hash,
                },
                state: closed.state.clone(),
                timestamp: closed.block.timestamp,
            },
            None => tip_of(view),
        };
        self.unwind(number.saturating_sub(1), tip, why)?;
        self.reload(head)
    }

    /// Takes back everything that a chain which has ended will not have; its operations wait, should L1 take back the end.
    fn end_if_frozen(&mut self) -> Result<(), EngineError> {
        let Some(view) = self.view.as_ref().filter(|view| view.frozen_at.is_some()) else { return Ok(()) };
        let last = view.last();
        if self.open.is_some() || self.store.last()?.0 > last {
            self.take_back(last.saturating_add(1), &"the chain was frozen on L1")?;
        }
        Ok(())
    }

    /// Forgets proofs that no reorganisation can ask for again.
    fn forget_final(&mut self, view: &L1View) -> Result<(), EngineError> {
        let is_final = |number: u64| {
            let place = usize::try_from(number).ok();
            place.and_then(|place| view.batches.get(place)).is_some_and(|batch| batch.l1_block.number <= view.finalized)
        };
        let mut hashes = Vec::new();
        while self.finalized < view.last() && is_final(self.finalized + 1) {
            self.finalized += 1;
            hashes.extend(view.hash(self.finalized));
        }
        if self.view.is_none() {
            // A process that begins has not forgotten any itself: those that are left, and not those of every batch that ever was.
            hashes.clear();
            for hash in self.store.proven_hashes()? {
                if self.store.number(hash)?.is_none_or(|number| number <= self.finalized) {
                    hashes.push(hash);
                }
            }
        }
        if hashes.is_empty() { Ok(()) } else { Ok(self.store.forget_proven(&hashes)?) }
    }
}

/// The tip after L1's last batch.
fn tip_of(view: &L1View) -> Tip {
    let (number, queue_start) = (view.last(), view.ledger.output().queue_index);
    let last = view.batches.last();
    Tip {
        start: Start {
            number: number + 1,
            parent_hash: last.map_or_else(Default::default, |landed| landed.block.hash),
            queue_start,
            queue_hash: view.queue_hash(queue_start).unwrap_or_default(),
        },
        state: Arc::new(view.ledger.state().clone()),
        timestamp: last.map_or(0, |landed| landed.block.timestamp),
    }
}
