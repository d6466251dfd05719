//! When duties are met: the honest party's within its grace, later only by what censorship takes; an adversary's by its manner.

use alloy_primitives::B256;

use super::{
    duty::Duty,
    world::{Manner, Occasion, Theft, World},
};
use crate::{MatchRef, MatchStatus, Side, Tree, inner_id};

impl World<'_> {
    /// When a duty will be met; never, for some of the adversary's.
    pub(super) fn time_of(&mut self, duty: &Duty) -> u64 {
        let terms = *self.dispute.terms();
        match duty {
            Duty::HonestJoins => {
                let compute = self.rng.within(600, u64::from(terms.compute_seconds[0]) - 1_800);
                self.honest_time(compute, Occasion::Joining)
            }
            Duty::HonestJoinsInner(_) => {
                let compute = self.rng.within(60, u64::from(terms.compute_seconds[1]) - 1_800);
                self.honest_time(compute, Occasion::JoiningInside)
            }
            Duty::LiarJoins(liar, true) if self.is_next(*liar) => self.now + self.rng.within(12, 60),
            Duty::LiarJoins(..) => self.joining_time(self.dispute.round_id()),
            Duty::WrongInner(of, _, _) => self.joining_time(inner_id(of)),
            Duty::Turn(of, _) => self.turn_time(of),
            Duty::Step(of) => {
                if self.is_honest_match(of) {
                    let prompt = self.rng.within(12, 1_800);
                    self.honest_time(prompt, Occasion::Proof)
                } else if matches!(self.setup.manner, Manner::Slowest | Manner::LastSecond | Manner::Extreme) {
                    self.timeout_time(of).saturating_sub(1).max(self.now)
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
            Duty::Theft(of) => self.theft_time(of.as_ref()),
            Duty::Dies => self.contested_at + self.setup.dies_after_seconds.unwrap_or(u64::MAX >> 1),
            Duty::Kill(_) => {
                let prompt = self.rng.within(12, 300);
                self.honest_time(prompt, Occasion::Killing)
            }
            Duty::ReclaimWaiting(..) | Duty::ReclaimMatch(_) => self.now + self.rng.within(12, 7_200),
        }
    }

    /// The honest party acts after `delay` and whatever censorship takes from its budget now. What it sent before a reorganisation it has
    /// at hand, and sends again.
    fn honest_time(&mut self, delay: u64, occasion: Occasion) -> u64 {
        if self.now <= self.last_reorg + 1 && self.report.reorganisations != 0 {
            return self.now + self.rng.within(12, 300);
        }
        let taken = match self.setup.silence {
            Some(silence) if silence == occasion => self.censorship_left,
            Some(_) => 0,
            None => self.random_silence(),
        };
        self.censorship_left -= taken;
        self.now + delay + taken
    }

    fn random_silence(&mut self) -> u64 {
        match self.rng.within(0, 19) {
            0 => self.censorship_left,
            1..=4 => self.rng.within(0, self.censorship_left),
            _ => 0,
        }
    }

    /// The first second that there is, or the last.
    fn theft_time(&self, of: Option<&MatchRef>) -> u64 {
        let id = of.map_or(self.dispute.round_id(), inner_id);
        match (self.setup.theft, self.dispute.tournament(id)) {
            (Some(Theft::First), _) => self.now,
            (Some(Theft::Last), Some(tournament)) => self.now.max(tournament.closes_at - 1),
            _ => u64::MAX,
        }
    }

    fn joining_time(&mut self, id: B256) -> u64 {
        let closes_at = self.dispute.tournament(id).map_or(0, |tournament| tournament.closes_at);
        let last = closes_at.saturating_sub(1).max(self.now);
        match (self.setup.manner, self.rng.within(0, 3)) {
            (Manner::Slowest, _) | (Manner::Extreme, ..2) => self.now + self.rng.within(1, 60),
            (Manner::Meeting | Manner::LastSecond | Manner::Extreme, _) | (Manner::Draining, 0) | (_, 1) => last,
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
            let occasion = if self.is_inner(of) { Occasion::TurnInside } else { Occasion::Turn };
            let prompt = self.rng.within(12, 300);
            let at = self.honest_time(prompt, occasion);
            // Where others joined its root it has to compute first, which takes until the first clock runs at most.
            return if self.setup.theft.is_some() { at.max(since.saturating_sub(12)) } else { at };
        }
        match (self.setup.manner, self.rng.within(0, 39)) {
            (Manner::Draining, 1..) | (Manner::Slowest | Manner::LastSecond, _) | (_, 0) => {
                (deadline - 1).max(self.now)
            }
            (Manner::Extreme, ..20) => (deadline - 1).max(self.now),
            (Manner::Extreme, _) => self.now + 12,
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
