//! An epoch's batches as L1 holds them, read once more for the machine.

use std::time::Duration;

use alloy::primitives::B256;
use tandem_chain::{ChainConfig, Derivation, DerivationError};
use tandem_evm::EvmBlock;
use tandem_l1::{
    DerivedBatch, L1Client, L1Update, PayloadError, PayloadFetcher, Reader, ReaderConfig, ReplicaHandle, ReplicaStore,
};
use tandem_store::MissingPreimage;
use tandem_trace::EpochData;

use crate::store::EvmReplicaStore;

/// L1 has to give the next block of interest within so long.
const PATIENCE: Duration = Duration::from_secs(120);

/// Which epoch, by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EpochName {
    /// The epoch's number; the first one is 1.
    pub epoch: u64,
    /// Index of its first batch.
    pub first_batch: u64,
    /// Index of its last batch.
    pub last_batch: u64,
    /// Hash of the last batch, which names all that came before.
    pub last_batch_hash: B256,
}

/// Why an epoch cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum EpochError {
    /// The replica's database failed.
    #[error(transparent)]
    Store(#[from] MissingPreimage),
    /// The replica has not derived the epoch.
    #[error("batch {index} is not derived")]
    Underived {
        /// Index of the batch.
        index: u64,
    },
    /// A payload cannot be had.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// What L1 tells does not fit together.
    #[error(transparent)]
    Derivation(#[from] DerivationError),
    /// L1 holds other batches than the replica derived.
    #[error("L1 holds another batch {index}")]
    Replaced {
        /// Index of the batch.
        index: u64,
    },
    /// L1 does not get on.
    #[error("L1 gave no block of the epoch within {PATIENCE:?}")]
    Late,
}

/// What it takes to read epochs.
#[derive(Clone, Debug)]
pub(super) struct EpochReader {
    pub client: L1Client,
    pub chain: ChainConfig,
    pub payloads: PayloadFetcher,
    pub reader: ReaderConfig,
    pub replica: ReplicaHandle<EvmReplicaStore>,
}

impl EpochReader {
    fn derived(&self, index: u64) -> Result<DerivedBatch, EpochError> {
        let batch = ReplicaStore::<EvmBlock>::batch(self.replica.store(), index)?;
        batch.ok_or(EpochError::Underived { index })
    }

    /// The epoch's batches with their data.
    pub async fn read(&self, name: EpochName) -> Result<EpochData, EpochError> {
        let before = match name.first_batch {
            0 | 1 => None,
            first => Some(self.derived(first - 1)?),
        };
        let mut reader = ReaderConfig { confirmations: 0, disputes: Vec::new(), ..self.reader.clone() };
        let mut derivation = match &before {
            Some(before) => {
                reader.start_block = before.scan_from_block.max(reader.start_block);
                Derivation::after(self.chain.clone(), &before.header)
            }
            None => Derivation::genesis(self.chain.clone()),
        };
        let genesis = self.replica.output::<EvmBlock>(0)?.ok_or(EpochError::Underived { index: 0 })?;
        let mut data = EpochData {
            previous: before.as_ref().map_or(genesis, |before| before.output),
            queue_hash: before.as_ref().map_or(B256::ZERO, |before| before.header.queue_hash),
            batches: Vec::new(),
        };
        let mut reader = Reader::new(self.client.clone(), reader);
        while derivation.batch_index() < name.last_batch {
            let update = tokio::time::timeout(PATIENCE, reader.next()).await.map_err(|_| EpochError::Late)?;
            let block = match update {
                L1Update::Block(block) => block,
                L1Update::Reorg { .. } => return Err(EpochError::Replaced { index: derivation.batch_index() }),
                L1Update::Heads(_) => continue,
            };
            for queued in &block.messages {
                if queued.index >= derivation.queue_end() {
                    derivation.enqueue(queued.index, queued.message.clone())?;
                }
            }
            for posted in &block.batches {
                let index = posted.header.index;
                if index <= derivation.batch_index() || index > name.last_batch {
                    continue;
                }
                let batch = self.payloads.fetch(posted, block.number, block.timestamp).await?;
                let l1_data = batch.data.clone();
                data.batches.push((derivation.next(batch)?, l1_data));
            }
        }
        if derivation.batch_hash() == name.last_batch_hash {
            Ok(data)
        } else {
            Err(EpochError::Replaced { index: name.last_batch })
        }
    }
}
