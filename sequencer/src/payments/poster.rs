//! The poster: brings proven batches to L1, one after the other.
//!
//! Which is next, the engine says, each time anew. L1 judges: the call is simulated before it is sent, and what it says against it decides what becomes of the batch. The
//! Inbox's compare-and-swap makes posting one twice impossible, the transaction journal makes trying it twice rare.

use std::{sync::Arc, time::Duration};

use alloy::primitives::Address;
use tandem_chain::{ChainConfig, Checkpoint, derive::Policy};
use tandem_l1::{
    Backoff, L1Client, RpcFailure,
    bindings::{
        Inbox::{self, InboxErrors},
        ValiditySettlement::ValiditySettlementErrors,
    },
    checkpoint,
    payments::{ProvenAppend, Refusal},
    submit::{FileJournal, L1Call, Outcome, SubmitError, Submitter},
};
use tandem_service::{Readiness, Trouble};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::engine::{BatchId, EngineHandle, Hopeless, ToPost};
use crate::commands::NoAnswer;

/// Longest time between tries while L1 does not let us post.
const RETRY_INTERVAL_MAX: Duration = Duration::from_secs(60);
/// Errors and refusals are nothing to speak of until nothing else came for so long: a reorganisation brings some.
const DELAY_MAX: Duration = Duration::from_secs(60);
/// L1 blocks in which a stored checkpoint is looked for before another is stored.
const CHECKPOINT_BLOCKS: u64 = 1_000;

/// What ends the poster, or delays it.
#[derive(Debug, thiserror::Error)]
pub enum PosterError {
    /// The engine is gone.
    #[error("engine: {0}")]
    Engine(#[from] NoAnswer),
    /// The endpoint did not answer.
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    /// A transaction was not brought to an end.
    #[error("cannot post to L1: {0}")]
    Submit(#[from] SubmitError),
    /// The checkpoint that batches are to name was not stored, or its event is missing.
    #[error("no checkpoint was stored on L1")]
    NoCheckpoint,
    /// What the database has of a batch's proofs is no call: the engine takes no such.
    #[error("the proven call of batch {index} in the database does not decode")]
    BadArguments {
        /// Index of the batch.
        index: u64,
    },
    /// L1 refuses the batch, for now.
    #[error("L1 refuses batch {index}: {reason}")]
    Refused {
        /// Index of the batch.
        index: u64,
        /// The contract's error.
        reason: Refusal,
    },
}

impl PosterError {
    fn is_passing(&self) -> bool {
        match self {
            Self::Engine(_) | Self::BadArguments { .. } => false,
            Self::Rpc(_) | Self::NoCheckpoint | Self::Refused { .. } => true,
            Self::Submit(error) => error.policy() != Policy::Fatal,
        }
    }
}

/// How a round ended.
enum Round {
    /// Nothing is left to do.
    Idle,
    /// Something was done: there may be more.
    Moved,
}

/// What L1 says against a batch.
#[derive(Debug, PartialEq, Eq)]
enum Objection {
    /// It will never take it.
    Hopeless(Hopeless),
    /// The named checkpoint is no good.
    Checkpoint,
    /// Another time it may.
    Passing,
}

/// The task that brings proven batches to L1.
pub struct Poster {
    chain: ChainConfig,
    engine: EngineHandle,
    submitter: Submitter<FileJournal>,
    interval: Duration,
    /// A new checkpoint is stored on L1 when the newest is this old, in seconds, or half as old as L1 takes one.
    checkpoint_age_s: u64,
    postable: Arc<Notify>,
    checkpoint: Option<Checkpoint>,
    delayed: Trouble,
}

impl Poster {
    /// A poster for the sequencer's key. It looks for work when `postable` is notified, and at every `interval`.
    pub fn new(
        chain: ChainConfig,
        engine: EngineHandle,
        submitter: Submitter<FileJournal>,
        interval: Duration,
        checkpoint_age_s: u64,
        postable: Arc<Notify>,
        readiness: &Readiness,
    ) -> Self {
        let delayed = readiness.trouble("posting", DELAY_MAX);
        Self { chain, engine, submitter, interval, checkpoint_age_s, postable, checkpoint: None, delayed }
    }

    /// Posts until `cancel` is cancelled.
    pub async fn run(mut self, cancel: CancellationToken) -> Result<(), PosterError> {
        let mut retry = Backoff::new(self.interval, RETRY_INTERVAL_MAX);
        loop {
            let round = tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                round = self.post_next() => round,
            };
            let delay = match round {
                Ok(ended) => {
                    retry.reset();
                    if let Some(lasted) = self.delayed.is_over() {
                        info!(?lasted, "batches get to L1 again");
                    }
                    match ended {
                        Round::Moved => continue,
                        Round::Idle => self.submitter.rest(),
                    }
                    self.interval
                }
                Err(error) if error.is_passing() => {
                    if let Some(lasts) = self.delayed.holds(|| error.to_string()) {
                        warn!(%error, ?lasts, "batches do not get to L1: look after the endpoint, and the account's ether; trying on");
                    }
                    retry.delay()
                }
                Err(error) => return Err(error),
            };
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                () = self.postable.notified() => {}
                () = tokio::time::sleep(delay) => {}
            }
        }
    }

    /// Posts the next batch if it has its proofs.
    async fn post_next(&mut self) -> Result<Round, PosterError> {
        let Some(next) = self.engine.next_to_post().await? else { return Ok(Round::Idle) };
        let index = next.block.number;
        if self.is_on_l1(index).await? {
            // The watcher has yet to see it.
            return Ok(Round::Idle);
        }
        let call = self.call(&next).await?;
        let reason = match self.submitter.submit(call).await {
            Ok(Outcome::Included(_)) => return Ok(Round::Idle),
            // The submitter told.
            Ok(Outcome::Superseded { .. } | Outcome::Displaced { .. }) => return Ok(Round::Moved),
            Ok(Outcome::Reverted { data, .. }) | Err(SubmitError::Refused { data }) => Refusal::decode(data),
            Err(error) => return Err(error.into()),
        };
        let id = BatchId { number: index, hash: next.block.hash };
        match objection(&reason, next.block.timestamp) {
            Objection::Hopeless(why) => {
                warn!(index, reason = reason.to_string(), "L1 does not take the batch as it is");
                self.engine.give_up(id, why).await?;
                if why != Hopeless::Proofs {
                    return Ok(Round::Moved);
                }
                // Whoever brings such proofs may bring them again at once.
            }
            Objection::Checkpoint => self.checkpoint = None,
            Objection::Passing => {}
        }
        Err(PosterError::Refused { index, reason })
    }

    fn client(&self) -> &L1Client {
        self.submitter.client()
    }

    async fn is_on_l1(&self, index: u64) -> Result<bool, RpcFailure> {
        let inbox = Inbox::new(self.chain.inbox, self.client().provider());
        Ok(self.client().call(async { inbox.batchCount().call().await }).await? >= index)
    }

    /// The call that appends a proven batch where L1 is now (PAY-APPEND).
    async fn call(&mut self, next: &ToPost) -> Result<L1Call, PosterError> {
        let inbox = Inbox::new(self.chain.inbox, self.client().provider());
        let parent_content_hash = self.client().call(async { inbox.lastContentHash().call().await }).await?;
        let index = next.block.number;
        let append = ProvenAppend {
            index,
            parent_content_hash,
            queue_end: next.block.queue_end,
            queue_hash: next.block.queue_hash,
            checkpoint: self.checkpoint(next.age_max_s / 2).await?,
            arguments: next.arguments.clone(),
        };
        append.to_call(self.chain.settlement).map_err(|_| PosterError::BadArguments { index })
    }

    /// A stored checkpoint that is younger than that, in seconds, and young enough; a new one if there is none.
    async fn checkpoint(&mut self, age_max_s: u64) -> Result<Checkpoint, PosterError> {
        let (head, age_s) = (self.client().latest().await?, self.checkpoint_age_s.min(age_max_s));
        let is_young = |checkpoint: &Checkpoint| head.timestamp.saturating_sub(checkpoint.timestamp) < age_s;
        if let Some(checkpoint) = self.checkpoint.filter(is_young) {
            return Ok(checkpoint);
        }
        let (inbox, from) = (self.chain.inbox, head.id.number.saturating_sub(CHECKPOINT_BLOCKS));
        let newest = checkpoint::newest_since(self.client(), inbox, from).await?;
        if let Some(checkpoint) = newest.filter(is_young) {
            self.checkpoint = Some(checkpoint);
            return Ok(checkpoint);
        }
        let outcome = self.submitter.submit(checkpoint::call(inbox)).await?;
        let Outcome::Included(receipt) = outcome else {
            return Err(PosterError::NoCheckpoint);
        };
        self.checkpoint = checkpoint::stored_by(self.client(), inbox, &receipt).await?;
        self.checkpoint.ok_or(PosterError::NoCheckpoint)
    }

    /// The account that posts.
    pub fn account(&self) -> Address {
        self.submitter.account()
    }
}

/// What a refusal means for a batch with this time.
fn objection(refusal: &Refusal, timestamp: u64) -> Objection {
    use ValiditySettlementErrors as Settlement;
    match refusal {
        Refusal::Inbox(InboxErrors::Inbox_OverdueMessageLeft(_)) => Objection::Hopeless(Hopeless::Overdue),
        // Another entry of the schedule has begun, which takes fewer.
        Refusal::Inbox(InboxErrors::Inbox_TooManyMessages(_) | InboxErrors::Inbox_TooMuchMessageGas(_)) => {
            Objection::Hopeless(Hopeless::Batch)
        }
        Refusal::Inbox(
            InboxErrors::Inbox_UnknownCheckpoint(_)
            | InboxErrors::Inbox_CheckpointBeforeLast(_)
            | InboxErrors::Inbox_CheckpointNotEarlier(_)
            | InboxErrors::Inbox_CheckpointTooOld(_),
        ) => Objection::Checkpoint,
        Refusal::Settlement(Settlement::ValiditySettlement_TimeOutOfRange(range)) if timestamp < range.min => {
            Objection::Hopeless(Hopeless::Batch)
        }
        // What remains of these is about who posts, about the queue, which the watcher sees to, or about L1's clock.
        Refusal::Settlement(
            Settlement::ValiditySettlement_TimeOutOfRange(_)
            | Settlement::ValiditySettlement_OtherMessages(_)
            | Settlement::ValiditySettlement_NotSequencer(_)
            | Settlement::ValiditySettlement_NotPlainAccount(_)
            | Settlement::ValiditySettlement_NotStarted(_)
            | Settlement::ValiditySettlement_Frozen(_)
            | Settlement::Keys_NotStored(_),
        )
        | Refusal::Inbox(_)
        | Refusal::Unknown(_) => Objection::Passing,
        Refusal::Settlement(_) => Objection::Hopeless(Hopeless::Proofs),
    }
}

#[cfg(test)]
mod tests {
    use alloy::{primitives::U256, sol_types::SolError};
    use tandem_l1::bindings::ValiditySettlement;

    use super::*;

    #[test]
    fn what_l1_says_decides_what_becomes_of_a_batch() {
        let time = |min, max| ValiditySettlement::ValiditySettlement_TimeOutOfRange { timestamp: 5, min, max };
        for (data, expected) in [
            (ValiditySettlement::Groth16_InvalidProof {}.abi_encode(), Objection::Hopeless(Hopeless::Proofs)),
            (ValiditySettlement::Proof_FeeLeft { fee: U256::ONE }.abi_encode(), Objection::Hopeless(Hopeless::Proofs)),
            (time(6, 9).abi_encode(), Objection::Hopeless(Hopeless::Batch)),
            (time(1, 4).abi_encode(), Objection::Passing),
            (Inbox::Inbox_OverdueMessageLeft { index: 1 }.abi_encode(), Objection::Hopeless(Hopeless::Overdue)),
            (Inbox::Inbox_TooManyMessages { count: 9, max: 8 }.abi_encode(), Objection::Hopeless(Hopeless::Batch)),
            (
                Inbox::Inbox_TooMuchMessageGas { gas: U256::from(9), max: 8 }.abi_encode(),
                Objection::Hopeless(Hopeless::Batch),
            ),
            (Inbox::Inbox_UnknownCheckpoint { number: 1 }.abi_encode(), Objection::Checkpoint),
            (Inbox::Inbox_WrongIndex { expected: 1, actual: 2 }.abi_encode(), Objection::Passing),
            (Vec::new(), Objection::Passing),
        ] {
            assert_eq!(objection(&Refusal::decode(data.into()), 5), expected);
        }
    }
}
