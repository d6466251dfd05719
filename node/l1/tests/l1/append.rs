use alloy::{primitives::U256, providers::ext::AnvilApi};
use tandem_chain::{
    BatchHeader, DataKind,
    batch::{BLOBS_MAX, CALLDATA_BYTES_MAX},
    message::{MESSAGE_DATA_BYTES_MAX, MESSAGE_GAS_MAX},
    work::{BUCKET_BYTES, BUCKET_WORK_GAS, WORK_GAS_PER_SECOND},
};
use tandem_l1::{
    Append, AppendData, AppendOutcome,
    bindings::Inbox::{self, InboxErrors},
};
use tandem_support::l1::{Harness, bytes};

/// What the rulebook says of the Inbox's limits is what L1 holds to (L1-MSG-5, L1-BATCH-2, L1-WORK-3).
#[tokio::test(flavor = "multi_thread")]
async fn limits_are_those_of_l1() {
    let harness = Harness::start().await;
    let inbox = Inbox::new(harness.deployment.chain.inbox, harness.client.provider());
    assert_eq!(inbox.MAX_MESSAGE_BYTES().call().await.unwrap(), U256::from(MESSAGE_DATA_BYTES_MAX));
    assert_eq!(inbox.MAX_MESSAGE_GAS().call().await.unwrap(), MESSAGE_GAS_MAX);
    assert_eq!(inbox.MAX_CALLDATA_BYTES().call().await.unwrap(), U256::from(CALLDATA_BYTES_MAX));
    assert_eq!(inbox.MAX_BLOBS().call().await.unwrap(), U256::from(BLOBS_MAX));
    // Nothing is posted yet, so that the bucket is empty.
    let left = inbox.workLeft().call().await.unwrap();
    assert_eq!([left.workGas, left.postedBytes], [BUCKET_WORK_GAS, BUCKET_BYTES].map(U256::from));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_batch_is_posted_once_and_a_rival_loses() {
    let harness = Harness::start().await;
    harness.deposit(5).await;
    let append = harness.next_append(AppendData::Calldata(bytes(1_000, 1))).await;
    let mut appender = harness.appender().await;
    let Ok(AppendOutcome::Posted { batch, block, cost: Some(cost) }) = appender.append(&append).await else {
        panic!("not posted")
    };
    assert_eq!((batch.header.index, batch.header.queue_end, batch.header.data_kind), (1, 1, DataKind::Calldata));
    assert!(cost.gas > 21_000 && cost.gas_price > 0 && cost.blob_gas == 0);

    // Another process with the same intent, and one with another.
    let again = harness.appender().await.append(&append).await.unwrap();
    assert_eq!(again, AppendOutcome::Posted { batch, block, cost: None });
    let rival = Append { data: AppendData::Calldata(bytes(1_000, 2)), ..append };
    assert_eq!(harness.appender().await.append(&rival).await.unwrap(), AppendOutcome::Lost { winner: batch });
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_name_their_reason() {
    let harness = Harness::start().await;
    let good = harness.next_append(AppendData::Calldata(bytes(10, 1))).await;
    let mut appender = harness.appender().await;

    let early = Append { index: 2, ..good.clone() };
    let Ok(AppendOutcome::Refused { reason: Some(InboxErrors::Inbox_WrongIndex(error)) }) =
        appender.append(&early).await
    else {
        panic!("not refused")
    };
    assert_eq!((error.expected, error.actual), (1, 2));

    let forced = Append { data: AppendData::Forced, work_gas: 0, ..good };
    let outcome = appender.append(&forced).await.unwrap();
    assert!(
        matches!(outcome, AppendOutcome::Refused { reason: Some(InboxErrors::Inbox_NothingOverdue(_)) }),
        "{outcome:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_are_posted_with_what_they_cost() {
    let harness = Harness::start().await;
    let append = harness.next_append(AppendData::Blobs(bytes(200_000, 1))).await;
    let outcome = harness.appender().await.append(&append).await.unwrap();
    let AppendOutcome::Posted { batch, cost: Some(cost), .. } = outcome else { panic!("not posted: {outcome:?}") };
    assert_eq!(batch.header.data_kind, DataKind::Blobs);
    assert_eq!(cost.blob_gas, 2 * 131_072);
    assert_ne!(batch.header, BatchHeader { posted_at: 0, ..batch.header });
    assert_eq!(harness.appender().await.append(&append).await.unwrap(), {
        let AppendOutcome::Posted { block, .. } = outcome else { unreachable!() };
        AppendOutcome::Posted { batch, block, cost: None }
    });
}

/// L1-WORK-3: what the bucket has no room for is refused, and taken once it has drained.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_bucket_refuses_until_it_has_drained() {
    let harness = Harness::start().await;
    let mut appender = harness.appender().await;
    let next = || async {
        Append { work_gas: BUCKET_WORK_GAS, ..harness.next_append(AppendData::Calldata(bytes(10, 1))).await }
    };
    let first = appender.append(&next().await).await.unwrap();
    assert!(matches!(first, AppendOutcome::Posted { .. }), "{first:?}");
    let second = next().await;
    let refused = appender.append(&second).await.unwrap();
    let AppendOutcome::Refused { reason: Some(InboxErrors::WorkMeter_WorkGasFull(full)) } = refused else {
        panic!("not refused: {refused:?}")
    };
    assert!(full.left < full.workGas);
    let seconds = BUCKET_WORK_GAS / WORK_GAS_PER_SECOND;
    harness.client.provider().anvil_increase_time(seconds).await.unwrap();
    harness.mine(1).await;
    let outcome = appender.append(&second).await.unwrap();
    assert!(matches!(outcome, AppendOutcome::Posted { .. }), "{outcome:?}");
}

/// What the devnet pays: every batch is an epoch, and the block has no checkpoint yet.
#[tokio::test(flavor = "multi_thread")]
async fn an_append_with_blobs_costs_little() {
    let harness = Harness::start().await;
    let mut appender = harness.appender().await;
    let mut gas = Vec::new();
    for seed in 0..3 {
        let append = harness.next_append(AppendData::Blobs(bytes(700_000, seed))).await;
        let outcome = appender.append(&append).await.unwrap();
        let AppendOutcome::Posted { cost: Some(cost), .. } = outcome else { panic!("not posted: {outcome:?}") };
        gas.push(cost.gas);
    }
    println!("{gas:?}");
    // The first ones write words that were zero.
    assert!(gas[2] <= 150_000, "{gas:?}");
}
