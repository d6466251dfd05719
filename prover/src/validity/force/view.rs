//! What L1 holds of a payments chain at one block, as far as the next batch must obey it. Rules: L1-BATCH-4, L1-BATCH-6, L1-BATCH-7, L1-SCHED-3, PAY-APPEND.

use alloy::{
    eips::BlockId,
    primitives::{B256, U256},
};
use tandem_l1::{
    Deployment, L1Client, L1Header, RpcFailure,
    bindings::{Inbox, ValiditySettlement},
    payments::{EntryRules, next_entry},
};

/// L1 at one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The block of L1 as of which all of it holds.
    pub head: L1Header,
    /// When the chain was frozen, in seconds; zero if it is not.
    pub frozen_at: u64,
    /// Index of the last batch.
    pub batches: u64,
    /// Content hash of that batch.
    pub last_content_hash: B256,
    /// State root after it.
    pub state_root: U256,
    /// Leaves after it.
    pub leaf_count: u64,
    /// Its time, in seconds.
    pub last_timestamp: u64,
    /// Messages that batches have taken.
    pub consumed: u64,
    /// Messages that were ever queued.
    pub queued: u64,
    /// When the first message that waits was queued, in seconds; zero if none waits.
    pub first_queued_at: u64,
    /// Time after which a message is overdue, in seconds.
    pub window_s: u64,
    /// What the next batch obeys.
    pub rules: EntryRules,
}

impl View {
    /// What L1 holds after `head`.
    ///
    /// # Errors
    /// If the endpoint does not answer, or does not have the block any more.
    pub async fn read(client: &L1Client, deployment: &Deployment, head: L1Header) -> Result<Self, RpcFailure> {
        let (at, provider) = (BlockId::hash(head.id.hash), client.provider());
        let inbox = Inbox::new(deployment.chain.inbox, provider);
        let settlement = ValiditySettlement::new(deployment.chain.settlement, provider);
        let consumed = client.call(async { inbox.queueConsumed().block(at).call().await }).await?;
        Ok(Self {
            head,
            frozen_at: client.call(async { settlement.frozenAt().block(at).call().await }).await?,
            batches: client.call(async { inbox.batchCount().block(at).call().await }).await?,
            last_content_hash: client.call(async { inbox.lastContentHash().block(at).call().await }).await?,
            state_root: client.call(async { settlement.stateRoot().block(at).call().await }).await?,
            leaf_count: client.call(async { settlement.leafCount().block(at).call().await }).await?,
            last_timestamp: client.call(async { settlement.timestamp().block(at).call().await }).await?,
            consumed,
            queued: client.call(async { inbox.queueLength().block(at).call().await }).await?,
            first_queued_at: client.call(async { inbox.enqueuedAt(consumed).block(at).call().await }).await?,
            window_s: client.call(async { inbox.forcedInclusionWindowSeconds().block(at).call().await }).await?,
            rules: next_entry(client, deployment.schedule, head).await?,
        })
    }

    /// Messages that wait.
    pub fn waiting(&self) -> u64 {
        self.queued.saturating_sub(self.consumed)
    }

    /// After which time the first message that waits is overdue, in seconds; none if none waits.
    pub fn overdue_after(&self) -> Option<u64> {
        (self.waiting() > 0).then(|| self.first_queued_at.saturating_add(self.window_s))
    }

    /// Whether anybody may append (L1-BATCH-7).
    pub fn is_overdue(&self) -> bool {
        self.overdue_after().is_some_and(|after| self.head.timestamp > after)
    }

    /// The earliest time that a batch may have (PAY-TIME), in seconds.
    pub fn timestamp_min(&self) -> u64 {
        self.last_timestamp.max(self.head.timestamp.saturating_sub(self.rules.age_max_s))
    }
}

/// The end of what the next batch should take of the queue, within what it may (L1-BATCH-6): all messages under `depth` L1 blocks, so that no ordinary
/// reorganisation changes one under its proof, and whatever is overdue at `time`, in seconds, which must not be left. `blocks` are those of all messages.
///
/// # Errors
/// If the endpoint does not answer.
pub async fn queue_end(
    client: &L1Client,
    deployment: &Deployment,
    view: &View,
    blocks: &[u64],
    depth: u64,
    time: u64,
) -> Result<u64, RpcFailure> {
    let (at, start) = (BlockId::hash(view.head.id.hash), view.consumed);
    let inbox = Inbox::new(deployment.chain.inbox, client.provider());
    let gas_max = U256::from(view.rules.message_gas_max);
    let fits = async |end| {
        let gas = client.call(async { inbox.queuedGas(start, end).block(at).call().await }).await?;
        Ok(gas <= gas_max)
    };
    let is_overdue = async |end: u64| {
        let last = end.saturating_sub(1);
        let queued_at = client.call(async { inbox.enqueuedAt(last).block(at).call().await }).await?;
        Ok(queued_at.saturating_add(view.window_s) < time)
    };
    let most = view.queued.min(start.saturating_add(view.rules.messages_max));
    let most = last_that(start, most, fits).await?;
    let overdue = last_that(start, most, is_overdue).await?;
    let is_deep = |block: &u64| block.saturating_add(depth) <= view.head.id.number;
    let deep = blocks.iter().position(|block| !is_deep(block)).unwrap_or(blocks.len());
    Ok(overdue.max(most.min(deep as u64)))
}

/// The last end from `within` to `most` for which something holds that holds for all before it, `within` among them.
async fn last_that(
    mut within: u64,
    most: u64,
    holds: impl AsyncFn(u64) -> Result<bool, RpcFailure>,
) -> Result<u64, RpcFailure> {
    if most <= within || holds(most).await? {
        return Ok(most);
    }
    let mut beyond = most;
    while beyond.saturating_sub(within) > 1 {
        let middle = within.midpoint(beyond);
        if holds(middle).await? {
            within = middle;
        } else {
            beyond = middle;
        }
    }
    Ok(within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_end_is_found_whatever_it_is() {
        for last in 3..=20u64 {
            let found = last_that(3, 20, async |end| Ok(end <= last)).await.unwrap();
            assert_eq!(found, last);
        }
        assert_eq!(last_that(3, 3, async |_| unreachable!()).await.unwrap(), 3);
    }
}
