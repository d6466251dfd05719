use alloy::primitives::{B256, Bytes};
use std::path::Path;
use tandem_chain::{Derivation, L1Batch, derive::L1Data};
use tandem_l1::{
    AppendData, AppendOutcome, Archive, BeaconClient, BlobSource, PayloadError, PayloadFetcher, PostedBatch,
    payload::versioned_hash,
};
use tandem_support::l1::{DEADLINE, Harness, bytes};

async fn post(harness: &Harness, data: AppendData) -> (PostedBatch, u64) {
    let append = harness.next_append(data).await;
    let AppendOutcome::Posted { batch, block, .. } = harness.appender().await.append(&append).await.unwrap() else {
        panic!("not posted")
    };
    (batch, block.number)
}

fn fetcher(harness: &Harness, sources: Vec<BlobSource>, archive: &Path) -> PayloadFetcher {
    PayloadFetcher::new(harness.client.clone(), harness.deployment.chain.inbox, sources, Archive::new(archive))
}

fn beacon(harness: &Harness) -> BlobSource {
    BlobSource::Beacon(BeaconClient::new(harness.anvil.url().unwrap(), DEADLINE).unwrap())
}

fn payload_of(harness: &Harness, batch: L1Batch) -> Bytes {
    Derivation::genesis(harness.deployment.chain.clone()).next(batch).unwrap().payload
}

#[tokio::test(flavor = "multi_thread")]
async fn calldata_survives_l1_and_the_archive() {
    let harness = Harness::start().await;
    let directory = tempfile::tempdir().unwrap();
    let sent = bytes(100_000, 1);
    let (batch, block) = post(&harness, AppendData::Calldata(sent.clone())).await;
    let fetched = fetcher(&harness, Vec::new(), directory.path()).fetch(&batch, block, 0).await.unwrap();
    assert_eq!(payload_of(&harness, fetched), sent);

    // L1 no longer needed.
    let lost = PostedBatch { transaction_hash: B256::ZERO, ..batch };
    let fetched = fetcher(&harness, Vec::new(), directory.path()).fetch(&lost, block, 0).await.unwrap();
    assert_eq!(payload_of(&harness, fetched), sent);
    let elsewhere = tempfile::tempdir().unwrap();
    let error = fetcher(&harness, Vec::new(), elsewhere.path()).fetch(&lost, block, 0).await.unwrap_err();
    assert!(matches!(error, PayloadError::TransactionMissing(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_survive_l1_and_the_archive() {
    let harness = Harness::start().await;
    let directory = tempfile::tempdir().unwrap();
    let sent = bytes(200_000, 2);
    let (batch, block) = post(&harness, AppendData::Blobs(sent.clone())).await;
    let error = fetcher(&harness, Vec::new(), directory.path()).fetch(&batch, block, 0).await.unwrap_err();
    assert!(matches!(error, PayloadError::BlobUnavailable(_)), "{error}");
    let fetched = fetcher(&harness, vec![beacon(&harness)], directory.path()).fetch(&batch, block, 0).await.unwrap();
    assert_eq!(payload_of(&harness, fetched), sent);

    // From a directory that somebody else filled, without L1.
    let other = tempfile::tempdir().unwrap();
    let sources = vec![BlobSource::Directory(directory.path().into())];
    let fetched = fetcher(&harness, sources, other.path()).fetch(&batch, block, 0).await.unwrap();
    assert_eq!(payload_of(&harness, fetched), sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lying_blob_source_is_passed_over() {
    let harness = Harness::start().await;
    let directory = tempfile::tempdir().unwrap();
    let sent = bytes(1_000, 3);
    let (batch, block) = post(&harness, AppendData::Blobs(sent.clone())).await;
    let blob = tandem_chain::blob::pack(&sent).remove(0);
    let hash = versioned_hash(&blob).unwrap();

    let liar = tempfile::tempdir().unwrap();
    let lie = tandem_chain::blob::pack(b"lie").remove(0);
    Archive::new(liar.path()).put_blob(hash, &lie).await.unwrap();
    let liars = vec![BlobSource::Directory(liar.path().into())];
    let error = fetcher(&harness, liars.clone(), directory.path()).fetch(&batch, block, 0).await.unwrap_err();
    assert!(matches!(error, PayloadError::BlobUnavailable(missing) if missing == hash), "{error}");

    let sources = [liars, vec![beacon(&harness)]].concat();
    let L1Batch { data: L1Data::Blobs { blobs, .. }, .. } =
        fetcher(&harness, sources, directory.path()).fetch(&batch, block, 0).await.unwrap()
    else {
        panic!("not blobs")
    };
    assert_eq!(blobs, [Bytes::from(blob)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_with_another_payload_is_refused() {
    let harness = Harness::start().await;
    let directory = tempfile::tempdir().unwrap();
    let (first, block) = post(&harness, AppendData::Calldata(bytes(10, 1))).await;
    let (second, _) = post(&harness, AppendData::Calldata(bytes(10, 2))).await;
    let lie = PostedBatch { transaction_hash: second.transaction_hash, ..first };
    let error = fetcher(&harness, Vec::new(), directory.path()).fetch(&lie, block, 0).await.unwrap_err();
    assert!(matches!(error, PayloadError::WrongTransaction { index: 1, .. }), "{error}");
}
