//! The chain as everybody may read it without asking the engine: blocks, what is pending, what waits, and the leaves of the states that are kept.
//!
//! The engine publishes after every change, before it answers whoever caused it. States are kept at three moments: after the last batch on L1, after the last closed
//! one, and as the open one stands.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

use alloy::primitives::{Address, B256};
use tandem_l1::payments::Ledger;
use tandem_payments::{
    leaf::{Key, Leaf},
    state::State,
};
use tandem_store::{SequencedStore, StoreError};
use tokio::sync::watch;

use super::{
    dropped::Dropped,
    l1::{Landed, LandedBatches, NextRules},
    pool::Change,
    records::{Block, Transaction},
    signed::Signed,
};
use crate::mempool::RecentDrops;

/// A state that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// As the open batch stands; what only waits is not in it.
    Pending,
    /// After the last closed batch: the sequencer's word.
    Latest,
    /// After the last batch that L1 has, which is proven.
    Settled,
}

/// How far each promise reaches, as block numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heads {
    /// The last closed batch.
    pub latest: u64,
    /// The hash of that batch as a block.
    pub latest_hash: B256,
    /// The last batch on L1. What is there is proven and final in the settlement.
    pub settled: u64,
    /// The last batch in a block that L1 has finalised.
    pub finalized: u64,
    /// Closed batches that have no proof yet.
    pub unproven: u64,
    /// Messages of the queue consumed by the last closed batch.
    pub queue_index: u64,
}

/// The batch that is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// Its index, if it is closed as it stands.
    pub number: u64,
    /// Its time in seconds.
    pub timestamp: u64,
    /// What is in it.
    pub transactions: Vec<Transaction>,
}

/// Where a transaction is.
#[derive(Clone, Debug)]
pub enum Place {
    /// In a block, at an index.
    Block(Arc<Block>, usize),
    /// In the open batch, at an index.
    Pending(Box<Transaction>, usize),
    /// It waits for its turn.
    Waiting(Arc<Signed>),
    /// It was given up, for this reason.
    Dropped(Dropped),
}

/// What the engine publishes.
pub(super) struct Published {
    pub heads: Heads,
    pub pending: Option<Pending>,
    /// Leaves that the open batch changed.
    pub touched: HashMap<Key, Leaf>,
    pub latest: Arc<State>,
    /// The state after the last batch on L1.
    pub ledger: Option<Arc<Ledger>>,
    /// Where on L1 batches are that it has.
    pub landed: LandedBatches,
    /// What the next batch obeys; none until L1 was read to its end once.
    pub next: Option<NextRules>,
    /// When the chain was frozen, in seconds; none while it is not.
    pub frozen_at: Option<u64>,
    waiting: HashMap<B256, Arc<Signed>>,
    nonces: HashMap<Address, BTreeMap<u64, B256>>,
    dropped: RecentDrops<Dropped>,
}

impl Published {
    /// Nothing yet; remembers so many operations that were given up.
    fn new(dropped_max: usize) -> Self {
        Self {
            heads: Heads::default(),
            pending: None,
            touched: HashMap::new(),
            latest: Arc::default(),
            ledger: None,
            landed: LandedBatches::default(),
            next: None,
            frozen_at: None,
            waiting: HashMap::new(),
            nonces: HashMap::new(),
            dropped: RecentDrops::new(dropped_max),
        }
    }

    /// What changed in the pool.
    pub fn apply(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Added(signed) => {
                    self.nonces.entry(signed.sender()).or_default().insert(signed.nonce(), signed.hash);
                    self.dropped.remove(&signed.hash);
                    self.waiting.insert(signed.hash, signed);
                }
                Change::Removed(signed) => {
                    self.waiting.remove(&signed.hash);
                    if let Some(own) = self.nonces.get_mut(&signed.sender()) {
                        if own.get(&signed.nonce()) == Some(&signed.hash) {
                            own.remove(&signed.nonce());
                        }
                        if own.is_empty() {
                            self.nonces.remove(&signed.sender());
                        }
                    }
                }
            }
        }
    }

    /// A transaction was given up.
    pub fn drop(&mut self, hash: B256, reason: Dropped) {
        self.dropped.insert(hash, reason);
    }

    fn leaf(&self, key: Key, moment: Moment) -> Option<Leaf> {
        let latest = || self.latest.get(key).copied();
        match moment {
            Moment::Pending => self.touched.get(&key).copied().or_else(latest),
            Moment::Latest => latest(),
            Moment::Settled => self.ledger.as_ref().and_then(|ledger| ledger.state().get(key)).copied(),
        }
    }
}

/// Reads the chain. Cheap to clone.
#[derive(Clone)]
pub struct Records {
    store: SequencedStore,
    /// A lock rather than questions to the engine, so that readers cannot hold it up. It is held for look-ups, and for replacing what changed.
    published: Arc<RwLock<Published>>,
    changed: watch::Sender<u64>,
}

impl Records {
    /// Over a sequencer's store; nothing is published yet. Remembers so many operations that were given up.
    pub fn new(store: SequencedStore, dropped_max: usize) -> Self {
        let published = Arc::new(RwLock::new(Published::new(dropped_max)));
        Self { store, published, changed: watch::Sender::new(0) }
    }

    /// Told of every change: a closed batch, an entry of the open one, L1.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// How far each promise reaches.
    pub fn heads(&self) -> Heads {
        self.read(|published| published.heads)
    }

    /// What the next batch obeys; none until L1 was read to its end once.
    pub fn next_rules(&self) -> Option<NextRules> {
        self.read(|published| published.next)
    }

    /// When the chain was frozen, in seconds; none while it is not.
    pub fn frozen_at(&self) -> Option<u64> {
        self.read(|published| published.frozen_at)
    }

    /// The open batch, if there is one.
    pub fn pending(&self) -> Option<Pending> {
        self.read(|published| published.pending.clone())
    }

    /// A leaf at a moment.
    pub fn leaf(&self, key: Key, moment: Moment) -> Option<Leaf> {
        self.read(|published| published.leaf(key, moment))
    }

    /// The nonce that an account's next operation has at a moment; at the pending one after everything of it that waits without a gap.
    pub fn nonce(&self, account: Address, moment: Moment) -> u64 {
        self.read(|published| {
            let mut next = published.leaf(Key::eth(account), moment).map_or(0, |leaf| leaf.nonce);
            if moment == Moment::Pending {
                let waiting = published.nonces.get(&account);
                while waiting.is_some_and(|waiting| waiting.contains_key(&next)) {
                    next = next.saturating_add(1);
                }
            }
            next
        })
    }

    /// How many operations wait.
    pub fn waiting_count(&self) -> usize {
        self.read(|published| published.waiting.len())
    }

    /// The hash of the block with a number.
    pub fn hash(&self, number: u64) -> Result<Option<B256>, StoreError> {
        self.store.hash(number)
    }

    /// The number of the chain's block with a hash.
    pub fn number(&self, hash: B256) -> Result<Option<u64>, StoreError> {
        self.store.number(hash)
    }

    /// A block of the chain; none for block 0, which is no batch.
    pub fn block(&self, number: u64) -> Result<Option<Arc<Block>>, StoreError> {
        let Some(hash) = self.store.hash(number)? else { return Ok(None) };
        Ok(self.store.block(hash)?.map(Arc::new))
    }

    /// Where on L1 a batch is.
    pub fn landed(&self, number: u64) -> Option<Landed> {
        let place = usize::try_from(number).ok()?;
        self.read(|published| published.landed.get(place).cloned())
    }

    /// Where a transaction is; none if this node does not know it.
    pub fn transaction(&self, hash: B256) -> Result<Option<Place>, StoreError> {
        let unplaced = self.read(|published| {
            let pending = published.pending.iter().flat_map(|pending| pending.transactions.iter().enumerate());
            let found = pending.into_iter().find(|(_, transaction)| transaction.hash == hash);
            match found {
                Some((index, transaction)) => Some(Place::Pending(Box::new(transaction.clone()), index)),
                None => published.waiting.get(&hash).cloned().map(Place::Waiting),
            }
        });
        // Published after it is stored: who was in no batch a moment ago may be in a block by now.
        if let Some(place) = self.store.place(hash)?
            && let Some(block) = self.block(place.block_number)?
        {
            return Ok(usize::try_from(place.index).ok().map(|index| Place::Block(block, index)));
        }
        let dropped = || self.read(|published| published.dropped.get(&hash).copied().map(Place::Dropped));
        Ok(unplaced.or_else(dropped))
    }

    /// Changes what is published, and tells of it.
    pub(super) fn publish(&self, change: impl FnOnce(&mut Published)) {
        change(&mut self.published.write().unwrap_or_else(PoisonError::into_inner));
        self.changed.send_modify(|version| *version = version.wrapping_add(1));
    }

    fn read<T>(&self, read: impl FnOnce(&Published) -> T) -> T {
        read(&self.published.read().unwrap_or_else(PoisonError::into_inner))
    }
}
