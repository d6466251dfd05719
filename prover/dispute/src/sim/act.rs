//! Calls as data: what is made, recorded, and played again.

use alloy_primitives::B256;

use crate::{Caller, Children, Dispute, DisputeError, Ending, Joining, MatchRef};

/// A call of the dispute contract.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Act {
    Join { id: B256, joining: Joining, ending: Ending },
    JoinInner { id: B256, joining: Joining },
    Advance { of: MatchRef, height: u8, opened: Children, next: Children },
    Seal { of: MatchRef, opened: Children, agreed: B256, path: Vec<B256> },
    Step { of: MatchRef, agreed: B256, successor: B256 },
    Timeout { of: MatchRef },
    Propagate { of: MatchRef },
    Bye { id: B256 },
    Decide,
}

impl Act {
    /// Makes the call on a dispute.
    pub fn apply(&self, dispute: &mut Dispute, now: u64, caller: Caller) -> Result<(), DisputeError> {
        match self {
            Self::Join { id, joining, ending } => dispute.join(now, *id, joining, *ending).map(drop),
            Self::JoinInner { id, joining } => dispute.join_inner(now, *id, joining).map(drop),
            Self::Advance { of, height, opened, next } => dispute.advance(now, of, *height, *opened, *next, caller),
            Self::Seal { of, opened, agreed, path } => dispute.seal(now, of, *opened, *agreed, path, caller),
            Self::Step { of, successor, .. } => dispute.step(now, of, *successor, caller),
            Self::Timeout { of } => dispute.timeout(now, of, caller),
            Self::Propagate { of } => dispute.propagate(now, of, caller),
            Self::Bye { id } => dispute.bye(now, *id),
            Self::Decide => dispute.decide(now),
        }
    }

    /// Roughly what it costs, and whether that is refunded (`contracts/snapshots/dispute.json`).
    pub const fn gas(&self) -> (u64, bool) {
        match self {
            Self::Join { .. } => (300_000, false),
            Self::JoinInner { .. } => (275_000, false),
            Self::Advance { .. } => (55_000, true),
            Self::Seal { .. } => (145_000, true),
            Self::Step { .. } => (170_000, true),
            Self::Timeout { .. } | Self::Propagate { .. } => (200_000, true),
            Self::Bye { .. } => (180_000, false),
            Self::Decide => (96_000, false),
        }
    }
}
