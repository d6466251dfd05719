//! Derivation: L1's events and payloads in, verified batches out. Rules L1-MSG-2, L1-BATCH-1 to L1-BATCH-3, L1-CP-1, L1-CFG-1.
//!
//! Events and payloads come from an untrusted endpoint: every one is checked against the hashes that chain from genesis, so that
//! a batch that leaves here is the one that the Inbox holds, if the last batch hash is.

use crate::{
    BatchHeader, BatchInput, ChainConfig, Checkpoint, DataKind, Message, OutputFields,
    batch::{blobs_hash, calldata_hash},
    blob,
    message::queue_hash_after,
};
use alloc::{collections::VecDeque, vec::Vec};
use alloy_primitives::{B256, Bytes};

/// The payload of a batch as L1 carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum L1Data {
    /// The batch has no payload: somebody forced it.
    None,
    /// The `payload` argument of the appending transaction.
    Calldata(Bytes),
    /// The blobs of the appending transaction; each was checked against its versioned hash.
    Blobs {
        /// Versioned hashes of the blobs, in the transaction's order.
        versioned_hashes: Vec<B256>,
        /// The blobs, in the same order.
        blobs: Vec<Bytes>,
    },
}

/// A batch as read from L1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct L1Batch {
    /// The header, from the event `BatchAppended`.
    pub header: BatchHeader,
    /// The checkpoint that the batch names, from the same event.
    pub checkpoint: Checkpoint,
    /// The payload, from the transaction or its blobs.
    pub data: L1Data,
}

/// Why a batch or message does not fit. See [`DerivationError::policy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DerivationError {
    /// The batch does not follow the last one.
    #[error("batch {found} does not follow batch {last}")]
    OutOfOrder {
        /// Index of the last batch.
        last: u64,
        /// Index of the one given.
        found: u64,
    },
    /// The batch has another parent: L1 reorganised or the endpoint lies.
    #[error("batch {index} has parent {found}, expected {expected}")]
    ParentMismatch {
        /// Index of the batch.
        index: u64,
        /// Hash of our last batch, or of its content.
        expected: B256,
        /// Hash of the parent that the batch names.
        found: B256,
    },
    /// The message is not the queue's next.
    #[error("message {found} given, expected {expected}")]
    MessageOutOfOrder {
        /// Index of the queue's next message.
        expected: u64,
        /// Index of the message given.
        found: u64,
    },
    /// The batch consumes messages that were not given yet.
    #[error("batch {index} consumes messages up to {queue_end}, only {known} are known")]
    MessagesMissing {
        /// Index of the batch.
        index: u64,
        /// Where its messages end.
        queue_end: u64,
        /// Messages given so far.
        known: u64,
    },
    /// The messages given are not those of the queue.
    #[error("messages of batch {index} hash to {found}, the queue to {expected}")]
    QueueMismatch {
        /// Index of the batch.
        index: u64,
        /// Queue hash in the header.
        expected: B256,
        /// Queue hash over the messages given.
        found: B256,
    },
    /// The queue end lies before the previous one: no Inbox does that.
    #[error("batch {index} moves the queue back to {queue_end}")]
    QueueMovedBack {
        /// Index of the batch.
        index: u64,
        /// Where the batch says that its messages end.
        queue_end: u64,
    },
    /// The payload is not what L1 committed to.
    #[error("payload of batch {index} hashes to {found}, expected {expected}")]
    DataMismatch {
        /// Index of the batch.
        index: u64,
        /// Data hash in the header.
        expected: B256,
        /// Hash of the payload.
        found: B256,
    },
    /// The payload lies elsewhere than the header says.
    #[error("payload of batch {index} is not of the kind that its header names")]
    DataKindMismatch {
        /// Index of the batch.
        index: u64,
    },
    /// The checkpoint is not the one named.
    #[error("checkpoint of batch {index} hashes to {found}, expected {expected}")]
    CheckpointMismatch {
        /// Index of the batch.
        index: u64,
        /// Hash in the header.
        expected: B256,
        /// Hash of the one given.
        found: B256,
    },
    /// This node was given another configuration than the batch follows.
    #[error("batch {index} follows configuration {found}, this node runs {expected}")]
    ConfigMismatch {
        /// Index of the batch.
        index: u64,
        /// Hash of the configuration that this node runs.
        expected: B256,
        /// Hash of the configuration that the batch follows.
        found: B256,
    },
}

/// What to do about a [`DerivationError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Ask again, perhaps somewhere else.
    Retry,
    /// Go back to the last batch that L1 still holds.
    Reset,
    /// An operator must act.
    Fatal,
}

impl DerivationError {
    /// How the caller should react.
    pub fn policy(&self) -> Policy {
        match self {
            Self::MessagesMissing { .. } | Self::DataMismatch { .. } | Self::DataKindMismatch { .. } => Policy::Retry,
            Self::OutOfOrder { .. }
            | Self::ParentMismatch { .. }
            | Self::MessageOutOfOrder { .. }
            | Self::QueueMismatch { .. }
            | Self::QueueMovedBack { .. }
            | Self::CheckpointMismatch { .. } => Policy::Reset,
            Self::ConfigMismatch { .. } => Policy::Fatal,
        }
    }
}

/// Where derivation stands: after which batch, and which messages wait.
#[derive(Clone, Debug)]
pub struct Derivation {
    config: ChainConfig,
    batch_index: u64,
    batch_hash: B256,
    content_hash: B256,
    queue_end: u64,
    queue_hash: B256,
    waiting: VecDeque<Message>,
}

impl Derivation {
    /// Starts before batch 1.
    pub fn genesis(config: ChainConfig) -> Self {
        Self {
            config,
            batch_index: 0,
            batch_hash: B256::ZERO,
            content_hash: B256::ZERO,
            queue_end: 0,
            queue_hash: B256::ZERO,
            waiting: VecDeque::new(),
        }
    }

    /// Starts after the batch whose header this is.
    pub fn after(config: ChainConfig, header: &BatchHeader) -> Self {
        let mut after = Self::genesis(config);
        after.pass(header);
        after
    }

    fn pass(&mut self, header: &BatchHeader) {
        self.batch_index = header.index;
        self.batch_hash = header.hash();
        self.content_hash = header.content_hash();
        self.queue_end = header.queue_end;
        self.queue_hash = header.queue_hash;
    }

    /// Index of the last batch derived.
    pub fn batch_index(&self) -> u64 {
        self.batch_index
    }

    /// Hash of the last batch derived.
    pub fn batch_hash(&self) -> B256 {
        self.batch_hash
    }

    /// Messages consumed by the batches derived so far.
    pub fn queue_end(&self) -> u64 {
        self.queue_end
    }

    /// Messages known so far: the index that [`Derivation::enqueue`] expects next.
    pub fn messages_known(&self) -> u64 {
        self.queue_end.saturating_add(self.waiting.len() as u64)
    }

    /// Takes the next message of the queue.
    pub fn enqueue(&mut self, index: u64, message: Message) -> Result<(), DerivationError> {
        let expected = self.messages_known();
        if index != expected {
            return Err(DerivationError::MessageOutOfOrder { expected, found: index });
        }
        self.waiting.push_back(message);
        Ok(())
    }

    /// Checks the next batch against everything known; nothing changes on error.
    pub fn next(&mut self, batch: L1Batch) -> Result<BatchInput, DerivationError> {
        let L1Batch { header, checkpoint, data } = batch;
        self.check_place(&header)?;
        check_eq(self.config.hash(), header.config_hash, |expected, found| DerivationError::ConfigMismatch {
            index: header.index,
            expected,
            found,
        })?;
        check_eq(header.checkpoint_hash, checkpoint.hash(), |expected, found| DerivationError::CheckpointMismatch {
            index: header.index,
            expected,
            found,
        })?;
        let payload = check_data(&header, data)?;
        let count = self.check_messages(&header)?;
        let messages = self.waiting.drain(..count).collect();
        self.pass(&header);
        Ok(BatchInput { header, config: self.config.clone(), checkpoint, messages, payload })
    }

    fn check_place(&self, header: &BatchHeader) -> Result<(), DerivationError> {
        if self.batch_index.checked_add(1) != Some(header.index) {
            return Err(DerivationError::OutOfOrder { last: self.batch_index, found: header.index });
        }
        for (expected, found) in
            [(self.batch_hash, header.parent_hash), (self.content_hash, header.parent_content_hash)]
        {
            check_eq(expected, found, |expected, found| DerivationError::ParentMismatch {
                index: header.index,
                expected,
                found,
            })?;
        }
        Ok(())
    }

    /// How many waiting messages the batch consumes, if they are the queue's.
    fn check_messages(&self, header: &BatchHeader) -> Result<usize, DerivationError> {
        let (index, queue_end) = (header.index, header.queue_end);
        let count =
            queue_end.checked_sub(self.queue_end).ok_or(DerivationError::QueueMovedBack { index, queue_end })?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count > self.waiting.len() {
            return Err(DerivationError::MessagesMissing { index, queue_end, known: self.messages_known() });
        }
        let found = self
            .waiting
            .iter()
            .take(count)
            .fold(self.queue_hash, |hash, message| queue_hash_after(hash, message.hash()));
        check_eq(header.queue_hash, found, |expected, found| DerivationError::QueueMismatch {
            index,
            expected,
            found,
        })?;
        Ok(count)
    }
}

fn check_eq(
    expected: B256,
    found: B256,
    error: impl FnOnce(B256, B256) -> DerivationError,
) -> Result<(), DerivationError> {
    if expected == found { Ok(()) } else { Err(error(expected, found)) }
}

/// The payload bytes, if they are those that the header commits to.
fn check_data(header: &BatchHeader, data: L1Data) -> Result<Bytes, DerivationError> {
    let index = header.index;
    let mismatch = |expected, found| DerivationError::DataMismatch { index, expected, found };
    match (header.data_kind, data) {
        (DataKind::None, L1Data::None) => {
            check_eq(header.data_hash, B256::ZERO, mismatch)?;
            Ok(Bytes::new())
        }
        (DataKind::Calldata, L1Data::Calldata(payload)) => {
            check_eq(header.data_hash, calldata_hash(&payload), mismatch)?;
            Ok(payload)
        }
        (DataKind::Blobs, L1Data::Blobs { versioned_hashes, blobs }) => {
            check_eq(header.data_hash, blobs_hash(&versioned_hashes), mismatch)?;
            if blobs.len() != versioned_hashes.len() {
                return Err(DerivationError::DataKindMismatch { index });
            }
            Ok(blob::unpack(&blobs).unwrap_or_default().into())
        }
        _ => Err(DerivationError::DataKindMismatch { index }),
    }
}

/// The output before batch 1 (L1-OUT-2).
pub fn genesis_output(config: &ChainConfig, block_hash: B256, state_root: B256) -> OutputFields {
    OutputFields {
        config_hash: config.hash(),
        batch_hash: B256::ZERO,
        last_block_hash: block_hash,
        state_root,
        message_root: crate::MessageTree::default().root(),
        queue_index: 0,
    }
}
