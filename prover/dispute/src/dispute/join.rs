//! Who takes part, and from when with how much time: DISP-JOIN-*, DISP-CLOCK-3.
//!
//! Twin: `join`, `joinInner` of `contracts/src/dispute/Dispute.sol`.

use alloy_primitives::B256;

use super::Dispute;
use crate::{
    Commitment, CommitmentStatus, DisputeError, Ending, HEIGHT, Joining, Match, Side, Tournament, clock, tree::ancestor,
};

impl Dispute {
    /// Joins the round's tournament; `ending` is what the last state says, whose hash is the last leaf.
    pub fn join(&mut self, now: u64, id: B256, joining: &Joining, ending: Ending) -> Result<B256, DisputeError> {
        self.joinable(id, 0)?;
        check_last(joining)?;
        self.enter_new(now, id, joining, self.terms.allowance_seconds, ending)
    }

    /// Joins a tournament inside a match, for the side whose contested state is the last leaf.
    pub fn join_inner(&mut self, now: u64, id: B256, joining: &Joining) -> Result<B256, DisputeError> {
        let tournament = self.joinable(id, 1)?;
        let outer = self.outer(tournament)?;
        let (side, ending) = if joining.last == outer.others.right {
            (Side::Two, Ending::BacksTwo)
        } else if joining.last == outer.others.left {
            (Side::One, Ending::BacksOne)
        } else {
            return Err(DisputeError::WrongEnding { last: joining.last });
        };
        let inherited = outer.allowance(side);
        check_last(joining)?;
        self.enter_new(now, id, joining, inherited, ending)
    }

    fn joinable(&self, id: B256, level: u8) -> Result<&Tournament, DisputeError> {
        let tournament = self.opened(id)?;
        if tournament.level() != level {
            return Err(DisputeError::WrongLevel { tournament: id, level: tournament.level() });
        }
        Ok(tournament)
    }

    /// The match around an inner tournament, if its own tournament is open.
    fn outer(&self, tournament: &Tournament) -> Result<&Match, DisputeError> {
        let outer = self.opened(tournament.parent)?;
        tournament.of.and_then(|of| outer.matches.get(&of)).ok_or(DisputeError::NotSealed)
    }

    fn enter_new(
        &mut self,
        now: u64,
        id: B256,
        joining: &Joining,
        inherited: u32,
        ending: Ending,
    ) -> Result<B256, DisputeError> {
        let root = joining.children.node();
        let tournament = self.opened_mut(id)?;
        if tournament.commitments.contains_key(&root) {
            return Err(DisputeError::AlreadyJoined { tournament: id, root });
        }
        let level = tournament.level();
        let allowance = clock::charge(now, inherited, tournament.starts_at, 0)?;
        let (children, joiner) = (joining.children, joining.joiner);
        let status = CommitmentStatus::Waiting;
        tournament.commitments.insert(root, Commitment { children, joiner, allowance, rank: 0, status, ending });
        tournament.enter(now, id, root);
        self.balance_gwei += self.terms.bond_gwei(level);
        Ok(root)
    }
}

/// DISP-JOIN-1: the last leaf is the one that the root commits to.
fn check_last(joining: &Joining) -> Result<(), DisputeError> {
    let actual = ancestor(joining.last, u64::MAX, &joining.path, HEIGHT - 1)?;
    let expected = joining.children.right;
    if actual == expected { Ok(()) } else { Err(DisputeError::WrongPath { expected, actual }) }
}
