//! The open batch: what goes into it, and when it closes.

use std::{cmp::Reverse, collections::BinaryHeap, fmt::Display, sync::Arc, time::Duration};

use alloy::primitives::{Address, B256};

use tandem_payments::{
    data::Message,
    leaf::Key,
    ledger::{Env, Refused},
    state::State,
};
use tandem_store::{Admitted, NewBlock};
use tracing::{info, warn};

use super::{Closed, Engine, EngineError, Open, Tip};
use crate::payments::{
    draft::{Draft, NotTaken, Sealed},
    l1::L1View,
    records::{Block, Origin},
    signed::Signed,
    view::{Heads, Pending},
};

/// How often it is looked through what waits for what waits in vain.
const LOOK_THROUGH_EVERY: Duration = Duration::from_secs(5);

/// Operations that are given up, and why.
type Gone = Vec<(B256, String)>;

impl Engine {
    /// Whether a further batch may close.
    pub(super) fn has_room(&self) -> bool {
        self.closed.len() < self.config.waiting_batches_max
    }

    /// Whether something did not fit into the open batch any more.
    pub(super) fn is_full(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.is_full)
    }

    /// Puts into batches what waits and fits. A full batch closes if there is room for it among the closed ones.
    pub(super) fn fill(&mut self) -> Result<(), EngineError> {
        while let Some(view) = self.view.clone() {
            let mut gone = Gone::new();
            self.take_all(&view, &mut gone);
            self.drop_all(gone)?;
            if !self.is_full() || !self.has_room() || !self.close("full")? {
                break;
            }
        }
        // One that was opened in vain would only grow old.
        self.open.take_if(|open| open.draft.is_empty());
        Ok(())
    }

    /// Messages first, then operations. Operations that are applied again may have come before some of the messages, and depend on it (their key, their balance): until
    /// all messages are taken they are tried before each, and what is refused waits on.
    fn take_all(&mut self, view: &L1View, gone: &mut Gone) {
        if self.pool.is_replayed() {
            self.take_operations(view, None);
            while !self.is_full() && self.take_message(view, gone) {
                self.take_operations(view, None);
            }
            if self.is_full() {
                return;
            }
            self.pool.end_replay();
            let senders: Vec<_> = self.pool.heads().map(|(_, sender)| sender).collect();
            senders.into_iter().for_each(|sender| self.give_up_other_keys(sender, gone));
        }
        while self.take_message(view, gone) {}
        self.take_operations(view, Some(gone));
    }

    /// The open batch, a new one if there is none.
    fn open(&mut self, view: &L1View) -> &mut Open {
        let (chain, config, tip, clock) = (&self.chain, &self.config, &self.tip, &self.clock);
        self.open.get_or_insert_with(|| {
            let timestamp = view.head.timestamp.max(tip.timestamp);
            let env = Env { operator: config.operator, timestamp };
            let draft = Draft::new(chain, &config.rules, State::clone(&tip.state), tip.start, env);
            Open { draft, since: clock.moment(), is_full: false }
        })
    }

    /// Takes the next message of the queue, if it is deep enough and fits. Whether it did.
    fn take_message(&mut self, view: &L1View, gone: &mut Gone) -> bool {
        let next = self.open.as_ref().map_or(self.tip.start.queue_start, |open| open.draft.queue_end());
        let queued = usize::try_from(next).ok().and_then(|next| view.messages.get(next));
        let is_deep = |block: u64| block.saturating_add(self.config.l1_depth) <= view.head.id.number;
        let Some(queued) = queued.filter(|queued| is_deep(queued.block)) else { return false };
        let chain = self.chain.clone();
        let open = self.open(view);
        match open.draft.message(&chain, queued) {
            Ok(()) => {}
            Err(NotTaken::Full) => {
                open.is_full = true;
                return false;
            }
            Err(NotTaken::NotNext) => return false,
        }
        if let Message::L1Key { account, .. } = queued.message
            && !self.pool.is_replayed()
            && self.pool.first(account).is_some()
        {
            // What is applied again may have been signed with a key that comes only later in the queue.
            let mut later = view.messages.iter().rev().take_while(|later| later.index > queued.index);
            let is_again =
                |message: &Message| matches!(message, Message::L1Key { account: other, .. } if *other == account);
            if !later.any(|later| is_again(&later.message)) {
                self.give_up_other_keys(account, gone);
            }
        }
        true
    }

    /// Gives up what waits of an account and its present key did not sign: whoever sets another key is rid of what the old one signed.
    fn give_up_other_keys(&mut self, account: Address, gone: &mut Gone) {
        let Some(key_hash) = self.state().get(Key::eth(account)).map(|leaf| leaf.session_hash) else { return };
        for signed in self.pool.remove_other_keys(account, key_hash) {
            gone.push((signed.hash, format!("the key that signed is not the session key of {account} any more")));
        }
    }

    /// Takes what waits and whose turn it is, in the order in which it came, so that it finds what was paid before it. What the ledger refuses is `gone`, or waits on if
    /// there is no such.
    fn take_operations(&mut self, view: &L1View, mut gone: Option<&mut Gone>) {
        let mut turns: BinaryHeap<_> = self.pool.heads().map(Reverse).collect();
        while let Some(Reverse((_, sender))) = turns.pop() {
            let Some(signed) = self.pool.first(sender).map(|(_, signed)| signed.clone()) else { continue };
            let next = self.state().get(Key::eth(sender)).map_or(0, |leaf| leaf.nonce);
            if signed.nonce() > next {
                continue;
            }
            if self.is_full() {
                return;
            }
            // What was admitted under a lower quote is held to what was signed.
            let price = self.config.gas_price.min(signed.operation.max_fee_per_gas);
            let open = self.open(view);
            match open.draft.operation(&signed, price) {
                Err(Refused::BatchFull { .. }) if !open.draft.is_empty() => {
                    open.is_full = true;
                    return;
                }
                Ok(()) => {}
                Err(refused) => match gone.as_deref_mut() {
                    Some(gone) => gone.push((signed.hash, refused.to_string())),
                    None => continue,
                },
            }
            self.pool.remove(sender, signed.nonce());
            turns.extend(self.pool.first(sender).map(|(sequence, _)| Reverse((sequence, sender))));
        }
    }

    /// Takes operations out of the journal, and remembers why.
    pub(super) fn drop_all(&mut self, gone: Gone) -> Result<(), EngineError> {
        if gone.is_empty() {
            return Ok(());
        }
        self.store.journal_remove(&gone.iter().map(|(hash, _)| *hash).collect::<Vec<_>>())?;
        for (hash, reason) in &gone {
            info!(%hash, %reason, "transaction dropped");
        }
        self.dropped.extend(gone);
        Ok(())
    }

    /// Gives up what has waited for too long for a nonce before its own.
    pub(super) fn expire_waiting(&mut self) -> Result<(), EngineError> {
        if self.clock.since(self.looked_through) < LOOK_THROUGH_EVERY {
            return Ok(());
        }
        self.looked_through = self.clock.moment();
        let after_s = self.config.mempool.expiry_s;
        let state = self.open.as_ref().map_or(self.tip.state.as_ref(), |open| open.draft.state());
        let next = |sender| state.get(Key::eth(sender)).map_or(0, |leaf| leaf.nonce);
        let gone = self.pool.expire(self.clock.ago(Duration::from_secs(after_s)), next);
        if gone.is_empty() {
            return Ok(());
        }
        let reason = |signed: &Signed| format!("waited {after_s} s for a nonce before {}", signed.nonce());
        self.drop_all(gone.iter().map(|signed| (signed.hash, reason(signed))).collect())?;
        self.publish()
    }

    /// Closes the open batch when it is old enough, prover or not.
    pub(super) fn close_if_due(&mut self) -> Result<(), EngineError> {
        let is_due = self.open.as_ref().is_some_and(|open| self.clock.since(open.since) >= self.config.open_max);
        if is_due && self.has_room() && self.close("due")? {
            self.fill()?;
            self.publish()?;
        }
        Ok(())
    }

    /// Closes the open batch: the block and the removal from the journal are one atomic write. False if there is nothing in it.
    pub(super) fn close(&mut self, why: &'static str) -> Result<bool, EngineError> {
        let Some(open) = self.open.take().filter(|open| !open.draft.is_empty()) else { return Ok(false) };
        let sealed = open.draft.seal();
        self.extend(&sealed.block)?;
        let Block { number, hash, queue_end, .. } = sealed.block;
        let transactions = sealed.block.transactions.as_ref().map_or(0, Vec::len);
        info!(batch = number, %hash, transactions, queue_end, waiting = self.closed.len() + 1, why, "batch closed");
        self.push_closed(sealed)?;
        Ok(true)
    }

    /// Puts a batch that the store has behind the closed ones.
    pub(super) fn push_closed(&mut self, sealed: Sealed) -> Result<(), EngineError> {
        let start = sealed.next();
        let Sealed { block, state, segments, circuits } = sealed;
        let (state, proven) = (Arc::new(state), self.store.proven(block.hash)?);
        self.tip = Tip { start, state: state.clone(), timestamp: block.timestamp };
        self.closed.push_back(Closed { block: Arc::new(block), segments, circuits, state, proven, handed_at: None });
        Ok(())
    }

    /// Adds a block to the store's chain.
    pub(super) fn extend(&self, block: &Block) -> Result<(), EngineError> {
        let transactions: Vec<_> = block.transactions.iter().flatten().map(|transaction| transaction.hash).collect();
        let new = NewBlock { number: block.number, hash: block.hash, block, transactions: &transactions };
        Ok(self.store.extend(new)?)
    }

    /// Takes the batches above a number off the chain; their operations wait again, before all others. The tip is for the caller to set.
    pub(super) fn unwind(&mut self, to: u64, why: &dyn Display) -> Result<(), EngineError> {
        let (head, _) = self.store.last()?;
        let (mut gone, mut waiting) = (Vec::new(), Vec::new());
        for number in (to..=head).skip(1) {
            for transaction in self.stored(number)?.transactions.into_iter().flatten() {
                gone.push(transaction.hash);
                if let Origin::Operation { envelope: bytes, .. } = transaction.origin {
                    waiting.push(Admitted { hash: transaction.hash, sender: transaction.from, bytes });
                }
            }
        }
        if head > to {
            warn!(from = head, to, operations = waiting.len(), %why, "closed batches are taken back, their operations wait again");
        }
        self.store.unwind(to, &gone, &waiting)?;
        self.closed.retain(|closed| closed.block.number <= to);
        self.open = None;
        Ok(())
    }

    /// The chain's block with a number.
    pub(super) fn stored(&self, number: u64) -> Result<Block, EngineError> {
        let missing = EngineError::BlockMissing { number };
        let Some(hash) = self.store.hash(number)? else { return Err(missing) };
        self.store.block(hash)?.ok_or(missing)
    }

    /// Fills the pool from the journal: what was acknowledged and is in no batch. What the open batch held is among it.
    pub(super) fn reload(&mut self) -> Result<(), EngineError> {
        self.open = None;
        self.pool.clear();
        self.pool.begin_replay();
        let mut gone = Gone::new();
        for Admitted { hash, sender, bytes } in self.store.journal()? {
            let next = self.tip.state.get(Key::eth(sender)).map_or(0, |leaf| leaf.nonce);
            match Signed::known(&bytes) {
                Ok(signed) if signed.nonce() >= next => self.pool.insert(Arc::new(signed), self.clock.moment()),
                Ok(signed) => gone.push((hash, format!("nonce {} was used, the account is at {next}", signed.nonce()))),
                Err(error) => gone.push((hash, error.to_string())),
            }
        }
        self.drop_all(gone)
    }

    /// Shows everybody how things stand.
    pub(super) fn publish(&mut self) -> Result<(), EngineError> {
        let (latest, latest_hash) = self.store.last()?;
        let settled = self.view.as_ref().map_or(0, L1View::last);
        let unproven = self.closed.iter().filter(|closed| closed.proven.is_none()).count() as u64;
        let queue_index = self.tip.start.queue_start;
        let heads = Heads { latest, latest_hash, settled, finalized: self.finalized, unproven, queue_index };
        let pending = self.open.as_ref().map(|open| Pending {
            number: self.tip.start.number,
            timestamp: open.draft.env().timestamp,
            transactions: open.draft.transactions().to_vec(),
        });
        let touched = self.open.as_ref().map(|open| open.draft.touched().clone()).unwrap_or_default();
        let (changes, dropped) = (self.pool.take_changes(), std::mem::take(&mut self.dropped));
        let (state, view) = (self.tip.state.clone(), self.view.as_ref());
        self.records.publish(|published| {
            (published.heads, published.pending, published.touched, published.latest) =
                (heads, pending, touched, state);
            published.apply(changes);
            dropped.into_iter().for_each(|(hash, reason)| published.drop(hash, reason));
            if let Some(view) = view {
                published.landed = view.batches.clone();
                published.ledger = Some(view.ledger.clone());
            }
        });
        Ok(())
    }
}
