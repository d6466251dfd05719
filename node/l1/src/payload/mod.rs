//! Payloads of batches: out of the appending transaction or its blobs, checked, then archived.
//!
//! Rules: L1-BATCH-2, L1-BATCH-5. Adversarial: the sequencer, which may encode its call in any way that Solidity accepts, and every
//! source of blobs. Whatever leaves here matches its hash; the archive and the blob sources are believed in nothing.

mod archive;
mod beacon;
mod calldata;
mod kzg;

use crate::{
    client::{L1Client, RpcFailure},
    reader::PostedBatch,
};
use alloy::primitives::{Address, B256, Bytes, TxHash};
pub use archive::Archive;
pub use beacon::{BeaconClient, BeaconError};
pub use calldata::payload as calldata_payload;
pub use kzg::{blob_commitment, kzg_settings, versioned_hash, versioned_hashes};
use std::{io, path::PathBuf};
use tandem_chain::{
    DataKind, L1Batch,
    batch::{BLOBS_MAX, blobs_hash, calldata_hash},
    derive::{L1Data, Policy},
};

/// Where blobs may be had. None is trusted.
#[derive(Clone, Debug)]
pub enum BlobSource {
    /// A beacon node's standard API, or Anvil's.
    Beacon(BeaconClient),
    /// A directory laid out as [`Archive`] does.
    Directory(PathBuf),
}

/// Why a payload cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// The endpoint did not answer.
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    /// The archive cannot be read or written.
    #[error("payload archive: {0}")]
    Archive(#[from] io::Error),
    /// L1 no longer holds the transaction, or the endpoint does not know it yet.
    #[error("transaction {0} of a batch is not on L1")]
    TransactionMissing(TxHash),
    /// The transaction is not what the batch's header promises.
    #[error("transaction {transaction} does not carry the payload of batch {index}")]
    WrongTransaction {
        /// Index of the batch.
        index: u64,
        /// The one that the event names.
        transaction: TxHash,
    },
    /// No source has the blob.
    #[error("no source has blob {0}")]
    BlobUnavailable(B256),
    /// The worker that hashes ended.
    #[error("hashing was cancelled")]
    Cancelled,
}

impl PayloadError {
    /// How the caller should react.
    pub fn policy(&self) -> Policy {
        match self {
            Self::Rpc(_) | Self::BlobUnavailable(_) | Self::Cancelled => Policy::Retry,
            Self::TransactionMissing(_) | Self::WrongTransaction { .. } => Policy::Reset,
            Self::Archive(_) => Policy::Fatal,
        }
    }
}

/// Fetches payloads. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PayloadFetcher {
    client: L1Client,
    inbox: Address,
    sources: Vec<BlobSource>,
    archive: Archive,
}

impl PayloadFetcher {
    /// Reads through `archive`, then from L1, then from `sources` in order.
    pub fn new(client: L1Client, inbox: Address, sources: Vec<BlobSource>, archive: Archive) -> Self {
        Self { client, inbox, sources, archive }
    }

    /// The batch with its payload. `l1_block` is the number and `l1_timestamp` the time of the L1 block that holds it.
    pub async fn fetch(&self, posted: &PostedBatch, l1_block: u64, l1_timestamp: u64) -> Result<L1Batch, PayloadError> {
        let data = match posted.header.data_kind {
            DataKind::None => L1Data::None,
            DataKind::Calldata => L1Data::Calldata(self.calldata(posted).await?),
            DataKind::Blobs => self.blobs(posted, l1_block, l1_timestamp).await?,
        };
        Ok(L1Batch { header: posted.header, checkpoint: posted.checkpoint, data })
    }

    async fn calldata(&self, posted: &PostedBatch) -> Result<Bytes, PayloadError> {
        let data_hash = posted.header.data_hash;
        if let Some(payload) = self.archive.calldata(data_hash).await? {
            return Ok(payload);
        }
        let wrong = PayloadError::WrongTransaction { index: posted.header.index, transaction: posted.transaction_hash };
        let transaction = self.client.transaction(posted.transaction_hash).await?;
        let transaction = transaction.ok_or(PayloadError::TransactionMissing(posted.transaction_hash))?;
        let payload = (transaction.to == Some(self.inbox)).then(|| calldata::payload(&transaction.input)).flatten();
        let Some(payload) = payload.filter(|payload| calldata_hash(payload) == data_hash) else { return Err(wrong) };
        self.archive.put_calldata(data_hash, &payload).await?;
        Ok(payload)
    }

    async fn blobs(&self, posted: &PostedBatch, l1_block: u64, l1_timestamp: u64) -> Result<L1Data, PayloadError> {
        let data_hash = posted.header.data_hash;
        let versioned_hashes = match self.archive.versioned_hashes(data_hash).await? {
            Some(hashes) => hashes,
            None => self.versioned_hashes(posted).await?,
        };
        let blobs = self.blobs_by_hash(&versioned_hashes, l1_block, l1_timestamp).await?;
        self.archive.put_versioned_hashes(data_hash, &versioned_hashes).await?;
        Ok(L1Data::Blobs { versioned_hashes, blobs })
    }

    async fn versioned_hashes(&self, posted: &PostedBatch) -> Result<Vec<B256>, PayloadError> {
        let transaction = self.client.transaction(posted.transaction_hash).await?;
        let hashes = transaction.ok_or(PayloadError::TransactionMissing(posted.transaction_hash))?.versioned_hashes;
        if hashes.len() > BLOBS_MAX || blobs_hash(&hashes) != posted.header.data_hash {
            return Err(PayloadError::WrongTransaction {
                index: posted.header.index,
                transaction: posted.transaction_hash,
            });
        }
        Ok(hashes)
    }

    /// Blobs by versioned hash, in the order asked for: out of the archive or of the first source that has them; archived before
    /// they are given out.
    pub async fn blobs_by_hash(
        &self,
        hashes: &[B256],
        l1_block: u64,
        l1_timestamp: u64,
    ) -> Result<Vec<Bytes>, PayloadError> {
        let mut found: Vec<Option<Bytes>> = Vec::with_capacity(hashes.len());
        for hash in hashes {
            found.push(self.archive.blob(*hash).await?);
        }
        for source in &self.sources {
            let missing = missing(hashes, &found);
            if missing.is_empty() {
                break;
            }
            for blob in self.ask(source, &missing, l1_block, l1_timestamp).await {
                self.take(hashes, &mut found, blob).await?;
            }
        }
        match missing(hashes, &found).first() {
            Some(hash) => Err(PayloadError::BlobUnavailable(*hash)),
            None => Ok(found.into_iter().flatten().collect()),
        }
    }

    /// What a source answers, unchecked. Its failures are only logged: another source may do better.
    async fn ask(&self, source: &BlobSource, hashes: &[B256], l1_block: u64, l1_timestamp: u64) -> Vec<Bytes> {
        match source {
            BlobSource::Beacon(beacon) => beacon.blobs(l1_block, l1_timestamp, hashes).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "a blob source does not answer: look after the beacon endpoint");
                Vec::new()
            }),
            BlobSource::Directory(path) => {
                let archive = Archive::new(path);
                let mut blobs = Vec::new();
                for hash in hashes {
                    match archive.blob(*hash).await {
                        Ok(blob) => blobs.extend(blob),
                        Err(error) => {
                            tracing::warn!(%error, path = %path.display(), "a directory of blobs cannot be read")
                        }
                    }
                }
                blobs
            }
        }
    }

    /// Keeps a blob if it is one of those that are missing.
    async fn take(&self, hashes: &[B256], found: &mut [Option<Bytes>], blob: Bytes) -> Result<(), PayloadError> {
        let checked = blob.clone();
        let hash =
            tokio::task::spawn_blocking(move || versioned_hash(&checked)).await.map_err(|_| PayloadError::Cancelled)?;
        let Some(hash) = hash.filter(|hash| hashes.contains(hash)) else { return Ok(()) };
        self.archive.put_blob(hash, &blob).await?;
        for (wanted, slot) in hashes.iter().zip(found.iter_mut()) {
            if *wanted == hash {
                *slot = Some(blob.clone());
            }
        }
        Ok(())
    }
}

fn missing(hashes: &[B256], found: &[Option<Bytes>]) -> Vec<B256> {
    hashes.iter().zip(found).filter(|(_, blob)| blob.is_none()).map(|(hash, _)| *hash).collect()
}
