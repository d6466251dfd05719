//! Blocks: their order, unwinding, the journal, and messages to L1.

mod common;

use alloy_primitives::{Address, B256};
use common::{block, grow, hash, open, preimage, transaction};
use tandem_chain::{L2Message, MessageTree, PreimageSource};
use tandem_evm::EvmBlock;
use tandem_store::{
    Head, Store, StoreError, Table,
    schema::{BlockHashes, BlockNumbers, Bodies, Headers, Journal, MessageNodes, Receipts, Transactions},
};

fn rows<T: Table>(store: &Store) -> usize {
    store.all::<T>().unwrap().map(Result::unwrap).count()
}

fn journal(store: &Store) -> Vec<u64> {
    let nonce = |number| hash(&transaction(number));
    let entries = store.journal().unwrap();
    let number = |entry| (0..200).find(|n| nonce(*n) == hash(entry)).unwrap();
    entries.iter().map(number).collect()
}

#[test]
fn only_the_next_block_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    grow(&store, 2);
    let head = store.head().unwrap();
    for number in [0, 1, 2, 4, u64::MAX] {
        let mut wrong = block(head, 0);
        wrong.header.number = number;
        let refused = store.append_block(&wrong, &[]);
        assert_eq!(refused, Err(StoreError::NotNextBlock { head: 2, number }));
    }
    let stray = block(Head { number: 2, hash: B256::ZERO }, 0);
    let refused = store.append_block(&stray, &[preimage(&stray)]);
    let expected = StoreError::ParentMismatch { number: 3, expected: head.hash, found: B256::ZERO };
    assert_eq!(refused, Err(expected));
    assert_eq!(store.head().unwrap(), head);
    assert!(store.preimage(preimage(&stray).0).is_err());
}

#[test]
fn the_journal_keeps_order_and_blocks_take_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.journal_add(&[transaction(5), transaction(2), transaction(9)]).unwrap();
    store.journal_add(&[transaction(1)]).unwrap();
    assert_eq!(journal(&store), [5, 2, 9, 1]);
    assert_eq!(store.journal().unwrap()[0], transaction(5));
    grow(&store, 1); // holds 2
    store.journal_remove(&[hash(&transaction(9))]).unwrap();
    drop(store);
    let store = open(folder.path());
    store.journal_add(&[transaction(3)]).unwrap();
    assert_eq!(journal(&store), [5, 1, 3]);
}

#[test]
fn unwinding_removes_all_traces_and_returns_transactions_to_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let blocks = grow(&store, 5);
    store.journal_add(&[transaction(99)]).unwrap();

    assert_eq!(store.unwind_blocks(2).unwrap(), blocks[2..]);
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.head().unwrap(), Head { number: 2, hash: blocks[1].hash });
    assert_eq!(journal(&store), [6, 8, 10, 99]);
    assert_eq!(rows::<Headers>(&store), 3);
    assert_eq!(rows::<BlockHashes>(&store), 3);
    assert_eq!(rows::<BlockNumbers>(&store), 3);
    assert_eq!(rows::<Bodies>(&store), 3);
    assert_eq!(rows::<Receipts>(&store), 3);
    assert_eq!(rows::<Transactions>(&store), 4);
    assert!(store.preimage(preimage(&blocks[4]).0).is_ok());

    // Another branch, then back again: what was unwound first stays before what came later.
    let other = block(store.head().unwrap(), 1);
    store.append_block(&other, &[]).unwrap();
    assert_eq!(journal(&store), [8, 10, 99]);
    assert_eq!(store.block(3).unwrap().unwrap(), other);
    assert_eq!(store.block_number(blocks[2].hash).unwrap(), None);
    store.unwind_blocks(0).unwrap();
    assert_eq!(journal(&store), [2, 4, 6, 8, 10, 99]);
    assert_eq!(rows::<Journal>(&store), 6);
}

#[test]
fn unwinding_forward_is_refused_and_to_the_head_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    grow(&store, 2);
    let refused = store.unwind_blocks(3);
    assert_eq!(refused, Err(StoreError::UnwindsForward { target: 3, head: 2 }));
    assert_eq!(store.unwind_blocks(2), Ok(Vec::<EvmBlock>::new()));
    assert_eq!(store.head().unwrap().number, 2);
}

/// The log of the message passer for a message.
fn sent(message: &L2Message) -> alloy_primitives::Log {
    use alloy_sol_types::{SolEvent, sol};
    sol! {
        event MessageSent(uint64 indexed index, address indexed sender, address indexed target,
            uint256 value, uint64 gasLimit, bytes data, bytes32 messageHash);
    }
    let event = MessageSent {
        index: message.index,
        sender: message.sender,
        target: message.target,
        value: message.value,
        gasLimit: message.gas_limit,
        data: message.data.clone(),
        messageHash: message.hash(),
    };
    alloy_primitives::Log { address: tandem_evm::predeploys::MESSAGE_PASSER, data: event.encode_log_data() }
}

#[test]
fn messages_to_l1_are_indexed_with_their_block() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let message = |index: u64| L2Message {
        index,
        sender: Address::with_last_byte(index as u8),
        data: vec![1, 2, 3].into(),
        ..Default::default()
    };
    for first in [0, 2] {
        let mut block = block(store.head().unwrap(), 0);
        block.receipts[0].logs = vec![sent(&message(first))];
        block.receipts[1].logs = vec![sent(&message(first + 1))];
        let mut foreign = sent(&message(7));
        foreign.address = Address::ZERO;
        block.receipts[1].logs.push(foreign);
        store.append_block(&block, &[]).unwrap();
    }
    assert_eq!(store.l2_message_count().unwrap(), 4);
    assert_eq!(store.l2_message(3).unwrap(), Some((message(3), 2)));
    let hashes: Vec<B256> = (0..4).map(|index| message(index).hash()).collect();
    prove_all(&store, &hashes);

    store.unwind_blocks(1).unwrap();
    assert_eq!(store.l2_message_count().unwrap(), 2);
    assert_eq!(store.l2_message(2).unwrap(), None);
    prove_all(&store, &hashes[..2]);
    assert_eq!(rows::<MessageNodes>(&store), 3, "two leaves and what is above them");
    assert!(store.message_proof(1, 3).is_err(), "a tree that the store does not hold");
}

/// Every proof against every tree that these messages have made, as the rulebook has it.
fn prove_all(store: &Store, leaves: &[B256]) {
    for count in 0..=leaves.len() {
        let tree = MessageTree::new(leaves[..count].to_vec());
        for index in 0..=count as u64 {
            let proof = store.message_proof(index, count as u64).unwrap();
            assert_eq!(proof.as_ref().map(|proof| &proof.siblings), tree.prove(index).as_ref(), "{index} of {count}");
            assert!(proof.is_none_or(|proof| proof.root == tree.root()), "{index} of {count}");
        }
    }
}

#[test]
fn proofs_of_messages_are_those_of_the_whole_tree() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let message = |index: u64| L2Message { index, ..Default::default() };
    let mut next = 0;
    for count in [1, 0, 3, 7, 1, 1, 20] {
        let mut block = block(store.head().unwrap(), 0);
        block.receipts[0].logs = (next..next + count).map(|index| sent(&message(index))).collect();
        store.append_block(&block, &[]).unwrap();
        next += count;
    }
    let hashes: Vec<B256> = (0..40).map(|index| message(index).hash()).collect();
    prove_all(&store, &hashes[..33]);
    // The last block of twenty and the two before go, and others come.
    store.unwind_blocks(4).unwrap();
    prove_all(&store, &hashes[..11]);
    let mut other = block(store.head().unwrap(), 99);
    let others: Vec<L2Message> = (11..30).map(|index| L2Message { gas_limit: 5, ..message(index) }).collect();
    other.receipts[1].logs = others.iter().map(sent).collect();
    store.append_block(&other, &[]).unwrap();
    let leaves: Vec<B256> = hashes[..11].iter().copied().chain(others.iter().map(L2Message::hash)).collect();
    prove_all(&store, &leaves);
    drop(store);
    prove_all(&open(folder.path()), &leaves);
}
