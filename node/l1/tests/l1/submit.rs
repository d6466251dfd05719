use crate::harness::{DEADLINE, Harness, submitter_config, wait_until};
use alloy::{
    primitives::{Address, Bytes, U256},
    providers::{Provider, ext::AnvilApi},
    rpc::types::anvil::{ReorgOptions, TransactionData},
    signers::local::PrivateKeySigner,
    sol_types::{SolCall, SolInterface},
};
use std::{path::Path, time::Duration};
use tandem_l1::{
    FileJournal, Journal, L1Call, Outcome, SubmitError, Submitter, SubmitterConfig,
    bindings::Inbox::{self, InboxErrors},
    submit::PendingCall,
};

const TARGET: Address = Address::repeat_byte(0x77);

fn transfer(wei: u64) -> L1Call {
    L1Call { purpose: "transfer".into(), to: TARGET.into(), value: U256::from(wei), ..L1Call::default() }
}

async fn submitter(harness: &Harness, journal: &Path, config: SubmitterConfig) -> Submitter<FileJournal> {
    Submitter::new(harness.client.clone(), harness.user(), FileJournal::new(journal), config).await.unwrap()
}

async fn received(harness: &Harness) -> U256 {
    harness.client.provider().get_balance(TARGET).await.unwrap()
}

fn attempts(journal: &Path) -> Vec<tandem_l1::submit::Attempt> {
    FileJournal::new(journal).load().unwrap().map(|pending| pending.attempts).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn fees_rise_until_a_transaction_is_included() {
    let harness = Harness::start().await;
    let directory = tempfile::tempdir().unwrap();
    let journal = directory.path().join("journal");
    harness.client.provider().anvil_set_auto_mine(false).await.unwrap();
    let config = SubmitterConfig { bump_after: Duration::from_millis(100), ..submitter_config() };
    let mut submitter = submitter(&harness, &journal, config).await;
    let sending = tokio::spawn(async move { submitter.submit(transfer(5)).await });
    wait_until("two replacements", || async { attempts(&journal).len() >= 3 }).await;
    for pair in attempts(&journal).windows(2) {
        assert!(pair[1].fees.max_priority_fee_per_gas * 10 >= pair[0].fees.max_priority_fee_per_gas * 11);
    }
    harness.client.provider().anvil_mine(Some(1), None).await.unwrap();
    let outcome = sending.await.unwrap().unwrap();
    assert!(matches!(outcome, Outcome::Included(_)), "{outcome:?}");
    assert_eq!(received(&harness).await, U256::from(5));
    assert!(attempts(&journal).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_does_not_send_twice() {
    let harness = Harness::start().await;
    let directory = tempfile::tempdir().unwrap();
    let journal = directory.path().join("journal");
    harness.client.provider().anvil_set_auto_mine(false).await.unwrap();
    let mut first = submitter(&harness, &journal, submitter_config()).await;
    let sending = tokio::spawn(async move { first.submit(transfer(5)).await });
    wait_until("it is broadcast", || async {
        match attempts(&journal).first() {
            Some(attempt) => harness.client.transaction(attempt.hash).await.unwrap().is_some(),
            None => false,
        }
    })
    .await;
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());

    // A restart before inclusion, with the transaction lost from the pool as well.
    harness.client.provider().anvil_drop_all_transactions().await.unwrap();
    let mut second = submitter(&harness, &journal, submitter_config()).await;
    let error = second.submit(transfer(6)).await.unwrap_err();
    assert!(matches!(error, SubmitError::Pending { .. }), "{error}");
    harness.client.provider().anvil_set_auto_mine(true).await.unwrap();
    let (call, outcome) = second.resume().await.unwrap().unwrap();
    assert_eq!(call.value, U256::from(5));
    let Outcome::Included(receipt) = outcome else { panic!("not included: {outcome:?}") };

    // A restart after inclusion but before the journal was cleared.
    let done = PendingCall {
        call,
        nonce: harness.client.nonce(harness.user().address()).await.unwrap() - 1,
        attempts: vec![tandem_l1::submit::Attempt { hash: receipt.transaction_hash, fees: Default::default() }],
    };
    FileJournal::new(&journal).store(&done).unwrap();
    let mut third = submitter(&harness, &journal, submitter_config()).await;
    let (_, outcome) = third.resume().await.unwrap().unwrap();
    assert!(matches!(outcome, Outcome::Included(again) if again.transaction_hash == receipt.transaction_hash));
    assert!(third.resume().await.unwrap().is_none());
    assert_eq!(received(&harness).await, U256::from(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_journal_outbids_what_the_pool_holds() {
    let harness = Harness::start().await;
    let directory = tempfile::tempdir().unwrap();
    harness.client.provider().anvil_set_auto_mine(false).await.unwrap();
    let mut config = submitter_config();
    config.patience = Duration::from_millis(200);
    let lost = directory.path().join("lost");
    let error = submitter(&harness, &lost, config).await.submit(transfer(5)).await.unwrap_err();
    assert!(matches!(error, SubmitError::Late { .. }), "{error}");

    let journal = directory.path().join("new");
    let mut submitter = submitter(&harness, &journal, submitter_config()).await;
    let sending = tokio::spawn(async move { submitter.submit(transfer(7)).await });
    wait_until("the pool took the replacement", || async {
        match attempts(&journal).last() {
            Some(attempt) => harness.client.transaction(attempt.hash).await.unwrap().is_some(),
            None => false,
        }
    })
    .await;
    harness.client.provider().anvil_mine(Some(1), None).await.unwrap();
    assert!(matches!(sending.await.unwrap().unwrap(), Outcome::Included(_)));
    assert_eq!(received(&harness).await, U256::from(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_a_reorg_drops_is_sent_again() {
    let harness = Harness::start().await;
    let directory = tempfile::tempdir().unwrap();
    let journal = directory.path().join("journal");
    let config = SubmitterConfig { confirmations: 3, ..submitter_config() };
    let mut submitter = submitter(&harness, &journal, config).await;
    let sending = tokio::spawn(async move { submitter.submit(transfer(5)).await });
    wait_until("it is included", || async { received(&harness).await == U256::from(5) }).await;
    let tx_block_pairs: Vec<(TransactionData, u64)> = Vec::new();
    harness.client.provider().anvil_reorg(ReorgOptions { depth: 1, tx_block_pairs }).await.unwrap();
    assert!(!sending.is_finished());
    wait_until("it is included again", || async { received(&harness).await == U256::from(5) }).await;
    harness.client.provider().anvil_mine(Some(3), None).await.unwrap();
    assert!(matches!(sending.await.unwrap().unwrap(), Outcome::Included(_)));
    assert_eq!(received(&harness).await, U256::from(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn reverts_are_told_before_and_after_inclusion() {
    let harness = Harness::start().await;
    let directory = tempfile::tempdir().unwrap();
    let journal = directory.path().join("journal");
    let mut submitter = submitter(&harness, &journal, submitter_config()).await;
    let input = Bytes::from(Inbox::closeEpochCall {}.abi_encode());
    let call = L1Call { to: harness.deployment.chain.inbox.into(), input, ..L1Call::default() };
    let is_reason = |data: &[u8]| matches!(InboxErrors::abi_decode(data), Ok(InboxErrors::Inbox_EpochNotClosable(_)));

    let nonce = harness.client.nonce(harness.user().address()).await.unwrap();
    let Err(SubmitError::Refused { data }) = submitter.submit(call.clone()).await else { panic!("not refused") };
    assert!(is_reason(&data));
    assert_eq!(harness.client.nonce(harness.user().address()).await.unwrap(), nonce);

    // As if it had been right when it was sent.
    let pending = PendingCall { call: L1Call { gas_limit: Some(200_000), ..call }, nonce, attempts: Vec::new() };
    FileJournal::new(&journal).store(&pending).unwrap();
    let (_, outcome) = submitter.resume().await.unwrap().unwrap();
    let Outcome::Reverted { data, .. } = outcome else { panic!("not reverted: {outcome:?}") };
    assert!(is_reason(&data));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_used_elsewhere_is_noticed() {
    let harness = Harness::start().await;
    let directory = tempfile::tempdir().unwrap();
    let journal = directory.path().join("journal");
    let nonce = harness.client.nonce(harness.user().address()).await.unwrap();
    harness.deposit(1).await;
    let pending = PendingCall { call: L1Call { gas_limit: Some(21_000), ..transfer(5) }, nonce, attempts: Vec::new() };
    FileJournal::new(&journal).store(&pending).unwrap();
    let (_, outcome) = submitter(&harness, &journal, submitter_config()).await.resume().await.unwrap().unwrap();
    assert!(matches!(outcome, Outcome::Displaced { nonce: taken } if taken == nonce), "{outcome:?}");
    assert_eq!(received(&harness).await, U256::ZERO);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_account_is_told_apart() {
    let harness = Harness::start().await;
    let journal = tandem_l1::MemoryJournal::default();
    let poor = PrivateKeySigner::random();
    let mut submitter =
        Submitter::new(harness.client.clone(), poor.clone(), journal, submitter_config()).await.unwrap();
    let call = L1Call { gas_limit: Some(21_000), value: U256::ZERO, ..transfer(0) };
    let outcome = tokio::time::timeout(DEADLINE, submitter.submit(call)).await.unwrap();
    assert!(matches!(outcome, Err(SubmitError::Underfunded { account }) if account == poor.address()), "{outcome:?}");
}
