//! The replica's database for an EVM chain: RocksDB, with the batch record as the commit point.
//!
//! Blocks are written one by one and the batch last. A process that dies in between leaves blocks above the last batch, which the next
//! commit or start removes: they would be derived again anyway.

use alloy::primitives::{B256, Bytes};
use tandem_chain::PreimageSource;
use tandem_evm::EvmBlock;
use tandem_l1::{BlockRef, DerivedBatch, ReplicaStore};
use tandem_store::{BatchRecord, MissingPreimage, Store, StoreError};

/// A [`Store`] in which only derived blocks are.
#[derive(Clone, Debug)]
pub struct EvmReplicaStore {
    store: Store,
}

impl EvmReplicaStore {
    /// Takes the store over; blocks above its last batch are removed.
    pub fn new(store: Store) -> Result<Self, StoreError> {
        let store = Self { store };
        store.drop_uncommitted()?;
        Ok(store)
    }

    /// The database: blocks, receipts, state.
    pub fn store(&self) -> &Store {
        &self.store
    }

    fn drop_uncommitted(&self) -> Result<(), StoreError> {
        let committed = self.store.last_batch()?.map_or(0, |batch| batch.last_block);
        if self.store.head()?.number > committed {
            let unwound = self.store.unwind_blocks(committed)?;
            tracing::info!(blocks = unwound.len(), "removed blocks of a batch that was not finished");
            self.forget_journal()?;
        }
        Ok(())
    }

    /// A replica has no mempool: what unwinding put there is not wanted.
    fn forget_journal(&self) -> Result<(), StoreError> {
        let hashes: Vec<B256> =
            self.store.journal()?.iter().map(|transaction| *transaction.transaction().hash()).collect();
        self.store.journal_remove(&hashes)
    }

    fn derived(&self, record: BatchRecord) -> Result<DerivedBatch, StoreError> {
        let scan_from_block = self.store.scan_start(record.header.index)?;
        Ok(DerivedBatch {
            header: record.header,
            checkpoint: record.checkpoint,
            l1_block: BlockRef { number: record.l1_number, hash: record.l1_hash },
            transaction_hash: record.l1_tx,
            scan_from_block,
            output: record.output,
        })
    }
}

impl PreimageSource for EvmReplicaStore {
    type Error = MissingPreimage;

    fn preimage(&self, hash: B256) -> Result<Bytes, MissingPreimage> {
        self.store.preimage(hash)
    }
}

impl ReplicaStore<EvmBlock> for EvmReplicaStore {
    fn head(&self) -> Result<Option<DerivedBatch>, MissingPreimage> {
        Ok(self.store.last_batch()?.map(|record| self.derived(record)).transpose()?)
    }

    fn batch(&self, index: u64) -> Result<Option<DerivedBatch>, MissingPreimage> {
        Ok(self.store.batch(index)?.map(|record| self.derived(record)).transpose()?)
    }

    fn commit(
        &self,
        batch: &DerivedBatch,
        blocks: &[EvmBlock],
        preimages: &[(B256, Bytes)],
    ) -> Result<(), MissingPreimage> {
        self.drop_uncommitted()?;
        let last_before = self.store.head()?.number;
        self.store.put_preimages(preimages)?;
        for block in blocks {
            self.store.append_block(block, &[])?;
        }
        let record = BatchRecord {
            header: batch.header,
            output: batch.output,
            first_block: last_before.saturating_add(1),
            last_block: self.store.head()?.number,
            l1_number: batch.l1_block.number,
            l1_hash: batch.l1_block.hash,
            l1_tx: batch.transaction_hash,
            checkpoint: batch.checkpoint,
        };
        self.store.put_derived_batch(&record, batch.scan_from_block)?;
        Ok(())
    }

    fn unwind(&self, index: u64) -> Result<(), MissingPreimage> {
        self.store.unwind_batches(index)?;
        self.drop_uncommitted()?;
        Ok(())
    }
}
