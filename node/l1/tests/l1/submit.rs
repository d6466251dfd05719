use crate::pool::StrictPool;
use alloy::{
    eips::BlockId,
    primitives::{Address, Bytes, U256, hex},
    providers::{Provider, ext::AnvilApi},
    rpc::types::TransactionRequest,
    signers::local::PrivateKeySigner,
    sol_types::{SolCall, SolInterface},
};
use std::{
    path::Path,
    time::{Duration, Instant},
};
use tandem_chain::blob;
use tandem_l1::{
    FileJournal, Journal, JournalError, L1Call, L1Client, Outcome, SubmitError, Submitter, SubmitterConfig,
    bindings::Inbox::{self, InboxErrors},
    submit::{Attempt, FeeLimits, Fees, Sent},
};
use tandem_support::l1::{DEADLINE, Harness, submitter_config, wait_until};

pub const TARGET: Address = Address::repeat_byte(0x77);

/// Creates a contract that takes one call, and reverts with 42 ever after.
const ONCE: &[u8] = &hex!("60138060095f395ff3 5f54600a57 60015f5500 5b602a5f5260205ffd");

/// A contract that stores the price of gas, as a dispute stores what it refunds.
const PRICE: &[u8] = &hex!("3a5f5500");

/// Where gas is free nothing is stored, and an estimate at no price is short of 20,000 gas.
#[tokio::test(flavor = "multi_thread")]
async fn gas_is_estimated_at_the_price_that_is_paid() {
    let harness = Harness::start().await;
    let directory = tempfile::tempdir().unwrap();
    harness.client.provider().anvil_set_code(TARGET, Bytes::from_static(PRICE)).await.unwrap();
    let mut submitter = submitter(&harness, &directory.path().join("journal"), submitter_config()).await;
    let outcome = submitter.submit(transfer(0)).await.unwrap();
    assert!(matches!(outcome, Outcome::Included(_)), "{outcome:?}");
    assert_ne!(harness.client.provider().get_storage_at(TARGET, U256::ZERO).await.unwrap(), U256::ZERO);
}

pub fn transfer(wei: u64) -> L1Call {
    L1Call { purpose: "transfer".into(), to: TARGET.into(), value: U256::from(wei), ..L1Call::default() }
}

pub fn with_blob(call: L1Call) -> L1Call {
    L1Call { blobs: vec![blob::pack(b"payload").remove(0).into()], ..call }
}

pub async fn submitter(harness: &Harness, journal: &Path, config: SubmitterConfig) -> Submitter<FileJournal> {
    Submitter::new(harness.client.clone(), harness.user(), FileJournal::new(journal), config).await.unwrap()
}

pub async fn received(harness: &Harness) -> U256 {
    harness.client.provider().get_balance(TARGET).await.unwrap()
}

pub fn journaled(journal: &Path) -> Vec<Sent> {
    FileJournal::new(journal).load().unwrap()
}

/// What was sent with the last nonce.
pub fn attempts(journal: &Path) -> Vec<Attempt> {
    journaled(journal).pop().map(|sent| sent.attempts).unwrap_or_default()
}

/// Waits until the pool has the newest attempt.
pub async fn wait_until_pooled(harness: &Harness, journal: &Path) -> Attempt {
    let newest = || attempts(journal).pop();
    wait_until("it is broadcast", || async {
        match newest() {
            Some(attempt) => {
                let found = harness.client.transaction(attempt.hash).await.unwrap();
                found.is_some_and(|found| found.block_hash.is_none())
            }
            None => false,
        }
    })
    .await;
    newest().unwrap()
}

/// A process that is killed when the pool has its transaction.
async fn send_and_die(harness: &Harness, journal: &Path, call: L1Call) -> Attempt {
    die_sending(harness, journal, submitter(harness, journal, submitter_config()).await, call).await
}

/// Kills a process when the pool has its transaction.
pub async fn die_sending(
    harness: &Harness,
    journal: &Path,
    mut dying: Submitter<FileJournal>,
    call: L1Call,
) -> Attempt {
    let sending = tokio::spawn(async move { dying.submit(call).await });
    let attempt = wait_until_pooled(harness, journal).await;
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
    attempt
}

pub fn journal() -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    (directory, path)
}

#[tokio::test(flavor = "multi_thread")]
async fn fees_rise_until_a_transaction_is_included() {
    let harness = Harness::start().await;
    let (_directory, journal) = journal();
    harness.auto_mine(false).await;
    let config = SubmitterConfig { bump_after: Duration::from_millis(100), ..submitter_config() };
    let mut submitter = submitter(&harness, &journal, config).await;
    let sending = tokio::spawn(async move { submitter.submit(transfer(5)).await });
    wait_until("two replacements", || async { attempts(&journal).len() >= 3 }).await;
    for pair in attempts(&journal).windows(2) {
        assert!(pair[1].fees.max_priority_fee_per_gas * 10 >= pair[0].fees.max_priority_fee_per_gas * 11);
    }
    let outcome = harness.while_mining(sending).await.unwrap().unwrap();
    assert!(matches!(outcome, Outcome::Included(_)), "{outcome:?}");
    assert_eq!(received(&harness).await, U256::from(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn fees_go_on_rising_after_a_restart() {
    let harness = Harness::start().await;
    let (_directory, journal) = journal();
    harness.auto_mine(false).await;
    send_and_die(&harness, &journal, transfer(5)).await;
    let config = SubmitterConfig { bump_after: Duration::from_millis(100), ..submitter_config() };
    let mut submitter = submitter(&harness, &journal, config).await;
    let sending = tokio::spawn(async move { submitter.submit(transfer(5)).await });
    wait_until("a replacement", || async { attempts(&journal).len() >= 2 }).await;
    sending.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_does_not_send_twice() {
    let harness = Harness::start().await;
    let (_directory, journal) = journal();
    for is_lost in [false, true] {
        harness.auto_mine(false).await;
        let before = received(&harness).await;
        let attempt = send_and_die(&harness, &journal, transfer(5)).await;
        if is_lost {
            harness.client.provider().anvil_drop_all_transactions().await.unwrap();
        }
        // The same is right after the restart: the same bytes. Not so once L1 has them, so that no block comes before it looked.
        let pool = StrictPool::start(harness.anvil.url().unwrap()).await;
        let client = L1Client::connect(&pool.url, DEADLINE).await.unwrap();
        let file = FileJournal::new(&journal);
        let mut second = Submitter::new(client, harness.user(), file, submitter_config()).await.unwrap();
        let sending = tokio::spawn(async move { second.submit(transfer(5)).await });
        let looks = || async { pool.times_asked("eth_getTransactionByHash") > 0 };
        wait_until("it looks for what it sent before", looks).await;
        let outcome = harness.while_mining(sending).await.unwrap().unwrap();
        let Outcome::Included(receipt) = outcome else { panic!("{outcome:?}") };
        assert_eq!(receipt.transaction_hash, attempt.hash);
        // Whatever the pool still has is mined too.
        harness.mine(2).await;
        assert_eq!(received(&harness).await, before + U256::from(5));
    }
    assert_eq!(journaled(&journal).iter().map(|sent| sent.attempts.len()).collect::<Vec<_>>(), [1, 1]);
}

/// Something else is right after a restart.
#[tokio::test(flavor = "multi_thread")]
async fn another_call_outbids_what_the_pool_holds() {
    let harness = Harness::start().await;
    let (_directory, journal) = journal();
    harness.auto_mine(false).await;
    let prices =
        |fees: Fees| [fees.max_fee_per_gas, fees.max_priority_fee_per_gas, fees.max_fee_per_blob_gas.unwrap_or(0)];
    let mut sum = U256::ZERO;
    for (first, second, factor_percent) in
        [(transfer(1), transfer(20), 110), (with_blob(transfer(1)), with_blob(transfer(300)), 200)]
    {
        let old = send_and_die(&harness, &journal, first).await;

        sum += second.value;
        let mut submitter = submitter(&harness, &journal, submitter_config()).await;
        let sending = tokio::spawn(async move { submitter.submit(second).await });
        wait_until("a new attempt", || async { attempts(&journal).len() == 2 }).await;
        let new = wait_until_pooled(&harness, &journal).await;
        for (old, new) in prices(old.fees).into_iter().zip(prices(new.fees)) {
            assert!(new * 100 >= old * factor_percent, "{old} {new}");
        }
        let outcome = harness.while_mining(sending).await.unwrap().unwrap();
        assert!(matches!(outcome, Outcome::Included(_)), "{outcome:?}");
    }
    harness.mine(2).await;
    assert_eq!(received(&harness).await, sum);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_journal_outbids_what_the_pool_holds() {
    let harness = Harness::start().await;
    let directory = tempfile::tempdir().unwrap();
    harness.auto_mine(false).await;
    let lost = directory.path().join("lost");
    let config = submitter_config();
    let readiness = config.readiness.clone();
    let mut first = submitter(&harness, &lost, config).await;
    let displaced = tokio::spawn(async move { (first.submit(transfer(5)).await, first) });
    wait_until_pooled(&harness, &lost).await;

    let journal = directory.path().join("new");
    let mut submitter = submitter(&harness, &journal, submitter_config()).await;
    let sending = tokio::spawn(async move { submitter.submit(transfer(7)).await });
    wait_until_pooled(&harness, &journal).await;
    let outcome = harness.while_mining(sending).await.unwrap().unwrap();
    assert!(matches!(outcome, Outcome::Included(_)), "{outcome:?}");
    assert_eq!(received(&harness).await, U256::from(7));
    // To the other process, the key is used elsewhere, which lasts although it can send again.
    let (displaced, mut first) = displaced.await.unwrap();
    assert!(matches!(displaced, Ok(Outcome::Displaced { .. })), "{displaced:?}");
    harness.auto_mine(true).await;
    assert!(matches!(first.submit(transfer(5)).await, Ok(Outcome::Included(_))));
    first.rest();
    let reasons = readiness.reasons();
    assert!(reasons.len() == 1 && reasons[0].starts_with("L1 key: another process used the key"), "{reasons:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_a_reorg_drops_is_sent_again() {
    let harness = Harness::start().await;
    let (_directory, journal) = journal();
    let config = SubmitterConfig { confirmations: 3, ..submitter_config() };
    let mut submitter = submitter(&harness, &journal, config).await;
    let sending = tokio::spawn(async move { submitter.submit(transfer(5)).await });
    wait_until("it is included", || async { received(&harness).await == U256::from(5) }).await;
    harness.reorg(1).await;
    assert!(!sending.is_finished());
    wait_until("it is included again", || async { received(&harness).await == U256::from(5) }).await;
    let outcome = harness.while_mining(sending).await.unwrap().unwrap();
    assert!(matches!(outcome, Outcome::Included(_)), "{outcome:?}");
    assert_eq!(received(&harness).await, U256::from(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn reverts_are_told_before_and_after_inclusion() {
    let harness = Harness::start().await;
    let mut submitter = harness.submitter(harness.user()).await;
    let input = Bytes::from(Inbox::closeEpochCall {}.abi_encode());
    let call = L1Call { to: harness.deployment.chain.inbox.into(), input, ..L1Call::default() };
    let nonce = harness.client.nonce(harness.user().address()).await.unwrap();
    let Err(SubmitError::Refused { data }) = submitter.submit(call.clone()).await else { panic!("not refused") };
    assert!(matches!(InboxErrors::abi_decode(&data), Ok(InboxErrors::Inbox_EpochNotClosable(_))));
    assert_eq!(harness.client.nonce(harness.user().address()).await.unwrap(), nonce);

    let create = L1Call { input: ONCE.to_vec().into(), ..L1Call::default() };
    let Outcome::Included(created) = submitter.submit(create).await.unwrap() else { panic!("not created") };
    let once = L1Call { to: created.contract_address.unwrap().into(), ..L1Call::default() };
    harness.auto_mine(false).await;
    let (account, call) = (harness.user().address(), once.clone());
    let sending = tokio::spawn(async move { submitter.submit(call).await });
    let mined = harness.client.nonce(account).await.unwrap();
    let pending = || harness.client.provider().get_transaction_count(account).pending();
    wait_until("it is in the pool", || async { pending().await.unwrap() > mined }).await;
    // Somebody overtakes it.
    let rival = TransactionRequest::default()
        .from(harness.anvil.keys()[3].address())
        .to(once.to.to().copied().unwrap())
        .gas_limit(100_000)
        .max_fee_per_gas(100_000_000_000)
        .max_priority_fee_per_gas(50_000_000_000);
    let _ = harness.client.provider().send_transaction(rival).await.unwrap();
    let outcome = harness.while_mining(sending).await.unwrap().unwrap();
    let Outcome::Reverted { data, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(data.last(), Some(&42));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_account_is_told_apart() {
    let harness = Harness::start().await;
    let (_directory, journal) = journal();
    let poor = PrivateKeySigner::random();
    let file = FileJournal::new(&journal);
    let mut submitter = Submitter::new(harness.client.clone(), poor.clone(), file, submitter_config()).await.unwrap();
    // The pool refuses the one, and the other cannot even be estimated.
    let transfer = L1Call { gas_limit: Some(21_000), value: U256::ZERO, ..transfer(0) };
    let checkpoint = Inbox::checkpointCall {}.abi_encode();
    for call in [transfer, L1Call::new("checkpoint", harness.deployment.chain.inbox, checkpoint)] {
        let outcome = tokio::time::timeout(DEADLINE, submitter.submit(call)).await.unwrap();
        assert!(
            matches!(outcome, Err(SubmitError::Underfunded { account }) if account == poor.address()),
            "{outcome:?}"
        );
        assert!(journaled(&journal).is_empty(), "nobody has what was refused");
    }
}

/// A disk that is full.
struct FullDisk;

impl Journal for FullDisk {
    fn load(&self) -> Result<Vec<Sent>, JournalError> {
        Ok(Vec::new())
    }

    fn store(&mut self, _: &[Sent]) -> Result<(), JournalError> {
        Err(JournalError::Io { path: "journal".into(), error: std::io::ErrorKind::StorageFull.into() })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_journaled_is_not_broadcast() {
    let harness = Harness::start().await;
    let (client, user) = (harness.client.clone(), harness.user());
    let mut submitter = Submitter::new(client, user.clone(), FullDisk, submitter_config()).await.unwrap();
    harness.auto_mine(false).await;
    let outcome = submitter.submit(transfer(5)).await;
    assert!(matches!(outcome, Err(SubmitError::Journal(_))), "{outcome:?}");
    let nonce = async |tag: BlockId| {
        harness.client.provider().get_transaction_count(user.address()).block_id(tag).await.unwrap()
    };
    assert_eq!(nonce(BlockId::pending()).await, nonce(BlockId::latest()).await, "the pool has it");
}

/// However often the owner decides anew, and for the same.
#[tokio::test(flavor = "multi_thread")]
async fn fees_rise_although_the_owners_patience_is_short() {
    let harness = Harness::start().await;
    let (_directory, journal) = journal();
    harness.auto_mine(false).await;
    // Far apart: a look that takes long on a loaded machine is no reason to bid again.
    let (bump_after, patience) = (Duration::from_secs(5), Duration::from_millis(200));
    let mut submitter =
        submitter(&harness, &journal, SubmitterConfig { bump_after, patience, ..submitter_config() }).await;
    let mut decide = async || {
        let late = submitter.submit(transfer(5)).await;
        assert!(matches!(late, Err(SubmitError::Late { .. })), "{late:?}");
    };
    decide().await;
    let bid_before = Instant::now();
    while bid_before.elapsed() < bump_after {
        decide().await;
    }
    decide().await;
    assert!(attempts(&journal).len() >= 2, "the first look after that raises the bid");
}

/// However dear L1 is, and however long it takes.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_bid_beyond_what_may_be_bid() {
    let harness = Harness::start().await;
    let (_directory, journal) = journal();
    harness.auto_mine(false).await;
    let config = |max_fee_per_gas| SubmitterConfig {
        fee_limits: FeeLimits { max_fee_per_gas, ..FeeLimits::default() },
        bump_after: Duration::from_millis(50),
        patience: Duration::from_millis(500),
        ..submitter_config()
    };
    let refused = submitter(&harness, &journal, config(1)).await.submit(transfer(5)).await;
    assert!(matches!(refused, Err(SubmitError::FeesTooHigh { .. })), "{refused:?}");
    assert!(journaled(&journal).is_empty());

    // What is bid already may stay, and is handed to the pool again when that lost it.
    let bid = send_and_die(&harness, &journal, transfer(5)).await;
    let limited = config(bid.fees.max_fee_per_gas);
    let late = submitter(&harness, &journal, limited.clone()).await.submit(transfer(5)).await;
    assert!(matches!(late, Err(SubmitError::Late { .. })), "{late:?}");
    assert_eq!(attempts(&journal), std::slice::from_ref(&bid));
    harness.client.provider().anvil_drop_all_transactions().await.unwrap();
    let patient = SubmitterConfig { patience: DEADLINE, ..limited };
    let mut last = submitter(&harness, &journal, patient).await;
    let outcome = harness.while_mining(last.submit(transfer(5))).await.unwrap();
    assert!(matches!(&outcome, Outcome::Included(receipt) if receipt.transaction_hash == bid.hash), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stuck_is_told_until_it_moves() {
    let harness = Harness::start().await;
    let (_directory, journal) = journal();
    harness.auto_mine(false).await;
    let config = SubmitterConfig { patience: Duration::from_millis(200), ..submitter_config() };
    let readiness = config.readiness.clone();
    let mut submitter = submitter(&harness, &journal, config).await;
    assert!(readiness.reasons().is_empty());
    let nonce = harness.client.nonce(harness.user().address()).await.unwrap();
    for purpose in ["transfer", "other"] {
        let call = L1Call { purpose: purpose.into(), ..transfer(5) };
        let late = submitter.submit(call).await;
        assert!(matches!(late, Err(SubmitError::Late { .. })), "{late:?}");
        let told = readiness.reasons();
        let expected = format!("L1 transactions: {purpose} waits to go to L1 (nonce {nonce}): no block includes it");
        assert!(told.len() == 1 && told[0].starts_with(&expected), "{told:?}");
    }
    let sending = tokio::spawn(async move { while submitter.submit(transfer(5)).await.is_err() {} });
    wait_until("nothing is stuck", || async {
        harness.mine(1).await;
        readiness.reasons().is_empty()
    })
    .await;
    sending.await.unwrap();
    assert!(received(&harness).await > U256::ZERO);
}
