//! One key's way to L1 for several tasks of a process.

use std::sync::Arc;

use alloy::primitives::Address;
use tandem_l1::{L1Call, Outcome, SubmitError, Submitter, submit::Journal};
use tokio::sync::Mutex;

/// A submitter that proposer and challenger share. Cheap to clone.
///
/// The lock is held until L1 has a call: nonces are one sequence, and whoever comes next decides on what L1 holds then, so that no message could
/// take its place.
#[derive(Debug)]
pub struct Sender<J> {
    account: Address,
    submitter: Arc<Mutex<Submitter<J>>>,
}

impl<J> Clone for Sender<J> {
    fn clone(&self) -> Self {
        Self { account: self.account, submitter: self.submitter.clone() }
    }
}

impl<J: Journal> From<Submitter<J>> for Sender<J> {
    fn from(submitter: Submitter<J>) -> Self {
        Self { account: submitter.account(), submitter: Arc::new(Mutex::new(submitter)) }
    }
}

impl<J: Journal> Sender<J> {
    /// The account that sends.
    pub fn account(&self) -> Address {
        self.account
    }

    /// Brings a call to L1, after those that were begun before.
    pub async fn submit(&self, call: L1Call) -> Result<Outcome, SubmitError> {
        self.submitter.lock().await.submit(call).await
    }

    /// There is nothing to send for one of the tasks; if another one sends, this says nothing.
    pub fn rest(&self) {
        if let Ok(mut submitter) = self.submitter.try_lock() {
            submitter.rest();
        }
    }
}
