//! Bodies of queue messages, and withdrawal records.
#![allow(clippy::arithmetic_side_effects, reason = "fields of integers, shifted and masked within their bits")]

use super::{DataError, Element};
use crate::field::{address_integer, low_address, low_u128};
use crate::kind::Kind;
use crate::leaf::Key;
use alloc::vec::Vec;
use alloy_primitives::{Address, U256};

/// First byte of a withdrawal record.
const WITHDRAWAL: u8 = 1;

/// Gas of each slot that a message may take (PAY-MESSAGE-GAS). Twin: `PaymentsBridge.SLOT_GAS`.
const SLOT_GAS: u64 = 100_000;

/// A message of the L1 queue (PAY-MESSAGE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Value that the bridge holds for an account.
    Deposit {
        /// The account and the token.
        key: Key,
        /// The amount, in wei or the token's unit.
        amount: u128,
    },
    /// The account asks for everything in one of its leaves.
    Forced {
        /// The L1 sender and the token.
        key: Key,
    },
    /// The account sets its session key.
    L1Key {
        /// The L1 sender, on whose account the key is set.
        account: Address,
        /// The key hash, any 256-bit word.
        key: U256,
    },
}

impl Message {
    /// The gas by which the queue's meter prices the message, and by which batches are held to their limit (PAY-MESSAGE-GAS, L1-BATCH-4).
    pub const fn gas(&self) -> u64 {
        match self {
            Self::Deposit { .. } => 2 * SLOT_GAS,
            Self::Forced { .. } | Self::L1Key { .. } => SLOT_GAS,
        }
    }

    /// The two elements of the message's body (PAY-MESSAGE).
    pub fn encode(&self) -> [Element; 2] {
        let kind = |kind: Kind| (U256::from(kind as u8), 240);
        match *self {
            Self::Deposit { key, amount } => value(kind(Kind::Deposit), key.address, key.token, amount),
            Self::Forced { key } => value(kind(Kind::Forced), key.address, key.token, 0),
            Self::L1Key { account, key } => [
                Element::pack(&[kind(Kind::L1Key), (address_integer(account), 80), (key >> 176, 0)]),
                Element::pack(&[(key & ((U256::from(1) << 176) - U256::from(1)), 0)]),
            ],
        }
    }

    /// The messages of a segment.
    pub fn decode_all(elements: &[Element]) -> Result<Vec<Self>, DataError> {
        let (pairs, rest) = elements.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(DataError::Truncated { elements: elements.len() });
        }
        pairs.iter().map(Self::decode).collect()
    }

    fn decode(pair: &[Element; 2]) -> Result<Self, DataError> {
        let byte = pair[0].first_byte();
        let account = low_address(pair[0].field(80, 160));
        let key = Key { address: account, token: low_address(pair[1].field(88, 160)) };
        let message = match Kind::from_byte(byte) {
            Some(Kind::Deposit) => Self::Deposit { key, amount: amount(pair) },
            Some(Kind::Forced) => Self::Forced { key },
            Some(Kind::L1Key) => Self::L1Key { account, key: pair[0].field(0, 80) << 176 | pair[1].field(0, 176) },
            _ => return Err(DataError::UnknownRecord { byte }),
        };
        if message.encode() == *pair { Ok(message) } else { Err(DataError::NotCanonical { byte }) }
    }
}

/// A withdrawal that can be claimed on L1 (PAY-WITHDRAWAL).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// Who receives on L1.
    pub recipient: Address,
    /// The ERC-20 on L1, zero for ETH.
    pub token: Address,
    /// The amount, in wei or the token's unit.
    pub amount: u128,
}

impl Withdrawal {
    /// The two elements of the record (PAY-WITHDRAWAL).
    pub fn encode(&self) -> [Element; 2] {
        value((U256::from(WITHDRAWAL), 240), self.recipient, self.token, self.amount)
    }

    /// The withdrawals of a segment.
    pub fn decode_all(elements: &[Element]) -> Result<Vec<Self>, DataError> {
        let (pairs, rest) = elements.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(DataError::Truncated { elements: elements.len() });
        }
        let decode = |pair: &[Element; 2]| {
            let byte = pair[0].first_byte();
            let withdrawal = Self {
                recipient: low_address(pair[0].field(80, 160)),
                token: low_address(pair[1].field(88, 160)),
                amount: amount(pair),
            };
            match byte {
                WITHDRAWAL if withdrawal.encode() == *pair => Ok(withdrawal),
                WITHDRAWAL => Err(DataError::NotCanonical { byte }),
                _ => Err(DataError::UnknownRecord { byte }),
            }
        };
        pairs.iter().map(decode).collect()
    }
}

/// The shape shared by all records that move value.
fn value(first: (U256, usize), account: Address, token: Address, amount: u128) -> [Element; 2] {
    [
        Element::pack(&[first, (address_integer(account), 80), (U256::from(amount >> 64), 0)]),
        Element::pack(&[(address_integer(token), 88), (U256::from(amount as u64), 0)]),
    ]
}

fn amount(pair: &[Element; 2]) -> u128 {
    low_u128(pair[0].field(0, 64)) << 64 | low_u128(pair[1].field(0, 64))
}
