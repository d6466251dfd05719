//! The state layer against a model rebuilt from scratch with alloy-trie, and its edge rules.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_trie::{HashBuilder, Nibbles, proof::verify_proof};
use proptest::prelude::*;
use std::collections::BTreeMap;
use tandem_trie::{
    AccountChange, AccountInfo, EMPTY_ROOT_HASH, HashChecked, KECCAK_EMPTY, MemorySource, RecordingSource,
    StateChanges, StateTrie, TrieAccount, TrieError,
};

type Model = BTreeMap<Address, (AccountInfo, BTreeMap<U256, U256>)>;

fn root_of(leaves: impl Iterator<Item = (B256, Vec<u8>)>) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, value) in leaves.collect::<BTreeMap<_, _>>() {
        builder.add_leaf(Nibbles::unpack(key), &value);
    }
    builder.root()
}

fn slot_key(slot: U256) -> B256 {
    keccak256(slot.to_be_bytes::<32>())
}

fn storage_root(slots: &BTreeMap<U256, U256>) -> B256 {
    root_of(slots.iter().map(|(slot, value)| (slot_key(*slot), alloy_rlp::encode(value))))
}

fn leaf((info, slots): &(AccountInfo, BTreeMap<U256, U256>)) -> TrieAccount {
    TrieAccount {
        nonce: info.nonce,
        balance: info.balance,
        storage_root: storage_root(slots),
        code_hash: info.code_hash,
    }
}

fn model_root(model: &Model) -> B256 {
    root_of(model.iter().map(|(a, account)| (keccak256(a), alloy_rlp::encode(leaf(account)))))
}

fn apply_to_model(model: &mut Model, changes: &StateChanges) {
    for (address, change) in changes {
        match change.info {
            Some(info) if !info.is_empty() => {
                let (old, slots) = model.entry(*address).or_default();
                *old = info;
                if change.wiped {
                    slots.clear();
                }
                slots.extend(change.storage.clone());
                slots.retain(|_, value| !value.is_zero());
            }
            _ => drop(model.remove(address)),
        }
    }
}

fn address(i: u8) -> Address {
    Address::with_last_byte(i)
}

fn info(nonce: u64, balance: u64) -> AccountInfo {
    AccountInfo { nonce, balance: U256::from(balance), ..Default::default() }
}

fn with_storage(info: AccountInfo, slots: &[(u64, u64)]) -> AccountChange {
    let storage = slots.iter().map(|(s, v)| (U256::from(*s), U256::from(*v))).collect();
    AccountChange { info: Some(info), storage, wiped: false }
}

/// Applies to an opened state and stores the new nodes.
fn apply(root: B256, source: &mut MemorySource, changes: &StateChanges) -> B256 {
    let commit = StateTrie::open(root, &*source).apply(changes).unwrap();
    source.extend(commit.new_nodes);
    commit.root
}

#[test]
fn empty_accounts_and_zero_slots_do_not_exist() {
    let mut source = MemorySource::default();
    let only_empty = StateChanges::from([(address(1), with_storage(info(0, 0), &[(1, 1)]))]);
    assert_eq!(apply(EMPTY_ROOT_HASH, &mut source, &only_empty), EMPTY_ROOT_HASH);

    let first = StateChanges::from([(address(1), with_storage(info(1, 0), &[(1, 5), (2, 0)]))]);
    let root = apply(EMPTY_ROOT_HASH, &mut source, &first);
    let mut state = StateTrie::open(root, &source);
    assert_eq!(state.storage(address(1), U256::from(1)).unwrap(), U256::from(5));
    assert_eq!(state.storage(address(1), U256::from(2)).unwrap(), U256::ZERO);
    assert_eq!(state.storage(address(2), U256::from(1)).unwrap(), U256::ZERO);
    assert_eq!(state.account(address(2)).unwrap(), None);

    let cleared = StateChanges::from([(address(1), with_storage(info(1, 0), &[(1, 0)]))]);
    let root = apply(root, &mut source, &cleared);
    let account = StateTrie::open(root, &source).account(address(1)).unwrap().unwrap();
    assert_eq!(account.storage_root, EMPTY_ROOT_HASH);

    for gone in [None, Some(AccountInfo::default())] {
        let change = AccountChange { info: gone, ..Default::default() };
        let changes = StateChanges::from([(address(1), change)]);
        assert_eq!(apply(root, &mut source.clone(), &changes), EMPTY_ROOT_HASH);
    }
}

#[test]
fn account_with_code_only_exists() {
    let code_only = AccountInfo { code_hash: B256::repeat_byte(1), ..Default::default() };
    assert!(!code_only.is_empty());
    assert!(AccountInfo { code_hash: KECCAK_EMPTY, ..Default::default() }.is_empty());
    let mut source = MemorySource::default();
    let changes = StateChanges::from([(address(1), with_storage(code_only, &[]))]);
    assert_ne!(apply(EMPTY_ROOT_HASH, &mut source, &changes), EMPTY_ROOT_HASH);
}

#[test]
fn recreated_account_has_no_old_storage() {
    let mut source = MemorySource::default();
    let first = StateChanges::from([(address(1), with_storage(info(1, 1), &[(1, 5), (9, 9)]))]);
    let root = apply(EMPTY_ROOT_HASH, &mut source, &first);

    // Wiped in one step, and removed then created again in two, in one and the same open state.
    let wiped = AccountChange { wiped: true, ..with_storage(info(2, 1), &[(2, 6)]) };
    let expected =
        model_root(&Model::from([(address(1), (info(2, 1), BTreeMap::from([(U256::from(2), U256::from(6))])))]));
    let changes = StateChanges::from([(address(1), wiped)]);
    assert_eq!(apply(root, &mut source.clone(), &changes), expected);

    let mut state = StateTrie::open(root, &source);
    assert_eq!(state.storage(address(1), U256::from(1)).unwrap(), U256::from(5));
    state.apply(&StateChanges::from([(address(1), AccountChange::default())])).unwrap();
    assert_eq!(state.root(), EMPTY_ROOT_HASH);
    let again = StateChanges::from([(address(1), with_storage(info(2, 1), &[(2, 6)]))]);
    assert_eq!(state.apply(&again).unwrap().root, expected);
    assert_eq!(state.storage(address(1), U256::from(1)).unwrap(), U256::ZERO);
}

/// A source that fails in the middle of `apply` leaves the state at the old root, readable.
#[test]
fn failed_apply_changes_nothing() {
    let mut full = MemorySource::default();
    let accounts: StateChanges = (0..50).map(|i| (address(i), with_storage(info(1, 1), &[(1, 1), (2, 2)]))).collect();
    let root = apply(EMPTY_ROOT_HASH, &mut full, &accounts);

    // Only what the read of one account touches is there.
    let recorder = RecordingSource::new(&full);
    StateTrie::open(root, &recorder).storage(address(7), U256::from(1)).unwrap();
    let partial = MemorySource::from_witness(recorder.into_nodes().into_values());
    let mut state = StateTrie::open(root, &partial);
    let mut changes = StateChanges::from([
        (address(7), with_storage(info(2, 2), &[(1, 9)])),
        (address(8), with_storage(info(2, 2), &[])),
    ]);
    assert!(matches!(state.apply(&changes), Err(TrieError::Source(_))));
    assert_eq!(state.root(), root);
    assert_eq!(state.account(address(7)).unwrap().unwrap().nonce, 1);
    assert_eq!(state.storage(address(7), U256::from(1)).unwrap(), U256::from(1));

    changes.clear();
    assert_eq!(state.apply(&changes).unwrap().root, root);
}

fn changes() -> impl Strategy<Value = StateChanges> {
    let storage = prop::collection::btree_map(
        (0..12u64).prop_map(U256::from),
        prop_oneof![Just(U256::ZERO), (1..300u64).prop_map(U256::from), Just(U256::MAX)],
        0..6,
    );
    let change = (prop::option::weighted(0.8, (0..3u64, 0..3u64)), storage, prop::bool::weighted(0.1)).prop_map(
        |(numbers, storage, wiped)| AccountChange {
            info: numbers.map(|(nonce, balance)| info(nonce, balance)),
            storage,
            wiped,
        },
    );
    prop::collection::btree_map((0..24u8).prop_map(address), change, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Block after block: the root is that of the model from scratch, whether the state stays open
    /// or is opened anew, and the recorded nodes alone give the same root.
    #[test]
    fn roots_follow_the_model(blocks in prop::collection::vec(changes(), 1..6)) {
        let (mut model, mut source) = (Model::new(), MemorySource::default());
        let mut root = EMPTY_ROOT_HASH;
        let mut open = StateTrie::open(root, MemorySource::default());
        for block in &blocks {
            apply_to_model(&mut model, block);
            let recorder = RecordingSource::new(&source);
            let commit = StateTrie::open(root, &recorder).apply(block).unwrap();
            let witness = MemorySource::from_witness(recorder.into_nodes().into_values());
            prop_assert_eq!(commit.root, model_root(&model));
            prop_assert_eq!(open.apply(block).unwrap().root, commit.root);
            let replayed = StateTrie::open(root, HashChecked(witness)).apply(block);
            prop_assert_eq!(replayed.unwrap(), commit.clone());
            source.extend(commit.new_nodes);
            root = commit.root;
        }
        let mut state = StateTrie::open(root, &source);
        for i in 0..24 {
            let account = model.get(&address(i));
            prop_assert_eq!(state.account(address(i)).unwrap(), account.map(leaf));
            let proof = state.prove_account(address(i)).unwrap();
            let value = account.map(|account| alloy_rlp::encode(leaf(account)));
            let path = Nibbles::unpack(keccak256(address(i)));
            prop_assert_eq!(verify_proof(root, path, value, &proof), Ok(()));
            let none = BTreeMap::new();
            let slots = account.map_or(&none, |account| &account.1);
            for slot in (0..12u64).map(U256::from) {
                let value = slots.get(&slot);
                let read = state.storage(address(i), slot).unwrap();
                prop_assert_eq!(read, value.copied().unwrap_or_default());
                let proof = state.prove_storage(address(i), slot).unwrap();
                let path = Nibbles::unpack(slot_key(slot));
                let value = value.map(alloy_rlp::encode);
                prop_assert_eq!(verify_proof(storage_root(slots), path, value, &proof), Ok(()));
            }
        }
    }
}
