//! What L1 taught, and batches.

mod common;

use alloy_primitives::{B256, U256};
use common::{block, grow, open};
use tandem_chain::{BatchHeader, Checkpoint, DataKind, Message, OutputFields};
use tandem_store::{BatchJob, BatchRecord, L1BlockRecord, OpenBatchRecord, Store, StoreError};

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
            parent_content_hash: B256::ZERO,
            data_kind: DataKind::Calldata,
            data_hash: B256::ZERO,
            queue_end: u64::MAX,
            queue_hash: B256::ZERO,
            checkpoint_hash: B256::ZERO,
            config_hash: B256::ZERO,
            work_gas: u64::MAX,
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
fn a_closed_batch_takes_the_place_of_the_open_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let open_batch = |first_block, last_block| OpenBatchRecord { first_block, last_block, checkpoint: checkpoint(5) };
    let job = |first_block: u64| BatchJob {
        sequence: 0,
        first_block,
        last_block: first_block + 1,
        checkpoint: checkpoint(5),
        queue_end: 3,
        queue_hash: B256::repeat_byte(4),
        work_gas: 6,
        payload: vec![5; 1000].into(),
    };
    [open_batch(1, Some(2)), open_batch(3, Some(4)), open_batch(5, None)]
        .iter()
        .for_each(|batch| store.put_open_batch(batch).unwrap());
    assert_eq!([1, 3].map(|first_block| store.add_job(job(first_block)).unwrap()), [0, 1]);
    store.remove_job(0).unwrap();
    drop(store);
    let store = open(folder.path());
    let last = BatchJob { sequence: 1, ..job(3) };
    assert_eq!(store.open_batches().unwrap(), [open_batch(5, None)]);
    assert_eq!(store.jobs().unwrap(), std::slice::from_ref(&last));
    assert_eq!(store.last_job().unwrap(), Some(last.summary()));
    assert_eq!(store.job_summaries().unwrap(), [last.summary()]);
    assert_eq!((store.job_from(3).unwrap(), store.job_from(1).unwrap()), (Some(last), None));
    assert_eq!(store.add_job(job(5)).unwrap(), 2, "a number is given once");
}

#[test]
fn batches_go_with_the_blocks_that_they_hold() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let open_batch = |first_block, last_block| OpenBatchRecord { first_block, last_block, checkpoint: checkpoint(5) };
    grow(&store, 3);
    let first = block(store.head().unwrap(), 0);
    store.append_first_block(&first, &[], &open_batch(4, None)).unwrap();
    assert_eq!((store.head().unwrap().number, store.open_batches().unwrap()), (4, vec![open_batch(4, None)]));
    store.put_open_batch(&open_batch(2, Some(3))).unwrap();
    let job = BatchJob {
        sequence: 0,
        first_block: 1,
        last_block: 1,
        checkpoint: checkpoint(5),
        queue_end: 0,
        queue_hash: B256::ZERO,
        work_gas: 0,
        payload: Default::default(),
    };
    store.add_job(job).unwrap();
    store.unwind_blocks(3).unwrap();
    assert_eq!((store.open_batches().unwrap(), store.jobs().unwrap().len()), (vec![open_batch(2, Some(3))], 1));
    store.unwind_blocks(1).unwrap();
    assert_eq!((store.open_batches().unwrap(), store.jobs().unwrap().len()), (vec![], 1));
    store.unwind_blocks(0).unwrap();
    assert_eq!(store.jobs().unwrap(), []);
}

#[test]
fn what_l1_made_final_goes_with_its_block() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    grow(&store, 3);
    (1..=3).for_each(|index| store.put_batch(&batch(index, index, index)).unwrap());
    let settled = || store.last_settled().unwrap().map(|batch| batch.header.index);
    assert_eq!((settled(), store.l1_processed().unwrap()), (None, None));
    store.finish_l1_block(20, &[1]).unwrap();
    store.finish_l1_block(21, &[1, 2]).unwrap();
    assert_eq!((settled(), store.l1_processed().unwrap()), (Some(2), Some(21)));
    store.unwind_l1(20).unwrap();
    assert_eq!((settled(), store.l1_processed().unwrap()), (Some(1), Some(20)), "twice is once, in the earlier block");
    store.unwind_l1(25).unwrap();
    assert_eq!(store.l1_processed().unwrap(), Some(20), "nothing is processed by going back");
    store.unwind_l1(19).unwrap();
    assert_eq!((settled(), store.l1_processed().unwrap()), (None, Some(19)));
}

#[test]
fn batches_go_with_the_l1_block_that_held_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    grow(&store, 2);
    let [first, second] = [1, 2].map(|index| batch(index, index, index));
    store.put_derived_batch(&first, 70).unwrap();
    store.put_derived_batch(&second, 71).unwrap();
    assert_eq!([1, 2].map(|index| store.scan_start(index).unwrap()), [70, 71]);
    store.unwind_l1(first.l1_number).unwrap();
    assert_eq!(store.last_batch().unwrap(), Some(first));
    assert_eq!(store.scan_start(2), Err(StoreError::MissingRow { table: "scan_starts", number: 2 }));
    assert_eq!(store.batch_of_block(2).unwrap(), None);
}
