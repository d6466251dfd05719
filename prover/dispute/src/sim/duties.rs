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
        let plan = strategy::plan(&Position::of(&self.dispute, true), &self.machine, HONEST);
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
            Act::Kill { .. } | Act::ReclaimWaiting { .. } | Act::ReclaimMatch { .. } | Act::Withdraw { .. } => {
                return None;
            }
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
        for (id, tournament) in self.dispute.tournaments() {
            if tournament.status != TournamentStatus::Open {
                continue;
            }
            if *id == round {
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
