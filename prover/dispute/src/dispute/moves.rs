//! The moves of matches, and what they do to bonds: DISP-MATCH-*, DISP-PAIR-3, DISP-BOND-3, DISP-BOND-4.
//!
//! Twin: `contracts/src/dispute/Moves.sol`.

use alloy_primitives::B256;

use super::{Caller, Dispute, inner_id};
use crate::{Children, CommitmentStatus, DisputeError, Ending, Match, MatchRef, MatchStatus, Outcome, Side};

impl Dispute {
    /// Goes one node down towards the first difference.
    pub fn advance(
        &mut self,
        now: u64,
        of: &MatchRef,
        height: u8,
        opened: Children,
        next: Children,
        caller: Caller,
    ) -> Result<(), DisputeError> {
        let (starts_at, grace) = (self.opened(of.tournament)?.starts_at, self.terms.turn_seconds);
        let mut changed = self.live(of)?.clone();
        changed.check_descending(height)?;
        if height < 2 {
            return Err(DisputeError::SealInstead);
        }
        let mover = changed.turn;
        changed.charge(now, mover, grace)?;
        changed.advance(opened, next)?;
        changed.since = now.max(starts_at);
        self.refund(&mut changed, mover, caller);
        self.store(of, changed);
        Ok(())
    }

    /// Opens the lowest node; at level 0 a tournament opens inside, at level 1 both clocks run.
    pub fn seal(
        &mut self,
        now: u64,
        of: &MatchRef,
        opened: Children,
        agreed: B256,
        path: &[B256],
        caller: Caller,
    ) -> Result<(), DisputeError> {
        let tournament = self.opened(of.tournament)?;
        let (starts_at, level, start) = (tournament.starts_at, tournament.level(), tournament.start);
        let mut changed = self.live(of)?.clone();
        changed.check_descending(1)?;
        let mover = changed.turn;
        changed.charge(now, mover, self.terms.turn_seconds)?;
        changed.close(of, opened, agreed, path, start)?;
        changed.since = now.max(starts_at);
        self.refund(&mut changed, mover, caller);
        if level == 0 {
            let largest = changed.allowances[0].max(changed.allowances[1]);
            let starts_at = now + u64::from(self.terms.compute_seconds[1]);
            self.begin(inner_id(of), of.tournament, Some(*of), agreed, starts_at, largest);
        }
        self.store(of, changed);
        Ok(())
    }

    /// Decides a sealed match of level 1; `successor` is what L1 computes for the agreed state.
    pub fn step(&mut self, now: u64, of: &MatchRef, successor: B256, caller: Caller) -> Result<(), DisputeError> {
        let level = self.opened(of.tournament)?.level();
        let mut changed = self.live(of)?.clone();
        if level != 1 {
            return Err(DisputeError::WrongLevel { tournament: of.tournament, level });
        }
        changed.check_sealed()?;
        changed.charge(now, Side::One, self.terms.sealed_turn_seconds)?;
        changed.charge(now, Side::Two, self.terms.sealed_turn_seconds)?;
        let outcome = if successor == changed.others.left {
            Outcome::Wins(Side::One)
        } else if successor == changed.others.right {
            Outcome::Wins(Side::Two)
        } else {
            Outcome::BothFall
        };
        self.end(now, of, &changed, outcome, caller);
        Ok(())
    }

    /// Ends a match in which a clock is out.
    pub fn timeout(&mut self, now: u64, of: &MatchRef, caller: Caller) -> Result<(), DisputeError> {
        let level = self.opened(of.tournament)?.level();
        let mut changed = self.live(of)?.clone();
        let is_sealed = changed.status == MatchStatus::Sealed;
        if is_sealed && level == 0 {
            return Err(DisputeError::InTime);
        }
        let grace = if is_sealed { self.terms.sealed_turn_seconds } else { self.terms.turn_seconds };
        let outcome = changed.timed_out(now, is_sealed, grace).ok_or(DisputeError::InTime)?;
        if let (true, Outcome::Wins(side)) = (is_sealed, outcome) {
            changed.charge(now, side, grace)?;
        }
        self.end(now, of, &changed, outcome, caller);
        Ok(())
    }

    /// Decides a sealed match of level 0 by its inner tournament.
    pub fn propagate(&mut self, now: u64, of: &MatchRef, caller: Caller) -> Result<(), DisputeError> {
        let level = self.opened(of.tournament)?.level();
        let mut changed = self.live(of)?.clone();
        if level != 0 {
            return Err(DisputeError::WrongLevel { tournament: of.tournament, level });
        }
        changed.check_sealed()?;
        let id = inner_id(of);
        let inner = self.opened_mut(id)?;
        let mut outcome = Outcome::BothFall;
        if let Some(root) = inner.finish(now)? {
            let winner = &inner.commitments[&root];
            let side = if winner.ending == Ending::BacksTwo { Side::Two } else { Side::One };
            outcome = Outcome::Wins(side);
            changed.allowances[side as usize] = winner.allowance;
            let joiner = winner.joiner;
            self.credit(joiner, self.terms.bond_gwei(1));
        }
        self.end(now, of, &changed, outcome, caller);
        Ok(())
    }

    /// Lets the lowest that waits rise by a rank, when nobody can come to meet it any more.
    pub fn bye(&mut self, now: u64, id: B256) -> Result<(), DisputeError> {
        let tournament = self.opened_mut(id)?;
        let root = tournament.bye(now)?;
        tournament.enter(now, id, root);
        Ok(())
    }

    /// DISP-BOND-3, DISP-BOND-4: the winner's bond is whole again; what is left of the loser's, beyond the caller's refund, burns.
    fn end(&mut self, now: u64, of: &MatchRef, ended: &Match, outcome: Outcome, caller: Caller) {
        let Some(tournament) = self.tournaments.get_mut(&of.tournament) else { return };
        let bond = self.terms.bond_gwei(tournament.level());
        tournament.depart(of);
        let mut burned = bond - ended.spent_gwei[0] - ended.spent_gwei[1];
        for side in [Side::One, Side::Two] {
            if outcome != Outcome::Wins(side) {
                tournament.set_status(of.root(side), CommitmentStatus::Fallen);
            }
        }
        match outcome {
            Outcome::Wins(side) => {
                let root = of.root(side);
                if let Some(winner) = tournament.commitments.get_mut(&root) {
                    winner.allowance = ended.allowance(side);
                }
                tournament.lift(root);
                tournament.enter(now, of.tournament, root);
            }
            Outcome::BothFall => burned += bond,
        }
        self.burned_gwei += burned - caller.refund_gwei;
        self.credit(caller.account, caller.refund_gwei);
    }

    fn refund(&mut self, game: &mut Match, side: Side, caller: Caller) {
        game.spent_gwei[side as usize] += caller.refund_gwei;
        self.credit(caller.account, caller.refund_gwei);
    }

    fn live(&self, of: &MatchRef) -> Result<&Match, DisputeError> {
        self.game(of).ok_or(DisputeError::NoMatch { tournament: of.tournament, id: of.id() })
    }

    fn store(&mut self, of: &MatchRef, changed: Match) {
        if let Some(tournament) = self.tournaments.get_mut(&of.tournament) {
            tournament.matches.insert(*of, changed);
        }
    }
}
