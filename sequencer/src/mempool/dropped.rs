//! Transactions that were acknowledged and will not be executed: why, and for how long that is remembered.

use std::collections::{HashMap, VecDeque};

use alloy::primitives::B256;

use super::{Refused, limits::flag};

/// Why a transaction that was acknowledged is gone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Dropped {
    /// Its sender replaced it.
    #[error("replaced by {by}, which has the same nonce and pays more")]
    Replaced {
        /// Hash of the transaction that replaced it.
        by: B256,
    },
    /// The pool was full.
    #[error("displaced from the full pool by {by}, which pays more or can be executed sooner")]
    Displaced {
        /// Hash of the transaction that displaced it.
        by: B256,
    },
    /// Its account used the nonce otherwise.
    #[error("its nonce was used otherwise: the account's next nonce is {next}")]
    NonceUsed {
        /// The account's next nonce.
        next: u64,
    },
    /// No block could take it for too long.
    #[error(
        "no block could take it for {after_s} seconds: a nonce before it is missing, or it offers less than the base fee (--{})",
        flag::EXPIRY
    )]
    Expired {
        /// How long that was, in seconds.
        after_s: u64,
    },
    /// The rules refused it when its turn came.
    #[error("refused when its turn came: {0}")]
    Refused(Refused),
}

impl Dropped {
    /// One word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Replaced { .. } => "replaced",
            Self::Displaced { .. } => "displaced",
            Self::NonceUsed { .. } => "nonceUsed",
            Self::Expired { .. } => "expired",
            Self::Refused(Refused::InsufficientFunds { .. }) => "insufficientFunds",
            Self::Refused(_) => "invalid",
        }
    }
}

/// The newest drops, by hash, with the reasons that a kind of chain has.
#[derive(Debug)]
pub struct RecentDrops<D> {
    reasons: HashMap<B256, D>,
    /// Oldest first. May name what was accepted again since.
    order: VecDeque<B256>,
    count_max: usize,
}

impl<D> RecentDrops<D> {
    /// Remembers at most so many.
    pub fn new(count_max: usize) -> Self {
        Self { reasons: HashMap::new(), order: VecDeque::new(), count_max }
    }

    /// Remembers one, and forgets the oldest when there are too many.
    pub fn insert(&mut self, hash: B256, reason: D) {
        if self.reasons.insert(hash, reason).is_some() {
            self.order.retain(|older| *older != hash);
        }
        self.order.push_back(hash);
        while self.order.len() > self.count_max {
            if let Some(oldest) = self.order.pop_front() {
                self.reasons.remove(&oldest);
            }
        }
    }

    /// Forgets one, which waits again.
    pub fn remove(&mut self, hash: &B256) {
        if self.reasons.remove(hash).is_some() {
            self.order.retain(|older| older != hash);
        }
    }

    /// Why this one is gone, if it is and not for long.
    pub fn get(&self, hash: &B256) -> Option<&D> {
        self.reasons.get(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_remembered_and_what_came_back_is_not() {
        let hash = B256::repeat_byte;
        let mut drops = RecentDrops::new(2);
        for seed in 1..=3 {
            drops.insert(hash(seed), Dropped::NonceUsed { next: u64::from(seed) });
        }
        assert_eq!(drops.get(&hash(1)), None);
        assert_eq!(drops.get(&hash(2)), Some(&Dropped::NonceUsed { next: 2 }));
        drops.remove(&hash(2));
        drops.insert(hash(4), Dropped::Replaced { by: hash(5) });
        drops.insert(hash(3), Dropped::Replaced { by: hash(5) });
        assert_eq!(drops.get(&hash(2)), None);
        assert_eq!(drops.get(&hash(3)), Some(&Dropped::Replaced { by: hash(5) }), "the last reason counts");
        drops.insert(hash(6), Dropped::NonceUsed { next: 6 });
        assert_eq!((drops.get(&hash(4)), drops.order.len(), drops.reasons.len()), (None, 2, 2));
        let mut none = RecentDrops::new(0);
        none.insert(hash(1), Dropped::NonceUsed { next: 1 });
        assert_eq!(none.get(&hash(1)), None);
    }
}
