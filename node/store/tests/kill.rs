//! `kill -9` between two instructions: what was acknowledged is there afterwards.

mod common;

use alloy_primitives::{B256, Log, U256};
use common::{block, hash, open, preimage, transaction};
use std::{
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};
use tandem_chain::PreimageSource;
use tandem_evm::EvmBlock;
use tandem_store::{
    Head, LogTerm, Searched,
    schema::{Bodies, Headers, Receipts},
};

const CHILD_FOLDER: &str = "TANDEM_STORE_TEST_CHILD_FOLDER";
const ACKNOWLEDGED: u64 = 200;

/// The block on `parent`, with a log that no other block has.
fn logged(parent: Head) -> EvmBlock {
    let mut block = block(parent, 0);
    block.receipts[0].logs =
        vec![Log::new_unchecked(Default::default(), vec![topic(block.header.number)], Default::default())];
    block
}

fn topic(number: u64) -> B256 {
    B256::from(U256::from(number))
}

/// Journals a transaction (odd; blocks hold even ones) and appends a block, again and again, and
/// says so after each, until killed.
fn write_for_ever(folder: &Path) -> ! {
    let store = open(folder);
    loop {
        let block = logged(store.head().unwrap());
        let number = block.header.number;
        store.journal_add(&[transaction(2 * number + 1)]).unwrap();
        store.append_block(&block, &[preimage(&block)]).unwrap();
        println!("\nacknowledged {number}");
    }
}

#[test]
fn acknowledged_writes_survive_a_kill() {
    if let Some(folder) = env::var_os(CHILD_FOLDER) {
        write_for_ever(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["acknowledged_writes_survive_a_kill", "--exact", "--nocapture"])
        .env(CHILD_FOLDER, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = None;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let Some(number) = line.strip_prefix("acknowledged ") else { continue };
        acknowledged = number.parse::<u64>().ok();
        if acknowledged >= Some(ACKNOWLEDGED) {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(acknowledged, Some(ACKNOWLEDGED));

    let store = open(folder.path());
    let head = store.head().unwrap().number;
    assert!(head >= ACKNOWLEDGED);
    let mut parent = Head { number: 0, hash: store.block_hash(0).unwrap().unwrap() };
    for number in 1..=head {
        let block = logged(parent);
        assert_eq!(store.block(number).unwrap().as_ref(), Some(&block));
        assert_eq!(store.block_number(block.hash).unwrap(), Some(number));
        let place = store.transaction_place(block.transactions[1].hash()).unwrap();
        assert_eq!(place.unwrap().block_number, number);
        assert!(store.preimage(preimage(&block).0).is_ok());
        let respect = vec![LogTerm::Topic { place: 0, topic: topic(number) }];
        assert_eq!(store.search_logs(&[respect], 0..=u64::MAX).unwrap().step(), Ok(Searched::Nothing));
        let mut search = store.search_logs(&[vec![LogTerm::Any]], number..=number).unwrap();
        assert_eq!(search.step(), Ok(Searched::Found(number)));
        parent = Head { number, hash: block.hash };
    }
    let journal: Vec<_> = store.journal().unwrap().iter().map(hash).collect();
    let acknowledged: Vec<_> = (1..=head).map(|n| hash(&transaction(2 * n + 1))).collect();
    assert_eq!(journal[..acknowledged.len()], acknowledged);

    // Nothing of a block that was not wholly written; and the store continues.
    assert!(!store.contains::<Headers>(&(head + 1)).unwrap());
    assert!(!store.contains::<Bodies>(&(head + 1)).unwrap());
    assert!(!store.contains::<Receipts>(&(head + 1)).unwrap());
    assert_eq!(store.search_logs(&[], head + 1..=u64::MAX).unwrap().step(), Ok(Searched::End));
    let next = block(store.head().unwrap(), 0);
    assert!(store.transaction_place(next.transactions[0].hash()).unwrap().is_none());
    store.append_block(&next, &[]).unwrap();
}
