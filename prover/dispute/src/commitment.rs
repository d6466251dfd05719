//! Who takes part: DISP-JOIN-*.
//!
//! Twin: `contracts/src/dispute/Commitment.sol`.

use alloy_primitives::{Address, B256};

use crate::{Children, CommitmentStatus};

/// What its last state says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Level 0: exited with 0, and the output word.
    Output(B256),
    /// Level 0: exited otherwise.
    Trapped,
    /// Level 0: still running.
    Unhalted,
    /// Level 1: the contested state of the outer match's side one.
    BacksOne,
    /// Level 1: that of side two.
    BacksTwo,
}

/// Somebody's word for a run; its root is its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitment {
    /// The two nodes below the root.
    pub children: Children,
    /// Who gets the bond back if it wins.
    pub joiner: Address,
    /// Seconds left on its clock when it last waited.
    pub allowance: u32,
    /// Matches won and byes.
    pub rank: u8,
    /// Whether it waits, plays, has fallen, or is over.
    pub status: CommitmentStatus,
    /// What it ends in.
    pub ending: Ending,
}
