//! Calls as data: what is made, recorded, and played again.

use alloy_primitives::{Address, B256};

use crate::{Caller, Children, Dispute, DisputeError, Ending, HEIGHT, Joining, Match, MatchRef, Tree};

/// A call of the dispute contract.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the contract's calls and their arguments, which `Dispute` documents")]
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
    Kill { id: B256, is_playable: bool },
    ReclaimWaiting { id: B256, rank: u8 },
    ReclaimMatch { of: MatchRef },
    Withdraw { account: Address },
}

impl Act {
    /// The move of whose turn it is in a match that descends, for a commitment whose tree is at hand; `start` is the tournament's.
    pub fn turn(of: &MatchRef, game: &Match, start: B256, tree: &impl Tree) -> Self {
        let opened = tree.children(game.height, game.index);
        let goes_right = opened.left == game.others.left;
        let child = 2 * game.index + u64::from(goes_right);
        if game.height > 1 {
            let next = tree.children(game.height - 1, child);
            return Self::Advance { of: *of, height: game.height, opened, next };
        }
        let (agreed, path) = match (goes_right, child) {
            (true, _) => (opened.left, Vec::new()),
            (false, 0) => (start, Vec::new()),
            (false, _) => (tree.node(0, child - 1), tree.path(child - 1, HEIGHT)),
        };
        Self::Seal { of: *of, opened, agreed, path }
    }

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
            Self::Kill { id, is_playable } => dispute.kill(*id, *is_playable),
            Self::ReclaimWaiting { id, rank } => dispute.reclaim_waiting(*id, *rank),
            Self::ReclaimMatch { of } => dispute.reclaim_match(of),
            Self::Withdraw { account } => {
                dispute.withdraw(*account);
                Ok(())
            }
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
            Self::Kill { .. } => (45_000, false),
            Self::ReclaimWaiting { .. } => (65_000, false),
            Self::ReclaimMatch { .. } => (95_000, false),
            Self::Withdraw { .. } => (40_000, false),
        }
    }
}
