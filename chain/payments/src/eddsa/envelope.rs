//! Transactions signed by session keys: an EIP-2718 envelope of their own type (PAY-SESSION-TX in
//! `docs/spec/session-keys.md`).
//!
//! `0x73 || rlp([chainId, sender, nonce, kind, token, recipient, amount, gasLimit, maxFeePerGas, expiry, keyX, keyY, r8X, r8Y,
//! s])`. What is signed is the operation hash in the chain's domain; the envelope only carries it. Twin: `sdk/src/`.
//! Every byte is adversarial; there is one encoding of each transaction.

use super::{EddsaError, PublicKey, Scalar, SecretKey, Signature};
use crate::{
    field::{fr_checked, integer},
    kind::Kind,
    operation::{Authority, Call, Operation, SignatureKind},
};
use alloc::vec::Vec;
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_rlp::{Decodable, Encodable, Header};
use ark_bn254::Fr;
use ark_ff::{BigInt, PrimeField};

/// The envelope's type byte.
pub const SESSION_TX_TYPE: u8 = 0x73;

/// The longest encoding, in bytes.
pub const SESSION_TX_BYTES_MAX: usize = 400;

/// The signing domain of a chain: the low 248 bits of keccak of chain id and genesis hash (PAY-OPHASH).
pub fn domain(chain_id: u64, genesis_hash: B256) -> Fr {
    let mut preimage = [0u8; 64];
    preimage[24..32].copy_from_slice(&chain_id.to_be_bytes());
    preimage[32..].copy_from_slice(genesis_hash.as_slice());
    let [_, low @ ..] = keccak256(preimage).0;
    Fr::from_be_bytes_mod_order(&low)
}

/// Why bytes are no session transaction, or one that does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Empty, or of another type.
    #[error("not a session transaction")]
    Type,
    /// Longer than any transaction.
    #[error("the encoding has {0} bytes")]
    TooLong(usize),
    /// Not RLP, not canonical, of the wrong number of items, or followed by bytes.
    #[error("rlp: {0}")]
    Rlp(alloy_rlp::Error),
    /// A kind that session keys do not authorise.
    #[error("kind {0:#04x} is not for session keys")]
    Kind(u8),
    /// A token where there is none, or none where there is one.
    #[error("the token does not go with the kind")]
    Token,
    /// A coordinate is not below the modulus.
    #[error("a coordinate is not canonical")]
    Coordinate,
    /// Key or signature are no good.
    #[error(transparent)]
    Eddsa(#[from] EddsaError),
    /// The transaction is for another chain, whose id is given.
    #[error("the transaction is for chain {0}")]
    Chain(u64),
}

impl From<alloy_rlp::Error> for EnvelopeError {
    fn from(error: alloy_rlp::Error) -> Self {
        Self::Rlp(error)
    }
}

/// A transaction with its signature, verified or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTransaction {
    /// The chain it is for.
    pub chain_id: u64,
    /// The operation that is signed.
    pub operation: Operation,
    /// The key that signed.
    pub key: PublicKey,
    /// Its signature of the operation hash.
    pub signature: Signature,
}

impl SessionTransaction {
    /// Signs an operation for a chain.
    ///
    /// # Errors
    /// If the operation is not for session keys, or the token is wrong for its kind.
    pub fn sign(
        chain_id: u64,
        genesis_hash: B256,
        operation: Operation,
        key: &SecretKey,
    ) -> Result<Self, EnvelopeError> {
        check(&operation.call)?;
        let signature = key.sign_checked(operation.hash(domain(chain_id, genesis_hash)))?;
        Ok(Self { chain_id, operation, key: key.public(), signature })
    }

    /// Verifies the signature for a chain: what Apply will ask of the sender's leaf.
    pub fn verify(&self, chain_id: u64, genesis_hash: B256) -> Result<Authority, EnvelopeError> {
        if self.chain_id != chain_id {
            return Err(EnvelopeError::Chain(self.chain_id));
        }
        check(&self.operation.call)?;
        let operation_hash = self.operation.hash(domain(chain_id, genesis_hash));
        self.key.verify(operation_hash, &self.signature)?;
        Ok(Authority { kind: SignatureKind::Session, operation_hash, key_hash: self.key.hash() })
    }

    /// The bytes of the envelope, type byte first.
    pub fn encode(&self) -> Vec<u8> {
        let operation = &self.operation;
        let (kind, token, recipient, amount) = parts(&operation.call);
        let signature = &self.signature;
        let words = [
            integer(self.key.x()),
            integer(self.key.y()),
            integer(signature.r8_x),
            integer(signature.r8_y),
            U256::from_limbs(signature.s.0),
        ];
        let mut payload = Vec::with_capacity(SESSION_TX_BYTES_MAX);
        self.chain_id.encode(&mut payload);
        operation.sender.encode(&mut payload);
        operation.nonce.encode(&mut payload);
        (kind as u8).encode(&mut payload);
        token.encode(&mut payload);
        recipient.encode(&mut payload);
        amount.encode(&mut payload);
        operation.gas_limit.encode(&mut payload);
        operation.max_fee_per_gas.encode(&mut payload);
        operation.expiry.encode(&mut payload);
        words.iter().for_each(|word| word.encode(&mut payload));
        let mut bytes = Vec::with_capacity(payload.len().saturating_add(4));
        bytes.push(SESSION_TX_TYPE);
        Header { list: true, payload_length: payload.len() }.encode(&mut bytes);
        bytes.extend_from_slice(&payload);
        bytes
    }

    /// The transaction hash: keccak of the envelope.
    pub fn hash(&self) -> B256 {
        keccak256(self.encode())
    }

    /// Reads an envelope. The signature is not verified; the key is a valid one and S canonical.
    pub fn decode(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > SESSION_TX_BYTES_MAX {
            return Err(EnvelopeError::TooLong(bytes.len()));
        }
        let Some((&SESSION_TX_TYPE, mut rest)) = bytes.split_first() else {
            return Err(EnvelopeError::Type);
        };
        let mut list = Header::decode_bytes(&mut rest, true)?;
        if !rest.is_empty() {
            return Err(EnvelopeError::Rlp(alloy_rlp::Error::UnexpectedLength));
        }
        let items = &mut list;
        let chain_id = u64::decode(items)?;
        let sender = Address::decode(items)?;
        let nonce = u64::decode(items)?;
        let kind = u8::decode(items)?;
        let token = Address::decode(items)?;
        let recipient = Address::decode(items)?;
        let amount = u128::decode(items)?;
        let call = call(kind, token, recipient, amount)?;
        let gas_limit = u64::decode(items)?;
        let max_fee_per_gas = u64::decode(items)?;
        let expiry = u64::decode(items)?;
        let mut words = [U256::ZERO; 5];
        for word in &mut words {
            *word = U256::decode(items)?;
        }
        if !items.is_empty() {
            return Err(EnvelopeError::Rlp(alloy_rlp::Error::UnexpectedLength));
        }
        let [key_x, key_y, r8_x, r8_y, s] = words;
        let element = |word| fr_checked(word).ok_or(EnvelopeError::Coordinate);
        let key = PublicKey::new(element(key_x)?, element(key_y)?)?;
        let s = BigInt(s.into_limbs());
        if s >= Scalar::MODULUS {
            return Err(EddsaError::ScalarNotCanonical.into());
        }
        let signature = Signature { r8_x: element(r8_x)?, r8_y: element(r8_y)?, s };
        let operation = Operation { sender, nonce, call, gas_limit, max_fee_per_gas, expiry };
        Ok(Self { chain_id, operation, key, signature })
    }
}

fn check(operation: &Call) -> Result<(), EnvelopeError> {
    let (kind, token, recipient, amount) = parts(operation);
    call(kind as u8, token, recipient, amount).map(|_| ())
}

fn parts(call: &Call) -> (Kind, Address, Address, u128) {
    let (token, recipient, amount) = match *call {
        Call::Transfer { recipient, amount } | Call::WithdrawEth { recipient, amount } => {
            (Address::ZERO, recipient, amount)
        }
        Call::TokenTransfer { token, recipient, amount } | Call::WithdrawToken { token, recipient, amount } => {
            (token, recipient, amount)
        }
        Call::SetSession { .. } => (Address::ZERO, Address::ZERO, 0),
    };
    (call.kind(), token, recipient, amount)
}

fn call(kind: u8, token: Address, recipient: Address, amount: u128) -> Result<Call, EnvelopeError> {
    let known = Kind::from_byte(kind).filter(|kind| SignatureKind::Session.may_authorise(*kind));
    let (call, takes_token) = match known {
        Some(Kind::Transfer) => (Call::Transfer { recipient, amount }, false),
        Some(Kind::WithdrawEth) => (Call::WithdrawEth { recipient, amount }, false),
        Some(Kind::TokenTransfer) => (Call::TokenTransfer { token, recipient, amount }, true),
        Some(Kind::WithdrawToken) => (Call::WithdrawToken { token, recipient, amount }, true),
        _ => return Err(EnvelopeError::Kind(kind)),
    };
    if takes_token == token.is_zero() { Err(EnvelopeError::Token) } else { Ok(call) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const GENESIS: B256 = B256::repeat_byte(0x47);
    const CHAIN: u64 = 31338;

    fn operation(call: Call) -> Operation {
        Operation {
            sender: Address::repeat_byte(1),
            nonce: 0,
            call,
            gas_limit: 42_000,
            max_fee_per_gas: 1_000_000_007,
            expiry: u64::MAX,
        }
    }

    fn key() -> SecretKey {
        SecretKey::from_seed(B256::repeat_byte(9))
    }

    fn calls() -> [Call; 4] {
        let (token, recipient) = (Address::repeat_byte(2), Address::repeat_byte(3));
        [
            Call::Transfer { recipient, amount: u128::MAX },
            Call::TokenTransfer { token, recipient, amount: 0 },
            Call::WithdrawEth { recipient, amount: 1 },
            Call::WithdrawToken { token, recipient, amount: 128 },
        ]
    }

    fn signed(call: Call) -> SessionTransaction {
        SessionTransaction::sign(CHAIN, GENESIS, operation(call), &key()).unwrap()
    }

    #[test]
    fn what_is_signed_comes_back_and_verifies() {
        for call in calls() {
            let transaction = signed(call);
            let bytes = transaction.encode();
            assert!(bytes.len() <= SESSION_TX_BYTES_MAX);
            assert_eq!(SessionTransaction::decode(&bytes), Ok(transaction));
            let authority = transaction.verify(CHAIN, GENESIS).unwrap();
            assert_eq!(authority.key_hash, key().public().hash());
            assert_eq!(authority.operation_hash, transaction.operation.hash(domain(CHAIN, GENESIS)));
        }
    }

    #[test]
    fn it_counts_on_one_chain_only() {
        let transaction = signed(calls()[0]);
        assert_eq!(transaction.verify(CHAIN + 1, GENESIS), Err(EnvelopeError::Chain(CHAIN)));
        let mismatch = Err(EnvelopeError::Eddsa(EddsaError::Mismatch));
        assert_eq!(transaction.verify(CHAIN, B256::ZERO), mismatch);
        let moved = SessionTransaction { chain_id: CHAIN + 1, ..transaction };
        assert_eq!(moved.verify(CHAIN + 1, GENESIS), mismatch);
        assert_ne!(domain(CHAIN, GENESIS), domain(CHAIN + 1, GENESIS));
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let transaction = signed(calls()[3]);
        let bytes = transaction.encode();
        for at in 0..bytes.len() {
            for bit in [0x01, 0x80] {
                let mut changed = bytes.clone();
                changed[at] ^= bit;
                let verified = SessionTransaction::decode(&changed).and_then(|other| other.verify(CHAIN, GENESIS));
                assert!(verified.is_err(), "byte {at}");
            }
        }
        for length in 0..bytes.len() {
            assert!(SessionTransaction::decode(&bytes[..length]).is_err());
        }
    }

    #[test]
    fn other_encodings_are_refused() {
        let bytes = signed(calls()[0]).encode();
        let mut trailing = bytes.clone();
        trailing.push(0x80);
        assert!(matches!(SessionTransaction::decode(&trailing), Err(EnvelopeError::Rlp(_))));
        assert_eq!(SessionTransaction::decode(&[]), Err(EnvelopeError::Type));
        assert_eq!(SessionTransaction::decode(&[0x02]), Err(EnvelopeError::Type));
        assert_eq!(SessionTransaction::decode(&vec![SESSION_TX_TYPE; 401]), Err(EnvelopeError::TooLong(401)));
        // The nonce 0 is the empty string; a zero byte is not canonical.
        let nonce_at = bytes.iter().skip(20).position(|byte| *byte == 0x80).unwrap() + 20;
        let mut zero = bytes.clone();
        zero[nonce_at] = 0x00;
        assert!(matches!(SessionTransaction::decode(&zero), Err(EnvelopeError::Rlp(_))));
    }

    #[test]
    fn kinds_and_tokens_are_checked() {
        let set = operation(Call::SetSession { key_hash: Fr::from(1u64) });
        assert_eq!(SessionTransaction::sign(CHAIN, GENESIS, set, &key()), Err(EnvelopeError::Kind(7)));
        for kind in [0, 1, 4, 7, 8, 9, 10, 11, 12, 13, 255] {
            let refused = call(kind, Address::ZERO, Address::ZERO, 0);
            assert_eq!(refused, Err(EnvelopeError::Kind(kind)));
        }
        for kind in [2, 5] {
            assert_eq!(call(kind, Address::repeat_byte(1), Address::ZERO, 0), Err(EnvelopeError::Token));
        }
        for kind in [3, 6] {
            assert_eq!(call(kind, Address::ZERO, Address::ZERO, 0), Err(EnvelopeError::Token));
        }
    }

    #[test]
    fn coordinates_and_scalars_have_one_form() {
        let transaction = signed(calls()[0]);
        let with = |index: usize, add: U256| {
            // Rebuilds the envelope with one of its last five words changed.
            let bytes = transaction.encode();
            let words: [U256; 5] = [
                integer(transaction.key.x()),
                integer(transaction.key.y()),
                integer(transaction.signature.r8_x),
                integer(transaction.signature.r8_y),
                U256::from_limbs(transaction.signature.s.0),
            ];
            let tail: usize = words.iter().map(Encodable::length).sum();
            let mut rest = &bytes[1..];
            let payload = Header::decode_bytes(&mut rest, true).unwrap();
            let mut changed = payload[..payload.len() - tail].to_vec();
            for (i, word) in words.iter().enumerate() {
                let word = if i == index { word + add } else { *word };
                word.encode(&mut changed);
            }
            let mut envelope = vec![SESSION_TX_TYPE];
            Header { list: true, payload_length: changed.len() }.encode(&mut envelope);
            envelope.extend_from_slice(&changed);
            SessionTransaction::decode(&envelope)
        };
        assert!(with(0, U256::ZERO).is_ok());
        for index in 0..4 {
            assert_eq!(with(index, crate::field::MODULUS), Err(EnvelopeError::Coordinate), "word {index}");
        }
        let l = U256::from_limbs(Scalar::MODULUS.0);
        assert_eq!(with(4, l), Err(EnvelopeError::Eddsa(EddsaError::ScalarNotCanonical)));
        assert_eq!(with(0, U256::from(1)), Err(EnvelopeError::Eddsa(EddsaError::KeyNotOnCurve)));
    }
}
