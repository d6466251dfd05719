//! The signed transactions that a payload can carry. Blob transactions cannot be represented.

use alloc::vec::Vec;

use alloy_consensus::{
    EthereumTxEnvelope, Signed, TxEip1559, TxEip2930, TxEip7702, TxEnvelope, TxLegacy, transaction::RlpEcdsaEncodableTx,
};
use alloy_eips::eip2718::{Decodable2718, Eip2718Error};
use alloy_primitives::{B256, Signature};

/// A signed transaction of one of the four types that the chain takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedTransaction {
    /// With or without a chain id (EIP-155).
    Legacy(Signed<TxLegacy>),
    /// A transaction with an access list (EIP-2930).
    Eip2930(Signed<TxEip2930>),
    /// With a fee cap and a tip.
    Eip1559(Signed<TxEip1559>),
    /// A transaction with authorisations that set code (EIP-7702).
    Eip7702(Signed<TxEip7702>),
}

/// A blob transaction, which no batch can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("blob transactions are not taken")]
pub struct BlobTransaction;

impl SignedTransaction {
    /// Reads the EIP-2718 bytes of one transaction, all of `bytes`.
    pub fn decode_2718(bytes: &[u8]) -> Result<Self, Eip2718Error> {
        let mut rest = bytes;
        let envelope = TxEnvelope::decode_2718(&mut rest)?;
        if !rest.is_empty() {
            return Err(alloy_rlp::Error::UnexpectedLength.into());
        }
        Self::try_from(envelope).map_err(|BlobTransaction| Eip2718Error::UnexpectedType(3))
    }

    /// The EIP-2718 bytes: what its sender broadcast and what its hash is of.
    pub fn encode_2718(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Legacy(signed) => signed.tx().eip2718_encode(signed.signature(), &mut out),
            Self::Eip2930(signed) => signed.tx().eip2718_encode(signed.signature(), &mut out),
            Self::Eip1559(signed) => signed.tx().eip2718_encode(signed.signature(), &mut out),
            Self::Eip7702(signed) => signed.tx().eip2718_encode(signed.signature(), &mut out),
        }
        out
    }

    /// The transaction hash: keccak of the EIP-2718 bytes.
    pub fn hash(&self) -> &B256 {
        match self {
            Self::Legacy(signed) => signed.hash(),
            Self::Eip2930(signed) => signed.hash(),
            Self::Eip1559(signed) => signed.hash(),
            Self::Eip7702(signed) => signed.hash(),
        }
    }

    /// The signature as it is carried, not checked.
    pub fn signature(&self) -> &Signature {
        match self {
            Self::Legacy(signed) => signed.signature(),
            Self::Eip2930(signed) => signed.signature(),
            Self::Eip1559(signed) => signed.signature(),
            Self::Eip7702(signed) => signed.signature(),
        }
    }
}

impl<Blob> TryFrom<EthereumTxEnvelope<Blob>> for SignedTransaction {
    type Error = BlobTransaction;

    fn try_from(envelope: EthereumTxEnvelope<Blob>) -> Result<Self, BlobTransaction> {
        match envelope {
            EthereumTxEnvelope::Legacy(signed) => Ok(Self::Legacy(signed)),
            EthereumTxEnvelope::Eip2930(signed) => Ok(Self::Eip2930(signed)),
            EthereumTxEnvelope::Eip1559(signed) => Ok(Self::Eip1559(signed)),
            EthereumTxEnvelope::Eip7702(signed) => Ok(Self::Eip7702(signed)),
            EthereumTxEnvelope::Eip4844(_) => Err(BlobTransaction),
        }
    }
}

impl<Blob> From<SignedTransaction> for EthereumTxEnvelope<Blob> {
    fn from(transaction: SignedTransaction) -> Self {
        match transaction {
            SignedTransaction::Legacy(signed) => Self::Legacy(signed),
            SignedTransaction::Eip2930(signed) => Self::Eip2930(signed),
            SignedTransaction::Eip1559(signed) => Self::Eip1559(signed),
            SignedTransaction::Eip7702(signed) => Self::Eip7702(signed),
        }
    }
}
