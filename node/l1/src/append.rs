//! Posting batches: an append made, sent, and its end understood. Rules L1-BATCH-2 to L1-BATCH-8.
//!
//! The Inbox's compare-and-swap lets a batch in at most once. What is left to tell apart after a refusal is whether this very batch
//! is there already (an earlier process posted it), or another one took its place. Which batch is next is the owner's to say, each time
//! anew from what L1 holds.

use crate::{
    BlockRef,
    bindings::{AppendArgs, Inbox},
    client::{L1Client, RpcFailure},
    payload::versioned_hashes,
    reader::PostedBatch,
    submit::{Journal, L1Call, Outcome, SubmitError, Submitter, block_of},
};
use alloy::{
    primitives::{Address, B256, Bytes, U256},
    rpc::types::{Filter, Log, TransactionReceipt},
    sol_types::{SolCall, SolEvent, SolInterface},
};
use tandem_chain::{
    BatchHeader, Checkpoint, DataKind,
    batch::{CALLDATA_BYTES_MAX, blobs_hash, calldata_hash},
    blob,
    derive::Policy,
};

/// A batch to post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// Index of the batch.
    pub index: u64,
    /// Content hash of the batch before it; zero for the first.
    pub parent_content_hash: B256,
    /// Messages consumed after it.
    pub queue_end: u64,
    /// The queue's hash there.
    pub queue_hash: B256,
    /// The checkpoint that its blocks were built on.
    pub checkpoint: Checkpoint,
    /// The work that it declares, in gas; zero without data.
    pub work_gas: u64,
    /// The payload, and how it travels.
    pub data: AppendData,
}

/// Where the payload goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendData {
    /// No payload: `appendForced`, for anyone.
    Forced,
    /// Into the call, at most [`CALLDATA_BYTES_MAX`] bytes.
    Calldata(Bytes),
    /// Into as few blobs as it takes, at most `blob::capacity_bytes(BLOBS_MAX)` bytes.
    Blobs(Bytes),
}

/// A payload that does not fit where it is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a payload of {length} bytes exceeds {max}")]
pub struct PayloadTooLong {
    /// Bytes of the payload.
    pub length: usize,
    /// Most bytes that fit there.
    pub max: usize,
}

/// What became of an append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendOutcome {
    /// It is on L1, whether by this call or an earlier one.
    Posted {
        /// The batch as L1 has it.
        batch: PostedBatch,
        /// The L1 block that holds it.
        block: BlockRef,
        /// What L1 charged for the transaction, if it was this one.
        cost: Option<AppendCost>,
    },
    /// Another batch has its index.
    Lost {
        /// The one that does.
        winner: PostedBatch,
    },
    /// L1 refuses it, and no batch has its index: its parent, messages or checkpoint are no longer what L1 holds.
    Refused {
        /// Why, if the Inbox said so.
        reason: Option<Inbox::InboxErrors>,
    },
    /// Another process's transaction took the nonce, and nothing was posted.
    Displaced {
        /// The nonce that was taken.
        nonce: u64,
    },
    /// An earlier transaction of this key took the nonce, and this one was not sent to an end: decide anew.
    Superseded,
}

/// What an append cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendCost {
    /// Gas that the transaction used.
    pub gas: u64,
    /// What the gas cost, in wei per gas.
    pub gas_price: u128,
    /// Blob gas that the transaction used.
    pub blob_gas: u64,
    /// Wei per blob gas.
    pub blob_gas_price: u128,
}

impl Append {
    /// The call of the Inbox that appends the batch.
    pub fn to_call(&self, inbox: Address) -> Result<L1Call, PayloadTooLong> {
        let args = AppendArgs {
            index: self.index,
            parentContentHash: self.parent_content_hash,
            queueEnd: self.queue_end,
            queueHash: self.queue_hash,
            workGas: self.work_gas,
            checkpoint: self.checkpoint.into(),
        };
        let fits = |payload: &Bytes, max| match payload.len() {
            length if length > max => Err(PayloadTooLong { length, max }),
            _ => Ok(()),
        };
        let (input, blobs) = match &self.data {
            AppendData::Forced => (Inbox::appendForcedCall { args }.abi_encode(), Vec::new()),
            AppendData::Calldata(payload) => {
                fits(payload, CALLDATA_BYTES_MAX)?;
                (Inbox::appendCalldataCall { args, payload: payload.clone() }.abi_encode(), Vec::new())
            }
            AppendData::Blobs(payload) => {
                fits(payload, blob::capacity_bytes(tandem_chain::batch::BLOBS_MAX))?;
                (
                    Inbox::appendBlobsCall { args }.abi_encode(),
                    blob::pack(payload).into_iter().map(Bytes::from).collect(),
                )
            }
        };
        let purpose = format!("batch {} {}", self.index, self.data.way());
        Ok(L1Call { purpose, to: inbox.into(), input: input.into(), blobs, ..L1Call::default() })
    }

    /// Whether a batch on L1 is this one, whenever it was posted, after whatever time its parent was, and under whatever configuration.
    pub async fn is(&self, header: &BatchHeader) -> bool {
        header.index == self.index
            && header.parent_content_hash == self.parent_content_hash
            && header.work_gas == self.work_gas
            && header.queue_end == self.queue_end
            && header.queue_hash == self.queue_hash
            && header.checkpoint_hash == self.checkpoint.hash()
            && header.data_kind == self.data.kind()
            && self.data.hash().await == Some(header.data_hash)
    }
}

impl AppendData {
    /// A payload that went to L1 in this way; none where no payload goes.
    pub fn sent_as(kind: DataKind, payload: Bytes) -> Option<Self> {
        match kind {
            DataKind::None => None,
            DataKind::Calldata => Some(Self::Calldata(payload)),
            DataKind::Blobs => Some(Self::Blobs(payload)),
        }
    }

    fn kind(&self) -> DataKind {
        match self {
            Self::Forced => DataKind::None,
            Self::Calldata(_) => DataKind::Calldata,
            Self::Blobs(_) => DataKind::Blobs,
        }
    }

    fn way(&self) -> &'static str {
        match self {
            Self::Forced => "by force",
            Self::Calldata(_) => "as calldata",
            Self::Blobs(_) => "as blobs",
        }
    }

    /// As the Inbox computes it; none if it cannot be computed.
    async fn hash(&self) -> Option<B256> {
        match self {
            Self::Forced => Some(B256::ZERO),
            Self::Calldata(payload) => Some(calldata_hash(payload)),
            Self::Blobs(payload) => {
                let blobs: Vec<Bytes> = blob::pack(payload).into_iter().map(Bytes::from).collect();
                Some(blobs_hash(&versioned_hashes(&blobs).await?))
            }
        }
    }
}

/// Why an append was not brought to an end.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The transaction was not brought to an end.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The endpoint did not answer.
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    /// The payload does not fit where it is to go.
    #[error(transparent)]
    TooLong(#[from] PayloadTooLong),
    /// L1 included the call and emitted no batch.
    #[error("the append was included without its event")]
    NoEvent,
}

impl AppendError {
    /// How the caller should react.
    pub fn policy(&self) -> Policy {
        match self {
            Self::Submit(error) => error.policy(),
            // An endpoint that leaves out a log may have it the next time.
            Self::Rpc(_) | Self::NoEvent => Policy::Retry,
            Self::TooLong(_) => Policy::Fatal,
        }
    }
}

/// Posts batches from one key.
#[derive(Debug)]
pub struct Appender<J> {
    submitter: Submitter<J>,
    inbox: Address,
}

impl<J: Journal> Appender<J> {
    /// An appender that sends to `inbox` by `submitter`.
    pub fn new(submitter: Submitter<J>, inbox: Address) -> Self {
        Self { submitter, inbox }
    }

    /// The connection to L1.
    pub fn client(&self) -> &L1Client {
        self.submitter.client()
    }

    /// The way to L1 itself.
    pub fn submitter(&self) -> &Submitter<J> {
        &self.submitter
    }

    /// The way to L1 itself, for whatever else the same key sends.
    pub fn submitter_mut(&mut self) -> &mut Submitter<J> {
        &mut self.submitter
    }

    /// Posts a batch and waits for what becomes of it. It must be next by what L1 holds now; after an error, decide anew which is.
    pub async fn append(&mut self, append: &Append) -> Result<AppendOutcome, AppendError> {
        let refused = |data: Bytes| AppendOutcome::Refused { reason: Inbox::InboxErrors::abi_decode(&data).ok() };
        let otherwise = match self.submitter.submit(append.to_call(self.inbox)?).await {
            Ok(Outcome::Included(receipt)) => return self.posted_by(&receipt),
            Ok(Outcome::Reverted { data, .. }) | Err(SubmitError::Refused { data }) => refused(data),
            Ok(Outcome::Displaced { nonce }) => AppendOutcome::Displaced { nonce },
            Ok(Outcome::Superseded { .. }) => AppendOutcome::Superseded,
            Err(error) => return Err(error.into()),
        };
        Ok(match self.batch_at(append.index, append.checkpoint.number).await? {
            Some((batch, block)) if append.is(&batch.header).await => {
                AppendOutcome::Posted { batch, block, cost: None }
            }
            Some((winner, _)) => AppendOutcome::Lost { winner },
            None => otherwise,
        })
    }

    fn posted_by(&self, receipt: &TransactionReceipt) -> Result<AppendOutcome, AppendError> {
        let block = block_of(receipt).ok_or(AppendError::NoEvent)?;
        let batch = receipt.logs().iter().find_map(|log| self.posted(log)).ok_or(AppendError::NoEvent)?;
        let cost = AppendCost {
            gas: receipt.gas_used,
            gas_price: receipt.effective_gas_price,
            blob_gas: receipt.blob_gas_used.unwrap_or_default(),
            blob_gas_price: receipt.blob_gas_price.unwrap_or_default(),
        };
        Ok(AppendOutcome::Posted { batch, block, cost: Some(cost) })
    }

    /// The batch with an index, if L1 holds one. It was posted after `from_block`.
    async fn batch_at(&self, index: u64, from_block: u64) -> Result<Option<(PostedBatch, BlockRef)>, AppendError> {
        let filter = Filter::new()
            .address(self.inbox)
            .event_signature(Inbox::BatchAppended::SIGNATURE_HASH)
            .topic1(B256::from(U256::from(index)))
            .from_block(from_block);
        let logs = self.client().logs(&filter).await?;
        Ok(logs.iter().rev().find_map(|log| {
            let block = BlockRef { number: log.block_number?, hash: log.block_hash? };
            Some((self.posted(log)?, block))
        }))
    }

    fn posted(&self, log: &Log) -> Option<PostedBatch> {
        (log.address() == self.inbox).then(|| crate::reader::posted_batch(log)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(data: AppendData) -> Append {
        Append {
            index: 3,
            parent_content_hash: B256::repeat_byte(1),
            queue_end: 5,
            queue_hash: B256::repeat_byte(2),
            checkpoint: Checkpoint { number: 9, ..Checkpoint::default() },
            work_gas: 6,
            data,
        }
    }

    fn header(append: &Append, data_kind: DataKind, data_hash: B256) -> BatchHeader {
        BatchHeader {
            index: append.index,
            parent_hash: B256::repeat_byte(4),
            parent_content_hash: append.parent_content_hash,
            data_kind,
            data_hash,
            queue_end: append.queue_end,
            queue_hash: append.queue_hash,
            checkpoint_hash: append.checkpoint.hash(),
            config_hash: B256::repeat_byte(7),
            work_gas: append.work_gas,
            posted_at: 8,
        }
    }

    #[tokio::test]
    async fn a_batch_on_l1_is_recognised_and_no_other() {
        let payload = Bytes::from_static(b"payload");
        let blobs_data = blobs_hash(&versioned_hashes(&[blob::pack(&payload).remove(0).into()]).await.unwrap());
        for (data, kind, data_hash) in [
            (AppendData::Forced, DataKind::None, B256::ZERO),
            (AppendData::Calldata(payload.clone()), DataKind::Calldata, calldata_hash(&payload)),
            (AppendData::Blobs(payload.clone()), DataKind::Blobs, blobs_data),
        ] {
            let append = append(data);
            let same = header(&append, kind, data_hash);
            assert!(append.is(&same).await, "{kind:?}");
            assert!(append.is(&BatchHeader { posted_at: 1, parent_hash: B256::ZERO, ..same }).await);
            for other in [
                BatchHeader { index: 4, ..same },
                BatchHeader { data_hash: B256::repeat_byte(9), ..same },
                BatchHeader {
                    data_kind: if kind == DataKind::Blobs { DataKind::None } else { DataKind::Blobs },
                    ..same
                },
                BatchHeader { parent_content_hash: B256::ZERO, ..same },
                BatchHeader { work_gas: 7, ..same },
                BatchHeader { queue_end: 6, ..same },
                BatchHeader { queue_hash: B256::ZERO, ..same },
                BatchHeader { checkpoint_hash: B256::ZERO, ..same },
            ] {
                assert!(!append.is(&other).await, "{kind:?}: {other:?}");
            }
        }
    }

    #[test]
    fn payloads_that_do_not_fit_are_refused() {
        let long = Bytes::from(vec![0; CALLDATA_BYTES_MAX + 1]);
        assert!(append(AppendData::Calldata(long.slice(1..))).to_call(Address::ZERO).is_ok());
        assert!(append(AppendData::Calldata(long)).to_call(Address::ZERO).is_err());
        let max = blob::capacity_bytes(tandem_chain::batch::BLOBS_MAX);
        let error = append(AppendData::Blobs(vec![0; max + 1].into())).to_call(Address::ZERO);
        assert_eq!(error, Err(PayloadTooLong { length: max + 1, max }));
    }
}
