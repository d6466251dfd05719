//! Payloads of every shape that a valid signed transaction can have.

use std::vec::Vec;

use alloy_consensus::{Signed, TxEip1559, TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use proptest::{collection::vec, prelude::*};

use crate::payload::{Payload, PayloadBlock, PayloadLimits, SignedTransaction};

pub(super) const CHAIN_ID: u64 = 42_069;

pub(super) const LIMITS: PayloadLimits =
    PayloadLimits { decompressed_bytes_max: 1 << 20, blocks_max: 64, transactions_max: 512, work_gas_max: u64::MAX };

fn word() -> impl Strategy<Value = U256> {
    let number = any::<[u8; 32]>().prop_map(U256::from_be_bytes);
    prop_oneof![
        2 => Just(U256::ZERO),
        1 => Just(U256::MAX),
        3 => (number.clone(), 0usize..256).prop_map(|(number, shift)| number >> shift),
        3 => (1u64..10_000, 0u32..74).prop_map(|(mantissa, power)| U256::from(mantissa) * U256::from(10).pow(U256::from(power))),
        3 => address().prop_map(|address| address.into_word().into()),
        1 => number,
    ]
}

/// Few enough that they repeat.
fn address() -> impl Strategy<Value = Address> {
    prop_oneof![
        5 => (0u8..8).prop_map(Address::repeat_byte),
        1 => any::<[u8; 20]>().prop_map(Address::from),
    ]
}

fn input() -> impl Strategy<Value = Bytes> {
    let call = (0u32..4, vec(word(), 0..8)).prop_map(|(selector, words)| {
        let mut input = Vec::from(selector.to_be_bytes());
        for word in words {
            input.extend(word.to_be_bytes::<32>());
        }
        input
    });
    prop_oneof![
        3 => Just(Bytes::new()),
        4 => call.prop_map(Bytes::from),
        1 => vec(any::<u8>(), 0..40).prop_map(Bytes::from),
        1 => vec(any::<u8>(), 1000..3000).prop_map(Bytes::from),
    ]
}

fn kind() -> impl Strategy<Value = TxKind> {
    prop_oneof![1 => Just(TxKind::Create), 6 => address().prop_map(TxKind::Call)]
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0u64..4, any::<u16>().prop_map(u64::from), any::<u64>()]
}

fn fee() -> impl Strategy<Value = u128> {
    prop_oneof![(0u128..4).prop_map(|gwei| gwei * 1_000_000_000), any::<u128>()]
}

fn signature() -> impl Strategy<Value = Signature> {
    (any::<[u8; 32]>(), any::<[u8; 32]>(), any::<bool>())
        .prop_map(|(r, s, odd_y)| Signature::new(U256::from_be_bytes(r), U256::from_be_bytes(s) >> 1usize, odd_y))
}

fn access_list() -> impl Strategy<Value = AccessList> {
    let key =
        prop_oneof![(0u64..9).prop_map(|slot| B256::from(U256::from(slot))), any::<[u8; 32]>().prop_map(B256::from)];
    let item = (address(), vec(key, 0..4)).prop_map(|(address, storage_keys)| AccessListItem { address, storage_keys });
    vec(item, 0..4).prop_map(AccessList)
}

fn authorizations() -> impl Strategy<Value = Vec<SignedAuthorization>> {
    let chain_id = prop_oneof![Just(U256::ZERO), Just(U256::from(CHAIN_ID)), (0u64..4).prop_map(U256::from), word()];
    let authorization = (chain_id, address(), number(), any::<u8>(), word(), word());
    let authorization = authorization.prop_map(|(chain_id, address, nonce, y_parity, r, s)| {
        SignedAuthorization::new_unchecked(Authorization { chain_id, address, nonce }, y_parity, r, s)
    });
    vec(authorization, 0..4)
}

pub(super) fn transaction() -> impl Strategy<Value = SignedTransaction> {
    let common = (number(), number(), fee(), fee(), kind(), word(), input(), signature());
    (0u8..5, common, access_list(), authorizations()).prop_map(|(kind, common, access_list, authorization_list)| {
        let (nonce, gas_limit, cap, tip, to, value, input, signature) = common;
        let chain_id = CHAIN_ID;
        match kind {
            0 | 1 => {
                let chain_id = (kind == 1).then_some(chain_id);
                let tx = TxLegacy { chain_id, nonce, gas_price: cap, gas_limit, to, value, input };
                SignedTransaction::Legacy(Signed::new_unhashed(tx, signature))
            }
            2 => {
                let tx = TxEip2930 { chain_id, nonce, gas_price: cap, gas_limit, to, value, access_list, input };
                SignedTransaction::Eip2930(Signed::new_unhashed(tx, signature))
            }
            3 => {
                let tx = TxEip1559 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: cap,
                    max_priority_fee_per_gas: tip,
                    to,
                    value,
                    access_list,
                    input,
                };
                SignedTransaction::Eip1559(Signed::new_unhashed(tx, signature))
            }
            _ => {
                let tx = TxEip7702 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: cap,
                    max_priority_fee_per_gas: tip,
                    to: to.into_to().unwrap_or_default(),
                    value,
                    access_list,
                    authorization_list,
                    input,
                };
                SignedTransaction::Eip7702(Signed::new_unhashed(tx, signature))
            }
        }
    })
}

pub(super) fn payload() -> impl Strategy<Value = Payload> {
    let block = (0u64..100, prop_oneof![Just(0), any::<u32>()], vec(transaction(), 0..6));
    (any::<u32>(), vec(block, 0..6)).prop_map(|(start, blocks)| {
        let mut timestamp = u64::from(start);
        let blocks = blocks.into_iter().map(|(delta, message_count, transactions)| {
            timestamp += delta;
            PayloadBlock { timestamp, message_count, transactions }
        });
        Payload { blocks: blocks.collect() }
    })
}
