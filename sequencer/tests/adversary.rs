//! The engine against those who want it to stop: users, the L1 clock, reorganisations of other authors' batches.

mod common;

use alloy::{
    consensus::{SignableTransaction, TxEip7702},
    eips::eip7702::Authorization,
    primitives::{Address, B256, Signature, U256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use common::{ETHER, Rig, chain, config, transfer, user, zeros};
use tandem_chain::{DataKind, L1Batch, L1Data, batch::calldata_hash};
use tandem_evm::{Recovered, payload::SignedTransaction};
use tandem_sequencer::{
    engine::{AskError, Landed, Landing},
    mempool::Refused,
};
use tandem_store::Store;

#[tokio::test]
async fn what_compresses_well_cannot_outgrow_the_decoder() {
    let directory = tempfile::tempdir().unwrap();
    let alice = user(1);
    let mut rig = Rig::start(directory.path(), config(500)).await;
    rig.deposit(alice.address(), ETHER).await;
    // 4.4 MB before compression, the decoder's cap is 4 MB; a few kilobytes after it.
    for nonce in 1..=45 {
        rig.engine.submit(zeros(&alice, nonce, 98_000)).await.unwrap();
    }
    rig.wait("all transactions in closed batches", covers_all).await;
    rig.stop();
}

#[tokio::test]
async fn blocks_of_a_forced_batch_that_l1_lost_are_not_ours_to_post() {
    let directory = tempfile::tempdir().unwrap();
    let (alice, bob) = (user(1), Address::repeat_byte(0xb0));
    let mut rig = Rig::start(directory.path(), config(3_600_000)).await;
    rig.deposit(alice.address(), ETHER).await;
    let hash = rig.engine.submit(transfer(&alice, 1, bob, 5)).await.unwrap();
    rig.wait_included(hash).await;
    rig.l1_block(vec![]).await;
    let checkpoint = rig.store.checkpoint_at_or_before(u64::MAX).unwrap().unwrap();
    let header = rig.header(1, DataKind::None, B256::ZERO, checkpoint);
    let forced = L1Batch { header, checkpoint, data: L1Data::None };
    rig.engine.foreign(forced, rig.messages.clone(), rig.place()).await.unwrap();
    let forced_block = rig.store.block_hash(1).unwrap().unwrap();
    rig.engine.l1_reorg(rig.l1_number - 1).await.unwrap();
    assert_eq!(rig.store.block_number(forced_block).unwrap(), None, "taken back with its batch");
    rig.stop();

    let rig = Rig::start(directory.path(), config(0)).await;
    rig.wait_included(hash).await;
    let block = rig.store.transaction_place(hash).unwrap().unwrap().block_number;
    rig.wait("batch closed", |store| store.jobs().unwrap().iter().any(|job| job.last_block >= block)).await;
    rig.stop();
}

#[tokio::test]
async fn a_batch_that_l1_dates_too_early_is_not_taken_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let alice = user(1);
    let mut rig = Rig::start(directory.path(), config(0)).await;
    rig.deposit(alice.address(), ETHER).await;
    rig.wait("batch closed", |store| !store.jobs().unwrap().is_empty()).await;
    let job = rig.store.jobs().unwrap().remove(0);
    let mut header = rig.header(job.queue_end, DataKind::Calldata, calldata_hash(&job.payload), job.checkpoint);
    header.posted_at = rig.store.header(job.last_block).unwrap().unwrap().timestamp - chain().max_timestamp_drift - 1;
    let mut landed = Landed {
        header,
        checkpoint: job.checkpoint,
        first_block: job.first_block,
        last_block: job.last_block,
        place: rig.place(),
    };
    assert_eq!(rig.engine.landed(landed).await.unwrap(), Landing::DatedOtherwise);
    assert_eq!(rig.store.last_batch().unwrap(), None);
    landed.header.posted_at += 1;
    assert_eq!(rig.engine.landed(landed).await.unwrap(), Landing::Recorded);
    rig.stop();
}

#[tokio::test]
async fn a_batch_that_the_inbox_will_never_take_is_sequenced_again() {
    let directory = tempfile::tempdir().unwrap();
    let alice = user(1);
    let mut rig = Rig::start(directory.path(), config(0)).await;
    rig.deposit(alice.address(), ETHER).await;
    rig.wait("batch closed", |store| !store.jobs().unwrap().is_empty()).await;
    let stale = rig.store.jobs().unwrap().remove(0);
    rig.l1_block(vec![]).await;
    rig.engine.resequence().await.unwrap();
    rig.wait("another batch closed", |store| {
        store.jobs().unwrap().first().is_some_and(|job| job.sequence > stale.sequence)
    })
    .await;
    let fresh = rig.store.jobs().unwrap().remove(0);
    assert_eq!((fresh.first_block, fresh.queue_end), (stale.first_block, stale.queue_end));
    assert!(fresh.checkpoint.number > stale.checkpoint.number);
    rig.stop();
}

#[tokio::test]
async fn what_the_decoder_charges_more_for_than_it_weighs_does_not_outgrow_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(directory.path(), config(500)).await;
    let users: Vec<_> = (1..=6).map(user).collect();
    for user in &users {
        rig.deposit(user.address(), ETHER).await;
    }
    // Each takes fewer bytes signed than the decoder's memory for it.
    for nonce in 1..=250 {
        for user in &users {
            rig.engine.submit(zeros(user, nonce, 2_742)).await.unwrap();
        }
    }
    rig.wait("all transactions in closed batches", covers_all).await;
    assert!(rig.store.jobs().unwrap().len() > 1);
    rig.stop();
}

#[tokio::test]
async fn authorisations_are_counted_as_they_are_posted() {
    let directory = tempfile::tempdir().unwrap();
    let alice = user(1);
    let mut config = config(500);
    config.batch.payload_bytes_max = 50_000;
    let mut rig = Rig::start(directory.path(), config).await;
    rig.deposit(alice.address(), ETHER).await;
    for nonce in 1..=6 {
        rig.engine.submit(authorizing(&alice, nonce, 300)).await.unwrap();
    }
    assert!(matches!(
        rig.engine.submit(authorizing(&alice, 7, 600)).await,
        Err(AskError::Refused(Refused::LargerThanBatch { .. }))
    ));
    rig.wait("all transactions in closed batches", covers_all).await;
    let posted: Vec<usize> = rig.store.jobs().unwrap().iter().map(|job| job.payload.len()).collect();
    assert!(posted.iter().all(|bytes| *bytes <= 50_000) && posted.iter().sum::<usize>() > 100_000, "{posted:?}");
    rig.stop();
}

/// The engine derives every batch before it is closed; one beyond the cap would end it.
fn covers_all(store: &Store) -> bool {
    let journaled = store.journal().unwrap().len();
    let head = store.head().unwrap().number;
    journaled == 0 && store.jobs().unwrap().last().is_some_and(|job| job.last_block == head)
}

/// Carries so many authorisations whose signatures are as short as can be in RLP, and are posted whole.
fn authorizing(signer: &PrivateKeySigner, nonce: u64, count: usize) -> Recovered {
    let authorization = Authorization { chain_id: U256::ZERO, address: Address::ZERO, nonce: 0 };
    let short = authorization.into_signed(Signature::new(U256::ONE, U256::ONE, false));
    let transaction = TxEip7702 {
        chain_id: chain().l2_chain_id,
        nonce,
        gas_limit: 21_000 + 25_000 * count as u64,
        max_fee_per_gas: 1_000_000_000,
        authorization_list: vec![short; count],
        ..Default::default()
    };
    let signature = signer.sign_hash_sync(&transaction.signature_hash()).unwrap();
    Recovered::new(SignedTransaction::Eip7702(transaction.into_signed(signature))).unwrap()
}
