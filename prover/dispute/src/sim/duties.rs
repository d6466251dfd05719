//! What there is to do in a game, by whom, and when.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, keccak256};

use super::{ADVERSARY, Act, HONEST, Manner, Rng, World};
use crate::{
    CommitmentStatus, Ending, HEIGHT, Joining, Match, MatchRef, MatchStatus, Run, Side, Tournament, TournamentStatus,
    Tree, inner_id,
};

/// Something that somebody has to do, or may do. It names the position, so that the same place in another position is another duty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Duty {
    /// The honest party joins the round.
    HonestJoins,
    /// A liar joins the round; and whether it is to meet the honest root, which waits.
    LiarJoins(usize, bool),
    /// The honest party joins inside its match.
    HonestJoinsInner(MatchRef),
    /// Somebody joins inside, with a wrong trace, for side one or two.
    WrongInner(MatchRef, bool, u64),
    /// Whoever's turn it is opens the node at a height.
    Turn(MatchRef, u8),
    /// Somebody proves the contested step.
    Step(MatchRef),
    /// Somebody ends a match whose clock is out.
    Timeout(MatchRef, u8),
    /// Somebody takes over what an inner tournament decided, with who waits and plays there.
    Propagate(MatchRef, [u64; 2]),
    /// Somebody lets the lowest rise, of who waits and plays.
    Bye(B256, [u64; 2]),
    /// Somebody takes the result, with who waits and plays.
    Decide([u64; 2]),
}

/// Any leaf, the edges often.
pub fn any_leaf(rng: &mut Rng) -> u64 {
    let last = (1 << HEIGHT) - 1;
    match rng.within(0, 5) {
        0 => 0,
        1 => 1,
        2 => last,
        3 => rng.within(0, 30),
        _ => rng.within(0, last),
    }
}

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
    fn places(&self, id: B256) -> [u64; 2] {
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

    /// When a duty will be met; never, for some of the adversary's.
    fn time_of(&mut self, duty: &Duty) -> u64 {
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

    /// Whether the honest root waits for an equal in the round.
    fn honest_waits(&self) -> bool {
        let root = self.machine.outer_root();
        let commitment =
            self.dispute.tournament(self.dispute.round_id()).and_then(|round| round.commitments.get(&root));
        commitment.is_some_and(|commitment| commitment.status == CommitmentStatus::Waiting)
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

    fn timeout_time(&self, of: &MatchRef) -> u64 {
        let terms = self.dispute.terms();
        let Some(game) = self.dispute.game(of) else { return u64::MAX };
        let is_sealed = game.status == MatchStatus::Sealed;
        let grace = if is_sealed { terms.sealed_turn_seconds } else { terms.turn_seconds };
        let deadlines = [Side::One, Side::Two].into_iter().filter_map(|side| game.deadline(side, is_sealed, grace));
        deadlines.min().map_or(u64::MAX, |deadline| deadline.max(self.now))
    }

    /// When a tournament can be finished, if it can be as it stands.
    fn finish_time(&self, id: B256) -> u64 {
        match self.dispute.tournament(id) {
            Some(tournament) if tournament.is_decided() => tournament.closes_at.max(self.now) + 12,
            _ => u64::MAX,
        }
    }

    fn is_honest_match(&self, of: &MatchRef) -> bool {
        self.honest_root(of.tournament).is_some_and(|root| of.side(root).is_some())
    }

    /// The call by which a duty is met, if it still can be.
    pub(super) fn act_of(&mut self, duty: &Duty) -> Option<(Address, Act)> {
        match duty {
            Duty::HonestJoins => {
                let machine = self.machine;
                self.join(HONEST, machine.outer(), machine.ending)
            }
            Duty::LiarJoins(liar, _) => {
                let run = self.machine.lie(*liar, self.liars[*liar]);
                self.join(ADVERSARY, &run, self.machine.lies[*liar].1)
            }
            Duty::HonestJoinsInner(of) => {
                let machine = self.machine;
                self.join_inner(HONEST, of, machine.inner(self.stride_of(of)?))
            }
            Duty::WrongInner(of, for_two, sybil) => self.join_wrong_inner(of, *for_two, *sybil),
            Duty::Turn(of, height) => self.turn_act(of, *height),
            Duty::Step(of) => {
                let agreed = self.dispute.game(of)?.node;
                let successor = self.machine.successor(agreed)?;
                let account = if self.is_honest_match(of) { HONEST } else { ADVERSARY };
                Some((account, Act::Step { of: *of, agreed, successor }))
            }
            // Whoever cleans up: the honest party does, since nobody else need.
            Duty::Timeout(of, _) => {
                let is_out = self.timeout_time(of) <= self.now;
                is_out.then_some((HONEST, Act::Timeout { of: *of }))
            }
            Duty::Propagate(of, _) => Some((HONEST, Act::Propagate { of: *of })),
            Duty::Bye(id, _) => {
                let mut tried = self.dispute.clone();
                tried.bye(self.now, *id).ok().map(|()| (HONEST, Act::Bye { id: *id }))
            }
            Duty::Decide(_) => Some((HONEST, Act::Decide)),
        }
    }

    fn join(&mut self, account: Address, run: &Run, ending: Ending) -> Option<(Address, Act)> {
        let id = self.dispute.round_id();
        let joining = self.joining(account, id, run)?;
        Some((account, Act::Join { id, joining, ending }))
    }

    fn join_inner(&mut self, account: Address, of: &MatchRef, run: &Run) -> Option<(Address, Act)> {
        let id = inner_id(of);
        let joining = self.joining(account, id, run)?;
        Some((account, Act::JoinInner { id, joining }))
    }

    /// A wrong trace that backs a side; if that side is the honest one's, a wrong trace for the right state.
    fn join_wrong_inner(&mut self, of: &MatchRef, for_two: bool, sybil: u64) -> Option<(Address, Act)> {
        let game = self.dispute.game(of)?;
        let last = if for_two { game.others.right } else { game.others.left };
        let junk = keccak256([inner_id(of).0.as_slice(), &sybil.to_be_bytes(), &[u8::from(for_two)]].concat());
        let (stride, from) = (game.index, any_leaf(&mut self.rng));
        let run = self.machine.wrong_inner(stride, from, junk, last);
        self.join_inner(ADVERSARY, of, &run)
    }

    /// What joining shows; nothing if the root is there already.
    fn joining(&mut self, joiner: Address, id: B256, run: &Run) -> Option<Joining> {
        let tournament = self.dispute.tournament(id)?;
        if tournament.commitments.contains_key(&run.root()) || self.now >= tournament.closes_at {
            return None;
        }
        self.runs.insert((id, run.root()), run.clone());
        Some(Joining { joiner, children: run.children(HEIGHT, 0), last: run.last(), path: run.last_path() })
    }

    fn turn_act(&mut self, of: &MatchRef, height: u8) -> Option<(Address, Act)> {
        let game = self.dispute.game(of)?;
        let root = of.root(game.turn);
        let run = self.runs.get(&(of.tournament, root))?;
        let opened = run.children(height, game.index);
        let goes_right = opened.left == game.others.left;
        let child = 2 * game.index + u64::from(goes_right);
        let account = if self.honest_root(of.tournament) == Some(root) { HONEST } else { ADVERSARY };
        if height > 1 {
            return Some((account, Act::Advance { of: *of, height, opened, next: run.children(height - 1, child) }));
        }
        let (agreed, path) = match (goes_right, child) {
            (true, _) => (opened.left, Vec::new()),
            (false, 0) => (self.dispute.tournament(of.tournament)?.start, Vec::new()),
            (false, _) => (run.leaf(child - 1), run.path(child - 1, HEIGHT)),
        };
        Some((account, Act::Seal { of: *of, opened, agreed, path }))
    }
}
