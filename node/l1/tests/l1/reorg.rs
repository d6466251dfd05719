//! Reorganisations that return nothing to the pool: whatever was done, under way or journaled before, posting goes on.

use crate::submit::{attempts, journal, journaled, wait_until_pooled};
use alloy::providers::ext::AnvilApi;
use std::path::Path;
use tandem_chain::{Checkpoint, derive::Policy};
use tandem_l1::{Append, AppendData, AppendOutcome, Appender, FileJournal, Submitter, bindings::Inbox};
use tandem_support::l1::{Harness, bytes, submitter_config, wait_until};
use tokio::task::JoinHandle;

const DEPTH_MAX: u64 = 10;
/// Seconds in which the Inbox's bucket runs dry, however full it was.
const BUCKET_S: u64 = 60;

/// What happens to the process meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meanwhile {
    /// It has nothing under way.
    Quiet,
    /// It waits for a transaction.
    Pending,
    /// It is killed while it waits for a transaction.
    Killed,
}

/// A poster that asks L1 what is next, as the sequencer asks its store.
struct Poster<'a> {
    harness: &'a Harness,
    journal: &'a Path,
    with_blobs: bool,
    checkpoint: Checkpoint,
}

impl Poster<'_> {
    async fn appender(&self) -> Appender<FileJournal> {
        let client = self.harness.client.clone();
        let journal = FileJournal::new(self.journal);
        let submitter = Submitter::new(client, self.harness.sequencer(), journal, submitter_config()).await.unwrap();
        Appender::new(submitter, self.harness.deployment.chain.inbox)
    }

    async fn batch_count(&self) -> u64 {
        let inbox = Inbox::new(self.harness.deployment.chain.inbox, self.harness.client.provider());
        inbox.batchCount().call().await.unwrap()
    }

    async fn next(&self) -> Append {
        let inbox = Inbox::new(self.harness.deployment.chain.inbox, self.harness.client.provider());
        let last = self.batch_count().await;
        let payload = bytes(100, last as u8);
        Append {
            index: last + 1,
            parent_content_hash: inbox.lastContentHash().call().await.unwrap(),
            queue_end: 0,
            queue_hash: inbox.queueHashOf(0).call().await.unwrap(),
            checkpoint: self.checkpoint,
            work_gas: 1_000_000,
            data: if self.with_blobs { AppendData::Blobs(payload) } else { AppendData::Calldata(payload) },
        }
    }

    /// Posts, deciding anew after whatever happens, until L1 holds so many batches.
    async fn post_until(&self, appender: &mut Appender<FileJournal>, batches: u64) {
        while self.batch_count().await < batches {
            match appender.append(&self.next().await).await {
                Ok(AppendOutcome::Displaced { nonce }) => panic!("nonce {nonce} is used by nobody else"),
                Ok(_) => {}
                Err(error) => assert_ne!(error.policy(), Policy::Fatal, "{error}"),
            }
        }
    }

    async fn survive(&self, depth: u64, meanwhile: Meanwhile) {
        let harness = self.harness;
        let mut appender = self.appender().await;
        harness.auto_mine(true).await;
        // So that the Inbox's bucket (L1-WORK-3) has room for whatever this posts.
        harness.client.provider().anvil_increase_time(BUCKET_S).await.unwrap();
        harness.mine(1).await;
        let posted = self.batch_count().await + depth.min(3);
        self.post_until(&mut appender, posted).await;
        harness.mine(depth - depth.min(3)).await;
        harness.auto_mine(false).await;

        let waiting: Option<JoinHandle<_>> = match meanwhile {
            Meanwhile::Quiet => None,
            Meanwhile::Pending | Meanwhile::Killed => {
                let next = self.next().await;
                let nonce = harness.client.nonce(harness.sequencer().address()).await.unwrap();
                let mut moved = self.appender().await;
                let waiting = tokio::spawn(async move {
                    let outcome = moved.append(&next).await;
                    (moved, outcome)
                });
                wait_until("a transaction waits", || async {
                    journaled(self.journal).last().is_some_and(|sent| sent.nonce == nonce)
                })
                .await;
                wait_until_pooled(harness, self.journal).await;
                Some(waiting)
            }
        };
        let finished = if meanwhile == Meanwhile::Killed {
            waiting.inspect(JoinHandle::abort);
            None
        } else {
            waiting
        };
        harness.reorg(depth).await;
        assert_eq!(self.batch_count().await, posted - depth.min(3), "nothing came back");
        // Half of the time the pool loses what waits as well.
        if depth.is_multiple_of(2) {
            harness.client.provider().anvil_drop_all_transactions().await.unwrap();
        }
        let mining = async {
            loop {
                harness.mine(1).await;
                tokio::task::yield_now().await;
            }
        };
        let going_on = async {
            // A process that lives on comes back from what it waited for by itself.
            let mut appender = match finished {
                Some(waiting) => {
                    let (appender, outcome) = waiting.await.unwrap();
                    assert!(outcome.as_ref().err().is_none_or(|error| error.policy() != Policy::Fatal), "{outcome:?}");
                    appender
                }
                None => self.appender().await,
            };
            self.post_until(&mut appender, posted + 1).await;
        };
        let what = format!("posting goes on after a reorganisation of depth {depth}, {meanwhile:?}");
        tokio::select! {
            () = going_on => {}
            () = mining => {}
            () = tokio::time::sleep(tandem_support::l1::DEADLINE) => panic!("not in time: {what}"),
        }
    }
}

async fn posting_goes_on(with_blobs: bool) {
    let harness = Harness::start().await;
    let (_directory, journal) = journal();
    harness.mine(DEPTH_MAX).await;
    let checkpoint = harness.first_checkpoint().await;
    let poster = Poster { harness: &harness, journal: &journal, with_blobs, checkpoint };
    let mut appender = poster.appender().await;
    poster.post_until(&mut appender, 1).await;
    let market = attempts(&journal).pop().unwrap().fees;
    harness.mine(DEPTH_MAX).await;
    for depth in 1..=DEPTH_MAX {
        for meanwhile in [Meanwhile::Quiet, Meanwhile::Pending, Meanwhile::Killed] {
            poster.survive(depth, meanwhile).await;
        }
    }
    // Fees do not add up over reorganisations.
    let last = attempts(&journal).pop().unwrap().fees;
    assert!(last.max_fee_per_gas <= market.max_fee_per_gas * 8, "{last:?} after {market:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn posting_calldata_goes_on_after_any_reorganisation() {
    posting_goes_on(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn posting_blobs_goes_on_after_any_reorganisation() {
    posting_goes_on(true).await;
}

/// What is final is forgotten; without a `finalized` tag, what is 64 blocks deep.
#[tokio::test(flavor = "multi_thread")]
async fn the_journal_keeps_what_is_not_final() {
    let harness = Harness::start().await;
    let (_directory, journal) = journal();
    let checkpoint = harness.first_checkpoint().await;
    let poster = Poster { harness: &harness, journal: &journal, with_blobs: false, checkpoint };
    let mut appender = poster.appender().await;
    poster.post_until(&mut appender, 3).await;
    assert_eq!(journaled(&journal).len(), 3);
    // Anvil finalises after two epochs of 32 blocks: the first two, not the third.
    harness.mine(63).await;
    poster.post_until(&mut appender, 4).await;
    assert_eq!(journaled(&journal).len(), 2);
}
