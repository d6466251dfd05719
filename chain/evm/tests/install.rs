//! What a program installs is what computes, everywhere; and there is no second choice. One test, for it is a process's choice.

use std::{
    panic::catch_unwind,
    sync::atomic::{AtomicUsize, Ordering},
};

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip7702};
use alloy_eips::eip7702::Authorization;
use alloy_primitives::{Address, Signature, U256, bytes};
use revm::precompile::{Crypto, PrecompileHalt};
use tandem_evm::{
    WorldState,
    cryptography::{self, Cryptography, Native, Portable},
    payload::SignedTransaction,
};
use tandem_support::{
    chain::{TestChain, User, block, deposit},
    config,
};

static RECOVERIES: AtomicUsize = AtomicUsize::new(0);

/// The native implementations, which count the signatures recovered.
#[derive(Debug)]
struct Counting;

impl Cryptography for Counting {
    const NAME: &'static str = "counting";
}

impl Crypto for Counting {
    fn secp256k1_ecrecover(&self, sig: &[u8; 64], recid: u8, msg: &[u8; 32]) -> Result<[u8; 32], PrecompileHalt> {
        RECOVERIES.fetch_add(1, Ordering::Relaxed);
        Portable.secp256k1_ecrecover(sig, recid, msg)
    }
}

#[test]
fn what_is_installed_computes_and_nothing_else() {
    cryptography::install(Counting);
    cryptography::install(Counting);
    let (alice, bob) = (User::new(1), User::new(2));
    let mut chain = TestChain::new(config());
    let (to, value) = (alice.address(), 1_000_000_000_000_000_000);
    chain.batch(vec![deposit(to, value)], vec![block(1_000, 1, vec![])]);

    let precompile = Address::with_last_byte(1);
    let call =
        TxEip1559 { to: precompile.into(), input: vec![0; 63].into_iter().chain([27]).collect(), ..alice.template(1) };
    chain.batch(vec![], vec![block(1_020, 0, vec![alice.sign(call)])]);
    assert_eq!(RECOVERIES.swap(0, Ordering::Relaxed), 2, "the sender's, and the precompile's");

    let delegate = delegation(&alice, &bob, 2, 1);
    chain.batch(vec![], vec![block(1_040, 0, vec![signed(&alice, delegate)])]);
    assert_eq!(RECOVERIES.swap(0, Ordering::Relaxed), 2, "the sender's, and the authority's");
    assert_eq!(chain.nonce(bob.address()), 1);
    assert_eq!(chain.code(bob.address()), bytes!("ef01000505050505050505050505050505050505050505"));

    for (why, refuse) in REFUSALS {
        let mut chain = chain.clone();
        if why == "a sender with code" {
            let mut state = WorldState::open(chain.output.state_root, &chain.memory);
            state.insert(alice.address(), 3, U256::from(value), &bytes!("00"), &[]);
            let (root, preimages) = state.seal().unwrap();
            chain.memory.0.extend(preimages);
            chain.output.state_root = root;
        }
        let mut refused = delegation(&alice, &bob, 3, 20);
        refuse(&mut refused);
        let blocks = chain.batch(vec![], vec![block(1_060, 0, vec![signed(&alice, refused)])]);
        assert_eq!(blocks[0].transactions.len(), 1, "{why}: the checkpoint's alone");
        assert_eq!(RECOVERIES.swap(0, Ordering::Relaxed), 1, "{why}: the sender's alone");
    }

    assert!(catch_unwind(|| cryptography::install(Native)).is_err());
    assert!(catch_unwind(|| cryptography::install(Portable)).is_err());
}

type Change = fn(&mut TxEip7702);

/// Why the EVM refuses a transaction, whatever its authorisations; and what makes it do so.
const REFUSALS: [(&str, Change); 9] = [
    ("an old nonce", |tx| tx.nonce -= 1),
    ("a nonce to come", |tx| tx.nonce += 1),
    ("the last nonce", |tx| tx.nonce = u64::MAX),
    ("too little gas", |tx| tx.gas_limit = 500_000),
    ("more gas than a transaction may have", |tx| tx.gas_limit = (1 << 24) + 1),
    ("a tip above the cap", |tx| tx.max_priority_fee_per_gas = tx.max_fee_per_gas + 1),
    ("less than the base fee", |tx| (tx.max_fee_per_gas, tx.max_priority_fee_per_gas) = (1, 0)),
    ("more than the sender has", |tx| tx.value = U256::from(u64::MAX)),
    ("a sender with code", |_| ()),
];

/// A transaction of `sender`'s that delegates `authority`, so many times.
fn delegation(sender: &User, authority: &User, nonce: u64, count: usize) -> TxEip7702 {
    let authorization = Authorization { chain_id: U256::ZERO, address: Address::repeat_byte(5), nonce: 0 };
    let signature = authority.sign_hash(authorization.signature_hash());
    let template = sender.template(nonce);
    TxEip7702 {
        chain_id: template.chain_id,
        nonce: template.nonce,
        gas_limit: 25_000 * (4 + count as u64),
        max_fee_per_gas: template.max_fee_per_gas,
        max_priority_fee_per_gas: template.max_priority_fee_per_gas,
        to: Address::ZERO,
        authorization_list: vec![authorization.into_signed(signature); count],
        ..Default::default()
    }
}

fn signed(sender: &User, transaction: TxEip7702) -> SignedTransaction {
    let signature: Signature = sender.sign_hash(transaction.signature_hash());
    SignedTransaction::Eip7702(transaction.into_signed(signature))
}
