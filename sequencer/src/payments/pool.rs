//! Operations that wait for a batch: because no batch has room, or for a nonce before theirs.
//!
//! Owned by the engine. Bounds: all together, of one sender, and how far ahead of its account's nonce an operation may be. Nobody can be displaced: the price is the
//! operator's quote for all, so that what came first goes first.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use alloy::primitives::Address;

use super::signed::Signed;
use crate::mempool::MempoolLimits;

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
    /// One waits.
    Added(Arc<Signed>),
    /// One does not wait any more.
    Removed(Arc<Signed>),
}

/// Operations that wait.
#[derive(Debug)]
pub struct Pool {
    limits: MempoolLimits,
    /// By sender and nonce, each with its place in the order of admission.
    waiting: HashMap<Address, BTreeMap<u64, (u64, Arc<Signed>)>>,
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

    /// Whether there is a place for an operation.
    pub fn check(&self, signed: &Signed) -> Result<(), NoPlace> {
        let (own, nonce) = (self.waiting.get(&signed.sender()), signed.nonce());
        match own.and_then(|own| own.get(&nonce)) {
            Some((_, waiting)) if waiting.hash == signed.hash => return Err(NoPlace::AlreadyKnown),
            Some(_) => return Err(NoPlace::NonceTaken { nonce }),
            None => {}
        }
        let count = own.map_or(0, BTreeMap::len);
        if count >= self.limits.per_sender_max {
            return Err(NoPlace::SenderFull { count });
        }
        if self.count >= self.limits.transactions_max {
            return Err(NoPlace::Full { count: self.count });
        }
        Ok(())
    }

    /// Adds an operation behind all others. One with its nonce must not wait.
    pub fn insert(&mut self, signed: Arc<Signed>) {
        let sequence = self.next;
        self.next = self.next.saturating_add(1);
        self.changes.push(Change::Added(signed.clone()));
        if let Some((_, before)) =
            self.waiting.entry(signed.sender()).or_default().insert(signed.nonce(), (sequence, signed))
        {
            self.changes.push(Change::Removed(before));
        } else {
            self.count = self.count.saturating_add(1);
        }
    }

    /// Takes an operation out.
    pub fn remove(&mut self, sender: Address, nonce: u64) -> Option<Arc<Signed>> {
        let own = self.waiting.get_mut(&sender)?;
        let (_, signed) = own.remove(&nonce)?;
        if own.is_empty() {
            self.waiting.remove(&sender);
        }
        self.count = self.count.saturating_sub(1);
        self.changes.push(Change::Removed(signed.clone()));
        Some(signed)
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        for (_, own) in self.waiting.drain() {
            self.changes.extend(own.into_values().map(|(_, signed)| Change::Removed(signed)));
        }
        self.count = 0;
    }

    /// What waits of a sender, by nonce.
    pub fn of(&self, sender: Address) -> impl Iterator<Item = &Signed> {
        self.waiting.get(&sender).into_iter().flat_map(BTreeMap::values).map(|(_, signed)| signed.as_ref())
    }

    /// The first of every sender, what came first before others.
    pub fn first_of_each(&self) -> Vec<Arc<Signed>> {
        let mut first: Vec<_> =
            self.waiting.values().filter_map(|own| own.first_key_value()).map(|(_, waiting)| waiting).collect();
        first.sort_by_key(|(sequence, _)| *sequence);
        first.into_iter().map(|(_, signed)| signed.clone()).collect()
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

    fn pool() -> Pool {
        Pool::new(MempoolLimits { transactions_max: 3, per_sender_max: 2, ..MempoolLimits::DEFAULT })
    }

    #[test]
    fn what_came_first_goes_first_and_nonces_in_order() {
        let mut pool = pool();
        for signed in [signed(2, 5, 1), signed(1, 8, 2), signed(1, 7, 3)] {
            pool.check(&signed).unwrap();
            pool.insert(signed);
        }
        let first: Vec<u64> = pool.first_of_each().iter().map(|signed| signed.nonce()).collect();
        assert_eq!(first, [5, 7]);
        assert_eq!(pool.of(Address::repeat_byte(1)).map(Signed::nonce).collect::<Vec<_>>(), [7, 8]);
        assert_eq!(pool.remove(Address::repeat_byte(1), 7).unwrap().nonce(), 7);
        assert_eq!(pool.first_of_each().iter().map(|signed| signed.nonce()).collect::<Vec<_>>(), [5, 8]);
        assert_eq!((pool.len(), pool.take_changes().len()), (2, 4));
        pool.clear();
        assert!(pool.is_empty() && pool.take_changes().len() == 2);
    }

    #[test]
    fn bounds_and_nonces_are_kept() {
        let mut pool = pool();
        pool.insert(signed(1, 0, 1));
        assert_eq!(pool.check(&signed(1, 0, 1)), Err(NoPlace::AlreadyKnown));
        assert_eq!(pool.check(&signed(1, 0, 2)), Err(NoPlace::NonceTaken { nonce: 0 }));
        pool.insert(signed(1, 1, 3));
        assert_eq!(pool.check(&signed(1, 2, 4)), Err(NoPlace::SenderFull { count: 2 }));
        pool.insert(signed(2, 0, 5));
        assert_eq!(pool.check(&signed(3, 0, 6)), Err(NoPlace::Full { count: 3 }));
    }
}
