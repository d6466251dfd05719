//! A batch with all of its proofs.

use super::{
    proof::Proof,
    transcript::{ApplyTurn, AuthoriseTurn, Header},
};

/// A batch with its proofs, as it is posted.
#[derive(Clone, Debug)]
pub struct ProvenBatch {
    /// What L1 knows by itself.
    pub header: Header,
    /// The posted bytes: effects, withdrawals, messages.
    pub segments: [Vec<u8>; 3],
    /// Apply chunks in order.
    pub apply: Vec<ApplyTurn>,
    /// Authorise chunks, in any order.
    pub authorise: Vec<AuthoriseTurn>,
    /// Proofs, those of Apply first.
    pub proofs: Vec<Proof>,
}
