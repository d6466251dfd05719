//! Submissions that share one write to the journal.

use std::sync::Arc;

use alloy::primitives::B256;
use tandem_evm::Recovered;
use tokio::sync::oneshot;

use super::handle::SubmitAnswer;
use crate::mempool::Dropped;

/// Submissions that were decided and not yet answered.
#[derive(Default)]
pub(super) struct Submissions {
    pub accepted: Vec<Arc<Recovered>>,
    pub dropped: Vec<(B256, Dropped)>,
    pub replies: Vec<(oneshot::Sender<SubmitAnswer>, SubmitAnswer)>,
}

impl Submissions {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.replies.len()
    }

    /// Takes a transaction, and takes back those of the group that it displaces.
    pub fn accept(&mut self, transaction: Arc<Recovered>, displaced: Vec<(B256, Dropped)>) {
        let is_displaced = |hash: &B256| displaced.iter().any(|(displaced, _)| displaced == hash);
        self.accepted.retain(|earlier| !is_displaced(earlier.transaction().hash()));
        self.dropped.extend(displaced);
        self.dropped.retain(|(hash, _)| hash != transaction.transaction().hash());
        self.accepted.push(transaction);
    }
}
