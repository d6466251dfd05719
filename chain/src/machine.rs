//! The seam between chain kinds: what a state machine takes from L1 and what it gives back.

use crate::{BatchHeader, ChainConfig, Checkpoint, Message, OutputFields};
use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes};

/// Pre-images with their keccak hashes.
pub type Preimages = Vec<(B256, Bytes)>;

/// Where a state machine reads the past: every key is the keccak hash of what it names.
///
/// The caller vouches that the bytes hash to the key; an untrusted source checks before it answers.
pub trait PreimageSource {
    /// Why a pre-image cannot be had. Never caused by what L1 holds: it is the reader's own lack.
    type Error: core::error::Error + Send + Sync + 'static;

    /// The bytes whose keccak hash is `hash`.
    fn preimage(&self, hash: B256) -> Result<Bytes, Self::Error>;
}

impl<S: PreimageSource + ?Sized> PreimageSource for &S {
    type Error = S::Error;

    fn preimage(&self, hash: B256) -> Result<Bytes, S::Error> {
        (**self).preimage(hash)
    }
}

/// One batch with everything that L1 says about it, hashes checked by [`crate::Derivation`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchInput {
    /// The batch's header, as L1 ordered it.
    pub header: BatchHeader,
    /// The configuration whose hash the header names.
    pub config: ChainConfig,
    /// The checkpoint whose hash the header names.
    pub checkpoint: Checkpoint,
    /// The messages that the batch consumes, all of them, in order.
    pub messages: Vec<Message>,
    /// The payload; empty for a forced batch and for broken framing. Adversarial.
    pub payload: Bytes,
}

/// Why a transition cannot be computed: always the reader's lack, never the batch's content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransitionError<E> {
    /// The source could not answer.
    #[error(transparent)]
    Source(E),
    /// The source answered with bytes that no state of the chain contains.
    #[error("pre-image {0} is corrupt")]
    Corrupt(B256),
}

/// What a batch did.
#[derive(Clone, Debug)]
pub struct Transition<B> {
    /// The state after it.
    pub output: OutputFields,
    /// The blocks, in order.
    pub blocks: Vec<B>,
    /// New pre-images (state nodes, code, headers) that later transitions may ask for.
    pub preimages: Preimages,
}

/// A chain kind: a pure function from the previous output and a batch to the next output.
pub trait StateMachine {
    /// What a derived block is.
    type Block;

    /// Applies a batch. Total: whatever the batch holds, the only error is a pre-image that the source lacks.
    fn transition<S: PreimageSource>(
        &self,
        previous: &OutputFields,
        batch: &BatchInput,
        source: &S,
    ) -> Result<Transition<Self::Block>, TransitionError<S::Error>>;
}
