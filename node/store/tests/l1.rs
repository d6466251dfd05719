//! What L1 taught, and batches.

mod common;

use alloy_primitives::{B256, U256};
use common::{grow, open};
use tandem_chain::{BatchHeader, Checkpoint, DataKind, Message, OutputFields};
use tandem_store::{BatchJob, BatchRecord, L1BlockRecord, Store, StoreError};

fn checkpoint(number: u64) -> Checkpoint {
    Checkpoint { number, timestamp: 2, base_fee: U256::MAX, blob_base_fee: U256::from(3) }
}

fn message(index: u64) -> Message {
    Message { gas_limit: index, data: vec![7; 40].into(), ..Default::default() }
}

/// L1 block n queues messages 2n and 2n + 1; every fourth stores two checkpoints.
fn l1_block(number: u64) -> L1BlockRecord {
    let checkpoints = if number.is_multiple_of(4) { vec![checkpoint(0), checkpoint(number)] } else { Vec::new() };
    L1BlockRecord {
        number,
        hash: B256::with_last_byte(number as u8),
        parent_hash: B256::with_last_byte(number as u8 - 1),
        timestamp: 12 * number,
        messages: [2 * number, 2 * number + 1].map(|index| (index, message(index))).to_vec(),
        checkpoints,
    }
}

fn put_l1_blocks(store: &Store) {
    (1..=10).for_each(|number| store.put_l1_block(&l1_block(number)).unwrap());
}

#[test]
fn l1_blocks_are_read_back_and_unwound_with_what_they_taught() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    assert_eq!(store.l1_head().unwrap(), None);
    assert_eq!(store.message_count().unwrap(), 0);
    put_l1_blocks(&store);
    store.put_l1_block(&l1_block(10)).unwrap();
    assert_eq!(store.l1_head().unwrap().unwrap().timestamp, 120);
    assert_eq!(store.message_count().unwrap(), 22);
    assert_eq!(store.message(9).unwrap(), Some((message(9), 4)));
    let newest = |number| store.checkpoint_at_or_before(number).unwrap().map(|c| c.number);
    assert_eq!([3, 4, 7, 8, u64::MAX].map(newest), [None, Some(4), Some(4), Some(8), Some(8)]);
    assert_eq!(store.checkpoint_at_or_before(5).unwrap(), Some(checkpoint(4)));

    store.unwind_l1(6).unwrap();
    assert_eq!(store.l1_head().unwrap().unwrap().hash, l1_block(6).hash);
    assert_eq!(store.l1_block(7).unwrap(), None);
    assert_eq!(store.message_count().unwrap(), 14);
    assert_eq!(store.message(14).unwrap(), None);
    assert_eq!(newest(u64::MAX), Some(4));
    store.unwind_l1(6).unwrap();
    assert_eq!(store.message_count().unwrap(), 14);
}

fn batch(index: u64, first_block: u64, last_block: u64) -> BatchRecord {
    BatchRecord {
        header: BatchHeader {
            index,
            parent_hash: B256::ZERO,
            data_kind: DataKind::Calldata,
            data_hash: B256::ZERO,
            queue_end: u64::MAX,
            queue_hash: B256::ZERO,
            checkpoint_hash: B256::ZERO,
            config_hash: B256::ZERO,
            posted_at: 1,
        },
        output: OutputFields::default(),
        first_block,
        last_block,
        l1_number: index,
        l1_hash: B256::ZERO,
        l1_tx: B256::ZERO,
        checkpoint: checkpoint(1),
    }
}

#[test]
fn batches_cover_blocks_and_hold_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    grow(&store, 7);
    assert_eq!(store.last_batch().unwrap(), None);
    // The second batch has no blocks.
    let batches = [batch(1, 1, 3), batch(2, 4, 3), batch(3, 4, 5)];
    batches.iter().for_each(|batch| store.put_batch(batch).unwrap());
    assert_eq!(store.last_batch().unwrap().as_ref(), batches.last());
    assert_eq!(store.batch(2).unwrap().as_ref(), Some(&batches[1]));
    let of = |number| store.batch_of_block(number).unwrap().map(|batch| batch.header.index);
    let found = [0, 1, 3, 4, 5, 6].map(of);
    assert_eq!(found, [None, Some(1), Some(1), Some(3), Some(3), None]);

    let refused = store.unwind_blocks(4);
    assert_eq!(refused, Err(StoreError::UnwindsBatch { target: 4, batch: 3, last_block: 5 }));
    assert_eq!(store.unwind_blocks(5).unwrap().len(), 2);

    store.unwind_batches(2).unwrap();
    assert_eq!(of(4), None);
    assert_eq!(of(3), Some(1));
    assert_eq!(store.unwind_blocks(3).unwrap().len(), 2);
    store.unwind_batches(0).unwrap();
    assert_eq!(store.last_batch().unwrap(), None);
    assert_eq!(of(1), None);
}

#[test]
fn jobs_payloads_and_values_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let job = |sequence: u64, tx| BatchJob {
        sequence,
        first_block: 1,
        last_block: 2,
        checkpoint: checkpoint(5),
        queue_end: 3,
        queue_hash: B256::repeat_byte(4),
        payload: vec![5; 1000].into(),
        tx,
    };
    let jobs = [job(300, None), job(2, Some((0, vec![]))), job(7, Some((9, vec![B256::ZERO; 2])))];
    jobs.iter().for_each(|job| store.put_job(job).unwrap());
    drop(store);
    let store = open(folder.path());
    let [last, first, middle] = jobs;
    assert_eq!(store.jobs().unwrap(), [first.clone(), middle, last.clone()]);
    store.remove_job(7).unwrap();
    assert_eq!(store.last_job().unwrap(), Some(last.summary()));
    assert_eq!(store.job_summaries().unwrap(), [first.summary(), last.summary()]);
    assert_eq!((store.job_from(1).unwrap(), store.job_from(2).unwrap()), (Some(first.clone()), None));
    assert_eq!(store.jobs().unwrap(), [first, last]);
    store.remove_all_jobs().unwrap();
    assert_eq!((store.jobs().unwrap(), store.last_job().unwrap()), (vec![], None));

    let parts = [vec![1; 10].into(), vec![2; 200_000].into()];
    store.put_payload(B256::ZERO, &parts).unwrap();
    assert_eq!(store.payload(B256::ZERO).unwrap().unwrap(), parts);
    assert_eq!(store.payload(B256::repeat_byte(1)).unwrap(), None);
    store.put_meta("a name", b"value").unwrap();
    assert_eq!(store.meta("a name").unwrap().as_deref(), Some(&b"value"[..]));
    assert_eq!(store.meta("a nam").unwrap(), None);
}
