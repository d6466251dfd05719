//! How the rest of the node talks to the engine.

use std::sync::{Arc, mpsc::Receiver};

use alloy::primitives::{B256, Bytes};
use tokio::sync::oneshot;

use super::refusal::NotAdmitted;
use crate::{
    commands::{Commands, NoAnswer},
    payments::{l1::L1View, records::Block, signed::Signed},
};

/// Commands that may wait at least, whatever the limit of submissions: L1 and the prover have some to give too.
const COMMANDS_MIN: usize = 64;

/// A batch that a prover was handed, by index and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchId {
    /// The batch's index.
    pub number: u64,
    /// Its hash as a block.
    pub hash: B256,
}

/// A batch with its proofs, as it is brought back.
#[derive(Clone, Debug)]
pub struct ProvenBatch {
    /// Which batch it is.
    pub id: BatchId,
    /// `abi.encode(BatchEnv, bytes[3], ApplyChunk[], AuthoriseChunk[])`.
    pub arguments: Bytes,
    /// The root after it, as the prover derived it.
    pub root_after: B256,
    /// Hash of what its proofs are to be judged by.
    pub verifier: B256,
}

/// What became of a proven batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is kept, and posted when it is next.
    Kept,
    /// There is a proof already, or it is on L1.
    Known,
    /// Another batch has the index.
    Unwanted,
}

/// Why a proven batch is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotProven {
    /// The arguments do not decode, or are not in Solidity's canonical encoding.
    #[error("the arguments are not abi.encode(BatchEnv, bytes[3], ApplyChunk[], AuthoriseChunk[])")]
    Malformed,
    /// Time or operator are not the batch's.
    #[error("time or operator are not the batch's")]
    OtherEnv,
    /// A segment is not the batch's.
    #[error("segment {segment} is not the batch's: {found} bytes, expected {expected}")]
    OtherSegment {
        /// 0 effects, 1 withdrawals, 2 messages.
        segment: usize,
        /// Bytes of the batch's own.
        expected: usize,
        /// Bytes of the one that came.
        found: usize,
    },
    /// It is cut for other circuits than the batch is: it could be too large for L1.
    #[error(
        "the {family} chunks are not those of the batch's own cut: {found} came, expected {expected}, each for its circuit"
    )]
    OtherCut {
        /// The family of circuits, in words for people.
        family: &'static str,
        /// Chunks of the batch's own cut.
        expected: usize,
        /// Chunks of the call that came.
        found: usize,
    },
    /// The root is not the one that this node computed: prover and sequencer disagree on the rules.
    #[error("the root after the batch is {found}, here it is {expected}")]
    OtherRoot {
        /// The root that this node computed.
        expected: B256,
        /// The root that the prover brought.
        found: B256,
    },
    /// No Apply chunk: L1 takes no batch without.
    #[error("there is no Apply chunk")]
    NoChunks,
}

/// The next batch for L1.
#[derive(Clone, Debug)]
pub struct ToPost {
    /// The batch as a block.
    pub block: Arc<Block>,
    /// The arguments of the call after where it lands.
    pub arguments: Bytes,
    /// How old its time and its checkpoint may be on L1, in seconds (PAY-TIME).
    pub age_max_s: u64,
}

/// Why L1 will never take a batch as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hopeless {
    /// Its proofs do not hold: they are forgotten, and the batch is handed out again.
    Proofs,
    /// Its time has run out, or it takes more messages than a batch may: what is in it goes into others, in its order.
    Batch,
    /// It leaves messages that are overdue: what is in it goes into others, after them.
    Overdue,
}

/// What others ask of the engine.
pub(super) enum Command {
    Submit { signed: Box<Signed>, reply: oneshot::Sender<Result<B256, NotAdmitted>> },
    L1 { view: Box<L1View>, reply: oneshot::Sender<()> },
    NextBatch { held: Option<BatchId>, reply: oneshot::Sender<Option<Arc<Block>>> },
    Proven { proven: ProvenBatch, reply: oneshot::Sender<Result<Taken, NotProven>> },
    NextToPost { reply: oneshot::Sender<Option<ToPost>> },
    GiveUp { id: BatchId, why: Hopeless, reply: oneshot::Sender<()> },
}

/// How the rest of the node talks to the engine. Cheap to clone.
#[derive(Clone)]
pub struct EngineHandle(Commands<Command>);

impl EngineHandle {
    /// For an engine that takes commands from what is returned beside it.
    pub(super) fn new(submissions_max: usize) -> (Self, Receiver<Command>) {
        let (commands, received) = Commands::new(submissions_max.max(COMMANDS_MIN));
        (Self(commands), received)
    }

    /// Offers an operation. When it is admitted, it is in the journal and survives kill -9.
    pub async fn submit(&self, signed: Signed) -> Result<Result<B256, NotAdmitted>, NoAnswer> {
        self.0.ask(|reply| Command::Submit { signed: Box::new(signed), reply }).await
    }

    /// L1 is this now.
    pub async fn l1(&self, view: L1View) -> Result<(), NoAnswer> {
        self.0.tell(|reply| Command::L1 { view: Box::new(view.clone()), reply }).await
    }

    /// The oldest closed batch without a proof, or the one after those that the prover holds. Whoever holds none is free: then the open batch closes.
    pub async fn next_batch(&self, held: Option<BatchId>) -> Result<Option<Arc<Block>>, NoAnswer> {
        self.0.ask(|reply| Command::NextBatch { held, reply }).await
    }

    /// A batch with its proofs.
    pub async fn proven(&self, proven: ProvenBatch) -> Result<Result<Taken, NotProven>, NoAnswer> {
        self.0.ask(|reply| Command::Proven { proven, reply }).await
    }

    /// The batch that L1 is to get next, if it has its proofs.
    pub async fn next_to_post(&self) -> Result<Option<ToPost>, NoAnswer> {
        self.0.tell(|reply| Command::NextToPost { reply }).await
    }

    /// L1 will never take a batch as it is.
    pub async fn give_up(&self, id: BatchId, why: Hopeless) -> Result<(), NoAnswer> {
        self.0.tell(|reply| Command::GiveUp { id, why, reply }).await
    }
}
