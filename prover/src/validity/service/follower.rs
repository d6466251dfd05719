//! Follows L1: the chain after the last batch that is there, the queue behind it, and the rules. Rules: PAY-OUTPUT, PAY-STORE, L1-MSG-2, L1-SCHED-3.
//!
//! Chain and queue follow from L1 alone and are on disk, so that a start goes on from there. Adversarial: the endpoint, whose every word is recomputed.

use std::{sync::Arc, time::Duration};

use alloy::primitives::B256;
use tandem_circuits::groth16::VerifyingKeys;
use tandem_l1::{
    BlockRef, Deployment, L1Client, RpcFailure,
    payments::{self, Applied},
};
use tandem_service::{Readiness, Trouble};
use tandem_store::LedgerStore;
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
    /// The chain cannot be followed.
    #[error(transparent)]
    Chain(#[from] payments::FollowError),
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
    chain: payments::Follower,
    /// The ledger's chain as it was last given out.
    base: Option<(B256, Arc<Base>)>,
    /// The block whose chain was given out last.
    head: Option<BlockRef>,
    keys: (B256, Arc<VerifyingKeys>),
}

impl Follower {
    /// Goes on from what `store` has. Batches below `depth` blocks of L1 count as there for good; between looks it waits for `poll_interval`.
    ///
    /// # Errors
    /// If the store is damaged.
    pub async fn open(
        client: L1Client,
        deployment: Deployment,
        depth: u64,
        poll_interval: Duration,
        store: LedgerStore,
        readiness: &Readiness,
    ) -> Result<Self, FollowError> {
        let trouble = readiness.trouble("L1", GRACE);
        let (chain, start_block) = (deployment.chain.clone(), deployment.start_block);
        let chain = payments::Follower::open(client.clone(), chain, start_block, LOG_BLOCKS_MAX, store).await?;
        Ok(Self {
            client,
            deployment,
            depth,
            poll_interval,
            trouble,
            chain,
            base: None,
            head: None,
            keys: Default::default(),
        })
    }

    /// Follows until `token` is cancelled; `settled` gets what changed.
    ///
    /// # Errors
    /// If what L1 tells cannot be kept. All else passes, and is told while it lasts.
    pub async fn run(
        mut self,
        settled: watch::Sender<Option<Arc<Settled>>>,
        token: CancellationToken,
    ) -> Result<(), FollowError> {
        loop {
            let looked = tokio::select! {
                () = token.cancelled() => return Ok(()),
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
                Err(FollowError::Chain(error)) if error.is_fatal() => return Err(error.into()),
                Err(error) => {
                    if let Some(lasts) = self.trouble.holds(|| error.to_string()) {
                        tracing::warn!(%error, ?lasts, "L1 cannot be read: check the endpoint and --l1-rpc; trying on");
                    }
                }
            }
            tokio::select! {
                () = token.cancelled() => return Ok(()),
                () = tokio::time::sleep(self.poll_interval) => {}
            }
        }
    }

    /// Looks at L1; nothing if its newest block is the one that was given out.
    async fn look(&mut self) -> Result<Option<Settled>, FollowError> {
        let applied = |batch: Applied<'_, ()>| {
            tracing::info!(batch = batch.event.index, leaves = batch.event.leaf_count, "batch on L1");
        };
        let advanced = self.chain.advance_noting(applied).await?;
        // The one that was given out last is among those that are gone.
        if let (Some(advanced), Some((_, base))) = (advanced, &self.base)
            && advanced.batches_kept as u64 <= base.index
        {
            let (before, batch, rebuilt) = (base.index, self.chain.ledger().index(), advanced.rebuilt);
            tracing::warn!(before, batch, rebuilt, "L1 reorganised: batches were taken back");
        }
        let head = self.chain.head();
        if self.head == Some(head.id) {
            return Ok(None);
        }
        let view = View::read(&self.client, &self.deployment, head).await?;
        let keys_hash = view.rules.keys_hash;
        if self.keys.0 != keys_hash {
            let keys = keys::verifying(&self.client, &self.deployment, view.head, keys_hash).await?;
            self.keys = (keys_hash, Arc::new(keys));
        }
        self.head = Some(head.id);
        Ok(Some(self.settled(&view)))
    }

    /// The chain after the ledger's batch, of that time; copied only if it is another than before.
    fn base(&mut self, timestamp: u64) -> Arc<Base> {
        let ledger = self.chain.ledger();
        let output = ledger.output().hash();
        if let Some((_, base)) = self.base.as_ref().filter(|(known, _)| *known == output) {
            return base.clone();
        }
        let (index, state) = (ledger.index(), ledger.state().clone());
        let base = Arc::new(Base { index, state, timestamp, queue_end: ledger.output().queue_index });
        self.base = Some((output, base.clone()));
        base
    }

    fn settled(&mut self, view: &View) -> Settled {
        let base = self.base(view.last_timestamp);
        let is_deep = |block: u64| block.saturating_add(self.depth) <= view.head.id.number;
        let deep = self.chain.batches().iter().rev().find(|event| is_deep(event.block));
        Settled {
            head: view.head,
            base,
            deep: deep.map_or(0, |event| event.index),
            queue: Queue { start: self.chain.ledger().output().queue_index, messages: self.chain.messages().clone() },
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
