//! How disputes end: a verdict, another round, or the death of what they are about: DISP-END-*, DISP-DEAD-1, DISP-BOND-5, DISP-BOND-6.
//!
//! Twin: `contracts/src/dispute/Dispute.sol`.

use alloy_primitives::{Address, B256};

use super::{Dispute, Verdict, round_id};
use crate::{CommitmentStatus, DisputeError, Ending, MatchRef, Side, Tournament, TournamentStatus};

impl Dispute {
    /// Takes the result of the round's tournament: a verdict, or the next round.
    pub fn decide(&mut self, now: u64) -> Result<(), DisputeError> {
        if self.verdict.is_some() {
            return Err(DisputeError::Judged);
        }
        let tournament = self.opened_mut(round_id(self.slot, self.round))?;
        let Some(root) = tournament.finish(now)? else {
            self.round += 1;
            self.open_round(now);
            return Ok(());
        };
        let winner = &tournament.commitments[&root];
        let verdict = match winner.ending {
            Ending::Output(output) => Verdict::Output(output),
            _ => Verdict::Failed,
        };
        let joiner = winner.joiner;
        self.verdict = Some((verdict, joiner));
        self.credit(joiner, self.terms.bond_gwei(0));
        Ok(())
    }

    /// Ends a tournament that is about nothing any more; `is_playable` is what the settlement says of the slot.
    pub fn kill(&mut self, id: B256, is_playable: bool) -> Result<(), DisputeError> {
        let tournament = self.opened(id)?;
        let is_alive = match &tournament.of {
            None => is_playable,
            Some(of) => {
                self.tournaments.get(&of.tournament).is_some_and(|outer| outer.status != TournamentStatus::Dead)
            }
        };
        if is_alive {
            return Err(DisputeError::Alive { tournament: id });
        }
        self.opened_mut(id)?.status = TournamentStatus::Dead;
        Ok(())
    }

    /// Returns the bond of who waits at a rank of a dead tournament.
    pub fn reclaim_waiting(&mut self, id: B256, rank: u8) -> Result<(), DisputeError> {
        let tournament = self.dead_mut(id)?;
        let level = tournament.level();
        let root = tournament.ranks.get_mut(&rank).and_then(|place| place.waiting.take());
        let root = root.ok_or(DisputeError::NobodyWaits { rank })?;
        tournament.set_status(root, CommitmentStatus::Returned);
        let joiner = tournament.commitments[&root].joiner;
        self.credit(joiner, self.terms.bond_gwei(level));
        Ok(())
    }

    /// Returns what is left of both bonds of a match in a dead tournament.
    pub fn reclaim_match(&mut self, of: &MatchRef) -> Result<(), DisputeError> {
        let tournament = self.dead_mut(of.tournament)?;
        let level = tournament.level();
        let Some(ended) = tournament.matches.get(of).cloned() else {
            return Err(DisputeError::NoMatch { tournament: of.tournament, id: of.id() });
        };
        tournament.depart(of);
        for side in [Side::One, Side::Two] {
            let tournament = self.dead_mut(of.tournament)?;
            tournament.set_status(of.root(side), CommitmentStatus::Returned);
            let joiner = tournament.commitments[&of.root(side)].joiner;
            self.credit(joiner, self.terms.bond_gwei(level) - ended.spent_gwei[side as usize]);
        }
        Ok(())
    }

    /// Pays out an account's credit; nothing if there is none.
    pub fn withdraw(&mut self, account: Address) -> u64 {
        let amount = self.credits_gwei.remove(&account).unwrap_or(0);
        self.balance_gwei -= amount;
        amount
    }

    fn dead_mut(&mut self, id: B256) -> Result<&mut Tournament, DisputeError> {
        let found = self.tournaments.get_mut(&id).filter(|tournament| tournament.status == TournamentStatus::Dead);
        found.ok_or(DisputeError::NotDead { tournament: id })
    }
}
