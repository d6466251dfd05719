use tandem_chain::{BatchHeader, DataKind};
use tandem_l1::{Append, AppendData, AppendOutcome, bindings::Inbox::InboxErrors};
use tandem_support::l1::{Harness, bytes};

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

    let forced = Append { data: AppendData::Forced, ..good };
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
