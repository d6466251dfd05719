//! What an honest party does: a pure function from the position on L1 and what it can show to calls, with the times between which each is due.
//!
//! The service and the simulation play by this one function. It has no memory, so a restart or a reorganisation changes nothing but the position. A
//! commitment has no owner: it plays for the right root, whoever joined for it, in every match; it joins inside its own matches alone; and it cleans
//! up everywhere, since nobody else need.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};

use crate::{
    Act, CommitmentStatus, Dispute, Ending, Joining, Match, MatchRef, MatchStatus, Side, Terms, Tournament,
    TournamentStatus, Tree, clock, inner_id,
};

/// The dispute of a slot as L1 has it at one block.
#[derive(Clone, Copy, Debug)]
pub struct Position<'a> {
    /// Constants of the contract.
    pub terms: &'a Terms,
    /// Id of the round's tournament.
    pub round: B256,
    /// Whether there is a verdict.
    pub is_judged: bool,
    /// Whether the slot is still about something.
    pub is_playable: bool,
    /// Tournaments by id: the round's, those inside its matches, and what is dead and holds bonds.
    pub tournaments: &'a BTreeMap<B256, Tournament>,
}

impl<'a> Position<'a> {
    /// That of the model; `is_playable` is what the settlement says of the slot.
    pub fn of(dispute: &'a Dispute, is_playable: bool) -> Self {
        Self {
            terms: dispute.terms(),
            round: dispute.round_id(),
            is_judged: dispute.verdict().is_some(),
            is_playable,
            tournaments: dispute.all_tournaments(),
        }
    }
}

/// A commitment whose tree is at hand.
#[derive(Clone, Debug)]
pub struct Shown<T> {
    /// Root of the tree: what joins.
    pub root: B256,
    /// Every node that a call may have to show.
    pub tree: T,
}

/// What a party can show of the run that it holds to be right. Nothing where it is not computed yet.
pub trait Knowledge {
    /// Trees of commitments.
    type Tree: Tree;
    /// The commitment of level 0, and what it ends in.
    fn outer(&self) -> Option<(Shown<Self::Tree>, Ending)>;
    /// The commitment of level 1 within a stride.
    fn inner(&self, stride: u64) -> Option<Shown<Self::Tree>>;
    /// The state after a step within a stride, if its witness is at hand.
    fn successor(&self, stride: u64, step: u64) -> Option<B256>;
}

/// A call, and when it is due. Seconds of the block's timestamp.
#[derive(Clone, Debug)]
pub struct Duty {
    /// The call of the dispute contract.
    pub act: Act,
    /// The contract refuses the call before this time, in seconds.
    pub from: u64,
    /// Costs nothing of the clock before.
    pub free_until: u64,
    /// Too late from then on.
    pub lost_at: u64,
}

/// What must be computed before it can be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// The commitment of level 0.
    Outer,
    /// That of level 1 within a stride.
    Inner {
        /// Index of the contested leaf of level 0.
        stride: u64,
    },
    /// The witness of a step.
    Step {
        /// Index of the contested leaf of level 0.
        stride: u64,
        /// The step within it.
        step: u64,
    },
}

/// All that there is to do in a position.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Earliest deadline first.
    pub duties: Vec<Duty>,
    /// What must be computed, by when, earliest first.
    pub needs: Vec<(u64, Need)>,
}

/// What an honest party has to do in a position, for an account that joins.
pub fn plan<K: Knowledge>(position: &Position<'_>, known: &K, account: Address) -> Plan {
    let mut planner = Planner { position, known, account, plan: Plan::default() };
    if position.is_playable && !position.is_judged {
        planner.play();
    }
    for (id, tournament) in position.tournaments {
        planner.bury(*id, tournament);
    }
    let Plan { mut duties, mut needs } = planner.plan;
    duties.sort_by_key(|duty| (duty.free_until, duty.lost_at, duty.from));
    needs.sort_unstable();
    needs.dedup_by_key(|(_, need)| *need);
    Plan { duties, needs }
}

struct Planner<'a, K> {
    position: &'a Position<'a>,
    known: &'a K,
    account: Address,
    plan: Plan,
}

impl<K: Knowledge> Planner<'_, K> {
    fn play(&mut self) {
        let position = self.position;
        let Some(round) = position.tournaments.get(&position.round) else { return };
        let outer = self.known.outer();
        if outer.is_none() {
            self.plan.needs.push((round.starts_at, Need::Outer));
        }
        if let Some((shown, ending)) = &outer
            && !round.commitments.contains_key(&shown.root)
        {
            let joining = Joining::with(self.account, &shown.tree);
            let act = Act::Join { id: position.round, joining, ending: *ending };
            let lost_at = round.starts_at + u64::from(position.terms.allowance_seconds);
            self.plan.duties.push(Duty { act, from: 0, free_until: round.starts_at, lost_at });
        }
        let outer = outer.map(|(shown, _)| shown);
        self.tournament(position.round, round, outer.as_ref());
        for (of, game) in &round.matches {
            if game.status == MatchStatus::Sealed {
                self.sealed(of, game, outer.as_ref().and_then(|shown| of.side(shown.root)));
            }
        }
        if round.is_decided() && round.status == TournamentStatus::Open {
            self.clean(Act::Decide, round.closes_at);
        }
    }

    /// A match of level 0 whose stride is known; `own` is the side of the right root.
    fn sealed(&mut self, of: &MatchRef, game: &Match, own: Option<Side>) {
        let id = inner_id(of);
        let Some(inner) = self.position.tournaments.get(&id).filter(|inner| inner.status == TournamentStatus::Open)
        else {
            return;
        };
        let shown = own.and_then(|_| self.known.inner(game.index));
        if own.is_some() && shown.is_none() {
            self.plan.needs.push((inner.starts_at, Need::Inner { stride: game.index }));
        }
        if let (Some(side), Some(shown)) = (own, &shown)
            && !inner.commitments.contains_key(&shown.root)
        {
            let act = Act::JoinInner { id, joining: Joining::with(self.account, &shown.tree) };
            let lost_at = inner.starts_at + u64::from(game.allowance(side));
            self.plan.duties.push(Duty { act, from: 0, free_until: inner.starts_at, lost_at });
        }
        self.tournament(id, inner, shown.as_ref());
        if let Some(shown) = &shown {
            for (of, contested) in &inner.matches {
                if contested.status == MatchStatus::Sealed
                    && let Some(side) = of.side(shown.root)
                {
                    self.step(of, contested, game.index, side);
                }
            }
        }
        if inner.is_decided() {
            self.clean(Act::Propagate { of: *of }, inner.closes_at);
        }
    }

    /// Turns of the right root, and timeouts of all.
    fn tournament(&mut self, id: B256, tournament: &Tournament, own: Option<&Shown<K::Tree>>) {
        if tournament.status != TournamentStatus::Open {
            return;
        }
        let terms = self.position.terms;
        for (of, game) in &tournament.matches {
            let is_descending = game.status == MatchStatus::Descending;
            if let Some(shown) = own.filter(|shown| is_descending && of.root(game.turn) == shown.root) {
                let lost_at = clock::deadline(game.allowance(game.turn), game.since, terms.turn_seconds);
                let act = Act::turn(of, game, tournament.start, &shown.tree);
                let free_until = game.since + u64::from(terms.turn_seconds);
                self.plan.duties.push(Duty { act, from: 0, free_until, lost_at });
            }
            if is_descending || tournament.level() == 1 {
                self.timeout(of, game, own.and_then(|shown| of.side(shown.root)));
            }
        }
        if tournament.has_bye() {
            self.clean(Act::Bye { id }, tournament.closes_at);
        }
    }

    fn timeout(&mut self, of: &MatchRef, game: &Match, own: Option<Side>) {
        let terms = self.position.terms;
        let is_sealed = game.status == MatchStatus::Sealed;
        let grace = if is_sealed { terms.sealed_turn_seconds } else { terms.turn_seconds };
        let deadline = |side| game.deadline(side, is_sealed, grace);
        let from = [Side::One, Side::Two].into_iter().filter_map(deadline).min().unwrap_or(u64::MAX);
        // Sealed, our own clock runs too, and when it is out as well both fall.
        let lost_at = own.filter(|_| is_sealed).and_then(deadline).filter(|own| *own > from).unwrap_or(u64::MAX);
        let free_until = from.saturating_add(terms.turn_seconds.into());
        self.plan.duties.push(Duty { act: Act::Timeout { of: *of }, from, free_until, lost_at });
    }

    fn step(&mut self, of: &MatchRef, game: &Match, stride: u64, own: Side) {
        let grace = self.position.terms.sealed_turn_seconds;
        let free_until = game.since + u64::from(grace);
        match self.known.successor(stride, game.index) {
            None => self.plan.needs.push((free_until, Need::Step { stride, step: game.index })),
            Some(successor) => {
                let lost_at = clock::deadline(game.allowance(own), game.since, grace);
                let act = Act::Step { of: *of, agreed: game.node, successor };
                self.plan.duties.push(Duty { act, from: 0, free_until, lost_at });
            }
        }
    }

    /// What a dead slot leaves: our bonds come back.
    fn bury(&mut self, id: B256, tournament: &Tournament) {
        let is_dead = match &tournament.of {
            None => !self.position.is_playable,
            Some(of) => {
                let outer = self.position.tournaments.get(&of.tournament);
                outer.is_some_and(|outer| outer.status == TournamentStatus::Dead)
            }
        };
        let is_ours =
            |root: &B256| tournament.commitments.get(root).is_some_and(|joined| joined.joiner == self.account);
        let waits = |status| matches!(status, CommitmentStatus::Waiting | CommitmentStatus::Playing);
        let has_ours =
            tournament.commitments.values().any(|joined| joined.joiner == self.account && waits(joined.status));
        match tournament.status {
            // Inner ones die after it.
            TournamentStatus::Open if is_dead && (has_ours || self.holds_ours_inside(id)) => {
                self.clean(Act::Kill { id, is_playable: false }, 0)
            }
            TournamentStatus::Dead => {
                let waiting = tournament.ranks.iter().filter_map(|(rank, place)| Some((*rank, place.waiting?)));
                let waiting: Vec<u8> = waiting.filter(|(_, root)| is_ours(root)).map(|(rank, _)| rank).collect();
                let played = tournament.matches.keys().filter(|of| is_ours(&of.one) || is_ours(&of.two));
                let played: Vec<MatchRef> = played.copied().collect();
                waiting.into_iter().for_each(|rank| self.clean(Act::ReclaimWaiting { id, rank }, 0));
                played.into_iter().for_each(|of| self.clean(Act::ReclaimMatch { of }, 0));
            }
            _ => {}
        }
    }

    fn holds_ours_inside(&self, id: B256) -> bool {
        let inside = self.position.tournaments.values().filter(|inner| inner.of.is_some_and(|of| of.tournament == id));
        inside.flat_map(|inner| inner.commitments.values()).any(|joined| joined.joiner == self.account)
    }

    /// A call that nothing hurries but the end of the dispute.
    fn clean(&mut self, act: Act, from: u64) {
        let free_until = from.saturating_add(self.position.terms.allowance_seconds.into());
        self.plan.duties.push(Duty { act, from, free_until, lost_at: u64::MAX });
    }
}
