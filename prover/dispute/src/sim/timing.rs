//! When duties are met: the honest party's within its grace, later only by what censorship takes; an adversary's by its manner.

use alloy_primitives::B256;

use super::{
    duty::Duty,
    world::{Manner, World},
};
use crate::{MatchRef, MatchStatus, Side, Tree, inner_id};

impl World<'_> {
    /// When a duty will be met; never, for some of the adversary's.
    pub(super) fn time_of(&mut self, duty: &Duty) -> u64 {
        let terms = *self.dispute.terms();
        match duty {
            Duty::HonestJoins => {
                let compute = self.rng.within(600, u64::from(terms.compute_seconds[0]) - 1_800);
                self.honest_time(compute)
            }
            Duty::HonestJoinsInner(_) => {
                let compute = self.rng.within(60, u64::from(terms.compute_seconds[1]) - 1_800);
                self.honest_time(compute)
            }
            Duty::LiarJoins(liar, true) if self.is_next(*liar) => self.now + self.rng.within(12, 60),
            Duty::LiarJoins(..) => self.joining_time(self.dispute.round_id()),
            Duty::WrongInner(of, _, _) => self.joining_time(inner_id(of)),
            Duty::Turn(of, _) => self.turn_time(of),
            Duty::Step(of) => {
                if self.is_honest_match(of) {
                    let prompt = self.rng.within(12, 1_800);
                    self.honest_time(prompt)
                } else {
                    self.now + self.rng.within(12, 2 * u64::from(terms.sealed_turn_seconds))
                }
            }
            Duty::Timeout(of, _) => self.timeout_time(of),
            Duty::Propagate(of, _) => self.finish_time(inner_id(of)),
            Duty::Bye(id, _) => self.dispute.tournament(*id).map_or(u64::MAX, |tournament| {
                let is_legal = tournament.waiting_ranks().count_ones() > 1 || tournament.live_ranks() != 0;
                if is_legal { tournament.closes_at.max(self.now) + 12 } else { u64::MAX }
            }),
            Duty::Decide(_) => self.finish_time(self.dispute.round_id()),
        }
    }

    /// The honest party acts after `delay` and whatever censorship takes from its budget now. What it sent before a reorganisation it has
    /// at hand, and sends again.
    fn honest_time(&mut self, delay: u64) -> u64 {
        if self.now <= self.last_reorg + 1 && self.report.reorganisations != 0 {
            return self.now + self.rng.within(12, 300);
        }
        let taken = match self.rng.within(0, 19) {
            0 => self.censorship_left,
            1..=4 => self.rng.within(0, self.censorship_left),
            _ => 0,
        };
        self.censorship_left -= taken;
        self.now + delay + taken
    }

    fn joining_time(&mut self, id: B256) -> u64 {
        let closes_at = self.dispute.tournament(id).map_or(0, |tournament| tournament.closes_at);
        let last = closes_at.saturating_sub(1).max(self.now);
        match (self.setup.manner, self.rng.within(0, 3)) {
            (Manner::Meeting, _) | (Manner::Draining, 0) | (_, 1) => last,
            (_, 2) => self.now + self.rng.within(0, 600),
            _ => self.rng.within(self.now, last),
        }
    }

    /// Whether a liar is the first that has not joined the round.
    fn is_next(&self, liar: usize) -> bool {
        let Some(round) = self.dispute.tournament(self.dispute.round_id()) else { return false };
        let has_joined = |liar: usize| round.commitments.contains_key(&self.machine.lie(liar, self.liars[liar]).root());
        !has_joined(liar) && (0..liar).all(has_joined)
    }

    fn turn_time(&mut self, of: &MatchRef) -> u64 {
        let terms = *self.dispute.terms();
        let Some(game) = self.dispute.game(of) else { return u64::MAX };
        let root = of.root(game.turn);
        let deadline = game.deadline(game.turn, false, terms.turn_seconds).unwrap_or(u64::MAX);
        let since = game.since;
        if self.honest_root(of.tournament) == Some(root) {
            let prompt = self.rng.within(12, 300);
            return self.honest_time(prompt);
        }
        match (self.setup.manner, self.rng.within(0, 39)) {
            (Manner::Draining, 1..) | (_, 0) => (deadline - 1).max(self.now),
            (Manner::Mixed, 1) => u64::MAX,
            _ => self.rng.within(self.now, since.max(self.now) + u64::from(terms.turn_seconds) - 1),
        }
    }

    pub(super) fn timeout_time(&self, of: &MatchRef) -> u64 {
        let terms = self.dispute.terms();
        let Some(game) = self.dispute.game(of) else { return u64::MAX };
        let is_sealed = game.status == MatchStatus::Sealed;
        let grace = if is_sealed { terms.sealed_turn_seconds } else { terms.turn_seconds };
        let deadlines = [Side::One, Side::Two].into_iter().filter_map(|side| game.deadline(side, is_sealed, grace));
        deadlines.min().map_or(u64::MAX, |deadline| deadline.max(self.now))
    }

    /// When a tournament can be finished, if it can be as it stands.
    pub(super) fn finish_time(&self, id: B256) -> u64 {
        match self.dispute.tournament(id) {
            Some(tournament) if tournament.is_decided() => tournament.closes_at.max(self.now) + 12,
            _ => u64::MAX,
        }
    }
}
