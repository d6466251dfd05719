//! A payments ledger on disk: what is applied is there, what is taken back is gone, and what is damaged is told. Tests PAY-STORE.

use alloy_primitives::{Address, B256, keccak256};
use rocksdb::{ColumnFamilyDescriptor, DB};
use std::{
    collections::BTreeSet,
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};
use tandem_chain::{ChainConfig, ChainKind, OutputFields, message::queue_hash_after};
use tandem_payments::{
    data::{Effect, Element, Message, bytes},
    field::integer,
    leaf::Key,
    ledger::Env,
    replay::{Replayed, replay},
    state::State,
};
use tandem_store::{
    AppliedBatch, Codec, CodecError, Fixed, Json, LedgerPoll, LedgerStore, Options, ProvenRow, QueueRow, Rlp,
    StoreError, UNDO_MAX, UndoRow, Unwound,
};

fn config() -> ChainConfig {
    ChainConfig { kind: ChainKind::Payments, ..tandem_support::config() }
}

fn open(path: &Path) -> LedgerStore {
    LedgerStore::open(path, &config(), Options::default()).unwrap()
}

/// The state after a deposit to account `number`.
fn deposit(state: &State, number: u8) -> Replayed {
    let key = Key::eth(Address::repeat_byte(number));
    let effects: Vec<Effect> = match state.find(key) {
        Some(_) => vec![Effect::Deposit],
        None => vec![Effect::Create { key }, Effect::Deposit],
    };
    let elements = effects.iter().flat_map(|effect| {
        let (first, second) = effect.encode();
        [Some(first), second].into_iter().flatten()
    });
    let effects = bytes(&elements.collect::<Vec<Element>>());
    let message = bytes(&Message::Deposit { key, amount: 1 }.encode());
    replay(state.clone(), Env { operator: Address::ZERO, timestamp: 1 }, &effects, &[], &message).unwrap()
}

fn row(state: &State, block: u64) -> ProvenRow {
    let fields = OutputFields { state_root: B256::from(integer(state.root())), ..OutputFields::default() };
    ProvenRow {
        fields,
        output: fields.hash(),
        timestamp: block,
        operator: Address::ZERO,
        leaf_count: state.leaf_count(),
        transaction: B256::repeat_byte(2),
        block_hash: B256::repeat_byte(3),
        block,
    }
}

/// The message of an L1 block, of which every one from the first on has one.
fn message(block: u64) -> QueueRow {
    let record = |block: u64| vec![block as u8; 62];
    let queue_hash = (1..=block).fold(B256::ZERO, |hash, block| queue_hash_after(hash, keccak256(record(block))));
    QueueRow { queue_hash, record: record(block).into(), block }
}

/// Nothing is gone, and nothing is new.
const NOTHING: LedgerPoll<'static> = LedgerPoll {
    messages_kept: u64::MAX,
    messages: &[],
    batches_kept: u64::MAX,
    batches: &[],
    reads_gone: &[],
    read: None,
    finalized: 0,
};

/// A chain whose batch `n` is in L1 block `n` and consumes message `n - 1`, with every state that it had.
struct Chain {
    store: LedgerStore,
    states: Vec<State>,
    /// The first batch that L1 may take back.
    undo_first: u64,
}

impl Chain {
    fn begin(path: &Path) -> Self {
        let (store, genesis) = (open(path), State::default());
        let batches = [row(&genesis, 0)];
        let poll = LedgerPoll { batches_kept: 0, batches: &batches, read: Some((0, B256::ZERO)), ..NOTHING };
        assert_eq!(store.poll(&poll).unwrap(), Unwound::Stands);
        Self { store, states: vec![genesis], undo_first: 0 }
    }

    /// One more batch, which pays account `number`.
    fn grow(&mut self, number: u8) {
        let (index, before) = (self.states.len() as u64, self.states.last().unwrap());
        let Replayed { state: after, changed, .. } = deposit(before, number);
        let poll = LedgerPoll {
            messages_kept: index - 1,
            messages: &[message(index)],
            batches_kept: index,
            batches: &[row(&after, index)],
            reads_gone: &[index.saturating_sub(3)],
            read: Some((index, B256::with_last_byte(index as u8))),
            finalized: 0,
        };
        assert_eq!(self.store.poll(&poll).unwrap(), Unwound::Stands);
        let note = format!("batch {index}");
        let undo_first = self.undo_first;
        let applied = AppliedBatch { index, before, after: &after, changed: &changed, note: &note, undo_first };
        self.store.apply(&applied).unwrap();
        self.states.push(after);
    }

    /// L1 goes back to the block of a batch.
    fn reorganise(&mut self, to: u64) -> Unwound {
        let gone: Vec<u64> = (to + 1..self.states.len() as u64).collect();
        let poll = LedgerPoll { messages_kept: to, batches_kept: to + 1, reads_gone: &gone, ..NOTHING };
        self.store.poll(&poll).unwrap()
    }

    /// What is stored is the state after a batch, with all that belongs to it.
    fn is_at(&self, index: u64) {
        let (rows, expected) = (self.store.restore().unwrap(), &self.states[index as usize]);
        assert_eq!((rows.tip, rows.state.root()), (index, expected.root()));
        let leaves = |state: &State| (0..).map_while(|index| state.leaf(index).copied()).collect::<Vec<_>>();
        assert_eq!(leaves(&rows.state), leaves(expected));
        let note = (index > 0).then(|| format!("batch {index}"));
        assert_eq!(self.store.note::<String>(index).unwrap(), note);
        assert_eq!(self.store.note::<String>(index + 1).unwrap(), None);
    }
}

#[test]
fn what_is_applied_is_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = Chain::begin(folder.path());
    chain.is_at(0);
    for number in [3, 1, 2, 3, 9] {
        chain.grow(number);
        chain.is_at(chain.states.len() as u64 - 1);
    }
    drop(chain.store);
    let chain = Chain { store: open(folder.path()), ..chain };
    chain.is_at(5);
    let rows = chain.store.restore().unwrap();
    assert_eq!(rows.messages, (1..=5).map(message).collect::<Vec<_>>());
    assert_eq!(rows.batches.iter().map(|batch| batch.block).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    assert_eq!(rows.reads.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [3, 4, 5], "the others are forgotten");
    let (state, none) = (&chain.states[5], BTreeSet::new());
    let again = AppliedBatch { index: 5, before: state, after: state, changed: &none, note: &(), undo_first: 0 };
    assert_eq!(chain.store.apply(&again), Err(StoreError::NotNextBlock { head: 5, number: 5 }));
}

#[test]
fn batches_are_taken_back_to_any_that_stands() {
    for to in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        let mut chain = Chain::begin(folder.path());
        for number in [3, 1, 2, 3, 9] {
            chain.grow(number);
        }
        let expected = if to == 5 { Unwound::Stands } else { Unwound::To { index: to } };
        assert_eq!(chain.reorganise(to), expected);
        chain.is_at(to);
        let rows = chain.store.restore().unwrap();
        assert_eq!((rows.messages.len() as u64, rows.batches.len() as u64), (to, to + 1));
        assert!(rows.reads.iter().all(|(number, _)| *number <= to));
        // And the chain goes another way from there.
        chain.states.truncate(to as usize + 1);
        for number in [7, 3] {
            chain.grow(number);
        }
        chain.is_at(to + 2);
    }
}

#[test]
fn what_is_final_is_not_taken_back_but_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = Chain::begin(folder.path());
    // What is forgotten stays so, whatever is said later.
    for (number, undo_first) in [(1, 0), (2, 0), (3, 4), (4, 4), (5, 3)] {
        chain.undo_first = undo_first;
        chain.grow(number);
        chain.is_at(number.into());
    }
    assert_eq!(chain.reorganise(3), Unwound::To { index: 3 });
    chain.is_at(3);
    assert_eq!(chain.reorganise(2), Unwound::Anew);
    chain.is_at(0);
    assert_eq!(chain.store.restore().unwrap().batches.len(), 3, "which batches there are is known");
    assert_eq!(chain.store.note::<String>(2).unwrap(), None);
    // They are applied again.
    let Replayed { state: after, changed, .. } = deposit(&chain.states[0], 1);
    let note = "batch 1".to_owned();
    let (before, undo_first) = (&chain.states[0], 0);
    let first = AppliedBatch { index: 1, before, after: &after, changed: &changed, note: &note, undo_first };
    chain.store.apply(&first).unwrap();
    chain.is_at(1);
}

#[test]
fn only_so_many_batches_can_be_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let chain = Chain::begin(folder.path());
    let state = chain.states[0].clone();
    let count = UNDO_MAX + 3;
    let batches: Vec<ProvenRow> = (1..=count).map(|block| row(&state, block)).collect();
    chain.store.poll(&LedgerPoll { batches_kept: 1, batches: &batches, ..NOTHING }).unwrap();
    for index in 1..=count {
        let (before, after, changed) = (&state, &state, &BTreeSet::new());
        chain.store.apply(&AppliedBatch { index, before, after, changed, note: &(), undo_first: 0 }).unwrap();
    }
    // There never are more rows on disk: they go with the batches that come, not some time later.
    drop(chain.store);
    let rows = keys(folder.path(), "ledger_undo");
    assert_eq!((rows.len() as u64, rows[0]), (UNDO_MAX, 4));
    let mut chain = Chain { store: open(folder.path()), ..chain };
    assert_eq!(chain.reorganise(3), Unwound::To { index: 3 });
    assert_eq!(chain.reorganise(2), Unwound::Anew);
}

#[test]
fn another_chains_ledger_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let refused = |config: &ChainConfig| LedgerStore::open(folder.path(), config, Options::default()).unwrap_err();
    let other = ChainConfig { inbox: Address::repeat_byte(0x77), ..config() };
    assert!(matches!(refused(&other), StoreError::OtherChain { .. }));
    let evm = ChainConfig { kind: ChainKind::Evm, ..config() };
    assert_eq!(refused(&evm), StoreError::NotAPaymentsChain);
    let sequencers = tempfile::tempdir().unwrap();
    drop(tandem_store::SequencedStore::open(sequencers.path(), &config(), Options::default()).unwrap());
    let found = LedgerStore::open(sequencers.path(), &config(), Options::default()).unwrap_err();
    assert!(matches!(found, StoreError::NotAStore { .. }), "{found:?}");
}

/// Writes below the store's interface, or removes.
fn change(path: &Path, table: &str, key: &[u8], value: Option<&[u8]>) {
    let options = rocksdb::Options::default();
    let names = DB::list_cf(&options, path).unwrap();
    let families = names.iter().map(|name| ColumnFamilyDescriptor::new(name, rocksdb::Options::default()));
    let db = DB::open_cf_descriptors(&options, path, families).unwrap();
    let family = db.cf_handle(table).unwrap();
    match value {
        Some(value) => db.put_cf(family, key, value).unwrap(),
        None => db.delete_cf(family, key).unwrap(),
    }
}

/// The keys of a table, as they are on disk.
fn keys(path: &Path, table: &str) -> Vec<u64> {
    let options = rocksdb::Options::default();
    let names = DB::list_cf(&options, path).unwrap();
    let db = DB::open_cf_for_read_only(&options, path, names, false).unwrap();
    let rows = db.iterator_cf(db.cf_handle(table).unwrap(), rocksdb::IteratorMode::Start);
    rows.map(|row| u64::from_be_bytes(row.unwrap().0[..].try_into().unwrap())).collect()
}

fn grown() -> (tempfile::TempDir, Vec<State>) {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = Chain::begin(folder.path());
    for number in 1..=3 {
        chain.grow(number);
    }
    (folder, chain.states)
}

#[test]
fn damage_is_told_and_never_taken_for_nothing() {
    let leaf = |states: &[State], balance| {
        let mut leaf = *states[3].leaf(1).unwrap();
        leaf.balance = balance;
        <Fixed as Codec<tandem_payments::leaf::Leaf>>::encode(&leaf)
    };
    let damaged = |table: &str, key: &[u8], value: Option<&[u8]>| {
        let (folder, _) = grown();
        change(folder.path(), table, key, value);
        open(folder.path()).restore().unwrap_err()
    };
    let (one, root) = (1u32.to_be_bytes(), [16, 0, 0, 0, 0]);
    let corrupt = |error: StoreError| match error {
        StoreError::Corrupt { table, reason, .. } => (table, reason),
        other => panic!("{other:?}"),
    };
    let found = corrupt(damaged("ledger_leaves", &one, Some(&[1; 167])));
    assert_eq!(found, ("ledger_leaves", CodecError::Width { bytes: 167 }));
    let found = corrupt(damaged("ledger_leaves", &one, Some(&[0xff; 168])));
    assert_eq!(found, ("ledger_leaves", CodecError::NotAnElement));
    let found = corrupt(damaged("ledger_nodes", &root, Some(&[1; 33])));
    assert_eq!(found, ("ledger_nodes", CodecError::Width { bytes: 33 }));
    assert!(matches!(damaged("ledger_leaves", &one, None), StoreError::NoState(_)));
    assert!(matches!(damaged("ledger_leaves", &3u32.to_be_bytes(), None), StoreError::NoState(_)));
    assert!(matches!(damaged("ledger_nodes", &root, Some(&[1; 32])), StoreError::OtherRoot { index: 3, .. }));
    assert!(matches!(damaged("ledger_nodes", &root, None), StoreError::OtherRoot { index: 3, .. }));
    for (table, key) in [("ledger_queue", 1u64), ("ledger_batches", 1)] {
        let found = damaged(table, &key.to_be_bytes(), None);
        assert!(matches!(found, StoreError::MissingRow { number: 1, .. }), "{found:?}");
    }
    let found = damaged("ledger_batches", &3u64.to_be_bytes(), None);
    assert_eq!(found, StoreError::MissingRow { table: "ledger_batches", number: 3 });
    // Which batch the state is after.
    let found = damaged("markers", &[4], None);
    assert_eq!(found, StoreError::MissingRow { table: "markers", number: 4 });
    assert!(matches!(damaged("markers", &[4], Some(&[2])), StoreError::OtherRoot { index: 2, .. }));
    // What no root tells of: a note or an undo row of a batch that is applied.
    for (table, number) in [("ledger_notes", 1u64), ("ledger_notes", 3), ("ledger_undo", 1), ("ledger_undo", 2)] {
        let found = damaged(table, &number.to_be_bytes(), None);
        assert_eq!(found, StoreError::MissingRow { table, number });
    }

    // A leaf whose hash is another is found when its batch is.
    let (folder, states) = grown();
    change(folder.path(), "ledger_leaves", &one, Some(&leaf(&states, 77)));
    assert_eq!(open(folder.path()).restore().unwrap().state.leaf(1).unwrap().balance, 77);
}

/// Rows that decode, and are not those of the chain.
#[test]
fn rows_that_do_not_hash_to_what_l1_has_are_told() {
    let damaged = |table: &str, number: u64, value: &[u8]| {
        let (folder, _) = grown();
        change(folder.path(), table, &number.to_be_bytes(), Some(value));
        open(folder.path()).restore().unwrap_err()
    };
    let other = QueueRow { record: vec![9; 62].into(), ..message(2) };
    let found = damaged("ledger_queue", 1, &<Rlp as Codec<QueueRow>>::encode(&other));
    assert_eq!(found, StoreError::OtherMessage { index: 1 });
    let other = ProvenRow { output: B256::repeat_byte(7), ..row(&State::default(), 1) };
    let found = damaged("ledger_batches", 1, &<Json as Codec<ProvenRow>>::encode(&other));
    assert_eq!(found, StoreError::OtherOutput { index: 1 });
    // A batch that consumed more messages than there are.
    let (folder, states) = grown();
    let mut ahead = row(&states[3], 3);
    ahead.fields.queue_index = 4;
    ahead.output = ahead.fields.hash();
    change(folder.path(), "ledger_batches", &3u64.to_be_bytes(), Some(&<Json as Codec<ProvenRow>>::encode(&ahead)));
    let found = open(folder.path()).restore().unwrap_err();
    assert_eq!(found, StoreError::MissingRow { table: "ledger_queue", number: 3 });
}

/// How to take back a batch is not known: then the state is made anew, and nothing of what was undone before that was noticed stays.
#[test]
fn a_missing_undo_row_rebuilds_the_state() {
    let (folder, states) = grown();
    change(folder.path(), "ledger_undo", &2u64.to_be_bytes(), None);
    let mut chain = Chain { store: open(folder.path()), states, undo_first: 0 };
    assert_eq!(chain.reorganise(1), Unwound::Anew);
    chain.is_at(0);
}

/// The newest L1 block that was final is remembered, and never an older one.
#[test]
fn what_was_final_is_remembered() {
    let (folder, _) = grown();
    let store = open(folder.path());
    assert_eq!(store.restore().unwrap().finalized, 0);
    for (told, known) in [(7, 7), (5, 7), (9, 9)] {
        store.poll(&LedgerPoll { finalized: told, ..NOTHING }).unwrap();
        assert_eq!(store.restore().unwrap().finalized, known);
    }
}

#[test]
fn undo_rows_are_read_as_they_were_written() {
    let state = deposit(&State::default(), 1).state;
    let (leaf, node) = (state.leaf(1).copied(), state.tree().node((0, 1)));
    let row = UndoRow { leaves: vec![(0, leaf), (7, None)], nodes: vec![((0, 1), node), ((16, 0), None)] };
    let encoded = <Fixed as Codec<UndoRow>>::encode(&row);
    assert_eq!(encoded.len(), 4 + (5 + 168) + 5 + (6 + 32) + 6);
    let decode = <Fixed as Codec<UndoRow>>::decode;
    assert_eq!(decode(&encoded), Ok(row));
    for end in 0..encoded.len() {
        // At the end of a record it is a shorter row: nothing says how many nodes there are but the row's end.
        let whole = [encoded.len() - 6, encoded.len() - 6 - 38].contains(&end);
        assert_eq!(decode(&encoded[..end]).is_ok(), whole, "{end}");
    }
    let mut broken = encoded.clone();
    broken[8] = 2;
    assert_eq!(decode(&broken), Err(CodecError::Presence { byte: 2 }));
}

const CHILD_FOLDER: &str = "TANDEM_LEDGER_TEST_CHILD_FOLDER";

/// Grows and takes back, again and again, and says so after each, until killed.
fn write_for_ever(folder: &Path) -> ! {
    let mut chain = Chain::begin(folder);
    for round in 0u64.. {
        for number in 0..3 {
            chain.grow((round * 3 + number) as u8 % 200 + 1);
        }
        let to = chain.states.len() as u64 - 3;
        assert_eq!(chain.reorganise(to), Unwound::To { index: to });
        chain.states.truncate(to as usize + 1);
        println!("\nround {round}");
    }
    unreachable!("rounds do not end")
}

/// `kill -9` between two instructions: whatever is left is the state after one of the batches.
#[test]
fn a_killed_ledger_is_whole() {
    if let Some(folder) = env::var_os(CHILD_FOLDER) {
        write_for_ever(Path::new(&folder));
    }
    for rounds in [1, 4, 9] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["a_killed_ledger_is_whole", "--exact", "--nocapture"])
            .env(CHILD_FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let told = lines.filter(|line| line.starts_with("round ")).take(rounds).count();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(told, rounds);
        // The root is that of the batch, which opening compares, and every note but those of its batches is gone.
        let store = open(folder.path());
        let rows = store.restore().unwrap();
        assert!(rows.tip >= rounds as u64 && rows.batches.len() as u64 > rows.tip);
        assert_eq!(store.note::<String>(rows.tip).unwrap(), Some(format!("batch {}", rows.tip)));
        assert_eq!(store.note::<String>(rows.tip + 1).unwrap(), None);
    }
}
