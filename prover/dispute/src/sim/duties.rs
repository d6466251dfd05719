//! Which duties there are in a position, whoever's they are.

use std::collections::BTreeMap;

use alloy_primitives::B256;

use super::{
    duty::Duty,
    world::{HONEST, Manner, World},
};
use crate::{
    Act, Match, MatchRef, MatchStatus, Tournament, TournamentStatus, inner_id,
    strategy::{self, Position},
};

impl World<'_> {
    /// What the strategy finds to do for the honest party, and the duty that each call meets.
    pub(super) fn honest_plan(&self) -> Vec<(Duty, strategy::Duty)> {
        let plan = strategy::plan(&Position::of(&self.dispute, !self.is_dead), &self.machine, HONEST);
        assert!(plan.needs.is_empty(), "the machine is at hand");
        plan.duties.into_iter().filter_map(|planned| Some((self.duty_of(&planned.act)?, planned))).collect()
    }

    fn duty_of(&self, act: &Act) -> Option<Duty> {
        Some(match act {
            Act::Join { .. } => Duty::HonestJoins,
            Act::JoinInner { id, .. } => Duty::HonestJoinsInner(self.dispute.tournament(*id)?.of?),
            Act::Advance { of, height, .. } => Duty::Turn(*of, *height),
            Act::Seal { of, .. } => Duty::Turn(*of, 1),
            Act::Step { of, .. } => Duty::Step(*of),
            Act::Timeout { of } => Duty::Timeout(*of, self.dispute.game(of)?.height),
            Act::Propagate { of } => Duty::Propagate(*of, self.places(inner_id(of))),
            Act::Bye { id } => Duty::Bye(*id, self.places(*id)),
            Act::Decide => Duty::Decide(self.places(self.dispute.round_id())),
            Act::Kill { id, .. } => Duty::Kill(*id),
            Act::ReclaimWaiting { id, rank } => Duty::ReclaimWaiting(*id, *rank),
            Act::ReclaimMatch { of } => Duty::ReclaimMatch(*of),
            Act::Withdraw { .. } => return None,
        })
    }

    /// Gives every new duty a time, and forgets those that have gone.
    pub(super) fn update_schedule(&mut self) {
        let mut schedule = BTreeMap::new();
        for duty in self.duties() {
            let at = match self.schedule.get(&duty) {
                Some(at) => *at,
                None => self.time_of(&duty),
            };
            schedule.insert(duty, at);
        }
        self.schedule = schedule;
    }

    /// The adversary's, and the honest party's, which are what the strategy says.
    fn duties(&self) -> Vec<Duty> {
        let round = self.dispute.round_id();
        let mut duties: Vec<Duty> = self.honest_plan().into_iter().map(|(duty, _)| duty).collect();
        if self.is_dead {
            self.last_duties(&mut duties);
            return duties;
        }
        if self.setup.dies_after_seconds.is_some() {
            duties.push(Duty::Dies);
        }
        for (id, tournament) in self.dispute.tournaments() {
            if tournament.status != TournamentStatus::Open {
                continue;
            }
            if *id == round {
                if self.setup.theft.is_some() {
                    duties.push(Duty::Theft(None));
                }
                let meets = self.setup.manner == Manner::Meeting && self.honest_waits();
                duties.extend((0..self.liars.len()).map(|liar| Duty::LiarJoins(liar, meets)));
            }
            let honest_root = self.honest_root(*id);
            for (of, game) in &tournament.matches {
                self.match_duties(tournament, of, game, honest_root, &mut duties);
            }
        }
        duties
    }

    /// What adversaries do once the slot is dead: they play on where nobody has stopped it, stop what the honest party has no part in, and
    /// have their own bonds go back.
    fn last_duties(&self, duties: &mut Vec<Duty>) {
        for (id, tournament) in self.dispute.tournaments() {
            match tournament.status {
                TournamentStatus::Open => {
                    let parent = self.dispute.tournament(tournament.parent);
                    let is_next = parent.is_none_or(|parent| parent.status == TournamentStatus::Dead);
                    if is_next && !self.is_honest_inside(*id) {
                        duties.push(Duty::Kill(*id));
                    }
                    let honest_root = self.honest_root(*id);
                    for (of, game) in &tournament.matches {
                        let is_theirs = honest_root != Some(of.root(game.turn));
                        if game.status == MatchStatus::Descending && is_theirs && game.height > 1 {
                            duties.push(Duty::Turn(*of, game.height));
                        }
                    }
                }
                TournamentStatus::Dead => {
                    let is_theirs = |root: B256| tournament.commitments[&root].joiner != HONEST;
                    let waiting = tournament.ranks.iter().filter(|(_, rank)| rank.waiting.is_some_and(is_theirs));
                    duties.extend(waiting.map(|(rank, _)| Duty::ReclaimWaiting(*id, *rank)));
                    let played = tournament.matches.keys().filter(|of| is_theirs(of.one) && is_theirs(of.two));
                    duties.extend(played.map(|of| Duty::ReclaimMatch(*of)));
                }
                TournamentStatus::Over => {}
            }
        }
    }

    /// Whether the honest party has joined a tournament or one inside it.
    fn is_honest_inside(&self, id: B256) -> bool {
        let mut inside =
            self.dispute.tournaments().filter(|(known, tournament)| **known == id || tournament.parent == id);
        inside.any(|(_, tournament)| tournament.commitments.values().any(|joined| joined.joiner == HONEST))
    }

    /// Who waits and who plays in a tournament, by rank, as bits.
    pub(super) fn places(&self, id: B256) -> [u64; 2] {
        self.dispute.tournament(id).map_or([0, 0], |found| [found.waiting_ranks(), found.live_ranks()])
    }

    fn match_duties(
        &self,
        tournament: &Tournament,
        of: &MatchRef,
        game: &Match,
        honest_root: Option<B256>,
        duties: &mut Vec<Duty>,
    ) {
        match (game.status, tournament.level()) {
            (MatchStatus::Descending, _) => {
                if honest_root != Some(of.root(game.turn)) {
                    duties.push(Duty::Turn(*of, game.height));
                }
            }
            (MatchStatus::Sealed, 0) => {
                if self.setup.theft.is_some() && of.side(self.machine.outer_root()).is_some() {
                    duties.push(Duty::Theft(Some(*of)));
                }
                for sybil in 0..=self.setup.inner_sybils {
                    duties.push(Duty::WrongInner(*of, sybil % 3 == 2, sybil));
                    // Both sides may be wrong.
                    if sybil == 0 {
                        duties.push(Duty::WrongInner(*of, true, sybil));
                    }
                }
            }
            (MatchStatus::Sealed, _) => {
                if !self.is_honest_match(of) {
                    duties.push(Duty::Step(*of));
                }
            }
        }
    }
}
