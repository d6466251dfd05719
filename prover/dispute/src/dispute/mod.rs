//! One slot's dispute: the contract's calls as methods, each with the time at which it is made.
//!
//! Twins: `contracts/src/dispute/Moves.sol`, `Dispute.sol`. Adversarial: everything that a call brings. A refused call changes nothing.

mod ends;
mod ids;
mod join;
mod moves;

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};

pub use self::ids::{inner_id, round_id};
use crate::{CommitmentStatus, DisputeError, Match, MatchRef, Terms, Tournament, TournamentStatus};

/// What was decided about a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This output is right.
    Output(B256),
    /// The program has no answer.
    Failed,
}

/// Who makes a call, and what the contract refunds him for it: the simulation knows, and measures nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account that is refunded.
    pub account: Address,
    /// At most the cap of the act (DISP-BOND-2).
    pub refund_gwei: u64,
}

/// The dispute of one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispute {
    terms: Terms,
    slot: B256,
    start: B256,
    round: u32,
    verdict: Option<(Verdict, Address)>,
    tournaments: BTreeMap<B256, Tournament>,
    credits_gwei: BTreeMap<Address, u64>,
    balance_gwei: u64,
    burned_gwei: u64,
}

impl Dispute {
    /// Opens the dispute of a slot that became contested at `contested_at`; `start` is the machine's state before the first step.
    pub fn open(terms: Terms, slot: B256, start: B256, contested_at: u64) -> Self {
        let mut opened = Self {
            terms,
            slot,
            start,
            round: 0,
            verdict: None,
            tournaments: BTreeMap::new(),
            credits_gwei: BTreeMap::new(),
            balance_gwei: 0,
            burned_gwei: 0,
        };
        opened.open_round(contested_at);
        opened
    }

    /// The constants of this dispute.
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// How often everybody has fallen.
    pub const fn round(&self) -> u32 {
        self.round
    }

    /// The tournament of the round.
    pub fn round_id(&self) -> B256 {
        round_id(self.slot, self.round)
    }

    /// What was decided, and who joined for it.
    pub const fn verdict(&self) -> Option<(Verdict, Address)> {
        self.verdict
    }

    /// All tournaments that ever were, by id.
    pub(crate) const fn all_tournaments(&self) -> &BTreeMap<B256, Tournament> {
        &self.tournaments
    }

    /// The tournament with this id.
    pub fn tournament(&self, id: B256) -> Option<&Tournament> {
        self.tournaments.get(&id)
    }

    /// All tournaments that ever were.
    pub fn tournaments(&self) -> impl Iterator<Item = (&B256, &Tournament)> {
        self.tournaments.iter()
    }

    /// A match that lives.
    pub fn game(&self, of: &MatchRef) -> Option<&Match> {
        self.tournaments.get(&of.tournament)?.matches.get(of)
    }

    /// What an account may withdraw.
    pub fn credit_of(&self, account: Address) -> u64 {
        self.credits_gwei.get(&account).copied().unwrap_or(0)
    }

    /// What has burned: it stays in the contract and nobody can take it out.
    pub const fn burned_gwei(&self) -> u64 {
        self.burned_gwei
    }

    /// Whether every gwei that came in is a bond, a credit, or burned (invariant 5).
    pub fn is_balanced(&self) -> bool {
        let bonds: u64 = self.tournaments.values().map(|tournament| self.bonds_gwei(tournament)).sum();
        bonds + self.credits_gwei.values().sum::<u64>() + self.burned_gwei == self.balance_gwei
    }

    fn bonds_gwei(&self, tournament: &Tournament) -> u64 {
        let locked = |status| matches!(status, CommitmentStatus::Waiting | CommitmentStatus::Playing);
        let count = tournament.commitments.values().filter(|commitment| locked(commitment.status)).count() as u64;
        let spent: u64 = tournament.matches.values().flat_map(|game| game.spent_gwei).sum();
        count * self.terms.bond_gwei(tournament.level()) - spent
    }

    fn open_round(&mut self, opened_at: u64) {
        let starts_at = opened_at + u64::from(self.terms.compute_seconds[0]);
        let id = round_id(self.slot, self.round);
        self.begin(id, self.slot, None, self.start, starts_at, self.terms.allowance_seconds);
    }

    fn begin(&mut self, id: B256, parent: B256, of: Option<MatchRef>, start: B256, starts_at: u64, largest: u32) {
        let opened = Tournament {
            parent,
            of,
            start,
            starts_at,
            closes_at: starts_at + u64::from(largest),
            status: TournamentStatus::Open,
            ranks: BTreeMap::new(),
            commitments: BTreeMap::new(),
            matches: BTreeMap::new(),
        };
        self.tournaments.insert(id, opened);
    }

    fn credit(&mut self, account: Address, amount_gwei: u64) {
        if amount_gwei != 0 {
            *self.credits_gwei.entry(account).or_default() += amount_gwei;
        }
    }

    fn opened(&self, id: B256) -> Result<&Tournament, DisputeError> {
        let found = self.tournaments.get(&id);
        let status = found.map(|tournament| tournament.status);
        found
            .filter(|tournament| tournament.status == TournamentStatus::Open)
            .ok_or(DisputeError::NotOpen { tournament: id, status })
    }

    fn opened_mut(&mut self, id: B256) -> Result<&mut Tournament, DisputeError> {
        let found = self.tournaments.get_mut(&id);
        let status = found.as_ref().map(|tournament| tournament.status);
        found
            .filter(|tournament| tournament.status == TournamentStatus::Open)
            .ok_or(DisputeError::NotOpen { tournament: id, status })
    }
}
