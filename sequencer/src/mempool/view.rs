//! The pool as everybody may read it: what waits, what is next for each sender, and what was dropped.
//!
//! The engine owns the pool and publishes every change here, in an order that leaves nothing unknown: a transaction is in the view before its hash
//! is answered, and leaves it only when the block that holds it can be read; when blocks are taken back, theirs enter it before that.
//!
//! ```text
//!   submission:   journal -> view -> answer
//!   inclusion:    store   -> head -> view
//!   taking back:  view    -> store -> head -> view (as the pool is then)
//! ```
//! So whoever asks the store, the view and the store again finds it ([`crate::rpc`] does).

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use alloy::primitives::{Address, B256};
use tandem_evm::Recovered;

use super::{Counts, Dropped, Mempool, Standing, dropped::RecentDrops, memory_bytes};
use crate::ring::Ring;

/// Bytes of the transactions that came lately and are remembered for who follows them.
const ARRIVALS_BYTES_MAX: usize = 32 << 20;

/// What is known of a transaction that no block holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Waits for a block.
    Waiting {
        /// The transaction that waits.
        transaction: Arc<Recovered>,
        /// The nonce that its sender's next transaction should have; what has a higher one waits behind a gap.
        pending_nonce: u64,
    },
    /// Was acknowledged and dropped.
    Dropped(Dropped),
}

/// What changes at once.
#[derive(Debug, Default)]
pub struct Change {
    /// Transactions that wait from now on.
    pub added: Vec<Arc<Recovered>>,
    /// Are in a block that can be read.
    pub included: Vec<B256>,
    /// Transactions that are gone, by hash, and why.
    pub dropped: Vec<(B256, Dropped)>,
    /// Senders whose account has another nonce now.
    pub advanced: BTreeSet<Address>,
}

/// The pool as the engine last published it.
///
/// A lock rather than messages, since no question may wait for a block, and none may hold one up. Every critical section is a few look-ups (a
/// change touches what it changes, [`PoolView::content`] copies as many pointers as its limit says), nothing blocks or allocates much inside one,
/// and waiting writers come before new readers. So the engine waits for microseconds however many ask.
#[derive(Debug)]
pub struct PoolView {
    published: RwLock<Published>,
    /// What came, in order. A transaction is in the view before it is here.
    arrivals: Arc<Ring<Arc<Recovered>>>,
}

#[derive(Debug)]
struct Published {
    waiting: HashMap<B256, Arc<Recovered>>,
    senders: HashMap<Address, Standing>,
    counts: Counts,
    dropped: RecentDrops<Dropped>,
    /// How often blocks were taken back.
    rewinds: u64,
}

impl PoolView {
    /// Nothing yet; remembers so many drops.
    pub fn new(dropped_max: usize) -> Self {
        let published = Published {
            waiting: HashMap::new(),
            senders: HashMap::new(),
            counts: Counts::default(),
            dropped: RecentDrops::new(dropped_max),
            rewinds: 0,
        };
        Self { published: RwLock::new(published), arrivals: Arc::new(Ring::new(ARRIVALS_BYTES_MAX)) }
    }

    /// What came, in order.
    pub fn arrivals(&self) -> Arc<Ring<Arc<Recovered>>> {
        self.arrivals.clone()
    }

    /// The waiting transaction with this hash.
    pub fn get(&self, hash: &B256) -> Option<Arc<Recovered>> {
        self.read().waiting.get(hash).cloned()
    }

    /// What is known of a transaction that no block holds; none if nothing is.
    pub fn fate(&self, hash: &B256) -> Option<Fate> {
        let published = self.read();
        let Some(transaction) = published.waiting.get(hash).cloned() else {
            return published.dropped.get(hash).cloned().map(Fate::Dropped);
        };
        let pending_nonce = published.senders.get(&transaction.signer()).map_or(0, |standing| standing.pending_nonce);
        Some(Fate::Waiting { transaction, pending_nonce })
    }

    /// The nonce that a sender should use next, as far as waiting transactions say; none of one without any. Ask this first and the head's state
    /// then: the greater of both never goes back while nothing is dropped.
    pub fn pending_nonce(&self, sender: &Address) -> Option<u64> {
        self.read().senders.get(sender).map(|standing| standing.pending_nonce)
    }

    /// How many transactions wait, with a gap and without.
    pub fn counts(&self) -> Counts {
        self.read().counts
    }

    /// Everything that waits, each with whether it is executable in nonce order; if that is more than `count_max`, how many.
    pub fn content(&self, count_max: usize) -> Result<Vec<(Arc<Recovered>, bool)>, usize> {
        let published = self.read();
        if published.waiting.len() > count_max {
            return Err(published.waiting.len());
        }
        let is_executable = |transaction: &Recovered| {
            let nonce = transaction.transaction().fields().nonce();
            published.senders.get(&transaction.signer()).is_some_and(|standing| nonce < standing.pending_nonce)
        };
        Ok(published.waiting.values().map(|waiting| (waiting.clone(), is_executable(waiting))).collect())
    }

    /// How often blocks were taken back. Who found nothing asks again if this has changed meanwhile.
    pub fn rewinds(&self) -> u64 {
        self.read().rewinds
    }

    /// Publishes a change of the pool, which `pool` has already made.
    pub fn publish(&self, pool: &Mempool, change: Change) {
        let hashes = || change.included.iter().chain(change.dropped.iter().map(|(hash, _)| hash));
        let mut senders = change.advanced.clone();
        senders.extend(change.added.iter().map(|added| added.signer()));
        // Only the engine publishes: nothing changes until it writes.
        let published = self.read();
        senders.extend(hashes().filter_map(|hash| published.waiting.get(hash)).map(|waiting| waiting.signer()));
        drop(published);
        let standings: Vec<_> = senders.into_iter().map(|sender| (sender, pool.standing(&sender))).collect();

        let mut published = self.write();
        for hash in hashes() {
            published.waiting.remove(hash);
        }
        for (hash, reason) in &change.dropped {
            published.dropped.insert(*hash, reason.clone());
        }
        for transaction in &change.added {
            published.add(transaction.clone());
        }
        for (sender, standing) in standings {
            published.stand(sender, standing);
        }
        drop(published);
        for transaction in change.added {
            let bytes = memory_bytes(&transaction);
            self.arrivals.push(transaction, bytes);
        }
    }

    /// Publishes that the transactions of blocks wait again, before these blocks are taken back. What comes next for a sender stays what it was.
    pub fn take_back(&self, transactions: Vec<Arc<Recovered>>, pending_nonce: impl Fn(&Address) -> u64) {
        let senders: BTreeSet<Address> = transactions.iter().map(|transaction| transaction.signer()).collect();
        let nonces: HashMap<Address, u64> =
            senders.into_iter().map(|sender| (sender, pending_nonce(&sender))).collect();
        let mut published = self.write();
        published.rewinds += 1;
        for transaction in transactions {
            let sender = transaction.signer();
            let before = published.senders.get(&sender).copied();
            let pending_nonce = nonces.get(&sender).copied().unwrap_or_default();
            let (executable, waiting) = before.map_or((0, 0), |standing| (standing.executable, standing.waiting));
            published.stand(sender, Some(Standing { pending_nonce, executable: executable + 1, waiting: waiting + 1 }));
            published.add(transaction);
        }
    }

    /// Publishes the pool as it is now, in place of whatever was published, and what was dropped on the way.
    pub fn replace(&self, pool: &Mempool, dropped: Vec<(B256, Dropped)>) {
        let (waiting, senders) = (pool.transactions(), pool.standings());
        let mut published = self.write();
        published.senders = HashMap::new();
        published.counts = Counts::default();
        published.waiting = HashMap::with_capacity(waiting.len());
        for (hash, reason) in dropped {
            published.dropped.insert(hash, reason);
        }
        for transaction in waiting {
            published.add(transaction);
        }
        for (sender, standing) in senders {
            published.stand(sender, Some(standing));
        }
    }

    // What a panic left is whole: no change is made by halves.
    fn read(&self) -> RwLockReadGuard<'_, Published> {
        self.published.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Published> {
        self.published.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Published {
    fn add(&mut self, transaction: Arc<Recovered>) {
        let hash = *transaction.transaction().hash();
        self.dropped.remove(&hash);
        self.waiting.insert(hash, transaction);
    }

    fn stand(&mut self, sender: Address, standing: Option<Standing>) {
        let before = match standing {
            Some(standing) => self.senders.insert(sender, standing),
            None => self.senders.remove(&sender),
        };
        let counted = |standing: Option<Standing>| {
            standing
                .map_or((0, 0), |standing| (standing.executable, standing.waiting.saturating_sub(standing.executable)))
        };
        let ((pending, queued), (pending_before, queued_before)) = (counted(standing), counted(before));
        self.counts.pending = (self.counts.pending + pending).saturating_sub(pending_before);
        self.counts.queued = (self.counts.queued + queued).saturating_sub(queued_before);
    }
}

#[cfg(test)]
mod tests;
