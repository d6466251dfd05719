//! What waits in the pool is never in the way for good, under the rules of geth's pools.

use crate::{
    pool::StrictPool,
    submit::{die_sending, journal, received, transfer, wait_until_pooled, with_blob},
};
use alloy::{
    primitives::{TxHash, U256},
    providers::{Provider, ext::AnvilApi},
};
use std::path::PathBuf;
use tandem_l1::{
    FileJournal, L1Call, L1Client, Outcome, Submitter, SubmitterConfig,
    submit::{Attempt, PooledKind},
};
use tandem_support::l1::{DEADLINE, Harness, submitter_config, wait_until};

struct Strict {
    harness: Harness,
    pool: StrictPool,
    journal: PathBuf,
    _directory: tempfile::TempDir,
}

impl Strict {
    async fn start() -> Self {
        let harness = Harness::start().await;
        let pool = StrictPool::start(harness.anvil.url().unwrap()).await;
        let (directory, journal) = journal();
        harness.auto_mine(false).await;
        Self { harness, pool, journal, _directory: directory }
    }

    /// A process that finds the journal as the last one left it.
    async fn submitter(&self) -> Submitter<FileJournal> {
        self.submitter_with(submitter_config()).await
    }

    async fn submitter_with(&self, config: SubmitterConfig) -> Submitter<FileJournal> {
        let client = L1Client::connect(&self.pool.url, DEADLINE).await.unwrap();
        let journal = FileJournal::new(&self.journal);
        Submitter::new(client, self.harness.user(), journal, config).await.unwrap()
    }

    /// Leaves a transaction in the pool.
    async fn leave(&self, call: L1Call) -> Attempt {
        die_sending(&self.harness, &self.journal, self.submitter().await, call).await
    }

    /// A transaction that is done is reorganised away while another waits behind it.
    async fn leave_behind_gap(&self, call: L1Call) {
        let account = self.harness.user().address();
        let before = received(&self.harness).await;
        self.make(transfer(1_000), None, || self.gave(before, 1_000)).await;
        let next = self.harness.client.nonce(account).await.unwrap();
        let waiting = self.leave(call).await;
        self.harness.reorg(1).await;
        // Anvil forgets the gap, as if the transaction had just come in.
        self.harness.client.provider().anvil_drop_all_transactions().await.unwrap();
        self.pool.return_last().await;
        assert_eq!(self.harness.client.nonce(account).await.unwrap(), next - 1);
        assert!(self.harness.client.transaction(waiting.hash).await.unwrap().is_some(), "it still waits");
    }

    /// Decides for this call until `is_made`; how many earlier transactions came first. Blocks come when L1's next nonce is in the pool, and
    /// not for `outbid`.
    async fn make<F: Future<Output = bool>>(
        &self,
        call: L1Call,
        outbid: Option<TxHash>,
        is_made: impl Fn() -> F,
    ) -> usize {
        let mut submitter = self.submitter().await;
        let deciding = async {
            let mut superseded = 0;
            while !is_made().await {
                match submitter.submit(call.clone()).await.unwrap() {
                    Outcome::Included(_) => {}
                    Outcome::Superseded { .. } => superseded += 1,
                    other => panic!("{other:?}"),
                }
            }
            superseded
        };
        let mining = async {
            loop {
                let waits = match outbid {
                    Some(hash) => self.harness.client.transaction(hash).await.unwrap().is_some(),
                    None => false,
                };
                if !waits && self.has_next_pooled().await {
                    self.harness.mine(1).await;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            superseded = deciding => superseded,
            () = mining => unreachable!("it never ends"),
            () = tokio::time::sleep(DEADLINE) => panic!("the call is not made in time"),
        }
    }

    /// Whether the target got so much since it had `before`.
    async fn gave(&self, before: U256, wei: u64) -> bool {
        received(&self.harness).await >= before + U256::from(wei)
    }

    async fn has_next_pooled(&self) -> bool {
        let account = self.harness.user().address();
        let pending = self.harness.client.provider().get_transaction_count(account).pending().await.unwrap();
        pending > self.harness.client.nonce(account).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_of_the_other_kind_with_the_same_nonce_is_cleared() {
    let strict = Strict::start().await;
    for (old, wanted) in [(transfer(1), with_blob(transfer(20))), (with_blob(transfer(1)), transfer(20))] {
        let before = received(&strict.harness).await;
        let waiting = strict.leave(old).await;
        let superseded = strict.make(wanted, Some(waiting.hash), || strict.gave(before, 20)).await;
        assert_eq!(superseded, 1, "one clearing");
        assert_eq!(received(&strict.harness).await - before, U256::from(20), "the old one was outbid");
        assert!(strict.harness.client.receipt(waiting.hash).await.unwrap().is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_of_the_other_kind_behind_a_gap_is_let_go() {
    let strict = Strict::start().await;
    for (waiting, wanted) in [(transfer(1), with_blob(transfer(20))), (with_blob(transfer(1)), transfer(20))] {
        let before = received(&strict.harness).await;
        strict.leave_behind_gap(waiting).await;
        assert_eq!(strict.make(wanted, None, || strict.gave(before, 20)).await, 1, "one clearing");
        assert_eq!(received(&strict.harness).await - before, U256::from(21), "what waited went first");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_call_behind_a_gap_is_made_once() {
    let strict = Strict::start().await;
    for call in [transfer(7), with_blob(transfer(7))] {
        let before = received(&strict.harness).await;
        strict.leave_behind_gap(call.clone()).await;
        strict.make(call, None, || strict.gave(before, 7)).await;
        strict.harness.mine(1).await;
        assert_eq!(received(&strict.harness).await - before, U256::from(7));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_pool_holds_decides_which_way_is_open() {
    let strict = Strict::start().await;
    for call in [with_blob(transfer(1)), transfer(1)] {
        assert_eq!(strict.submitter().await.pooled_kind().await.unwrap(), None);
        let kind = if call.blobs.is_empty() { PooledKind::Plain } else { PooledKind::Blobs };
        let waiting = strict.leave(call).await;
        assert_eq!(strict.submitter().await.pooled_kind().await.unwrap(), Some(kind));
        let is_mined = async || strict.harness.client.receipt(waiting.hash).await.unwrap().is_some();
        strict.harness.while_mining(wait_until("it is mined", is_mined)).await;
    }
}

/// Nodes behind one address are not all at the same block.
#[tokio::test(flavor = "multi_thread")]
async fn a_strange_answer_about_the_nonce_changes_nothing() {
    let strict = Strict::start().await;
    strict.make(transfer(1), None, || strict.gave(U256::ZERO, 1)).await;
    for by in [1, -1] {
        let before = received(&strict.harness).await;
        let mut submitter = strict.submitter().await;
        let sending = tokio::spawn(async move { submitter.submit(transfer(20)).await });
        wait_until_pooled(&strict.harness, &strict.journal).await;
        strict.pool.mislead([by, by, 0, by, by, 0]);
        wait_until("strange answers are given", || async { strict.pool.has_misled() }).await;
        assert!(!sending.is_finished(), "by {by}");
        let outcome = strict.harness.while_mining(sending).await.unwrap().unwrap();
        assert!(matches!(outcome, Outcome::Included(_)), "{outcome:?}");
        assert_eq!(received(&strict.harness).await - before, U256::from(20));
    }
}

/// Nodes behind one address do not all see a reorganisation at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_of_a_block_that_is_gone_counts_for_nothing() {
    let strict = Strict::start().await;
    strict.pool.keep_receipts();
    let config = SubmitterConfig { confirmations: 3, ..submitter_config() };
    let mut submitter = strict.submitter_with(config).await;
    let sending = tokio::spawn(async move { submitter.submit(transfer(7)).await });
    wait_until_pooled(&strict.harness, &strict.journal).await;
    strict.harness.mine(3).await;
    wait_until("its receipt is read", || async { strict.pool.has_given_receipt() }).await;
    strict.harness.reorg(3).await;
    let outcome = strict.harness.while_mining(sending).await.unwrap().unwrap();
    let Outcome::Included(receipt) = outcome else { panic!("{outcome:?}") };
    let header = strict.harness.client.header(receipt.block_number.unwrap()).await.unwrap().unwrap();
    assert_eq!(Some(header.id.hash), receipt.block_hash, "it is there");
    assert_eq!(received(&strict.harness).await, U256::from(7));
}
