//! What a payments sequencer keeps: the journal's order, the chain's end, and what is never forgotten.

use alloy_primitives::{Address, B256, Bytes};
use tandem_chain::{ChainConfig, ChainKind};
use tandem_store::{Admitted, NewBlock, Options, ProvenCall, SequencedStore, StoreError};

fn config() -> ChainConfig {
    ChainConfig { kind: ChainKind::Payments, ..tandem_support::config() }
}

const VERIFIER: B256 = B256::repeat_byte(0x7e);

fn call() -> ProvenCall {
    ProvenCall { verifier: VERIFIER, arguments: Bytes::from_static(b"call") }
}

fn hash(byte: u8) -> B256 {
    B256::repeat_byte(byte)
}

fn admitted(byte: u8) -> Admitted {
    Admitted { hash: hash(byte), sender: Address::repeat_byte(byte), bytes: vec![byte].into() }
}

fn journal(store: &SequencedStore) -> Vec<u8> {
    store.journal().unwrap().iter().map(|admitted| admitted.bytes[0]).collect()
}

fn extend(store: &SequencedStore, number: u64, transactions: &[u8]) -> Result<(), StoreError> {
    let transactions: Vec<B256> = transactions.iter().map(|byte| hash(*byte)).collect();
    let hash = hash(0xf0 + number as u8);
    store.extend(NewBlock { number, hash, block: &format!("block {number}"), transactions: &transactions })
}

#[test]
fn blocks_take_out_of_the_journal_and_give_back_before_all() {
    let directory = tempfile::tempdir().unwrap();
    let store = SequencedStore::open(directory.path(), &config(), Options::default()).unwrap();
    assert_eq!(store.last().unwrap(), (0, config().hash()));
    store.journal_add(&[admitted(1), admitted(2), admitted(3)]).unwrap();
    store.journal_add(&[admitted(4)]).unwrap();
    assert!(matches!(extend(&store, 2, &[]), Err(StoreError::NotNextBlock { head: 0, number: 2 })));
    extend(&store, 1, &[1, 2]).unwrap();
    extend(&store, 2, &[3, 9]).unwrap();
    assert_eq!(journal(&store), [4]);
    let place = store.place(hash(9)).unwrap().unwrap();
    assert_eq!((place.block_number, place.index), (2, 1));
    for block in [0xf1, 0xf2] {
        store.put_proven(hash(block), &call()).unwrap();
    }
    assert_eq!(store.proven_hashes().unwrap(), [0xf1, 0xf2].map(hash));
    store.unwind(1, &[3, 9].map(hash), &[3].map(admitted)).unwrap();
    assert_eq!(store.proven_hashes().unwrap(), [hash(0xf1)], "nobody is sent what was taken back");
    extend(&store, 2, &[3, 9]).unwrap();

    store.unwind(0, &[1, 2, 3, 9].map(hash), &[1, 2, 3].map(admitted)).unwrap();
    assert_eq!((journal(&store), store.last().unwrap().0), (vec![1, 2, 3, 4], 0));
    assert_eq!(store.place(hash(9)).unwrap(), None);
    assert_eq!((store.hash(1).unwrap(), store.number(hash(0xf1)).unwrap()), (None, None));
    // It may come back, on L1 and so with a proof.
    assert_eq!(store.block::<String>(hash(0xf2)).unwrap().unwrap(), "block 2");
    assert_eq!((store.proven(hash(0xf1), VERIFIER).unwrap(), store.proven_hashes().unwrap()), (None, Vec::new()));
    assert!(matches!(store.unwind(1, &[], &[]), Err(StoreError::UnwindsForward { target: 1, head: 0 })));

    drop(store);
    let store = SequencedStore::open(directory.path(), &config(), Options::default()).unwrap();
    store.journal_add(&[admitted(5)]).unwrap();
    store.journal_remove(&[hash(2)]).unwrap();
    assert_eq!(journal(&store), [1, 3, 4, 5]);
    store.put_proven(hash(0xf2), &call()).unwrap();
    assert_eq!(store.proven(hash(0xf2), VERIFIER).unwrap(), Some(call().arguments));
    assert_eq!(store.proven(hash(0xf2), B256::ZERO).unwrap(), None, "another verifier judges");
    let other = ProvenCall { verifier: B256::ZERO, arguments: Bytes::new() };
    store.put_proven(hash(0xf2), &other).unwrap();
    assert_eq!(store.proven(hash(0xf2), B256::ZERO).unwrap(), Some(Bytes::new()));
    store.forget_proven(&[hash(0xf2)]).unwrap();
    assert_eq!(store.proven(hash(0xf2), B256::ZERO).unwrap(), None);
}
