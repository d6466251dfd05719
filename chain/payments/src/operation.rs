//! Operations that users sign, and the values that join them to their signatures (PAY-OPHASH, PAY-VALUE,
//! PAY-GAS).
//!
//! Twins: `prover/circuits/src/apply/authority.rs` (hash and value inside Apply), the Authorise circuits, `sdk/`.

use crate::field::{address_fr, fr, power_of_two};
use crate::kind::Kind;
use crate::poseidon::{self, Tag};
use crate::tags;
use alloy_primitives::{Address, U256};
use ark_bn254::Fr;
use ark_ff::Zero;

/// Bits of the price per gas, in wei.
pub const PRICE_BITS: usize = 48;
/// A gas limit exceeds the gas by less than `2^GAS_SLACK_BITS`.
pub const GAS_SLACK_BITS: usize = 32;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Moves ETH to another account.
    Transfer {
        /// The account that receives.
        recipient: Address,
        /// The amount in wei.
        amount: u128,
    },
    /// Moves a bridged token to another account.
    TokenTransfer {
        /// The ERC-20 on L1, not zero.
        token: Address,
        /// The account that receives.
        recipient: Address,
        /// The amount in the token's unit.
        amount: u128,
    },
    /// Moves ETH to an address on L1.
    WithdrawEth {
        /// Who can claim on L1.
        recipient: Address,
        /// The amount in wei.
        amount: u128,
    },
    /// Moves a bridged token to an address on L1.
    WithdrawToken {
        /// The ERC-20 on L1, not zero.
        token: Address,
        /// Who can claim on L1.
        recipient: Address,
        /// The amount in the token's unit.
        amount: u128,
    },
    /// Replaces the session key; zero removes it.
    SetSession {
        /// The new key's hash.
        key_hash: Fr,
    },
}

impl Call {
    /// The kind that names this operation (PAY-KIND).
    pub fn kind(&self) -> Kind {
        match self {
            Self::Transfer { .. } => Kind::Transfer,
            Self::TokenTransfer { .. } => Kind::TokenTransfer,
            Self::WithdrawEth { .. } => Kind::WithdrawEth,
            Self::WithdrawToken { .. } => Kind::WithdrawToken,
            Self::SetSession { .. } => Kind::SetSession,
        }
    }

    fn token(&self) -> Address {
        match *self {
            Self::TokenTransfer { token, .. } | Self::WithdrawToken { token, .. } => token,
            Self::Transfer { .. } | Self::WithdrawEth { .. } | Self::SetSession { .. } => Address::ZERO,
        }
    }

    pub(crate) fn recipient(&self) -> Address {
        match *self {
            Self::Transfer { recipient, .. }
            | Self::TokenTransfer { recipient, .. }
            | Self::WithdrawEth { recipient, .. }
            | Self::WithdrawToken { recipient, .. } => recipient,
            Self::SetSession { .. } => Address::ZERO,
        }
    }

    pub(crate) fn amount(&self) -> u128 {
        match *self {
            Self::Transfer { amount, .. }
            | Self::TokenTransfer { amount, .. }
            | Self::WithdrawEth { amount, .. }
            | Self::WithdrawToken { amount, .. } => amount,
            Self::SetSession { .. } => 0,
        }
    }

    fn new_key_hash(&self) -> Fr {
        match *self {
            Self::SetSession { key_hash } => key_hash,
            _ => Fr::zero(),
        }
    }
}

/// An operation as its sender signs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The account whose operation it is and who pays its fee.
    pub sender: Address,
    /// The nonce of the sender's ETH leaf.
    pub nonce: u64,
    /// What the operation does.
    pub call: Call,
    /// The most gas that it may be charged for.
    pub gas_limit: u64,
    /// The highest price per gas, in wei.
    pub max_fee_per_gas: u64,
    /// The last timestamp at which it may be applied, in seconds; 2^64 - 1 in Ethereum transactions.
    pub expiry: u64,
}

impl Operation {
    /// The operation hash in the domain `dom` (PAY-OPHASH).
    pub fn hash(&self, dom: Fr) -> Fr {
        let kind = Fr::from(self.call.kind() as u64);
        poseidon::hash_tagged(
            tags::OPERATION,
            &[
                dom,
                address_fr(self.sender) + Fr::from(self.nonce) * power_of_two(160),
                address_fr(self.call.token()) + kind * power_of_two(160) + Fr::from(self.gas_limit) * power_of_two(168),
                address_fr(self.call.recipient()) + Fr::from(self.expiry) * power_of_two(160),
                fr(U256::from(self.call.amount())) + Fr::from(self.max_fee_per_gas) * power_of_two(128),
                self.call.new_key_hash(),
            ],
        )
    }
}

/// The operation hash of the registration of an address's public key.
pub fn register_hash(address: Address) -> Fr {
    let kind = Fr::from(Kind::Register as u64) * power_of_two(160);
    let zero = Fr::zero();
    poseidon::hash_tagged(tags::OPERATION, &[zero, address_fr(address), kind, zero, zero, zero])
}

/// How an operation is authorised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureKind {
    /// A signature by the account's session key.
    Session,
    /// A signature by the account's Ethereum key.
    Ethereum,
    /// By the public key that it registers.
    Register,
}

impl SignatureKind {
    /// The tag of its values.
    pub fn tag(self) -> Tag {
        match self {
            Self::Session => tags::VALUE_SESSION,
            Self::Ethereum => tags::VALUE_ETHEREUM,
            Self::Register => tags::VALUE_REGISTER,
        }
    }

    /// Whether it may authorise operations of a kind (PAY-AUTH).
    pub fn may_authorise(self, kind: Kind) -> bool {
        match kind {
            Kind::Transfer | Kind::TokenTransfer | Kind::WithdrawEth | Kind::WithdrawToken => {
                matches!(self, Self::Session | Self::Ethereum)
            }
            Kind::SetSession => self == Self::Ethereum,
            Kind::Register => self == Self::Register,
            _ => false,
        }
    }
}

/// What Apply requires and Authorise provides: one operation, authorised by one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The kind of signature that authorises it.
    pub kind: SignatureKind,
    /// The hash of the operation that was signed (PAY-OPHASH).
    pub operation_hash: Fr,
    /// The hash of the key.
    pub key_hash: Fr,
}

/// The key that signed an operation, as a verified signature names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The kind of signature.
    pub kind: SignatureKind,
    /// The hash of the key that signed (PAY-TAG, key hashes).
    pub key_hash: Fr,
}

impl Authority {
    /// The key that signed.
    pub fn signer(&self) -> Signer {
        Signer { kind: self.kind, key_hash: self.key_hash }
    }

    /// The value v (PAY-VALUE).
    pub fn value(&self) -> Fr {
        poseidon::hash_tagged(self.kind.tag(), &[self.operation_hash, self.key_hash])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn every_signed_field_enters_the_hash() {
        let address = |byte| Address::repeat_byte(byte);
        let base = Operation {
            sender: address(1),
            nonce: 2,
            call: Call::Transfer { recipient: address(3), amount: 4 },
            gas_limit: 5,
            max_fee_per_gas: 6,
            expiry: 7,
        };
        let dom = Fr::from(9u64);
        let with = |call| Operation { call, ..base }.hash(dom);
        let (recipient, amount) = (address(3), 4);
        let hashes = [
            base.hash(dom),
            base.hash(Fr::from(10u64)),
            Operation { sender: address(2), ..base }.hash(dom),
            Operation { nonce: 3, ..base }.hash(dom),
            Operation { gas_limit: 6, ..base }.hash(dom),
            Operation { max_fee_per_gas: 7, ..base }.hash(dom),
            Operation { expiry: 8, ..base }.hash(dom),
            with(Call::Transfer { recipient: address(4), amount }),
            with(Call::Transfer { recipient, amount: 5 }),
            with(Call::WithdrawEth { recipient, amount }),
            with(Call::TokenTransfer { token: address(8), recipient, amount }),
            with(Call::TokenTransfer { token: address(9), recipient, amount }),
            with(Call::WithdrawToken { token: address(8), recipient, amount }),
            with(Call::SetSession { key_hash: Fr::from(1u64) }),
            with(Call::SetSession { key_hash: Fr::from(2u64) }),
            register_hash(address(1)),
            register_hash(address(2)),
        ];
        assert_eq!(hashes.iter().collect::<BTreeSet<_>>().len(), hashes.len());
    }

    #[test]
    fn a_value_binds_kind_operation_and_key() {
        let [one, two] = [1u64, 2].map(Fr::from);
        let value = |kind, operation_hash, key_hash| Authority { kind, operation_hash, key_hash }.value();
        let values = [
            value(SignatureKind::Session, one, one),
            value(SignatureKind::Ethereum, one, one),
            value(SignatureKind::Register, one, one),
            value(SignatureKind::Session, two, one),
            value(SignatureKind::Session, one, two),
        ];
        assert_eq!(values.iter().collect::<BTreeSet<_>>().len(), values.len());
    }
}
