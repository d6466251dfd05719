//! Follows L1: the chain after the last batch that is there, the queue behind it, and the rules. Rules: PAY-OUTPUT, L1-MSG-2, L1-SCHED-3.
//!
//! The state is rebuilt from L1 alone, batch by batch as they land; where L1 took one back, from genesis. Adversarial: the endpoint, whose every word is recomputed.

use std::{sync::Arc, time::Duration};

use alloy::primitives::B256;
use tandem_circuits::groth16::VerifyingKeys;
use tandem_l1::{
    BlockRef, Deployment, L1Client, RpcFailure,
    payments::{HistoryError, Ledger, LedgerError, PostedError, Tracker, posted},
};
use tandem_service::{Readiness, Trouble};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::settled::{Base, Queue, Rules, Settled};
use crate::validity::{
    force::view::View,
    keys::{self, KeysError},
};

/// Most blocks of L1 asked for at a time; an endpoint that refuses is asked for fewer.
const LOG_BLOCKS_MAX: u64 = 10_000;
/// L1 may be silent for so long before anybody is told.
const GRACE: Duration = Duration::from_secs(10);

/// Why L1 cannot be followed. What was read is kept.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The endpoint did not answer.
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    /// The chain's events cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The segments of a batch cannot be had.
    #[error("batch {index}: {source}")]
    Posted {
        /// Index of the batch.
        index: u64,
        /// What is wrong.
        source: PostedError,
    },
    /// A batch does not give what the settlement says.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The verifying keys cannot be had.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

/// The chain on L1. Owned by one task.
#[derive(Debug)]
pub struct Follower {
    client: L1Client,
    deployment: Deployment,
    depth: u64,
    poll_interval: Duration,
    trouble: Trouble,
    tracker: Tracker,
    ledger: Ledger,
    /// The ledger's chain as it was last given out.
    base: Option<(B256, Arc<Base>)>,
    /// The block whose chain was given out last.
    head: Option<BlockRef>,
    keys: (B256, Arc<VerifyingKeys>),
}

impl Follower {
    /// Begins at genesis. Batches below `depth` blocks of L1 count as there for good; between looks it waits for `poll_interval`.
    pub fn new(
        client: L1Client,
        deployment: Deployment,
        depth: u64,
        poll_interval: Duration,
        readiness: &Readiness,
    ) -> Self {
        let ledger = Ledger::genesis(&deployment.chain);
        let trouble = readiness.trouble("L1", GRACE);
        let start_block = deployment.start_block;
        let tracker = Tracker::new(client.clone(), deployment.chain.clone(), start_block, LOG_BLOCKS_MAX);
        Self {
            client,
            deployment,
            depth,
            poll_interval,
            trouble,
            tracker,
            ledger,
            base: None,
            head: None,
            keys: Default::default(),
        }
    }

    /// Follows until `token` is cancelled; `settled` gets what changed.
    pub async fn run(mut self, settled: watch::Sender<Option<Arc<Settled>>>, token: CancellationToken) {
        loop {
            let looked = tokio::select! {
                () = token.cancelled() => return,
                looked = self.look() => looked,
            };
            match looked {
                Ok(found) => {
                    if let Some(found) = found {
                        settled.send_replace(Some(Arc::new(found)));
                    }
                    if let Some(lasted) = self.trouble.is_over() {
                        tracing::info!(seconds = lasted.as_secs(), "L1 can be read again");
                    }
                }
                Err(error) => {
                    if let Some(lasts) = self.trouble.holds(|| error.to_string()) {
                        tracing::warn!(%error, ?lasts, "L1 cannot be read: check the endpoint and --l1-rpc; trying on");
                    }
                }
            }
            tokio::select! {
                () = token.cancelled() => return,
                () = tokio::time::sleep(self.poll_interval) => {}
            }
        }
    }

    /// Looks at L1; nothing if its newest block is the one that was read.
    async fn look(&mut self) -> Result<Option<Settled>, FollowError> {
        self.tracker.poll().await?;
        let head = self.tracker.head();
        if self.head == Some(head.id) {
            return Ok(None);
        }
        self.replay().await?;
        let view = View::read(&self.client, &self.deployment, head).await?;
        let keys_hash = view.rules.keys_hash;
        if self.keys.0 != keys_hash {
            let keys = keys::verifying(&self.client, &self.deployment, view.head, keys_hash).await?;
            self.keys = (keys_hash, Arc::new(keys));
        }
        self.head = Some(head.id);
        Ok(Some(self.settled(&view)))
    }

    /// Applies what L1 has beyond the ledger.
    async fn replay(&mut self) -> Result<(), FollowError> {
        let at = |index: u64| self.tracker.batches().get(usize::try_from(index).ok()?);
        let is_there = at(self.ledger.index()).is_some_and(|event| event.output == self.ledger.output().hash());
        if !is_there {
            tracing::warn!(batch = self.ledger.index(), "L1 reorganised: the state is rebuilt");
            self.ledger = Ledger::genesis(&self.deployment.chain);
        }
        while let Some(event) = at(self.ledger.index().saturating_add(1)) {
            let index = event.index;
            let posted = posted(&self.client, self.deployment.chain.settlement, event).await;
            let posted = posted.map_err(|source| FollowError::Posted { index, source })?;
            // After an error everything is replayed.
            let ledger = std::mem::replace(&mut self.ledger, Ledger::genesis(&self.deployment.chain));
            self.ledger = ledger.apply(event, &posted, self.tracker.messages())?;
            tracing::info!(batch = index, leaves = self.ledger.state().leaf_count(), "batch on L1");
        }
        Ok(())
    }

    /// The chain after the ledger's batch, of that time; copied only if it is another than before.
    fn base(&mut self, timestamp: u64) -> Arc<Base> {
        let output = self.ledger.output().hash();
        if let Some((_, base)) = self.base.as_ref().filter(|(known, _)| *known == output) {
            return base.clone();
        }
        let (index, state) = (self.ledger.index(), self.ledger.state().clone());
        let base = Arc::new(Base { index, state, timestamp, queue_end: self.ledger.output().queue_index });
        self.base = Some((output, base.clone()));
        base
    }

    fn settled(&mut self, view: &View) -> Settled {
        let base = self.base(view.last_timestamp);
        let start = self.ledger.output().queue_index;
        let messages = self.tracker.messages();
        let taken = usize::try_from(start).unwrap_or(usize::MAX).min(messages.len());
        let hash_start = taken.checked_sub(1).and_then(|last| messages.get(last));
        let is_deep = |block: u64| block.saturating_add(self.depth) <= view.head.id.number;
        let deep = self.tracker.batches().iter().rev().find(|event| is_deep(event.block));
        Settled {
            head: view.head,
            base,
            deep: deep.map_or(0, |event| event.index),
            queue: Queue {
                start,
                hash_start: hash_start.map_or(B256::ZERO, |last| last.queue_hash),
                messages: messages.get(taken..).unwrap_or_default().to_vec(),
            },
            rules: Rules {
                config_hash: view.rules.config_hash,
                keys_hash: view.rules.keys_hash,
                messages_max: view.rules.messages_max,
                message_gas_max: view.rules.message_gas_max,
                age_max_s: view.rules.age_max_s,
            },
            keys: self.keys.1.clone(),
            frozen_at: view.frozen_at,
        }
    }
}
