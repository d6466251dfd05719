//! A proven batch as the arguments of `ValiditySettlement.append` (PAY-APPEND).
//!
//! Twin: `contracts/src/payments/PaymentsProof.sol`, whose structs these are, and `ValiditySettlement.sol`. What an Apply chunk takes in
//! is not among them: L1 has it from storage or from the chunk before.
#![allow(missing_docs, reason = "fields are the contract's, documented there")]

use super::{proof::Proof, proven::ProvenBatch};
use alloy_primitives::{Bytes, U256};
use tandem_payments::field::{integer, low_address};

alloy_sol_types::sol! {
    /// An Apply chunk: outputs, digests and proof.
    #[derive(Debug, PartialEq, Eq)]
    struct ApplyChunk {
        uint256 circuit;
        uint256 rootOut;
        uint256 countsOut;
        uint256 feeOut;
        uint256 dataDigest;
        uint256 valueDigest;
        uint256[3] evaluationsOut;
        uint256 product;
        uint256[8] proof;
    }

    /// An Authorise chunk: what it publishes, and its proof.
    #[derive(Debug, PartialEq, Eq)]
    struct AuthoriseChunk {
        uint256 circuit;
        uint256 valueDigest;
        uint256 product;
        uint256[8] proof;
    }

    /// What every slot of a batch shares.
    #[derive(Debug, PartialEq, Eq)]
    struct BatchEnv {
        uint64 timestamp;
        address operator;
    }
}

/// The arguments of `append` that the batch gives; where it lands is for the caller to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calldata {
    pub env: BatchEnv,
    /// Effects, withdrawals, messages.
    pub segments: [Bytes; 3],
    pub applied: Vec<ApplyChunk>,
    pub authorised: Vec<AuthoriseChunk>,
}

impl ProvenBatch {
    /// The batch in the contract's types.
    pub fn calldata(&self) -> Calldata {
        let (apply, authorise) = self.proofs.split_at(self.apply.len());
        Calldata {
            env: BatchEnv { timestamp: self.header.env.as_limbs()[0], operator: low_address(self.header.env >> 64) },
            segments: self.segments.each_ref().map(|bytes| Bytes::copy_from_slice(bytes)),
            applied: self
                .apply
                .iter()
                .zip(apply)
                .map(|(turn, proof)| ApplyChunk {
                    circuit: U256::from(turn.circuit.number()),
                    rootOut: integer(turn.root_out),
                    countsOut: integer(turn.counts_out),
                    feeOut: integer(turn.fee_out),
                    dataDigest: integer(turn.data_digest),
                    valueDigest: integer(turn.value_digest),
                    evaluationsOut: [13, 15, 17].map(|input| integer(proof.inputs[input])),
                    product: last(proof),
                    proof: proof.words(),
                })
                .collect(),
            authorised: self
                .authorise
                .iter()
                .zip(authorise)
                .map(|(turn, proof)| AuthoriseChunk {
                    circuit: U256::from(turn.circuit.number()),
                    valueDigest: integer(turn.value_digest),
                    product: last(proof),
                    proof: proof.words(),
                })
                .collect(),
        }
    }
}

/// The product, which is the last public input of every circuit.
fn last(proof: &Proof) -> U256 {
    proof.inputs.last().copied().map_or(U256::ZERO, integer)
}
