//! What a program installs is what computes, everywhere; and there is no second choice. One test, for it is a process's choice.

mod common;

use std::{
    panic::catch_unwind,
    sync::atomic::{AtomicUsize, Ordering},
};

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip7702};
use alloy_eips::eip7702::Authorization;
use alloy_primitives::{Address, Signature, U256, bytes};
use common::{TestChain, User, block, config, deposit};
use revm::precompile::{Crypto, PrecompileHalt};
use tandem_evm::{
    cryptography::{self, Cryptography, Native, Portable},
    payload::SignedTransaction,
};

static RECOVERIES: AtomicUsize = AtomicUsize::new(0);

/// Counts signatures.
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

    let authorization = Authorization { chain_id: U256::ZERO, address: Address::repeat_byte(5), nonce: 0 };
    let signature = bob.sign_hash(authorization.signature_hash());
    let template = alice.template(2);
    let delegate = TxEip7702 {
        chain_id: template.chain_id,
        nonce: template.nonce,
        gas_limit: template.gas_limit,
        max_fee_per_gas: template.max_fee_per_gas,
        max_priority_fee_per_gas: template.max_priority_fee_per_gas,
        to: Address::ZERO,
        authorization_list: vec![authorization.into_signed(signature)],
        ..Default::default()
    };
    let signature: Signature = alice.sign_hash(delegate.signature_hash());
    chain.batch(vec![], vec![block(1_040, 0, vec![SignedTransaction::Eip7702(delegate.into_signed(signature))])]);
    assert_eq!(RECOVERIES.swap(0, Ordering::Relaxed), 2, "the sender's, and the authority's");
    assert_eq!(chain.nonce(bob.address()), 1);
    assert_eq!(chain.code(bob.address()), bytes!("ef01000505050505050505050505050505050505050505"));

    assert!(catch_unwind(|| cryptography::install(Native)).is_err());
    assert!(catch_unwind(|| cryptography::install(Portable)).is_err());
}
