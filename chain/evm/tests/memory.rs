//! What was read does not fill memory, and what the source does not have yet is not forgotten.

use std::{cell::RefCell, collections::HashMap};

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex, keccak256};
use revm::{
    context::TxEnv,
    database_interface::{Database, DatabaseCommit},
};
use tandem_chain::PreimageSource;
use tandem_evm::{
    WorldState,
    block::{FORK, block_env},
    cryptography::{self, Native},
    execute::transact,
    fees::DataCharge,
};

/// Remembers how often each pre-image was asked for.
struct Counting {
    preimages: HashMap<B256, Bytes>,
    reads: RefCell<HashMap<B256, usize>>,
}

#[derive(Debug, thiserror::Error)]
#[error("no pre-image {0}")]
struct Missing(B256);

impl PreimageSource for Counting {
    type Error = Missing;

    fn preimage(&self, hash: B256) -> Result<Bytes, Missing> {
        *self.reads.borrow_mut().entry(hash).or_default() += 1;
        self.preimages.get(&hash).cloned().ok_or(Missing(hash))
    }
}

fn address(number: u64) -> Address {
    Address::left_padding_from(&(0x1_0000 + number).to_be_bytes())
}

/// Code of the greatest size that stops at once, another for each number.
fn code(number: u64) -> Bytes {
    let mut code = vec![0; 24_576];
    code[1..9].copy_from_slice(&number.to_be_bytes());
    code.into()
}

fn counting(preimages: impl IntoIterator<Item = (B256, Bytes)>) -> Counting {
    Counting { preimages: preimages.into_iter().collect(), reads: RefCell::default() }
}

/// 64 MiB of the longest code.
const CODES_KEPT: u64 = (64 << 20) / 24_576;

#[test]
fn code_that_was_read_is_dropped_in_time() {
    let nothing = counting([]);
    let mut state = WorldState::open(alloy_consensus::EMPTY_ROOT_HASH, &nothing);
    for number in 0..=CODES_KEPT {
        state.insert(address(number), 1, U256::ZERO, &code(number), &[]);
    }
    let (root, preimages) = state.seal().unwrap();

    let source = counting(preimages);
    let reads = |number: u64| source.reads.borrow().get(&keccak256(code(number))).copied().unwrap_or(0);
    let mut state = WorldState::open(root, &source);
    let new = Bytes::from_static(&[0x5b, 0x00]);
    state.insert(address(u64::from(u32::MAX)), 1, U256::ZERO, &new, &[]);
    state.seal().unwrap();
    for number in 0..CODES_KEPT {
        assert_eq!(state.code(address(number)).unwrap(), code(number));
    }
    state.code(address(0)).unwrap();
    assert_eq!(reads(0), 1, "what fits is kept");
    state.code(address(CODES_KEPT)).unwrap();
    state.code(address(0)).unwrap();
    assert_eq!(reads(0), 2, "what does not fit makes room");
    assert_eq!(state.code(address(u64::from(u32::MAX))).unwrap(), new, "the source does not have it");
}

/// From the address in the call data on, calls one after the other with all gas.
const CALLS: &[u8] = &hex!("5f35 5b 5f5f5f5f5f855af150 600101 6127105a11 600257 00");

#[test]
fn code_that_was_called_is_no_news() {
    cryptography::install(Native);
    let nothing = counting([]);
    let mut state = WorldState::open(alloy_consensus::EMPTY_ROOT_HASH, &nothing);
    let caller = Address::repeat_byte(0xca);
    state.insert(caller, 1, U256::ZERO, &Bytes::from_static(CALLS), &[]);
    let count = CODES_KEPT + 500;
    for number in 0..count {
        state.insert(address(number), 1, U256::ZERO, &code(number), &[]);
    }
    let (root, preimages) = state.seal().unwrap();

    let source = counting(preimages);
    let mut state = WorldState::open(root, &source);
    let call = TxEnv {
        kind: TxKind::Call(caller),
        data: U256::from_be_slice(address(0).as_slice()).to_be_bytes_vec().into(),
        gas_limit: 60_000 + count * 2_645,
        ..Default::default()
    };
    let mut cfg = revm::context::CfgEnv::new_with_spec(FORK);
    cfg.tx_gas_limit_cap = Some(u64::MAX);
    let header = alloy_consensus::Header { base_fee_per_gas: Some(0), gas_limit: u64::MAX, ..Default::default() };
    let executed = transact(&mut state, block_env(&header), cfg, call, DataCharge::default()).unwrap();
    assert!(executed.result.is_success());
    assert!(executed.state.len() as u64 > count, "all of them were called");
    state.commit(executed.state);
    let (_, preimages) = state.seal().unwrap();
    assert!(preimages.iter().all(|(_, bytes)| bytes.len() < 1_000), "no code is written");
}

#[test]
fn nodes_that_were_read_are_dropped_in_time_and_written_ones_kept() {
    let nothing = counting([]);
    let account = Address::repeat_byte(0xac);
    let slots = |value: u64| move |slot: u64| (U256::from(slot), U256::from(value));
    let mut state = WorldState::open(alloy_consensus::EMPTY_ROOT_HASH, &nothing);
    // Their nodes take more room than there is for what was read.
    let count = 150_000;
    state.insert(account, 1, U256::ZERO, &Bytes::new(), &(0..count).map(slots(1)).collect::<Vec<_>>());
    let (root, preimages) = state.seal().unwrap();

    let source = counting(preimages);
    let mut state = WorldState::open(root, &source);
    state.insert(account, 1, U256::ZERO, &Bytes::new(), &(0..100).map(slots(2)).collect::<Vec<_>>());
    let (root, _) = state.seal().unwrap();
    for slot in 0..count {
        assert_eq!(state.storage(account, U256::from(slot)).unwrap(), U256::from(if slot < 100 { 2 } else { 1 }));
    }
    let most = source.reads.borrow().values().copied().max();
    assert!(most > Some(1), "nodes were dropped and read again, {most:?} times");
    assert!(most < Some(20), "and not all the time, {most:?} times");
    state.discard();
    assert_eq!(state.storage(account, U256::ZERO).unwrap(), U256::from(2), "the source does not have it");
    assert_eq!(state.root(), root);
}
