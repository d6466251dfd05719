//! A chain's configuration and blocks for the tests.
#![allow(dead_code, reason = "each test file uses its part")]

use alloy_consensus::{Header, SignableTransaction, TxLegacy};
use alloy_primitives::{Address, B256, Bytes, Signature, U256, keccak256};
use std::path::Path;
use tandem_chain::ChainConfig;
use tandem_evm::{DepositTransaction, EvmBlock, Receipt, Recovered, Transaction, payload::SignedTransaction};
use tandem_store::{Head, Options, Store};

pub fn config() -> ChainConfig {
    ChainConfig { l2_chain_id: 7, ..tandem_support::config() }
}

pub fn open(path: &Path) -> Store {
    Store::open(path, &config(), Options::default()).unwrap()
}

/// A signed transaction that no other number gives.
pub fn transaction(number: u64) -> Recovered {
    let tx = TxLegacy {
        chain_id: Some(7),
        nonce: number,
        gas_price: 1,
        gas_limit: 21_000,
        to: Address::repeat_byte(9).into(),
        value: U256::from(number),
        input: Bytes::new(),
    };
    let signed = SignedTransaction::Legacy(tx.into_signed(Signature::test_signature()));
    Recovered::new_unchecked(signed, Address::with_last_byte(number as u8))
}

pub fn hash(transaction: &Recovered) -> B256 {
    *transaction.transaction().hash()
}

/// A block on `parent` with a deposit and the signed transaction 2n; consumes one message. `branch`
/// tells blocks of one height apart.
pub fn block(parent: Head, branch: u8) -> EvmBlock {
    let number = parent.number + 1;
    let deposit = DepositTransaction {
        source_hash: keccak256([number.to_be_bytes().as_slice(), &[branch]].concat()),
        ..Default::default()
    };
    let header = Header { number, parent_hash: parent.hash, extra_data: vec![branch].into(), ..Default::default() };
    let receipt = |tx_type| Receipt { tx_type, success: true, cumulative_gas_used: 21_000, logs: Vec::new() };
    EvmBlock {
        hash: header.hash_slow(),
        header,
        transactions: vec![Transaction::Deposit(deposit), Transaction::Signed(transaction(2 * number))],
        receipts: vec![receipt(0x7e), receipt(0)],
        message_count: 1,
    }
}

pub fn preimage(block: &EvmBlock) -> (B256, Bytes) {
    let bytes = Bytes::from(block.hash.to_vec());
    (keccak256(&bytes), bytes)
}

/// Appends `count` blocks to the head.
pub fn grow(store: &Store, count: u64) -> Vec<EvmBlock> {
    let mut blocks = Vec::new();
    for _ in 0..count {
        let block = block(store.head().unwrap(), 0);
        store.append_block(&block, &[preimage(&block)]).unwrap();
        blocks.push(block);
    }
    blocks
}
