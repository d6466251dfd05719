//! A game under way, and what everybody sees of it.

use std::collections::{BTreeMap, VecDeque};

use alloy_primitives::{Address, B256};

use super::{duty::Duty, machine::Machine, rng::Rng};
use crate::{Act, CommitmentStatus, Dispute, DisputeError, HEIGHT, MatchRef, Run, Terms, Tournament, TournamentStatus};

/// The account of the honest party.
pub const HONEST: Address = Address::repeat_byte(0xaa);
/// That of all adversaries.
pub const ADVERSARY: Address = Address::repeat_byte(0xbb);
/// L1 gives up blocks no older than this.
pub(super) const REORG_SECONDS: u64 = 600;
/// An act that was given up and sent again is late by so much at most: L1's fault, like censorship.
pub(super) const REORG_DELAY_SECONDS: u64 = 1_200;
/// What the honest party keeps of its clock, whatever censorship within the bound does.
pub(super) const MARGIN_SECONDS: u64 = 43_200;

/// How adversaries use their clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Each as it likes: in time, at the last second, or never.
    Mixed,
    /// Every act in its last second: the longest dispute.
    Draining,
    /// A fresh opponent joins whenever the honest root waits; otherwise as mixed.
    Meeting,
    /// Everybody joins at once with full clocks, and runs each of them down to its last second; inside, most back the side with more time,
    /// by wrong runs.
    Slowest,
    /// Every act in its last second, joining too.
    LastSecond,
    /// Every act in its first second or in its last.
    Extreme,
}

/// An occasion on which the honest party acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// It joins the round.
    Joining,
    /// It joins inside its match.
    JoiningInside,
    /// It moves in a match of the round.
    Turn,
    /// It moves in a match inside.
    TurnInside,
    /// It proves the contested step.
    Proof,
    /// It stops a dispute that is about nothing.
    Killing,
}

/// When the adversary joins the honest party's own roots, at both levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theft {
    /// In the first second.
    First,
    /// In the last, if that is not too late.
    Last,
}

/// What one simulated game is like.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Decides everything that is left open.
    pub seed: u64,
    /// Wrong commitments of level 0.
    pub opponents: u64,
    /// Wrong commitments in each inner tournament, besides one for every wrong side.
    pub inner_sybils: u64,
    /// How the adversary plays.
    pub manner: Manner,
    /// What the honest party's acts are delayed by in all.
    pub censorship_seconds: u64,
    /// On which occasion that is spent at once; on any, in parts, if none is named.
    pub silence: Option<Occasion>,
    /// Whether the adversary joins the honest roots.
    pub theft: Option<Theft>,
    /// When the slot's parent turns out to be wrong, in seconds after the contest.
    pub dies_after_seconds: Option<u64>,
    /// Whether L1 reorganises now and then.
    pub reorganises: bool,
    /// Refunds are paid at this price.
    pub gas_price_gwei: u64,
}

/// How a game went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// From the contest to the verdict.
    pub seconds: u64,
    /// The longest that it could have taken (`docs/spec/dispute.md`, Duration).
    pub seconds_bound: u64,
    /// How many calls were made.
    pub acts: u64,
    /// Matches of the honest party's roots, at both levels.
    pub honest_matches: u64,
    /// Most that it had locked.
    pub honest_locked_gwei: u64,
    /// What its calls cost.
    pub honest_gas: u64,
    /// Of that, what was refunded.
    pub refunded_gas: u64,
    /// Rivals in the largest inner tournament.
    pub inner_opponents: u64,
    /// Blocks given up, in times.
    pub reorganisations: u64,
    /// The least that an honest clock had when it waited, in seconds.
    pub honest_left_seconds_min: u64,
}

/// Told of every call that was made: when, by whom, how it ended, and what holds after it.
pub type Recorder<'a> = dyn FnMut(u64, &Act, Address, Result<(), DisputeError>, &Dispute) + 'a;

/// A game under way.
pub(super) struct World<'a> {
    pub(super) machine: &'a Machine,
    pub(super) setup: Setup,
    pub(super) rng: Rng,
    pub(super) now: u64,
    pub(super) contested_at: u64,
    /// Whether the slot is about nothing any more.
    pub(super) is_dead: bool,
    pub(super) dispute: Dispute,
    /// What is known of who joined: by tournament and root.
    pub(super) runs: BTreeMap<(B256, B256), Run>,
    /// When each duty will be met.
    pub(super) schedule: BTreeMap<Duty, u64>,
    /// By liar: the leaf from which it lies.
    pub(super) liars: Vec<u64>,
    pub(super) censorship_left: u64,
    pub(super) history: VecDeque<(u64, Dispute)>,
    pub(super) last_reorg: u64,
    pub(super) report: Report,
}

/// Any leaf, the edges often.
pub(super) fn any_leaf(rng: &mut Rng) -> u64 {
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
    /// A game that begins.
    pub(super) fn new(machine: &Machine, setup: Setup, contested_at: u64) -> World<'_> {
        let mut rng = Rng::new(setup.seed);
        let liars = (0..setup.opponents).map(|_| any_leaf(&mut rng)).collect();
        let dispute = Dispute::open(Terms::MAINNET, B256::repeat_byte(0x51), machine.start(), contested_at);
        World {
            machine,
            setup,
            rng,
            now: contested_at,
            contested_at,
            is_dead: false,
            dispute,
            runs: BTreeMap::new(),
            schedule: BTreeMap::new(),
            liars,
            censorship_left: setup.censorship_seconds,
            history: VecDeque::new(),
            last_reorg: contested_at,
            report: Report { honest_left_seconds_min: u64::MAX, ..Report::default() },
        }
    }

    /// Whether there is a verdict, or all that was about nothing has been given back.
    pub(super) fn is_over(&self) -> bool {
        let is_settled = |tournament: &Tournament| {
            let is_empty = tournament.waiting_ranks() == 0 && tournament.matches.is_empty();
            tournament.status == TournamentStatus::Over || (tournament.status == TournamentStatus::Dead && is_empty)
        };
        self.dispute.verdict().is_some()
            || (self.is_dead && self.dispute.tournaments().all(|(_, tournament)| is_settled(tournament)))
    }

    /// The honest party's root in a tournament, if it has one there.
    pub(super) fn honest_root(&self, id: B256) -> Option<B256> {
        let tournament = self.dispute.tournament(id)?;
        match &tournament.of {
            None => Some(self.machine.outer_root()),
            Some(of) => {
                of.side(self.machine.outer_root())?;
                Some(self.machine.inner_root(self.stride_of(of)?))
            }
        }
    }

    /// The stride that a sealed match of level 0 is about.
    pub(super) fn stride_of(&self, of: &MatchRef) -> Option<u64> {
        self.dispute.game(of).map(|game| game.index)
    }

    /// Whether the honest root waits for an equal in the round.
    pub(super) fn honest_waits(&self) -> bool {
        let root = self.machine.outer_root();
        let commitment =
            self.dispute.tournament(self.dispute.round_id()).and_then(|round| round.commitments.get(&root));
        commitment.is_some_and(|commitment| commitment.status == CommitmentStatus::Waiting)
    }

    /// Whether a match is inside another.
    pub(super) fn is_inner(&self, of: &MatchRef) -> bool {
        self.dispute.tournament(of.tournament).is_some_and(|tournament| tournament.level() == 1)
    }

    pub(super) fn is_honest_match(&self, of: &MatchRef) -> bool {
        self.honest_root(of.tournament).is_some_and(|root| of.side(root).is_some())
    }
}
