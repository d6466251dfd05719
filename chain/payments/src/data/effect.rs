//! Effect records: what every operation did, enough to rebuild the state.

use super::{DataError, Element};
use crate::field::{address_integer, fr_checked, halves, integer, low_address, low_u128};
use crate::kind::Kind;
use crate::leaf::Key;
use alloc::vec::Vec;
use alloy_primitives::U256;
use ark_bn254::Fr;

/// One effect record. Accounts are leaf indices; `price` is wei per gas, below 2^48.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields as in docs/spec/payments.md, PAY-KIND")]
pub enum Effect {
    Create { key: Key },
    Transfer { from: u32, to: u32, amount: u128, price: u64 },
    TokenTransfer { payer: u32, from: u32, amount: u128, price: u64 },
    TokenCredit { to: u32 },
    WithdrawEth { from: u32, amount: u128, price: u64 },
    WithdrawToken { payer: u32, from: u32, amount: u128, price: u64 },
    SetSession { of: u32, key_hash: Fr, price: u64 },
    Register { of: u32, key_hash: Fr },
    Deposit,
    Forced,
    L1Key,
    FeeCredit,
}

impl Effect {
    /// The kind of operation that the effect records.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Create { .. } => Kind::Create,
            Self::Transfer { .. } => Kind::Transfer,
            Self::TokenTransfer { .. } => Kind::TokenTransfer,
            Self::TokenCredit { .. } => Kind::TokenCredit,
            Self::WithdrawEth { .. } => Kind::WithdrawEth,
            Self::WithdrawToken { .. } => Kind::WithdrawToken,
            Self::SetSession { .. } => Kind::SetSession,
            Self::Register { .. } => Kind::Register,
            Self::Deposit => Kind::Deposit,
            Self::Forced => Kind::Forced,
            Self::L1Key => Kind::L1Key,
            Self::FeeCredit => Kind::FeeCredit,
        }
    }

    /// Its elements; the second only where the kind has two.
    pub fn encode(&self) -> (Element, Option<Element>) {
        let kind = self.kind();
        let plain = |a: u32, b: u32, amount: u128, price: u64| {
            Element::pack(&[
                (U256::from(kind as u8), 240),
                (U256::from(a), 208),
                (U256::from(b), 176),
                (U256::from(amount), 48),
                (U256::from(price), 0),
            ])
        };
        let keyed = |of, key_hash, price| {
            let (high, low) = halves(integer(key_hash));
            (plain(of, 0, high, price), Some(Element(U256::from(low))))
        };
        match *self {
            Self::Create { key } => {
                let address = address_integer(key.address);
                let first = Element::pack(&[(U256::from(kind as u8), 240), (address, 48)]);
                (first, Some(Element(address_integer(key.token))))
            }
            Self::Transfer { from, to, amount, price } => (plain(from, to, amount, price), None),
            Self::TokenTransfer { payer, from, amount, price } | Self::WithdrawToken { payer, from, amount, price } => {
                (plain(payer, from, amount, price), None)
            }
            Self::TokenCredit { to } => (plain(0, to, 0, 0), None),
            Self::WithdrawEth { from, amount, price } => (plain(from, 0, amount, price), None),
            Self::SetSession { of, key_hash, price } => keyed(of, key_hash, price),
            Self::Register { of, key_hash } => keyed(of, key_hash, 0),
            Self::Deposit | Self::Forced | Self::L1Key | Self::FeeCredit => (plain(0, 0, 0, 0), None),
        }
    }

    /// The records of a segment.
    pub fn decode_all(elements: &[Element]) -> Result<Vec<Self>, DataError> {
        let mut effects = Vec::new();
        let mut rest = elements.iter();
        while let Some(first) = rest.next() {
            let byte = first.first_byte();
            let kind = Kind::from_byte(byte).ok_or(DataError::UnknownRecord { byte })?;
            let second = match kind.effect_elements() {
                0 => return Err(DataError::UnknownRecord { byte }),
                1 => None,
                _ => {
                    let elements = elements.len().saturating_sub(1);
                    Some(*rest.next().ok_or(DataError::Truncated { elements })?)
                }
            };
            let effect = Self::decode(kind, first, second.unwrap_or_default());
            let effect = effect.filter(|effect| effect.encode() == (*first, second));
            effects.push(effect.ok_or(DataError::NotCanonical { byte })?);
        }
        Ok(effects)
    }

    /// Reads the fields that the kind has; whether nothing else is set is for the caller to see.
    #[allow(clippy::arithmetic_side_effects, reason = "a field of 128 bits, shifted by 128")]
    fn decode(kind: Kind, first: &Element, second: Element) -> Option<Self> {
        let a = first.field(208, 32).to::<u32>();
        let b = first.field(176, 32).to::<u32>();
        let amount = low_u128(first.field(48, 128));
        let price = first.field(0, 48).to::<u64>();
        let key_hash = || fr_checked(first.field(48, 128) << 128 | second.field(0, 128));
        Some(match kind {
            Kind::Padding => return None,
            Kind::Create => Self::Create {
                key: Key { address: low_address(first.field(48, 160)), token: low_address(second.field(0, 160)) },
            },
            Kind::Transfer => Self::Transfer { from: a, to: b, amount, price },
            Kind::TokenTransfer => Self::TokenTransfer { payer: a, from: b, amount, price },
            Kind::TokenCredit => Self::TokenCredit { to: b },
            Kind::WithdrawEth => Self::WithdrawEth { from: a, amount, price },
            Kind::WithdrawToken => Self::WithdrawToken { payer: a, from: b, amount, price },
            Kind::SetSession => Self::SetSession { of: a, key_hash: key_hash()?, price },
            Kind::Register => Self::Register { of: a, key_hash: key_hash()? },
            Kind::Deposit => Self::Deposit,
            Kind::Forced => Self::Forced,
            Kind::L1Key => Self::L1Key,
            Kind::FeeCredit => Self::FeeCredit,
        })
    }
}
