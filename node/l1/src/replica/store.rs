//! Where a replica keeps what it derived.

use crate::BlockRef;
use alloy::primitives::{B256, Bytes, TxHash};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tandem_chain::{BatchHeader, Checkpoint, OutputFields, PreimageSource};

/// A batch that was derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DerivedBatch {
    /// The batch's header, as L1 ordered it.
    pub header: BatchHeader,
    /// The checkpoint that it names.
    pub checkpoint: Checkpoint,
    /// The L1 block that held it when it was derived.
    pub l1_block: BlockRef,
    /// Hash of the transaction that appended the batch.
    pub transaction_hash: TxHash,
    /// Reading L1 from this block on finds every message that the batch left.
    pub scan_from_block: u64,
    /// The state after it.
    pub output: OutputFields,
}

/// A replica's database. Clones share it. Every method is durable and atomic when it returns.
pub trait ReplicaStore<B>: PreimageSource + Clone + Send + Sync + 'static {
    /// The last batch derived; `None` at genesis.
    fn head(&self) -> Result<Option<DerivedBatch>, Self::Error>;
    /// A batch by index.
    fn batch(&self, index: u64) -> Result<Option<DerivedBatch>, Self::Error>;
    /// Adds the batch after the last one, with its blocks and what later batches may ask for.
    fn commit(&self, batch: &DerivedBatch, blocks: &[B], preimages: &[(B256, Bytes)]) -> Result<(), Self::Error>;
    /// Forgets every batch above `index`. Pre-images may stay.
    fn unwind(&self, index: u64) -> Result<(), Self::Error>;
}

/// A pre-image that nobody stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no pre-image of {0}")]
pub struct MissingPreimage(pub B256);

#[derive(Debug, Default)]
struct Contents<B> {
    preimages: HashMap<B256, Bytes>,
    batches: BTreeMap<u64, (DerivedBatch, Vec<B>)>,
}

/// A store that forgets with its process; what it needs to restart is on L1.
#[derive(Debug)]
pub struct MemoryStore<B> {
    /// Protects the maps. Readers on other threads need answers at once; nothing is held across an await.
    contents: Arc<Mutex<Contents<B>>>,
}

impl<B> Clone for MemoryStore<B> {
    fn clone(&self) -> Self {
        Self { contents: self.contents.clone() }
    }
}

impl<B> MemoryStore<B> {
    /// A store that knows the genesis state.
    pub fn new(genesis: impl IntoIterator<Item = (B256, Bytes)>) -> Self {
        let contents = Contents { preimages: genesis.into_iter().collect(), batches: BTreeMap::new() };
        Self { contents: Arc::new(Mutex::new(contents)) }
    }

    /// The blocks of a batch.
    pub fn blocks(&self, index: u64) -> Option<Vec<B>>
    where
        B: Clone,
    {
        self.lock().batches.get(&index).map(|(_, blocks)| blocks.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Contents<B>> {
        // Every change is one insertion or removal, so that a panic elsewhere leaves nothing half done.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B> PreimageSource for MemoryStore<B> {
    type Error = MissingPreimage;

    fn preimage(&self, hash: B256) -> Result<Bytes, MissingPreimage> {
        self.lock().preimages.get(&hash).cloned().ok_or(MissingPreimage(hash))
    }
}

impl<B: Clone + Send + 'static> ReplicaStore<B> for MemoryStore<B> {
    fn head(&self) -> Result<Option<DerivedBatch>, MissingPreimage> {
        Ok(self.lock().batches.last_key_value().map(|(_, (batch, _))| *batch))
    }

    fn batch(&self, index: u64) -> Result<Option<DerivedBatch>, MissingPreimage> {
        Ok(self.lock().batches.get(&index).map(|(batch, _)| *batch))
    }

    fn commit(&self, batch: &DerivedBatch, blocks: &[B], preimages: &[(B256, Bytes)]) -> Result<(), MissingPreimage> {
        let mut contents = self.lock();
        contents.preimages.extend(preimages.iter().cloned());
        contents.batches.insert(batch.header.index, (*batch, blocks.to_vec()));
        Ok(())
    }

    fn unwind(&self, index: u64) -> Result<(), MissingPreimage> {
        self.lock().batches.retain(|at, _| *at <= index);
        Ok(())
    }
}
