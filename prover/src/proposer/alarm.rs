//! What an operator must look at: claims on L1 that derivation does not yield.

use std::fmt;

use alloy::primitives::B256;

/// Something that an operator must look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Alarm {
    /// Somebody claimed another output than derivation yields.
    RivalClaim {
        /// The epoch that the claims end.
        epoch: u64,
        /// Id of the slot that both claims are in.
        slot_id: B256,
        /// Id of the claim that is not ours.
        claim_id: B256,
    },
    /// An output that derivation does not yield is final: either this node or the settlement is broken.
    WrongFinalOutput {
        /// The epoch that the claim ends.
        epoch: u64,
        /// The output that L1 holds to be final.
        output: B256,
    },
    /// A slot was decided against derivation.
    DecidedOtherwise {
        /// The epoch that the slot is of.
        epoch: u64,
        /// Id of the slot.
        slot_id: B256,
    },
    /// The fault-proof program had no answer for an epoch.
    Failed {
        /// The epoch that the slot is of.
        epoch: u64,
        /// Id of the slot.
        slot_id: B256,
    },
}

impl fmt::Display for Alarm {
    /// What it is, and what to do.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RivalClaim { epoch, claim_id, .. } => write!(
                out,
                "somebody claims another output of epoch {epoch} than derivation yields (claim {claim_id}); ours rivals it and a dispute \
                 decides: compare this prover with a second one"
            ),
            Self::WrongFinalOutput { epoch, output } => write!(
                out,
                "the output {output} of epoch {epoch} is final and not what derivation yields: do not trust the chain's withdrawals before it \
                 is known whether this prover or the settlement is wrong"
            ),
            Self::DecidedOtherwise { epoch, slot_id } => write!(
                out,
                "epoch {epoch} was decided against what derivation yields (slot {slot_id}): compare this prover with a second one"
            ),
            Self::Failed { epoch, slot_id } => write!(
                out,
                "the fault-proof program has no answer for epoch {epoch} (slot {slot_id}): nothing becomes final until the owner replaces it"
            ),
        }
    }
}
