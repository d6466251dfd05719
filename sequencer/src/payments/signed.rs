//! A transaction as it is offered: decoded, and its signature verified.
//!
//! Adversarial: every byte. What is verified here is the signature alone; whether its key is the account's, the ledger decides when its turn comes (PAY-AUTH).

use alloy::primitives::{Address, B256, Bytes};
use tandem_chain::ChainConfig;
use tandem_payments::{
    eddsa::{EnvelopeError, SESSION_TX_TYPE, SessionTransaction},
    kind::Kind,
    leaf::Key,
    operation::{Call, Operation, SignatureKind, Signer},
};

use super::records::{Origin, Transaction};

/// Why bytes are no transaction of this chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// Signed by an Ethereum key, as wallets do.
    #[error(
        "no circuit verifies Ethereum signatures yet: sign with a session key (transaction type 0x73), which you set on L1 (setSessionKey of the bridge)"
    )]
    Ethereum,
    /// It is none, or its signature is not good.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
}

/// An operation whose signature was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The keccak of the envelope.
    pub hash: B256,
    /// The envelope as it was sent.
    pub envelope: Bytes,
    /// What was signed.
    pub operation: Operation,
    /// The key that signed.
    pub signer: Signer,
}

impl Signed {
    /// Decodes an envelope for a chain and verifies its signature: a millisecond's work.
    pub fn read(chain: &ChainConfig, bytes: &[u8]) -> Result<Self, NotSigned> {
        let transaction = match bytes.first() {
            Some(&SESSION_TX_TYPE) | None => SessionTransaction::decode(bytes)?,
            // Types 1 to 4, and those of type 0, which begin as a list does.
            Some(1..=4 | 0xc0..) => return Err(NotSigned::Ethereum),
            Some(_) => return Err(EnvelopeError::Type.into()),
        };
        transaction.verify(chain.l2_chain_id, chain.hash())?;
        Ok(Self::of(&transaction, bytes))
    }

    /// Decodes an envelope whose signature this node verified when it came.
    pub fn known(bytes: &[u8]) -> Result<Self, NotSigned> {
        Ok(Self::of(&SessionTransaction::decode(bytes)?, bytes))
    }

    fn of(transaction: &SessionTransaction, bytes: &[u8]) -> Self {
        Self {
            hash: transaction.hash(),
            envelope: Bytes::copy_from_slice(bytes),
            operation: transaction.operation,
            signer: Signer { kind: SignatureKind::Session, key_hash: transaction.key.hash() },
        }
    }

    /// Whose operation it is.
    pub fn sender(&self) -> Address {
        self.operation.sender
    }

    /// The nonce that was signed.
    pub fn nonce(&self) -> u64 {
        self.operation.nonce
    }

    /// The wei that it takes from the sender's account at a price, whether it creates a leaf or not.
    pub fn wei(&self, price: u64, creates: bool) -> u128 {
        let kind = self.operation.call.kind();
        let fee = u128::from(kind.gas_after(creates)).saturating_mul(price.into());
        match self.operation.call {
            Call::Transfer { amount, .. } | Call::WithdrawEth { amount, .. } => fee.saturating_add(amount),
            Call::TokenTransfer { .. } | Call::WithdrawToken { .. } | Call::SetSession { .. } => fee,
        }
    }

    /// The leaf that it credits here.
    pub fn credited(&self) -> Option<Key> {
        match self.operation.call {
            Call::Transfer { recipient, .. } => Some(Key::eth(recipient)),
            Call::TokenTransfer { token, recipient, .. } => Some(Key { address: recipient, token }),
            Call::WithdrawEth { .. } | Call::WithdrawToken { .. } | Call::SetSession { .. } => None,
        }
    }

    /// The token that it takes from the sender's account, and how much.
    pub fn token(&self) -> Option<(Address, u128)> {
        match self.operation.call {
            Call::TokenTransfer { token, amount, .. } | Call::WithdrawToken { token, amount, .. } => {
                Some((token, amount))
            }
            Call::Transfer { .. } | Call::WithdrawEth { .. } | Call::SetSession { .. } => None,
        }
    }

    /// As callers see it at a price, before it is known what it does.
    pub fn record(&self, price: u64) -> Transaction {
        let Operation { sender, nonce, call, .. } = self.operation;
        let (token, to, amount) = match call {
            Call::Transfer { recipient, amount } | Call::WithdrawEth { recipient, amount } => {
                (Address::ZERO, recipient, amount)
            }
            Call::TokenTransfer { token, recipient, amount } | Call::WithdrawToken { token, recipient, amount } => {
                (token, recipient, amount)
            }
            Call::SetSession { .. } => (Address::ZERO, Address::ZERO, 0),
        };
        Transaction {
            hash: self.hash,
            origin: Origin::Operation { envelope: self.envelope.clone(), price, nonce },
            kind: call.kind() as u8,
            from: sender,
            to,
            token,
            amount,
            gas: Kind::gas(call.kind()),
            withdrawal: None,
            took_effect: false,
        }
    }
}
