//! Submissions that share one write to the journal.

use alloy::primitives::B256;
use tandem_store::Admitted;
use tokio::sync::oneshot;

use super::refusal::NotAdmitted;

/// Where a submission is answered.
pub(super) type Reply = oneshot::Sender<Result<B256, NotAdmitted>>;

/// Submissions that were decided and not yet answered.
#[derive(Default)]
pub(super) struct Submissions {
    pub accepted: Vec<Admitted>,
    pub replies: Vec<(Reply, Result<B256, NotAdmitted>)>,
}
