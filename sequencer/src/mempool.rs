//! Transactions that wait for a block: per sender in nonce order, between senders by what they pay.
//!
//! A plain data structure, owned by the engine. Everything in it comes from users; limits bound what one sender and all together hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use alloy::primitives::{Address, B256, U256};
use tandem_evm::{Recovered, payload::bytes_max};

/// A full pool makes room for this part of itself at once.
const EVICTED_SHARE: usize = 100;

/// What a transaction occupies beside its own bytes: maps, keys, copies.
const ENTRY_BYTES: usize = 512;

/// How much waits at most.
#[derive(Clone, Copy, Debug, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct MempoolLimits {
    /// Transactions in all.
    pub transactions_max: usize,
    /// Memory of all of them, in bytes.
    pub bytes_max: usize,
    /// Transactions of one sender.
    pub per_sender_max: usize,
    /// Bytes of one transaction.
    pub transaction_bytes_max: usize,
    /// How far ahead of the account's nonce a transaction may be.
    pub nonce_gap_max: u64,
    /// By how many percent a replacement must pay more.
    pub replacement_bump_percent: u128,
}

impl Default for MempoolLimits {
    fn default() -> Self {
        Self {
            transactions_max: 20_000,
            bytes_max: 64 << 20,
            per_sender_max: 256,
            transaction_bytes_max: 98_304,
            nonce_gap_max: 256,
            replacement_bump_percent: 10,
        }
    }
}

/// Why a transaction is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Known by its hash.
    #[error("already known")]
    AlreadyKnown,
    /// The account is past it.
    #[error("nonce too low: next nonce {next}, tx nonce {nonce}")]
    NonceTooLow {
        /// Of the account.
        next: u64,
        /// Of the transaction.
        nonce: u64,
    },
    /// More bytes than a batch should spend on one.
    #[error("oversized data: transaction of {bytes} bytes, at most {limit} are taken")]
    TooLarge {
        /// Of the transaction.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Too far ahead.
    #[error("nonce too high: next nonce {next}, tx nonce {nonce}")]
    NonceTooHigh {
        /// Of the account.
        next: u64,
        /// Of the transaction.
        nonce: u64,
    },
    /// The one with the same nonce pays as much.
    #[error("replacement transaction underpriced")]
    Underpriced,
    /// Cannot pay for gas and value.
    #[error("insufficient funds for gas * price + value: balance {balance}, cost {cost}")]
    InsufficientFunds {
        /// Of the sender, in wei.
        balance: U256,
        /// Most that the transaction may cost, in wei.
        cost: U256,
    },
    /// Sender holds its share of the pool.
    #[error("{limit} transactions of this sender wait already")]
    SenderFull {
        /// The limit.
        limit: usize,
    },
    /// The pool is full of transactions that can be executed and pay as much.
    #[error("transaction pool is full: a higher fee, or a nonce without a gap before it, makes room")]
    PoolFull,
}

/// One waiting transaction.
#[derive(Clone, Debug)]
struct Waiting {
    transaction: Recovered,
    tip_max: u128,
    fee_max: u128,
    /// Order of admission, which decides between equals.
    arrival: u64,
    /// What it occupies.
    bytes: usize,
}

impl Waiting {
    fn new(transaction: Recovered, arrival: u64) -> Self {
        let fields = transaction.transaction().fields();
        let fee_max = fields.max_fee_per_gas();
        Self {
            tip_max: fields.max_priority_fee_per_gas().unwrap_or(fee_max),
            fee_max,
            arrival,
            bytes: ENTRY_BYTES + bytes_max(transaction.transaction()),
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

/// Counts, as `txpool_status` shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Executable in nonce order.
    pub pending: usize,
    /// Behind a gap.
    pub queued: usize,
}

/// The pool.
pub struct Mempool {
    limits: MempoolLimits,
    senders: HashMap<Address, Queue>,
    hashes: HashMap<B256, (Address, u64)>,
    arrivals: u64,
    /// Sum over all that wait.
    bytes: usize,
}

impl Mempool {
    /// An empty pool.
    pub fn new(limits: MempoolLimits) -> Self {
        Self { limits, senders: HashMap::new(), hashes: HashMap::new(), arrivals: 0, bytes: 0 }
    }

    /// Transactions waiting.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// A waiting transaction.
    pub fn get(&self, hash: &B256) -> Option<&Recovered> {
        let (sender, nonce) = self.hashes.get(hash)?;
        Some(&self.senders.get(sender)?.by_nonce.get(nonce)?.transaction)
    }

    /// Takes a transaction of an account whose nonce and balance these are; `cost` is the most it may cost. Returns what it displaces: the one
    /// with its nonce, or those that are worth less in a full pool.
    pub fn insert(
        &mut self,
        transaction: Recovered,
        next: u64,
        balance: U256,
        cost: U256,
    ) -> Result<Vec<B256>, Refused> {
        let (sender, hash) = (transaction.signer(), *transaction.transaction().hash());
        let fields = transaction.transaction().fields();
        let nonce = fields.nonce();
        if self.hashes.contains_key(&hash) {
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
        if balance < cost {
            return Err(Refused::InsufficientFunds { balance, cost });
        }
        let waiting = Waiting::new(transaction, self.arrivals);
        let displaced = match self.check_place(sender, nonce, &waiting)? {
            Some(replaced) => vec![replaced],
            None if self.hashes.len() < self.limits.transactions_max && self.fits(waiting.bytes, 0) => Vec::new(),
            None => self.make_room(sender, next, nonce, &waiting)?,
        };
        for hash in &displaced {
            self.remove(hash);
        }
        self.put(waiting, next);
        Ok(displaced)
    }

    /// Takes back a transaction that was accepted before, whatever the limits say now: what was acknowledged is not forgotten. `next` is the
    /// nonce of its account. False if the account is past it.
    pub fn restore(&mut self, transaction: Recovered, next: u64) -> bool {
        let nonce = transaction.transaction().fields().nonce();
        if nonce >= next && !self.hashes.contains_key(transaction.transaction().hash()) {
            self.put(Waiting::new(transaction, self.arrivals), next);
        }
        nonce >= next
    }

    fn put(&mut self, waiting: Waiting, next: u64) {
        let (sender, nonce) = (waiting.transaction.signer(), waiting.transaction.transaction().fields().nonce());
        self.arrivals += 1;
        self.bytes += waiting.bytes;
        self.hashes.insert(waiting.hash(), (sender, nonce));
        let queue = self.senders.entry(sender).or_default();
        queue.next = next;
        if let Some(before) = queue.by_nonce.insert(nonce, waiting) {
            self.bytes -= before.bytes;
            self.hashes.remove(&before.hash());
        }
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

    /// Forgets everything, returning it in order of admission.
    pub fn drain(&mut self) -> Vec<Recovered> {
        let mut all: Vec<Waiting> = self.senders.drain().flat_map(|(_, queue)| queue.by_nonce.into_values()).collect();
        self.hashes.clear();
        self.bytes = 0;
        all.sort_by_key(|waiting| waiting.arrival);
        all.into_iter().map(|waiting| waiting.transaction).collect()
    }

    /// Whether any transaction could be executed at this base fee.
    pub fn has_executable(&self, base_fee: u64) -> bool {
        self.senders
            .values()
            .any(|queue| queue.by_nonce.get(&queue.next).is_some_and(|waiting| waiting.fee_max >= u128::from(base_fee)))
    }

    /// How many wait, with and without a gap before them.
    pub fn counts(&self) -> Counts {
        self.senders.iter().fold(Counts::default(), |counts, (sender, queue)| {
            let pending = (self.pending_nonce(sender, queue.next) - queue.next) as usize;
            Counts { pending: counts.pending + pending, queued: counts.queued + queue.by_nonce.len() - pending }
        })
    }

    /// Every waiting transaction with whether it is executable in nonce order, by sender and nonce.
    pub fn content(&self) -> Vec<(Recovered, bool)> {
        let mut all: Vec<_> = self
            .senders
            .iter()
            .flat_map(|(sender, queue)| {
                let gap = self.pending_nonce(sender, queue.next);
                queue.by_nonce.iter().map(move |(nonce, waiting)| (waiting.transaction.clone(), *nonce < gap))
            })
            .collect();
        all.sort_by_key(|(transaction, _)| (transaction.signer(), transaction.transaction().fields().nonce()));
        all
    }
}

/// Sorts last what should be executed first.
type Rank = (u128, std::cmp::Reverse<u64>, Address, u64);

fn rank(sender: Address, nonce: u64, waiting: &Waiting, base_fee: u64) -> Option<Rank> {
    let above = waiting.fee_max.checked_sub(u128::from(base_fee))?;
    Some((above.min(waiting.tip_max), std::cmp::Reverse(waiting.arrival), sender, nonce))
}

/// See [`Mempool::best`].
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
    type Item = Recovered;

    fn next(&mut self) -> Option<Recovered> {
        let (_, _, sender, nonce) = self.heads.pop_last()?;
        Some(self.pool.senders.get(&sender)?.by_nonce.get(&nonce)?.transaction.clone())
    }
}

#[cfg(test)]
mod tests;
