//! What the sequencer of a payments chain keeps: admitted transactions that are in no batch, its batches as blocks, and the calls that prove them.
//!
//! The ledger's state is not here: it follows from L1 and from the batches that L1 does not have yet. Blocks are kept by hash and never removed, so that one that
//! L1 brings back is still known; which of them are the chain is told by number. A call is kept as long as L1 may have to be sent it: its block is one of the chain, and
//! not final. L1 takes it as long as the proofs are judged as they were when they came, so that a call is kept with the hash of what judges it.

use crate::{
    Codec, CodecError, JournalEntry, Json, Options, Raw, Store, StoreError, TxPlace,
    changes::Changes,
    schema::{BlockHashes, BlockNumbers, Chain, Journal, Markers, Table, Transactions},
    store::Memory,
};
use alloy_primitives::{Address, B256, Bytes};
use serde::{Serialize, de::DeserializeOwned};
use std::{path::Path, sync::atomic::Ordering};
use tandem_chain::{ChainConfig, ChainKind};

/// Blocks by hash, in JSON.
#[derive(Debug, Clone, Copy)]
pub enum Sequenced {}

impl Table for Sequenced {
    const NAME: &'static str = "sequenced";
    type Key = B256;
    type Value = Bytes;
    type Codec = Raw;
}

/// The calls that prove blocks, by the block's hash.
#[derive(Debug, Clone, Copy)]
pub enum ProvenCalls {}

impl Table for ProvenCalls {
    const NAME: &'static str = "proven_calls";
    type Key = B256;
    type Value = ProvenCall;
    type Codec = ProvenCall;
}

/// A call that proves a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenCall {
    /// Hash of what its proofs were made to be judged by: a configuration and keys.
    pub verifier: B256,
    /// The call's arguments.
    pub arguments: Bytes,
}

/// The hash, then the arguments. Arguments alone read as the call of no verifier, which is proven again: their first word is a time, and no hash.
impl Codec<Self> for ProvenCall {
    fn encode(Self { verifier, arguments }: &Self) -> Vec<u8> {
        [verifier.as_slice(), arguments].concat()
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let (verifier, arguments) = bytes.split_first_chunk().ok_or(CodecError::Width { bytes: bytes.len() })?;
        Ok(Self { verifier: B256::new(*verifier), arguments: Bytes::copy_from_slice(arguments) })
    }
}

const TABLES: &[&str] = &[
    Chain::NAME,
    Markers::NAME,
    BlockHashes::NAME,
    BlockNumbers::NAME,
    Transactions::NAME,
    Journal::NAME,
    Sequenced::NAME,
    ProvenCalls::NAME,
];

/// An admitted transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// The keccak of the bytes.
    pub hash: B256,
    /// Whose it is.
    pub sender: Address,
    /// As it was sent.
    pub bytes: Bytes,
}

/// A block that joins the chain.
#[derive(Debug, Clone, Copy)]
pub struct NewBlock<'a, B> {
    /// Its number: one more than the last's.
    pub number: u64,
    /// The hash by which it is kept.
    pub hash: B256,
    /// What is kept of it.
    pub block: &'a B,
    /// The hashes of its transactions, in order.
    pub transactions: &'a [B256],
}

/// A payments sequencer's storage. Clones share one database; one task writes.
#[derive(Debug, Clone)]
pub struct SequencedStore(Store);

impl SequencedStore {
    /// Opens the store of a payments chain, or makes a new one. A directory that belongs to another chain, schema version or program is refused.
    pub fn open(path: impl AsRef<Path>, config: &ChainConfig, options: Options) -> Result<Self, StoreError> {
        if config.kind != ChainKind::Payments {
            return Err(StoreError::NotAPaymentsChain);
        }
        let store = Store::open_tables(path.as_ref(), options, TABLES, Memory::LARGE)?;
        if let Some(identity) = store.new_identity(config)? {
            let mut changes = store.first_changes(&identity)?;
            changes.put::<BlockHashes>(&0, &config.hash())?;
            changes.put::<BlockNumbers>(&config.hash(), &0)?;
            changes.commit()?;
        }
        store.restore_journal_order()?;
        Ok(Self(store))
    }

    /// Journals a group of transactions in one write, in order.
    pub fn journal_add(&self, admitted: &[Admitted]) -> Result<(), StoreError> {
        let mut changes = self.0.changes();
        for transaction in admitted {
            let sequence = self.0.shared().journal_next.fetch_add(1, Ordering::Relaxed);
            put(&mut changes, sequence, transaction)?;
        }
        changes.commit()
    }

    /// The journal in order of admission.
    pub fn journal(&self) -> Result<Vec<Admitted>, StoreError> {
        let mut rows = self.0.all::<Journal>()?.collect::<Result<Vec<_>, _>>()?;
        rows.sort_by_key(|(_, entry)| entry.sequence);
        let admitted = |(hash, JournalEntry { sender, transaction: bytes, .. })| Admitted { hash, sender, bytes };
        Ok(rows.into_iter().map(admitted).collect())
    }

    /// Removes transactions, as those that can no longer be executed.
    pub fn journal_remove(&self, hashes: &[B256]) -> Result<(), StoreError> {
        let mut changes = self.0.changes();
        hashes.iter().try_for_each(|hash| changes.delete::<Journal>(hash))?;
        changes.commit()
    }

    /// Number and hash of the last block; the chain's beginning is block 0.
    pub fn last(&self) -> Result<(u64, B256), StoreError> {
        self.0.last::<BlockHashes>()?.ok_or(StoreError::MissingRow { table: BlockHashes::NAME, number: 0 })
    }

    /// The hash of the block with a number.
    pub fn hash(&self, number: u64) -> Result<Option<B256>, StoreError> {
        self.0.get::<BlockHashes>(&number)
    }

    /// The number of a block of the chain.
    pub fn number(&self, hash: B256) -> Result<Option<u64>, StoreError> {
        self.0.get::<BlockNumbers>(&hash)
    }

    /// A block by hash, of the chain or not.
    pub fn block<B: Serialize + DeserializeOwned>(&self, hash: B256) -> Result<Option<B>, StoreError> {
        let Some(bytes) = self.0.get::<Sequenced>(&hash)? else { return Ok(None) };
        let block = Json::decode(&bytes);
        block.map(Some).map_err(|reason| StoreError::Corrupt { table: Sequenced::NAME, key: hash.into(), reason })
    }

    /// Where a transaction is that the chain has.
    pub fn place(&self, transaction: B256) -> Result<Option<TxPlace>, StoreError> {
        self.0.get::<Transactions>(&transaction)
    }

    /// Adds a block to the chain's end and takes its transactions out of the journal: one atomic write.
    pub fn extend<B: Serialize + DeserializeOwned>(&self, new: NewBlock<'_, B>) -> Result<(), StoreError> {
        let (head, _) = self.last()?;
        if head.checked_add(1) != Some(new.number) {
            return Err(StoreError::NotNextBlock { head, number: new.number });
        }
        let mut changes = self.0.changes();
        changes.put::<BlockHashes>(&new.number, &new.hash)?;
        changes.put::<BlockNumbers>(&new.hash, &new.number)?;
        changes.put::<Sequenced>(&new.hash, &Json::encode(new.block).into())?;
        for (index, hash) in (0..).zip(new.transactions) {
            changes.put::<Transactions>(hash, &TxPlace { block_number: new.number, index })?;
            changes.delete::<Journal>(hash)?;
        }
        changes.commit()
    }

    /// Takes the blocks above `to` off the chain with the calls that prove them, and puts transactions of theirs before everything in the journal: one atomic write. `gone`
    /// are the hashes of all of their transactions.
    pub fn unwind(&self, to: u64, gone: &[B256], waiting: &[Admitted]) -> Result<(), StoreError> {
        let (head, _) = self.last()?;
        if to > head {
            return Err(StoreError::UnwindsForward { target: to, head });
        }
        let mut changes = self.0.changes();
        for number in (to..=head).skip(1) {
            let missing = StoreError::MissingRow { table: BlockHashes::NAME, number };
            let hash = self.hash(number)?.ok_or(missing)?;
            changes.delete::<BlockHashes>(&number)?;
            changes.delete::<BlockNumbers>(&hash)?;
            changes.delete::<ProvenCalls>(&hash)?;
        }
        gone.iter().try_for_each(|hash| changes.delete::<Transactions>(hash))?;
        let first = self.0.journal_first()?.saturating_sub(waiting.len() as u64);
        (first..).zip(waiting).try_for_each(|(sequence, transaction)| put(&mut changes, sequence, transaction))?;
        changes.commit()
    }

    /// The arguments of the call that proves a block where this verifier judges; none if its proofs are for another.
    pub fn proven(&self, hash: B256, verifier: B256) -> Result<Option<Bytes>, StoreError> {
        let call = self.0.get::<ProvenCalls>(&hash)?;
        Ok(call.filter(|call| call.verifier == verifier).map(|call| call.arguments))
    }

    /// The hashes of all blocks whose calls are kept.
    pub fn proven_hashes(&self) -> Result<Vec<B256>, StoreError> {
        self.0.keys_from::<ProvenCalls>(&B256::ZERO)?.collect()
    }

    /// Keeps the call that proves a block, in the place of one for another verifier.
    pub fn put_proven(&self, hash: B256, call: &ProvenCall) -> Result<(), StoreError> {
        let mut changes = self.0.changes();
        changes.put::<ProvenCalls>(&hash, call)?;
        changes.commit()
    }

    /// Forgets calls: those that are no good, or that no reorganisation can ask for again.
    pub fn forget_proven(&self, hashes: &[B256]) -> Result<(), StoreError> {
        let mut changes = self.0.changes();
        hashes.iter().try_for_each(|hash| changes.delete::<ProvenCalls>(hash))?;
        changes.commit()
    }
}

fn put(changes: &mut Changes, sequence: u64, Admitted { hash, sender, bytes }: &Admitted) -> Result<(), StoreError> {
    let entry = JournalEntry { sequence, sender: *sender, transaction: bytes.clone() };
    changes.put::<Journal>(hash, &entry)
}
