use alloy::{
    providers::ext::AnvilApi,
    rpc::types::anvil::{ReorgOptions, TransactionData},
};
use tandem_chain::{Derivation, L1Batch, derive::L1Data};
use tandem_l1::{AppendData, AppendOutcome, BlockRef, L1Update, Reader, ReaderConfig};
use tandem_support::l1::{Harness, bytes, next_block};

async fn reorg(harness: &Harness, depth: u64) {
    let tx_block_pairs: Vec<(TransactionData, u64)> = Vec::new();
    harness.client.provider().anvil_reorg(ReorgOptions { depth, tx_block_pairs }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn events_feed_derivation_near_the_tip_and_far_from_it() {
    let harness = Harness::start().await;
    let payload = bytes(70_000, 3);
    let mut near = Reader::new(harness.client.clone(), harness.reader_config());
    next_block(&mut near, |block| !block.checkpoints.is_empty()).await;
    harness.deposit(5).await;
    harness.deposit(6).await;
    let append = harness.next_append(AppendData::Calldata(payload.clone())).await;
    harness.appender().await.append(&append).await.unwrap();
    harness.client.provider().anvil_mine(Some(100), None).await.unwrap();

    // Ranges so small that several are needed.
    let far_config = ReaderConfig { backfill_blocks_max: 7, ..harness.reader_config() };
    for mut reader in [near, Reader::new(harness.client.clone(), far_config)] {
        let mut derivation = Derivation::genesis(harness.deployment.chain.clone());
        let batch = loop {
            let block = next_block(&mut reader, |block| !block.messages.is_empty() || !block.batches.is_empty()).await;
            for queued in block.messages {
                derivation.enqueue(queued.index, queued.message).unwrap();
            }
            if let Some(batch) = block.batches.first() {
                assert_eq!(block.epochs.len(), 1);
                break *batch;
            }
        };
        let L1Batch { header, checkpoint, data } =
            L1Batch { header: batch.header, checkpoint: batch.checkpoint, data: L1Data::Calldata(payload.clone()) };
        let input = derivation.next(L1Batch { header, checkpoint, data }).unwrap();
        assert_eq!(input.messages.iter().map(|message| message.mint.to::<u64>()).collect::<Vec<_>>(), [5, 6]);
        assert_eq!(input.payload, payload);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_comes_out_before_what_replaces_it() {
    let harness = Harness::start().await;
    harness.deposit(5).await;
    let mut reader = Reader::new(harness.client.clone(), harness.reader_config());
    let kept = next_block(&mut reader, |block| !block.messages.is_empty()).await;
    harness.deposit(6).await;
    let append = harness.next_append(AppendData::Calldata(bytes(10, 1))).await;
    let first = harness.appender().await.append(&append).await.unwrap();
    let dropped = next_block(&mut reader, |block| !block.batches.is_empty()).await;

    reorg(&harness, 2).await;
    let to = loop {
        if let L1Update::Reorg { to } = reader.next().await {
            break to;
        }
    };
    assert_eq!(to, kept.id());

    // The batch and its message are gone; what comes next is another one at the same height.
    let append = harness.next_append(AppendData::Calldata(bytes(10, 1))).await;
    assert_eq!((append.index, append.queue_end), (1, 1));
    let second = harness.appender().await.append(&append).await.unwrap();
    let replacement = next_block(&mut reader, |block| !block.batches.is_empty()).await;
    assert_ne!(replacement.hash, dropped.hash);
    let (AppendOutcome::Posted { batch: first, .. }, AppendOutcome::Posted { batch: second, .. }) = (first, second)
    else {
        panic!("not posted")
    };
    assert_ne!(first.header.hash(), second.header.hash());
    assert_eq!(replacement.batches, [second]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_resumes_learns_what_it_missed() {
    let harness = Harness::start().await;
    harness.deposit(5).await;
    let mut reader = Reader::new(harness.client.clone(), harness.reader_config());
    let kept = next_block(&mut reader, |block| !block.messages.is_empty()).await;
    harness.deposit(6).await;
    let dropped = next_block(&mut reader, |block| !block.messages.is_empty()).await;
    reorg(&harness, 1).await;

    let known = vec![kept.id(), dropped.id()];
    let mut resumed = Reader::resume(harness.client.clone(), harness.reader_config(), known);
    assert_eq!(resumed.next().await, L1Update::Reorg { to: kept.id() });

    // Even if nothing of what it knew holds.
    let foreign = vec![BlockRef { number: kept.number, hash: dropped.hash }];
    let mut resumed = Reader::resume(harness.client.clone(), harness.reader_config(), foreign);
    let L1Update::Reorg { to } = resumed.next().await else { panic!("no reorg") };
    assert_eq!(to.number, harness.deployment.start_block - 1);
    let block = next_block(&mut resumed, |block| !block.messages.is_empty()).await;
    assert_eq!(block.id(), kept.id());
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_wait_for_their_confirmations() {
    let harness = Harness::start().await;
    let config = ReaderConfig { confirmations: 3, ..harness.reader_config() };
    let mut reader = Reader::new(harness.client.clone(), config);
    harness.deposit(5).await;
    let tip = harness.client.latest().await.unwrap().id;
    loop {
        match reader.try_next().await.unwrap() {
            Some(L1Update::Block(block)) => assert!(block.number + 3 <= tip.number),
            Some(L1Update::Reorg { .. }) => panic!("no reorg happened"),
            Some(L1Update::Heads(heads)) => assert_eq!(heads.latest, tip),
            None => break,
        }
    }
    harness.client.provider().anvil_mine(Some(3), None).await.unwrap();
    assert_eq!(next_block(&mut reader, |block| !block.messages.is_empty()).await.id(), tip);
}
