//! Transactions that wait for a block: per sender in nonce order, between senders by what they pay.
//!
//! A plain data structure, owned by the engine. Everything in it comes from users; limits bound what one sender and all together hold.

mod dropped;
mod limits;
mod refused;
mod standing;
mod view;

pub use dropped::Dropped;
pub(crate) use dropped::RecentDrops;
pub use limits::{MempoolLimits, flag};
pub use refused::{Refused, words};
pub use standing::{Counts, Standing};
pub use view::{Change, Fate, PoolView};

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use alloy::primitives::{Address, B256, U256};
use tandem_evm::{Recovered, payload::bytes_max};

use crate::clock::{Clock, Moment};

/// A full pool makes room for this part of itself at once.
const EVICTED_SHARE: usize = 100;

/// What a transaction occupies beside its own bytes: maps, keys, copies.
const ENTRY_BYTES: usize = 512;

/// A transaction that waits, with what it is ranked by.
#[derive(Clone, Debug)]
struct Waiting {
    transaction: Arc<Recovered>,
    /// The most that it takes from its sender, in wei.
    cost: U256,
    tip_max: u128,
    fee_max: u128,
    /// Order of admission, which decides between equals.
    arrival: u64,
    /// Bytes of memory that it occupies.
    bytes: usize,
    /// Since when no block could take it; none while one could, and until it is looked at.
    stuck_since: Option<Moment>,
}

/// Bytes of memory that a transaction takes, about.
fn memory_bytes(transaction: &Recovered) -> usize {
    ENTRY_BYTES + bytes_max(transaction.transaction())
}

impl Waiting {
    fn new(transaction: Arc<Recovered>, cost: U256, arrival: u64) -> Self {
        let fields = transaction.transaction().fields();
        let fee_max = fields.max_fee_per_gas();
        Self {
            tip_max: fields.max_priority_fee_per_gas().unwrap_or(fee_max),
            fee_max,
            arrival,
            bytes: memory_bytes(&transaction),
            stuck_since: None,
            cost,
            transaction,
        }
    }

    fn hash(&self) -> B256 {
        *self.transaction.transaction().hash()
    }
}

/// What a sender has waiting, by nonce.
#[derive(Default)]
struct Queue {
    by_nonce: BTreeMap<u64, Waiting>,
    /// Nonce of the account at the head.
    next: u64,
}

/// What a full pool keeps: first what can be executed in nonce order, then what pays more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Worth {
    is_executable: bool,
    fee_max: u128,
}

impl Queue {
    /// The last transaction, the only one that can go without leaving a gap, and what it is worth.
    fn tail(&self) -> Option<(Worth, &Waiting)> {
        let (nonce, waiting) = self.by_nonce.last_key_value()?;
        let is_executable = nonce.saturating_sub(self.next) < self.by_nonce.len() as u64;
        Some((Worth { is_executable, fee_max: waiting.fee_max }, waiting))
    }
}

/// Transactions that wait for a block, by sender and nonce.
pub struct Mempool {
    limits: MempoolLimits,
    senders: HashMap<Address, Queue>,
    hashes: HashMap<B256, (Address, u64)>,
    arrivals: u64,
    /// Sum over all that wait.
    bytes: usize,
}

impl Mempool {
    /// A pool without transactions, with these limits.
    pub fn new(limits: MempoolLimits) -> Self {
        Self { limits, senders: HashMap::new(), hashes: HashMap::new(), arrivals: 0, bytes: 0 }
    }

    /// How many transactions wait.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether no transaction waits.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// The waiting transaction with this hash.
    pub fn get(&self, hash: &B256) -> Option<&Arc<Recovered>> {
        let (sender, nonce) = self.hashes.get(hash)?;
        Some(&self.senders.get(sender)?.by_nonce.get(nonce)?.transaction)
    }

    /// Refuses what is known already, is too large, or has a nonce that is not near its account's next one.
    pub fn check(&self, transaction: &Recovered, next: u64) -> Result<(), Refused> {
        let nonce = transaction.transaction().fields().nonce();
        if self.hashes.contains_key(transaction.transaction().hash()) {
            return Err(Refused::AlreadyKnown);
        }
        let (bytes, limit) = (transaction.transaction().encode_2718().len(), self.limits.transaction_bytes_max);
        if bytes > limit {
            return Err(Refused::TooLarge { bytes, limit });
        }
        if nonce < next {
            return Err(Refused::NonceTooLow { next, nonce });
        }
        if nonce - next > self.limits.nonce_gap_max {
            return Err(Refused::NonceTooHigh { next, nonce });
        }
        Ok(())
    }

    /// Takes a transaction of an account whose nonce and balance these are; `cost` is the most it may cost, which the balance must cover beside
    /// everything else that waits of this sender. Returns what it displaces: the one with its nonce, or those that are worth less in a full pool.
    pub fn insert(
        &mut self,
        transaction: Arc<Recovered>,
        next: u64,
        balance: U256,
        cost: U256,
    ) -> Result<Vec<(B256, Dropped)>, Refused> {
        self.check(&transaction, next)?;
        let (sender, by) = (transaction.signer(), *transaction.transaction().hash());
        let nonce = transaction.transaction().fields().nonce();
        let queued = self.queued_cost(&sender, nonce);
        if balance < cost.saturating_add(queued) {
            return Err(Refused::InsufficientFunds { balance, cost, queued });
        }
        let waiting = Waiting::new(transaction, cost, self.arrivals);
        let displaced = match self.check_place(sender, nonce, &waiting)? {
            Some(replaced) => vec![(replaced, Dropped::Replaced { by })],
            None if self.hashes.len() < self.limits.transactions_max && self.fits(waiting.bytes, 0) => Vec::new(),
            None => {
                let displaced = self.make_room(sender, next, nonce, &waiting)?;
                displaced.into_iter().map(|hash| (hash, Dropped::Displaced { by })).collect()
            }
        };
        for (hash, _) in &displaced {
            self.remove(hash);
        }
        self.put(waiting, next);
        Ok(displaced)
    }

    /// Takes back a transaction that was accepted before, whatever the limits say now: what was acknowledged is not forgotten. `next` is the
    /// nonce of its account. Returns what is gone: itself if the account is past it, or the one with its nonce that was accepted before it.
    pub fn restore(&mut self, transaction: Arc<Recovered>, next: u64, cost: U256) -> Option<(B256, Dropped)> {
        let hash = *transaction.transaction().hash();
        if transaction.transaction().fields().nonce() < next {
            return Some((hash, Dropped::NonceUsed { next }));
        }
        if self.hashes.contains_key(&hash) {
            return None;
        }
        let replaced = self.put(Waiting::new(transaction, cost, self.arrivals), next)?;
        Some((replaced, Dropped::Replaced { by: hash }))
    }

    /// Puts a transaction in its place. Returns the one that had it.
    fn put(&mut self, waiting: Waiting, next: u64) -> Option<B256> {
        let (sender, nonce) = (waiting.transaction.signer(), waiting.transaction.transaction().fields().nonce());
        self.arrivals += 1;
        self.bytes += waiting.bytes;
        self.hashes.insert(waiting.hash(), (sender, nonce));
        let queue = self.senders.entry(sender).or_default();
        queue.next = next;
        let before = queue.by_nonce.insert(nonce, waiting)?;
        self.bytes -= before.bytes;
        self.hashes.remove(&before.hash());
        Some(before.hash())
    }

    /// The most that a sender's waiting transactions may cost in wei, but for the one with `nonce`.
    fn queued_cost(&self, sender: &Address, nonce: u64) -> U256 {
        let queue = self.senders.get(sender).into_iter().flat_map(|queue| &queue.by_nonce);
        let others = queue.filter(|(other, _)| **other != nonce);
        others.fold(U256::ZERO, |sum, (_, waiting)| sum.saturating_add(waiting.cost))
    }

    /// Whether so many bytes more are within the limit once so many are gone.
    fn fits(&self, bytes: usize, freed: usize) -> bool {
        self.bytes.saturating_sub(freed).saturating_add(bytes) <= self.limits.bytes_max
    }

    /// Whether nonces from the account's next one up to `nonce` all wait.
    fn follows(&self, sender: &Address, next: u64, nonce: u64) -> bool {
        self.pending_nonce(sender, next) >= nonce
    }

    /// Which transactions a better one of `sender` displaces from the full pool: a hundredth of all at once, so that the search is rare.
    fn make_room(&self, sender: Address, next: u64, nonce: u64, new: &Waiting) -> Result<Vec<B256>, Refused> {
        let worth = Worth { is_executable: self.follows(&sender, next, nonce), fee_max: new.fee_max };
        let others = self.senders.iter().filter(|(other, _)| **other != sender);
        let mut tails: Vec<(Worth, B256, usize)> = others
            .filter_map(|(_, queue)| queue.tail())
            .filter(|(tail, _)| *tail < worth)
            .map(|(tail, waiting)| (tail, waiting.hash(), waiting.bytes))
            .collect();
        tails.sort_unstable();
        let share = self.limits.transactions_max.div_ceil(EVICTED_SHARE);
        let (mut displaced, mut freed) = (Vec::new(), 0);
        for (_, hash, bytes) in tails {
            if displaced.len() >= share && self.fits(new.bytes, freed) {
                break;
            }
            displaced.push(hash);
            freed += bytes;
        }
        if displaced.is_empty() || !self.fits(new.bytes, freed) { Err(Refused::PoolFull) } else { Ok(displaced) }
    }

    fn check_place(&self, sender: Address, nonce: u64, new: &Waiting) -> Result<Option<B256>, Refused> {
        let queue = self.senders.get(&sender);
        if let Some(old) = queue.and_then(|queue| queue.by_nonce.get(&nonce)) {
            let bumped = |fee: u128| {
                fee.saturating_add(fee.saturating_mul(self.limits.replacement_bump_percent) / 100)
                    .max(fee.saturating_add(1))
            };
            if new.fee_max < bumped(old.fee_max) || new.tip_max < bumped(old.tip_max) {
                return Err(Refused::Underpriced);
            }
            return Ok(Some(old.hash()));
        }
        let limit = self.limits.per_sender_max;
        if queue.is_some_and(|queue| queue.by_nonce.len() >= limit) {
            return Err(Refused::SenderFull { limit });
        }
        Ok(None)
    }

    /// Nonce that the sender's next transaction should have, counting what waits without a gap.
    pub fn pending_nonce(&self, sender: &Address, account_nonce: u64) -> u64 {
        let Some(queue) = self.senders.get(sender) else { return account_nonce };
        (account_nonce..)
            .zip(queue.by_nonce.range(account_nonce..))
            .find(|(expected, (nonce, _))| expected != *nonce)
            .map_or_else(|| account_nonce + queue.by_nonce.range(account_nonce..).count() as u64, |(gap, _)| gap)
    }

    /// Executable transactions, best paying first, each sender's in nonce order.
    pub fn best(&self, base_fee: u64) -> Best<'_> {
        let mut heads = BTreeSet::new();
        for (sender, queue) in &self.senders {
            if let Some(waiting) = queue.by_nonce.get(&queue.next) {
                heads.extend(rank(*sender, queue.next, waiting, base_fee));
            }
        }
        Best { pool: self, heads, base_fee }
    }

    /// Forgets a sender's transactions below its account's new nonce. Returns what was forgotten.
    pub fn advance(&mut self, sender: Address, next: u64) -> Vec<B256> {
        let Some(queue) = self.senders.get_mut(&sender) else { return Vec::new() };
        queue.next = next;
        let kept = queue.by_nonce.split_off(&next);
        let gone: Vec<Waiting> = std::mem::replace(&mut queue.by_nonce, kept).into_values().collect();
        if queue.by_nonce.is_empty() {
            self.senders.remove(&sender);
        }
        for waiting in &gone {
            self.bytes -= waiting.bytes;
            self.hashes.remove(&waiting.hash());
        }
        gone.iter().map(Waiting::hash).collect()
    }

    /// Forgets one transaction; tells whose it was.
    pub fn remove(&mut self, hash: &B256) -> Option<Address> {
        let (sender, nonce) = self.hashes.remove(hash)?;
        let queue = self.senders.get_mut(&sender)?;
        self.bytes -= queue.by_nonce.remove(&nonce)?.bytes;
        if queue.by_nonce.is_empty() {
            self.senders.remove(&sender);
        }
        Some(sender)
    }

    /// Looks at what no block can take at this base fee, and forgets what was so for `max`. Returns what was forgotten. As long as blocks can take
    /// a transaction it stays, however long there are none.
    pub fn expire(&mut self, base_fee: u64, clock: &Clock, max: Duration) -> Vec<B256> {
        let (now, mut expired) = (clock.moment(), Vec::new());
        for queue in self.senders.values_mut() {
            let mut follows = queue.next;
            for (nonce, waiting) in &mut queue.by_nonce {
                let is_next = *nonce == follows && waiting.fee_max >= u128::from(base_fee);
                if is_next {
                    follows = follows.saturating_add(1);
                    waiting.stuck_since = None;
                } else if clock.since(*waiting.stuck_since.get_or_insert(now)) >= max {
                    expired.push(waiting.hash());
                }
            }
        }
        for hash in &expired {
            self.remove(hash);
        }
        expired
    }

    /// Forgets all transactions, without a word to anybody.
    pub fn clear(&mut self) {
        self.senders.clear();
        self.hashes.clear();
        self.bytes = 0;
    }

    /// Whether any transaction could be executed at this base fee.
    pub fn has_executable(&self, base_fee: u64) -> bool {
        self.senders
            .values()
            .any(|queue| queue.by_nonce.get(&queue.next).is_some_and(|waiting| waiting.fee_max >= u128::from(base_fee)))
    }

    /// How a sender's waiting transactions stand, if it has any.
    pub fn standing(&self, sender: &Address) -> Option<Standing> {
        let queue = self.senders.get(sender)?;
        let pending_nonce = self.pending_nonce(sender, queue.next);
        let executable = usize::try_from(pending_nonce.saturating_sub(queue.next)).unwrap_or(usize::MAX);
        Some(Standing { pending_nonce, executable, waiting: queue.by_nonce.len() })
    }

    /// How every sender's stand.
    pub fn standings(&self) -> Vec<(Address, Standing)> {
        self.senders.keys().filter_map(|sender| Some((*sender, self.standing(sender)?))).collect()
    }

    /// Every waiting transaction, in no order.
    pub fn transactions(&self) -> Vec<Arc<Recovered>> {
        let all = self.senders.values().flat_map(|queue| queue.by_nonce.values());
        all.map(|waiting| waiting.transaction.clone()).collect()
    }
}

/// Sorts last what should be executed first.
type Rank = (u128, std::cmp::Reverse<u64>, Address, u64);

fn rank(sender: Address, nonce: u64, waiting: &Waiting, base_fee: u64) -> Option<Rank> {
    let above = waiting.fee_max.checked_sub(u128::from(base_fee))?;
    Some((above.min(waiting.tip_max), std::cmp::Reverse(waiting.arrival), sender, nonce))
}

/// The transactions in the order of [`Mempool::best`].
pub struct Best<'a> {
    pool: &'a Mempool,
    heads: BTreeSet<Rank>,
    base_fee: u64,
}

impl Best<'_> {
    /// Makes the transaction after `executed` of the same sender available.
    pub fn follow(&mut self, executed: &Recovered) {
        let (sender, nonce) = (executed.signer(), executed.transaction().fields().nonce().saturating_add(1));
        if let Some(waiting) = self.pool.senders.get(&sender).and_then(|queue| queue.by_nonce.get(&nonce)) {
            self.heads.extend(rank(sender, nonce, waiting, self.base_fee));
        }
    }
}

impl Iterator for Best<'_> {
    type Item = Arc<Recovered>;

    fn next(&mut self) -> Option<Arc<Recovered>> {
        let (_, _, sender, nonce) = self.heads.pop_last()?;
        Some(self.pool.senders.get(&sender)?.by_nonce.get(&nonce)?.transaction.clone())
    }
}

#[cfg(test)]
mod tests;
