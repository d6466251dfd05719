//! What is encoded is decoded, byte for byte.

use std::{collections::BTreeMap, vec, vec::Vec};

use alloy_consensus::{EthereumTxEnvelope, Signed, TxEip4844, TxLegacy};
use alloy_eips::eip2718::Eip2718Error;
use alloy_primitives::{Address, Signature, U256};
use proptest::prelude::*;

use super::samples::{self, CHAIN_ID, LIMITS};
use crate::payload::{
    AddressBook, BlobTransaction, DecodeError, EncodeError, NoAddressBook, Payload, PayloadBlock, PayloadError,
    PayloadLimits, PayloadWriter, SignedTransaction, bytes_max, decode, encode,
};

/// An address table in memory that can be out of reach.
pub(super) struct Book(pub BTreeMap<u64, Address>);

#[derive(Debug, PartialEq, Eq)]
pub(super) struct OutOfReach;

impl AddressBook for Book {
    type Error = OutOfReach;

    fn address(&self, index: u64) -> Result<Option<Address>, OutOfReach> {
        if self.0.is_empty() { Err(OutOfReach) } else { Ok(self.0.get(&index).copied()) }
    }
}

fn raw(payload: &Payload) -> Vec<Vec<u8>> {
    payload.blocks.iter().flat_map(|block| &block.transactions).map(SignedTransaction::encode_2718).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn payloads_survive(payload in samples::payload()) {
        let encoded = encode(&payload, CHAIN_ID, |_| None).unwrap();
        let decoded = decode(&encoded.stored(), &LIMITS, CHAIN_ID, &NoAddressBook).unwrap();
        prop_assert_eq!(&decoded, &payload);
        prop_assert_eq!(raw(&decoded), raw(&payload));
        for level in [1, 19] {
            let posted = encoded.compressed(level);
            prop_assert!(posted.len() <= encoded.stored().len());
            prop_assert_eq!(&decode(&posted, &LIMITS, CHAIN_ID, &NoAddressBook).unwrap(), &payload);
        }
    }

    #[test]
    fn no_payload_outgrows_the_sum_of_its_bounds(payload in samples::payload()) {
        let transactions = payload.blocks.iter().flat_map(|block| &block.transactions);
        let bound = 1_024 + 24 * payload.blocks.len() + transactions.map(bytes_max).sum::<usize>();
        let posted = encode(&payload, CHAIN_ID, |_| None).unwrap().stored();
        prop_assert!(posted.len() <= bound, "{} bytes, bound {bound}", posted.len());
        let tight = PayloadLimits { decompressed_bytes_max: bound, ..LIMITS };
        prop_assert_eq!(decode(&posted, &tight, CHAIN_ID, &NoAddressBook).unwrap(), payload);
    }

    #[test]
    fn payloads_survive_with_an_address_book(payload in samples::payload()) {
        let book = Book((0u8..4).map(|byte| (u64::from(byte) * 1000, Address::repeat_byte(byte))).collect());
        let index_of = |address: &Address| book.0.iter().find(|(_, entry)| *entry == address).map(|(index, _)| *index);
        let posted = encode(&payload, CHAIN_ID, index_of).unwrap().stored();
        prop_assert_eq!(decode(&posted, &LIMITS, CHAIN_ID, &book).unwrap(), payload);
    }

    #[test]
    fn a_writer_knows_how_large_its_payload_is_at_most(payload in samples::payload()) {
        let mut writer = PayloadWriter::without_book(CHAIN_ID);
        let mut before = writer.sizes();
        for block in &payload.blocks {
            for transaction in &block.transactions {
                writer.push(transaction).unwrap();
                let (after, bound) = (writer.sizes(), bytes_max(transaction));
                prop_assert!(after.posted - before.posted <= bound, "{after:?} after {before:?}, bound {bound}");
                prop_assert!(after.columns - before.columns <= bound, "{after:?} after {before:?}, bound {bound}");
                prop_assert!(after.charged - before.charged <= bound, "{after:?} after {before:?}, bound {bound}");
                before = after;
            }
            writer.end_block(block.timestamp, block.message_count).unwrap();
            before = writer.sizes();
        }
        // Indices as wide as any can be: what is written out for lack of a book is then shorter than what names it.
        let named = [Address::repeat_byte(0), Address::repeat_byte(1)];
        let book = Book(named.iter().enumerate().map(|(place, address)| ((1 << 40) - 1 - place as u64, *address)).collect());
        let wide = |address: &Address| book.0.iter().find(|(_, entry)| *entry == address).map(|(index, _)| *index);
        let (with, without) = (encode(&payload, CHAIN_ID, wide).unwrap(), encode(&payload, CHAIN_ID, |_| None).unwrap());
        prop_assert_eq!(&writer.finish(), &without);
        let sizes = writer.sizes();
        let tight = PayloadLimits { decompressed_bytes_max: sizes.columns.max(sizes.charged), ..LIMITS };
        for encoded in [with, without] {
            prop_assert!(encoded.stored().len() <= sizes.posted, "{} bytes, {sizes:?}", encoded.stored().len());
            prop_assert_eq!(&decode(&encoded.stored(), &tight, CHAIN_ID, &book), &Ok(payload.clone()));
        }
    }

    #[test]
    fn transactions_survive_their_own_encoding(transaction in samples::transaction()) {
        let bytes = transaction.encode_2718();
        prop_assert_eq!(&SignedTransaction::decode_2718(&bytes).unwrap(), &transaction);
        let mut longer = bytes;
        longer.push(0);
        prop_assert!(SignedTransaction::decode_2718(&longer).is_err());
    }
}

#[test]
fn no_bytes_are_the_empty_payload() {
    assert_eq!(decode(&[], &LIMITS, CHAIN_ID, &NoAddressBook), Ok(Payload::default()));
}

#[test]
fn blob_transactions_are_refused() {
    let signature = Signature::new(U256::ONE, U256::ONE, false);
    let signed = Signed::new_unhashed(TxEip4844::default(), signature);
    let mut bytes = Vec::new();
    signed.eip2718_encode(&mut bytes);
    let error = SignedTransaction::decode_2718(&bytes).unwrap_err();
    assert!(matches!(error, Eip2718Error::UnexpectedType(3)));
    assert_eq!(SignedTransaction::try_from(EthereumTxEnvelope::<TxEip4844>::from(signed)), Err(BlobTransaction));
}

fn legacy(chain_id: Option<u64>, s: U256) -> Payload {
    let signed = Signed::new_unhashed(TxLegacy { chain_id, ..Default::default() }, Signature::new(U256::ONE, s, true));
    let block = PayloadBlock { timestamp: 7, message_count: 0, transactions: vec![SignedTransaction::Legacy(signed)] };
    Payload { blocks: vec![block] }
}

#[test]
fn what_no_block_may_hold_is_not_encoded() {
    let encode = |payload| encode(&payload, CHAIN_ID, |_| None).map(|_| ());
    assert_eq!(encode(legacy(Some(CHAIN_ID), U256::ONE)), Ok(()));
    assert_eq!(encode(legacy(None, U256::ONE)), Ok(()));
    assert_eq!(encode(legacy(Some(1), U256::ONE)), Err(EncodeError::ForeignChain { chain_id: 1 }));
    assert_eq!(encode(legacy(None, U256::ONE << 255)), Err(EncodeError::HighSignature));
    let mut backwards = legacy(None, U256::ONE);
    backwards.blocks.push(PayloadBlock { timestamp: 6, ..Default::default() });
    assert_eq!(encode(backwards), Err(EncodeError::TimestampDecreases { timestamp: 6 }));
}

#[test]
fn a_book_out_of_reach_is_no_verdict_on_the_bytes() {
    let mut payload = legacy(None, U256::ONE);
    if let SignedTransaction::Legacy(signed) = &mut payload.blocks[0].transactions[0] {
        signed.tx_mut().to = Address::repeat_byte(1).into();
    }
    let posted = encode(&payload, CHAIN_ID, |_| Some(9)).unwrap().stored();
    let decode =
        |entries: &[(u64, Address)]| decode(&posted, &LIMITS, CHAIN_ID, &Book(entries.iter().copied().collect()));
    assert_eq!(decode(&[]), Err(DecodeError::AddressBook(OutOfReach)));
    assert_eq!(decode(&[(8, Address::ZERO)]), Err(PayloadError::UnknownAddress { index: 9 }.into()));
    assert_eq!(decode(&[(9, Address::repeat_byte(1))]), Ok(payload));
}
