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

use super::{Closed, Engine, EngineError, Open, Queue, Tip};
use crate::payments::{
    draft::{Draft, NotTaken, Sealed},
    dropped::Dropped,
    l1::L1View,
    records::{Block, Origin},
    signed::Signed,
    view::{Heads, Pending},
};

/// How often it is looked through what waits for what waits in vain.
const LOOK_THROUGH_EVERY: Duration = Duration::from_secs(5);

/// Operations that are given up, and why.
type Gone = Vec<(B256, Dropped)>;

impl Engine {
    /// Whether a further batch may close.
    pub(super) fn has_room(&self) -> bool {
        self.closed.len() < self.config.waiting_batches_max
    }

    /// Whether something did not fit into the open batch any more.
    pub(super) fn is_full(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.is_full)
    }

    /// Puts into batches what waits and fits. A full batch closes if there is room for it among the closed ones. A chain that has ended has no further batch.
    pub(super) fn fill(&mut self) -> Result<(), EngineError> {
        while let Some(view) = self.view.clone().filter(|view| view.frozen_at.is_none()) {
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
    /// all of those messages are taken they are tried before each, and what is refused waits on.
    fn take_all(&mut self, view: &L1View, gone: &mut Gone) {
        if let Some(replay) = self.replay {
            self.take_operations(view, None);
            while !self.is_full() && self.take_message(view, gone) {
                self.take_operations(view, None);
            }
            if self.is_full() || !self.is_replay_over(replay, view) {
                return;
            }
            self.end_replay();
            let senders: Vec<_> = self.pool.heads().map(|(_, sender)| sender).collect();
            senders.into_iter().for_each(|sender| self.give_up_other_keys(sender, gone));
        }
        while self.take_message(view, gone) {}
        self.take_operations(view, Some(gone));
    }

    /// The open batch, a new one if there is none.
    fn open(&mut self, view: &L1View) -> &mut Open {
        let (chain, rules, tip, clock) = (&self.chain, &self.rules, &self.tip, &self.clock);
        let operator = self.config.operator;
        self.open.get_or_insert_with(|| {
            let timestamp = view.head.timestamp.max(tip.timestamp);
            let env = Env { operator, timestamp };
            let draft = Draft::new(chain, rules, State::clone(&tip.state), tip.start, env);
            Open { draft, since: clock.moment(), is_full: false }
        })
    }

    /// Takes the next message of the queue, if it is deep enough and fits. Whether it did.
    fn take_message(&mut self, view: &L1View, gone: &mut Gone) -> bool {
        let queued = usize::try_from(self.queue().end).ok().and_then(|next| view.messages.get(next));
        let is_deep = |block: u64| block.saturating_add(self.config.l1_depth) <= view.head.id.number;
        let Some(queued) = queued.filter(|queued| is_deep(queued.block)) else { return false };
        let open = self.open(view);
        match open.draft.message(queued) {
            Ok(()) => {}
            Err(NotTaken::Full) => {
                open.is_full = true;
                return false;
            }
            Err(NotTaken::NotNext) => return false,
        }
        if let Message::L1Key { account, .. } = queued.message
            && self.replay.is_none()
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
        self.note_taken(self.queue());
        true
    }

    /// Gives up what waits of an account and its present key did not sign: whoever sets another key is rid of what the old one signed.
    fn give_up_other_keys(&mut self, account: Address, gone: &mut Gone) {
        let Some(key_hash) = self.state().get(Key::eth(account)).map(|leaf| leaf.session_hash) else { return };
        for signed in self.pool.remove_other_keys(account, key_hash) {
            gone.push((signed.hash, Dropped::OtherKey { account }));
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
                    Some(gone) => gone.push((signed.hash, refused.into())),
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
        let reason = |signed: &Signed| Dropped::Expired { nonce: signed.nonce(), after_s };
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
        let (state, proven) = (Arc::new(state), self.store.proven(block.hash, self.verifier)?);
        self.tip = Tip { start, state: state.clone(), timestamp: block.timestamp };
        let (block, since) = (Arc::new(block), self.clock.moment());
        self.closed.push_back(Closed { block, segments, circuits, state, since, proven, handed_at: None });
        Ok(())
    }

    /// Adds a block to the store's chain.
    pub(super) fn extend(&mut self, block: &Block) -> Result<(), EngineError> {
        self.note_taken(Queue { end: block.queue_end, hash: block.queue_hash });
        let transactions: Vec<_> = block.transactions.iter().flatten().map(|transaction| transaction.hash).collect();
        let new = NewBlock { number: block.number, hash: block.hash, block, transactions: &transactions };
        Ok(self.store.extend(new)?)
    }

    /// Takes the batches above a number off the chain, and the open one with them; their operations wait again, before all others. `tip` is where the next one begins from
    /// then on. Everybody is shown that at once: what was the newest block is not in the store any more.
    pub(super) fn unwind(&mut self, to: u64, tip: Tip, why: &dyn Display) -> Result<(), EngineError> {
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
        let taken_back = waiting.iter().filter_map(|admitted| Signed::known(&admitted.bytes).ok());
        let open = self.open.take();
        let of_open = open.iter().flat_map(|open| open.draft.operations()).cloned();
        let waits: Vec<Signed> = taken_back.chain(of_open).collect();
        self.store.unwind(to, &gone, &waiting)?;
        self.closed.retain(|closed| closed.block.number <= to);
        self.tip = tip;
        let now = self.clock.moment();
        waits.into_iter().for_each(|signed| self.pool.insert(Arc::new(signed), now));
        self.publish()
    }

    /// The chain's block with a number.
    pub(super) fn stored(&self, number: u64) -> Result<Block, EngineError> {
        let missing = EngineError::BlockMissing { number };
        let Some(hash) = self.store.hash(number)? else { return Err(missing) };
        self.store.block(hash)?.ok_or(missing)
    }

    /// Fills the pool from the journal: what was acknowledged and is in no batch. What the open batch held is among it. `head` is L1's newest block.
    pub(super) fn reload(&mut self, head: u64) -> Result<(), EngineError> {
        self.open = None;
        self.pool.clear();
        self.begin_replay(head);
        let mut gone = Gone::new();
        for Admitted { hash, sender, bytes } in self.store.journal()? {
            let next = self.tip.state.get(Key::eth(sender)).map_or(0, |leaf| leaf.nonce);
            match Signed::known(&bytes) {
                Ok(signed) if signed.nonce() >= next => self.pool.insert(Arc::new(signed), self.clock.moment()),
                Ok(signed) => gone.push((hash, Dropped::NonceUsed { nonce: signed.nonce(), next })),
                Err(error) => gone.push((hash, error.into())),
            }
        }
        self.drop_all(gone)
    }

    /// Shows everybody how things stand.
    pub(super) fn publish(&mut self) -> Result<(), EngineError> {
        let (latest, latest_hash) = self.store.last()?;
        let (unproven, queue_index) = (self.unproven() as u64, self.tip.start.queue_start);
        // While batches of L1 are taken over there are fewer here than L1 has, or had.
        let settled = self.view.as_ref().map_or(0, L1View::last).min(latest);
        let finalized = self.finalized.min(latest);
        let heads = Heads { latest, latest_hash, settled, finalized, unproven, queue_index };
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
                published.next = Some(view.next);
                published.frozen_at = view.frozen_at;
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tandem_chain::{ChainConfig, ChainKind};
    use tandem_l1::{
        BlockRef, L1Header,
        payments::{EntryRules, Ledger, QueuedRecord},
    };
    use tandem_payments::{
        batch::Circuits,
        content::queue_hash,
        data::bytes,
        eddsa::{SecretKey, SessionTransaction},
        field::integer,
        operation::{Call, Operation},
    };
    use tandem_store::{Options, SequencedStore};
    use tokio::sync::{Notify, oneshot};

    use super::*;
    use crate::{
        clock::Clock,
        mempool::MempoolLimits,
        payments::{
            engine::{EngineConfig, submissions::Submissions},
            l1::{Landed, LandedBatches, NextRules},
            view::{Moment, Place},
        },
    };

    const ALICE: Address = Address::repeat_byte(0xaa);
    const BOB: Address = Address::repeat_byte(0xb0);
    const PRICE: u64 = 1_000_000_000;

    fn chain() -> ChainConfig {
        ChainConfig { kind: ChainKind::Payments, ..tandem_support::config() }
    }

    fn key() -> SecretKey {
        SecretKey::from_seed(B256::repeat_byte(9))
    }

    /// L1 with an ether and a session key for Alice in its queue, and no batch.
    fn view() -> L1View {
        let (chain, ledger) = (chain(), Ledger::genesis(&chain()));
        let queue = [
            Message::Deposit { key: Key::eth(ALICE), amount: 1_000_000_000_000_000_000 },
            Message::L1Key { account: ALICE, key: integer(key().public().hash()) },
        ];
        let queued = |(index, message): (usize, &Message)| QueuedRecord {
            index: index as u64,
            queue_hash: queue_hash(B256::ZERO, &queue[..=index]),
            record: bytes(&message.encode()).into(),
            message: *message,
            block: 1,
        };
        let entry = EntryRules {
            config_hash: chain.hash(),
            keys_hash: B256::ZERO,
            messages_max: 64,
            message_gas_max: 32_000_000,
            age_max_s: 3_600,
        };
        let id = BlockRef { number: 9, hash: B256::repeat_byte(9) };
        let timestamp = chain.genesis_timestamp + 100;
        L1View {
            head: L1Header { id, parent_hash: B256::ZERO, timestamp, base_fee: 1 },
            finalized: 0,
            messages: queue.iter().enumerate().map(queued).collect(),
            batches: [Landed::genesis(&chain)].into_iter().collect::<LandedBatches>(),
            ledger: Arc::new(ledger),
            next: NextRules { entry, circuits: Circuits::STANDARD },
            frozen_at: None,
        }
    }

    fn config() -> EngineConfig {
        EngineConfig {
            operator: Address::repeat_byte(0x0e),
            gas_price: PRICE,
            waiting_batches_max: 8,
            open_max: Duration::from_secs(12),
            l1_depth: 0,
            forced_window_s: 3_600,
            batch_proofs_max: 64,
            mempool: MempoolLimits::DEFAULT,
        }
    }

    /// Has the engine acknowledge a transfer of Alice's.
    fn send(engine: &mut Engine, nonce: u64) -> B256 {
        let (chain, call) = (chain(), Call::Transfer { recipient: BOB, amount: 7 });
        let operation =
            Operation { sender: ALICE, nonce, call, gas_limit: 100_000, max_fee_per_gas: PRICE, expiry: u64::MAX };
        let sent = SessionTransaction::sign(chain.l2_chain_id, chain.hash(), operation, &key()).unwrap();
        let (mut group, (reply, mut answer)) = (Submissions::default(), oneshot::channel());
        engine.admit(Signed::read(&chain, &sent.encode()).unwrap(), reply, &mut group);
        engine.acknowledge(&mut group).unwrap();
        assert_eq!(answer.try_recv().unwrap(), Ok(sent.hash()));
        sent.hash()
    }

    /// Tests PAY-LIMITS: one prover makes a batch before its time runs out, and before a message is overdue that came after it was closed.
    #[test]
    fn a_batch_has_no_more_proofs_than_are_made_in_time() {
        let proofs = |forced_window_s, age_max_s| {
            let mut next = view().next;
            next.entry.age_max_s = age_max_s;
            EngineConfig { forced_window_s, ..config() }.rules(&next).limits.apply_proofs_max
        };
        assert_eq!(
            [proofs(120, 3_600), proofs(3_600, 120), proofs(3_600, 3_600), proofs(86_400, 86_400)],
            [1, 1, 50, 64]
        );
    }

    /// Between the moment at which batches leave the store and that at which what they held is in others, which takes as long as applying it, nobody is shown a newest block
    /// that is not there, or that what was acknowledged is unknown.
    #[test]
    fn what_is_taken_back_is_shown_before_it_is_applied_again() {
        let directory = tempfile::tempdir().unwrap();
        let store = SequencedStore::open(directory.path(), &chain(), Options { sync: false }).unwrap();
        let (mut engine, _handle, records) =
            Engine::new(chain(), config(), store, Clock::system(), Arc::new(Notify::new()));
        engine.follow(view()).unwrap();
        let closed = send(&mut engine, 0);
        assert!(engine.close("full").unwrap());
        let open = send(&mut engine, 1);
        assert!(matches!(records.transaction(closed).unwrap(), Some(Place::Block(block, 2)) if block.number == 1));
        assert!(matches!(records.transaction(open).unwrap(), Some(Place::Pending(_, 0))));

        engine.take_back(1, &"L1 does not take it any more").unwrap();
        let heads = records.heads();
        assert_eq!((heads.latest, heads.latest_hash, heads.unproven), (0, chain().hash(), 0));
        assert_eq!((records.hash(1).unwrap(), records.pending()), (None, None));
        for moment in [Moment::Latest, Moment::Pending] {
            assert_eq!(records.leaf(Key::eth(BOB), moment), None);
        }
        for hash in [closed, open] {
            assert!(matches!(records.transaction(hash).unwrap(), Some(Place::Waiting(_))));
        }
        engine.fill().unwrap();
        engine.publish().unwrap();
        for (hash, expected) in [(closed, 2), (open, 3)] {
            let place = records.transaction(hash).unwrap();
            assert!(matches!(&place, Some(Place::Pending(_, index)) if *index == expected), "{place:?}");
        }
    }
}
