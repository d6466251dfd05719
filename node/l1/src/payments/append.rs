//! A proven batch on its way to L1: the call that appends it, and what L1 says against one. Rules: PAY-APPEND, L1-BATCH-4, L1-BATCH-9.
//!
//! Twin: `ValiditySettlement.sol`. Where the batch lands, the sender reads from L1 each time anew; what the prover brought goes into the call unchanged. Which batch is next, and what becomes of
//! one that L1 refuses, is the sender's to decide. Adversarial: the prover's arguments, which need not decode; whether the proofs hold is for L1 to say.

use crate::{
    bindings::{
        AppendArgs,
        Inbox::InboxErrors,
        ValiditySettlement::{self, ValiditySettlementErrors},
        payments::{ApplyChunk, AuthoriseChunk, BatchEnv},
    },
    submit::L1Call,
};
use alloy::{
    primitives::{Address, B256, Bytes},
    sol_types::{SolCall, SolInterface, SolValue},
};
use tandem_chain::Checkpoint;

/// What a prover brings, as Solidity encodes it after where the batch lands: time and operator, segments, Apply chunks, Authorise chunks.
pub type ProvenArguments = (BatchEnv, [Bytes; 3], Vec<ApplyChunk>, Vec<AuthoriseChunk>);

/// A proven batch to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenAppend {
    /// Index of the batch.
    pub index: u64,
    /// Content hash of the batch before it; zero for the first.
    pub parent_content_hash: B256,
    /// Messages consumed after it.
    pub queue_end: u64,
    /// The queue's hash there.
    pub queue_hash: B256,
    /// A stored checkpoint of an earlier block than the one that will include the call.
    pub checkpoint: Checkpoint,
    /// What its prover brought: the parameters `env`, `segments`, `applied` and `authorised` of `append`, ABI-encoded.
    pub arguments: Bytes,
}

/// What a prover brought is not the arguments of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the proven call does not decode")]
pub struct BadArguments;

impl ProvenAppend {
    /// The call of the settlement that appends the batch. It declares no work (L1-BATCH-9).
    pub fn to_call(&self, settlement: Address) -> Result<L1Call, BadArguments> {
        let decoded = ProvenArguments::abi_decode_params(&self.arguments).map_err(|_| BadArguments)?;
        let (env, segments, applied, authorised) = decoded;
        let args = AppendArgs {
            index: self.index,
            parentContentHash: self.parent_content_hash,
            queueEnd: self.queue_end,
            queueHash: self.queue_hash,
            workGas: 0,
            checkpoint: self.checkpoint.into(),
        };
        let call = ValiditySettlement::appendCall { args: args.into(), env, segments, applied, authorised };
        Ok(L1Call::new(format!("batch {} with its proofs", self.index), settlement, call.abi_encode()))
    }
}

/// What L1 says when it refuses a batch, by name where it is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The settlement's error.
    #[error("{0:?}")]
    Settlement(ValiditySettlementErrors),
    /// The Inbox's error.
    #[error("{0:?}")]
    Inbox(InboxErrors),
    /// No error that is known.
    #[error("{0}")]
    Unknown(Bytes),
}

impl Refusal {
    /// The refusal that a call reverted with.
    pub fn decode(data: Bytes) -> Self {
        if let Ok(error) = ValiditySettlementErrors::abi_decode(&data) {
            Self::Settlement(error)
        } else if let Ok(error) = InboxErrors::abi_decode(&data) {
            Self::Inbox(error)
        } else {
            Self::Unknown(data)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::{Inbox, payments::AppendArgs as ProvenArgs};
    use alloy::primitives::{TxKind, U256};

    const SETTLEMENT: Address = Address::repeat_byte(2);

    fn append(arguments: Bytes) -> ProvenAppend {
        ProvenAppend {
            index: 3,
            parent_content_hash: B256::repeat_byte(1),
            queue_end: 5,
            queue_hash: B256::repeat_byte(2),
            checkpoint: Checkpoint { number: 9, timestamp: 8, base_fee: U256::from(7), blob_base_fee: U256::from(6) },
            arguments,
        }
    }

    /// Two Apply chunks, an Authorise chunk, and a segment that is empty.
    fn brought() -> ProvenArguments {
        let apply = |circuit: u64| ApplyChunk {
            circuit: U256::from(circuit),
            rootOut: U256::from(11),
            countsOut: U256::from(12),
            feeOut: U256::from(13),
            dataDigest: U256::from(14),
            valueDigest: U256::from(15),
            evaluationsOut: [16, 17, 18].map(U256::from),
            product: U256::from(19),
            proof: [20, 21, 22, 23, 24, 25, 26, 27].map(U256::from),
        };
        let authorise = AuthoriseChunk {
            circuit: U256::from(31),
            valueDigest: U256::from(32),
            product: U256::MAX,
            proof: [33, 34, 35, 36, 37, 38, 39, 40].map(U256::from),
        };
        let segments = [Bytes::from_static(b"effects"), Bytes::new(), vec![4; 62].into()];
        let env = BatchEnv { timestamp: 41, operator: Address::repeat_byte(42) };
        (env, segments, vec![apply(1), apply(2)], vec![authorise])
    }

    /// Tests PAY-APPEND.
    #[test]
    fn what_a_prover_brings_goes_into_the_call_unchanged() {
        let call = append(brought().abi_encode_params().into()).to_call(SETTLEMENT).unwrap();
        assert_eq!((call.to, call.value, call.blobs.len()), (TxKind::Call(SETTLEMENT), U256::ZERO, 0));
        assert_eq!(call.purpose, "batch 3 with its proofs");

        let (selector, parameters) = call.input.split_at(4);
        assert_eq!(selector, ValiditySettlement::appendCall::SELECTOR);
        let args = ProvenArgs::from(AppendArgs {
            index: 3,
            parentContentHash: B256::repeat_byte(1),
            queueEnd: 5,
            queueHash: B256::repeat_byte(2),
            workGas: 0,
            checkpoint: append(Bytes::new()).checkpoint.into(),
        });
        let (env, segments, applied, authorised) = brought();
        assert_eq!(parameters, (args.clone(), env, segments, applied, authorised).abi_encode_params());

        let decoded = ValiditySettlement::appendCall::abi_decode(&call.input).unwrap();
        assert_eq!(decoded.args, args);
        assert_eq!((decoded.env, decoded.segments, decoded.applied, decoded.authorised), brought());
    }

    #[test]
    fn what_is_no_call_is_not_sent() {
        let arguments = Bytes::from(brought().abi_encode_params());
        let short = arguments.slice(..arguments.len() - 32);
        for bad in [Bytes::new(), Bytes::from_static(b"left"), short] {
            assert_eq!(append(bad).to_call(SETTLEMENT), Err(BadArguments));
        }
    }

    #[test]
    fn refusals_have_their_contracts_names() {
        let proofs = ValiditySettlementErrors::Groth16_InvalidProof(ValiditySettlement::Groth16_InvalidProof {});
        let refusal = Refusal::decode(proofs.abi_encode().into());
        assert_eq!(refusal.to_string(), format!("{proofs:?}"));
        assert_eq!(refusal, Refusal::Settlement(proofs));

        let index = InboxErrors::Inbox_WrongIndex(Inbox::Inbox_WrongIndex { expected: 1, actual: 2 });
        let refusal = Refusal::decode(index.abi_encode().into());
        assert_eq!(refusal.to_string(), format!("{index:?}"));
        assert_eq!(refusal, Refusal::Inbox(index));

        for (data, said) in [(Bytes::new(), "0x"), (Bytes::from_static(&[1, 2, 3, 4]), "0x01020304")] {
            let refusal = Refusal::decode(data.clone());
            assert_eq!(refusal.to_string(), said);
            assert_eq!(refusal, Refusal::Unknown(data));
        }
    }

    /// So that it does not matter which contract is asked first.
    #[test]
    fn no_error_is_of_both_contracts() {
        assert!(ValiditySettlementErrors::selectors().all(|selector| !InboxErrors::valid_selector(selector)));
    }
}
