//! Which duties there are in a position, whoever's they are.

use std::collections::BTreeMap;

use alloy_primitives::B256;

use super::{
    duty::Duty,
    world::{Manner, World},
};
use crate::{Match, MatchRef, MatchStatus, Tournament, TournamentStatus, inner_id};

impl World<'_> {
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

    fn duties(&self) -> Vec<Duty> {
        let round = self.dispute.round_id();
        let mut duties = vec![Duty::Decide(self.places(round))];
        for (id, tournament) in self.dispute.tournaments() {
            if tournament.status != TournamentStatus::Open {
                continue;
            }
            if *id == round {
                duties.push(Duty::HonestJoins);
                let meets = self.setup.manner == Manner::Meeting && self.honest_waits();
                duties.extend((0..self.liars.len()).map(|liar| Duty::LiarJoins(liar, meets)));
            }
            if tournament.waiting_ranks() != 0 {
                duties.push(Duty::Bye(*id, self.places(*id)));
            }
            for (of, game) in &tournament.matches {
                self.match_duties(tournament, of, game, &mut duties);
            }
        }
        duties
    }

    /// Who waits and who plays in a tournament, by rank, as bits.
    pub(super) fn places(&self, id: B256) -> [u64; 2] {
        self.dispute.tournament(id).map_or([0, 0], |found| [found.waiting_ranks(), found.live_ranks()])
    }

    fn match_duties(&self, tournament: &Tournament, of: &MatchRef, game: &Match, duties: &mut Vec<Duty>) {
        match (game.status, tournament.level()) {
            (MatchStatus::Descending, _) => {
                duties.push(Duty::Turn(*of, game.height));
                duties.push(Duty::Timeout(*of, game.height));
            }
            (MatchStatus::Sealed, 0) => {
                duties.push(Duty::Propagate(*of, self.places(inner_id(of))));
                if of.side(self.machine.outer_root()).is_some() {
                    duties.push(Duty::HonestJoinsInner(*of));
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
                duties.push(Duty::Step(*of));
                duties.push(Duty::Timeout(*of, 0));
            }
        }
    }
}
