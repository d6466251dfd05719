//! Opening: what is refused, and what a reopened store holds.

mod common;

use alloy_primitives::B256;
use common::{block, config, grow, hash, open, transaction};
use rocksdb::DB;
use std::path::Path;
use tandem_chain::{ChainConfig, ChainKind, PreimageSource};
use tandem_evm::Transaction;
use tandem_store::{
    CodecError, Identity, Marker, MissingPreimage, Options, Order, Store, StoreError, Table, TxPlace,
    schema::{Bodies, Headers, Markers, SCHEMA_VERSION, TABLES},
};
use tandem_trie::StateTrie;

fn refused(path: &Path, config: &ChainConfig) -> StoreError {
    Store::open(path, config, Options::default()).unwrap_err()
}

fn identity(config: &ChainConfig) -> Identity {
    Identity { chain_id: config.l2_chain_id, config_hash: config.hash() }
}

/// Writes below the store's interface.
fn put_raw(path: &Path, table: &str, key: &[u8], value: &[u8]) {
    let db = DB::open_cf(&rocksdb::Options::default(), path, TABLES).unwrap();
    db.put_cf(db.cf_handle(table).unwrap(), key, value).unwrap();
}

/// Removes a row below the store's interface.
fn delete_raw(path: &Path, table: &str, key: &[u8]) {
    let db = DB::open_cf(&rocksdb::Options::default(), path, TABLES).unwrap();
    db.delete_cf(db.cf_handle(table).unwrap(), key).unwrap();
}

#[test]
fn a_new_store_holds_genesis_with_its_state() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let genesis = tandem_evm::genesis(&config()).unwrap();
    let head = store.head().unwrap();
    assert_eq!((head.number, head.hash), (0, genesis.hash));
    assert_eq!(store.header(0).unwrap(), Some(genesis.header.clone()));
    assert_eq!(store.queue_index_after(0).unwrap(), Some(0));
    assert_eq!(store.block(0).unwrap().unwrap().transactions, []);

    let passer = tandem_evm::predeploys::MESSAGE_PASSER;
    let account = StateTrie::open(genesis.header.state_root, &store).account(passer);
    let code_hash = account.unwrap().unwrap().code_hash;
    assert!(!store.preimage(code_hash).unwrap().is_empty());
    let absent = B256::repeat_byte(1);
    assert_eq!(store.preimage(absent), Err(MissingPreimage::Absent(absent)));
}

#[test]
fn another_chain_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let ours = config();
    let other_id = ChainConfig { l2_chain_id: 8, ..config() };
    let other_rules = ChainConfig { min_base_fee: 1, ..config() };
    for other in [other_id, other_rules] {
        let error = StoreError::OtherChain { found: identity(&ours), expected: identity(&other) };
        assert_eq!(refused(folder.path(), &other), error);
    }
    let payments = ChainConfig { kind: ChainKind::Payments, ..config() };
    assert_eq!(refused(folder.path(), &payments), StoreError::NotAnEvmChain);
    drop(open(folder.path()));
}

#[test]
fn another_schema_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    put_raw(folder.path(), "markers", &[Marker::SchemaVersion as u8], &[9]);
    let error = StoreError::SchemaVersion { found: 9, expected: SCHEMA_VERSION };
    assert_eq!(refused(folder.path(), &config()), error);
}

#[test]
fn a_version_with_other_tables_is_named() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let mut create = rocksdb::Options::default();
    create.create_missing_column_families(true);
    let tables = TABLES.iter().copied().chain(["meta"]);
    let db = DB::open_cf(&create, folder.path(), tables).unwrap();
    db.put_cf(db.cf_handle("markers").unwrap(), [Marker::SchemaVersion as u8], [2]).unwrap();
    drop(db);
    assert_eq!(refused(folder.path(), &config()), StoreError::SchemaVersion { found: 2, expected: SCHEMA_VERSION });
}

#[test]
fn another_programs_database_is_refused() {
    let mut create = rocksdb::Options::default();
    create.create_if_missing(true);
    create.create_missing_column_families(true);
    let with_table = tempfile::tempdir().unwrap();
    drop(DB::open_cf(&create, with_table.path(), ["theirs"]).unwrap());
    let with_rows = tempfile::tempdir().unwrap();
    let db = DB::open(&create, with_rows.path()).unwrap();
    db.put(b"their key", b"their value").unwrap();
    drop(db);

    for folder in [with_table, with_rows] {
        let path = folder.path().to_owned();
        assert_eq!(refused(&path, &config()), StoreError::NotAStore { path: path.clone() });
    }
}

#[test]
fn a_store_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    assert!(matches!(refused(folder.path(), &config()), StoreError::Rocks(_)));
    drop(store);
    drop(open(folder.path()));
}

#[test]
fn a_reopened_store_holds_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = grow(&open(folder.path()), 4);

    let store = Store::open(folder.path(), &config(), Options { sync: true }).unwrap();
    assert_eq!(store.head().unwrap().number, 4);
    for block in &blocks {
        let number = block.header.number;
        assert_eq!(store.block(number).unwrap().as_ref(), Some(block));
        assert_eq!(store.block_hash(number).unwrap(), Some(block.hash));
        assert_eq!(store.block_number(block.hash).unwrap(), Some(number));
        assert_eq!(store.queue_index_after(number).unwrap(), Some(number));
        let place = store.transaction_place(hash(&transaction(2 * number))).unwrap();
        assert_eq!(place, Some(TxPlace { block_number: number, index: 1 }));
        let (key, bytes) = common::preimage(block);
        assert_eq!(store.preimage(key), Ok(bytes));
    }
    let numbers =
        |from, order| -> Vec<u64> { store.scan::<Headers>(&from, order).unwrap().map(|row| row.unwrap().0).collect() };
    assert_eq!(numbers(3, Order::Ascending), [3, 4]);
    assert_eq!(numbers(u64::MAX, Order::Descending), [4, 3, 2, 1, 0]);
    assert_eq!(store.block(5).unwrap(), None);
}

#[test]
fn corrupt_rows_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = grow(&open(folder.path()), 3);
    let key = |number: u64| number.to_be_bytes();
    put_raw(folder.path(), "headers", &key(1), b"\xc2\x01");
    put_raw(folder.path(), "batches", &key(1), b"{\"header\":");
    put_raw(folder.path(), "markers", b"\xff", b"\x01");
    put_raw(folder.path(), "settled", &key(1), b"\xc2");
    put_raw(folder.path(), "open_batches", &key(1), b"[]");
    put_raw(folder.path(), "messages", &key(1), b"\xc2\x01\x01");
    let mut body = open(folder.path()).get::<Bodies>(&2).unwrap().unwrap();
    body.senders.pop();
    put_raw(folder.path(), "bodies", &key(2), &alloy_rlp::encode(&body));
    body.senders.push(blocks[1].transactions[1].from());
    body.transactions[1] = vec![3, 0xc0].into();
    put_raw(folder.path(), "bodies", &key(3), &alloy_rlp::encode(&body));

    let store = open(folder.path());
    let corrupt = |result: Result<bool, StoreError>| match result {
        Err(StoreError::Corrupt { table, key, reason }) => (table, key.to_vec(), reason),
        other => panic!("{other:?}"),
    };
    let (table, at, reason) = corrupt(store.header(1).map(|header| header.is_some()));
    assert_eq!((table, at), ("headers", key(1).to_vec()));
    assert!(matches!(reason, CodecError::Rlp(_)));
    let (table, at, reason) = corrupt(store.batch(1).map(|batch| batch.is_some()));
    assert_eq!((table, at), ("batches", key(1).to_vec()));
    assert!(matches!(reason, CodecError::Json { line: 1, .. }));
    let (table, _, reason) = corrupt(store.message(1).map(|message| message.is_some()));
    assert!(matches!((table, reason), ("messages", CodecError::Message(_))));
    for number in [2, 3] {
        let found = corrupt(store.block(number).map(|block| block.is_some()));
        assert_eq!(found, ("bodies", key(number).to_vec(), CodecError::Transaction));
    }
    assert!(
        matches!(store.last_settled(), Err(StoreError::Corrupt { table: "settled", .. })),
        "and not that nothing is settled"
    );
    assert!(matches!(store.open_batches(), Err(StoreError::Corrupt { table: "open_batches", .. })));
    let rows: Result<Vec<_>, _> = store.all::<Markers>().unwrap().collect();
    assert_eq!(rows, Err(StoreError::CorruptKey { table: "markers", key: vec![0xff].into() }));
    assert!(matches!(blocks[0].transactions[0], Transaction::Deposit(_)));
}

/// How many messages were consumed up to the head stands in its body alone. Without it the next block's count would begin at zero again.
#[test]
fn nothing_is_appended_to_a_head_without_its_body() {
    for number in [0u64, 2] {
        let folder = tempfile::tempdir().unwrap();
        grow(&open(folder.path()), number);
        delete_raw(folder.path(), Bodies::NAME, &number.to_be_bytes());
        let store = open(folder.path());
        let head = store.head().unwrap();
        assert_eq!(head.number, number);
        let refused = store.append_block(&block(head, 0), &[]);
        assert_eq!(refused, Err(StoreError::MissingRow { table: Bodies::NAME, number }));
        assert_eq!(store.head().unwrap(), head);
    }
}
