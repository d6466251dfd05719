//! A payments chain as L1 alone tells it: queue, proven batches with their segments, state, withdrawals.
//!
//! Rules: PAY-OUTPUT, PAY-MESSAGE, PAY-WITHDRAWAL-ROOT, L1-MSG-2, L1-MSG-8. Nobody need be believed: every root is recomputed, and the last output compared with the one that the
//! settlement holds. [`read`] gives the events up to a block, [`rebuild`] the state by replaying them, [`Ledger`] does it batch by batch: for who looks once. [`Follower`]
//! keeps events and state on disk and follows L1 from there (PAY-STORE). [`ProvenAppend`] is the call that appends a batch. Adversarial: the endpoint; what it leaves out or invents is an error, never another state.

mod append;
mod follow_error;
mod follower;
mod genesis;
mod history;
mod ledger;
mod posted;
mod queue;
mod rows;
mod rules;
mod standing;
#[cfg(test)]
mod tests;
pub mod withdrawals;

use alloy::primitives::B256;
pub use append::{BadArguments, ProvenAppend, ProvenArguments, Refusal};
pub use follow_error::FollowError;
pub use follower::{Advanced, Applied, Follower};
pub use genesis::genesis;
pub use history::{BatchEvent, History, HistoryError, QueuedRecord, read};
pub use ledger::{Ledger, LedgerError};
pub use posted::{Posted, PostedError, Segments, posted};
pub use queue::{Messages, Queued};
pub use rules::{EntryRules, Rules, RulesError, RulesReader, next_entry, verifier};
use tandem_chain::ChainConfig;
use tandem_payments::content::block_hash;

use crate::client::{L1Client, L1Header};

/// Why the state cannot be rebuilt from L1.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The events cannot be had, or do not fit together.
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
}

/// What the chain is at a block of L1.
#[derive(Debug)]
pub struct Rebuilt {
    /// The last block of L1 that was read.
    pub head: L1Header,
    /// The state after the last batch, and its output.
    pub ledger: Ledger,
    /// The hash of that batch as a block; before the first batch that of the configuration.
    pub block_hash: B256,
    /// All messages ever queued; the ledger tells how many of them are consumed.
    pub messages: Vec<QueuedRecord>,
}

/// The state after the last batch that L1 has now, from events and transactions since `start_block`, that of the deployment. One state in memory;
/// `blocks_max` bounds the blocks of one `eth_getLogs`.
pub async fn rebuild(
    client: &L1Client,
    chain: &ChainConfig,
    start_block: u64,
    blocks_max: u64,
) -> Result<Rebuilt, RebuildError> {
    let History { head, messages, batches } = read(client, chain, start_block, blocks_max).await?;
    let (mut ledger, mut hash) = (Ledger::genesis(chain), chain.hash());
    for event in batches.iter().skip(1) {
        let index = event.index;
        let posted =
            posted(client, chain.settlement, event).await.map_err(|source| RebuildError::Posted { index, source })?;
        ledger = ledger.apply(event, &posted, &messages)?;
        let Segments { effects, withdrawals, messages } = &posted.segments;
        hash = block_hash(index, hash, posted.env, [effects, withdrawals, messages].map(|segment| segment.as_ref()));
        tracing::debug!(batch = index, leaves = ledger.state().leaf_count(), "replayed");
    }
    Ok(Rebuilt { head, ledger, block_hash: hash, messages })
}
