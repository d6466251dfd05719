//! What runs an epoch outside the machine: the pre-images that L1's data make, and a record of everything that was read.

use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{B256, Bytes, keccak256};
use core::cell::RefCell;

use super::EpochSource;
use crate::{
    BatchInput, L1Data, OutputFields, PreimageSource, batch::CALLDATA_CHUNK_BYTES, blob::BLOB_BYTES,
    message::queue_hash_after,
};

/// Pre-images by hash, and blobs by versioned hash, over a source of what the state before the epoch holds.
#[derive(Clone, Debug)]
pub struct EpochPreimages<S> {
    state: S,
    known: BTreeMap<B256, Bytes>,
    blobs: BTreeMap<B256, Bytes>,
}

impl<S> EpochPreimages<S> {
    /// Knows the previous output, and otherwise what `state` answers.
    pub fn new(state: S, previous: &OutputFields) -> Self {
        let mut preimages = Self { state, known: BTreeMap::new(), blobs: BTreeMap::new() };
        preimages.insert(previous.encode());
        preimages
    }

    /// Adds a batch of the epoch and its data as L1 carries them. `queue_hash` is the queue's hash before its messages; returns that after.
    ///
    /// Blobs of another size than a blob's are not added.
    pub fn add_batch(&mut self, batch: &BatchInput, data: &L1Data, mut queue_hash: B256) -> B256 {
        self.insert(batch.header.encode());
        self.insert(batch.header.encode_content());
        self.insert(batch.config.encode());
        self.insert(batch.checkpoint.encode());
        for message in &batch.messages {
            let message_hash = self.insert(message.encode());
            self.insert([queue_hash, message_hash].concat());
            queue_hash = queue_hash_after(queue_hash, message_hash);
        }
        match data {
            L1Data::None => {}
            L1Data::Calldata(payload) => {
                let chunks: Vec<B256> = payload.chunks(CALLDATA_CHUNK_BYTES).map(|chunk| self.insert(chunk)).collect();
                self.insert(chunks.concat());
            }
            L1Data::Blobs { versioned_hashes, blobs } => {
                self.insert(versioned_hashes.concat());
                let whole = versioned_hashes.iter().zip(blobs).filter(|(_, blob)| blob.len() == BLOB_BYTES);
                self.blobs.extend(whole.map(|(hash, blob)| (*hash, blob.clone())));
            }
        }
        queue_hash
    }

    fn insert(&mut self, bytes: impl AsRef<[u8]>) -> B256 {
        let bytes = Bytes::copy_from_slice(bytes.as_ref());
        let hash = keccak256(&bytes);
        self.known.insert(hash, bytes);
        hash
    }
}

/// Why an epoch cannot be computed from what is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EpochSourceError<E> {
    /// The state's source does not have it.
    #[error(transparent)]
    State(E),
    /// No blob with this versioned hash was added.
    #[error("no blob with versioned hash {0}")]
    Blob(B256),
}

impl<S: PreimageSource> PreimageSource for EpochPreimages<S> {
    type Error = EpochSourceError<S::Error>;

    fn preimage(&self, hash: B256) -> Result<Bytes, Self::Error> {
        match self.known.get(&hash) {
            Some(bytes) => Ok(bytes.clone()),
            None => self.state.preimage(hash).map_err(EpochSourceError::State),
        }
    }
}

impl<S: PreimageSource> EpochSource for EpochPreimages<S> {
    fn blob_element(&self, versioned_hash: B256, index: u64) -> Result<B256, Self::Error> {
        let blob = self.blobs.get(&versioned_hash);
        let element =
            blob.zip(usize::try_from(index).ok()).and_then(|(blob, index)| blob.as_chunks::<32>().0.get(index));
        element.map(B256::from).ok_or(EpochSourceError::Blob(versioned_hash))
    }
}

/// A source that remembers what it answered: what the machine will ask for besides the inputs, since it runs the same code. For one
/// thread.
#[derive(Debug)]
pub struct Recorder<S> {
    source: S,
    preimages: RefCell<BTreeMap<B256, Bytes>>,
    elements: RefCell<BTreeMap<(B256, u64), B256>>,
}

impl<S> Recorder<S> {
    /// Nothing was answered yet.
    pub const fn new(source: S) -> Self {
        Self { source, preimages: RefCell::new(BTreeMap::new()), elements: RefCell::new(BTreeMap::new()) }
    }

    /// Pre-images by hash, and blob elements by versioned hash and index.
    pub fn into_answers(self) -> (BTreeMap<B256, Bytes>, BTreeMap<(B256, u64), B256>) {
        (self.preimages.into_inner(), self.elements.into_inner())
    }
}

impl<S: PreimageSource> PreimageSource for Recorder<S> {
    type Error = S::Error;

    fn preimage(&self, hash: B256) -> Result<Bytes, S::Error> {
        let bytes = self.source.preimage(hash)?;
        self.preimages.borrow_mut().insert(hash, bytes.clone());
        Ok(bytes)
    }
}

impl<S: EpochSource> EpochSource for Recorder<S> {
    fn blob_element(&self, versioned_hash: B256, index: u64) -> Result<B256, S::Error> {
        let element = self.source.blob_element(versioned_hash, index)?;
        self.elements.borrow_mut().insert((versioned_hash, index), element);
        Ok(element)
    }
}
