//! Operations that wait for a batch: because no batch has room, or for a nonce before theirs.
//!
//! Owned by the engine. Bounds: all together, of one sender, and how far ahead of its account's nonce an operation may be. Nobody can be displaced: the price is the
//! operator's quote for all, so that what came first goes first. The bounds hold for what waits for a nonce: whoever's turn it is does not stay here.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use alloy::primitives::Address;
use tandem_payments::Fr;

use super::signed::Signed;
use crate::{clock::Moment, mempool::MempoolLimits};

/// Why the pool takes no operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// The same one waits.
    #[error("already known")]
    AlreadyKnown,
    /// Another operation with the nonce waits; one price holds for all, so that none outbids another.
    #[error("replacement transaction underpriced: one with nonce {nonce} waits, and operations are not replaced")]
    NonceTaken {
        /// The nonce of both.
        nonce: u64,
    },
    /// The sender has as many waiting as a sender may have.
    #[error("{count} transactions of the sender wait already (--mempool-sender-max)")]
    SenderFull {
        /// How many wait.
        count: usize,
    },
    /// As many wait as may wait.
    #[error("{count} transactions wait already (--mempool-max)")]
    Full {
        /// How many wait.
        count: usize,
    },
}

/// What changed, for whoever shows it.
#[derive(Clone, Debug)]
pub enum Change {
    /// One more operation waits.
    Added(Arc<Signed>),
    /// One does not wait any more.
    Removed(Arc<Signed>),
}

#[derive(Debug)]
struct Waiting {
    signed: Arc<Signed>,
    /// Its place in the order of admission.
    sequence: u64,
    since: Moment,
}

/// Operations that wait.
#[derive(Debug)]
pub struct Pool {
    limits: MempoolLimits,
    /// By sender and nonce.
    waiting: HashMap<Address, BTreeMap<u64, Waiting>>,
    count: usize,
    next: u64,
    changes: Vec<Change>,
}

impl Pool {
    /// An empty pool.
    pub fn new(limits: MempoolLimits) -> Self {
        Self { limits, waiting: HashMap::new(), count: 0, next: 0, changes: Vec::new() }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether there is a place for an operation. For the one that is next of its sender there is, however many wait: it is taken at once, and what waits for other
    /// nonces costs nobody anything.
    pub fn check(&self, signed: &Signed, is_next: bool) -> Result<(), NoPlace> {
        let (own, nonce) = (self.waiting.get(&signed.sender()), signed.nonce());
        match own.and_then(|own| own.get(&nonce)) {
            Some(waiting) if waiting.signed.hash == signed.hash => return Err(NoPlace::AlreadyKnown),
            Some(_) => return Err(NoPlace::NonceTaken { nonce }),
            None => {}
        }
        let count = own.map_or(0, BTreeMap::len);
        if count >= self.limits.per_sender_max && !is_next {
            return Err(NoPlace::SenderFull { count });
        }
        if self.count >= self.limits.transactions_max && !is_next {
            return Err(NoPlace::Full { count: self.count });
        }
        Ok(())
    }

    /// Adds an operation behind all others, which waits from now on. One with its nonce must not wait.
    pub fn insert(&mut self, signed: Arc<Signed>, since: Moment) {
        let sequence = self.next;
        self.next = self.next.saturating_add(1);
        self.changes.push(Change::Added(signed.clone()));
        let (sender, nonce) = (signed.sender(), signed.nonce());
        let waiting = Waiting { signed, sequence, since };
        match self.waiting.entry(sender).or_default().insert(nonce, waiting) {
            Some(before) => self.changes.push(Change::Removed(before.signed)),
            None => self.count = self.count.saturating_add(1),
        }
    }

    /// Takes an operation out.
    pub fn remove(&mut self, sender: Address, nonce: u64) -> Option<Arc<Signed>> {
        let own = self.waiting.get_mut(&sender)?;
        let signed = own.remove(&nonce)?.signed;
        if own.is_empty() {
            self.waiting.remove(&sender);
        }
        self.count = self.count.saturating_sub(1);
        self.changes.push(Change::Removed(signed.clone()));
        Some(signed)
    }

    /// Takes out what has waited since before `moment` for a nonce that has not come; `next` tells the nonce that an account is at.
    pub fn expire(&mut self, moment: Moment, next: impl Fn(Address) -> u64) -> Vec<Arc<Signed>> {
        let has_gap = |own: &BTreeMap<u64, Waiting>| {
            own.first_key_value().is_some_and(|(nonce, waiting)| *nonce > next(waiting.signed.sender()))
        };
        let old = |own: &BTreeMap<u64, Waiting>| {
            let old = own.values().filter(|waiting| waiting.since < moment).map(|waiting| waiting.signed.clone());
            old.collect::<Vec<_>>()
        };
        let gone: Vec<_> = self.waiting.values().filter(|own| has_gap(own)).flat_map(old).collect();
        gone.iter().for_each(|signed| drop(self.remove(signed.sender(), signed.nonce())));
        gone
    }

    /// Takes out what waits of a sender and another key signed than the one with this hash.
    pub fn remove_other_keys(&mut self, sender: Address, key_hash: Fr) -> Vec<Arc<Signed>> {
        let other: Vec<_> =
            self.of(sender).filter(|signed| signed.signer.key_hash != key_hash).map(Signed::nonce).collect();
        other.into_iter().filter_map(|nonce| self.remove(sender, nonce)).collect()
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        for (_, own) in self.waiting.drain() {
            self.changes.extend(own.into_values().map(|waiting| Change::Removed(waiting.signed)));
        }
        self.count = 0;
    }

    /// What waits of a sender, by nonce.
    pub fn of(&self, sender: Address) -> impl Iterator<Item = &Signed> {
        self.waiting.get(&sender).into_iter().flat_map(BTreeMap::values).map(|waiting| waiting.signed.as_ref())
    }

    /// What waits first of a sender, and its place in the order of admission.
    pub fn first(&self, sender: Address) -> Option<(u64, &Arc<Signed>)> {
        let first = self.waiting.get(&sender)?.values().next()?;
        Some((first.sequence, &first.signed))
    }

    /// Every sender, with the place that what waits first of him has in the order of admission.
    pub fn heads(&self) -> impl Iterator<Item = (u64, Address)> {
        self.waiting.iter().filter_map(|(sender, own)| Some((own.values().next()?.sequence, *sender)))
    }

    /// What changed since this was asked last.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::B256;
    use tandem_payments::operation::{Call, Operation, SignatureKind, Signer};

    use super::*;
    use crate::clock::{Clock, ManualClock};

    fn signed(sender: u8, nonce: u64, mark: u8) -> Arc<Signed> {
        let operation = Operation {
            sender: Address::repeat_byte(sender),
            nonce,
            call: Call::Transfer { recipient: Address::ZERO, amount: 0 },
            gas_limit: 0,
            max_fee_per_gas: 0,
            expiry: 0,
        };
        let signer = Signer { kind: SignatureKind::Session, key_hash: tandem_payments::Fr::from(1u64) };
        let hash = B256::with_last_byte(mark);
        Arc::new(Signed { hash, envelope: vec![mark].into(), operation, signer })
    }

    /// The nonces of what waits first of each sender, in order of admission.
    fn firsts(pool: &Pool) -> Vec<u64> {
        let mut heads: Vec<_> = pool.heads().collect();
        heads.sort_unstable();
        heads.iter().filter_map(|(_, sender)| pool.first(*sender)).map(|(_, signed)| signed.nonce()).collect()
    }

    fn pool() -> Pool {
        Pool::new(MempoolLimits { transactions_max: 3, per_sender_max: 2, ..MempoolLimits::DEFAULT })
    }

    #[test]
    fn what_came_first_goes_first_and_nonces_in_order() {
        let mut pool = pool();
        for signed in [signed(2, 5, 1), signed(1, 8, 2), signed(1, 7, 3)] {
            pool.check(&signed, false).unwrap();
            pool.insert(signed, Clock::system().moment());
        }
        assert_eq!(firsts(&pool), [5, 7]);
        assert_eq!(pool.of(Address::repeat_byte(1)).map(Signed::nonce).collect::<Vec<_>>(), [7, 8]);
        assert_eq!(pool.remove(Address::repeat_byte(1), 7).unwrap().nonce(), 7);
        assert_eq!(firsts(&pool), [5, 8]);
        assert_eq!((pool.len(), pool.take_changes().len()), (2, 4));
        pool.clear();
        assert!(pool.is_empty() && pool.take_changes().len() == 2);
    }

    #[test]
    fn bounds_and_nonces_are_kept() {
        let (mut pool, moment) = (pool(), Clock::system().moment());
        pool.insert(signed(1, 0, 1), moment);
        assert_eq!(pool.check(&signed(1, 0, 1), false), Err(NoPlace::AlreadyKnown));
        assert_eq!(pool.check(&signed(1, 0, 2), false), Err(NoPlace::NonceTaken { nonce: 0 }));
        pool.insert(signed(1, 1, 3), moment);
        assert_eq!(pool.check(&signed(1, 2, 4), false), Err(NoPlace::SenderFull { count: 2 }));
        assert_eq!(pool.check(&signed(1, 2, 4), true), Ok(()), "the others wait for it");
        pool.insert(signed(2, 0, 5), moment);
        assert_eq!(pool.check(&signed(3, 0, 6), false), Err(NoPlace::Full { count: 3 }));
        assert_eq!(pool.check(&signed(3, 0, 6), true), Ok(()), "it does not stay");
    }

    #[test]
    fn what_another_key_signed_goes_and_nothing_else() {
        let (mut pool, moment) = (pool(), Clock::system().moment());
        let mut other = Signed::clone(&signed(1, 1, 2));
        other.signer.key_hash = Fr::from(2u64);
        for signed in [signed(1, 0, 1), Arc::new(other), signed(2, 1, 3)] {
            pool.insert(signed, moment);
        }
        let gone = pool.remove_other_keys(Address::repeat_byte(1), Fr::from(1u64));
        assert_eq!(gone.iter().map(|signed| signed.nonce()).collect::<Vec<_>>(), [1]);
        assert_eq!(pool.len(), 2);
    }

    #[test]
    fn what_waits_for_a_nonce_that_does_not_come_goes_and_nothing_else() {
        let (mut pool, manual) = (pool(), ManualClock::at(0));
        let clock = manual.clock();
        for (sender, nonce) in [(1, 5), (2, 7)] {
            pool.insert(signed(sender, nonce, sender), clock.moment());
        }
        let began = clock.moment();
        assert!(pool.expire(began, |_| 5).is_empty(), "it has only begun");
        manual.advance(std::time::Duration::from_secs(9));
        let gone = pool.expire(clock.moment(), |_| 5);
        assert_eq!(gone.iter().map(|signed| signed.nonce()).collect::<Vec<_>>(), [7]);
        assert_eq!(pool.len(), 1, "the one whose turn it is waits for a prover");
    }
}
